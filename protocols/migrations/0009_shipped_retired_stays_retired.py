"""A text that comes with the product for reading only (studied in another condition) is active in no transaction's end."""

from django.db import migrations

# A release that changes the text replaces the value, as those of shipped_fingerprints() (0008_outside_reviews).
FORWARD = """
CREATE FUNCTION shipped_retired_fingerprints() RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT ARRAY['2e52ce629a3f6c6f6f31739d032c4696505f31ad220c32a813f83878627c0c1b']  -- weekly-higher-dose
$$;
CREATE FUNCTION shipped_retired_is_not_active() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Asked at the end: installing it passes through "active".
    PERFORM 1 FROM protocols_protocolversion v
    WHERE v.id = NEW.id AND v.status = 'active' AND v.approval = 'shipped'
      AND text_fingerprint(v.id) = ANY (shipped_retired_fingerprints());
    IF FOUND THEN
        RAISE EXCEPTION 'this text is shipped for reading and is not used'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'shipped_retired_stays_retired';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER shipped_retired_stays_retired AFTER INSERT OR UPDATE OF status, approval
    ON protocols_protocolversion DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.status = 'active' AND NEW.approval = 'shipped')
    EXECUTE FUNCTION shipped_retired_is_not_active();
"""
BACKWARD = """
DROP TRIGGER shipped_retired_stays_retired ON protocols_protocolversion;
DROP FUNCTION shipped_retired_is_not_active();
DROP FUNCTION shipped_retired_fingerprints();
"""


class Migration(migrations.Migration):
    dependencies = [("protocols", "0008_outside_reviews")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
