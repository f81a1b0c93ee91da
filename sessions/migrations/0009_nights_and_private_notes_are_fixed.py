"""Nights, progress and private notes are written once; a private note belongs to the therapist of its session."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_nightreport
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('superseded_at');
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_progressreport
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_privatenote
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_privatenotereading
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();

-- Written by the therapist of that session and nobody else; a correction is of a note of the same session and author.
CREATE FUNCTION private_note_is_own() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM treatment_sessions_integrationsession s
                   WHERE s.id = NEW.session_id AND s.therapist_id = NEW.author_id) THEN
        RAISE EXCEPTION 'a private note is written by the therapist of its session'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'private_note_is_own';
    END IF;
    IF NEW.replaces_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM treatment_sessions_privatenote n
        WHERE n.id = NEW.replaces_id AND n.session_id = NEW.session_id AND n.author_id = NEW.author_id) THEN
        RAISE EXCEPTION 'a private note replaces one of the same session and author'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'private_note_is_own';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER private_note_is_own BEFORE INSERT ON treatment_sessions_privatenote
    FOR EACH ROW EXECUTE FUNCTION private_note_is_own();

-- A reading names the author of the note: nobody else opens one.
CREATE FUNCTION private_note_read_by_author() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM treatment_sessions_privatenote n
                   WHERE n.id = NEW.note_id AND n.author_id = NEW.reader_id) THEN
        RAISE EXCEPTION 'a private note is read by its author'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'private_note_is_own';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER private_note_read_by_author BEFORE INSERT ON treatment_sessions_privatenotereading
    FOR EACH ROW EXECUTE FUNCTION private_note_read_by_author();
"""
BACKWARD = """
DROP TRIGGER private_note_read_by_author ON treatment_sessions_privatenotereading;
DROP FUNCTION private_note_read_by_author();
DROP TRIGGER private_note_is_own ON treatment_sessions_privatenote;
DROP FUNCTION private_note_is_own();
DROP TRIGGER record_is_fixed ON treatment_sessions_nightreport;
DROP TRIGGER record_is_fixed ON treatment_sessions_progressreport;
DROP TRIGGER record_is_fixed ON treatment_sessions_privatenote;
DROP TRIGGER record_is_fixed ON treatment_sessions_privatenotereading;
"""


class Migration(migrations.Migration):
    dependencies = [("treatment_sessions", "0008_nights_progress_and_private_notes")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
