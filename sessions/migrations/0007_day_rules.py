"""Rows of the day are written once; no start while infusions are on hold; no signature without an ending."""

from django.db import migrations

FIXED = {
    "givendrug": "'withdrawn_at', 'withdrawn_by_id', 'withdrawn_reason'",
    "baguse": "'superseded_at'",
    "orderrenewal": "",
    "disposition": "'superseded_at'",
    "endingassessment": "",
    "treatmenthold": "'released_at', 'released_by_id', 'released_reason'",
}
FORWARD = (
    "\n".join(
        f"CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_{name} "
        f"FOR EACH ROW EXECUTE FUNCTION refuse_rewriting({columns});"
        for name, columns in FIXED.items()
    )
    + """
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
)
BACKWARD = "\n".join(
    [
        "DROP TRIGGER sign_off_needs_an_ending ON treatment_sessions_signoff;",
        "DROP FUNCTION signature_needs_an_ending();",
        "DROP TRIGGER infusion_start_waits_for_holds ON treatment_sessions_infusion;",
        "DROP FUNCTION start_waits_for_holds();",
        *[
            f"DROP TRIGGER record_is_fixed ON treatment_sessions_{name};"
            for name in (*FIXED, "chairnote", "handover")
        ],
    ]
)


class Migration(migrations.Migration):
    dependencies = [("treatment_sessions", "0006_the_infusion_day")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
