"""A private note is bound to its session and author, not to the column alone: copied into another row it does not open.

Notes from before are sealed anew, with the keys of the installation; the rule that they are never changed is set aside
for that alone, in this migration's transaction.
"""

from django.db import migrations

from staff.fields import RowSealedTextField
from staff.sealing import seal_rows, unseal_rows

SEALED = ("treatment_sessions_privatenote", "text", ("code", "session_id", "author_id"))
RULE = """
    ALTER TABLE treatment_sessions_privatenote ADD CONSTRAINT private_note_is_sealed_to_its_session
    CHECK (text LIKE 'r1.%')
"""
NO_RULE = "ALTER TABLE treatment_sessions_privatenote DROP CONSTRAINT private_note_is_sealed_to_its_session"
FIXED = "ALTER TABLE treatment_sessions_privatenote {} TRIGGER record_is_fixed"


def seal_all(apps, schema_editor):
    """Every note from before."""
    _with_notes_open(schema_editor, seal_rows)


def unseal_all(apps, schema_editor):
    """And back."""
    _with_notes_open(schema_editor, unseal_rows)


def _with_notes_open(schema_editor, work):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(FIXED.format("DISABLE"))
        work(cursor, *SEALED)
        cursor.execute(FIXED.format("ENABLE"))


class Migration(migrations.Migration):
    dependencies = [("treatment_sessions", "0014_preparation_records")]

    operations = [
        migrations.AlterField(
            "privatenote",
            "text",
            RowSealedTextField(bound_to=SEALED[2], place="treatment_sessions_privatenote.text"),
        ),
        migrations.RunPython(seal_all, unseal_all),
        migrations.RunSQL(RULE, NO_RULE),
    ]
