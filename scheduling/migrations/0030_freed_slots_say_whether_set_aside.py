"""A visit that lost its date keeps its place for undo, as one whose time was set aside does: which it was is told apart."""

from django.db import migrations, models

MARK = """
UPDATE scheduling_freedslot SET set_aside = true WHERE visit_id IS NOT NULL OR left_by_id IS NOT NULL;
"""


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0029_external_therapy")]

    operations = [
        migrations.AddField("freedslot", "set_aside", models.BooleanField(default=False)),
        migrations.RunSQL(MARK, migrations.RunSQL.noop),
    ]
