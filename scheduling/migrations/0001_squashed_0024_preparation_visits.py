"""Every table and rule of this app as of 0024_preparation_visits, made in one step on a new database.

A database that went through the single steps keeps them: Django counts this one as done there.
"""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.constraints
import django.db.models.deletion
import staff.fields
import staff.migration_operations
import uuid
from django.conf import settings
from django.db import migrations, models

# What is planned may never overlap; what happened may always be stored. See docs/states.md for the states.
#
# 1. Lanes fit their resource; a blocking appointment has its resource bookings and a released one has none.
# 2. PatientSpan is derived here and nowhere else: planned therapy, planned and actual no-therapy periods.
# 3. A pump start whose planning failed still locks therapy (deferred trigger) and displaces what stands in it.
# 4. Therapy starts only when every earlier started infusion of the patient has a signed window with T0 reached.
BOOKINGS_AND_NO_THERAPY_GUARDS = """
CREATE FUNCTION lane_fits_capacity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.lane > (SELECT capacity FROM scheduling_resource WHERE id = NEW.resource_id) THEN
        RAISE EXCEPTION 'lane beyond the capacity of the resource'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'lane_within_capacity';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER lane_within_capacity BEFORE INSERT OR UPDATE ON scheduling_resourcebooking
    FOR EACH ROW EXECUTE FUNCTION lane_fits_capacity();

CREATE FUNCTION blocking_appointment_status(status text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT status IN ('reserved', 'provisional', 'booked', 'arrived', 'infusing', 'recovering', 'in-progress')
$$;

CREATE FUNCTION check_resource_bookings(p_appointment bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    a record;
    held boolean;
BEGIN
    SELECT id, kind, status, during INTO a FROM scheduling_appointment WHERE id = p_appointment;
    IF NOT FOUND THEN RETURN; END IF;
    IF blocking_appointment_status(a.status) THEN
        SELECT EXISTS (
            SELECT 1 FROM scheduling_resourcebooking b JOIN scheduling_resource r ON r.id = b.resource_id
            WHERE b.appointment_id = a.id AND b.during @> a.during
              AND r.kind = CASE a.kind WHEN 'infusion' THEN 'chair' ELSE r.kind END
        ) INTO held;
        IF NOT held THEN
            RAISE EXCEPTION 'a blocking appointment must occupy its resources'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'blocking_appointment_has_resources';
        END IF;
    ELSIF EXISTS (SELECT 1 FROM scheduling_resourcebooking b WHERE b.appointment_id = a.id) THEN
        RAISE EXCEPTION 'a released appointment must free its resources'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'released_appointment_frees_resources';
    END IF;
END $$;

CREATE FUNCTION appointment_resources_agree() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM check_resource_bookings(NEW.id);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER appointment_resources_agree AFTER INSERT OR UPDATE OF status, during, kind
    ON scheduling_appointment DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION appointment_resources_agree();

CREATE FUNCTION booking_resources_agree() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN PERFORM check_resource_bookings(OLD.appointment_id); END IF;
    IF TG_OP <> 'DELETE' THEN PERFORM check_resource_bookings(NEW.appointment_id); END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER booking_resources_agree AFTER INSERT OR UPDATE OR DELETE
    ON scheduling_resourcebooking DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION booking_resources_agree();

-- Spans. SECURITY DEFINER: the app role may read this table and never write it.
CREATE FUNCTION put_span(p_source text, p_patient bigint, p_kind text, p_during tstzrange) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM scheduling_patientspan WHERE source = p_source;
    IF p_during IS NOT NULL AND NOT isempty(p_during) THEN
        INSERT INTO scheduling_patientspan (patient_id, kind, during, source)
        VALUES (p_patient, p_kind, p_during, p_source);
    END IF;
END $$;
REVOKE ALL ON FUNCTION put_span(text, bigint, text, tstzrange) FROM PUBLIC;

CREATE FUNCTION span_of_appointment() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    span tstzrange;
    flagged boolean := false;
BEGIN
    IF NEW.kind = 'infusion' THEN
        IF NEW.status IN ('reserved', 'provisional', 'booked', 'arrived') THEN
            span := tstzrange(lower(NEW.during), greatest(NEW.predicted_t0, upper(NEW.during)), '[)');
        END IF;
        PERFORM put_span('appointment:' || NEW.id, NEW.patient_id, 'no_therapy', span);
    ELSIF NEW.kind = 'therapy' THEN
        IF NEW.integration_id IS NOT NULL THEN
            SELECT inside_no_therapy_at IS NOT NULL INTO flagged
            FROM treatment_sessions_integrationsession WHERE id = NEW.integration_id;
        END IF;
        IF NOT flagged AND (blocking_appointment_status(NEW.status) OR NEW.status = 'completed') THEN
            span := NEW.during;
        END IF;
        PERFORM put_span('appointment:' || NEW.id, NEW.patient_id, 'therapy', span);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER span_of_appointment AFTER INSERT OR UPDATE ON scheduling_appointment
    FOR EACH ROW EXECUTE FUNCTION span_of_appointment();

CREATE FUNCTION span_of_deleted_appointment() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM scheduling_patientspan WHERE source = 'appointment:' || OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER span_of_deleted_appointment AFTER DELETE ON scheduling_appointment
    FOR EACH ROW EXECUTE FUNCTION span_of_deleted_appointment();

CREATE FUNCTION span_of_flagged_therapy() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM scheduling_patientspan
    WHERE source IN (SELECT 'appointment:' || a.id FROM scheduling_appointment a WHERE a.integration_id = NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER span_of_flagged_therapy AFTER UPDATE OF inside_no_therapy_at ON treatment_sessions_integrationsession
    FOR EACH ROW WHEN (NEW.inside_no_therapy_at IS NOT NULL) EXECUTE FUNCTION span_of_flagged_therapy();

CREATE FUNCTION span_of_window() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.superseded_at IS NULL THEN
        PERFORM put_span('infusion:' || NEW.infusion_id, NEW.patient_id, 'no_therapy',
                         tstzrange(NEW.starts_at, NEW.t0, '[)'));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER span_of_window AFTER INSERT OR UPDATE ON scheduling_plasticitywindow
    FOR EACH ROW EXECUTE FUNCTION span_of_window();

-- The fact of a pump start is kept even when planning failed: then therapy is locked for the predicted time
-- (12 hours when there is no prediction) and whatever planned therapy stands in it is displaced.
CREATE FUNCTION lock_therapy_without_window() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    i record;
    span tstzrange;
BEGIN
    IF NEW.kind <> 'start' OR NEW.withdrawn_at IS NOT NULL OR EXISTS (
        SELECT 1 FROM scheduling_plasticitywindow w
        WHERE w.infusion_id = NEW.infusion_id AND w.superseded_at IS NULL) THEN
        RETURN NULL;
    END IF;
    SELECT f.patient_id, coalesce(a.predicted_t0 - lower(a.during), interval '12 hours') AS lasts INTO i
    FROM treatment_sessions_infusion f LEFT JOIN scheduling_appointment a ON a.infusion_id = f.id
    WHERE f.id = NEW.infusion_id;
    span := tstzrange(NEW.observed_at, NEW.observed_at + i.lasts, '[)');
    DELETE FROM scheduling_resourcebooking b USING scheduling_appointment a
    WHERE b.appointment_id = a.id AND a.patient_id = i.patient_id AND a.kind = 'therapy'
      AND a.status IN ('reserved', 'provisional', 'booked') AND a.during && span;
    UPDATE scheduling_appointment a
    SET status = 'displaced', reason = 'The infusion started; the therapy time is being worked out.',
        version = version + 1
    WHERE a.patient_id = i.patient_id AND a.kind = 'therapy'
      AND a.status IN ('reserved', 'provisional', 'booked') AND a.during && span;
    PERFORM put_span('infusion:' || NEW.infusion_id, i.patient_id, 'no_therapy', span);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER lock_therapy_without_window AFTER INSERT ON treatment_sessions_pumpevent
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lock_therapy_without_window();

CREATE FUNCTION therapy_waits_for_clearance() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1, NEW.patient_id::int);
    IF EXISTS (
        SELECT 1 FROM treatment_sessions_infusion i
        WHERE i.patient_id = NEW.patient_id AND i.started_at IS NOT NULL AND i.started_at <= NEW.started_at
          AND NOT EXISTS (
              SELECT 1 FROM scheduling_plasticitywindow w
              WHERE w.infusion_id = i.id AND w.superseded_at IS NULL AND w.sign_off_id IS NOT NULL
                AND w.status IN ('pending', 'open', 'closed', 'none') AND w.t0 <= NEW.started_at)
    ) THEN
        RAISE EXCEPTION 'therapy may not start before the drug has cleared and a clinician has signed'
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'no_therapy_before_clearance';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER therapy_waits_for_clearance BEFORE INSERT ON treatment_sessions_integrationsession
    FOR EACH ROW EXECUTE FUNCTION therapy_waits_for_clearance();
"""


BOOKINGS_AND_NO_THERAPY_GUARDS_BACKWARD = """
DROP TRIGGER therapy_waits_for_clearance ON treatment_sessions_integrationsession;
DROP FUNCTION therapy_waits_for_clearance();
DROP TRIGGER lock_therapy_without_window ON treatment_sessions_pumpevent;
DROP FUNCTION lock_therapy_without_window();
DROP TRIGGER span_of_window ON scheduling_plasticitywindow;
DROP FUNCTION span_of_window();
DROP TRIGGER span_of_flagged_therapy ON treatment_sessions_integrationsession;
DROP FUNCTION span_of_flagged_therapy();
DROP TRIGGER span_of_deleted_appointment ON scheduling_appointment;
DROP FUNCTION span_of_deleted_appointment();
DROP TRIGGER span_of_appointment ON scheduling_appointment;
DROP FUNCTION span_of_appointment();
DROP FUNCTION put_span(text, bigint, text, tstzrange);
DROP TRIGGER booking_resources_agree ON scheduling_resourcebooking;
DROP FUNCTION booking_resources_agree();
DROP TRIGGER appointment_resources_agree ON scheduling_appointment;
DROP FUNCTION appointment_resources_agree();
DROP FUNCTION check_resource_bookings(bigint);
DROP FUNCTION blocking_appointment_status(text);
DROP TRIGGER lane_within_capacity ON scheduling_resourcebooking;
DROP FUNCTION lane_fits_capacity();
"""


# A window's times are never edited, never earlier than what was signed, and a struck start frees the patient.
#
# 1. Times, signature and inputs of a window row are fixed once written: corrected facts make a new row.
# 2. A signed window rests on the current signature of its own infusion: T0 is at or after T_sign, and at or after the
#    estimate unless a clinician's recorded override allows an earlier moment.
# 3. When the only pump start was struck, the superseded window has no successor and its no-therapy period ends with it.
WINDOWS_REST_ON_THEIR_SIGNATURE = """
CREATE FUNCTION refuse_moved_window() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    living text[] := ARRAY['status', 'opened_at', 'closed_at', 'superseded_at', 'claimed_by_id', 'claimed_at', 'version'];
BEGIN
    IF (to_jsonb(OLD) - living) IS DISTINCT FROM (to_jsonb(NEW) - living) THEN
        RAISE EXCEPTION 'the times of a window are not edited: a corrected fact makes a new row'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'window_times_are_fixed';
    END IF;
    IF OLD.superseded_at IS NOT NULL AND NEW.superseded_at IS DISTINCT FROM OLD.superseded_at THEN
        RAISE EXCEPTION 'a superseded window does not come back'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'window_times_are_fixed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER window_times_are_fixed BEFORE UPDATE ON scheduling_plasticitywindow
    FOR EACH ROW EXECUTE FUNCTION refuse_moved_window();

CREATE FUNCTION window_rests_on_signature() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    s record;
    estimated timestamptz;
BEGIN
    IF NEW.sign_off_id IS NULL THEN RETURN NEW; END IF;
    SELECT infusion_id, t_sign, superseded_at,
           CASE WHEN override_voided_at IS NULL THEN override_to END AS override_to
    INTO s FROM treatment_sessions_signoff WHERE id = NEW.sign_off_id;
    SELECT t_pk INTO estimated FROM treatment_sessions_clearanceestimate
    WHERE infusion_id = NEW.infusion_id AND superseded_at IS NULL;
    IF s.infusion_id IS DISTINCT FROM NEW.infusion_id OR s.superseded_at IS NOT NULL
       OR NEW.t0 < s.t_sign OR NEW.t0 < least(coalesce(s.override_to, estimated), estimated) THEN
        RAISE EXCEPTION 'a signed window may not begin before what was signed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'window_rests_on_its_signature';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER window_rests_on_its_signature BEFORE INSERT ON scheduling_plasticitywindow
    FOR EACH ROW EXECUTE FUNCTION window_rests_on_signature();

CREATE OR REPLACE FUNCTION span_of_window() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.superseded_at IS NULL THEN
        PERFORM put_span('infusion:' || NEW.infusion_id, NEW.patient_id, 'no_therapy',
                         tstzrange(NEW.starts_at, NEW.t0, '[)'));
    ELSIF NOT EXISTS (SELECT 1 FROM scheduling_plasticitywindow w
                      WHERE w.infusion_id = NEW.infusion_id AND w.superseded_at IS NULL)
          AND EXISTS (SELECT 1 FROM treatment_sessions_infusion i
                      WHERE i.id = NEW.infusion_id AND i.started_at IS NULL) THEN
        PERFORM put_span('infusion:' || NEW.infusion_id, NEW.patient_id, 'no_therapy', NULL);
    END IF;
    RETURN NULL;
END $$;
"""


