"""Every table and rule of this app as of 0007_legal_representatives, made in one step on a new database.

A database that went through the single steps keeps them: Django counts this one as done there.
"""

import django.contrib.postgres.operations
import django.db.models.deletion
import django.db.models.functions.text
import staff.fields
import staff.migration_operations
import staff.models
import uuid
from django.conf import settings
from django.db import migrations, models

# Addresses are bound to their row and patient, not to the column alone (hazard H8).
#
# Rows from before are opened and sealed anew. One that does not open, or does not match its own check value, was moved
# here from another row: it is marked so that it never opens, and has to be added again. The history keeps what it has.
# Run it with the keys of the installation: without them it stops before anything is changed.
ADDRESSES_ARE_SEALED_TO_THEIR_ROW = """
    ALTER TABLE patients_contactpoint ADD CONSTRAINT contact_address_is_sealed_to_its_row
    CHECK (address LIKE 'r1.%')
"""


ADDRESSES_ARE_SEALED_TO_THEIR_ROW_BACKWARD = """
ALTER TABLE patients_contactpoint DROP CONSTRAINT contact_address_is_sealed_to_its_row
"""


# Legal representatives: who may sign for a patient and be written to.
LEGAL_REPRESENTATIVES = """
CREATE FUNCTION contact_of_own_representative() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM patients_legalrepresentative r
                   WHERE r.id = NEW.representative_id AND r.patient_id = NEW.patient_id
                     AND (r.ended_at IS NULL OR NEW.opted_out_at IS NOT NULL)) THEN
        RAISE EXCEPTION 'this person does not represent the patient'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'contact_of_own_representative';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER contact_of_own_representative BEFORE INSERT OR UPDATE ON patients_contactpoint
    FOR EACH ROW WHEN (NEW.representative_id IS NOT NULL) EXECUTE FUNCTION contact_of_own_representative();

CREATE FUNCTION representative_only_ends() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    later text[] := ARRAY['ended_at', 'ended_by_id', 'ended_reason'];
BEGIN
    IF OLD.ended_at IS NOT NULL OR to_jsonb(NEW) - later <> to_jsonb(OLD) - later THEN
        RAISE EXCEPTION 'who represented a patient is kept as it was recorded'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'representative_is_fixed';
    END IF;
    IF NEW.ended_at IS NOT NULL AND EXISTS (
        SELECT 1 FROM patients_contactpoint c WHERE c.representative_id = NEW.id AND c.opted_out_at IS NULL) THEN
        RAISE EXCEPTION 'whoever represents a patient no longer is not written to'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ended_representative_is_not_written_to';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER representative_is_fixed BEFORE UPDATE ON patients_legalrepresentative
    FOR EACH ROW EXECUTE FUNCTION representative_only_ends();
"""


