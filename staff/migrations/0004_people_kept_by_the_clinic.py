"""People, roles and sites get a history and a version; the last active manager stays."""

import django.contrib.postgres.functions
import django.db.models.deletion
import staff.models
import uuid
from django.conf import settings
from django.db import migrations, models


FORWARD = """
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
BACKWARD = """
DROP TRIGGER last_manager_stays ON staff_user_groups;
DROP TRIGGER last_manager_stays ON staff_user;
DROP FUNCTION last_manager_stays();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('pghistory', '0007_auto_20250421_0444'),
        ('staff', '0003_site_open_on_holidays'),
    ]

    operations = [
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
        migrations.AddField(
            model_name='licence',
            name='code',
            field=models.UUIDField(db_default=django.contrib.postgres.functions.RandomUUID(), editable=False, unique=True),
        ),
        migrations.AddField(
            model_name='licence',
            name='version',
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name='licenceevent',
            name='code',
            field=models.UUIDField(db_default=django.contrib.postgres.functions.RandomUUID(), editable=False),
        ),
        migrations.AddField(
            model_name='licenceevent',
            name='version',
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name='site',
            name='version',
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name='user',
            name='invited_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='user',
            name='version',
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name='userevent',
            name='invited_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='userevent',
            name='version',
            field=models.PositiveIntegerField(default=1),
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
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
