"""Numbers of the duty roster and addresses of notices to staff are bound to their rows, not to the column alone: one that is
copied into another row does not open. Rows from before are sealed anew, with the keys of the installation.
"""

from django.db import migrations

from staff.fields import RowSealedTextField
from staff.sealing import seal_rows, unseal_rows

SEALED = (
    ("scheduling_dutyshift", "phone", ("code", "user_id", "site_id")),
    ("scheduling_staffnotice", "address", ("alert_id", "user_id", "level", "channel")),
)
PHONE = {"bound_to": SEALED[0][2], "place": "scheduling_dutyshift.phone", "blank": True}
ADDRESS = {"bound_to": SEALED[1][2], "place": "scheduling_staffnotice.address"}
RULES = """
    ALTER TABLE scheduling_dutyshift ADD CONSTRAINT duty_number_is_sealed_to_its_shift
        CHECK (phone = '' OR phone LIKE 'r1.%');
    ALTER TABLE scheduling_staffnotice ADD CONSTRAINT notice_address_is_sealed_to_its_notice
        CHECK (address LIKE 'r1.%');
"""
NO_RULES = """
    ALTER TABLE scheduling_dutyshift DROP CONSTRAINT duty_number_is_sealed_to_its_shift;
    ALTER TABLE scheduling_staffnotice DROP CONSTRAINT notice_address_is_sealed_to_its_notice;
"""


def seal_all(apps, schema_editor):
    """Every value from before."""
    with schema_editor.connection.cursor() as cursor:
        for one in SEALED:
            seal_rows(cursor, *one)


def unseal_all(apps, schema_editor):
    """And back."""
    with schema_editor.connection.cursor() as cursor:
        for one in SEALED:
            unseal_rows(cursor, *one)


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0025_places_kept_for_undo")]

    operations = [
        migrations.AlterField("dutyshift", "phone", RowSealedTextField(**PHONE)),
        migrations.AlterField("dutyshiftevent", "phone", RowSealedTextField(**PHONE)),
        migrations.AlterField("staffnotice", "address", RowSealedTextField(**ADDRESS)),
        migrations.AlterField("staffnoticeevent", "address", RowSealedTextField(**ADDRESS)),
        migrations.RunPython(seal_all, unseal_all),
        migrations.RunSQL(RULES, NO_RULES),
    ]
