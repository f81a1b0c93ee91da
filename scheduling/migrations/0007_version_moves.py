"""Decisions about moving a series to a newer version; no series changes its version without one."""


import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


FORWARD = """
CREATE FUNCTION series_version_by_decision() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    latest scheduling_seriesversionmove%ROWTYPE;
BEGIN
    IF NEW.protocol_version_id IS NOT DISTINCT FROM OLD.protocol_version_id THEN
        RETURN NEW;
    END IF;
    SELECT * INTO latest FROM scheduling_seriesversionmove m
        WHERE m.series_id = NEW.id AND m.decision = 'accepted' ORDER BY m.id DESC LIMIT 1;
    IF latest.id IS NULL OR latest.from_version_id <> OLD.protocol_version_id
        OR latest.to_version_id <> NEW.protocol_version_id THEN
        RAISE EXCEPTION 'a series changes its protocol version only by a signed decision'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'series_version_moves_by_decision';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER series_version_moves_by_decision BEFORE UPDATE ON scheduling_treatmentseries
    FOR EACH ROW EXECUTE FUNCTION series_version_by_decision();

CREATE FUNCTION version_decision_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a decision about a protocol version is never changed'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'version_decision_is_fixed';
END $$;
CREATE TRIGGER version_decision_is_fixed BEFORE UPDATE OR DELETE ON scheduling_seriesversionmove
    FOR EACH ROW EXECUTE FUNCTION version_decision_fixed();
"""

BACKWARD = """
DROP TRIGGER version_decision_is_fixed ON scheduling_seriesversionmove;
DROP FUNCTION version_decision_fixed();
DROP TRIGGER series_version_moves_by_decision ON scheduling_treatmentseries;
DROP FUNCTION series_version_by_decision();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('patients', '0002_name_similarity'),
        ('protocols', '0003_unfinished_drafts'),
        ('scheduling', '0006_window_keeps_to_the_stated_time'),
        ('staff', '0003_site_open_on_holidays'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='SeriesVersionMove',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('decision', models.CharField(choices=[('accepted', 'Moved'), ('refused', 'Stays on its version')], max_length=8)),
                ('reason', models.CharField(max_length=300)),
                ('diff', models.JSONField()),
                ('sha256', models.CharField(max_length=64)),
                ('decided_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['-decided_at', '-pk'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='schedulechange',
            name='change_kind_known',
        ),
        migrations.AlterField(
            model_name='schedulechange',
            name='kind',
            field=models.CharField(choices=[('move', 'Moved'), ('cancel', 'Postponed without a date'), ('omit', 'Skipped'), ('no-show', 'Did not attend'), ('undo', 'Moved back'), ('version', 'Moved to another protocol version')], max_length=8),
        ),
        migrations.AddConstraint(
            model_name='schedulechange',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['move', 'cancel', 'omit', 'no-show', 'undo', 'version'])), name='change_kind_known'),
        ),
        migrations.AddField(
            model_name='seriesversionmove',
            name='decided_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='seriesversionmove',
            name='from_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='protocols.protocolversion'),
        ),
        migrations.AddField(
            model_name='seriesversionmove',
            name='series',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='version_moves', to='scheduling.treatmentseries'),
        ),
        migrations.AddField(
            model_name='seriesversionmove',
            name='to_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='protocols.protocolversion'),
        ),
        migrations.AddConstraint(
            model_name='seriesversionmove',
            constraint=models.CheckConstraint(condition=models.Q(('decision__in', ['accepted', 'refused'])), name='version_decision_known'),
        ),
        migrations.AddConstraint(
            model_name='seriesversionmove',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='version_decision_says_why'),
        ),
        migrations.AddConstraint(
            model_name='seriesversionmove',
            constraint=models.CheckConstraint(condition=models.Q(('sha256__regex', '^[0-9a-f]{64}$')), name='version_decision_names_its_diff'),
        ),
        migrations.AddConstraint(
            model_name='seriesversionmove',
            constraint=models.CheckConstraint(condition=models.Q(('from_version', models.F('to_version')), _negated=True), name='version_decision_between_two'),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
