"""`app_now()`, the single rows it reads, and the trigger that refuses to move the clock of a real clinic."""

from django.db import migrations

FORWARD = """
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

BACKWARD = """
DROP TRIGGER clock_moves_only_in_demo_or_test ON staff_clockoffset;
DROP FUNCTION refuse_moved_clock();
DROP FUNCTION app_now();
DELETE FROM staff_clockoffset;
DELETE FROM staff_databaseenvironment;
"""


class Migration(migrations.Migration):
    dependencies = [("staff", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
