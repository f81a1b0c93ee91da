"""Every table and rule of this app as of 0004_people_kept_by_the_clinic, made in one step on a new database.

A database that went through the single steps keeps them: Django counts this one as done there.
"""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.contrib.postgres.functions
import django.contrib.postgres.operations
import django.db.models.deletion
import django.db.models.functions.text
import staff.migration_operations
import staff.models
import uuid
from django.conf import settings
from django.db import migrations, models

# `app_now()`, the single rows it reads, and the trigger that refuses to move the clock of a real clinic.
CLOCK_AND_ENVIRONMENT = """
CREATE FUNCTION app_now() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce((SELECT coalesce(frozen_at, clock_timestamp() + offset_by) FROM staff_clockoffset),
                    clock_timestamp())
$$;
ALTER FUNCTION app_now() VOLATILE;

INSERT INTO staff_clockoffset (id, offset_by, frozen_at) VALUES (1, interval '0', NULL);
INSERT INTO staff_databaseenvironment (id, kind) VALUES (1, 'production');

CREATE FUNCTION refuse_moved_clock() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.offset_by <> interval '0' OR NEW.frozen_at IS NOT NULL)
       AND NOT EXISTS (SELECT 1 FROM staff_databaseenvironment WHERE kind IN ('demo', 'test')) THEN
        RAISE EXCEPTION 'the clock of this database may not be moved'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'clock_moves_only_in_demo_or_test';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER clock_moves_only_in_demo_or_test BEFORE INSERT OR UPDATE ON staff_clockoffset
    FOR EACH ROW EXECUTE FUNCTION refuse_moved_clock();
"""


CLOCK_AND_ENVIRONMENT_BACKWARD = """
DROP TRIGGER clock_moves_only_in_demo_or_test ON staff_clockoffset;
DROP FUNCTION refuse_moved_clock();
DROP FUNCTION app_now();
DELETE FROM staff_clockoffset;
DELETE FROM staff_databaseenvironment;
"""


# People, roles and sites get a history and a version; the last active manager stays.
PEOPLE_KEPT_BY_THE_CLINIC = """
CREATE FUNCTION last_manager_stays() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    person bigint;
    managers integer;
BEGIN
    IF TG_TABLE_NAME = 'staff_user' THEN person := OLD.id; ELSE person := OLD.user_id; END IF;
    -- Whoever takes a manager away waits here for whoever does the same, then counts what is left.
    PERFORM 1 FROM auth_group WHERE name = 'manager' FOR UPDATE;
    IF TG_TABLE_NAME = 'staff_user' THEN
        PERFORM 1 FROM staff_user_groups h JOIN auth_group g ON g.id = h.group_id
        WHERE h.user_id = person AND g.name = 'manager';
    ELSE
        PERFORM 1 FROM auth_group g JOIN staff_user u ON u.id = person AND u.is_active
        WHERE g.id = OLD.group_id AND g.name = 'manager';
    END IF;
    IF NOT FOUND THEN RETURN NULL; END IF;
    SELECT count(*) INTO managers FROM staff_user_groups h
    JOIN auth_group g ON g.id = h.group_id JOIN staff_user u ON u.id = h.user_id
    WHERE g.name = 'manager' AND u.is_active;
    IF managers = 0 THEN
        RAISE EXCEPTION 'a clinic keeps at least one active manager'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'last_manager_stays';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER last_manager_stays AFTER UPDATE OF is_active ON staff_user
    FOR EACH ROW WHEN (OLD.is_active AND NOT NEW.is_active) EXECUTE FUNCTION last_manager_stays();
CREATE TRIGGER last_manager_stays AFTER DELETE OR UPDATE ON staff_user_groups
    FOR EACH ROW EXECUTE FUNCTION last_manager_stays();
"""