WINDOWS_REST_ON_THEIR_SIGNATURE_BACKWARD = """
CREATE OR REPLACE FUNCTION span_of_window() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.superseded_at IS NULL THEN
        PERFORM put_span('infusion:' || NEW.infusion_id, NEW.patient_id, 'no_therapy',
                         tstzrange(NEW.starts_at, NEW.t0, '[)'));
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER window_rests_on_its_signature ON scheduling_plasticitywindow;
DROP FUNCTION window_rests_on_signature();
DROP TRIGGER window_times_are_fixed ON scheduling_plasticitywindow;
DROP FUNCTION refuse_moved_window();
"""


# A signed window never begins before the time that was decided: a stated later time counts as much as an earlier one.
#
# Without an estimate the stated time alone decides; without either there is no signed window.
WINDOW_KEEPS_TO_THE_STATED_TIME = """
CREATE OR REPLACE FUNCTION window_rests_on_signature() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    s record;
    estimated timestamptz;
BEGIN
    IF NEW.sign_off_id IS NULL THEN RETURN NEW; END IF;
    SELECT infusion_id, t_sign, superseded_at,
           CASE WHEN override_voided_at IS NULL THEN override_to END AS override_to
    INTO s FROM treatment_sessions_signoff WHERE id = NEW.sign_off_id;
    SELECT t_pk INTO estimated FROM treatment_sessions_clearanceestimate
    WHERE infusion_id = NEW.infusion_id AND superseded_at IS NULL;
    IF s.infusion_id IS DISTINCT FROM NEW.infusion_id OR s.superseded_at IS NOT NULL
       OR NEW.t0 < s.t_sign OR coalesce(NEW.t0 < coalesce(s.override_to, estimated), true) THEN
        RAISE EXCEPTION 'a signed window may not begin before what was signed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'window_rests_on_its_signature';
    END IF;
    RETURN NEW;
END $$;
"""


WINDOW_KEEPS_TO_THE_STATED_TIME_BACKWARD = """
CREATE OR REPLACE FUNCTION window_rests_on_signature() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    s record;
    estimated timestamptz;
BEGIN
    IF NEW.sign_off_id IS NULL THEN RETURN NEW; END IF;
    SELECT infusion_id, t_sign, superseded_at,
           CASE WHEN override_voided_at IS NULL THEN override_to END AS override_to
    INTO s FROM treatment_sessions_signoff WHERE id = NEW.sign_off_id;
    SELECT t_pk INTO estimated FROM treatment_sessions_clearanceestimate
    WHERE infusion_id = NEW.infusion_id AND superseded_at IS NULL;
    IF s.infusion_id IS DISTINCT FROM NEW.infusion_id OR s.superseded_at IS NOT NULL
       OR NEW.t0 < s.t_sign OR NEW.t0 < least(coalesce(s.override_to, estimated), estimated) THEN
        RAISE EXCEPTION 'a signed window may not begin before what was signed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'window_rests_on_its_signature';
    END IF;
    RETURN NEW;
END $$;
"""


# Decisions about moving a series to a newer version; no series changes its version without one.
VERSION_MOVES = """
CREATE FUNCTION series_version_by_decision() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    latest scheduling_seriesversionmove%ROWTYPE;
BEGIN
    IF NEW.protocol_version_id IS NOT DISTINCT FROM OLD.protocol_version_id THEN
        RETURN NEW;
    END IF;
    SELECT * INTO latest FROM scheduling_seriesversionmove m
        WHERE m.series_id = NEW.id AND m.decision = 'accepted' ORDER BY m.id DESC LIMIT 1;
    IF latest.id IS NULL OR latest.from_version_id <> OLD.protocol_version_id
        OR latest.to_version_id <> NEW.protocol_version_id THEN
        RAISE EXCEPTION 'a series changes its protocol version only by a signed decision'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'series_version_moves_by_decision';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER series_version_moves_by_decision BEFORE UPDATE ON scheduling_treatmentseries
    FOR EACH ROW EXECUTE FUNCTION series_version_by_decision();

CREATE FUNCTION version_decision_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a decision about a protocol version is never changed'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'version_decision_is_fixed';
END $$;
CREATE TRIGGER version_decision_is_fixed BEFORE UPDATE OR DELETE ON scheduling_seriesversionmove
    FOR EACH ROW EXECUTE FUNCTION version_decision_fixed();
"""


VERSION_MOVES_BACKWARD = """
DROP TRIGGER version_decision_is_fixed ON scheduling_seriesversionmove;
DROP FUNCTION version_decision_fixed();
DROP TRIGGER series_version_moves_by_decision ON scheduling_treatmentseries;
DROP FUNCTION series_version_by_decision();
"""


CLOSE_INFUSIONS_NEED_A_REASON = """
CREATE FUNCTION close_infusions_are_decided() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    zone text;
    here date;
BEGIN
    -- What happened is always storable: only a planned visit is asked, as it stands at the end of the transaction.
    IF NOT EXISTS (SELECT 1 FROM scheduling_appointment WHERE id = NEW.id AND during = NEW.during AND status = NEW.status)
    THEN RETURN NULL; END IF;
    IF EXISTS (
        SELECT 1 FROM scheduling_appointment o
        WHERE o.patient_id = NEW.patient_id AND o.kind = 'infusion' AND o.id <> NEW.id
          AND (blocking_appointment_status(o.status) OR o.status = 'completed')
          AND abs(extract(epoch FROM lower(o.during) - lower(NEW.during))) < 36 * 3600
          AND NOT EXISTS (
              SELECT 1 FROM scheduling_spacingdecision d
              WHERE (d.series_id = NEW.series_id AND d.ordinal = NEW.ordinal)
                 OR (d.series_id = o.series_id AND d.ordinal = o.ordinal)))
    THEN
        RAISE EXCEPTION 'infusions less than 36 h apart need a recorded reason'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'close_infusions_are_decided';
    END IF;
    SELECT time_zone INTO zone FROM staff_site WHERE id = NEW.site_id;
    here := (lower(NEW.during) AT TIME ZONE zone)::date;
    IF EXISTS (
        WITH near AS (
            SELECT o.series_id, o.ordinal, (lower(o.during) AT TIME ZONE zone)::date AS day
            FROM scheduling_appointment o
            WHERE o.patient_id = NEW.patient_id AND o.kind = 'infusion'
              AND (blocking_appointment_status(o.status) OR o.status = 'completed')
              AND o.during && tstzrange(lower(NEW.during) - interval '8 days', lower(NEW.during) + interval '8 days'))
        SELECT 1 FROM generate_series(0, 6) AS back
        WHERE (SELECT count(*) FROM near WHERE day - (here - back) BETWEEN 0 AND 6) > 3
          AND NOT EXISTS (
              SELECT 1 FROM near JOIN scheduling_spacingdecision d ON d.series_id = near.series_id AND d.ordinal = near.ordinal
              WHERE day - (here - back) BETWEEN 0 AND 6))
    THEN
        RAISE EXCEPTION 'more than three infusions in seven days need a recorded reason'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'close_infusions_are_decided';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER close_infusions_are_decided AFTER INSERT OR UPDATE OF during, status
    ON scheduling_appointment DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.kind = 'infusion' AND NEW.status IN ('reserved', 'booked'))
    EXECUTE FUNCTION close_infusions_are_decided();
CREATE FUNCTION spacing_decision_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a recorded reason is never changed'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'spacing_decision_is_fixed';
END $$;
CREATE TRIGGER spacing_decision_is_fixed BEFORE UPDATE OR DELETE ON scheduling_spacingdecision
    FOR EACH ROW EXECUTE FUNCTION spacing_decision_fixed();
"""


CLOSE_INFUSIONS_NEED_A_REASON_BACKWARD = """
DROP TRIGGER spacing_decision_is_fixed ON scheduling_spacingdecision;
DROP FUNCTION spacing_decision_fixed();
DROP TRIGGER close_infusions_are_decided ON scheduling_appointment;
DROP FUNCTION close_infusions_are_decided();
"""


# Switches of protocol: one series ends, another begins, signed in one act.
SERIES_SWITCHES = """
CREATE FUNCTION switch_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a switch of protocol is never changed'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'switch_is_fixed';
END $$;
CREATE TRIGGER switch_is_fixed BEFORE UPDATE OR DELETE ON scheduling_seriesswitch
    FOR EACH ROW EXECUTE FUNCTION switch_fixed();

CREATE FUNCTION switch_joins() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    old record;
    fresh record;
BEGIN
    SELECT s.patient_id, s.status, v.template_id INTO old FROM scheduling_treatmentseries s
        JOIN protocols_protocolversion v ON v.id = s.protocol_version_id WHERE s.id = NEW.from_series_id;
    SELECT s.patient_id, s.status, v.template_id INTO fresh FROM scheduling_treatmentseries s
        JOIN protocols_protocolversion v ON v.id = s.protocol_version_id WHERE s.id = NEW.to_series_id;
    IF old.patient_id <> fresh.patient_id OR old.status IN ('active', 'paused') OR old.template_id = fresh.template_id THEN
        RAISE EXCEPTION 'a switch joins two series of one patient: the first is over, the protocols differ'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'switch_joins_two_series';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER switch_joins_two_series BEFORE INSERT ON scheduling_seriesswitch
    FOR EACH ROW EXECUTE FUNCTION switch_joins();
"""


SERIES_SWITCHES_BACKWARD = """
DROP TRIGGER switch_joins_two_series ON scheduling_seriesswitch;
DROP FUNCTION switch_joins();
DROP TRIGGER switch_is_fixed ON scheduling_seriesswitch;
DROP FUNCTION switch_fixed();
"""


# Whoever was found not fit for therapy (sedated, intoxicated, still dissociating) cannot be started before the time
# that was set then, by any path. That it was set, and that a window was offered to others, are written on the living row.
NO_THERAPY_WHILE_NOT_FIT = """
CREATE OR REPLACE FUNCTION refuse_moved_window() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    living text[] := ARRAY['status', 'opened_at', 'closed_at', 'superseded_at', 'claimed_by_id', 'claimed_at',
                           'version', 'pool_at', 'lead_at', 'not_fit_until', 'not_fit_reason'];
BEGIN
    IF (to_jsonb(OLD) - living) IS DISTINCT FROM (to_jsonb(NEW) - living) THEN
        RAISE EXCEPTION 'the times of a window are not edited: a corrected fact makes a new row'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'window_times_are_fixed';
    END IF;
    IF OLD.superseded_at IS NOT NULL AND NEW.superseded_at IS DISTINCT FROM OLD.superseded_at THEN
        RAISE EXCEPTION 'a superseded window does not come back'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'window_times_are_fixed';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION therapy_waits_until_fit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM scheduling_plasticitywindow w
        WHERE w.patient_id = NEW.patient_id AND w.superseded_at IS NULL AND w.not_fit_until > NEW.started_at
          AND w.starts_at <= NEW.started_at
    ) THEN
        RAISE EXCEPTION 'the patient was found not fit for therapy before a later time'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'no_therapy_while_not_fit';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER therapy_waits_until_fit BEFORE INSERT ON treatment_sessions_integrationsession
    FOR EACH ROW EXECUTE FUNCTION therapy_waits_until_fit();
"""


NO_THERAPY_WHILE_NOT_FIT_BACKWARD = """
DROP TRIGGER therapy_waits_until_fit ON treatment_sessions_integrationsession;
DROP FUNCTION therapy_waits_until_fit();

CREATE OR REPLACE FUNCTION refuse_moved_window() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    living text[] := ARRAY['status', 'opened_at', 'closed_at', 'superseded_at', 'claimed_by_id', 'claimed_at',
                           'version'];
BEGIN
    IF (to_jsonb(OLD) - living) IS DISTINCT FROM (to_jsonb(NEW) - living) THEN
        RAISE EXCEPTION 'the times of a window are not edited: a corrected fact makes a new row'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'window_times_are_fixed';
    END IF;
    IF OLD.superseded_at IS NOT NULL AND NEW.superseded_at IS DISTINCT FROM OLD.superseded_at THEN
        RAISE EXCEPTION 'a superseded window does not come back'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'window_times_are_fixed';
    END IF;
    RETURN NEW;
END $$;
"""


