"""The patient's own therapist outside the clinic, and the patient's releases of information to them."""

import django.db.models.deletion
import django.db.models.functions.text
import uuid
from django.conf import settings
from django.db import migrations, models


# A release stays as the patient signed it; it is revoked once, and never put back.
FORWARD = """
CREATE FUNCTION release_is_only_revoked() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    later text[] := ARRAY['revoked_at', 'revoked_by_id', 'revoked_reason'];
BEGIN
    IF TG_OP = 'DELETE' OR OLD.revoked_at IS NOT NULL OR to_jsonb(NEW) - later <> to_jsonb(OLD) - later THEN
        RAISE EXCEPTION 'a release of information is kept as it was signed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'release_is_fixed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER release_is_fixed BEFORE UPDATE OR DELETE ON patients_therapistrelease
    FOR EACH ROW EXECUTE FUNCTION release_is_only_revoked();
"""
BACKWARD = """
DROP TRIGGER release_is_fixed ON patients_therapistrelease;
DROP FUNCTION release_is_only_revoked();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('patients', '0007_legal_representatives'),
        ('pghistory', '0007_auto_20250421_0444'),
        ('staff', '0004_people_kept_by_the_clinic'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ExternalTherapist',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('name', models.CharField(max_length=120)),
                ('practice', models.CharField(blank=True, max_length=120)),
                ('jurisdiction', models.CharField(blank=True, max_length=8, verbose_name='licensed in')),
                ('licence_number', models.CharField(blank=True, max_length=40)),
                ('recorded_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['name', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='ExternalTherapistEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('name', models.CharField(max_length=120)),
                ('practice', models.CharField(blank=True, max_length=120)),
                ('jurisdiction', models.CharField(blank=True, max_length=8, verbose_name='licensed in')),
                ('licence_number', models.CharField(blank=True, max_length=40)),
                ('recorded_at', models.DateTimeField()),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='TherapistRelease',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('signed_on', models.DateField()),
                ('scope', models.CharField(choices=[('times', 'Times only')], default='times', max_length=8)),
                ('shown_as', models.CharField(choices=[('initials', 'By initials'), ('given', 'By first name')], max_length=8, verbose_name='how the patient is named')),
                ('valid_until', models.DateTimeField(verbose_name='not valid from then on')),
                ('recorded_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_reason', models.CharField(blank=True, max_length=200)),
            ],
            options={
                'ordering': ['-recorded_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='TherapistReleaseEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('signed_on', models.DateField()),
                ('scope', models.CharField(choices=[('times', 'Times only')], default='times', max_length=8)),
                ('shown_as', models.CharField(choices=[('initials', 'By initials'), ('given', 'By first name')], max_length=8, verbose_name='how the patient is named')),
                ('valid_until', models.DateTimeField(verbose_name='not valid from then on')),
                ('recorded_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_reason', models.CharField(blank=True, max_length=200)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.RemoveConstraint(
            model_name='contactpoint',
            name='contact_whose_known',
        ),
        migrations.AlterField(
            model_name='contactpoint',
            name='whose',
            field=models.CharField(choices=[('patient', "The patient's own"), ('escort', 'Of the adult who takes the patient home'), ('representative', 'Of a legal representative'), ('external', "Of the patient's therapist outside the clinic")], default='patient', max_length=14),
        ),
        migrations.AlterField(
            model_name='contactpointevent',
            name='whose',
            field=models.CharField(choices=[('patient', "The patient's own"), ('escort', 'Of the adult who takes the patient home'), ('representative', 'Of a legal representative'), ('external', "Of the patient's therapist outside the clinic")], default='patient', max_length=14),
        ),
        migrations.AddField(
            model_name='externaltherapist',
            name='recorded_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='externaltherapist',
            name='site',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='external_therapists', to='staff.site'),
        ),
        migrations.AddField(
            model_name='contactpoint',
            name='external_therapist',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='contact_points', to='patients.externaltherapist'),
        ),
        migrations.AddField(
            model_name='contactpointevent',
            name='external_therapist',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.externaltherapist'),
        ),
        migrations.AddField(
            model_name='patient',
            name='external_therapist',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='patients', to='patients.externaltherapist'),
        ),
        migrations.AddField(
            model_name='patientevent',
            name='external_therapist',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.externaltherapist'),
        ),
        migrations.AddConstraint(
            model_name='contactpoint',
            constraint=models.CheckConstraint(condition=models.Q(('whose__in', ['patient', 'escort', 'representative', 'external'])), name='contact_whose_known'),
        ),
        migrations.AddConstraint(
            model_name='contactpoint',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('external_therapist__isnull', False), ('preferred', False), ('whose', 'external')), models.Q(models.Q(('whose', 'external'), _negated=True), ('external_therapist__isnull', True)), _connector='OR'), name='contact_of_an_external_names_them'),
        ),
        migrations.AddField(
            model_name='externaltherapistevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='externaltherapistevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='patients.externaltherapist'),
        ),
        migrations.AddField(
            model_name='externaltherapistevent',
            name='recorded_by',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='externaltherapistevent',
            name='site',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='staff.site'),
        ),
        migrations.AddField(
            model_name='therapistrelease',
            name='patient',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='releases', to='patients.patient'),
        ),
        migrations.AddField(
            model_name='therapistrelease',
            name='recorded_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='therapistrelease',
            name='revoked_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='therapistrelease',
            name='therapist',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='releases', to='patients.externaltherapist'),
        ),
        migrations.AddField(
            model_name='therapistreleaseevent',
            name='patient',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient'),
        ),
        migrations.AddField(
            model_name='therapistreleaseevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='therapistreleaseevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='patients.therapistrelease'),
        ),
        migrations.AddField(
            model_name='therapistreleaseevent',
            name='recorded_by',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='therapistreleaseevent',
            name='revoked_by',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='therapistreleaseevent',
            name='therapist',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.externaltherapist'),
        ),
        migrations.AddConstraint(
            model_name='externaltherapist',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='external_therapist_is_named'),
        ),
        migrations.AddConstraint(
            model_name='externaltherapist',
            constraint=models.CheckConstraint(condition=models.Q(('licence_number', ''), models.Q(('jurisdiction', ''), _negated=True), _connector='OR'), name='external_licence_says_where'),
        ),
        migrations.AddConstraint(
            model_name='externaltherapist',
            constraint=models.UniqueConstraint(models.F('site'), django.db.models.functions.text.Lower('jurisdiction'), django.db.models.functions.text.Lower('licence_number'), condition=models.Q(('licence_number', ''), _negated=True), name='external_licence_once_per_site'),
        ),
        migrations.AddConstraint(
            model_name='therapistrelease',
            constraint=models.UniqueConstraint(models.F('patient'), models.F('therapist'), condition=models.Q(('revoked_at__isnull', True)), name='one_release_per_patient_and_therapist'),
        ),
        migrations.AddConstraint(
            model_name='therapistrelease',
            constraint=models.CheckConstraint(condition=models.Q(('scope', 'times')), name='release_is_of_times_only'),
        ),
        migrations.AddConstraint(
            model_name='therapistrelease',
            constraint=models.CheckConstraint(condition=models.Q(('shown_as__in', ['initials', 'given'])), name='release_names_the_patient_somehow'),
        ),
        migrations.AddConstraint(
            model_name='therapistrelease',
            constraint=models.CheckConstraint(condition=models.Q(('valid_until__gt', models.F('recorded_at'))), name='release_ends_after_it_was_recorded'),
        ),
        migrations.AddConstraint(
            model_name='therapistrelease',
            constraint=models.CheckConstraint(condition=models.Q(('revoked_at__isnull', True), models.Q(('revoked_at__gte', models.F('recorded_at')), ('revoked_by__isnull', False), models.Q(('revoked_reason', ''), _negated=True)), _connector='OR'), name='revoked_release_says_why'),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
