"""Clinical rows are written once. What may still change is being withdrawn, superseded or completed, once each."""

from django.db import migrations

FORWARD = """
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

TABLES = (
    "pumpevent vitalsigns preinfusioncheck criterionresult clearanceestimate measuredlevel signoff adverseevent "
    "safetycontact consent educationrecord outcomescore integrationsession integrationnote"
)
BACKWARD = "\n".join(
    [
        "DROP TRIGGER sign_off_after_pump_stop ON treatment_sessions_signoff;",
        "DROP FUNCTION signature_follows_stop();",
        "DROP TRIGGER signed_off_needs_a_signature ON treatment_sessions_infusion;",
        "DROP FUNCTION signed_needs_signature();",
        "DROP TRIGGER signed_record_is_fixed ON treatment_sessions_infusion;",
        "DROP FUNCTION protect_signed_infusion();",
        *[f"DROP TRIGGER record_is_fixed ON treatment_sessions_{name};" for name in TABLES.split()],
        "DROP FUNCTION refuse_rewriting();",
    ]
)


class Migration(migrations.Migration):
    dependencies = [("treatment_sessions", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