# The sheet kept of each day, and who took over what was open when it was closed; a closing is written once.
DAY_SHEETS_AND_CLOSINGS = """
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON scheduling_dayclosing FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
"""


DAY_SHEETS_AND_CLOSINGS_BACKWARD = """
DROP TRIGGER record_is_fixed ON scheduling_dayclosing;
"""


# What is booked keeps its place: a site its clock and country, a chair, room or person its use, while bookings lie ahead.
STAFFING = """
CREATE FUNCTION site_stays_while_booked() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM 1 FROM scheduling_appointment
    WHERE site_id = OLD.id AND upper(during) > app_now()
      AND status IN ('reserved', 'provisional', 'booked', 'arrived', 'infusing', 'recovering', 'in-progress');
    IF FOUND THEN
        RAISE EXCEPTION 'a site keeps its time zone and country while bookings lie ahead'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'site_stays_while_booked';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER site_stays_while_booked BEFORE UPDATE OF time_zone, country, subdivision ON staff_site
    FOR EACH ROW WHEN ((OLD.time_zone, OLD.country, OLD.subdivision)
                       IS DISTINCT FROM (NEW.time_zone, NEW.country, NEW.subdivision))
    EXECUTE FUNCTION site_stays_while_booked();

CREATE FUNCTION booked_resource_stays_in_use() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM 1 FROM scheduling_resourcebooking WHERE resource_id = OLD.id AND upper(during) > app_now();
    IF FOUND THEN
        RAISE EXCEPTION 'what is booked ahead stays in use'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'booked_resource_stays_in_use';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER booked_resource_stays_in_use BEFORE UPDATE OF active ON scheduling_resource
    FOR EACH ROW WHEN (OLD.active AND NOT NEW.active) EXECUTE FUNCTION booked_resource_stays_in_use();

CREATE FUNCTION retired_resource_is_not_booked() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF upper(NEW.during) > app_now() THEN
        PERFORM 1 FROM scheduling_resource WHERE id = NEW.resource_id AND NOT active;
        IF FOUND THEN
            RAISE EXCEPTION 'what has been retired is not booked'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'retired_resource_is_not_booked';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER retired_resource_is_not_booked BEFORE INSERT OR UPDATE OF resource_id ON scheduling_resourcebooking
    FOR EACH ROW EXECUTE FUNCTION retired_resource_is_not_booked();
"""


STAFFING_BACKWARD = """
DROP TRIGGER retired_resource_is_not_booked ON scheduling_resourcebooking;
DROP FUNCTION retired_resource_is_not_booked();
DROP TRIGGER booked_resource_stays_in_use ON scheduling_resource;
DROP FUNCTION booked_resource_stays_in_use();
DROP TRIGGER site_stays_while_booked ON staff_site;
DROP FUNCTION site_stays_while_booked();
"""


# Items about what stands before a visit; a series starts only with a signed eligibility checklist.
GATE_ITEMS = """
CREATE FUNCTION series_is_eligible() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.protocol_version_id = OLD.protocol_version_id AND NEW.patient_id = OLD.patient_id THEN
            RETURN NEW;
        END IF;
    END IF;
    IF NOT EXISTS (
        SELECT 1 FROM treatment_sessions_eligibilitysignoff s
        JOIN protocols_protocolversion signed ON signed.id = s.protocol_version_id
        JOIN protocols_protocolversion wanted ON wanted.id = NEW.protocol_version_id
        WHERE s.patient_id = NEW.patient_id AND s.withdrawn_at IS NULL AND s.superseded_at IS NULL
          AND coalesce(signed.definition -> 'eligibility', '[]') @> coalesce(wanted.definition -> 'eligibility', '[]')
          AND coalesce(signed.definition -> 'eligibility', '[]') <@ coalesce(wanted.definition -> 'eligibility', '[]')
          AND signed.definition -> 'minimum_age_years' IS NOT DISTINCT FROM wanted.definition -> 'minimum_age_years'
    ) THEN
        RAISE EXCEPTION 'no signed eligibility checklist for this patient and protocol'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'series_needs_eligibility';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER series_needs_eligibility BEFORE INSERT OR UPDATE ON scheduling_treatmentseries
    FOR EACH ROW EXECUTE FUNCTION series_is_eligible();
"""


GATE_ITEMS_BACKWARD = """
DROP TRIGGER series_needs_eligibility ON scheduling_treatmentseries;
DROP FUNCTION series_is_eligible();
"""


# Who has left is not booked anew: their place in the schedule ends at once, while what was booked stands until moved.
PEOPLE_WHO_LEFT_ARE_NOT_BOOKED_1 = """
CREATE OR REPLACE FUNCTION booked_resource_stays_in_use() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    -- A person who no longer works there in that role goes; coordinators find the bookings on their list.
    IF OLD.user_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM staff_user u
        JOIN staff_user_groups h ON h.user_id = u.id JOIN auth_group g ON g.id = h.group_id AND g.name = OLD.kind
        JOIN staff_user_sites s ON s.user_id = u.id AND s.site_id = OLD.site_id
        WHERE u.id = OLD.user_id AND u.is_active
    ) THEN
        RETURN NEW;
    END IF;
    PERFORM 1 FROM scheduling_resourcebooking WHERE resource_id = OLD.id AND upper(during) > app_now();
    IF FOUND THEN
        RAISE EXCEPTION 'what is booked ahead stays in use'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'booked_resource_stays_in_use';
    END IF;
    RETURN NEW;
END $$;
"""


PEOPLE_WHO_LEFT_ARE_NOT_BOOKED_1_BACKWARD = """
CREATE OR REPLACE FUNCTION booked_resource_stays_in_use() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM 1 FROM scheduling_resourcebooking WHERE resource_id = OLD.id AND upper(during) > app_now();
    IF FOUND THEN
        RAISE EXCEPTION 'what is booked ahead stays in use'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'booked_resource_stays_in_use';
    END IF;
    RETURN NEW;
END $$;
"""


PEOPLE_WHO_LEFT_ARE_NOT_BOOKED_2 = """
CREATE OR REPLACE FUNCTION retired_resource_is_not_booked() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF upper(NEW.during) > app_now() THEN
        PERFORM 1 FROM scheduling_resource WHERE id = NEW.resource_id AND NOT active;
        IF FOUND THEN
            -- A visit that is going on runs over with whoever is there: what happens is always storable.
            PERFORM 1 FROM scheduling_appointment
            WHERE id = NEW.appointment_id AND status IN ('arrived', 'infusing', 'recovering', 'in-progress');
            IF NOT FOUND THEN
                RAISE EXCEPTION 'what has been retired is not booked'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'retired_resource_is_not_booked';
            END IF;
        END IF;
    END IF;
    RETURN NEW;
END $$;
"""


PEOPLE_WHO_LEFT_ARE_NOT_BOOKED_2_BACKWARD = """
CREATE OR REPLACE FUNCTION retired_resource_is_not_booked() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF upper(NEW.during) > app_now() THEN
        PERFORM 1 FROM scheduling_resource WHERE id = NEW.resource_id AND NOT active;
        IF FOUND THEN
            RAISE EXCEPTION 'what has been retired is not booked'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'retired_resource_is_not_booked';
        END IF;
    END IF;
    RETURN NEW;
END $$;
"""


# A signed eligibility checklist holds for as many days as the version says (180 when it says none).
ELIGIBILITY_RUNS_OUT = """
CREATE OR REPLACE FUNCTION series_is_eligible() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := NEW.booked_at;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.protocol_version_id = OLD.protocol_version_id AND NEW.patient_id = OLD.patient_id THEN
            RETURN NEW;
        END IF;
        moment := app_now();
    END IF;
    IF NOT EXISTS (
        SELECT 1 FROM treatment_sessions_eligibilitysignoff s
        JOIN protocols_protocolversion signed ON signed.id = s.protocol_version_id
        JOIN protocols_protocolversion wanted ON wanted.id = NEW.protocol_version_id
        WHERE s.patient_id = NEW.patient_id AND s.withdrawn_at IS NULL AND s.superseded_at IS NULL
          AND coalesce(signed.definition -> 'eligibility', '[]') @> coalesce(wanted.definition -> 'eligibility', '[]')
          AND coalesce(signed.definition -> 'eligibility', '[]') <@ coalesce(wanted.definition -> 'eligibility', '[]')
          AND signed.definition -> 'minimum_age_years' IS NOT DISTINCT FROM wanted.definition -> 'minimum_age_years'
          AND moment < s.signed_at + make_interval(
              hours => 24 * coalesce((wanted.definition ->> 'eligibility_valid_days')::int, 180))
    ) THEN
        RAISE EXCEPTION 'no signed eligibility checklist for this patient and protocol'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'series_needs_eligibility';
    END IF;
    RETURN NEW;
END $$;
"""


