"""A signed window never begins before the time that was decided: a stated later time counts as much as an earlier one.

Without an estimate the stated time alone decides; without either there is no signed window.
"""

from django.db import migrations, models

BODY = """
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
       OR NEW.t0 < s.t_sign OR {decided} THEN
        RAISE EXCEPTION 'a signed window may not begin before what was signed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'window_rests_on_its_signature';
    END IF;
    RETURN NEW;
END $$;
"""
FORWARD = BODY.format(decided="coalesce(NEW.t0 < coalesce(s.override_to, estimated), true)")
BACKWARD = BODY.format(decided="NEW.t0 < least(coalesce(s.override_to, estimated), estimated)")
KINDS = [
    ("displaced", "Booking displaced"),
    ("stale-window", "Therapy time not worked out"),
    ("unsigned", "Record not signed"),
    ("message-failed", "Message not delivered"),
    ("missed", "Follow-up missed"),
    ("call-patient", "Call the patient"),
    ("therapy-inside", "Therapy inside a no-therapy period"),
    ("unplaced", "No time found for therapy"),
    ("prescriber", "A prescriber decides"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("scheduling", "0005_changes_waitlist_and_pauses"),
        ("treatment_sessions", "0003_withheld_estimates_and_struck_levels"),
    ]
    operations = [
        migrations.RunSQL(FORWARD, BACKWARD),
        migrations.AlterField("workitem", "kind", models.CharField(choices=KINDS, max_length=16)),
        migrations.AlterField("workitemevent", "kind", models.CharField(choices=KINDS, max_length=16)),
    ]
