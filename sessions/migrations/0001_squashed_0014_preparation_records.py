"""Every table and rule of this app as of 0014_preparation_records, made in one step on a new database.

A database that went through the single steps keeps them: Django counts this one as done there.
"""

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.text
import django.db.models.lookups
import staff.fields
import staff.migration_operations
import uuid
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models

# Clinical rows are written once. What may still change is being withdrawn, superseded or completed, once each.
RECORDS_ARE_FIXED = """
-- Compares two versions of a row, leaving out the columns named as arguments; those may go from NULL or '' once.
CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before_row jsonb;
    after_row jsonb;
    name text;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'clinical rows of % are not deleted', TG_TABLE_NAME
            USING ERRCODE = 'check_violation', CONSTRAINT = 'clinical_record_is_fixed';
    END IF;
    before_row := to_jsonb(OLD);
    after_row := to_jsonb(NEW);
    FOREACH name IN ARRAY TG_ARGV LOOP
        IF before_row -> name <> 'null'::jsonb AND before_row -> name <> '""'::jsonb
           AND before_row -> name IS DISTINCT FROM after_row -> name THEN
            RAISE EXCEPTION '%.% is set once', TG_TABLE_NAME, name
                USING ERRCODE = 'check_violation', CONSTRAINT = 'clinical_record_is_fixed';
        END IF;
        before_row := before_row - name;
        after_row := after_row - name;
    END LOOP;
    IF before_row IS DISTINCT FROM after_row THEN
        RAISE EXCEPTION 'rows of % are amended by new rows, not edited', TG_TABLE_NAME
            USING ERRCODE = 'check_violation', CONSTRAINT = 'clinical_record_is_fixed';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_pumpevent
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('withdrawn_at', 'withdrawn_by_id', 'withdrawn_reason');
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_vitalsigns
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('withdrawn_at', 'withdrawn_by_id');
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_preinfusioncheck
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('superseded_at');
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_criterionresult
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('superseded_at');
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_clearanceestimate
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('superseded_at');
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_measuredlevel
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_signoff
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('superseded_at', 'override_voided_at');
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_adverseevent
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('resolved_at');
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_safetycontact
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_consent
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('withdrawn_at');
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_educationrecord
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_outcomescore
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_integrationsession
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('completed_at', 'inside_no_therapy_at');
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_integrationnote
    FOR EACH ROW WHEN (OLD.signed_at IS NOT NULL) EXECUTE FUNCTION refuse_rewriting();

-- After the signature an infusion keeps its text; an amended pump log may still correct what derives from it.
CREATE FUNCTION protect_signed_infusion() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    derived text[] := ARRAY['started_at', 'stopped_at', 'delivered_mg', 'version', 'stated_delay_hours',
                            'stated_delay_reason'];
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'infusion records are not deleted'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'signed_record_is_fixed';
    END IF;
    IF (to_jsonb(OLD) - derived) IS DISTINCT FROM (to_jsonb(NEW) - derived) THEN
        RAISE EXCEPTION 'a signed infusion record is amended, not edited'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'signed_record_is_fixed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER signed_record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_infusion
    FOR EACH ROW WHEN (OLD.status = 'signed-off') EXECUTE FUNCTION protect_signed_infusion();

-- An infusion is signed off only with a current signature beside it, and a signature only on a stopped infusion.
CREATE FUNCTION signed_needs_signature() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM treatment_sessions_signoff s
                   WHERE s.infusion_id = NEW.id AND s.superseded_at IS NULL) THEN
        RAISE EXCEPTION 'no signature for this infusion'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'signed_off_needs_a_signature';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER signed_off_needs_a_signature AFTER INSERT OR UPDATE OF status ON treatment_sessions_infusion
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.status = 'signed-off')
    EXECUTE FUNCTION signed_needs_signature();

CREATE FUNCTION signature_follows_stop() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM treatment_sessions_infusion i
                   WHERE i.id = NEW.infusion_id AND i.stopped_at IS NOT NULL AND i.stopped_at <= NEW.t_sign) THEN
        RAISE EXCEPTION 'ready to leave cannot precede the stop of the pump'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'sign_off_after_pump_stop';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sign_off_after_pump_stop BEFORE INSERT ON treatment_sessions_signoff
    FOR EACH ROW EXECUTE FUNCTION signature_follows_stop();
"""


RECORDS_ARE_FIXED_BACKWARD = """
DROP TRIGGER sign_off_after_pump_stop ON treatment_sessions_signoff;
DROP FUNCTION signature_follows_stop();
DROP TRIGGER signed_off_needs_a_signature ON treatment_sessions_infusion;
DROP FUNCTION signed_needs_signature();
DROP TRIGGER signed_record_is_fixed ON treatment_sessions_infusion;
DROP FUNCTION protect_signed_infusion();
DROP TRIGGER record_is_fixed ON treatment_sessions_pumpevent;
DROP TRIGGER record_is_fixed ON treatment_sessions_vitalsigns;
DROP TRIGGER record_is_fixed ON treatment_sessions_preinfusioncheck;
DROP TRIGGER record_is_fixed ON treatment_sessions_criterionresult;
DROP TRIGGER record_is_fixed ON treatment_sessions_clearanceestimate;
DROP TRIGGER record_is_fixed ON treatment_sessions_measuredlevel;
DROP TRIGGER record_is_fixed ON treatment_sessions_signoff;
DROP TRIGGER record_is_fixed ON treatment_sessions_adverseevent;
DROP TRIGGER record_is_fixed ON treatment_sessions_safetycontact;
DROP TRIGGER record_is_fixed ON treatment_sessions_consent;
DROP TRIGGER record_is_fixed ON treatment_sessions_educationrecord;
DROP TRIGGER record_is_fixed ON treatment_sessions_outcomescore;
DROP TRIGGER record_is_fixed ON treatment_sessions_integrationsession;
DROP TRIGGER record_is_fixed ON treatment_sessions_integrationnote;
DROP FUNCTION refuse_rewriting();
"""


# Struck levels and adverse events stay readable; a stated therapy time keeps to its limits (decisions 1.4).
#
# A signature may name an earlier time than the estimate only with a second person, and not before the median, unless it
# rests on a measured level of this infusion: drawn after the pump stopped, below the threshold, not struck. Where no
# estimate stands, a signature states the time.
THERAPY_TIME_LIMITS = """
DROP TRIGGER record_is_fixed ON treatment_sessions_measuredlevel;
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_measuredlevel
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('withdrawn_at', 'withdrawn_by_id', 'withdrawn_reason');
DROP TRIGGER record_is_fixed ON treatment_sessions_adverseevent;
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_adverseevent
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('resolved_at', 'withdrawn_at', 'withdrawn_by_id', 'withdrawn_reason');

CREATE FUNCTION stated_time_within_limits() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    e record;
    drawn timestamptz;
BEGIN
    SELECT t_pk, p50_at, threshold_ng_ml INTO e FROM treatment_sessions_clearanceestimate
    WHERE infusion_id = NEW.infusion_id AND superseded_at IS NULL;
    IF e.t_pk IS NULL THEN
        IF NEW.override_to IS NULL THEN
            RAISE EXCEPTION 'without an estimate the signature states when therapy may begin'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'no_estimate_needs_a_stated_time';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.override_to IS NULL OR NEW.override_to >= e.t_pk THEN RETURN NEW; END IF;
    IF NEW.second_person_id IS NULL THEN
        RAISE EXCEPTION 'an earlier therapy time needs a second person'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'advance_needs_a_second_person';
    END IF;
    SELECT l.observed_at INTO drawn FROM treatment_sessions_measuredlevel l
    JOIN treatment_sessions_infusion i ON i.id = l.infusion_id
    WHERE l.id = NEW.override_level_id AND l.infusion_id = NEW.infusion_id AND l.withdrawn_at IS NULL
      AND l.observed_at > i.stopped_at AND l.ketamine_ng_ml < e.threshold_ng_ml;
    IF NEW.override_to < coalesce(drawn, e.p50_at, e.t_pk) THEN
        RAISE EXCEPTION 'an earlier therapy time is limited by the median, or by a measured level'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'advance_not_before_median_or_level';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stated_time_within_limits BEFORE INSERT ON treatment_sessions_signoff
    FOR EACH ROW EXECUTE FUNCTION stated_time_within_limits();
"""


THERAPY_TIME_LIMITS_BACKWARD = """
DROP TRIGGER stated_time_within_limits ON treatment_sessions_signoff;
DROP FUNCTION stated_time_within_limits();
DROP TRIGGER record_is_fixed ON treatment_sessions_adverseevent;
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_adverseevent
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('resolved_at');
DROP TRIGGER record_is_fixed ON treatment_sessions_measuredlevel;
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_measuredlevel
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
"""


