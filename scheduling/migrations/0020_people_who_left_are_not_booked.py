"""Who has left is not booked anew: their place in the schedule ends at once, while what was booked stands until moved."""

from django.db import migrations

STAYS = """
CREATE OR REPLACE FUNCTION booked_resource_stays_in_use() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    -- A person who no longer works there in that role goes; coordinators find the bookings on their list.
    IF OLD.user_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM staff_user u
        JOIN staff_user_groups h ON h.user_id = u.id JOIN auth_group g ON g.id = h.group_id AND g.name = OLD.kind
        JOIN staff_user_sites s ON s.user_id = u.id AND s.site_id = OLD.site_id
        WHERE u.id = OLD.user_id AND u.is_active
    ) THEN
        RETURN NEW;
    END IF;
    PERFORM 1 FROM scheduling_resourcebooking WHERE resource_id = OLD.id AND upper(during) > app_now();
    IF FOUND THEN
        RAISE EXCEPTION 'what is booked ahead stays in use'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'booked_resource_stays_in_use';
    END IF;
    RETURN NEW;
END $$;
"""
NOT_BOOKED = """
CREATE OR REPLACE FUNCTION retired_resource_is_not_booked() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF upper(NEW.during) > app_now() THEN
        PERFORM 1 FROM scheduling_resource WHERE id = NEW.resource_id AND NOT active;
        IF FOUND THEN
            -- A visit that is going on runs over with whoever is there: what happens is always storable.
            PERFORM 1 FROM scheduling_appointment
            WHERE id = NEW.appointment_id AND status IN ('arrived', 'infusing', 'recovering', 'in-progress');
            IF NOT FOUND THEN
                RAISE EXCEPTION 'what has been retired is not booked'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'retired_resource_is_not_booked';
            END IF;
        END IF;
    END IF;
    RETURN NEW;
END $$;
"""
STAYED = """
CREATE OR REPLACE FUNCTION booked_resource_stays_in_use() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM 1 FROM scheduling_resourcebooking WHERE resource_id = OLD.id AND upper(during) > app_now();
    IF FOUND THEN
        RAISE EXCEPTION 'what is booked ahead stays in use'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'booked_resource_stays_in_use';
    END IF;
    RETURN NEW;
END $$;
"""
WAS_NOT_BOOKED = """
CREATE OR REPLACE FUNCTION retired_resource_is_not_booked() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF upper(NEW.during) > app_now() THEN
        PERFORM 1 FROM scheduling_resource WHERE id = NEW.resource_id AND NOT active;
        IF FOUND THEN
            RAISE EXCEPTION 'what has been retired is not booked'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'retired_resource_is_not_booked';
        END IF;
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("scheduling", "0019_gate_items"),
        ("staff", "0004_people_kept_by_the_clinic"),
    ]

    operations = [
        migrations.RunSQL(STAYS, STAYED),
        migrations.RunSQL(NOT_BOOKED, WAS_NOT_BOOKED),
    ]
