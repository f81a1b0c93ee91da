"""The sheet kept of each day, and who took over what was open when it was closed; a closing is written once."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('treatment_sessions', '0007_day_rules'),
        ('scheduling', '0015_provider_reports'),
        ('staff', '0003_site_open_on_holidays'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='DayClosing',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('day', models.DateField()),
                ('closed_at', models.DateTimeField()),
                ('items', models.JSONField(default=list)),
                ('closed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='day_closings', to='staff.site')),
            ],
            options={
                'ordering': ['-day'],
                'constraints': [models.UniqueConstraint(fields=('site', 'day'), name='one_closing_per_site_and_day')],
            },
        ),
        migrations.CreateModel(
            name='DaySheet',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('made_at', models.DateTimeField()),
                ('visits', models.PositiveSmallIntegerField()),
                ('html', models.TextField()),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='day_sheets', to='staff.site')),
            ],
            options={
                'ordering': ['-day'],
                'constraints': [models.UniqueConstraint(fields=('site', 'day'), name='one_day_sheet_per_site_and_day'), models.CheckConstraint(condition=models.Q(('html', ''), _negated=True), name='day_sheet_is_not_empty')],
            },
        ),
        migrations.RunSQL(
            "CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON scheduling_dayclosing "
            "FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();",
            "DROP TRIGGER record_is_fixed ON scheduling_dayclosing;",
        ),
    ]
