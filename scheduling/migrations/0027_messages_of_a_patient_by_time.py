"""What a patient was sent within the hour is read by an index; the key of a message has one index instead of two."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('patients', '0001_squashed_0007_legal_representatives'),
        ('scheduling', '0026_duty_numbers_are_sealed_to_their_row'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='message',
            name='idem_key',
            field=models.CharField(max_length=120),
        ),
        migrations.AlterField(
            model_name='message',
            name='patient',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='patients.patient'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(fields=['patient', 'sent_at'], name='message_by_patient'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('state', 'sending')), fields=['patient'], name='message_sending'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.UniqueConstraint(fields=('idem_key',), name='one_message_per_idem_key'),
        ),
    ]
