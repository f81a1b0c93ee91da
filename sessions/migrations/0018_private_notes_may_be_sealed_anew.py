"""A private note stays as it was written; only its ciphertext may be replaced, by the role that owns the table, and only
with one of another key (`reseal`, after FIELD_KEY was changed). Whoever runs the application still cannot touch it.
"""

from django.db import migrations

ANEW = """
CREATE FUNCTION private_note_is_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE'
       AND current_user = (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID)
       AND to_jsonb(NEW) - 'text' = to_jsonb(OLD) - 'text'
       AND split_part(NEW.text, '.', 2) <> split_part(OLD.text, '.', 2) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'rows of % are amended by new rows, not edited', TG_TABLE_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = 'clinical_record_is_fixed';
END $$;
DROP TRIGGER record_is_fixed ON treatment_sessions_privatenote;
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_privatenote
    FOR EACH ROW EXECUTE FUNCTION private_note_is_fixed();
"""
AS_BEFORE = """
DROP TRIGGER record_is_fixed ON treatment_sessions_privatenote;
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_privatenote
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
DROP FUNCTION private_note_is_fixed();
"""


class Migration(migrations.Migration):
    dependencies = [("treatment_sessions", "0017_item_9_of_the_phq9")]

    operations = [migrations.RunSQL(ANEW, AS_BEFORE)]
