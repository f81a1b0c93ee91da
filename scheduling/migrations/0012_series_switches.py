"""Switches of protocol: one series ends, another begins, signed in one act."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


FORWARD = """
CREATE FUNCTION switch_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a switch of protocol is never changed'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'switch_is_fixed';
END $$;
CREATE TRIGGER switch_is_fixed BEFORE UPDATE OR DELETE ON scheduling_seriesswitch
    FOR EACH ROW EXECUTE FUNCTION switch_fixed();

CREATE FUNCTION switch_joins() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    old record;
    fresh record;
BEGIN
    SELECT s.patient_id, s.status, v.template_id INTO old FROM scheduling_treatmentseries s
        JOIN protocols_protocolversion v ON v.id = s.protocol_version_id WHERE s.id = NEW.from_series_id;
    SELECT s.patient_id, s.status, v.template_id INTO fresh FROM scheduling_treatmentseries s
        JOIN protocols_protocolversion v ON v.id = s.protocol_version_id WHERE s.id = NEW.to_series_id;
    IF old.patient_id <> fresh.patient_id OR old.status IN ('active', 'paused') OR old.template_id = fresh.template_id THEN
        RAISE EXCEPTION 'a switch joins two series of one patient: the first is over, the protocols differ'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'switch_joins_two_series';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER switch_joins_two_series BEFORE INSERT ON scheduling_seriesswitch
    FOR EACH ROW EXECUTE FUNCTION switch_joins();
"""

BACKWARD = """
DROP TRIGGER switch_joins_two_series ON scheduling_seriesswitch;
DROP FUNCTION switch_joins();
DROP TRIGGER switch_is_fixed ON scheduling_seriesswitch;
DROP FUNCTION switch_fixed();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('scheduling', '0011_close_infusions_need_a_reason'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='SeriesSwitch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('reason', models.CharField(max_length=300)),
                ('diff', models.JSONField()),
                ('sha256', models.CharField(max_length=64)),
                ('infusions', models.PositiveSmallIntegerField()),
                ('delivered_mg', models.DecimalField(decimal_places=2, max_digits=8)),
                ('last_infusion_at', models.DateTimeField(blank=True, null=True)),
                ('decided_at', models.DateTimeField()),
                ('decided_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('from_series', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='switched_to', to='scheduling.treatmentseries')),
                ('to_series', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='switched_from', to='scheduling.treatmentseries')),
            ],
            options={
                'verbose_name_plural': 'series switches',
                'ordering': ['-decided_at', '-pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='switch_says_why'), models.CheckConstraint(condition=models.Q(('sha256__regex', '^[0-9a-f]{64}$')), name='switch_names_its_diff'), models.CheckConstraint(condition=models.Q(('from_series', models.F('to_series')), _negated=True), name='switch_between_two'), models.CheckConstraint(condition=models.Q(models.Q(('infusions', 0), ('last_infusion_at__isnull', True)), models.Q(('infusions__gt', 0), ('last_infusion_at__isnull', False)), _connector='OR'), name='switch_knows_the_last_infusion')],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