# Signed reviews of a course; the next infusion starts only when the one it waits for lets it go on.
COURSE_REVIEWS = """
-- As before, but a table without exceptions (TG_ARGV is null then) refuses in words, too.
CREATE OR REPLACE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before_row jsonb;
    after_row jsonb;
    name text;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'clinical rows of % are not deleted', TG_TABLE_NAME
            USING ERRCODE = 'check_violation', CONSTRAINT = 'clinical_record_is_fixed';
    END IF;
    before_row := to_jsonb(OLD);
    after_row := to_jsonb(NEW);
    FOREACH name IN ARRAY coalesce(TG_ARGV, '{}'::text[]) LOOP
        IF before_row -> name <> 'null'::jsonb AND before_row -> name <> '""'::jsonb
           AND before_row -> name IS DISTINCT FROM after_row -> name THEN
            RAISE EXCEPTION '%.% is set once', TG_TABLE_NAME, name
                USING ERRCODE = 'check_violation', CONSTRAINT = 'clinical_record_is_fixed';
        END IF;
        before_row := before_row - name;
        after_row := after_row - name;
    END LOOP;
    IF before_row IS DISTINCT FROM after_row THEN
        RAISE EXCEPTION 'rows of % are amended by new rows, not edited', TG_TABLE_NAME
            USING ERRCODE = 'check_violation', CONSTRAINT = 'clinical_record_is_fixed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_coursereview
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();

-- The same rule as protocols/review_points.py; a test compares the two.
CREATE FUNCTION is_review_point(def jsonb, after int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    points jsonb := def->'reviews';
    part jsonb;
    parts int := jsonb_array_length(def->'phases');
    number int := 0;
    seen int := 0;
    place int := 0;
    here int;
    total int;
    every int;
BEGIN
    IF points IS NULL OR after < 1 THEN RETURN false; END IF;
    SELECT coalesce(sum((p->>'visits')::int), 0) INTO total FROM jsonb_array_elements(def->'phases') p;
    IF coalesce(points->'after_infusions', '[]'::jsonb) @> to_jsonb(after)
        OR (coalesce((points->>'at_end')::boolean, false) AND after >= total) THEN
        RETURN true;
    END IF;
    every := (points->>'every_maintenance')::int;
    IF every IS NULL THEN RETURN false; END IF;
    FOR part IN SELECT value FROM jsonb_array_elements(def->'phases') LOOP
        number := number + 1;
        here := greatest(0, after - seen);
        IF number < parts THEN here := least((part->>'visits')::int, here); END IF;
        IF coalesce((part->>'maintenance')::boolean, false) THEN place := place + here; END IF;
        seen := seen + (part->>'visits')::int;
        IF after <= seen OR number = parts THEN
            RETURN coalesce((part->>'maintenance')::boolean, false) AND place > 0 AND place % every = 0;
        END IF;
    END LOOP;
    RETURN false;
END $$;

CREATE FUNCTION review_lets_go_on(p_course uuid, p_after int) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT r.decision <> 'stop' FROM treatment_sessions_coursereview r
        WHERE r.course = p_course AND r.after_ordinal = p_after ORDER BY r.id DESC LIMIT 1), false)
$$;

CREATE FUNCTION start_waits_for_review() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    i record;
    earlier record;
    k int;
BEGIN
    SELECT f.id, f.patient_id, f.course, f.ordinal, v.definition INTO i
        FROM treatment_sessions_infusion f JOIN protocols_protocolversion v ON v.id = f.protocol_version_id
        WHERE f.id = NEW.infusion_id;
    -- A start that was recorded before is only corrected now: what happened stays storable.
    IF i.course IS NULL OR EXISTS (SELECT 1 FROM treatment_sessions_pumpevent e
        WHERE e.infusion_id = NEW.infusion_id AND e.kind = 'start') THEN
        RETURN NEW;
    END IF;
    FOR k IN REVERSE i.ordinal - 1 .. 1 LOOP
        IF is_review_point(i.definition, k) THEN
            IF NOT review_lets_go_on(i.course, k) THEN
                RAISE EXCEPTION 'the review after infusion % is not signed, or says stop', k
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'next_infusion_is_reviewed';
            END IF;
            EXIT;
        END IF;
    END LOOP;
    SELECT f.course, f.ordinal, v.definition INTO earlier
        FROM treatment_sessions_infusion f JOIN protocols_protocolversion v ON v.id = f.protocol_version_id
        WHERE f.patient_id = i.patient_id AND f.course <> i.course AND f.started_at IS NOT NULL
        ORDER BY f.started_at DESC LIMIT 1;
    IF earlier.course IS NOT NULL AND is_review_point(earlier.definition, earlier.ordinal)
        AND NOT review_lets_go_on(earlier.course, earlier.ordinal) THEN
        RAISE EXCEPTION 'the review at the end of the course before is not signed, or says stop'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'next_infusion_is_reviewed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER next_infusion_is_reviewed BEFORE INSERT ON treatment_sessions_pumpevent
    FOR EACH ROW WHEN (NEW.kind = 'start') EXECUTE FUNCTION start_waits_for_review();
"""


COURSE_REVIEWS_BACKWARD = """
DROP TRIGGER next_infusion_is_reviewed ON treatment_sessions_pumpevent;
DROP FUNCTION start_waits_for_review();
DROP FUNCTION review_lets_go_on(uuid, int);
DROP FUNCTION is_review_point(jsonb, int);
DROP TRIGGER record_is_fixed ON treatment_sessions_coursereview;
"""


# Rows of the day are written once; no start while infusions are on hold; no signature without an ending.
DAY_RULES = """
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_givendrug FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('withdrawn_at', 'withdrawn_by_id', 'withdrawn_reason');
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_baguse FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('superseded_at');
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_orderrenewal FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_disposition FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('superseded_at');
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_endingassessment FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_treatmenthold FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('released_at', 'released_by_id', 'released_reason');
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_chairnote
    FOR EACH ROW WHEN (OLD.finished_at IS NOT NULL) EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_handover
    FOR EACH ROW WHEN (OLD.accepted_at IS NOT NULL OR OLD.withdrawn_at IS NOT NULL)
    EXECUTE FUNCTION refuse_rewriting();

-- Another visit of the patient raised a hold before this start, and no prescriber has let go of it.
CREATE FUNCTION start_waits_for_holds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM treatment_sessions_treatmenthold h
               WHERE h.patient_id = NEW.patient_id AND h.infusion_id <> NEW.id
                 AND h.released_at IS NULL AND h.raised_at <= NEW.started_at) THEN
        RAISE EXCEPTION 'infusions of this patient are on hold'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'infusion_start_waits_for_holds';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER infusion_start_waits_for_holds BEFORE UPDATE OF started_at ON treatment_sessions_infusion
    FOR EACH ROW WHEN (OLD.started_at IS NULL AND NEW.started_at IS NOT NULL)
    EXECUTE FUNCTION start_waits_for_holds();

-- Every signed visit has its one ending; an unplanned one was assessed, and after a death no window opens.
CREATE FUNCTION signature_needs_an_ending() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ending text;
BEGIN
    SELECT d.outcome INTO ending FROM treatment_sessions_disposition d
     WHERE d.infusion_id = NEW.infusion_id AND d.superseded_at IS NULL;
    IF ending IS NULL
       OR (ending <> 'discharged' AND NOT EXISTS (SELECT 1 FROM treatment_sessions_endingassessment a
                                                  WHERE a.infusion_id = NEW.infusion_id))
       OR (ending = 'died' AND NEW.opens_window) THEN
        RAISE EXCEPTION 'the ending of this visit is missing or was not assessed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'sign_off_needs_an_ending';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sign_off_needs_an_ending BEFORE INSERT ON treatment_sessions_signoff
    FOR EACH ROW EXECUTE FUNCTION signature_needs_an_ending();
"""


DAY_RULES_BACKWARD = """
DROP TRIGGER sign_off_needs_an_ending ON treatment_sessions_signoff;
DROP FUNCTION signature_needs_an_ending();
DROP TRIGGER infusion_start_waits_for_holds ON treatment_sessions_infusion;
DROP FUNCTION start_waits_for_holds();
DROP TRIGGER record_is_fixed ON treatment_sessions_givendrug;
DROP TRIGGER record_is_fixed ON treatment_sessions_baguse;
DROP TRIGGER record_is_fixed ON treatment_sessions_orderrenewal;
DROP TRIGGER record_is_fixed ON treatment_sessions_disposition;
DROP TRIGGER record_is_fixed ON treatment_sessions_endingassessment;
DROP TRIGGER record_is_fixed ON treatment_sessions_treatmenthold;
DROP TRIGGER record_is_fixed ON treatment_sessions_chairnote;
DROP TRIGGER record_is_fixed ON treatment_sessions_handover;
"""


# Nights, progress and private notes are written once; a private note belongs to the therapist of its session.
NIGHTS_AND_PRIVATE_NOTES_ARE_FIXED = """
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_nightreport
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('superseded_at');
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_progressreport
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_privatenote
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_privatenotereading
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();

-- Written by the therapist of that session and nobody else; a correction is of a note of the same session and author.
CREATE FUNCTION private_note_is_own() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM treatment_sessions_integrationsession s
                   WHERE s.id = NEW.session_id AND s.therapist_id = NEW.author_id) THEN
        RAISE EXCEPTION 'a private note is written by the therapist of its session'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'private_note_is_own';
    END IF;
    IF NEW.replaces_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM treatment_sessions_privatenote n
        WHERE n.id = NEW.replaces_id AND n.session_id = NEW.session_id AND n.author_id = NEW.author_id) THEN
        RAISE EXCEPTION 'a private note replaces one of the same session and author'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'private_note_is_own';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER private_note_is_own BEFORE INSERT ON treatment_sessions_privatenote
    FOR EACH ROW EXECUTE FUNCTION private_note_is_own();

-- A reading names the author of the note: nobody else opens one.
CREATE FUNCTION private_note_read_by_author() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM treatment_sessions_privatenote n
                   WHERE n.id = NEW.note_id AND n.author_id = NEW.reader_id) THEN
        RAISE EXCEPTION 'a private note is read by its author'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'private_note_is_own';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER private_note_read_by_author BEFORE INSERT ON treatment_sessions_privatenotereading
    FOR EACH ROW EXECUTE FUNCTION private_note_read_by_author();
"""


NIGHTS_AND_PRIVATE_NOTES_ARE_FIXED_BACKWARD = """
DROP TRIGGER private_note_read_by_author ON treatment_sessions_privatenotereading;
DROP FUNCTION private_note_read_by_author();
DROP TRIGGER private_note_is_own ON treatment_sessions_privatenote;
DROP FUNCTION private_note_is_own();
DROP TRIGGER record_is_fixed ON treatment_sessions_nightreport;
DROP TRIGGER record_is_fixed ON treatment_sessions_progressreport;
DROP TRIGGER record_is_fixed ON treatment_sessions_privatenote;
DROP TRIGGER record_is_fixed ON treatment_sessions_privatenotereading;
"""


GATES_AND_ELIGIBILITY_1 = """
ALTER TABLE treatment_sessions_infusion DISABLE TRIGGER USER;
UPDATE treatment_sessions_infusion SET order_weight_kg = weight_kg WHERE ordered_mg IS NOT NULL;
ALTER TABLE treatment_sessions_infusion ENABLE TRIGGER USER;
"""


GATES_AND_ELIGIBILITY_2 = """
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_gateanswer
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('superseded_at', 'infusion_id');
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_eligibilitysignoff
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('superseded_at', 'withdrawn_at', 'withdrawn_by_id',
                                                   'withdrawn_reason');

-- A pump starts only when every hard gate that the site had when the patient arrived is met, overridden, or does not
-- apply.
CREATE FUNCTION hard_site_gates_answered() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    words text;
BEGIN
    SELECT g.label INTO words FROM treatment_sessions_sitegate g
        WHERE g.site_id = NEW.site_id AND g.hard AND g.created_at <= NEW.arrived_at
          AND (g.retired_at IS NULL OR g.retired_at > NEW.arrived_at)
          AND NOT EXISTS (SELECT 1 FROM treatment_sessions_gateanswer a
                          WHERE a.infusion_id = NEW.id AND a.gate = 'site:' || g.code::text
                            AND a.superseded_at IS NULL AND a.outcome <> 'open')
        LIMIT 1;
    IF words IS NOT NULL THEN
        RAISE EXCEPTION 'not met: %', words
            USING ERRCODE = 'check_violation', CONSTRAINT = 'site_gates_before_start';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER site_gates_before_start BEFORE UPDATE ON treatment_sessions_infusion
    FOR EACH ROW WHEN (OLD.started_at IS NULL AND NEW.started_at IS NOT NULL)
    EXECUTE FUNCTION hard_site_gates_answered();
"""


GATES_AND_ELIGIBILITY_2_BACKWARD = """
DROP TRIGGER site_gates_before_start ON treatment_sessions_infusion;
DROP FUNCTION hard_site_gates_answered();
DROP TRIGGER record_is_fixed ON treatment_sessions_eligibilitysignoff;
DROP TRIGGER record_is_fixed ON treatment_sessions_gateanswer;
"""


