"""Therapy that the patient's therapist outside the clinic reported."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


# What was reported stays as it was said. It is flagged when a no-therapy period turns out to cover it, or withdrawn.
FORWARD = """
CREATE FUNCTION report_is_only_flagged() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    later text[] := ARRAY['inside_no_therapy_at', 'withdrawn_at', 'withdrawn_by_id', 'withdrawn_reason'];
BEGIN
    IF TG_OP = 'DELETE' OR OLD.withdrawn_at IS NOT NULL OR to_jsonb(NEW) - later <> to_jsonb(OLD) - later THEN
        RAISE EXCEPTION 'a reported therapy session is kept as it was said'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'reported_therapy_is_fixed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reported_therapy_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_reportedtherapy
    FOR EACH ROW EXECUTE FUNCTION report_is_only_flagged();
"""
BACKWARD = """
DROP TRIGGER reported_therapy_is_fixed ON treatment_sessions_reportedtherapy;
DROP FUNCTION report_is_only_flagged();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('patients', '0008_external_therapists'),
        ('pghistory', '0007_auto_20250421_0444'),
        ('treatment_sessions', '0015_private_notes_are_sealed_to_their_row'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ReportedTherapy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('held_at', models.DateTimeField()),
                ('via', models.CharField(choices=[('link', 'By their link'), ('phone', 'By phone')], max_length=5)),
                ('spoken_with', models.CharField(blank=True, max_length=120)),
                ('recorded_at', models.DateTimeField()),
                ('inside_no_therapy_at', models.DateTimeField(blank=True, null=True)),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                ('withdrawn_reason', models.CharField(blank=True, max_length=200)),
                ('infusion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reported_therapy', to='treatment_sessions.infusion')),
                ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reported_therapy', to='patients.patient')),
                ('recorded_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('therapist', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reported_therapy', to='patients.externaltherapist')),
                ('withdrawn_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-held_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='ReportedTherapyEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('held_at', models.DateTimeField()),
                ('via', models.CharField(choices=[('link', 'By their link'), ('phone', 'By phone')], max_length=5)),
                ('spoken_with', models.CharField(blank=True, max_length=120)),
                ('recorded_at', models.DateTimeField()),
                ('inside_no_therapy_at', models.DateTimeField(blank=True, null=True)),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                ('withdrawn_reason', models.CharField(blank=True, max_length=200)),
                ('infusion', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.infusion')),
                ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.reportedtherapy')),
                ('recorded_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('therapist', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.externaltherapist')),
                ('withdrawn_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddConstraint(
            model_name='reportedtherapy',
            constraint=models.CheckConstraint(condition=models.Q(('held_at__lte', models.F('recorded_at'))), name='reported_therapy_has_taken_place'),
        ),
        migrations.AddConstraint(
            model_name='reportedtherapy',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('recorded_by__isnull', True), ('spoken_with', ''), ('via', 'link')), models.Q(('recorded_by__isnull', False), ('via', 'phone'), models.Q(('spoken_with', ''), _negated=True)), _connector='OR'), name='reported_therapy_says_by_whom'),
        ),
        migrations.AddConstraint(
            model_name='reportedtherapy',
            constraint=models.CheckConstraint(condition=models.Q(('withdrawn_at__isnull', True), models.Q(('withdrawn_at__gte', models.F('recorded_at')), ('withdrawn_by__isnull', False), models.Q(('withdrawn_reason', ''), _negated=True)), _connector='OR'), name='withdrawn_report_says_why'),
        ),
        migrations.AddConstraint(
            model_name='reportedtherapy',
            constraint=models.UniqueConstraint(models.F('infusion'), models.F('held_at'), condition=models.Q(('withdrawn_at__isnull', True)), name='one_report_of_a_therapy_session'),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
