"""The approver confirms or changes what each new text asks of patients; the author's mark is kept."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


FORWARD = """
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

BACKWARD = """
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

    dependencies = [
        ('protocols', '0005_retired_says_what_runs_on_always'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='protocoldocument',
            name='author_change',
            field=models.CharField(blank=True, choices=[('material', 'Material: patients consent again'), ('notice', 'Notice only')], max_length=10),
        ),
        migrations.AddField(
            model_name='protocoldocument',
            name='change_decided_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='protocoldocument',
            name='change_reason',
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddField(
            model_name='protocoldocumentevent',
            name='author_change',
            field=models.CharField(blank=True, choices=[('material', 'Material: patients consent again'), ('notice', 'Notice only')], max_length=10),
        ),
        migrations.AddField(
            model_name='protocoldocumentevent',
            name='change_decided_by',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='protocoldocumentevent',
            name='change_reason',
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddConstraint(
            model_name='protocoldocument',
            constraint=models.CheckConstraint(condition=models.Q(('author_change', ''), models.Q(('author_change', models.F('change')), ('change_decided_by__isnull', False)), models.Q(('change_decided_by__isnull', False), models.Q(('change_reason', ''), _negated=True)), _connector='OR'), name='other_change_than_the_authors_says_why'),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
