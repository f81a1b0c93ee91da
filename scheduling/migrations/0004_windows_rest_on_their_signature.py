"""A window's times are never edited, never earlier than what was signed, and a struck start frees the patient.

1. Times, signature and inputs of a window row are fixed once written: corrected facts make a new row.
2. A signed window rests on the current signature of its own infusion: T0 is at or after T_sign, and at or after the
   estimate unless a clinician's recorded override allows an earlier moment.
3. When the only pump start was struck, the superseded window has no successor and its no-therapy period ends with it.
"""

from django.db import migrations

FORWARD = """
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

BACKWARD = """
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


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0003_message_text")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