# A wrong weight is corrected after the start by a second person; the dose stays a fact.
WEIGHT_CORRECTIONS = """
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_weightcorrection
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('superseded_at');

-- Weighed and corrected by two people, and only once the pump has run: before that the patient is weighed again.
CREATE FUNCTION weight_is_corrected_by_another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM treatment_sessions_infusion i
                   WHERE i.id = NEW.infusion_id AND i.started_at IS NOT NULL
                     AND i.weighed_by_id IS DISTINCT FROM NEW.entered_by_id
                     AND i.weight_kg = NEW.recorded_kg) THEN
        RAISE EXCEPTION 'a weight is corrected after the start, by another person than who weighed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'weight_is_corrected_by_another';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER weight_is_corrected_by_another BEFORE INSERT ON treatment_sessions_weightcorrection
    FOR EACH ROW EXECUTE FUNCTION weight_is_corrected_by_another();
"""


WEIGHT_CORRECTIONS_BACKWARD = """
DROP TRIGGER weight_is_corrected_by_another ON treatment_sessions_weightcorrection;
DROP FUNCTION weight_is_corrected_by_another();
DROP TRIGGER record_is_fixed ON treatment_sessions_weightcorrection;
"""


# Coded reasons for an order that is weaker than what was studied.
ORDER_REASONS = """
ALTER TABLE treatment_sessions_infusion DISABLE TRIGGER USER;
UPDATE treatment_sessions_infusion SET order_low_reason = 'not-stated'
    WHERE ordered_mg < order_weight_kg * 0.49;
ALTER TABLE treatment_sessions_infusion ENABLE TRIGGER USER;
"""


# Who signed a consent: the patient, or a legal representative by name.
CONSENT_SIGNERS = """
CREATE FUNCTION consent_signer_represents() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM patients_legalrepresentative r
                   WHERE r.id = NEW.representative_id AND r.patient_id = NEW.patient_id
                     AND (r.ended_at IS NULL OR r.ended_at > NEW.recorded_at)) THEN
        RAISE EXCEPTION 'this person does not sign for the patient'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'consent_signer_represents_the_patient';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER consent_signer_represents_the_patient BEFORE INSERT ON treatment_sessions_consent
    FOR EACH ROW WHEN (NEW.representative_id IS NOT NULL) EXECUTE FUNCTION consent_signer_represents();
"""


CONSENT_SIGNERS_BACKWARD = """
DROP TRIGGER consent_signer_represents_the_patient ON treatment_sessions_consent;
DROP FUNCTION consent_signer_represents();
"""


# What the preparation visit before the first infusion agreed.
PREPARATION_RECORDS = """
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_preparationrecord
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
"""


