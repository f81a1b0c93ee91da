"""Every table and rule of this app as of 0007_rationale_acknowledgements, made in one step on a new database.

A database that went through the single steps keeps them: Django counts this one as done there.
"""

import datetime
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.fields.json
import django.db.models.functions.comparison
import staff.migration_operations
import uuid
from django.conf import settings
from django.db import migrations, models

# Published text never changes, whoever writes: only the status and its dates may move on, and only forwards.
PUBLISHED_TEXT_IS_FIXED = """
CREATE FUNCTION protect_version_text() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    allowed text[];
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.status <> 'draft' THEN
            RAISE EXCEPTION 'a protocol version that left its draft cannot be deleted'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'version_text_is_fixed';
        END IF;
        RETURN OLD;
    END IF;
    IF OLD.status <> 'draft' AND (
        NEW.definition IS DISTINCT FROM OLD.definition OR NEW.sha256 IS DISTINCT FROM OLD.sha256
        OR NEW.template_id <> OLD.template_id OR NEW.number <> OLD.number OR NEW.author_id <> OLD.author_id
    ) THEN
        RAISE EXCEPTION 'the text of this protocol version is fixed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'version_text_is_fixed';
    END IF;
    allowed := CASE OLD.status
        WHEN 'draft' THEN ARRAY['draft', 'in-review']
        WHEN 'in-review' THEN ARRAY['in-review', 'draft', 'active']
        WHEN 'active' THEN ARRAY['active', 'superseded', 'retired']
        WHEN 'superseded' THEN ARRAY['superseded', 'retired']
        ELSE ARRAY['retired'] END;
    IF NOT NEW.status = ANY (allowed) THEN
        RAISE EXCEPTION 'a protocol version cannot go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'version_status_moves_forward';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER version_text_is_fixed BEFORE UPDATE OR DELETE ON protocols_protocolversion
    FOR EACH ROW EXECUTE FUNCTION protect_version_text();

CREATE FUNCTION protect_version_documents() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    parent bigint := CASE WHEN TG_OP = 'INSERT' THEN NEW.protocol_version_id ELSE OLD.protocol_version_id END;
BEGIN
    IF EXISTS (SELECT 1 FROM protocols_protocolversion v WHERE v.id = parent AND v.status <> 'draft') THEN
        RAISE EXCEPTION 'the documents of this protocol version are fixed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'version_documents_are_fixed';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER version_documents_are_fixed BEFORE INSERT OR UPDATE OR DELETE ON protocols_protocoldocument
    FOR EACH ROW EXECUTE FUNCTION protect_version_documents();
"""


PUBLISHED_TEXT_IS_FIXED_BACKWARD = """
DROP TRIGGER version_documents_are_fixed ON protocols_protocoldocument;
DROP FUNCTION protect_version_documents();
DROP TRIGGER version_text_is_fixed ON protocols_protocolversion;
DROP FUNCTION protect_version_text();
"""


RETIRED_SAYS_WHAT_RUNS_ON = """
            ALTER TABLE protocols_protocolversion DISABLE TRIGGER USER;
            UPDATE protocols_protocolversion SET running_series = 'finish' WHERE status = 'retired';
            ALTER TABLE protocols_protocolversion ENABLE TRIGGER USER;
            
"""


# The approver confirms or changes what each new text asks of patients; the author's mark is kept.
APPROVER_MARKS_TEXTS = """
CREATE OR REPLACE FUNCTION protect_version_documents() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    parent bigint := CASE WHEN TG_OP = 'INSERT' THEN NEW.protocol_version_id ELSE OLD.protocol_version_id END;
    parent_status text;
    marks text[] := ARRAY['change', 'author_change', 'change_reason', 'change_decided_by_id'];
BEGIN
    SELECT v.status INTO parent_status FROM protocols_protocolversion v WHERE v.id = parent;
    -- In review the approver says what a text asks of patients; title and body are what was submitted.
    IF parent_status = 'in-review' AND TG_OP = 'UPDATE' AND to_jsonb(NEW) - marks = to_jsonb(OLD) - marks THEN
        RETURN NEW;
    END IF;
    IF parent_status <> 'draft' THEN
        RAISE EXCEPTION 'the documents of this protocol version are fixed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'version_documents_are_fixed';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
"""


