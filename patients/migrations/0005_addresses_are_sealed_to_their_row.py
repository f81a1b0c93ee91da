"""Addresses are bound to their row and patient, not to the column alone (hazard H8).

Rows from before are opened and sealed anew. One that does not open, or does not match its own check value, was moved
here from another row: it is marked so that it never opens, and has to be added again. The history keeps what it has.
Run it with the keys of the installation: without them it stops before anything is changed.
"""

from django.db import migrations

import staff.fields

PLACE = "patients_contactpoint.address"
BOUND = {"bound_to": ("code", "patient_id"), "place": PLACE}
RULE = """
    ALTER TABLE patients_contactpoint ADD CONSTRAINT contact_address_is_sealed_to_its_row
    CHECK (address LIKE 'r1.%')
"""
NO_RULE = "ALTER TABLE patients_contactpoint DROP CONSTRAINT contact_address_is_sealed_to_its_row"


def seal_all(apps, schema_editor):
    """Every address from before, one row after the other in this migration's transaction."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, code, patient_id, address, address_index FROM patients_contactpoint "
            "WHERE address NOT LIKE 'r1.%%' ORDER BY id FOR UPDATE"
        )
        for key, code, patient, stored, index in cursor.fetchall():
            cursor.execute(
                "UPDATE patients_contactpoint SET address = %s WHERE id = %s",
                [sealed(stored, f"{code}:{patient}", index), key],
            )


def sealed(stored: str, row: str, index: str) -> str:
    """The stored form that opens in this row only; one that never opens for a value that was moved here."""
    try:
        plain = staff.fields.decrypt(stored, context=PLACE)
    except staff.fields.KeyMissing:
        raise
    except staff.fields.Unreadable:
        return staff.fields.ROW_MARK + stored
    if staff.fields.blind_index(plain) != index:
        return staff.fields.ROW_MARK + stored
    return staff.fields.seal(plain, place=PLACE, row=row)


def unseal_all(apps, schema_editor):
    """Back to values that are bound to their column alone."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id, code, patient_id, address FROM patients_contactpoint ORDER BY id FOR UPDATE")
        for key, code, patient, stored in cursor.fetchall():
            try:
                plain = staff.fields.open_sealed(stored, place=PLACE, row=f"{code}:{patient}")
            except staff.fields.Unreadable:
                continue
            cursor.execute(
                "UPDATE patients_contactpoint SET address = %s WHERE id = %s",
                [staff.fields.encrypt(plain, context=PLACE), key],
            )


class Migration(migrations.Migration):
    dependencies = [("patients", "0004_interpreter")]

    operations = [
        migrations.AlterField("contactpoint", "address", staff.fields.RowSealedTextField(**BOUND)),
        migrations.AlterField("contactpointevent", "address", staff.fields.RowSealedTextField(**BOUND)),
        migrations.RunPython(seal_all, unseal_all),
        migrations.RunSQL(RULE, NO_RULE),
    ]
