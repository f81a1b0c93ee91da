"""What is planned may never overlap; what happened may always be stored. See docs/states.md for the states.

1. Lanes fit their resource; a blocking appointment has its resource bookings and a released one has none.
2. PatientSpan is derived here and nowhere else: planned therapy, planned and actual no-therapy periods.
3. A pump start whose planning failed still locks therapy (deferred trigger) and displaces what stands in it.
4. Therapy starts only when every earlier started infusion of the patient has a signed window with T0 reached.
"""

from django.db import migrations

FORWARD = """
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

BACKWARD = """
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


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0001_initial"), ("treatment_sessions", "0002_records_are_fixed")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
