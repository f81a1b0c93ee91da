"""Published text never changes, whoever writes: only the status and its dates may move on, and only forwards."""

from django.db import migrations

FORWARD = """
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

BACKWARD = """
DROP TRIGGER version_documents_are_fixed ON protocols_protocoldocument;
DROP FUNCTION protect_version_documents();
DROP TRIGGER version_text_is_fixed ON protocols_protocolversion;
DROP FUNCTION protect_version_text();
"""


class Migration(migrations.Migration):
    dependencies = [("protocols", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
