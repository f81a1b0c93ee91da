"""A wrong weight is corrected after the start by a second person; the dose stays a fact."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


GUARDS = """
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_weightcorrection
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('superseded_at');

-- Weighed and corrected by two people, and only once the pump has run: before that the patient is weighed again.
CREATE FUNCTION weight_is_corrected_by_another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM treatment_sessions_infusion i
                   WHERE i.id = NEW.infusion_id AND i.started_at IS NOT NULL
                     AND i.weighed_by_id IS DISTINCT FROM NEW.entered_by_id
                     AND i.weight_kg = NEW.recorded_kg) THEN
        RAISE EXCEPTION 'a weight is corrected after the start, by another person than who weighed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'weight_is_corrected_by_another';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER weight_is_corrected_by_another BEFORE INSERT ON treatment_sessions_weightcorrection
    FOR EACH ROW EXECUTE FUNCTION weight_is_corrected_by_another();
"""
UNGUARD = """
DROP TRIGGER weight_is_corrected_by_another ON treatment_sessions_weightcorrection;
DROP FUNCTION weight_is_corrected_by_another();
DROP TRIGGER record_is_fixed ON treatment_sessions_weightcorrection;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('pghistory', '0007_auto_20250421_0444'),
        ('treatment_sessions', '0010_gates_and_eligibility'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='WeightCorrection',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('recorded_kg', models.DecimalField(decimal_places=1, max_digits=5)),
                ('weight_kg', models.DecimalField(decimal_places=1, max_digits=5)),
                ('reason', models.CharField(max_length=200)),
                ('entered_at', models.DateTimeField()),
                ('superseded_at', models.DateTimeField(blank=True, null=True)),
                ('entered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('infusion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='weight_corrections', to='treatment_sessions.infusion')),
            ],
            options={
                'ordering': ['entered_at', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='WeightCorrectionEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('recorded_kg', models.DecimalField(decimal_places=1, max_digits=5)),
                ('weight_kg', models.DecimalField(decimal_places=1, max_digits=5)),
                ('reason', models.CharField(max_length=200)),
                ('entered_at', models.DateTimeField()),
                ('superseded_at', models.DateTimeField(blank=True, null=True)),
                ('entered_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('infusion', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.weightcorrection')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddConstraint(
            model_name='weightcorrection',
            constraint=models.UniqueConstraint(condition=models.Q(('superseded_at__isnull', True)), fields=('infusion',), name='one_current_weight_correction'),
        ),
        migrations.AddConstraint(
            model_name='weightcorrection',
            constraint=models.CheckConstraint(condition=models.Q(('weight_kg__gte', 20), ('weight_kg__lte', 350)), name='corrected_weight_in_range'),
        ),
        migrations.AddConstraint(
            model_name='weightcorrection',
            constraint=models.CheckConstraint(condition=models.Q(('weight_kg', models.F('recorded_kg')), _negated=True), name='weight_correction_changes_it'),
        ),
        migrations.AddConstraint(
            model_name='weightcorrection',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='weight_correction_says_why'),
        ),
        migrations.RunSQL(GUARDS, UNGUARD),
    ]
