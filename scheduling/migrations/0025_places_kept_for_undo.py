"""A time that was set aside is kept while letting it go can be undone, and offered to nobody before that."""

import django.db.models.deletion
from django.db import migrations, models

FORWARD = """
CREATE FUNCTION offer_waits_for_undo() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM scheduling_freedslot s
    WHERE s.id = NEW.slot_id AND s.visit_id IS NULL AND NEW.offered_at >= s.freed_at + interval '2 minutes';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a freed slot is offered once leaving it can no longer be undone'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'offer_waits_for_undo';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER offer_waits_for_undo BEFORE INSERT OR UPDATE OF slot_id, offered_at, state
    ON scheduling_waitlistoffer FOR EACH ROW WHEN (NEW.state = 'open') EXECUTE FUNCTION offer_waits_for_undo();
"""
BACKWARD = """
DROP TRIGGER offer_waits_for_undo ON scheduling_waitlistoffer;
DROP FUNCTION offer_waits_for_undo();
"""


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0024_preparation_visits")]

    operations = [
        migrations.AddField(
            "freedslot",
            "left_by",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="times_left",
                to="scheduling.appointment",
            ),
        ),
        migrations.AddField(
            "freedslot",
            "hold",
            models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="kept_slot",
                to="scheduling.appointment",
            ),
        ),
        migrations.AddConstraint(
            "freedslot",
            models.CheckConstraint(
                condition=models.Q(("hold__isnull", True), ("left_by__isnull", False), _connector="OR"),
                name="kept_for_undo_of_a_visit",
            ),
        ),
        migrations.AddConstraint(
            "freedslot",
            models.CheckConstraint(
                condition=models.Q(("visit__isnull", True), ("left_by__isnull", True), _connector="OR"),
                name="set_aside_or_left_not_both",
            ),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