ELIGIBILITY_RUNS_OUT_BACKWARD = """
CREATE OR REPLACE FUNCTION series_is_eligible() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := NEW.booked_at;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.protocol_version_id = OLD.protocol_version_id AND NEW.patient_id = OLD.patient_id THEN
            RETURN NEW;
        END IF;
        moment := app_now();
    END IF;
    IF NOT EXISTS (
        SELECT 1 FROM treatment_sessions_eligibilitysignoff s
        JOIN protocols_protocolversion signed ON signed.id = s.protocol_version_id
        JOIN protocols_protocolversion wanted ON wanted.id = NEW.protocol_version_id
        WHERE s.patient_id = NEW.patient_id AND s.withdrawn_at IS NULL AND s.superseded_at IS NULL
          AND coalesce(signed.definition -> 'eligibility', '[]') @> coalesce(wanted.definition -> 'eligibility', '[]')
          AND coalesce(signed.definition -> 'eligibility', '[]') <@ coalesce(wanted.definition -> 'eligibility', '[]')
          AND signed.definition -> 'minimum_age_years' IS NOT DISTINCT FROM wanted.definition -> 'minimum_age_years'
          
    ) THEN
        RAISE EXCEPTION 'no signed eligibility checklist for this patient and protocol'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'series_needs_eligibility';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ('scheduling', '0001_initial'),
        ('scheduling', '0002_bookings_and_no_therapy_guards'),
        ('scheduling', '0003_message_text'),
        ('scheduling', '0004_windows_rest_on_their_signature'),
        ('scheduling', '0005_changes_waitlist_and_pauses'),
        ('scheduling', '0006_window_keeps_to_the_stated_time'),
        ('scheduling', '0007_version_moves'),
        ('scheduling', '0008_clinic_plans'),
        ('scheduling', '0009_send_safety_links_and_duty'),
        ('scheduling', '0010_bookings_are_read_by_span'),
        ('scheduling', '0011_close_infusions_need_a_reason'),
        ('scheduling', '0012_series_switches'),
        ('scheduling', '0013_escalation_and_not_fit'),
        ('scheduling', '0014_no_therapy_while_not_fit'),
        ('scheduling', '0015_provider_reports'),
        ('scheduling', '0016_day_sheets_and_closings'),
        ('scheduling', '0017_staffing'),
        ('scheduling', '0018_spacing_decision_not_null'),
        ('scheduling', '0019_gate_items'),
        ('scheduling', '0020_people_who_left_are_not_booked'),
        ('scheduling', '0021_times_set_aside'),
        ('scheduling', '0022_operators_close_days'),
        ('scheduling', '0023_eligibility_runs_out'),
        ('scheduling', '0024_preparation_visits'),
    ]

    dependencies = [
        ('patients', '0001_squashed_0007_legal_representatives'),
        ('pghistory', '0007_auto_20250421_0444'),
        ('protocols', '0001_squashed_0008_outside_reviews'),
        ('staff', '0001_squashed_0004_people_kept_by_the_clinic'),
        ('treatment_sessions', '0001_squashed_0014_preparation_records'),
    ]

    operations = [
        staff.migration_operations.CreateModels(
            models=[
                migrations.CreateModel(
                    name='Heartbeat',
                    fields=[
                        ('name', models.CharField(max_length=40, primary_key=True, serialize=False)),
                        ('beat_at', models.DateTimeField()),
                        ('rounds', models.PositiveBigIntegerField(default=0)),
                    ],
                    options={
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='Closure',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('days', django.contrib.postgres.fields.ranges.DateRangeField()),
                        ('reason', models.CharField(max_length=120)),
                        ('site', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='closures', to='staff.site')),
                    ],
                    options={
                        'ordering': ['days'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('days__isempty', False), ('days__lower_inf', False), ('days__upper_inf', False)), name='closure_is_bounded')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='PatientSpan',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('kind', models.CharField(choices=[('no_therapy', 'No-therapy period'), ('therapy', 'Therapy')], max_length=10)),
                        ('during', django.contrib.postgres.fields.ranges.DateTimeRangeField()),
                        ('source', models.CharField(max_length=40, unique=True)),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='spans', to='patients.patient')),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['no_therapy', 'therapy'])), name='span_kind_known'), models.CheckConstraint(condition=models.Q(('during__isempty', False), ('during__lower_inf', False), ('during__upper_inf', False)), name='span_is_bounded'), django.contrib.postgres.constraints.ExclusionConstraint(deferrable=django.db.models.constraints.Deferrable['IMMEDIATE'], expressions=[('patient', '='), ('kind', '<>'), ('during', '&&')], name='no_therapy_before_clearance')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='Resource',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('kind', models.CharField(choices=[('chair', 'Chair'), ('nurse', 'Nurse'), ('clinician', 'Prescribing clinician'), ('therapist', 'Therapist'), ('room', 'Room')], max_length=10)),
                        ('name', models.CharField(max_length=80)),
                        ('capacity', models.PositiveSmallIntegerField(default=1)),
                        ('active', models.BooleanField(default=True)),
                        ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='resources', to='staff.site')),
                        ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='resources', to=settings.AUTH_USER_MODEL)),
                        ('version', models.PositiveIntegerField(default=1)),
                    ],
                    options={
                        'ordering': ['site', 'kind', 'name'],
                        'constraints': [models.UniqueConstraint(models.F('site'), models.F('kind'), models.F('name'), name='resource_name_once_per_site'), models.UniqueConstraint(models.F('site'), models.F('kind'), models.F('user'), name='resource_once_per_person_and_role'), models.CheckConstraint(condition=models.Q(('capacity__gte', 1), ('capacity__lte', 12)), name='resource_capacity_in_range'), models.CheckConstraint(condition=models.Q(models.Q(('kind__in', ['chair', 'room']), ('user__isnull', True)), models.Q(('kind__in', ['nurse', 'clinician', 'therapist']), ('user__isnull', False)), _connector='OR'), name='resource_people_have_a_person')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='TreatmentSeries',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('status', models.CharField(choices=[('active', 'Active'), ('paused', 'Paused'), ('completed', 'Completed'), ('ended', 'Ended early')], default='active', max_length=10)),
                        ('status_reason', models.CharField(blank=True, max_length=200)),
                        ('weight_kg', models.DecimalField(decimal_places=1, max_digits=5, verbose_name='weight used for planning, kg')),
                        ('visits', models.PositiveSmallIntegerField()),
                        ('booked_at', models.DateTimeField()),
                        ('ended_at', models.DateTimeField(blank=True, null=True)),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('booked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='series', to='patients.patient')),
                        ('prescriber', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('protocol_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='series', to='protocols.protocolversion')),
                        ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='series', to='staff.site')),
                        ('therapist', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('pause_owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('paused_at', models.DateTimeField(blank=True, null=True)),
                        ('release_on', models.DateField(blank=True, null=True, verbose_name='chairs are given back on')),
                        ('review_on', models.DateField(blank=True, null=True, verbose_name='look at the pause again on')),
                    ],
                    options={
                        'verbose_name_plural': 'treatment series',
                        'ordering': ['-booked_at'],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('status__in', ['active', 'paused'])), fields=('patient',), name='one_active_series_per_patient'), models.CheckConstraint(condition=models.Q(('status__in', ['active', 'paused', 'completed', 'ended'])), name='series_status_known'), models.CheckConstraint(condition=models.Q(('visits__gte', 1), ('visits__lte', 60)), name='series_visits_in_range'), models.CheckConstraint(condition=models.Q(('weight_kg__gte', 20), ('weight_kg__lte', 350)), name='series_weight_in_range'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'paused'), _negated=True), models.Q(('pause_owner__isnull', False), ('paused_at__isnull', False), ('review_on__isnull', False), models.Q(('status_reason', ''), _negated=True)), _connector='OR'), name='paused_series_has_owner_and_review')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='WorkItem',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('kind', models.CharField(choices=[('displaced', 'Booking displaced'), ('stale-window', 'Therapy time not worked out'), ('unsigned', 'Record not signed'), ('message-failed', 'Message not delivered'), ('missed', 'Follow-up missed'), ('call-patient', 'Call the patient'), ('therapy-inside', 'Therapy inside a no-therapy period'), ('unplaced', 'No time found for therapy'), ('prescriber', 'A prescriber decides'), ('restored', 'Messages waiting for release'), ('patient-answer', 'Answered by the patient'), ('risk-review', 'Answer to look at today'), ('staffing', 'Somebody else is needed'), ('gate', 'Before the visit'), ('practice-plan', 'Practice plan missing')], max_length=16)),
                        ('key', models.CharField(max_length=80)),
                        ('title', models.CharField(max_length=160)),
                        ('detail', models.CharField(blank=True, max_length=500)),
                        ('role', models.CharField(max_length=16)),
                        ('url', models.CharField(blank=True, max_length=200)),
                        ('due_at', models.DateTimeField()),
                        ('created_at', models.DateTimeField()),
                        ('resolved_at', models.DateTimeField(blank=True, null=True)),
                        ('resolution', models.CharField(blank=True, max_length=200)),
                        ('owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='work_items', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='work_items', to='patients.patient')),
                        ('resolved_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='work_items', to='staff.site')),
                    ],
                    options={
                        'ordering': ['due_at', 'pk'],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('resolved_at__isnull', True)), fields=('kind', 'key'), name='one_open_item_per_cause')],
                        'indexes': [models.Index(condition=models.Q(('resolved_at__isnull', True)), fields=['site', 'due_at'], name='work_item_open')],
                    },
                ),
                migrations.CreateModel(
                    name='Availability',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('weekday', models.PositiveSmallIntegerField()),
                        ('start_time', models.TimeField()),
                        ('end_time', models.TimeField()),
                        ('valid_during', django.contrib.postgres.fields.ranges.DateRangeField(blank=True, null=True)),
                        ('resource', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='availabilities', to='scheduling.resource')),
                    ],
                    options={
                        'ordering': ['resource', 'weekday', 'start_time'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('weekday__lte', 6)), name='availability_weekday_in_range'), models.CheckConstraint(condition=models.Q(('end_time__gt', models.F('start_time'))), name='availability_ends_after_start')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='AvailabilityException',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('during', django.contrib.postgres.fields.ranges.DateTimeRangeField()),
                        ('available', models.BooleanField(default=False)),
                        ('reason', models.CharField(max_length=120)),
                        ('resource', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='exceptions', to='scheduling.resource')),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=models.Q(('during__isempty', False), ('during__lower_inf', False), ('during__upper_inf', False)), name='availability_exception_is_bounded')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='Appointment',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('kind', models.CharField(choices=[('infusion', 'Infusion visit'), ('therapy', 'Therapy session'), ('preparation', 'Preparation visit'), ('hold', 'Slot kept for the waitlist')], max_length=12)),
                        ('status', models.CharField(choices=[('reserved', 'Slot reserved'), ('provisional', 'Planned, waiting for sign-off'), ('booked', 'Booked'), ('arrived', 'Arrived'), ('infusing', 'Infusion running'), ('recovering', 'Recovering'), ('in-progress', 'In progress'), ('completed', 'Completed'), ('cancelled', 'Cancelled'), ('omitted', 'Skipped'), ('no-show', 'Did not attend'), ('displaced', 'Displaced, needs a new time')], max_length=12)),
                        ('ordinal', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('during', django.contrib.postgres.fields.ranges.DateTimeRangeField()),
                        ('predicted_t0', models.DateTimeField(blank=True, null=True)),
                        ('held_until', models.DateTimeField(blank=True, null=True)),
                        ('mode', models.CharField(choices=[('in-person', 'In person'), ('video', 'Video')], default='in-person', max_length=10)),
                        ('reason', models.CharField(blank=True, max_length=200)),
                        ('moved_from', django.contrib.postgres.fields.ranges.DateTimeRangeField(blank=True, null=True)),
                        ('booked_at', models.DateTimeField()),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('booked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='appointment', to='treatment_sessions.infusion')),
                        ('integration', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='appointment', to='treatment_sessions.integrationsession')),
                        ('moved_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='appointments', to='patients.patient')),
                        ('practitioner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='appointments', to=settings.AUTH_USER_MODEL)),
                        ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='appointments', to='staff.site')),
                        ('series', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='appointments', to='scheduling.treatmentseries')),
                    ],
                    options={
                        'ordering': ['during'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['reserved', 'provisional', 'booked', 'arrived', 'infusing', 'recovering', 'in-progress', 'completed', 'cancelled', 'omitted', 'no-show', 'displaced'])), name='appointment_status_known'), models.CheckConstraint(condition=models.Q(('during__isempty', False), ('during__lower_inf', False), ('during__upper_inf', False)), name='appointment_is_bounded'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'reserved'), _negated=True), ('held_until__isnull', False), _connector='OR'), name='reserved_slot_expires'), models.CheckConstraint(condition=models.Q(('infusion__isnull', True), ('kind', 'infusion'), _connector='OR'), name='only_infusion_visits_have_a_record'), models.CheckConstraint(condition=models.Q(('integration__isnull', True), ('kind', 'therapy'), _connector='OR'), name='only_therapy_has_an_integration'), models.UniqueConstraint(condition=models.Q(('kind', 'infusion'), models.Q(('status__in', ['cancelled', 'omitted', 'no-show']), _negated=True)), fields=('series', 'ordinal'), name='one_visit_per_series_and_ordinal'), django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('status__in', ['reserved', 'provisional', 'booked', 'arrived', 'infusing', 'recovering', 'in-progress'])), deferrable=django.db.models.constraints.Deferrable['IMMEDIATE'], expressions=[('patient', '='), ('during', '&&')], name='patient_is_in_one_place'), models.CheckConstraint(condition=models.Q(('kind__in', ['infusion', 'therapy', 'preparation', 'hold'])), name='appointment_kind_known'), models.CheckConstraint(condition=models.Q(models.Q(('kind', 'infusion'), ('ordinal__isnull', False), ('predicted_t0__isnull', False), ('series__isnull', False)), models.Q(('kind__in', ['therapy', 'preparation', 'hold']), ('predicted_t0__isnull', True)), _connector='OR'), name='infusion_visit_has_its_prediction'), models.UniqueConstraint(condition=models.Q(('kind', 'preparation'), models.Q(('status__in', ['cancelled', 'omitted', 'no-show', 'displaced']), _negated=True)), fields=('series',), name='one_preparation_per_series')],
                        'indexes': [models.Index(fields=['site', 'kind', 'status'], name='appointment_by_site'), models.Index(condition=models.Q(('status', 'reserved')), fields=['held_until'], name='appointment_hold_expiry')],
                    },
                ),
                migrations.CreateModel(
                    name='ClosureEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('days', django.contrib.postgres.fields.ranges.DateRangeField()),
                        ('reason', models.CharField(max_length=120)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='scheduling.closure')),
                        ('site', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='staff.site')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='PlasticityWindow',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('generation', models.PositiveIntegerField()),
                        ('status', models.CharField(choices=[('provisional', 'Estimate until signed'), ('pending', 'Signed, opens at the therapy time'), ('open', 'Open'), ('closed', 'Closed'), ('none', 'No window opens'), ('stale', 'Being worked out again')], max_length=12)),
                        ('starts_at', models.DateTimeField(verbose_name='start of the no-therapy period')),
                        ('t0', models.DateTimeField(verbose_name='earliest therapy')),
                        ('practice_from', models.DateTimeField()),
                        ('core_until', models.DateTimeField()),
                        ('tail_until', models.DateTimeField()),
                        ('inputs', models.JSONField()),
                        ('claimed_at', models.DateTimeField(blank=True, null=True)),
                        ('computed_at', models.DateTimeField()),
                        ('opened_at', models.DateTimeField(blank=True, null=True)),
                        ('closed_at', models.DateTimeField(blank=True, null=True)),
                        ('superseded_at', models.DateTimeField(blank=True, null=True)),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('claimed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='windows', to='treatment_sessions.infusion')),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='windows', to='patients.patient')),
                        ('sign_off', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='windows', to='treatment_sessions.signoff')),
                        ('series', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='windows', to='scheduling.treatmentseries')),
                        ('lead_at', models.DateTimeField(blank=True, null=True, verbose_name='put to the lead')),
                        ('not_fit_reason', models.CharField(blank=True, max_length=24)),
                        ('not_fit_until', models.DateTimeField(blank=True, null=True, verbose_name='no therapy before: not fit')),
                        ('pool_at', models.DateTimeField(blank=True, null=True, verbose_name='offered to every therapist')),
                    ],
                    options={
                        'ordering': ['t0'],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('superseded_at__isnull', True)), fields=('infusion',), name='one_current_window_per_infusion'), models.UniqueConstraint(models.F('infusion'), models.F('generation'), name='window_generation_once'), models.CheckConstraint(condition=models.Q(('status__in', ['provisional', 'pending', 'open', 'closed', 'none', 'stale'])), name='window_status_known'), models.CheckConstraint(condition=models.Q(('t0__gt', models.F('starts_at'))), name='window_opens_after_infusion_start'), models.CheckConstraint(condition=models.Q(('status__in', ['provisional', 'stale']), ('sign_off__isnull', False), _connector='OR'), name='window_opens_only_when_signed'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'open'), _negated=True), ('opened_at__gte', models.F('t0')), _connector='OR'), name='window_not_open_before_t0'), models.CheckConstraint(condition=models.Q(('core_until__gte', models.F('t0')), ('tail_until__gte', models.F('core_until'))), name='window_phases_in_order'), models.CheckConstraint(condition=models.Q(models.Q(('not_fit_reason', ''), ('not_fit_until__isnull', True)), models.Q(('not_fit_until__gt', models.F('t0')), models.Q(('not_fit_reason', ''), _negated=True)), _connector='OR'), name='window_not_fit_says_why'), models.CheckConstraint(condition=models.Q(('lead_at__isnull', True), ('pool_at__isnull', False), _connector='OR'), name='window_pool_before_lead')],
                        'indexes': [models.Index(condition=models.Q(('status', 'pending'), ('superseded_at__isnull', True)), fields=['t0'], name='window_due_to_open'), models.Index(condition=models.Q(('status__in', ['pending', 'open']), ('superseded_at__isnull', True)), fields=['core_until'], name='window_in_queue')],
                    },
                ),
                migrations.CreateModel(
                    name='ResourceEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('kind', models.CharField(choices=[('chair', 'Chair'), ('nurse', 'Nurse'), ('clinician', 'Prescribing clinician'), ('therapist', 'Therapist'), ('room', 'Room')], max_length=10)),
                        ('name', models.CharField(max_length=80)),
                        ('capacity', models.PositiveSmallIntegerField(default=1)),
                        ('active', models.BooleanField(default=True)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='scheduling.resource')),
                        ('site', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='staff.site')),
                        ('user', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('version', models.PositiveIntegerField(default=1)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='TreatmentSeriesEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('status', models.CharField(choices=[('active', 'Active'), ('paused', 'Paused'), ('completed', 'Completed'), ('ended', 'Ended early')], default='active', max_length=10)),
                        ('status_reason', models.CharField(blank=True, max_length=200)),
                        ('weight_kg', models.DecimalField(decimal_places=1, max_digits=5, verbose_name='weight used for planning, kg')),
                        ('visits', models.PositiveSmallIntegerField()),
                        ('booked_at', models.DateTimeField()),
                        ('ended_at', models.DateTimeField(blank=True, null=True)),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('booked_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='scheduling.treatmentseries')),
                        ('prescriber', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('protocol_version', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='protocols.protocolversion')),
                        ('site', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='staff.site')),
                        ('therapist', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('pause_owner', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('paused_at', models.DateTimeField(blank=True, null=True)),
                        ('release_on', models.DateField(blank=True, null=True, verbose_name='chairs are given back on')),
                        ('review_on', models.DateField(blank=True, null=True, verbose_name='look at the pause again on')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='WorkItemEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('kind', models.CharField(choices=[('displaced', 'Booking displaced'), ('stale-window', 'Therapy time not worked out'), ('unsigned', 'Record not signed'), ('message-failed', 'Message not delivered'), ('missed', 'Follow-up missed'), ('call-patient', 'Call the patient'), ('therapy-inside', 'Therapy inside a no-therapy period'), ('unplaced', 'No time found for therapy'), ('prescriber', 'A prescriber decides'), ('restored', 'Messages waiting for release'), ('patient-answer', 'Answered by the patient'), ('risk-review', 'Answer to look at today'), ('staffing', 'Somebody else is needed'), ('gate', 'Before the visit'), ('practice-plan', 'Practice plan missing')], max_length=16)),
                        ('key', models.CharField(max_length=80)),
                        ('title', models.CharField(max_length=160)),
                        ('detail', models.CharField(blank=True, max_length=500)),
                        ('role', models.CharField(max_length=16)),
                        ('url', models.CharField(blank=True, max_length=200)),
                        ('due_at', models.DateTimeField()),
                        ('created_at', models.DateTimeField()),
                        ('resolved_at', models.DateTimeField(blank=True, null=True)),
                        ('resolution', models.CharField(blank=True, max_length=200)),
                        ('owner', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='scheduling.workitem')),
                        ('resolved_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('site', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='staff.site')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='FollowUp',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('kind', models.CharField(max_length=30)),
                        ('ordinal', models.PositiveSmallIntegerField(default=1)),
                        ('title', models.CharField(max_length=120)),
                        ('audience', models.CharField(max_length=10)),
                        ('gate', models.CharField(max_length=8)),
                        ('therapy', models.BooleanField(default=False)),
                        ('required', models.BooleanField(default=True)),
                        ('duration_minutes', models.PositiveSmallIntegerField(default=0)),
                        ('state', models.CharField(choices=[('provisional', 'Planned, waiting for sign-off'), ('firm', 'Fixed, waiting for the window'), ('released', 'To do'), ('booked', 'Appointment made'), ('done', 'Done'), ('missed', 'Missed'), ('declined', 'Declined by the patient'), ('dropped', 'Not needed'), ('withdrawn', 'Withdrawn')], max_length=12)),
                        ('earliest_at', models.DateTimeField()),
                        ('target_at', models.DateTimeField()),
                        ('latest_at', models.DateTimeField()),
                        ('hard_latest_at', models.DateTimeField()),
                        ('generation', models.PositiveIntegerField(default=1)),
                        ('message_kind', models.CharField(blank=True, max_length=24)),
                        ('why', models.JSONField(default=dict)),
                        ('closed_at', models.DateTimeField(blank=True, null=True)),
                        ('closed_reason', models.CharField(blank=True, max_length=300)),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('appointment', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='follow_up', to='scheduling.appointment')),
                        ('assignee', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='follow_ups', to=settings.AUTH_USER_MODEL)),
                        ('closed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='follow_ups', to='treatment_sessions.infusion')),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='follow_ups', to='patients.patient')),
                        ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='follow_ups', to='staff.site')),
                        ('visit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='follow_ups', to='scheduling.appointment')),
                        ('series', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='follow_ups', to='scheduling.treatmentseries')),
                    ],
                    options={
                        'ordering': ['target_at', 'pk'],
                        'constraints': [models.UniqueConstraint(models.F('visit'), models.F('kind'), models.F('ordinal'), name='one_follow_up_per_visit_and_kind'), models.CheckConstraint(condition=models.Q(('earliest_at__lte', models.F('target_at')), ('latest_at__lte', models.F('hard_latest_at')), ('target_at__lte', models.F('latest_at'))), name='follow_up_moments_in_order'), models.CheckConstraint(condition=models.Q(('state__in', ['provisional', 'firm', 'released', 'booked', 'done', 'missed', 'declined', 'dropped', 'withdrawn'])), name='follow_up_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'booked'), _negated=True), ('appointment__isnull', False), _connector='OR'), name='booked_follow_up_has_appointment'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['missed', 'declined', 'withdrawn', 'dropped']), _negated=True), models.Q(('closed_reason', ''), _negated=True), _connector='OR'), name='closed_follow_up_says_why'), models.CheckConstraint(condition=models.Q(('therapy', False), ('gate', 'window'), _connector='OR'), name='therapy_waits_for_window')],
                        'indexes': [models.Index(condition=models.Q(('state__in', ['firm', 'released', 'booked'])), fields=['site', 'hard_latest_at'], name='follow_up_open_work')],
                    },
                ),
                migrations.CreateModel(
                    name='AvailabilityExceptionEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('during', django.contrib.postgres.fields.ranges.DateTimeRangeField()),
                        ('available', models.BooleanField(default=False)),
                        ('reason', models.CharField(max_length=120)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='scheduling.availabilityexception')),
                        ('resource', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='scheduling.resource')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='AvailabilityEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('weekday', models.PositiveSmallIntegerField()),
                        ('start_time', models.TimeField()),
                        ('end_time', models.TimeField()),
                        ('valid_during', django.contrib.postgres.fields.ranges.DateRangeField(blank=True, null=True)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='scheduling.availability')),
                        ('resource', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='scheduling.resource')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='ResourceBooking',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('lane', models.PositiveSmallIntegerField()),
                        ('during', django.contrib.postgres.fields.ranges.DateTimeRangeField()),
                        ('appointment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='resource_bookings', to='scheduling.appointment')),
                        ('resource', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='bookings', to='scheduling.resource')),
                    ],
                    options={
                        'ordering': ['during'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('lane__gte', 1)), name='lane_from_one'), models.CheckConstraint(condition=models.Q(('during__isempty', False), ('during__lower_inf', False), ('during__upper_inf', False)), name='resource_booking_is_bounded'), django.contrib.postgres.constraints.ExclusionConstraint(deferrable=django.db.models.constraints.Deferrable['IMMEDIATE'], expressions=[('resource', '='), ('lane', '='), ('during', '&&')], name='one_booking_per_lane')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='PlasticityWindowEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('generation', models.PositiveIntegerField()),
                        ('status', models.CharField(choices=[('provisional', 'Estimate until signed'), ('pending', 'Signed, opens at the therapy time'), ('open', 'Open'), ('closed', 'Closed'), ('none', 'No window opens'), ('stale', 'Being worked out again')], max_length=12)),
                        ('starts_at', models.DateTimeField(verbose_name='start of the no-therapy period')),
                        ('t0', models.DateTimeField(verbose_name='earliest therapy')),
                        ('practice_from', models.DateTimeField()),
                        ('core_until', models.DateTimeField()),
                        ('tail_until', models.DateTimeField()),
                        ('inputs', models.JSONField()),
                        ('claimed_at', models.DateTimeField(blank=True, null=True)),
                        ('computed_at', models.DateTimeField()),
                        ('opened_at', models.DateTimeField(blank=True, null=True)),
                        ('closed_at', models.DateTimeField(blank=True, null=True)),
                        ('superseded_at', models.DateTimeField(blank=True, null=True)),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('claimed_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='scheduling.plasticitywindow')),
                        ('sign_off', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.signoff')),
                        ('series', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='scheduling.treatmentseries')),
                        ('lead_at', models.DateTimeField(blank=True, null=True, verbose_name='put to the lead')),
                        ('not_fit_reason', models.CharField(blank=True, max_length=24)),
                        ('not_fit_until', models.DateTimeField(blank=True, null=True, verbose_name='no therapy before: not fit')),
                        ('pool_at', models.DateTimeField(blank=True, null=True, verbose_name='offered to every therapist')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='AppointmentEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('kind', models.CharField(choices=[('infusion', 'Infusion visit'), ('therapy', 'Therapy session'), ('preparation', 'Preparation visit'), ('hold', 'Slot kept for the waitlist')], max_length=12)),
                        ('status', models.CharField(choices=[('reserved', 'Slot reserved'), ('provisional', 'Planned, waiting for sign-off'), ('booked', 'Booked'), ('arrived', 'Arrived'), ('infusing', 'Infusion running'), ('recovering', 'Recovering'), ('in-progress', 'In progress'), ('completed', 'Completed'), ('cancelled', 'Cancelled'), ('omitted', 'Skipped'), ('no-show', 'Did not attend'), ('displaced', 'Displaced, needs a new time')], max_length=12)),
                        ('ordinal', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('during', django.contrib.postgres.fields.ranges.DateTimeRangeField()),
                        ('predicted_t0', models.DateTimeField(blank=True, null=True)),
                        ('held_until', models.DateTimeField(blank=True, null=True)),
                        ('mode', models.CharField(choices=[('in-person', 'In person'), ('video', 'Video')], default='in-person', max_length=10)),
                        ('reason', models.CharField(blank=True, max_length=200)),
                        ('moved_from', django.contrib.postgres.fields.ranges.DateTimeRangeField(blank=True, null=True)),
                        ('booked_at', models.DateTimeField()),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('booked_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                        ('integration', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.integrationsession')),
                        ('moved_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('owner', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='scheduling.appointment')),
                        ('practitioner', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('site', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='staff.site')),
                        ('series', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='scheduling.treatmentseries')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='Message',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('channel', models.CharField(choices=[('email', 'E-mail'), ('sms', 'Text message')], max_length=5)),
                        ('kind', models.CharField(max_length=24)),
                        ('ordinal', models.PositiveSmallIntegerField(default=1)),
                        ('generation', models.PositiveIntegerField(default=1)),
                        ('due_at', models.DateTimeField()),
                        ('expires_at', models.DateTimeField()),
                        ('due_local', models.CharField(max_length=32)),
                        ('time_zone', models.CharField(max_length=64)),
                        ('state', models.CharField(choices=[('scheduled', 'Scheduled'), ('claimed', 'About to be sent'), ('sending', 'Being sent'), ('sent', 'Sent'), ('cancelled', 'Cancelled'), ('expired', 'Too late to send'), ('unknown', 'Not known whether it arrived'), ('dead', 'Could not be delivered'), ('held', 'Waiting for release')], default='scheduled', max_length=10)),
                        ('fence', models.PositiveIntegerField(default=0)),
                        ('attempts', models.PositiveSmallIntegerField(default=0)),
                        ('lease_until', models.DateTimeField(blank=True, null=True)),
                        ('idem_key', models.CharField(max_length=120, unique=True)),
                        ('provider_id', models.CharField(blank=True, max_length=120)),
                        ('last_error_code', models.CharField(blank=True, max_length=60)),
                        ('sent_at', models.DateTimeField(blank=True, null=True)),
                        ('created_at', models.DateTimeField()),
                        ('closed_reason', models.CharField(blank=True, max_length=120)),
                        ('acknowledged_at', models.DateTimeField(blank=True, null=True)),
                        ('acknowledged_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('appointment', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='scheduling.appointment')),
                        ('contact_point', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='patients.contactpoint')),
                        ('follow_up', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='scheduling.followup')),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='patients.patient')),
                        ('about_at', models.DateTimeField(blank=True, null=True, verbose_name='start of the visit it speaks of')),
                        ('body', models.TextField(blank=True)),
                        ('subject', models.CharField(blank=True, max_length=120)),
                        ('delivery', models.CharField(blank=True, choices=[('delivered', 'Delivered'), ('failed', 'Not delivered')], max_length=9, verbose_name='what the provider reports')),
                        ('delivery_at', models.DateTimeField(blank=True, null=True)),
                        ('doubtful', models.BooleanField(default=False, verbose_name='an attempt may have arrived')),
                        ('first_tried_at', models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        'ordering': ['due_at', 'pk'],
                        'constraints': [models.UniqueConstraint(models.F('follow_up'), models.F('kind'), models.F('ordinal'), models.F('contact_point'), models.F('channel'), models.F('generation'), name='one_message_per_key'), models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('due_at'))), name='message_expires_after_due'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'sent'), _negated=True), ('sent_at__isnull', False), _connector='OR'), name='sent_message_has_a_time'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['claimed', 'sending']), _negated=True), ('lease_until__isnull', False), _connector='OR'), name='claimed_message_has_a_lease'), models.CheckConstraint(condition=models.Q(('follow_up__isnull', False), ('appointment__isnull', False), _connector='OR'), name='message_has_a_cause'), models.CheckConstraint(condition=models.Q(('state__in', ['scheduled', 'claimed', 'sending', 'sent', 'cancelled', 'expired', 'unknown', 'dead', 'held'])), name='message_state_known')],
                        'indexes': [models.Index(condition=models.Q(('state__in', ['scheduled', 'claimed', 'sending'])), fields=['due_at'], name='message_due'), models.Index(condition=models.Q(('provider_id', ''), _negated=True), fields=['provider_id'], name='message_by_provider_id')],
                    },
                ),
                migrations.CreateModel(
                    name='ResourceBookingEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('lane', models.PositiveSmallIntegerField()),
                        ('during', django.contrib.postgres.fields.ranges.DateTimeRangeField()),
                        ('appointment', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='scheduling.appointment')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='scheduling.resourcebooking')),
                        ('resource', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='scheduling.resource')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='FollowUpEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('kind', models.CharField(max_length=30)),
                        ('ordinal', models.PositiveSmallIntegerField(default=1)),
                        ('title', models.CharField(max_length=120)),
                        ('audience', models.CharField(max_length=10)),
                        ('gate', models.CharField(max_length=8)),
                        ('therapy', models.BooleanField(default=False)),
                        ('required', models.BooleanField(default=True)),
                        ('duration_minutes', models.PositiveSmallIntegerField(default=0)),
                        ('state', models.CharField(choices=[('provisional', 'Planned, waiting for sign-off'), ('firm', 'Fixed, waiting for the window'), ('released', 'To do'), ('booked', 'Appointment made'), ('done', 'Done'), ('missed', 'Missed'), ('declined', 'Declined by the patient'), ('dropped', 'Not needed'), ('withdrawn', 'Withdrawn')], max_length=12)),
                        ('earliest_at', models.DateTimeField()),
                        ('target_at', models.DateTimeField()),
                        ('latest_at', models.DateTimeField()),
                        ('hard_latest_at', models.DateTimeField()),
                        ('generation', models.PositiveIntegerField(default=1)),
                        ('message_kind', models.CharField(blank=True, max_length=24)),
                        ('why', models.JSONField(default=dict)),
                        ('closed_at', models.DateTimeField(blank=True, null=True)),
                        ('closed_reason', models.CharField(blank=True, max_length=300)),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('appointment', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='scheduling.appointment')),
                        ('assignee', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('closed_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='scheduling.followup')),
                        ('site', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='staff.site')),
                        ('visit', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='scheduling.appointment')),
                        ('series', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='scheduling.treatmentseries')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='MessageEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('channel', models.CharField(choices=[('email', 'E-mail'), ('sms', 'Text message')], max_length=5)),
                        ('kind', models.CharField(max_length=24)),
                        ('ordinal', models.PositiveSmallIntegerField(default=1)),
                        ('generation', models.PositiveIntegerField(default=1)),
                        ('due_at', models.DateTimeField()),
                        ('expires_at', models.DateTimeField()),
                        ('due_local', models.CharField(max_length=32)),
                        ('time_zone', models.CharField(max_length=64)),
                        ('state', models.CharField(choices=[('scheduled', 'Scheduled'), ('claimed', 'About to be sent'), ('sending', 'Being sent'), ('sent', 'Sent'), ('cancelled', 'Cancelled'), ('expired', 'Too late to send'), ('unknown', 'Not known whether it arrived'), ('dead', 'Could not be delivered'), ('held', 'Waiting for release')], default='scheduled', max_length=10)),
                        ('attempts', models.PositiveSmallIntegerField(default=0)),
                        ('idem_key', models.CharField(max_length=120)),
                        ('provider_id', models.CharField(blank=True, max_length=120)),
                        ('last_error_code', models.CharField(blank=True, max_length=60)),
                        ('sent_at', models.DateTimeField(blank=True, null=True)),
                        ('created_at', models.DateTimeField()),
                        ('closed_reason', models.CharField(blank=True, max_length=120)),
                        ('acknowledged_at', models.DateTimeField(blank=True, null=True)),
                        ('acknowledged_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('appointment', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='scheduling.appointment')),
                        ('contact_point', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.contactpoint')),
                        ('follow_up', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='scheduling.followup')),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='scheduling.message')),
                        ('about_at', models.DateTimeField(blank=True, null=True, verbose_name='start of the visit it speaks of')),
                        ('body', models.TextField(blank=True)),
                        ('subject', models.CharField(blank=True, max_length=120)),
                        ('delivery', models.CharField(blank=True, choices=[('delivered', 'Delivered'), ('failed', 'Not delivered')], max_length=9, verbose_name='what the provider reports')),
                        ('delivery_at', models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='FreedSlot',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('during', django.contrib.postgres.fields.ranges.DateTimeRangeField()),
                        ('freed_at', models.DateTimeField()),
                        ('done_at', models.DateTimeField(blank=True, null=True)),
                        ('outcome', models.CharField(blank=True, max_length=120)),
                        ('resource', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='freed_slots', to='scheduling.resource')),
                        ('visit', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='times_set_aside', to='scheduling.appointment')),
                    ],
                    options={
                        'ordering': ['freed_at', 'pk'],
                        'indexes': [models.Index(condition=models.Q(('done_at__isnull', True)), fields=['freed_at'], name='freed_slot_open')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('done_at__isnull', True)), fields=('visit',), name='one_time_set_aside_per_visit')],
                    },
                ),
                migrations.CreateModel(
                    name='GapException',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('ordinal', models.PositiveSmallIntegerField()),
                        ('max_hours', models.PositiveSmallIntegerField()),
                        ('reason', models.CharField(max_length=200)),
                        ('approved_at', models.DateTimeField()),
                        ('approved_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('series', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='gap_exceptions', to='scheduling.treatmentseries')),
                    ],
                    options={
                        'ordering': ['series', 'ordinal'],
                        'indexes': [],
                        'constraints': [models.UniqueConstraint(models.F('series'), models.F('ordinal'), name='one_long_gap_per_infusion'), models.CheckConstraint(condition=models.Q(('max_hours__gte', 24), ('max_hours__lte', 672)), name='long_gap_is_bounded'), models.CheckConstraint(condition=models.Q(models.Q(('reason', ''), _negated=True), ('ordinal__gte', 2)), name='long_gap_says_why')],
                    },
                ),
                migrations.CreateModel(
                    name='ScheduleChange',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('kind', models.CharField(choices=[('move', 'Moved'), ('cancel', 'Postponed without a date'), ('omit', 'Skipped'), ('no-show', 'Did not attend'), ('undo', 'Moved back'), ('version', 'Moved to another protocol version')], max_length=8)),
                        ('scope', models.CharField(choices=[('this', 'Only this visit'), ('cycle', 'This and the rest of this cycle'), ('following', 'This and all that follow')], default='this', max_length=9)),
                        ('reason', models.CharField(max_length=200)),
                        ('made_at', models.DateTimeField()),
                        ('undone_at', models.DateTimeField(blank=True, null=True)),
                        ('made_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='schedule_changes', to='patients.patient')),
                        ('series', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='scheduling.treatmentseries')),
                        ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='schedule_changes', to='staff.site')),
                        ('undone_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['-made_at', '-pk'],
                        'indexes': [],
                        'constraints': [models.CheckConstraint(condition=models.Q(('scope__in', ['this', 'cycle', 'following'])), name='change_scope_known'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='change_says_why'), models.CheckConstraint(condition=models.Q(models.Q(('undone_at__isnull', True), ('undone_by__isnull', True)), models.Q(('undone_at__isnull', False), ('undone_by__isnull', False)), _connector='OR'), name='change_undone_by_somebody'), models.CheckConstraint(condition=models.Q(('kind__in', ['move', 'cancel', 'omit', 'no-show', 'undo', 'version'])), name='change_kind_known')],
                    },
                ),
                migrations.CreateModel(
                    name='VisitChange',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('status_before', models.CharField(max_length=12)),
                        ('status_after', models.CharField(max_length=12)),
                        ('during_before', django.contrib.postgres.fields.ranges.DateTimeRangeField()),
                        ('during_after', django.contrib.postgres.fields.ranges.DateTimeRangeField()),
                        ('predicted_before', models.DateTimeField(blank=True, null=True)),
                        ('seat_before', models.JSONField(default=list)),
                        ('place_before', models.CharField(blank=True, max_length=200)),
                        ('place_after', models.CharField(blank=True, max_length=200)),
                        ('version_after', models.PositiveIntegerField()),
                        ('appointment', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='scheduling.appointment')),
                        ('change', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rows', to='scheduling.schedulechange')),
                        ('follow_up', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='scheduling.followup')),
                        ('practitioner_before', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['pk'],
                        'indexes': [],
                        'constraints': [models.UniqueConstraint(models.F('change'), models.F('appointment'), name='one_row_per_change_and_booking')],
                    },
                ),
                migrations.CreateModel(
                    name='WaitlistEntry',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('ordinal', models.PositiveSmallIntegerField()),
                        ('urgency', models.PositiveSmallIntegerField(choices=[(1, 'Routine'), (2, 'Soon'), (3, 'Urgent')], default=1)),
                        ('part_of_day', models.CharField(blank=True, max_length=10)),
                        ('notice_hours', models.PositiveSmallIntegerField(default=2, verbose_name='notice that the patient needs, hours')),
                        ('latest_at', models.DateTimeField(verbose_name='of no use after')),
                        ('note', models.CharField(blank=True, max_length=120)),
                        ('state', models.CharField(choices=[('waiting', 'Waiting'), ('filled', 'Has a time'), ('withdrawn', 'Taken off the list'), ('expired', 'Too late')], default='waiting', max_length=10)),
                        ('state_reason', models.CharField(blank=True, max_length=200)),
                        ('added_at', models.DateTimeField()),
                        ('closed_at', models.DateTimeField(blank=True, null=True)),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('added_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='waitlist', to='patients.patient')),
                        ('series', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='waitlist', to='scheduling.treatmentseries')),
                        ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='waitlist', to='staff.site')),
                    ],
                    options={
                        'verbose_name_plural': 'waitlist entries',
                        'ordering': ['-urgency', 'latest_at', 'pk'],
                        'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['site'], name='waitlist_open')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'waiting')), fields=('series', 'ordinal'), name='one_place_on_the_waitlist'), models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'filled', 'withdrawn', 'expired'])), name='waitlist_state_known'), models.CheckConstraint(condition=models.Q(('urgency__gte', 1), ('urgency__lte', 3)), name='waitlist_urgency_in_range'), models.CheckConstraint(condition=models.Q(('part_of_day__in', ['', 'morning', 'afternoon'])), name='waitlist_part_of_day_known'), models.CheckConstraint(condition=models.Q(('state', 'waiting'), ('closed_at__isnull', False), _connector='OR'), name='waitlist_closed_has_a_time')],
                    },
                ),
                migrations.CreateModel(
                    name='WaitlistEntryEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('ordinal', models.PositiveSmallIntegerField()),
                        ('urgency', models.PositiveSmallIntegerField(choices=[(1, 'Routine'), (2, 'Soon'), (3, 'Urgent')], default=1)),
                        ('part_of_day', models.CharField(blank=True, max_length=10)),
                        ('notice_hours', models.PositiveSmallIntegerField(default=2, verbose_name='notice that the patient needs, hours')),
                        ('latest_at', models.DateTimeField(verbose_name='of no use after')),
                        ('note', models.CharField(blank=True, max_length=120)),
                        ('state', models.CharField(choices=[('waiting', 'Waiting'), ('filled', 'Has a time'), ('withdrawn', 'Taken off the list'), ('expired', 'Too late')], default='waiting', max_length=10)),
                        ('state_reason', models.CharField(blank=True, max_length=200)),
                        ('added_at', models.DateTimeField()),
                        ('closed_at', models.DateTimeField(blank=True, null=True)),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('added_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='scheduling.waitlistentry')),
                        ('series', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='scheduling.treatmentseries')),
                        ('site', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='staff.site')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='WaitlistOffer',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('state', models.CharField(choices=[('open', 'Offered'), ('accepted', 'Accepted'), ('declined', 'Declined'), ('expired', 'Expired')], default='open', max_length=8)),
                        ('offered_at', models.DateTimeField()),
                        ('expires_at', models.DateTimeField()),
                        ('answered_at', models.DateTimeField(blank=True, null=True)),
                        ('reason', models.CharField(blank=True, max_length=120)),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('answered_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('entry', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='offers', to='scheduling.waitlistentry')),
                        ('hold', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='offer', to='scheduling.appointment')),
                        ('slot', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='offers', to='scheduling.freedslot')),
                    ],
                    options={
                        'ordering': ['-offered_at', '-pk'],
                        'indexes': [],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('entry',), name='one_open_offer_per_entry'), models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('slot',), name='one_open_offer_per_slot'), models.CheckConstraint(condition=models.Q(('state__in', ['open', 'accepted', 'declined', 'expired'])), name='offer_state_known'), models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('offered_at'))), name='offer_expires_after_it_was_made')],
                    },
                ),
                migrations.CreateModel(
                    name='WaitlistOfferEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('state', models.CharField(choices=[('open', 'Offered'), ('accepted', 'Accepted'), ('declined', 'Declined'), ('expired', 'Expired')], default='open', max_length=8)),
                        ('offered_at', models.DateTimeField()),
                        ('expires_at', models.DateTimeField()),
                        ('answered_at', models.DateTimeField(blank=True, null=True)),
                        ('reason', models.CharField(blank=True, max_length=120)),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('answered_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('entry', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='scheduling.waitlistentry')),
                        ('hold', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='scheduling.appointment')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='scheduling.waitlistoffer')),
                        ('slot', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='scheduling.freedslot')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='SeriesVersionMove',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('decision', models.CharField(choices=[('accepted', 'Moved'), ('refused', 'Stays on its version')], max_length=8)),
                        ('reason', models.CharField(max_length=300)),
                        ('diff', models.JSONField()),
                        ('sha256', models.CharField(max_length=64)),
                        ('decided_at', models.DateTimeField()),
                        ('decided_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('from_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='protocols.protocolversion')),
                        ('series', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='version_moves', to='scheduling.treatmentseries')),
                        ('to_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='protocols.protocolversion')),
                    ],
                    options={
                        'ordering': ['-decided_at', '-pk'],
                        'indexes': [],
                        'constraints': [models.CheckConstraint(condition=models.Q(('decision__in', ['accepted', 'refused'])), name='version_decision_known'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='version_decision_says_why'), models.CheckConstraint(condition=models.Q(('sha256__regex', '^[0-9a-f]{64}$')), name='version_decision_names_its_diff'), models.CheckConstraint(condition=models.Q(('from_version', models.F('to_version')), _negated=True), name='version_decision_between_two')],
                    },
                ),
                migrations.CreateModel(
                    name='ClinicPlanEntry',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('weight_kg', models.DecimalField(decimal_places=1, max_digits=5, verbose_name='weight used for planning, kg')),
                        ('priority', models.PositiveSmallIntegerField(default=2)),
                        ('state', models.CharField(choices=[('waiting', 'Being planned'), ('proposed', 'Proposed'), ('impossible', 'No place found'), ('booked', 'Booked')], default='waiting', max_length=10)),
                        ('visits', models.JSONField(blank=True, default=list)),
                        ('therapy', models.JSONField(blank=True, default=list)),
                        ('reasons', models.JSONField(blank=True, default=list, verbose_name='why not, in words')),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='patients.patient')),
                        ('series', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='scheduling.treatmentseries')),
                        ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='scheduling.clinicplanrun')),
                    ],
                    options={
                        'verbose_name_plural': 'clinic plan entries',
                        'ordering': ['pk'],
                        'indexes': [],
                        'constraints': [models.UniqueConstraint(fields=('run', 'patient'), name='one_place_per_clinic_plan'), models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'proposed', 'impossible', 'booked'])), name='clinic_plan_entry_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('series__isnull', False), ('state', 'booked')), models.Q(models.Q(('state', 'booked'), _negated=True), ('series__isnull', True)), _connector='OR'), name='clinic_plan_entry_booked_has_series'), models.CheckConstraint(condition=models.Q(('priority__gte', 1), ('priority__lte', 3)), name='clinic_plan_entry_priority_in_range'), models.CheckConstraint(condition=models.Q(('weight_kg__gte', 20), ('weight_kg__lte', 350)), name='clinic_plan_entry_weight_in_range')],
                    },
                ),
                migrations.CreateModel(
                    name='ClinicPlanRun',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('first_day', models.DateField(verbose_name='first visit not before')),
                        ('seconds', models.PositiveSmallIntegerField(verbose_name='time to search, seconds')),
                        ('state', models.CharField(choices=[('queued', 'Waiting to start'), ('running', 'Running'), ('done', 'Finished'), ('failed', 'Did not finish')], default='queued', max_length=8)),
                        ('requested_at', models.DateTimeField()),
                        ('started_at', models.DateTimeField(blank=True, null=True)),
                        ('beat_at', models.DateTimeField(blank=True, null=True, verbose_name='last sign of life')),
                        ('finished_at', models.DateTimeField(blank=True, null=True)),
                        ('percent', models.PositiveSmallIntegerField(default=0, verbose_name='time used, %')),
                        ('placed', models.PositiveSmallIntegerField(default=0, verbose_name='series placed so far')),
                        ('cost', models.PositiveBigIntegerField(blank=True, null=True)),
                        ('bound', models.PositiveBigIntegerField(blank=True, null=True)),
                        ('report', models.JSONField(blank=True, default=dict)),
                        ('failure', models.CharField(blank=True, max_length=120, verbose_name='why it did not finish')),
                        ('protocol_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='protocols.protocolversion')),
                        ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='clinic_plans', to='staff.site')),
                        ('stop_asked_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['-requested_at', '-pk'],
                        'indexes': [],
                        'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['queued', 'running', 'done', 'failed'])), name='clinic_plan_state_known'), models.CheckConstraint(condition=models.Q(('seconds__gte', 1), ('seconds__lte', 600)), name='clinic_plan_seconds_in_range'), models.CheckConstraint(condition=models.Q(('percent__lte', 100)), name='clinic_plan_percent_in_range'), models.CheckConstraint(condition=models.Q(models.Q(('finished_at__isnull', True), ('state__in', ['queued', 'running'])), models.Q(('finished_at__isnull', False), ('state__in', ['done', 'failed'])), _connector='OR'), name='clinic_plan_ends_once'), models.UniqueConstraint(condition=models.Q(('state__in', ['queued', 'running'])), fields=('site',), name='one_clinic_plan_at_a_time_per_site')],
                    },
                ),
                migrations.CreateModel(
                    name='ClinicPlanEntryEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('weight_kg', models.DecimalField(decimal_places=1, max_digits=5, verbose_name='weight used for planning, kg')),
                        ('priority', models.PositiveSmallIntegerField(default=2)),
                        ('state', models.CharField(choices=[('waiting', 'Being planned'), ('proposed', 'Proposed'), ('impossible', 'No place found'), ('booked', 'Booked')], default='waiting', max_length=10)),
                        ('visits', models.JSONField(blank=True, default=list)),
                        ('therapy', models.JSONField(blank=True, default=list)),
                        ('reasons', models.JSONField(blank=True, default=list, verbose_name='why not, in words')),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='scheduling.clinicplanentry')),
                        ('series', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='scheduling.treatmentseries')),
                        ('run', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='scheduling.clinicplanrun')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='ClinicPlanRunEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('first_day', models.DateField(verbose_name='first visit not before')),
                        ('seconds', models.PositiveSmallIntegerField(verbose_name='time to search, seconds')),
                        ('state', models.CharField(choices=[('queued', 'Waiting to start'), ('running', 'Running'), ('done', 'Finished'), ('failed', 'Did not finish')], default='queued', max_length=8)),
                        ('requested_at', models.DateTimeField()),
                        ('started_at', models.DateTimeField(blank=True, null=True)),
                        ('finished_at', models.DateTimeField(blank=True, null=True)),
                        ('report', models.JSONField(blank=True, default=dict)),
                        ('failure', models.CharField(blank=True, max_length=120, verbose_name='why it did not finish')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='scheduling.clinicplanrun')),
                        ('protocol_version', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='protocols.protocolversion')),
                        ('requested_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('site', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='staff.site')),
                        ('stop_asked_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='ChannelPause',
                    fields=[
                        ('channel', models.CharField(max_length=5, primary_key=True, serialize=False)),
                        ('until', models.DateTimeField()),
                        ('failures', models.PositiveIntegerField(default=1)),
                    ],
                    options={
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='DatabaseMark',
                    fields=[
                        ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                        ('fingerprint', models.CharField(max_length=80)),
                        ('seen_at', models.DateTimeField()),
                    ],
                    options={
                        'indexes': [],
                        'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='database_mark_is_one_row')],
                    },
                ),
                migrations.CreateModel(
                    name='DutyShift',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('during', django.contrib.postgres.fields.ranges.DateTimeRangeField()),
                        ('rank', models.PositiveSmallIntegerField(default=1)),
                        ('phone', staff.fields.EncryptedTextField(blank=True)),
                        ('created_at', models.DateTimeField()),
                        ('cancelled_at', models.DateTimeField(blank=True, null=True)),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='duty_shifts', to='staff.site')),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='duty_shifts', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['during', 'rank'],
                        'indexes': [],
                        'constraints': [models.CheckConstraint(condition=models.Q(('during__isempty', False), ('during__lower_inf', False), ('during__upper_inf', False)), name='duty_shift_is_bounded'), models.CheckConstraint(condition=models.Q(('rank__gte', 1), ('rank__lte', 3)), name='duty_rank_in_range'), django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('cancelled_at__isnull', True)), expressions=[('site', '='), ('rank', '='), ('during', '&&')], name='one_person_per_duty_rank')],
                    },
                ),
                migrations.CreateModel(
                    name='DutyShiftEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('during', django.contrib.postgres.fields.ranges.DateTimeRangeField()),
                        ('rank', models.PositiveSmallIntegerField(default=1)),
                        ('phone', staff.fields.EncryptedTextField(blank=True)),
                        ('created_at', models.DateTimeField()),
                        ('cancelled_at', models.DateTimeField(blank=True, null=True)),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('created_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='scheduling.dutyshift')),
                        ('site', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='staff.site')),
                        ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='PatientLink',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('purpose', models.CharField(choices=[('visit', 'Answer about a visit'), ('check-in', 'Next-morning check-in'), ('questionnaire', 'Questionnaire'), ('education', 'Preparation and three questions'), ('opt-out', 'No more messages')], max_length=14)),
                        ('about', models.CharField(max_length=80, unique=True, verbose_name='what it belongs to')),
                        ('about_at', models.DateTimeField(blank=True, null=True, verbose_name='start of the visit it speaks of')),
                        ('token_hash', models.CharField(max_length=64, unique=True)),
                        ('created_at', models.DateTimeField()),
                        ('expires_at', models.DateTimeField()),
                        ('answered_at', models.DateTimeField(blank=True, null=True)),
                        ('answer', models.JSONField(blank=True, default=dict)),
                        ('appointment', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='links', to='scheduling.appointment')),
                        ('contact_point', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='links', to='patients.contactpoint')),
                        ('document', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='links', to='protocols.protocoldocument')),
                        ('follow_up', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='links', to='scheduling.followup')),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='links', to='patients.patient')),
                    ],
                    options={
                        'ordering': ['-created_at'],
                        'indexes': [],
                        'constraints': [models.CheckConstraint(condition=models.Q(('token_hash__regex', '^[0-9a-f]{64}$')), name='link_token_is_hashed'), models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('created_at'))), name='link_expires_after_it_was_made'), models.CheckConstraint(condition=models.Q(('purpose__in', ['visit', 'check-in', 'questionnaire', 'education', 'opt-out'])), name='link_purpose_known')],
                    },
                ),
                migrations.CreateModel(
                    name='PatientLinkEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('purpose', models.CharField(choices=[('visit', 'Answer about a visit'), ('check-in', 'Next-morning check-in'), ('questionnaire', 'Questionnaire'), ('education', 'Preparation and three questions'), ('opt-out', 'No more messages')], max_length=14)),
                        ('about', models.CharField(max_length=80, verbose_name='what it belongs to')),
                        ('about_at', models.DateTimeField(blank=True, null=True, verbose_name='start of the visit it speaks of')),
                        ('created_at', models.DateTimeField()),
                        ('expires_at', models.DateTimeField()),
                        ('answered_at', models.DateTimeField(blank=True, null=True)),
                        ('answer', models.JSONField(blank=True, default=dict)),
                        ('appointment', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='scheduling.appointment')),
                        ('contact_point', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.contactpoint')),
                        ('document', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='protocols.protocoldocument')),
                        ('follow_up', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='scheduling.followup')),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='scheduling.patientlink')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='RestoreHold',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('detected_at', models.DateTimeField()),
                        ('fingerprint_before', models.CharField(max_length=80)),
                        ('fingerprint_now', models.CharField(max_length=80)),
                        ('held', models.PositiveIntegerField(default=0, verbose_name='messages held when it was noticed')),
                        ('outcome', models.CharField(choices=[('waiting', 'Waiting for a person'), ('released', 'Released'), ('discarded', 'Not sent')], default='waiting', max_length=10)),
                        ('decided_at', models.DateTimeField(blank=True, null=True)),
                        ('note', models.CharField(blank=True, max_length=200)),
                        ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['-detected_at'],
                        'indexes': [],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('outcome', 'waiting')), fields=('outcome',), name='one_restore_hold_waits'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('decided_by__isnull', True), ('outcome', 'waiting')), models.Q(('decided_at__isnull', False), ('decided_by__isnull', False), ('outcome__in', ['released', 'discarded'])), _connector='OR'), name='restore_hold_is_decided_by_a_person')],
                    },
                ),
                migrations.CreateModel(
                    name='RestoreHoldEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('detected_at', models.DateTimeField()),
                        ('fingerprint_before', models.CharField(max_length=80)),
                        ('fingerprint_now', models.CharField(max_length=80)),
                        ('held', models.PositiveIntegerField(default=0, verbose_name='messages held when it was noticed')),
                        ('outcome', models.CharField(choices=[('waiting', 'Waiting for a person'), ('released', 'Released'), ('discarded', 'Not sent')], default='waiting', max_length=10)),
                        ('decided_at', models.DateTimeField(blank=True, null=True)),
                        ('note', models.CharField(blank=True, max_length=200)),
                        ('decided_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='scheduling.restorehold')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='StaffAlert',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('key', models.CharField(max_length=80, unique=True)),
                        ('reason', models.CharField(max_length=200)),
                        ('raised_at', models.DateTimeField()),
                        ('level', models.PositiveSmallIntegerField(default=0)),
                        ('climbs_at', models.DateTimeField(blank=True, null=True)),
                        ('acknowledged_at', models.DateTimeField(blank=True, null=True)),
                        ('acknowledged_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='alerts', to='patients.patient')),
                        ('score', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='alerts', to='treatment_sessions.outcomescore')),
                        ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='alerts', to='staff.site')),
                    ],
                    options={
                        'ordering': ['-raised_at'],
                        'indexes': [models.Index(condition=models.Q(('acknowledged_at__isnull', True)), fields=['climbs_at'], name='alert_not_confirmed')],
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('acknowledged_at__isnull', True), ('acknowledged_by__isnull', True), ('climbs_at__isnull', False)), models.Q(('acknowledged_at__isnull', False), ('acknowledged_by__isnull', False), ('climbs_at__isnull', True)), _connector='OR'), name='alert_climbs_until_confirmed'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='alert_says_why')],
                    },
                ),
                migrations.CreateModel(
                    name='StaffAlertEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('key', models.CharField(max_length=80)),
                        ('reason', models.CharField(max_length=200)),
                        ('raised_at', models.DateTimeField()),
                        ('level', models.PositiveSmallIntegerField(default=0)),
                        ('climbs_at', models.DateTimeField(blank=True, null=True)),
                        ('acknowledged_at', models.DateTimeField(blank=True, null=True)),
                        ('acknowledged_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='scheduling.staffalert')),
                        ('score', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.outcomescore')),
                        ('site', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='staff.site')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='StaffNotice',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('level', models.PositiveSmallIntegerField()),
                        ('channel', models.CharField(choices=[('email', 'E-mail'), ('sms', 'Text message')], max_length=5)),
                        ('address', staff.fields.EncryptedTextField()),
                        ('state', models.CharField(choices=[('waiting', 'Waiting'), ('sent', 'Sent'), ('failed', 'Could not be delivered'), ('dropped', 'Not needed any more')], default='waiting', max_length=8)),
                        ('attempts', models.PositiveSmallIntegerField(default=0)),
                        ('lease_until', models.DateTimeField(blank=True, null=True)),
                        ('created_at', models.DateTimeField()),
                        ('sent_at', models.DateTimeField(blank=True, null=True)),
                        ('last_error_code', models.CharField(blank=True, max_length=60)),
                        ('alert', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='notices', to='scheduling.staffalert')),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['created_at', 'pk'],
                        'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['created_at'], name='notice_waiting')],
                        'constraints': [models.UniqueConstraint(fields=('alert', 'user', 'level', 'channel'), name='one_notice_per_person_and_level'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'sent'), _negated=True), ('sent_at__isnull', False), _connector='OR'), name='sent_notice_has_a_time')],
                    },
                ),
                migrations.CreateModel(
                    name='StaffNoticeEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('level', models.PositiveSmallIntegerField()),
                        ('channel', models.CharField(choices=[('email', 'E-mail'), ('sms', 'Text message')], max_length=5)),
                        ('address', staff.fields.EncryptedTextField()),
                        ('state', models.CharField(choices=[('waiting', 'Waiting'), ('sent', 'Sent'), ('failed', 'Could not be delivered'), ('dropped', 'Not needed any more')], default='waiting', max_length=8)),
                        ('attempts', models.PositiveSmallIntegerField(default=0)),
                        ('created_at', models.DateTimeField()),
                        ('sent_at', models.DateTimeField(blank=True, null=True)),
                        ('last_error_code', models.CharField(blank=True, max_length=60)),
                        ('alert', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='scheduling.staffalert')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='scheduling.staffnotice')),
                        ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='SpacingDecision',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('ordinal', models.PositiveSmallIntegerField()),
                        ('hours', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('in_seven_days', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('lost', models.CharField(max_length=300)),
                        ('reason', models.CharField(max_length=200)),
                        ('decided_at', models.DateTimeField()),
                        ('decided_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('series', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='spacing_decisions', to='scheduling.treatmentseries')),
                    ],
                    options={
                        'ordering': ['series', 'ordinal', 'pk'],
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('reason', ''), _negated=True), ('ordinal__gte', 1)), name='spacing_decision_says_why'), models.CheckConstraint(condition=models.Q(models.Q(('hours__isnull', False), ('hours__lt', 36)), models.Q(('in_seven_days__gt', 3), ('in_seven_days__isnull', False)), _connector='OR'), name='spacing_decision_is_about_something')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='SeriesSwitch',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('reason', models.CharField(max_length=300)),
                        ('diff', models.JSONField()),
                        ('sha256', models.CharField(max_length=64)),
                        ('infusions', models.PositiveSmallIntegerField()),
                        ('delivered_mg', models.DecimalField(decimal_places=2, max_digits=8)),
                        ('last_infusion_at', models.DateTimeField(blank=True, null=True)),
                        ('decided_at', models.DateTimeField()),
                        ('decided_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('from_series', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='switched_to', to='scheduling.treatmentseries')),
                        ('to_series', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='switched_from', to='scheduling.treatmentseries')),
                    ],
                    options={
                        'verbose_name_plural': 'series switches',
                        'ordering': ['-decided_at', '-pk'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='switch_says_why'), models.CheckConstraint(condition=models.Q(('sha256__regex', '^[0-9a-f]{64}$')), name='switch_names_its_diff'), models.CheckConstraint(condition=models.Q(('from_series', models.F('to_series')), _negated=True), name='switch_between_two'), models.CheckConstraint(condition=models.Q(models.Q(('infusions', 0), ('last_infusion_at__isnull', True)), models.Q(('infusions__gt', 0), ('last_infusion_at__isnull', False)), _connector='OR'), name='switch_knows_the_last_infusion')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='ProviderReport',
                    fields=[
                        ('key', models.CharField(max_length=80, primary_key=True, serialize=False)),
                        ('body_sha256', models.CharField(max_length=64)),
                        ('received_at', models.DateTimeField(db_index=True)),
                    ],
                    options={
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='DayClosing',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('day', models.DateField()),
                        ('closed_at', models.DateTimeField()),
                        ('items', models.JSONField(default=list)),
                        ('closed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='day_closings', to='staff.site')),
                        ('operator', models.CharField(blank=True, default='', max_length=60, verbose_name='account on the server that closed it')),
                    ],
                    options={
                        'ordering': ['-day'],
                        'constraints': [models.UniqueConstraint(fields=('site', 'day'), name='one_closing_per_site_and_day')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='DaySheet',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('day', models.DateField()),
                        ('made_at', models.DateTimeField()),
                        ('visits', models.PositiveSmallIntegerField()),
                        ('html', models.TextField()),
                        ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='day_sheets', to='staff.site')),
                    ],
                    options={
                        'ordering': ['-day'],
                        'constraints': [models.UniqueConstraint(fields=('site', 'day'), name='one_day_sheet_per_site_and_day'), models.CheckConstraint(condition=models.Q(('html', ''), _negated=True), name='day_sheet_is_not_empty')],
                        'indexes': [],
                    },
                ),
            ],
        ),
        migrations.RunSQL(BOOKINGS_AND_NO_THERAPY_GUARDS, BOOKINGS_AND_NO_THERAPY_GUARDS_BACKWARD),
        migrations.RunSQL(WINDOWS_REST_ON_THEIR_SIGNATURE, WINDOWS_REST_ON_THEIR_SIGNATURE_BACKWARD),
        migrations.RunSQL(WINDOW_KEEPS_TO_THE_STATED_TIME, WINDOW_KEEPS_TO_THE_STATED_TIME_BACKWARD),
        migrations.RunSQL(VERSION_MOVES, VERSION_MOVES_BACKWARD),
        migrations.RunSQL(CLOSE_INFUSIONS_NEED_A_REASON, CLOSE_INFUSIONS_NEED_A_REASON_BACKWARD),
        migrations.RunSQL(SERIES_SWITCHES, SERIES_SWITCHES_BACKWARD),
        migrations.RunSQL(NO_THERAPY_WHILE_NOT_FIT, NO_THERAPY_WHILE_NOT_FIT_BACKWARD),
        migrations.RunSQL(DAY_SHEETS_AND_CLOSINGS, DAY_SHEETS_AND_CLOSINGS_BACKWARD),
        migrations.RunSQL(STAFFING, STAFFING_BACKWARD),
        migrations.RunSQL(GATE_ITEMS, GATE_ITEMS_BACKWARD),
        migrations.RunSQL(PEOPLE_WHO_LEFT_ARE_NOT_BOOKED_1, PEOPLE_WHO_LEFT_ARE_NOT_BOOKED_1_BACKWARD),
        migrations.RunSQL(PEOPLE_WHO_LEFT_ARE_NOT_BOOKED_2, PEOPLE_WHO_LEFT_ARE_NOT_BOOKED_2_BACKWARD),
        migrations.RunSQL(ELIGIBILITY_RUNS_OUT, ELIGIBILITY_RUNS_OUT_BACKWARD),
    ]
