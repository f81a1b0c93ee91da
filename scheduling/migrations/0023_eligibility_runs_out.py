"""A signed eligibility checklist holds for as many days as the version says (180 when it says none)."""

from django.db import migrations

SERIES = """
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
          {in_time}
    ) THEN
        RAISE EXCEPTION 'no signed eligibility checklist for this patient and protocol'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'series_needs_eligibility';
    END IF;
    RETURN NEW;
END $$;
"""
IN_TIME = """AND moment < s.signed_at + make_interval(
              hours => 24 * coalesce((wanted.definition ->> 'eligibility_valid_days')::int, 180))"""
FORWARD = SERIES.replace("{in_time}", IN_TIME)
BACKWARD = SERIES.replace("{in_time}", "")


class Migration(migrations.Migration):

    dependencies = [("scheduling", "0022_operators_close_days")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