PEOPLE_KEPT_BY_THE_CLINIC_BACKWARD = """
DROP TRIGGER last_manager_stays ON staff_user_groups;
DROP TRIGGER last_manager_stays ON staff_user;
DROP FUNCTION last_manager_stays();
"""


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ('staff', '0001_initial'),
        ('staff', '0002_clock_and_environment'),
        ('staff', '0003_site_open_on_holidays'),
        ('staff', '0004_people_kept_by_the_clinic'),
    ]

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('pghistory', '0007_auto_20250421_0444'),
    ]

    operations = [
        django.contrib.postgres.operations.BtreeGistExtension(
        ),
        staff.migration_operations.CreateModels(
            models=[
                migrations.CreateModel(
                    name='ClockOffset',
                    fields=[
                        ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                        ('offset_by', models.DurationField()),
                        ('frozen_at', models.DateTimeField(null=True)),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='clock_offset_is_one_row')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='DatabaseEnvironment',
                    fields=[
                        ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                        ('kind', models.CharField(default='production', max_length=10)),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='environment_is_one_row'), models.CheckConstraint(condition=models.Q(('kind__in', ['production', 'demo', 'test'])), name='environment_kind_known')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='Site',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('name', models.CharField(max_length=120, unique=True)),
                        ('short_name', models.CharField(max_length=24)),
                        ('time_zone', models.CharField(max_length=64, validators=[staff.models.validate_time_zone])),
                        ('country', models.CharField(default='US', max_length=2)),
                        ('subdivision', models.CharField(blank=True, max_length=6)),
                        ('phone', models.CharField(max_length=32)),
                        ('address', models.CharField(blank=True, max_length=200)),
                        ('open_on_holidays', models.BooleanField(default=False)),
                        ('version', models.PositiveIntegerField(default=1)),
                    ],
                    options={
                        'ordering': ['name'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('time_zone', ''), _negated=True), name='site_has_time_zone'), models.CheckConstraint(condition=models.Q(('country__regex', '^[A-Z]{2}$')), name='site_country_is_iso')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='User',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('password', models.CharField(max_length=128, verbose_name='password')),
                        ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                        ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('email', models.EmailField(max_length=254, unique=True)),
                        ('full_name', models.CharField(max_length=120)),
                        ('title', models.CharField(blank=True, max_length=60)),
                        ('is_active', models.BooleanField(default=True)),
                        ('is_staff', models.BooleanField(default=False)),
                        ('date_joined', models.DateTimeField(auto_now_add=True)),
                        ('languages', models.CharField(default='en', help_text='Comma-separated, such as en,es.', max_length=60)),
                        ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                        ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
                        ('sites', models.ManyToManyField(blank=True, related_name='staff', to='staff.site')),
                        ('invited_at', models.DateTimeField(blank=True, null=True)),
                        ('version', models.PositiveIntegerField(default=1)),
                    ],
                    options={
                        'ordering': ['full_name'],
                        'constraints': [models.UniqueConstraint(django.db.models.functions.text.Lower('email'), name='user_email_unique_ignoring_case'), models.CheckConstraint(condition=models.Q(('full_name', ''), _negated=True), name='user_has_a_name')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='Licence',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('profession', models.CharField(choices=[('prescriber', 'Prescriber'), ('therapist', 'Therapist'), ('nurse', 'Nurse')], max_length=12)),
                        ('jurisdiction', models.CharField(max_length=8)),
                        ('number', models.CharField(max_length=40)),
                        ('valid_during', django.contrib.postgres.fields.ranges.DateRangeField()),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='licences', to=settings.AUTH_USER_MODEL)),
                        ('code', models.UUIDField(db_default=django.contrib.postgres.functions.RandomUUID(), editable=False, unique=True)),
                        ('version', models.PositiveIntegerField(default=1)),
                    ],
                    options={
                        'ordering': ['user', 'jurisdiction'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('valid_during__isempty', False), ('valid_during__lower_inf', False)), name='licence_has_a_start'), models.CheckConstraint(condition=models.Q(('jurisdiction__regex', '^[A-Z]{2}(-[A-Z0-9]{1,3})?$')), name='licence_jurisdiction_is_iso'), django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('user', '='), ('profession', '='), ('jurisdiction', '='), ('valid_during', '&&')], name='licence_one_at_a_time')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='UserEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('email', models.EmailField(max_length=254)),
                        ('full_name', models.CharField(max_length=120)),
                        ('title', models.CharField(blank=True, max_length=60)),
                        ('is_active', models.BooleanField(default=True)),
                        ('is_staff', models.BooleanField(default=False)),
                        ('date_joined', models.DateTimeField(auto_now_add=True)),
                        ('languages', models.CharField(default='en', help_text='Comma-separated, such as en,es.', max_length=60)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to=settings.AUTH_USER_MODEL)),
                        ('invited_at', models.DateTimeField(blank=True, null=True)),
                        ('version', models.PositiveIntegerField(default=1)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='IdempotencyRecord',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('key', models.CharField(max_length=80)),
                        ('route', models.CharField(max_length=120)),
                        ('request_hash', models.CharField(max_length=64)),
                        ('status', models.PositiveSmallIntegerField(null=True)),
                        ('body', models.JSONField(null=True)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(models.F('user'), models.F('key'), models.F('route'), name='idempotency_key_once_per_user_and_route')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='LicenceEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('profession', models.CharField(choices=[('prescriber', 'Prescriber'), ('therapist', 'Therapist'), ('nurse', 'Nurse')], max_length=12)),
                        ('jurisdiction', models.CharField(max_length=8)),
                        ('number', models.CharField(max_length=40)),
                        ('valid_during', django.contrib.postgres.fields.ranges.DateRangeField()),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='staff.licence')),
                        ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('code', models.UUIDField(db_default=django.contrib.postgres.functions.RandomUUID(), editable=False)),
                        ('version', models.PositiveIntegerField(default=1)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='HeldRole',
                    fields=[
                    ],
                    options={
                        'proxy': True,
                        'indexes': [],
                        'constraints': [],
                    },
                    bases=('staff.user_groups',),
                ),
                migrations.CreateModel(
                    name='Workplace',
                    fields=[
                    ],
                    options={
                        'proxy': True,
                        'indexes': [],
                        'constraints': [],
                    },
                    bases=('staff.user_sites',),
                ),
                migrations.CreateModel(
                    name='HeldRoleEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('group', models.ForeignKey(db_constraint=False, db_tablespace='', on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='auth.group')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('user', models.ForeignKey(db_constraint=False, db_tablespace='', on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='SiteEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('name', models.CharField(max_length=120)),
                        ('short_name', models.CharField(max_length=24)),
                        ('time_zone', models.CharField(max_length=64, validators=[staff.models.validate_time_zone])),
                        ('country', models.CharField(default='US', max_length=2)),
                        ('subdivision', models.CharField(blank=True, max_length=6)),
                        ('phone', models.CharField(max_length=32)),
                        ('address', models.CharField(blank=True, max_length=200)),
                        ('open_on_holidays', models.BooleanField(default=False)),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='staff.site')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='WorkplaceEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('site', models.ForeignKey(db_constraint=False, db_tablespace='', on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='staff.site')),
                        ('user', models.ForeignKey(db_constraint=False, db_tablespace='', on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
            ],
        ),
        migrations.RunSQL(CLOCK_AND_ENVIRONMENT, CLOCK_AND_ENVIRONMENT_BACKWARD),
        migrations.RunSQL(PEOPLE_KEPT_BY_THE_CLINIC, PEOPLE_KEPT_BY_THE_CLINIC_BACKWARD),
    ]