LEGAL_REPRESENTATIVES_BACKWARD = """
DROP TRIGGER representative_is_fixed ON patients_legalrepresentative;
DROP FUNCTION representative_only_ends();
DROP TRIGGER contact_of_own_representative ON patients_contactpoint;
DROP FUNCTION contact_of_own_representative();
"""


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ('patients', '0001_initial'),
        ('patients', '0002_name_similarity'),
        ('patients', '0003_covers'),
        ('patients', '0004_interpreter'),
        ('patients', '0005_addresses_are_sealed_to_their_row'),
        ('patients', '0006_escorts_are_recipients'),
        ('patients', '0007_legal_representatives'),
    ]

    dependencies = [
        ('pghistory', '0007_auto_20250421_0444'),
        ('staff', '0001_squashed_0004_people_kept_by_the_clinic'),
    ]

    operations = [
        django.contrib.postgres.operations.TrigramExtension(
        ),
        staff.migration_operations.CreateModels(
            models=[
                migrations.CreateModel(
                    name='Patient',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('mrn', models.CharField(max_length=32, verbose_name='record number')),
                        ('given_name', models.CharField(max_length=80)),
                        ('family_name', models.CharField(max_length=80)),
                        ('birth_date', models.DateField()),
                        ('sex', models.CharField(choices=[('F', 'Female'), ('M', 'Male')], max_length=1)),
                        ('height_cm', models.DecimalField(blank=True, decimal_places=1, max_digits=4, null=True)),
                        ('time_zone', models.CharField(max_length=64, validators=[staff.models.validate_time_zone])),
                        ('language', models.CharField(default='en', max_length=8)),
                        ('jurisdiction', models.CharField(max_length=8)),
                        ('status', models.CharField(choices=[('active', 'Active'), ('inactive', 'Inactive'), ('deceased', 'Deceased')], default='active', max_length=8)),
                        ('created_at', models.DateTimeField()),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('prescriber', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='prescribed_patients', to=settings.AUTH_USER_MODEL)),
                        ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='patients', to='staff.site')),
                        ('therapist', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='assigned_patients', to=settings.AUTH_USER_MODEL)),
                        ('interpreter', models.CharField(blank=True, max_length=60, verbose_name='interpreter needed for')),
                    ],
                    options={
                        'ordering': ['family_name', 'given_name', 'pk'],
                        'constraints': [models.UniqueConstraint(django.db.models.functions.text.Lower('mrn'), models.F('site'), name='patient_mrn_unique_at_site'), models.CheckConstraint(condition=models.Q(('status__in', ['active', 'inactive', 'deceased'])), name='patient_status_known'), models.CheckConstraint(condition=models.Q(('sex__in', ['F', 'M'])), name='patient_sex_known'), models.CheckConstraint(condition=models.Q(('height_cm__isnull', True), models.Q(('height_cm__gte', 100), ('height_cm__lte', 230)), _connector='OR'), name='patient_height_in_range'), models.CheckConstraint(condition=models.Q(('birth_date__gte', '1900-01-01')), name='patient_birth_date_in_range'), models.CheckConstraint(condition=models.Q(models.Q(('given_name', ''), _negated=True), models.Q(('family_name', ''), _negated=True), models.Q(('mrn', ''), _negated=True)), name='patient_is_identified')],
                        'indexes': [models.Index(fields=['site', 'status'], name='patient_by_site')],
                    },
                ),
                migrations.CreateModel(
                    name='ContactPoint',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('channel', models.CharField(choices=[('email', 'E-mail'), ('sms', 'Text message')], max_length=5)),
                        ('address', staff.fields.RowSealedTextField(bound_to=('code', 'patient_id'), place='patients_contactpoint.address')),
                        ('address_index', models.CharField(editable=False, max_length=64)),
                        ('preferred', models.BooleanField(default=False)),
                        ('verified_at', models.DateTimeField(blank=True, null=True)),
                        ('consented_at', models.DateTimeField(blank=True, null=True)),
                        ('opted_out_at', models.DateTimeField(blank=True, null=True)),
                        ('created_at', models.DateTimeField()),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='contact_points', to='patients.patient')),
                        ('patient_agreed_at', models.DateTimeField(blank=True, null=True, verbose_name='the patient agrees that the escort is told')),
                        ('person_name', models.CharField(blank=True, max_length=80, verbose_name='name of the escort')),
                        ('whose', models.CharField(choices=[('patient', "The patient's own"), ('escort', 'Of the adult who takes the patient home'), ('representative', 'Of a legal representative')], default='patient', max_length=14)),
                        ('representative', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='contact_points', to='patients.legalrepresentative')),
                    ],
                    options={
                        'ordering': ['-preferred', 'pk'],
                        'constraints': [models.UniqueConstraint(models.F('patient'), models.F('channel'), models.F('address_index'), name='contact_address_once'), models.UniqueConstraint(condition=models.Q(('preferred', True)), fields=('patient',), name='one_preferred_contact_per_patient'), models.CheckConstraint(condition=models.Q(('channel__in', ['email', 'sms'])), name='contact_channel_known'), models.CheckConstraint(condition=models.Q(('whose__in', ['patient', 'escort', 'representative'])), name='contact_whose_known'), models.CheckConstraint(condition=models.Q(models.Q(('whose', 'escort'), models.Q(('patient_agreed_at__isnull', True), ('person_name', '')), _connector='OR'), models.Q(models.Q(('whose', 'escort'), _negated=True), models.Q(('patient_agreed_at__isnull', False), ('preferred', False), models.Q(('person_name', ''), _negated=True)), _connector='OR')), name='escort_is_named_and_agreed_to'), models.CheckConstraint(condition=models.Q(models.Q(('representative__isnull', False), ('whose', 'representative')), models.Q(models.Q(('whose', 'representative'), _negated=True), ('representative__isnull', True)), _connector='OR'), name='contact_of_a_representative_names_them')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='ContactPreference',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('quiet_from', models.TimeField(default='21:30')),
                        ('quiet_until', models.TimeField(default='08:00')),
                        ('all_messages_stopped_at', models.DateTimeField(blank=True, null=True)),
                        ('messages_held_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='contact_preference', to='patients.patient')),
                    ],
                    options={
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='Contraindication',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('kind', models.CharField(max_length=40)),
                        ('severity', models.CharField(choices=[('absolute', 'Rules treatment out'), ('caution', "Needs a prescriber's decision")], max_length=8)),
                        ('note', models.CharField(blank=True, max_length=300)),
                        ('recorded_at', models.DateTimeField()),
                        ('resolved_at', models.DateTimeField(blank=True, null=True)),
                        ('recorded_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='contraindications', to='patients.patient')),
                    ],
                    options={
                        'ordering': ['-recorded_at'],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('resolved_at__isnull', True)), fields=('patient', 'kind'), name='contraindication_open_once'), models.CheckConstraint(condition=models.Q(('severity__in', ['absolute', 'caution'])), name='contraindication_severity_known')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='PatientEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('mrn', models.CharField(max_length=32, verbose_name='record number')),
                        ('given_name', models.CharField(max_length=80)),
                        ('family_name', models.CharField(max_length=80)),
                        ('birth_date', models.DateField()),
                        ('sex', models.CharField(choices=[('F', 'Female'), ('M', 'Male')], max_length=1)),
                        ('height_cm', models.DecimalField(blank=True, decimal_places=1, max_digits=4, null=True)),
                        ('time_zone', models.CharField(max_length=64, validators=[staff.models.validate_time_zone])),
                        ('language', models.CharField(default='en', max_length=8)),
                        ('jurisdiction', models.CharField(max_length=8)),
                        ('status', models.CharField(choices=[('active', 'Active'), ('inactive', 'Inactive'), ('deceased', 'Deceased')], default='active', max_length=8)),
                        ('created_at', models.DateTimeField()),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='patients.patient')),
                        ('prescriber', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('site', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='staff.site')),
                        ('therapist', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('interpreter', models.CharField(blank=True, max_length=60, verbose_name='interpreter needed for')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='PriorExposure',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('route', models.CharField(choices=[('iv', 'iv'), ('im', 'im'), ('sc', 'sc'), ('oral', 'oral'), ('intranasal', 'intranasal')], max_length=10)),
                        ('count', models.PositiveSmallIntegerField()),
                        ('first_on', models.DateField(blank=True, null=True)),
                        ('last_on', models.DateField(blank=True, null=True)),
                        ('total_mg', models.DecimalField(blank=True, decimal_places=1, max_digits=8, null=True)),
                        ('source', models.CharField(max_length=200)),
                        ('recorded_at', models.DateTimeField()),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='prior_exposures', to='patients.patient')),
                        ('recorded_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['-recorded_at'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('count__gte', 1), ('count__lte', 2000)), name='exposure_count_in_range'), models.CheckConstraint(condition=models.Q(('first_on__isnull', True), ('last_on__isnull', True), ('first_on__lte', models.F('last_on')), _connector='OR'), name='exposure_dates_in_order')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='ContraindicationEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('kind', models.CharField(max_length=40)),
                        ('severity', models.CharField(choices=[('absolute', 'Rules treatment out'), ('caution', "Needs a prescriber's decision")], max_length=8)),
                        ('note', models.CharField(blank=True, max_length=300)),
                        ('recorded_at', models.DateTimeField()),
                        ('resolved_at', models.DateTimeField(blank=True, null=True)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='patients.contraindication')),
                        ('recorded_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='ContactPreferenceEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('quiet_from', models.TimeField(default='21:30')),
                        ('quiet_until', models.TimeField(default='08:00')),
                        ('all_messages_stopped_at', models.DateTimeField(blank=True, null=True)),
                        ('messages_held_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='patients.contactpreference')),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='ContactPointEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('channel', models.CharField(choices=[('email', 'E-mail'), ('sms', 'Text message')], max_length=5)),
                        ('address', staff.fields.RowSealedTextField(bound_to=('code', 'patient_id'), place='patients_contactpoint.address')),
                        ('address_index', models.CharField(editable=False, max_length=64)),
                        ('preferred', models.BooleanField(default=False)),
                        ('verified_at', models.DateTimeField(blank=True, null=True)),
                        ('consented_at', models.DateTimeField(blank=True, null=True)),
                        ('opted_out_at', models.DateTimeField(blank=True, null=True)),
                        ('created_at', models.DateTimeField()),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='patients.contactpoint')),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('patient_agreed_at', models.DateTimeField(blank=True, null=True, verbose_name='the patient agrees that the escort is told')),
                        ('person_name', models.CharField(blank=True, max_length=80, verbose_name='name of the escort')),
                        ('whose', models.CharField(choices=[('patient', "The patient's own"), ('escort', 'Of the adult who takes the patient home'), ('representative', 'Of a legal representative')], default='patient', max_length=14)),
                        ('representative', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.legalrepresentative')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='PriorExposureEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('route', models.CharField(choices=[('iv', 'iv'), ('im', 'im'), ('sc', 'sc'), ('oral', 'oral'), ('intranasal', 'intranasal')], max_length=10)),
                        ('count', models.PositiveSmallIntegerField()),
                        ('first_on', models.DateField(blank=True, null=True)),
                        ('last_on', models.DateField(blank=True, null=True)),
                        ('total_mg', models.DecimalField(blank=True, decimal_places=1, max_digits=8, null=True)),
                        ('source', models.CharField(max_length=200)),
                        ('recorded_at', models.DateTimeField()),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='patients.priorexposure')),
                        ('recorded_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='PatientCover',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('from_at', models.DateTimeField()),
                        ('until_at', models.DateTimeField()),
                        ('reason', models.CharField(max_length=120)),
                        ('granted_at', models.DateTimeField()),
                        ('ended_at', models.DateTimeField(blank=True, null=True)),
                        ('granted_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='covers', to='patients.patient')),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='covers', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['-granted_at', '-pk'],
                        'indexes': [models.Index(fields=['user', 'until_at'], name='cover_of_person')],
                        'constraints': [models.CheckConstraint(condition=models.Q(('until_at__gt', models.F('from_at'))), name='cover_ends_after_start'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='cover_says_why')],
                    },
                ),
                migrations.CreateModel(
                    name='PatientCoverEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('from_at', models.DateTimeField()),
                        ('until_at', models.DateTimeField()),
                        ('reason', models.CharField(max_length=120)),
                        ('granted_at', models.DateTimeField()),
                        ('ended_at', models.DateTimeField(blank=True, null=True)),
                        ('granted_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='patients.patientcover')),
                        ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='LegalRepresentative',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('name', models.CharField(max_length=120)),
                        ('relationship', models.CharField(choices=[('court', 'Guardian appointed by a court'), ('attorney', 'Health care power of attorney'), ('relative', 'Next of kin, by law'), ('other', 'Another legal ground')], max_length=10)),
                        ('authority', models.CharField(max_length=200, verbose_name='what shows it')),
                        ('recorded_at', models.DateTimeField()),
                        ('ended_at', models.DateTimeField(blank=True, null=True)),
                        ('ended_reason', models.CharField(blank=True, max_length=200)),
                        ('ended_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='representatives', to='patients.patient')),
                        ('recorded_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['-recorded_at', '-pk'],
                        'indexes': [],
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('name', ''), _negated=True), models.Q(('authority', ''), _negated=True)), name='representative_is_named_and_shown'), models.CheckConstraint(condition=models.Q(('relationship__in', ['court', 'attorney', 'relative', 'other'])), name='representative_relationship_known'), models.CheckConstraint(condition=models.Q(('ended_at__isnull', True), models.Q(('ended_at__gte', models.F('recorded_at')), ('ended_by__isnull', False), models.Q(('ended_reason', ''), _negated=True)), _connector='OR'), name='representative_ended_says_why')],
                    },
                ),
                migrations.CreateModel(
                    name='LegalRepresentativeEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('name', models.CharField(max_length=120)),
                        ('relationship', models.CharField(choices=[('court', 'Guardian appointed by a court'), ('attorney', 'Health care power of attorney'), ('relative', 'Next of kin, by law'), ('other', 'Another legal ground')], max_length=10)),
                        ('authority', models.CharField(max_length=200, verbose_name='what shows it')),
                        ('recorded_at', models.DateTimeField()),
                        ('ended_at', models.DateTimeField(blank=True, null=True)),
                        ('ended_reason', models.CharField(blank=True, max_length=200)),
                        ('ended_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='patients.legalrepresentative')),
                        ('recorded_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
            ],
        ),
        migrations.RunSQL(ADDRESSES_ARE_SEALED_TO_THEIR_ROW, ADDRESSES_ARE_SEALED_TO_THEIR_ROW_BACKWARD),
        migrations.RunSQL(LEGAL_REPRESENTATIVES, LEGAL_REPRESENTATIVES_BACKWARD),
    ]
