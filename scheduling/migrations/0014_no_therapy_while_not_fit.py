"""Whoever was found not fit for therapy (sedated, intoxicated, still dissociating) cannot be started before the time
that was set then, by any path. That it was set, and that a window was offered to others, are written on the living row.
"""

from django.db import migrations

FIXED = """
CREATE OR REPLACE FUNCTION refuse_moved_window() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    living text[] := ARRAY['status', 'opened_at', 'closed_at', 'superseded_at', 'claimed_by_id', 'claimed_at',
                           'version'%s];
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
MORE = ", 'pool_at', 'lead_at', 'not_fit_until', 'not_fit_reason'"

FORWARD = """
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
BACKWARD = """
DROP TRIGGER therapy_waits_until_fit ON treatment_sessions_integrationsession;
DROP FUNCTION therapy_waits_until_fit();
"""


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0013_escalation_and_not_fit")]
    operations = [migrations.RunSQL(FIXED % MORE + FORWARD, BACKWARD + FIXED % "")]
