"""Every table and rule of this app as of 0008_outside_reviews, made in one step on a new database.

A database that went through the single steps keeps them: Django counts this one as done there.
"""

import datetime
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.fields.json
import django.db.models.functions.comparison
import django.db.models.functions.text
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


# Outside reviewers by signed link; who may approve a text, in the database.
OUTSIDE_REVIEWS = """
-- One person writes their address, name and number in several ways. The service compares with the same functions.
CREATE FUNCTION mail_identity(address text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN host IN ('gmail.com', 'googlemail.com') THEN replace(name, '.', '') || '@gmail.com'
                ELSE name || '@' || host END
    FROM (SELECT split_part(split_part(lower(trim(address)), '@', 1), '+', 1) AS name,
                 split_part(lower(trim(address)), '@', 2) AS host) parts
$$;
CREATE FUNCTION name_identity(called text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(string_agg(word, ' ' ORDER BY word), '')
    FROM regexp_split_to_table(lower(called), '[^[:alnum:]]+') AS word
    WHERE word <> '' AND word NOT IN ('dr', 'prof', 'professor', 'mr', 'mrs', 'ms', 'md', 'phd')
$$;
CREATE FUNCTION number_identity(number text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT upper(regexp_replace(number, '[^[:alnum:]]', '', 'g'))
$$;
CREATE FUNCTION has_account_here(address text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM staff_user u WHERE mail_identity(u.email) = mail_identity(address))
        OR EXISTS (SELECT 1 FROM staff_userevent e WHERE mail_identity(e.email) = mail_identity(address))
$$;
CREATE FUNCTION wrote_version(which bigint, called text, registration text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT 1 FROM staff_user u
        WHERE (u.id IN (SELECT v.author_id FROM protocols_protocolversion v WHERE v.id = which)
               OR u.id IN (SELECT e.author_id FROM protocols_protocolversionevent e WHERE e.pgh_obj_id = which))
          AND (name_identity(u.full_name) = name_identity(called) OR EXISTS (
              SELECT 1 FROM staff_licence l WHERE l.user_id = u.id AND length(number_identity(l.number)) >= 5
                AND strpos(number_identity(registration), number_identity(l.number)) > 0)))
$$;

-- The texts that come with the product: slug, definition and documents of each. A release that changes one of them
-- replaces this list in a migration of its own (tests/protocols/test_outside_review.py says with which value).
CREATE FUNCTION shipped_fingerprints() RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT ARRAY[
        'cadcb3a452106f1979147903c8a038faf031339771a8df50f7858d200da28c7c',  -- maintenance-taper
        'd4152693027aa6d869c7a9cfa639c738daee68ac7f2f65543b435f6dbd73ed39',  -- single-infusion
        '3066788e17f927a3d3cd27b08dbcb10d563bb0067af6b71286fa12762af2dde0',  -- six-in-three-weeks
        '0397473d9947badd8e6223c9babdffc6f46cc76e1c7eaddbc7b62334e38bd456',  -- six-in-twelve-days
        'dcd507396b43b2a6e2a0b244e7d7697d8a61f404e00684cabb9f26e28e42ad6b',  -- six-then-weekly
        'da969f49fbe13d594dc159697b95bb0ca1647a396d9497be8b100563f6fea677',  -- up-to-twelve
        '2e52ce629a3f6c6f6f31739d032c4696505f31ad220c32a813f83878627c0c1b'  -- weekly-higher-dose
    ]
$$;
CREATE FUNCTION text_fingerprint(which bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to(t.slug || chr(10) || v.definition::text || (
        SELECT string_agg(chr(10) || d.kind || chr(10) || d.title || chr(10) || d.body, '' ORDER BY d.kind)
        FROM protocols_protocoldocument d WHERE d.protocol_version_id = v.id), 'UTF8')), 'hex')
    FROM protocols_protocolversion v JOIN protocols_protocoltemplate t ON t.id = v.template_id WHERE v.id = which
$$;

-- Who signs a text: never its author, by whatever way (alone only after a day, and marked).
CREATE FUNCTION approval_is_anothers() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrote boolean;
BEGIN
    wrote := NEW.approved_by_id = NEW.author_id OR EXISTS (
        SELECT 1 FROM protocols_protocolversionevent e
        WHERE e.pgh_obj_id = NEW.id AND e.author_id = NEW.approved_by_id);
    IF NEW.approval = 'second-person' AND wrote THEN
        RAISE EXCEPTION 'an author is not the second person'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'version_author_does_not_approve';
    END IF;
    -- As shipped: word for word a text of this release, under its own name, as version 1.
    IF NEW.approval = 'shipped'
       AND (NEW.number <> 1 OR NOT coalesce(text_fingerprint(NEW.id) = ANY (shipped_fingerprints()), false)) THEN
        RAISE EXCEPTION 'only a text that was installed as it was shipped is approved so'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'version_author_does_not_approve';
    END IF;
    IF NEW.approval = 'outside' AND (NEW.approved_by_id IS NOT NULL OR NOT EXISTS (
        SELECT 1 FROM protocols_outsidereview r
        WHERE r.version_id = NEW.id AND r.answer = 'approved' AND r.sha256 = NEW.sha256
          AND r.answered_at = NEW.approved_at AND r.ended_at IS NULL
          AND NOT has_account_here(r.email) AND NOT wrote_version(NEW.id, r.name, '')
          AND NOT wrote_version(NEW.id, r.signed_name, r.registration))) THEN
        RAISE EXCEPTION 'no outside reviewer has signed this text'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'version_author_does_not_approve';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER version_author_does_not_approve BEFORE UPDATE ON protocols_protocolversion
    FOR EACH ROW WHEN (OLD.status = 'in-review' AND NEW.status = 'active')
    EXECUTE FUNCTION approval_is_anothers();

-- A text begins as a draft: nothing is published without having been submitted and approved.
CREATE FUNCTION version_is_written_first() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a protocol version begins as a draft'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'version_begins_as_draft';
END $$;
CREATE TRIGGER version_begins_as_draft BEFORE INSERT ON protocols_protocolversion
    FOR EACH ROW WHEN (NEW.status <> 'draft') EXECUTE FUNCTION version_is_written_first();

-- When a text goes back to its author, every open link to it ends: it may be changed from now on.
CREATE FUNCTION end_outside_links() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE protocols_outsidereview SET ended_at = app_now()
        WHERE version_id = NEW.id AND answered_at IS NULL AND ended_at IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER version_leaves_review AFTER UPDATE ON protocols_protocolversion
    FOR EACH ROW WHEN (OLD.status = 'in-review' AND NEW.status <> 'in-review')
    EXECUTE FUNCTION end_outside_links();

CREATE FUNCTION protect_outside_review() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    found record;
    later text[] := ARRAY['handed_over_at', 'token_hash', 'answered_at', 'answer', 'signed_name', 'registration',
                          'remarks', 'ended_at', 'ended_by_id'];
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a review is kept' USING ERRCODE = 'check_violation', CONSTRAINT = 'outside_review_is_fixed';
    END IF;
    SELECT v.status, v.sha256 INTO found FROM protocols_protocolversion v WHERE v.id = NEW.version_id;
    IF TG_OP = 'INSERT' THEN
        IF NEW.answered_at IS NOT NULL OR found.status <> 'in-review' OR found.sha256 <> NEW.sha256 THEN
            RAISE EXCEPTION 'a link is sent for a text in review'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'outside_link_is_for_a_text_in_review';
        END IF;
        IF has_account_here(NEW.email) OR wrote_version(NEW.version_id, NEW.name, '') THEN
            RAISE EXCEPTION 'whoever works here signs in, and no author reviews the own text'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'outside_reviewer_is_outside';
        END IF;
        RETURN NEW;
    END IF;
    IF to_jsonb(NEW) - later <> to_jsonb(OLD) - later OR OLD.answered_at IS NOT NULL OR OLD.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'what was sent and signed is fixed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'outside_review_is_fixed';
    END IF;
    IF NEW.answered_at IS NOT NULL AND (found.status <> 'in-review' OR found.sha256 <> NEW.sha256) THEN
        RAISE EXCEPTION 'the text is no longer the one that was sent'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'outside_answer_is_to_this_text';
    END IF;
    IF NEW.answered_at IS NOT NULL AND wrote_version(NEW.version_id, NEW.signed_name, NEW.registration) THEN
        RAISE EXCEPTION 'no author reviews the own text'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'outside_reviewer_is_outside';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER outside_review_is_fixed BEFORE INSERT OR UPDATE OR DELETE ON protocols_outsidereview
    FOR EACH ROW EXECUTE FUNCTION protect_outside_review();
"""