APPROVER_MARKS_TEXTS_BACKWARD = """
CREATE OR REPLACE FUNCTION protect_version_documents() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    parent bigint := CASE WHEN TG_OP = 'INSERT' THEN NEW.protocol_version_id ELSE OLD.protocol_version_id END;
BEGIN
    IF EXISTS (SELECT 1 FROM protocols_protocolversion v WHERE v.id = parent AND v.status <> 'draft') THEN
        RAISE EXCEPTION 'the documents of this protocol version are fixed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'version_documents_are_fixed';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
"""


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ('protocols', '0001_initial'),
        ('protocols', '0002_published_text_is_fixed'),
        ('protocols', '0003_unfinished_drafts'),
        ('protocols', '0004_retired_says_what_runs_on'),
        ('protocols', '0005_retired_says_what_runs_on_always'),
        ('protocols', '0006_approver_marks_texts'),
        ('protocols', '0007_rationale_acknowledgements'),
    ]

    dependencies = [
        ('pghistory', '0007_auto_20250421_0444'),
        ('staff', '0001_squashed_0004_people_kept_by_the_clinic'),
    ]

    operations = [
        staff.migration_operations.CreateModels(
            models=[
                migrations.CreateModel(
                    name='ProtocolTemplate',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('slug', models.SlugField(unique=True)),
                        ('name', models.CharField(max_length=120)),
                        ('summary', models.CharField(blank=True, max_length=300)),
                        ('created_at', models.DateTimeField()),
                    ],
                    options={
                        'ordering': ['name'],
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='ProtocolTemplateEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('slug', models.SlugField(db_index=False)),
                        ('name', models.CharField(max_length=120)),
                        ('summary', models.CharField(blank=True, max_length=300)),
                        ('created_at', models.DateTimeField()),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='protocols.protocoltemplate')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='ProtocolVersion',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('number', models.PositiveIntegerField()),
                        ('status', models.CharField(choices=[('draft', 'Draft'), ('in-review', 'In review'), ('active', 'Active'), ('superseded', 'Superseded'), ('retired', 'Retired')], default='draft', max_length=10)),
                        ('definition', models.JSONField()),
                        ('sha256', models.CharField(max_length=64)),
                        ('change_note', models.CharField(blank=True, max_length=500)),
                        ('approval', models.CharField(blank=True, choices=[('second-person', 'Approved by a second person'), ('sole', 'Sole approval, no second reviewer'), ('shipped', 'Shipped with the product')], max_length=14)),
                        ('submitted_at', models.DateTimeField(blank=True, null=True)),
                        ('returned_note', models.CharField(blank=True, max_length=500)),
                        ('approved_at', models.DateTimeField(blank=True, null=True)),
                        ('activated_at', models.DateTimeField(blank=True, null=True)),
                        ('retired_at', models.DateTimeField(blank=True, null=True)),
                        ('last_reviewed_on', models.DateField(blank=True, null=True)),
                        ('next_review_on', models.DateField(blank=True, null=True)),
                        ('created_at', models.DateTimeField()),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('dose_mg_per_kg', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('mg_per_kg', django.db.models.fields.json.KeyTextTransform('dose', 'definition')), models.DecimalField(decimal_places=3, max_digits=8)), output_field=models.DecimalField(decimal_places=3, max_digits=8))),
                        ('ceiling_mg', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('ceiling_mg', django.db.models.fields.json.KeyTextTransform('dose', 'definition')), models.DecimalField(decimal_places=3, max_digits=8)), output_field=models.DecimalField(decimal_places=3, max_digits=8))),
                        ('infusion_minutes', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('infusion_minutes', django.db.models.fields.json.KeyTextTransform('dose', 'definition')), models.DecimalField(decimal_places=3, max_digits=8)), output_field=models.DecimalField(decimal_places=3, max_digits=8))),
                        ('observe_from_start_minutes', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('observe_from_start_minutes', django.db.models.fields.json.KeyTextTransform('discharge', 'definition')), models.DecimalField(decimal_places=3, max_digits=8)), output_field=models.DecimalField(decimal_places=3, max_digits=8))),
                        ('approved_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='approved_versions', to=settings.AUTH_USER_MODEL)),
                        ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='authored_versions', to=settings.AUTH_USER_MODEL)),
                        ('template', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='protocols.protocoltemplate')),
                        ('working', models.JSONField(blank=True, null=True)),
                        ('running_series', models.CharField(blank=True, choices=[('finish', 'Series that run finish on it'), ('hold', 'Hold every next infusion (safety)')], max_length=6)),
                    ],
                    options={
                        'ordering': ['template', '-number'],
                        'constraints': [models.UniqueConstraint(models.F('template'), models.F('number'), name='version_number_once_per_template'), models.UniqueConstraint(condition=models.Q(('status', 'active')), fields=('template',), name='one_active_version_per_template'), models.CheckConstraint(condition=models.Q(('status__in', ['draft', 'in-review', 'active', 'superseded', 'retired'])), name='version_status_known'), models.CheckConstraint(condition=models.Q(('dose_mg_per_kg__gte', '0.1'), ('dose_mg_per_kg__lte', '1.0')), name='version_dose_in_range'), models.CheckConstraint(condition=models.Q(('ceiling_mg__gt', 0), ('ceiling_mg__lte', 200)), name='version_ceiling_in_range'), models.CheckConstraint(condition=models.Q(('infusion_minutes__gte', 30), ('infusion_minutes__lte', 100)), name='version_minutes_in_range'), models.CheckConstraint(condition=models.Q(('observe_from_start_minutes__gte', 120)), name='version_observation_long_enough'), models.CheckConstraint(condition=models.Q(('status__in', ['draft', 'in-review']), models.Q(('activated_at__isnull', False), ('approved_at__isnull', False), ('approved_by__isnull', False)), _connector='OR'), name='version_published_only_when_approved'), models.CheckConstraint(condition=models.Q(models.Q(('approval', 'second-person'), _negated=True), models.Q(('approved_by', models.F('author')), _negated=True), _connector='OR'), name='version_author_is_not_second_person'), models.CheckConstraint(condition=models.Q(models.Q(('approval', 'sole'), _negated=True), models.Q(('approved_at__gte', django.db.models.expressions.CombinedExpression(models.F('submitted_at'), '+', models.Value(datetime.timedelta(days=1)))), ('submitted_at__isnull', False)), _connector='OR'), name='version_sole_approval_waits_a_day'), models.CheckConstraint(condition=models.Q(('status', 'draft'), ('working__isnull', True), _connector='OR'), name='version_unfinished_only_as_draft'), models.CheckConstraint(condition=models.Q(models.Q(('running_series__in', ['finish', 'hold']), ('status', 'retired')), models.Q(models.Q(('status', 'retired'), _negated=True), ('running_series', '')), _connector='OR'), name='version_retired_says_what_runs_on')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='ProtocolDocument',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('kind', models.CharField(choices=[('consent', 'Consent'), ('education', 'Education')], max_length=10)),
                        ('title', models.CharField(max_length=160)),
                        ('body', models.TextField()),
                        ('change', models.CharField(choices=[('material', 'Material: patients consent again'), ('notice', 'Notice only')], default='material', max_length=10)),
                        ('protocol_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='documents', to='protocols.protocolversion')),
                        ('author_change', models.CharField(blank=True, choices=[('material', 'Material: patients consent again'), ('notice', 'Notice only')], max_length=10)),
                        ('change_decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('change_reason', models.CharField(blank=True, max_length=300)),
                    ],
                    options={
                        'ordering': ['kind'],
                        'constraints': [models.UniqueConstraint(models.F('protocol_version'), models.F('kind'), name='one_document_of_a_kind_per_version'), models.CheckConstraint(condition=models.Q(('kind__in', ['consent', 'education'])), name='document_kind_known'), models.CheckConstraint(condition=models.Q(('author_change', ''), models.Q(('author_change', models.F('change')), ('change_decided_by__isnull', False)), models.Q(('change_decided_by__isnull', False), models.Q(('change_reason', ''), _negated=True)), _connector='OR'), name='other_change_than_the_authors_says_why')],
                        'indexes': [],
                    },
                ),
                migrations.CreateModel(
                    name='ProtocolVersionEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('number', models.PositiveIntegerField()),
                        ('status', models.CharField(choices=[('draft', 'Draft'), ('in-review', 'In review'), ('active', 'Active'), ('superseded', 'Superseded'), ('retired', 'Retired')], default='draft', max_length=10)),
                        ('definition', models.JSONField()),
                        ('sha256', models.CharField(max_length=64)),
                        ('change_note', models.CharField(blank=True, max_length=500)),
                        ('approval', models.CharField(blank=True, choices=[('second-person', 'Approved by a second person'), ('sole', 'Sole approval, no second reviewer'), ('shipped', 'Shipped with the product')], max_length=14)),
                        ('submitted_at', models.DateTimeField(blank=True, null=True)),
                        ('returned_note', models.CharField(blank=True, max_length=500)),
                        ('approved_at', models.DateTimeField(blank=True, null=True)),
                        ('activated_at', models.DateTimeField(blank=True, null=True)),
                        ('retired_at', models.DateTimeField(blank=True, null=True)),
                        ('last_reviewed_on', models.DateField(blank=True, null=True)),
                        ('next_review_on', models.DateField(blank=True, null=True)),
                        ('created_at', models.DateTimeField()),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('dose_mg_per_kg', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('mg_per_kg', django.db.models.fields.json.KeyTextTransform('dose', 'definition')), models.DecimalField(decimal_places=3, max_digits=8)), output_field=models.DecimalField(decimal_places=3, max_digits=8))),
                        ('ceiling_mg', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('ceiling_mg', django.db.models.fields.json.KeyTextTransform('dose', 'definition')), models.DecimalField(decimal_places=3, max_digits=8)), output_field=models.DecimalField(decimal_places=3, max_digits=8))),
                        ('infusion_minutes', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('infusion_minutes', django.db.models.fields.json.KeyTextTransform('dose', 'definition')), models.DecimalField(decimal_places=3, max_digits=8)), output_field=models.DecimalField(decimal_places=3, max_digits=8))),
                        ('observe_from_start_minutes', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('observe_from_start_minutes', django.db.models.fields.json.KeyTextTransform('discharge', 'definition')), models.DecimalField(decimal_places=3, max_digits=8)), output_field=models.DecimalField(decimal_places=3, max_digits=8))),
                        ('approved_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('author', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='protocols.protocolversion')),
                        ('template', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='protocols.protocoltemplate')),
                        ('working', models.JSONField(blank=True, null=True)),
                        ('running_series', models.CharField(blank=True, choices=[('finish', 'Series that run finish on it'), ('hold', 'Hold every next infusion (safety)')], max_length=6)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='ProtocolDocumentEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('kind', models.CharField(choices=[('consent', 'Consent'), ('education', 'Education')], max_length=10)),
                        ('title', models.CharField(max_length=160)),
                        ('body', models.TextField()),
                        ('change', models.CharField(choices=[('material', 'Material: patients consent again'), ('notice', 'Notice only')], default='material', max_length=10)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='protocols.protocoldocument')),
                        ('protocol_version', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='protocols.protocolversion')),
                        ('author_change', models.CharField(blank=True, choices=[('material', 'Material: patients consent again'), ('notice', 'Notice only')], max_length=10)),
                        ('change_decided_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('change_reason', models.CharField(blank=True, max_length=300)),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
                migrations.CreateModel(
                    name='RationaleAcknowledgement',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('sha256', models.CharField(max_length=64, verbose_name='fingerprint of the text that was read')),
                        ('acknowledged_at', models.DateTimeField()),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='acknowledged_versions', to=settings.AUTH_USER_MODEL)),
                        ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='acknowledgements', to='protocols.protocolversion')),
                    ],
                    options={
                        'ordering': ['acknowledged_at'],
                        'indexes': [],
                        'constraints': [models.UniqueConstraint(models.F('version'), models.F('user'), name='rationale_acknowledged_once')],
                    },
                ),
                migrations.CreateModel(
                    name='RationaleAcknowledgementEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('sha256', models.CharField(max_length=64, verbose_name='fingerprint of the text that was read')),
                        ('acknowledged_at', models.DateTimeField()),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='protocols.rationaleacknowledgement')),
                        ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('version', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='protocols.protocolversion')),
                    ],
                    options={
                        'abstract': False,
                        'indexes': [],
                        'constraints': [],
                    },
                ),
            ],
        ),
        migrations.RunSQL(PUBLISHED_TEXT_IS_FIXED, PUBLISHED_TEXT_IS_FIXED_BACKWARD),
        migrations.RunSQL(RETIRED_SAYS_WHAT_RUNS_ON, ''),
        migrations.RunSQL(APPROVER_MARKS_TEXTS, APPROVER_MARKS_TEXTS_BACKWARD),
    ]