PREPARATION_RECORDS_BACKWARD = """
DROP TRIGGER record_is_fixed ON treatment_sessions_preparationrecord;
"""


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ('treatment_sessions', '0001_initial'),
        ('treatment_sessions', '0002_records_are_fixed'),
        ('treatment_sessions', '0003_withheld_estimates_and_struck_levels'),
        ('treatment_sessions', '0004_therapy_time_limits'),
        ('treatment_sessions', '0005_course_reviews'),
        ('treatment_sessions', '0006_the_infusion_day'),
        ('treatment_sessions', '0007_day_rules'),
        ('treatment_sessions', '0008_nights_progress_and_private_notes'),
        ('treatment_sessions', '0009_nights_and_private_notes_are_fixed'),
        ('treatment_sessions', '0010_gates_and_eligibility'),
        ('treatment_sessions', '0011_weight_corrections'),
        ('treatment_sessions', '0012_order_reasons'),
        ('treatment_sessions', '0013_consent_signers'),
        ('treatment_sessions', '0014_preparation_records'),
    ]

    dependencies = [
        ('patients', '0001_squashed_0007_legal_representatives'),
        ('pghistory', '0007_auto_20250421_0444'),
        ('protocols', '0001_squashed_0008_outside_reviews'),
        ('staff', '0001_squashed_0004_people_kept_by_the_clinic'),
    ]

    operations = [
        staff.migration_operations.CreateModels(
            models=[
                migrations.CreateModel(
                    name='Consent',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('given_at', models.DateTimeField()),
                        ('valid_until', models.DateTimeField()),
                        ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                        ('recorded_at', models.DateTimeField()),
                        ('document', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='consents', to='protocols.protocoldocument')),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='consents', to='patients.patient')),
                        ('recorded_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('relationship', models.CharField(blank=True, max_length=60)),
                        ('representative', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='consents', to='patients.legalrepresentative')),
                        ('signed_by_name', models.CharField(blank=True, max_length=120)),
                    ],
                    options={
                        'ordering': ['-given_at'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('valid_until__gt', models.F('given_at'))), name='consent_valid_after_given'), models.CheckConstraint(condition=models.Q(('withdrawn_at__isnull', True), ('withdrawn_at__gte', models.F('given_at')), _connector='OR'), name='consent_withdrawn_after_given'), models.CheckConstraint(condition=models.Q(models.Q(('relationship', ''), ('representative__isnull', True), ('signed_by_name', '')), models.Q(('representative__isnull', False), models.Q(('signed_by_name', ''), _negated=True), models.Q(('relationship', ''), _negated=True)), _connector='OR'), name='consent_says_who_signed')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='EducationRecord',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('taught_at', models.DateTimeField()),
                        ('experience_not_needed', models.BooleanField()),
                        ('work_happens_afterwards', models.BooleanField()),
                        ('no_driving_understood', models.BooleanField()),
                        ('recorded_at', models.DateTimeField()),
                        ('document', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='education_records', to='protocols.protocoldocument')),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='education_records', to='patients.patient')),
                        ('recorded_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['-taught_at'],
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='Infusion',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('ordinal', models.PositiveSmallIntegerField()),
                        ('status', models.CharField(choices=[('arrived', 'Arrived'), ('ready', 'Ready to start'), ('infusing', 'Infusion running'), ('paused', 'Infusion paused'), ('recovering', 'Recovering'), ('signed-off', 'Signed off'), ('not-given', 'Not given')], default='arrived', max_length=10)),
                        ('chair', models.CharField(max_length=60)),
                        ('arrived_at', models.DateTimeField()),
                        ('planned_start', models.DateTimeField()),
                        ('weight_kg', models.DecimalField(blank=True, decimal_places=1, max_digits=5, null=True)),
                        ('weighed_at', models.DateTimeField(blank=True, null=True)),
                        ('ordered_mg', models.DecimalField(blank=True, decimal_places=1, max_digits=5, null=True)),
                        ('bag_mg_per_ml', models.DecimalField(blank=True, decimal_places=3, max_digits=6, null=True)),
                        ('ordered_at', models.DateTimeField(blank=True, null=True)),
                        ('started_at', models.DateTimeField(blank=True, null=True)),
                        ('stopped_at', models.DateTimeField(blank=True, null=True)),
                        ('delivered_mg', models.DecimalField(blank=True, decimal_places=2, max_digits=6, null=True)),
                        ('stated_delay_hours', models.DecimalField(blank=True, decimal_places=1, max_digits=4, null=True)),
                        ('stated_delay_reason', models.CharField(blank=True, max_length=200)),
                        ('not_given_reason', models.CharField(blank=True, max_length=200)),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('opened_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('order_cosigned_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('ordered_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='infusions', to='patients.patient')),
                        ('protocol_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='infusions', to='protocols.protocolversion')),
                        ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='infusions', to='staff.site')),
                        ('weighed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('weight_confirmed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('course', models.UUIDField(blank=True, null=True)),
                        ('order_weight_kg', models.DecimalField(blank=True, decimal_places=1, max_digits=5, null=True)),
                        ('order_low_reason', models.CharField(blank=True, max_length=16)),
                        ('order_minutes', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('order_route', models.CharField(blank=True, max_length=10)),
                        ('order_route_reason', models.CharField(blank=True, max_length=16)),
                        ('order_short_reason', models.CharField(blank=True, max_length=16)),
                    ],
                    options={
                        'ordering': ['-planned_start'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['arrived', 'ready', 'infusing', 'paused', 'recovering', 'signed-off', 'not-given'])), name='infusion_status_known'), models.CheckConstraint(condition=models.Q(('weight_kg__isnull', True), models.Q(('weight_kg__gte', 20), ('weight_kg__lte', 350)), _connector='OR'), name='infusion_weight_in_range'), models.CheckConstraint(condition=models.Q(('ordered_mg__isnull', True), models.Q(('ordered_mg__gt', 0), ('ordered_mg__lte', 200)), _connector='OR'), name='infusion_order_in_range'), models.CheckConstraint(condition=models.Q(('bag_mg_per_ml__isnull', True), models.Q(('bag_mg_per_ml__gt', 0), ('bag_mg_per_ml__lte', 100)), _connector='OR'), name='infusion_bag_in_range'), models.CheckConstraint(condition=models.Q(('delivered_mg__isnull', True), models.Q(('delivered_mg__gte', 0), ('delivered_mg__lte', 250)), _connector='OR'), name='infusion_delivered_in_range'), models.CheckConstraint(condition=models.Q(('stopped_at__isnull', True), models.Q(('started_at__isnull', False), ('stopped_at__gte', models.F('started_at'))), _connector='OR'), name='infusion_stops_after_start'), models.CheckConstraint(condition=models.Q(models.Q(('started_at__isnull', True), ('status__in', ['arrived', 'ready', 'not-given'])), models.Q(('started_at__isnull', False), ('status__in', ['infusing', 'paused']), ('stopped_at__isnull', True)), models.Q(('started_at__isnull', False), ('status__in', ['recovering', 'signed-off']), ('stopped_at__isnull', False)), _connector='OR'), name='infusion_status_fits_times'), models.CheckConstraint(condition=models.Q(('started_at__isnull', True), models.Q(('ordered_by__isnull', False), ('ordered_mg__isnull', False), ('weight_kg__isnull', False)), _connector='OR'), name='infusion_starts_with_weight_and_order'), models.CheckConstraint(condition=models.Q(('order_cosigned_by__isnull', True), models.Q(('order_cosigned_by', models.F('ordered_by')), _negated=True), _connector='OR'), name='infusion_cosigner_is_another_person'), models.UniqueConstraint(condition=models.Q(('status__in', ['arrived', 'ready', 'infusing', 'paused'])), fields=('patient',), name='one_infusion_in_progress_per_patient'), models.CheckConstraint(condition=models.Q(('started_at__isnull', True), models.Q(('order_weight_kg__isnull', False), ('weight_kg__gte', django.db.models.expressions.CombinedExpression(models.F('order_weight_kg'), '*', models.Value(Decimal('0.95')))), ('weight_kg__lte', django.db.models.expressions.CombinedExpression(models.F('order_weight_kg'), '*', models.Value(Decimal('1.05'))))), _connector='OR'), name='infusion_weight_fits_the_order'), models.CheckConstraint(condition=models.Q(('started_at__isnull', True), models.Q(('order_low_reason', ''), _negated=True), ('ordered_mg__gte', django.db.models.expressions.CombinedExpression(models.F('order_weight_kg'), '*', models.Value(Decimal('0.49')))), _connector='OR'), name='low_order_has_a_reason'), models.CheckConstraint(condition=models.Q(('order_minutes__isnull', True), models.Q(('order_minutes__gte', 40), ('order_minutes__lte', 100)), models.Q(('order_minutes__gte', 30), ('order_minutes__lt', 40), models.Q(('order_short_reason', ''), _negated=True)), _connector='OR'), name='short_order_has_a_reason'), models.CheckConstraint(condition=models.Q(('order_route__in', ['', 'iv']), models.Q(('order_route__in', ['im', 'sc', 'oral', 'intranasal']), models.Q(('order_route_reason', ''), _negated=True)), _connector='OR'), name='other_route_has_a_reason')],
                        'indexes': [models.Index(fields=['site', 'arrived_at'], name='infusion_by_site_day'), models.Index(condition=models.Q(('status', 'recovering')), fields=['stopped_at'], name='infusion_waiting_for_sign_off')],
                    },
                ),
                migrations.CreateModel(
                    name='OutcomeScore',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('instrument', models.CharField(choices=[('phq9', 'phq9'), ('gad7', 'gad7'), ('qids_sr16', 'qids_sr16'), ('madrs', 'madrs')], max_length=10)),
                        ('total', models.PositiveSmallIntegerField()),
                        ('items', models.JSONField(blank=True, null=True)),
                        ('taken_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('entered_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='outcome_scores', to='patients.patient')),
                    ],
                    options={
                        'ordering': ['taken_at'],
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('instrument', 'phq9'), ('total__lte', 27)), models.Q(('instrument', 'gad7'), ('total__lte', 21)), models.Q(('instrument', 'qids_sr16'), ('total__lte', 27)), models.Q(('instrument', 'madrs'), ('total__lte', 60)), _connector='OR'), name='outcome_total_in_range')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='SafetyContact',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('occurred_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('manner', models.CharField(choices=[('phone', 'By phone'), ('in-person', 'In person'), ('video', 'By video')], max_length=10)),
                        ('cssrs', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='suicidality screen (0 to 5)')),
                        ('outcome', models.CharField(max_length=500)),
                        ('entered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('next_owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='safety_contacts', to='patients.patient')),
                    ],
                    options={
                        'ordering': ['-occurred_at'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('cssrs__isnull', True), ('cssrs__lte', 5), _connector='OR'), name='safety_contact_cssrs_in_range')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='ClearanceEstimate',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('generation', models.PositiveIntegerField()),
                        ('model', models.CharField(max_length=24)),
                        ('threshold_ng_ml', models.DecimalField(decimal_places=1, max_digits=5)),
                        ('inputs', models.JSONField()),
                        ('provisional', models.BooleanField()),
                        ('aborted', models.BooleanField(default=False)),
                        ('never_above', models.FloatField(blank=True, null=True)),
                        ('p5_at', models.DateTimeField(blank=True, null=True)),
                        ('p50_at', models.DateTimeField(blank=True, null=True)),
                        ('p95_at', models.DateTimeField(blank=True, null=True)),
                        ('t_pk', models.DateTimeField(blank=True, null=True)),
                        ('cmax_p50_ng_ml', models.FloatField(blank=True, null=True)),
                        ('delivered_mg', models.DecimalField(decimal_places=2, max_digits=6)),
                        ('warnings', models.JSONField(default=list)),
                        ('computed_at', models.DateTimeField()),
                        ('superseded_at', models.DateTimeField(blank=True, null=True)),
                        ('infusion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='clearance_estimates', to='treatment_sessions.infusion')),
                        ('withheld', models.CharField(blank=True, choices=[('infiltrated', 'Line infiltrated'), ('refused', 'Cannot be estimated')], max_length=12)),
                    ],
                    options={
                        'ordering': ['-generation'],
                        'constraints': [models.UniqueConstraint(models.F('infusion'), models.F('generation'), name='estimate_generation_once'), models.UniqueConstraint(condition=models.Q(('superseded_at__isnull', True)), fields=('infusion',), name='one_current_estimate_per_infusion'), models.CheckConstraint(condition=models.Q(('threshold_ng_ml__in', [10, 20, 50])), name='estimate_threshold_known'), models.CheckConstraint(condition=models.Q(('never_above__isnull', True), models.Q(('never_above__gte', 0), ('never_above__lte', 1)), _connector='OR'), name='estimate_never_is_a_share'), models.CheckConstraint(condition=models.Q(models.Q(('t_pk__isnull', False), ('withheld', '')), models.Q(('p50_at__isnull', True), ('p5_at__isnull', True), ('p95_at__isnull', True), ('t_pk__isnull', True), ('withheld__in', ['infiltrated', 'refused'])), _connector='OR'), name='estimate_says_a_time_or_why_not')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='AdverseEvent',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('kind', models.CharField(max_length=40)),
                        ('severity', models.CharField(choices=[('mild', 'Mild'), ('serious', 'Serious'), ('stop-rule', 'Stop rule met')], max_length=10)),
                        ('observed_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('note', models.CharField(blank=True, max_length=500)),
                        ('resolved_at', models.DateTimeField(blank=True, null=True)),
                        ('entered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='adverse_events', to='treatment_sessions.infusion')),
                        ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                        ('withdrawn_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('withdrawn_reason', models.CharField(blank=True, max_length=200)),
                        ('pauses_later', models.BooleanField(default=False, verbose_name='a prescriber holds later infusions for it')),
                    ],
                    options={
                        'ordering': ['-observed_at'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('severity__in', ['mild', 'serious', 'stop-rule'])), name='adverse_event_severity_known')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='ConsentEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('given_at', models.DateTimeField()),
                        ('valid_until', models.DateTimeField()),
                        ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                        ('recorded_at', models.DateTimeField()),
                        ('document', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='protocols.protocoldocument')),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.consent')),
                        ('recorded_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('relationship', models.CharField(blank=True, max_length=60)),
                        ('representative', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.legalrepresentative')),
                        ('signed_by_name', models.CharField(blank=True, max_length=120)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='CriterionResult',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('criterion', models.CharField(max_length=24)),
                        ('outcome', models.CharField(choices=[('met', 'Met'), ('unmet', 'Not met'), ('not-assessable', 'Not assessable')], max_length=14)),
                        ('detail', models.CharField(blank=True, max_length=200)),
                        ('observed_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('superseded_at', models.DateTimeField(blank=True, null=True)),
                        ('entered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='criteria', to='treatment_sessions.infusion')),
                        ('before_start', models.BooleanField(default=False)),
                        ('value', models.CharField(blank=True, max_length=30)),
                    ],
                    options={
                        'ordering': ['observed_at', 'pk'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('outcome__in', ['met', 'unmet', 'not-assessable'])), name='criterion_outcome_known'), models.CheckConstraint(condition=models.Q(models.Q(('outcome', 'not-assessable'), _negated=True), models.Q(('detail', ''), _negated=True), _connector='OR'), name='not_assessable_needs_a_reason'), models.UniqueConstraint(condition=models.Q(('superseded_at__isnull', True)), fields=('infusion', 'criterion', 'before_start'), name='one_current_result_per_criterion')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='EducationRecordEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('taught_at', models.DateTimeField()),
                        ('experience_not_needed', models.BooleanField()),
                        ('work_happens_afterwards', models.BooleanField()),
                        ('no_driving_understood', models.BooleanField()),
                        ('recorded_at', models.DateTimeField()),
                        ('document', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='protocols.protocoldocument')),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.educationrecord')),
                        ('recorded_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='InfusionEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('ordinal', models.PositiveSmallIntegerField()),
                        ('status', models.CharField(choices=[('arrived', 'Arrived'), ('ready', 'Ready to start'), ('infusing', 'Infusion running'), ('paused', 'Infusion paused'), ('recovering', 'Recovering'), ('signed-off', 'Signed off'), ('not-given', 'Not given')], default='arrived', max_length=10)),
                        ('chair', models.CharField(max_length=60)),
                        ('arrived_at', models.DateTimeField()),
                        ('planned_start', models.DateTimeField()),
                        ('weight_kg', models.DecimalField(blank=True, decimal_places=1, max_digits=5, null=True)),
                        ('weighed_at', models.DateTimeField(blank=True, null=True)),
                        ('ordered_mg', models.DecimalField(blank=True, decimal_places=1, max_digits=5, null=True)),
                        ('bag_mg_per_ml', models.DecimalField(blank=True, decimal_places=3, max_digits=6, null=True)),
                        ('ordered_at', models.DateTimeField(blank=True, null=True)),
                        ('started_at', models.DateTimeField(blank=True, null=True)),
                        ('stopped_at', models.DateTimeField(blank=True, null=True)),
                        ('delivered_mg', models.DecimalField(blank=True, decimal_places=2, max_digits=6, null=True)),
                        ('stated_delay_hours', models.DecimalField(blank=True, decimal_places=1, max_digits=4, null=True)),
                        ('stated_delay_reason', models.CharField(blank=True, max_length=200)),
                        ('not_given_reason', models.CharField(blank=True, max_length=200)),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('opened_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('order_cosigned_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('ordered_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.infusion')),
                        ('protocol_version', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='protocols.protocolversion')),
                        ('site', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='staff.site')),
                        ('weighed_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('weight_confirmed_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('course', models.UUIDField(blank=True, null=True)),
                        ('order_weight_kg', models.DecimalField(blank=True, decimal_places=1, max_digits=5, null=True)),
                        ('order_low_reason', models.CharField(blank=True, max_length=16)),
                        ('order_minutes', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('order_route', models.CharField(blank=True, max_length=10)),
                        ('order_route_reason', models.CharField(blank=True, max_length=16)),
                        ('order_short_reason', models.CharField(blank=True, max_length=16)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='IntegrationSession',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('mode', models.CharField(choices=[('in-person', 'In person'), ('video', 'Video')], default='in-person', max_length=10)),
                        ('started_at', models.DateTimeField()),
                        ('completed_at', models.DateTimeField(blank=True, null=True)),
                        ('inside_no_therapy_at', models.DateTimeField(blank=True, null=True)),
                        ('infusion', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='integration_sessions', to='treatment_sessions.infusion')),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='integration_sessions', to='patients.patient')),
                        ('therapist', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='integration_sessions', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['-started_at'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('completed_at__isnull', True), ('completed_at__gte', models.F('started_at')), _connector='OR'), name='therapy_completed_after_start'), models.UniqueConstraint(condition=models.Q(('completed_at__isnull', True)), fields=('patient',), name='one_running_therapy_per_patient')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='MeasuredLevel',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('observed_at', models.DateTimeField()),
                        ('ketamine_ng_ml', models.DecimalField(decimal_places=1, max_digits=7)),
                        ('entered_at', models.DateTimeField()),
                        ('entered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='measured_levels', to='treatment_sessions.infusion')),
                        ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                        ('withdrawn_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('withdrawn_reason', models.CharField(blank=True, max_length=200)),
                    ],
                    options={
                        'ordering': ['observed_at'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('ketamine_ng_ml__gte', 0), ('ketamine_ng_ml__lte', 5000)), name='measured_level_in_range')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='OutcomeScoreEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('instrument', models.CharField(choices=[('phq9', 'phq9'), ('gad7', 'gad7'), ('qids_sr16', 'qids_sr16'), ('madrs', 'madrs')], max_length=10)),
                        ('total', models.PositiveSmallIntegerField()),
                        ('items', models.JSONField(blank=True, null=True)),
                        ('taken_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('entered_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.outcomescore')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='PreInfusionCheck',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('kind', models.CharField(max_length=30)),
                        ('outcome', models.CharField(choices=[('passed', 'Yes'), ('failed', 'No'), ('not-applicable', 'Not applicable')], max_length=14)),
                        ('note', models.CharField(blank=True, max_length=200)),
                        ('observed_at', models.DateTimeField()),
                        ('superseded_at', models.DateTimeField(blank=True, null=True)),
                        ('entered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='checks', to='treatment_sessions.infusion')),
                        ('can_start_from', models.DateTimeField(blank=True, null=True, verbose_name='end of the fasting time')),
                        ('reason_code', models.CharField(blank=True, max_length=20, verbose_name='why it does not apply')),
                    ],
                    options={
                        'ordering': ['observed_at', 'pk'],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('superseded_at__isnull', True)), fields=('infusion', 'kind'), name='one_current_check_of_a_kind'), models.CheckConstraint(condition=models.Q(('outcome__in', ['passed', 'failed', 'not-applicable'])), name='check_outcome_known')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='PumpEvent',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('kind', models.CharField(choices=[('start', 'Start'), ('rate', 'Rate change'), ('pause', 'Pause'), ('resume', 'Resume'), ('bolus', 'Bolus'), ('stop', 'Stop')], max_length=6)),
                        ('observed_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('rate_mg_per_min', models.DecimalField(blank=True, decimal_places=4, max_digits=7, null=True)),
                        ('bolus_mg', models.DecimalField(blank=True, decimal_places=2, max_digits=6, null=True)),
                        ('reason', models.CharField(blank=True, max_length=200)),
                        ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                        ('withdrawn_reason', models.CharField(blank=True, max_length=200)),
                        ('entered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pump_events', to='treatment_sessions.infusion')),
                        ('replaces', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='replaced_by', to='treatment_sessions.pumpevent')),
                        ('withdrawn_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['observed_at', 'pk'],
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('bolus_mg__isnull', True), ('kind__in', ['start', 'rate', 'resume']), ('rate_mg_per_min__isnull', False)), models.Q(('bolus_mg__isnull', False), ('kind', 'bolus'), ('rate_mg_per_min__isnull', True)), models.Q(('bolus_mg__isnull', True), ('kind__in', ['pause', 'stop']), ('rate_mg_per_min__isnull', True)), _connector='OR'), name='pump_event_has_its_value'), models.CheckConstraint(condition=models.Q(('rate_mg_per_min__isnull', True), models.Q(('rate_mg_per_min__gt', 0), ('rate_mg_per_min__lte', 20)), _connector='OR'), name='pump_rate_in_range'), models.CheckConstraint(condition=models.Q(('bolus_mg__isnull', True), models.Q(('bolus_mg__gt', 0), ('bolus_mg__lte', 100)), _connector='OR'), name='pump_bolus_in_range'), models.UniqueConstraint(condition=models.Q(('kind', 'start'), ('withdrawn_at__isnull', True)), fields=('infusion',), name='one_start_per_infusion'), models.UniqueConstraint(condition=models.Q(('kind', 'stop'), ('withdrawn_at__isnull', True)), fields=('infusion',), name='one_stop_per_infusion')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='SafetyContactEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('occurred_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('manner', models.CharField(choices=[('phone', 'By phone'), ('in-person', 'In person'), ('video', 'By video')], max_length=10)),
                        ('cssrs', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='suicidality screen (0 to 5)')),
                        ('outcome', models.CharField(max_length=500)),
                        ('entered_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('next_owner', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.safetycontact')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='SignOff',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('t_sign', models.DateTimeField()),
                        ('signed_at', models.DateTimeField()),
                        ('signed_name', models.CharField(max_length=120)),
                        ('meaning', models.CharField(max_length=200)),
                        ('late_reason', models.CharField(blank=True, max_length=200)),
                        ('unmet_reason', models.CharField(blank=True, max_length=300)),
                        ('opens_window', models.BooleanField(default=True)),
                        ('no_window_reason', models.CharField(blank=True, max_length=200)),
                        ('override_to', models.DateTimeField(blank=True, null=True)),
                        ('override_code', models.CharField(blank=True, max_length=30)),
                        ('override_reason', models.CharField(blank=True, max_length=200)),
                        ('override_voided_at', models.DateTimeField(blank=True, null=True)),
                        ('record', models.JSONField()),
                        ('record_sha256', models.CharField(max_length=64)),
                        ('superseded_at', models.DateTimeField(blank=True, null=True)),
                        ('infusion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='sign_offs', to='treatment_sessions.infusion')),
                        ('replaces', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='replaced_by', to='treatment_sessions.signoff')),
                        ('second_person', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('signed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('override_level', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='treatment_sessions.measuredlevel')),
                    ],
                    options={
                        'ordering': ['-signed_at'],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('superseded_at__isnull', True)), fields=('infusion',), name='one_current_sign_off_per_infusion'), models.CheckConstraint(condition=models.Q(('signed_at__gte', models.F('t_sign'))), name='signed_after_criteria_met'), models.CheckConstraint(condition=models.Q(('second_person__isnull', True), models.Q(('second_person', models.F('signed_by')), _negated=True), _connector='OR'), name='second_person_is_another_person'), models.CheckConstraint(condition=models.Q(('unmet_reason', ''), ('second_person__isnull', False), _connector='OR'), name='unmet_needs_second_person'), models.CheckConstraint(condition=models.Q(('override_to__isnull', True), models.Q(('override_to__gte', models.F('t_sign')), models.Q(('override_code', ''), _negated=True)), _connector='OR'), name='override_not_before_t_sign'), models.CheckConstraint(condition=models.Q(('opens_window', True), models.Q(('no_window_reason', ''), _negated=True), _connector='OR'), name='no_window_needs_a_reason')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='VitalSigns',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('observed_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('systolic', models.PositiveSmallIntegerField()),
                        ('diastolic', models.PositiveSmallIntegerField()),
                        ('heart_rate', models.PositiveSmallIntegerField()),
                        ('spo2', models.PositiveSmallIntegerField()),
                        ('moaas', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('cadss6', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('note', models.CharField(blank=True, max_length=300)),
                        ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                        ('entered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='vital_signs', to='treatment_sessions.infusion')),
                        ('withdrawn_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['observed_at', 'pk'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('diastolic__gte', 20), ('diastolic__lte', 200), ('systolic__gte', 50), ('systolic__lte', 300)), name='vitals_pressure_in_range'), models.CheckConstraint(condition=models.Q(('diastolic__lt', models.F('systolic'))), name='vitals_diastolic_below_systolic'), models.CheckConstraint(condition=models.Q(('heart_rate__gte', 20), ('heart_rate__lte', 250)), name='vitals_heart_rate_in_range'), models.CheckConstraint(condition=models.Q(('spo2__gte', 40), ('spo2__lte', 100)), name='vitals_spo2_in_range'), models.CheckConstraint(condition=models.Q(('moaas__isnull', True), ('moaas__lte', 5), _connector='OR'), name='vitals_moaas_in_range'), models.CheckConstraint(condition=models.Q(('cadss6__isnull', True), ('cadss6__lte', 24), _connector='OR'), name='vitals_cadss6_in_range')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='CriterionResultEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('criterion', models.CharField(max_length=24)),
                        ('outcome', models.CharField(choices=[('met', 'Met'), ('unmet', 'Not met'), ('not-assessable', 'Not assessable')], max_length=14)),
                        ('detail', models.CharField(blank=True, max_length=200)),
                        ('observed_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('superseded_at', models.DateTimeField(blank=True, null=True)),
                        ('entered_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.criterionresult')),
                        ('infusion', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                        ('before_start', models.BooleanField(default=False)),
                        ('value', models.CharField(blank=True, max_length=30)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='ClearanceEstimateEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('generation', models.PositiveIntegerField()),
                        ('model', models.CharField(max_length=24)),
                        ('threshold_ng_ml', models.DecimalField(decimal_places=1, max_digits=5)),
                        ('inputs', models.JSONField()),
                        ('provisional', models.BooleanField()),
                        ('aborted', models.BooleanField(default=False)),
                        ('never_above', models.FloatField(blank=True, null=True)),
                        ('p5_at', models.DateTimeField(blank=True, null=True)),
                        ('p50_at', models.DateTimeField(blank=True, null=True)),
                        ('p95_at', models.DateTimeField(blank=True, null=True)),
                        ('t_pk', models.DateTimeField(blank=True, null=True)),
                        ('cmax_p50_ng_ml', models.FloatField(blank=True, null=True)),
                        ('delivered_mg', models.DecimalField(decimal_places=2, max_digits=6)),
                        ('warnings', models.JSONField(default=list)),
                        ('computed_at', models.DateTimeField()),
                        ('superseded_at', models.DateTimeField(blank=True, null=True)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.clearanceestimate')),
                        ('infusion', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                        ('withheld', models.CharField(blank=True, choices=[('infiltrated', 'Line infiltrated'), ('refused', 'Cannot be estimated')], max_length=12)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='AdverseEventEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('kind', models.CharField(max_length=40)),
                        ('severity', models.CharField(choices=[('mild', 'Mild'), ('serious', 'Serious'), ('stop-rule', 'Stop rule met')], max_length=10)),
                        ('observed_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('note', models.CharField(blank=True, max_length=500)),
                        ('resolved_at', models.DateTimeField(blank=True, null=True)),
                        ('entered_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.adverseevent')),
                        ('infusion', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                        ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                        ('withdrawn_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('withdrawn_reason', models.CharField(blank=True, max_length=200)),
                        ('pauses_later', models.BooleanField(default=False, verbose_name='a prescriber holds later infusions for it')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='IntegrationNote',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('goals', models.TextField(blank=True)),
                        ('practice_plan', models.TextField(blank=True, verbose_name='what is practised')),
                        ('progress', models.TextField(blank=True)),
                        ('written_at', models.DateTimeField()),
                        ('signed_at', models.DateTimeField(blank=True, null=True)),
                        ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('replaces', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='replaced_by', to='treatment_sessions.integrationnote')),
                        ('session', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='notes', to='treatment_sessions.integrationsession')),
                        ('practice_a_week', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='times a week')),
                        ('practice_when', models.CharField(blank=True, max_length=200, verbose_name='when in the day')),
                    ],
                    options={
                        'ordering': ['-written_at'],
                        'indexes': [],
                        'constraints': [models.CheckConstraint(condition=models.Q(('practice_a_week__isnull', True), models.Q(('practice_a_week__gte', 1), ('practice_a_week__lte', 42), models.Q(('practice_plan', ''), _negated=True)), _connector='OR'), name='practice_says_what_and_how_often')],
                    },
                ),
                migrations.CreateModel(
                    name='IntegrationSessionEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('mode', models.CharField(choices=[('in-person', 'In person'), ('video', 'Video')], default='in-person', max_length=10)),
                        ('started_at', models.DateTimeField()),
                        ('completed_at', models.DateTimeField(blank=True, null=True)),
                        ('inside_no_therapy_at', models.DateTimeField(blank=True, null=True)),
                        ('infusion', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.integrationsession')),
                        ('therapist', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='MeasuredLevelEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('observed_at', models.DateTimeField()),
                        ('ketamine_ng_ml', models.DecimalField(decimal_places=1, max_digits=7)),
                        ('entered_at', models.DateTimeField()),
                        ('entered_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.measuredlevel')),
                        ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                        ('withdrawn_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('withdrawn_reason', models.CharField(blank=True, max_length=200)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='PreInfusionCheckEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('kind', models.CharField(max_length=30)),
                        ('outcome', models.CharField(choices=[('passed', 'Yes'), ('failed', 'No'), ('not-applicable', 'Not applicable')], max_length=14)),
                        ('note', models.CharField(blank=True, max_length=200)),
                        ('observed_at', models.DateTimeField()),
                        ('superseded_at', models.DateTimeField(blank=True, null=True)),
                        ('entered_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.preinfusioncheck')),
                        ('can_start_from', models.DateTimeField(blank=True, null=True, verbose_name='end of the fasting time')),
                        ('reason_code', models.CharField(blank=True, max_length=20, verbose_name='why it does not apply')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='PumpEventEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('kind', models.CharField(choices=[('start', 'Start'), ('rate', 'Rate change'), ('pause', 'Pause'), ('resume', 'Resume'), ('bolus', 'Bolus'), ('stop', 'Stop')], max_length=6)),
                        ('observed_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('rate_mg_per_min', models.DecimalField(blank=True, decimal_places=4, max_digits=7, null=True)),
                        ('bolus_mg', models.DecimalField(blank=True, decimal_places=2, max_digits=6, null=True)),
                        ('reason', models.CharField(blank=True, max_length=200)),
                        ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                        ('withdrawn_reason', models.CharField(blank=True, max_length=200)),
                        ('entered_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.pumpevent')),
                        ('replaces', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.pumpevent')),
                        ('withdrawn_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='SignOffEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('t_sign', models.DateTimeField()),
                        ('signed_at', models.DateTimeField()),
                        ('signed_name', models.CharField(max_length=120)),
                        ('meaning', models.CharField(max_length=200)),
                        ('late_reason', models.CharField(blank=True, max_length=200)),
                        ('unmet_reason', models.CharField(blank=True, max_length=300)),
                        ('opens_window', models.BooleanField(default=True)),
                        ('no_window_reason', models.CharField(blank=True, max_length=200)),
                        ('override_to', models.DateTimeField(blank=True, null=True)),
                        ('override_code', models.CharField(blank=True, max_length=30)),
                        ('override_reason', models.CharField(blank=True, max_length=200)),
                        ('override_voided_at', models.DateTimeField(blank=True, null=True)),
                        ('record', models.JSONField()),
                        ('record_sha256', models.CharField(max_length=64)),
                        ('superseded_at', models.DateTimeField(blank=True, null=True)),
                        ('infusion', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.signoff')),
                        ('replaces', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.signoff')),
                        ('second_person', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('signed_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('override_level', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.measuredlevel')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='VitalSignsEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('observed_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('systolic', models.PositiveSmallIntegerField()),
                        ('diastolic', models.PositiveSmallIntegerField()),
                        ('heart_rate', models.PositiveSmallIntegerField()),
                        ('spo2', models.PositiveSmallIntegerField()),
                        ('moaas', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('cadss6', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('note', models.CharField(blank=True, max_length=300)),
                        ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                        ('entered_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.vitalsigns')),
                        ('withdrawn_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='IntegrationNoteEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('goals', models.TextField(blank=True)),
                        ('practice_plan', models.TextField(blank=True, verbose_name='what is practised')),
                        ('progress', models.TextField(blank=True)),
                        ('written_at', models.DateTimeField()),
                        ('signed_at', models.DateTimeField(blank=True, null=True)),
                        ('author', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.integrationnote')),
                        ('replaces', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.integrationnote')),
                        ('session', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.integrationsession')),
                        ('practice_a_week', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='times a week')),
                        ('practice_when', models.CharField(blank=True, max_length=200, verbose_name='when in the day')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='CourseReview',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('course', models.UUIDField()),
                        ('after_ordinal', models.PositiveSmallIntegerField()),
                        ('response', models.CharField(choices=[('response', 'Response: a fall of half or more'), ('partial', 'Some response'), ('none', 'No response'), ('worse', 'Worse')], max_length=8)),
                        ('urinary', models.CharField(choices=[('none', 'None'), ('mild', 'Some: to be watched'), ('marked', 'Marked: to be examined')], max_length=6)),
                        ('interval', models.CharField(choices=[('keep', 'As planned'), ('longer', 'Longer'), ('shorter', 'Shorter')], max_length=7)),
                        ('dose', models.CharField(choices=[('keep', 'As planned'), ('lower', 'Lower'), ('higher', 'Higher, within the protocol')], max_length=6)),
                        ('decision', models.CharField(choices=[('continue', 'Continue'), ('taper', 'Taper: fewer infusions, further apart'), ('stop', 'Stop: no more infusions')], max_length=8)),
                        ('note', models.CharField(blank=True, max_length=500)),
                        ('signed_at', models.DateTimeField()),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='course_reviews', to='patients.patient')),
                        ('protocol_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='course_reviews', to='protocols.protocolversion')),
                        ('signed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['-signed_at', '-pk'],
                        'indexes': [models.Index(fields=['course', 'after_ordinal'], name='course_review_by_point')],
                        'constraints': [models.CheckConstraint(condition=models.Q(('decision__in', ['continue', 'taper', 'stop']), ('dose__in', ['keep', 'lower', 'higher']), ('interval__in', ['keep', 'longer', 'shorter']), ('response__in', ['response', 'partial', 'none', 'worse']), ('urinary__in', ['none', 'mild', 'marked'])), name='course_review_values_known'), models.CheckConstraint(condition=models.Q(('after_ordinal__gte', 1), ('after_ordinal__lte', 60)), name='course_review_after_an_infusion'), models.CheckConstraint(condition=models.Q(models.Q(('note', ''), _negated=True), models.Q(('decision', 'continue'), ('response__in', ['response', 'partial']), ('urinary', 'none')), _connector='OR'), name='course_review_says_why')],
                    },
                ),
                migrations.CreateModel(
                    name='CourseReviewEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('course', models.UUIDField()),
                        ('after_ordinal', models.PositiveSmallIntegerField()),
                        ('response', models.CharField(choices=[('response', 'Response: a fall of half or more'), ('partial', 'Some response'), ('none', 'No response'), ('worse', 'Worse')], max_length=8)),
                        ('urinary', models.CharField(choices=[('none', 'None'), ('mild', 'Some: to be watched'), ('marked', 'Marked: to be examined')], max_length=6)),
                        ('interval', models.CharField(choices=[('keep', 'As planned'), ('longer', 'Longer'), ('shorter', 'Shorter')], max_length=7)),
                        ('dose', models.CharField(choices=[('keep', 'As planned'), ('lower', 'Lower'), ('higher', 'Higher, within the protocol')], max_length=6)),
                        ('decision', models.CharField(choices=[('continue', 'Continue'), ('taper', 'Taper: fewer infusions, further apart'), ('stop', 'Stop: no more infusions')], max_length=8)),
                        ('note', models.CharField(blank=True, max_length=500)),
                        ('signed_at', models.DateTimeField()),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.coursereview')),
                        ('protocol_version', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='protocols.protocolversion')),
                        ('signed_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='BagUse',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('lot', models.CharField(max_length=40)),
                        ('expires_on', models.DateField()),
                        ('waste_mg', models.DecimalField(blank=True, decimal_places=2, max_digits=6, null=True)),
                        ('observed_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('superseded_at', models.DateTimeField(blank=True, null=True)),
                        ('entered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='bags', to='treatment_sessions.infusion')),
                        ('witness', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['-entered_at'],
                        'indexes': [],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('superseded_at__isnull', True)), fields=('infusion',), name='one_current_bag_per_infusion'), models.CheckConstraint(condition=models.Q(('waste_mg__isnull', True), models.Q(('waste_mg__gte', 0), ('waste_mg__lte', 1000)), _connector='OR'), name='bag_waste_in_range'), models.CheckConstraint(condition=models.Q(('waste_mg__isnull', True), ('waste_mg', 0), ('witness__isnull', False), _connector='OR'), name='bag_waste_needs_a_witness'), models.CheckConstraint(condition=models.Q(('witness__isnull', True), models.Q(('witness', models.F('entered_by')), _negated=True), _connector='OR'), name='bag_witness_is_another_person'), models.CheckConstraint(condition=models.Q(('lot', ''), _negated=True), name='bag_has_a_lot')],
                    },
                ),
                migrations.CreateModel(
                    name='BagUseEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('lot', models.CharField(max_length=40)),
                        ('expires_on', models.DateField()),
                        ('waste_mg', models.DecimalField(blank=True, decimal_places=2, max_digits=6, null=True)),
                        ('observed_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('superseded_at', models.DateTimeField(blank=True, null=True)),
                        ('entered_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.baguse')),
                        ('witness', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='ChairNote',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('kind', models.CharField(choices=[('note', 'Note'), ('quote', "The patient's own words")], default='note', max_length=5)),
                        ('text', models.TextField(blank=True)),
                        ('observed_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('finished_at', models.DateTimeField(blank=True, null=True)),
                        ('entered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='chair_notes', to='treatment_sessions.infusion')),
                    ],
                    options={
                        'ordering': ['observed_at', 'pk'],
                        'indexes': [],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('finished_at__isnull', True)), fields=('infusion', 'entered_by'), name='one_unfinished_note_per_person'), models.CheckConstraint(condition=models.Q(('finished_at__isnull', True), models.Q(('text', ''), _negated=True), _connector='OR'), name='finished_note_has_words'), models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('text'), 4000), name='chair_note_is_short')],
                    },
                ),
                migrations.CreateModel(
                    name='ChairNoteEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('kind', models.CharField(choices=[('note', 'Note'), ('quote', "The patient's own words")], default='note', max_length=5)),
                        ('text', models.TextField(blank=True)),
                        ('observed_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('finished_at', models.DateTimeField(blank=True, null=True)),
                        ('entered_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.chairnote')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='Disposition',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('outcome', models.CharField(choices=[('discharged', 'Discharged'), ('against-advice', 'Left against advice'), ('unseen', 'Left unseen'), ('ambulance', 'Taken by ambulance'), ('admitted', 'Admitted to hospital'), ('died', 'Died')], max_length=14)),
                        ('last_seen_at', models.DateTimeField(blank=True, null=True)),
                        ('condition', models.CharField(blank=True, max_length=300, verbose_name='condition when last seen')),
                        ('observed_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('superseded_at', models.DateTimeField(blank=True, null=True)),
                        ('entered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='dispositions', to='treatment_sessions.infusion')),
                    ],
                    options={
                        'ordering': ['-entered_at', '-pk'],
                        'indexes': [],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('superseded_at__isnull', True)), fields=('infusion',), name='one_current_disposition_per_infusion'), models.CheckConstraint(condition=models.Q(('outcome__in', ['discharged', 'against-advice', 'unseen', 'ambulance', 'admitted', 'died'])), name='disposition_outcome_known'), models.CheckConstraint(condition=models.Q(('outcome', 'discharged'), models.Q(('last_seen_at__isnull', False), models.Q(('condition', ''), _negated=True)), _connector='OR'), name='unplanned_ending_says_when_last_seen')],
                    },
                ),
                migrations.CreateModel(
                    name='DispositionEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('outcome', models.CharField(choices=[('discharged', 'Discharged'), ('against-advice', 'Left against advice'), ('unseen', 'Left unseen'), ('ambulance', 'Taken by ambulance'), ('admitted', 'Admitted to hospital'), ('died', 'Died')], max_length=14)),
                        ('last_seen_at', models.DateTimeField(blank=True, null=True)),
                        ('condition', models.CharField(blank=True, max_length=300, verbose_name='condition when last seen')),
                        ('observed_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('superseded_at', models.DateTimeField(blank=True, null=True)),
                        ('entered_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.disposition')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='EndingAssessment',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('manner', models.CharField(choices=[('phone', 'By phone'), ('in-person', 'In person'), ('video', 'By video')], max_length=10)),
                        ('words', models.CharField(max_length=500)),
                        ('observed_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('entered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='assessments', to='treatment_sessions.infusion')),
                    ],
                    options={
                        'ordering': ['-observed_at', '-pk'],
                        'indexes': [],
                        'constraints': [models.CheckConstraint(condition=models.Q(('words', ''), _negated=True), name='assessment_says_something'), models.CheckConstraint(condition=models.Q(('observed_at__lte', models.F('entered_at'))), name='assessment_not_in_the_future')],
                    },
                ),
                migrations.CreateModel(
                    name='EndingAssessmentEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('manner', models.CharField(choices=[('phone', 'By phone'), ('in-person', 'In person'), ('video', 'By video')], max_length=10)),
                        ('words', models.CharField(max_length=500)),
                        ('observed_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('entered_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.endingassessment')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='GivenDrug',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('drug', models.CharField(max_length=30)),
                        ('drug_name', models.CharField(max_length=60)),
                        ('sedating', models.BooleanField(default=False)),
                        ('dose_mg', models.DecimalField(decimal_places=2, max_digits=7)),
                        ('note', models.CharField(blank=True, max_length=200)),
                        ('observed_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                        ('withdrawn_reason', models.CharField(blank=True, max_length=200)),
                        ('entered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='given_drugs', to='treatment_sessions.infusion')),
                        ('ordered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('withdrawn_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['observed_at', 'pk'],
                        'indexes': [],
                        'constraints': [models.CheckConstraint(condition=models.Q(('dose_mg__gt', 0), ('dose_mg__lte', 5000)), name='given_drug_dose_in_range'), models.CheckConstraint(condition=models.Q(('drug_name', ''), _negated=True), name='given_drug_is_named')],
                    },
                ),
                migrations.CreateModel(
                    name='GivenDrugEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('drug', models.CharField(max_length=30)),
                        ('drug_name', models.CharField(max_length=60)),
                        ('sedating', models.BooleanField(default=False)),
                        ('dose_mg', models.DecimalField(decimal_places=2, max_digits=7)),
                        ('note', models.CharField(blank=True, max_length=200)),
                        ('observed_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                        ('withdrawn_reason', models.CharField(blank=True, max_length=200)),
                        ('entered_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                        ('ordered_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.givendrug')),
                        ('withdrawn_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='Handover',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('words', models.CharField(blank=True, max_length=300, verbose_name='what the receiving nurse must know')),
                        ('offered_at', models.DateTimeField()),
                        ('accepted_at', models.DateTimeField(blank=True, null=True)),
                        ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                        ('open_items', models.JSONField(default=list)),
                        ('over_capacity', models.BooleanField(default=False)),
                        ('from_nurse', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='handovers', to='treatment_sessions.infusion')),
                        ('to_nurse', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='handovers_received', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['offered_at', 'pk'],
                        'indexes': [],
                        'constraints': [models.CheckConstraint(condition=models.Q(('from_nurse', models.F('to_nurse')), _negated=True), name='handover_is_to_another_person'), models.UniqueConstraint(condition=models.Q(('accepted_at__isnull', True), ('withdrawn_at__isnull', True)), fields=('infusion',), name='one_handover_offered_at_a_time'), models.CheckConstraint(condition=models.Q(('accepted_at__isnull', True), ('withdrawn_at__isnull', True), _connector='OR'), name='handover_is_accepted_or_withdrawn')],
                    },
                ),
                migrations.CreateModel(
                    name='HandoverEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('words', models.CharField(blank=True, max_length=300, verbose_name='what the receiving nurse must know')),
                        ('offered_at', models.DateTimeField()),
                        ('accepted_at', models.DateTimeField(blank=True, null=True)),
                        ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                        ('open_items', models.JSONField(default=list)),
                        ('over_capacity', models.BooleanField(default=False)),
                        ('from_nurse', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.handover')),
                        ('to_nurse', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='OrderRenewal',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('remaining_mg', models.DecimalField(decimal_places=2, max_digits=6)),
                        ('reason', models.CharField(max_length=200)),
                        ('observed_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('entered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='order_renewals', to='treatment_sessions.infusion')),
                    ],
                    options={
                        'ordering': ['observed_at', 'pk'],
                        'indexes': [],
                        'constraints': [models.CheckConstraint(condition=models.Q(('remaining_mg__gt', 0), ('remaining_mg__lte', 200)), name='renewal_in_range'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='renewal_has_a_reason')],
                    },
                ),
                migrations.CreateModel(
                    name='OrderRenewalEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('remaining_mg', models.DecimalField(decimal_places=2, max_digits=6)),
                        ('reason', models.CharField(max_length=200)),
                        ('observed_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('entered_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.orderrenewal')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='TreatmentHold',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('kind', models.CharField(choices=[('adverse-event', 'Adverse event'), ('ending', 'Unplanned ending'), ('pregnancy', 'Pregnancy test positive')], max_length=14)),
                        ('cause', models.CharField(max_length=60)),
                        ('raised_at', models.DateTimeField()),
                        ('released_at', models.DateTimeField(blank=True, null=True)),
                        ('released_reason', models.CharField(blank=True, max_length=200)),
                        ('adverse_event', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='holds', to='treatment_sessions.adverseevent')),
                        ('infusion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='holds', to='treatment_sessions.infusion')),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='treatment_holds', to='patients.patient')),
                        ('raised_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('released_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['raised_at', 'pk'],
                        'indexes': [],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('released_at__isnull', True)), fields=('cause',), name='one_open_hold_per_cause'), models.CheckConstraint(condition=models.Q(models.Q(('released_at__isnull', True), ('released_by__isnull', True)), models.Q(('released_at__isnull', False), ('released_by__isnull', False), models.Q(('released_reason', ''), _negated=True)), _connector='OR'), name='hold_is_released_by_somebody_with_a_reason'), models.CheckConstraint(condition=models.Q(('kind__in', ['adverse-event', 'ending', 'pregnancy'])), name='hold_kind_known')],
                    },
                ),
                migrations.CreateModel(
                    name='TreatmentHoldEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('kind', models.CharField(choices=[('adverse-event', 'Adverse event'), ('ending', 'Unplanned ending'), ('pregnancy', 'Pregnancy test positive')], max_length=14)),
                        ('cause', models.CharField(max_length=60)),
                        ('raised_at', models.DateTimeField()),
                        ('released_at', models.DateTimeField(blank=True, null=True)),
                        ('released_reason', models.CharField(blank=True, max_length=200)),
                        ('adverse_event', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.adverseevent')),
                        ('infusion', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.treatmenthold')),
                        ('raised_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('released_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='NightReport',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('night', models.PositiveSmallIntegerField()),
                        ('hours_slept', models.DecimalField(decimal_places=1, max_digits=3)),
                        ('quality', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('entered_at', models.DateTimeField()),
                        ('superseded_at', models.DateTimeField(blank=True, null=True)),
                        ('entered_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='night_reports', to='treatment_sessions.infusion')),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='night_reports', to='patients.patient')),
                    ],
                    options={
                        'ordering': ['infusion', 'night', 'entered_at'],
                        'indexes': [],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('superseded_at__isnull', True)), fields=('infusion', 'night'), name='one_current_report_per_night'), models.CheckConstraint(condition=models.Q(('night__gte', 1), ('night__lte', 2)), name='night_is_first_or_second'), models.CheckConstraint(condition=models.Q(('hours_slept__gte', 0), ('hours_slept__lte', 24)), name='hours_slept_in_range'), models.CheckConstraint(condition=models.Q(('quality__isnull', True), models.Q(('quality__gte', 1), ('quality__lte', 5)), _connector='OR'), name='sleep_quality_in_range')],
                    },
                ),
                migrations.CreateModel(
                    name='NightReportEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('night', models.PositiveSmallIntegerField()),
                        ('hours_slept', models.DecimalField(decimal_places=1, max_digits=3)),
                        ('quality', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('entered_at', models.DateTimeField()),
                        ('superseded_at', models.DateTimeField(blank=True, null=True)),
                        ('entered_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.nightreport')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='PrivateNote',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('text', staff.fields.EncryptedTextField()),
                        ('written_at', models.DateTimeField()),
                        ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='private_notes', to=settings.AUTH_USER_MODEL)),
                        ('replaces', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='replaced_by', to='treatment_sessions.privatenote')),
                        ('session', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='private_notes', to='treatment_sessions.integrationsession')),
                    ],
                    options={
                        'ordering': ['-written_at', '-pk'],
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='PrivateNoteReading',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('read_at', models.DateTimeField()),
                        ('note', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='readings', to='treatment_sessions.privatenote')),
                        ('reader', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['-read_at', '-pk'],
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='ProgressReport',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('function', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('practice_days', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('goal_rating', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('taken_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('entered_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='progress_reports', to='patients.patient')),
                    ],
                    options={
                        'ordering': ['taken_at', 'pk'],
                        'indexes': [models.Index(fields=['patient', 'taken_at'], name='progress_of_patient')],
                        'constraints': [models.CheckConstraint(condition=models.Q(('function__isnull', False), ('practice_days__isnull', False), ('goal_rating__isnull', False), _connector='OR'), name='progress_says_something'), models.CheckConstraint(condition=models.Q(models.Q(('function__isnull', True), ('function__lte', 10), _connector='OR'), models.Q(('practice_days__isnull', True), ('practice_days__lte', 7), _connector='OR'), models.Q(('goal_rating__isnull', True), ('goal_rating__lte', 10), _connector='OR')), name='progress_in_range'), models.CheckConstraint(condition=models.Q(('taken_at__lte', models.F('entered_at'))), name='progress_not_ahead')],
                    },
                ),
                migrations.CreateModel(
                    name='ProgressReportEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('function', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('practice_days', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('goal_rating', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('taken_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('entered_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.progressreport')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='EligibilitySignOff',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('answers', models.JSONField()),
                        ('accepted', models.JSONField(default=list)),
                        ('reason', models.CharField(blank=True, max_length=300)),
                        ('signed_at', models.DateTimeField()),
                        ('signed_name', models.CharField(max_length=120)),
                        ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                        ('withdrawn_reason', models.CharField(blank=True, max_length=300)),
                        ('superseded_at', models.DateTimeField(blank=True, null=True)),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='eligibility_sign_offs', to='patients.patient')),
                        ('protocol_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='protocols.protocolversion')),
                        ('signed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('withdrawn_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['-signed_at', '-pk'],
                        'indexes': [],
                        'constraints': [models.CheckConstraint(condition=models.Q(('accepted', []), models.Q(('reason', ''), _negated=True), _connector='OR'), name='eligibility_cautions_have_a_reason'), models.CheckConstraint(condition=models.Q(('withdrawn_at__isnull', True), models.Q(('withdrawn_by__isnull', False), models.Q(('withdrawn_reason', ''), _negated=True)), _connector='OR'), name='eligibility_withdrawal_says_why')],
                    },
                ),
                migrations.CreateModel(
                    name='EligibilitySignOffEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('answers', models.JSONField()),
                        ('accepted', models.JSONField(default=list)),
                        ('reason', models.CharField(blank=True, max_length=300)),
                        ('signed_at', models.DateTimeField()),
                        ('signed_name', models.CharField(max_length=120)),
                        ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                        ('withdrawn_reason', models.CharField(blank=True, max_length=300)),
                        ('superseded_at', models.DateTimeField(blank=True, null=True)),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.eligibilitysignoff')),
                        ('protocol_version', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='protocols.protocolversion')),
                        ('signed_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('withdrawn_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='GateAnswer',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('visit', models.UUIDField(blank=True, null=True)),
                        ('gate', models.CharField(max_length=50)),
                        ('label', models.CharField(max_length=120)),
                        ('outcome', models.CharField(choices=[('met', 'Met'), ('not-applicable', 'Not applicable'), ('overridden', 'Overridden'), ('open', 'Open again')], max_length=14)),
                        ('reason_code', models.CharField(blank=True, max_length=24)),
                        ('note', models.CharField(blank=True, max_length=300)),
                        ('answered_at', models.DateTimeField()),
                        ('answered_as', models.CharField(max_length=16)),
                        ('superseded_at', models.DateTimeField(blank=True, null=True)),
                        ('answered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='gate_answers', to='treatment_sessions.infusion')),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='gate_answers', to='patients.patient')),
                        ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='gate_answers', to='staff.site')),
                    ],
                    options={
                        'ordering': ['answered_at', 'pk'],
                        'indexes': [models.Index(condition=models.Q(('outcome', 'overridden')), fields=['site', 'answered_at'], name='gate_override_report')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('superseded_at__isnull', True), ('visit__isnull', False)), fields=('visit', 'gate'), name='one_current_answer_per_visit_and_gate'), models.UniqueConstraint(condition=models.Q(('infusion__isnull', False), ('superseded_at__isnull', True)), fields=('infusion', 'gate'), name='one_current_answer_per_record_and_gate'), models.CheckConstraint(condition=models.Q(('outcome__in', ['met', 'not-applicable', 'overridden', 'open'])), name='gate_outcome_known'), models.CheckConstraint(condition=models.Q(models.Q(('outcome', 'not-applicable'), _negated=True), models.Q(('note', ''), _negated=True), _connector='OR'), name='gate_not_applicable_says_why'), models.CheckConstraint(condition=models.Q(models.Q(('outcome', 'overridden'), _negated=True), models.Q(models.Q(('reason_code', ''), _negated=True), ('answered_as', 'clinician')), _connector='OR'), name='gate_override_has_reason_and_role'), models.CheckConstraint(condition=models.Q(models.Q(('reason_code', 'other'), _negated=True), models.Q(('note', ''), _negated=True), _connector='OR'), name='gate_other_reason_in_words'), models.CheckConstraint(condition=models.Q(('visit__isnull', False), ('infusion__isnull', False), _connector='OR'), name='gate_answer_is_about_a_visit')],
                    },
                ),
                migrations.CreateModel(
                    name='GateAnswerEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('visit', models.UUIDField(blank=True, null=True)),
                        ('gate', models.CharField(max_length=50)),
                        ('label', models.CharField(max_length=120)),
                        ('outcome', models.CharField(choices=[('met', 'Met'), ('not-applicable', 'Not applicable'), ('overridden', 'Overridden'), ('open', 'Open again')], max_length=14)),
                        ('reason_code', models.CharField(blank=True, max_length=24)),
                        ('note', models.CharField(blank=True, max_length=300)),
                        ('answered_at', models.DateTimeField()),
                        ('answered_as', models.CharField(max_length=16)),
                        ('superseded_at', models.DateTimeField(blank=True, null=True)),
                        ('answered_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.gateanswer')),
                        ('site', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='staff.site')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='SiteGate',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('label', models.CharField(max_length=80)),
                        ('due', models.CharField(choices=[('booking', 'At booking'), ('before_48h', '48 hours before'), ('check_in', 'At check-in'), ('start', 'At the start')], max_length=10)),
                        ('owner_role', models.CharField(max_length=16)),
                        ('hard', models.BooleanField(default=False)),
                        ('created_at', models.DateTimeField()),
                        ('retired_at', models.DateTimeField(blank=True, null=True)),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='gates', to='staff.site')),
                    ],
                    options={
                        'ordering': ['label'],
                        'indexes': [],
                        'constraints': [models.UniqueConstraint(models.F('site'), django.db.models.functions.text.Lower('label'), condition=models.Q(('retired_at__isnull', True)), name='site_gate_label_once'), models.CheckConstraint(condition=models.Q(('due__in', ['booking', 'before_48h', 'check_in', 'start'])), name='site_gate_due_known'), models.CheckConstraint(condition=models.Q(('owner_role__in', ['coordinator', 'nurse', 'clinician', 'therapist'])), name='site_gate_owner_known'), models.CheckConstraint(condition=models.Q(('label', ''), _negated=True), name='site_gate_has_words')],
                    },
                ),
                migrations.CreateModel(
                    name='SiteGateEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('label', models.CharField(max_length=80)),
                        ('due', models.CharField(choices=[('booking', 'At booking'), ('before_48h', '48 hours before'), ('check_in', 'At check-in'), ('start', 'At the start')], max_length=10)),
                        ('owner_role', models.CharField(max_length=16)),
                        ('hard', models.BooleanField(default=False)),
                        ('created_at', models.DateTimeField()),
                        ('retired_at', models.DateTimeField(blank=True, null=True)),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('created_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.sitegate')),
                        ('site', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='staff.site')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='WeightCorrection',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('recorded_kg', models.DecimalField(decimal_places=1, max_digits=5)),
                        ('weight_kg', models.DecimalField(decimal_places=1, max_digits=5)),
                        ('reason', models.CharField(max_length=200)),
                        ('entered_at', models.DateTimeField()),
                        ('superseded_at', models.DateTimeField(blank=True, null=True)),
                        ('entered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='weight_corrections', to='treatment_sessions.infusion')),
                    ],
                    options={
                        'ordering': ['entered_at', 'pk'],
                        'indexes': [],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('superseded_at__isnull', True)), fields=('infusion',), name='one_current_weight_correction'), models.CheckConstraint(condition=models.Q(('weight_kg__gte', 20), ('weight_kg__lte', 350)), name='corrected_weight_in_range'), models.CheckConstraint(condition=models.Q(('weight_kg', models.F('recorded_kg')), _negated=True), name='weight_correction_changes_it'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='weight_correction_says_why')],
                    },
                ),
                migrations.CreateModel(
                    name='WeightCorrectionEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('recorded_kg', models.DecimalField(decimal_places=1, max_digits=5)),
                        ('weight_kg', models.DecimalField(decimal_places=1, max_digits=5)),
                        ('reason', models.CharField(max_length=200)),
                        ('entered_at', models.DateTimeField()),
                        ('superseded_at', models.DateTimeField(blank=True, null=True)),
                        ('entered_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('infusion', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.weightcorrection')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='PreparationRecord',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('course', models.UUIDField()),
                        ('held_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('goals', models.TextField(blank=True)),
                        ('practice_plan', models.TextField(verbose_name='what is practised')),
                        ('practice_when', models.CharField(blank=True, max_length=200, verbose_name='when in the day')),
                        ('practice_a_week', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='times a week')),
                        ('expectations', models.TextField(blank=True)),
                        ('outside_therapist', models.CharField(blank=True, max_length=200)),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='preparations', to='patients.patient')),
                        ('therapist', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['-held_at', '-pk'],
                        'indexes': [],
                        'constraints': [models.CheckConstraint(condition=models.Q(('practice_plan', ''), _negated=True), name='preparation_has_a_plan'), models.CheckConstraint(condition=models.Q(('practice_a_week__isnull', True), models.Q(('practice_a_week__gte', 1), ('practice_a_week__lte', 42)), _connector='OR'), name='preparation_practice_in_range')],
                    },
                ),
                migrations.CreateModel(
                    name='PreparationRecordEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('course', models.UUIDField()),
                        ('held_at', models.DateTimeField()),
                        ('entered_at', models.DateTimeField()),
                        ('goals', models.TextField(blank=True)),
                        ('practice_plan', models.TextField(verbose_name='what is practised')),
                        ('practice_when', models.CharField(blank=True, max_length=200, verbose_name='when in the day')),
                        ('practice_a_week', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='times a week')),
                        ('expectations', models.TextField(blank=True)),
                        ('outside_therapist', models.CharField(blank=True, max_length=200)),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.preparationrecord')),
                        ('therapist', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
            ],
        ),
        migrations.RunSQL(RECORDS_ARE_FIXED, RECORDS_ARE_FIXED_BACKWARD),
        migrations.RunSQL(THERAPY_TIME_LIMITS, THERAPY_TIME_LIMITS_BACKWARD),
        migrations.RunSQL(COURSE_REVIEWS, COURSE_REVIEWS_BACKWARD),
        migrations.RunSQL(DAY_RULES, DAY_RULES_BACKWARD),
        migrations.RunSQL(NIGHTS_AND_PRIVATE_NOTES_ARE_FIXED, NIGHTS_AND_PRIVATE_NOTES_ARE_FIXED_BACKWARD),
        migrations.RunSQL(GATES_AND_ELIGIBILITY_1, ''),
        migrations.RunSQL(GATES_AND_ELIGIBILITY_2, GATES_AND_ELIGIBILITY_2_BACKWARD),
        migrations.RunSQL(WEIGHT_CORRECTIONS, WEIGHT_CORRECTIONS_BACKWARD),
        migrations.RunSQL(ORDER_REASONS, ''),
        migrations.RunSQL(CONSENT_SIGNERS, CONSENT_SIGNERS_BACKWARD),
        migrations.RunSQL(PREPARATION_RECORDS, PREPARATION_RECORDS_BACKWARD),
    ]