OUTSIDE_REVIEWS_BACKWARD = """
DROP TRIGGER outside_review_is_fixed ON protocols_outsidereview;
DROP FUNCTION protect_outside_review();
DROP TRIGGER version_leaves_review ON protocols_protocolversion;
DROP FUNCTION end_outside_links();
DROP TRIGGER version_begins_as_draft ON protocols_protocolversion;
DROP FUNCTION version_is_written_first();
DROP TRIGGER version_author_does_not_approve ON protocols_protocolversion;
DROP FUNCTION approval_is_anothers();
DROP FUNCTION text_fingerprint(bigint);
DROP FUNCTION shipped_fingerprints();
DROP FUNCTION wrote_version(bigint, text, text);
DROP FUNCTION has_account_here(text);
DROP FUNCTION number_identity(text);
DROP FUNCTION name_identity(text);
DROP FUNCTION mail_identity(text);
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
        ('protocols', '0008_outside_reviews'),
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
                        ('approval', models.CharField(blank=True, choices=[('second-person', 'Approved by a second person'), ('sole', 'Sole approval, no second reviewer'), ('outside', 'Approved by an outside reviewer'), ('shipped', 'Shipped with the product')], max_length=14)),
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
                        'constraints': [models.UniqueConstraint(models.F('template'), models.F('number'), name='version_number_once_per_template'), models.UniqueConstraint(condition=models.Q(('status', 'active')), fields=('template',), name='one_active_version_per_template'), models.CheckConstraint(condition=models.Q(('status__in', ['draft', 'in-review', 'active', 'superseded', 'retired'])), name='version_status_known'), models.CheckConstraint(condition=models.Q(('dose_mg_per_kg__gte', '0.1'), ('dose_mg_per_kg__lte', '1.0')), name='version_dose_in_range'), models.CheckConstraint(condition=models.Q(('ceiling_mg__gt', 0), ('ceiling_mg__lte', 200)), name='version_ceiling_in_range'), models.CheckConstraint(condition=models.Q(('infusion_minutes__gte', 30), ('infusion_minutes__lte', 100)), name='version_minutes_in_range'), models.CheckConstraint(condition=models.Q(('observe_from_start_minutes__gte', 120)), name='version_observation_long_enough'), models.CheckConstraint(condition=models.Q(models.Q(('approval', 'second-person'), _negated=True), models.Q(('approved_by', models.F('author')), _negated=True), _connector='OR'), name='version_author_is_not_second_person'), models.CheckConstraint(condition=models.Q(models.Q(('approval', 'sole'), _negated=True), models.Q(('approved_at__gte', django.db.models.expressions.CombinedExpression(models.F('submitted_at'), '+', models.Value(datetime.timedelta(days=1)))), ('submitted_at__isnull', False)), _connector='OR'), name='version_sole_approval_waits_a_day'), models.CheckConstraint(condition=models.Q(('status', 'draft'), ('working__isnull', True), _connector='OR'), name='version_unfinished_only_as_draft'), models.CheckConstraint(condition=models.Q(models.Q(('running_series__in', ['finish', 'hold']), ('status', 'retired')), models.Q(models.Q(('status', 'retired'), _negated=True), ('running_series', '')), _connector='OR'), name='version_retired_says_what_runs_on'), models.CheckConstraint(condition=models.Q(('status__in', ['draft', 'in-review']), models.Q(('activated_at__isnull', False), ('approved_at__isnull', False), models.Q(('approved_by__isnull', False), ('approval', 'outside'), _connector='OR')), _connector='OR'), name='version_published_only_when_approved'), models.CheckConstraint(condition=models.Q(('status__in', ['draft', 'in-review']), ('approval__in', ['second-person', 'sole', 'outside', 'shipped']), _connector='OR'), name='version_approval_known')],
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
                        ('approval', models.CharField(blank=True, choices=[('second-person', 'Approved by a second person'), ('sole', 'Sole approval, no second reviewer'), ('outside', 'Approved by an outside reviewer'), ('shipped', 'Shipped with the product')], max_length=14)),
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
                migrations.CreateModel(
                    name='OutsideReview',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('name', models.CharField(max_length=120, verbose_name='name of the reviewer')),
                        ('email', models.EmailField(max_length=254)),
                        ('sha256', models.CharField(max_length=64)),
                        ('text_sha256', models.CharField(max_length=64)),
                        ('token_hash', models.CharField(max_length=64, unique=True)),
                        ('sent_at', models.DateTimeField()),
                        ('expires_at', models.DateTimeField()),
                        ('handed_over_at', models.DateTimeField(blank=True, null=True)),
                        ('answered_at', models.DateTimeField(blank=True, null=True)),
                        ('answer', models.CharField(blank=True, choices=[('approved', 'Approved'), ('returned', 'Returned with remarks')], max_length=8)),
                        ('signed_name', models.CharField(blank=True, max_length=120)),
                        ('registration', models.CharField(blank=True, max_length=80)),
                        ('remarks', models.CharField(blank=True, max_length=500)),
                        ('ended_at', models.DateTimeField(blank=True, null=True)),
                        ('ended_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('sent_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='outside_reviews', to='protocols.protocolversion')),
                    ],
                    options={
                        'ordering': ['-sent_at', '-pk'],
                        'indexes': [],
                        'constraints': [models.UniqueConstraint(models.F('version'), django.db.models.functions.text.Lower('email'), condition=models.Q(('answered_at__isnull', True), ('ended_at__isnull', True)), name='one_open_link_per_reviewer'), models.CheckConstraint(condition=models.Q(('token_hash__regex', '^[0-9a-f]{64}$')), name='outside_token_is_hashed'), models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('sent_at'))), name='outside_link_expires'), models.CheckConstraint(condition=models.Q(models.Q(('answer', ''), ('answered_at__isnull', True)), models.Q(('answer__in', ['approved', 'returned']), ('answered_at__isnull', False)), _connector='OR'), name='outside_answer_known'), models.CheckConstraint(condition=models.Q(('answer', ''), models.Q(models.Q(('signed_name', ''), _negated=True), models.Q(('registration', ''), _negated=True)), _connector='OR'), name='outside_reviewer_says_who'), models.CheckConstraint(condition=models.Q(models.Q(('answer', 'returned'), _negated=True), models.Q(('remarks', ''), _negated=True), _connector='OR'), name='outside_return_says_why'), models.CheckConstraint(condition=models.Q(('answered_at__isnull', True), ('answered_at__lt', models.F('expires_at')), _connector='OR'), name='outside_answer_in_time'), models.CheckConstraint(condition=models.Q(('answered_at__isnull', True), ('ended_at__isnull', True), _connector='OR'), name='outside_answered_or_ended')],
                    },
                ),
                migrations.CreateModel(
                    name='OutsideReviewEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                        ('name', models.CharField(max_length=120, verbose_name='name of the reviewer')),
                        ('email', models.EmailField(max_length=254)),
                        ('sha256', models.CharField(max_length=64)),
                        ('text_sha256', models.CharField(max_length=64)),
                        ('sent_at', models.DateTimeField()),
                        ('expires_at', models.DateTimeField()),
                        ('handed_over_at', models.DateTimeField(blank=True, null=True)),
                        ('answered_at', models.DateTimeField(blank=True, null=True)),
                        ('answer', models.CharField(blank=True, choices=[('approved', 'Approved'), ('returned', 'Returned with remarks')], max_length=8)),
                        ('signed_name', models.CharField(blank=True, max_length=120)),
                        ('registration', models.CharField(blank=True, max_length=80)),
                        ('remarks', models.CharField(blank=True, max_length=500)),
                        ('ended_at', models.DateTimeField(blank=True, null=True)),
                        ('ended_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='protocols.outsidereview')),
                        ('sent_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
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
        migrations.RunSQL(OUTSIDE_REVIEWS, OUTSIDE_REVIEWS_BACKWARD),
    ]
