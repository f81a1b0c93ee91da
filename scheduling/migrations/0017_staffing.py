"""What is booked keeps its place: a site its clock and country, a chair, room or person its use, while bookings lie ahead."""

from django.db import migrations, models


FORWARD = """
CREATE FUNCTION site_stays_while_booked() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM 1 FROM scheduling_appointment
    WHERE site_id = OLD.id AND upper(during) > app_now()
      AND status IN ('reserved', 'provisional', 'booked', 'arrived', 'infusing', 'recovering', 'in-progress');
    IF FOUND THEN
        RAISE EXCEPTION 'a site keeps its time zone and country while bookings lie ahead'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'site_stays_while_booked';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER site_stays_while_booked BEFORE UPDATE OF time_zone, country, subdivision ON staff_site
    FOR EACH ROW WHEN ((OLD.time_zone, OLD.country, OLD.subdivision)
                       IS DISTINCT FROM (NEW.time_zone, NEW.country, NEW.subdivision))
    EXECUTE FUNCTION site_stays_while_booked();

CREATE FUNCTION booked_resource_stays_in_use() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM 1 FROM scheduling_resourcebooking WHERE resource_id = OLD.id AND upper(during) > app_now();
    IF FOUND THEN
        RAISE EXCEPTION 'what is booked ahead stays in use'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'booked_resource_stays_in_use';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER booked_resource_stays_in_use BEFORE UPDATE OF active ON scheduling_resource
    FOR EACH ROW WHEN (OLD.active AND NOT NEW.active) EXECUTE FUNCTION booked_resource_stays_in_use();

CREATE FUNCTION retired_resource_is_not_booked() RETURNS trigger
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
CREATE TRIGGER retired_resource_is_not_booked BEFORE INSERT OR UPDATE OF resource_id ON scheduling_resourcebooking
    FOR EACH ROW EXECUTE FUNCTION retired_resource_is_not_booked();
"""
BACKWARD = """
DROP TRIGGER retired_resource_is_not_booked ON scheduling_resourcebooking;
DROP FUNCTION retired_resource_is_not_booked();
DROP TRIGGER booked_resource_stays_in_use ON scheduling_resource;
DROP FUNCTION booked_resource_stays_in_use();
DROP TRIGGER site_stays_while_booked ON staff_site;
DROP FUNCTION site_stays_while_booked();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('scheduling', '0016_day_sheets_and_closings'),
        ('staff', '0004_people_kept_by_the_clinic'),
    ]

    operations = [
        migrations.AddField(
            model_name='resource',
            name='version',
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name='resourceevent',
            name='version',
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AlterField(
            model_name='workitem',
            name='kind',
            field=models.CharField(choices=[('displaced', 'Booking displaced'), ('stale-window', 'Therapy time not worked out'), ('unsigned', 'Record not signed'), ('message-failed', 'Message not delivered'), ('missed', 'Follow-up missed'), ('call-patient', 'Call the patient'), ('therapy-inside', 'Therapy inside a no-therapy period'), ('unplaced', 'No time found for therapy'), ('prescriber', 'A prescriber decides'), ('restored', 'Messages held after a restore'), ('patient-answer', 'Answered by the patient'), ('risk-review', 'Answer to look at today'), ('staffing', 'Somebody else is needed')], max_length=16),
        ),
        migrations.AlterField(
            model_name='workitemevent',
            name='kind',
            field=models.CharField(choices=[('displaced', 'Booking displaced'), ('stale-window', 'Therapy time not worked out'), ('unsigned', 'Record not signed'), ('message-failed', 'Message not delivered'), ('missed', 'Follow-up missed'), ('call-patient', 'Call the patient'), ('therapy-inside', 'Therapy inside a no-therapy period'), ('unplaced', 'No time found for therapy'), ('prescriber', 'A prescriber decides'), ('restored', 'Messages held after a restore'), ('patient-answer', 'Answered by the patient'), ('risk-review', 'Answer to look at today'), ('staffing', 'Somebody else is needed')], max_length=16),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
