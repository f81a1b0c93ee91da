"""The ninth answer of a PHQ-9 is on file also where only its total is."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('patients', '0008_external_therapists'),
        ('treatment_sessions', '0016_reported_therapy'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='outcomescore',
            name='item_9',
            field=models.PositiveSmallIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='outcomescoreevent',
            name='item_9',
            field=models.PositiveSmallIntegerField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name='outcomescore',
            constraint=models.CheckConstraint(condition=models.Q(('item_9__isnull', True), models.Q(('instrument', 'phq9'), ('item_9__lte', 3), ('item_9__lte', models.F('total'))), _connector='OR'), name='item_9_of_phq9_within_total'),
        ),
    ]
