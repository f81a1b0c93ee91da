"""What the database itself refuses, by raw SQL with the app role's rights; each rule with a control that drops it.

The statements go past every service. With the rule gone (dropped by the owner inside the test's transaction) the
harm happens, so the refusal above it is that rule's doing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.db import IntegrityError, ProgrammingError, connection, transaction

from scheduling.models import Appointment, PatientSpan, ResourceBooking
from scheduling.services.visits import move_visit
from tests import factories
from tests.scheduling.booking.helpers import book, local, minutes, visits_of

pytestmark = pytest.mark.django_db

VISIT = """
    INSERT INTO scheduling_appointment (code, kind, status, patient_id, site_id, during, mode, reason, booked_by_id,
                                        booked_at, version)
    VALUES (gen_random_uuid(), 'preparation', %(status)s, %(patient)s, %(site)s, tstzrange(%(start)s, %(end)s),
            'in-person', '', %(by)s, now(), 1)
    RETURNING id
"""
LANE = """
    INSERT INTO scheduling_resourcebooking (resource_id, lane, appointment_id, during)
    VALUES (%(resource)s, %(lane)s, %(visit)s, tstzrange(%(start)s, %(end)s))
"""


def run(sql, **values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone()[0] if cursor.description else None


def raw_visit(clinic, start, *, patient=None, resource=None, lane=1, status="booked", with_lane=True):
    """A visit of 50 minutes and its lane, past every service; deferred rules are asked at once."""
    patient, resource = patient or clinic.patient, resource or clinic.chairs[1]
    times = {"start": start, "end": start + minutes(50)}
    with transaction.atomic():
        visit = run(
            VISIT, patient=patient.pk, site=clinic.site.pk, by=clinic.nurse.pk, status=status, **times
        )
        if with_lane:
            run(LANE, resource=resource.pk, lane=lane, visit=visit, **times)
        ask_now()
    return visit


DEFERRED = ["appointment_resources_agree", "booking_resources_agree"]


def ask_now():
    """What waits for the end of the transaction is asked now, and waits again afterwards."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SELECT DISTINCT tgname FROM pg_trigger WHERE tgname = ANY(%s)", [DEFERRED])
        cursor.execute(f"SET CONSTRAINTS {', '.join(name for (name,) in cursor.fetchall())} DEFERRED")


def run_and_ask(sql, **values):
    """One statement that must hold at the end of its transaction."""
    with transaction.atomic():
        run(sql, **values)
        ask_now()


@contextmanager
def without(statement: str) -> Iterator[None]:
    """The control: the owner drops one rule."""
    ask_now()
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute(statement)
        cursor.execute(f'SET ROLE "{settings.DATABASE_APP_ROLE}"')
    yield


class TestPatientIsInOnePlace:
    def test_an_overlap_by_a_minute_is_refused(self, clinic):
        raw_visit(clinic, local(clinic, 5, 9))
        with pytest.raises(IntegrityError, match="patient_is_in_one_place"):
            raw_visit(clinic, local(clinic, 5, 9, 49), resource=clinic.chairs[2])

    def test_the_end_of_one_may_be_the_start_of_the_next(self, clinic):
        raw_visit(clinic, local(clinic, 5, 9))
        raw_visit(clinic, local(clinic, 5, 9, 50))

    @pytest.mark.parametrize(
        "status", ["reserved", "provisional", "arrived", "infusing", "recovering", "in-progress"]
    )
    def test_every_blocking_state_counts(self, clinic, status):
        with transaction.atomic():
            first = raw_visit(clinic, local(clinic, 5, 9))
            run(
                "UPDATE scheduling_appointment SET status = %(s)s, held_until = now() WHERE id = %(v)s",
                s=status,
                v=first,
            )
        with pytest.raises(IntegrityError, match="patient_is_in_one_place"):
            raw_visit(clinic, local(clinic, 5, 9, 30), resource=clinic.chairs[2])

    def test_a_move_onto_another_visit_is_refused(self, clinic):
        raw_visit(clinic, local(clinic, 5, 9))
        second = raw_visit(clinic, local(clinic, 5, 11), resource=clinic.chairs[2])
        with pytest.raises(IntegrityError, match="patient_is_in_one_place"), transaction.atomic():
            run(
                "UPDATE scheduling_appointment SET during = tstzrange(%(a)s, %(b)s) WHERE id = %(v)s",
                a=local(clinic, 5, 9),
                b=local(clinic, 5, 10),
                v=second,
            )

    def test_control_without_the_rule_the_patient_is_in_two_places(self, clinic):
        raw_visit(clinic, local(clinic, 5, 9))
        with without("ALTER TABLE scheduling_appointment DROP CONSTRAINT patient_is_in_one_place"):
            raw_visit(clinic, local(clinic, 5, 9, 10), resource=clinic.chairs[2])
        assert Appointment.objects.touching(local(clinic, 5, 9), local(clinic, 5, 10)).count() == 2


class TestOneBookingPerLane:
    def test_a_chair_takes_one_at_a_time(self, clinic):
        raw_visit(clinic, local(clinic, 5, 9))
        with pytest.raises(IntegrityError, match="one_booking_per_lane"):
            raw_visit(clinic, local(clinic, 5, 9, 30), patient=factories.make_patient(clinic.site))

    def test_a_nurse_of_two_takes_two_in_two_lanes(self, clinic):
        for lane in (1, 2):
            raw_visit(
                clinic,
                local(clinic, 5, 9),
                patient=factories.make_patient(clinic.site),
                resource=clinic.nurse_lane,
                lane=lane,
            )
        with pytest.raises(IntegrityError, match="one_booking_per_lane"):
            raw_visit(clinic, local(clinic, 5, 9, 30), resource=clinic.nurse_lane, lane=2)

    def test_control_without_the_rule_the_chair_is_taken_twice(self, clinic):
        raw_visit(clinic, local(clinic, 5, 9))
        with without("ALTER TABLE scheduling_resourcebooking DROP CONSTRAINT one_booking_per_lane"):
            raw_visit(clinic, local(clinic, 5, 9, 30), patient=factories.make_patient(clinic.site))
        assert ResourceBooking.objects.filter(resource=clinic.chairs[1]).count() == 2


class TestLanesFitTheCapacity:
    @pytest.mark.parametrize("lane", [3, 12])
    def test_a_lane_beyond_the_capacity_is_refused(self, clinic, lane):
        with pytest.raises(IntegrityError, match="lane beyond the capacity"):
            raw_visit(clinic, local(clinic, 5, 9), resource=clinic.nurse_lane, lane=lane)

    def test_lanes_count_from_one(self, clinic):
        with pytest.raises(IntegrityError, match="lane_from_one"):
            raw_visit(clinic, local(clinic, 5, 9), lane=0)

    def test_control_without_the_rule_a_third_lane_exists(self, clinic):
        with without("DROP TRIGGER lane_within_capacity ON scheduling_resourcebooking"):
            raw_visit(clinic, local(clinic, 5, 9), resource=clinic.nurse_lane, lane=3)
        assert ResourceBooking.objects.filter(lane=3).exists()


class TestBlockingAppointmentHasResources:
    def test_a_visit_without_any_lane_is_refused(self, clinic):
        with pytest.raises(IntegrityError, match="must occupy its resources"):
            raw_visit(clinic, local(clinic, 5, 9), with_lane=False)

    def test_taking_the_chair_of_a_booked_visit_away_is_refused(self, clinic):
        visit = visits_of(book(clinic))[0]
        chair = visit.resource_bookings.get(resource__kind="chair")
        with pytest.raises(IntegrityError, match="must occupy its resources"):
            run_and_ask("DELETE FROM scheduling_resourcebooking WHERE id = %(b)s", b=chair.pk)

    def test_stretching_a_visit_beyond_its_chair_is_refused(self, clinic):
        visit = visits_of(book(clinic))[0]
        with pytest.raises(IntegrityError, match="must occupy its resources"):
            run_and_ask(
                "UPDATE scheduling_appointment SET during = tstzrange(lower(during), upper(during) + '1 hour') "
                "WHERE id = %(v)s",
                v=visit.pk,
            )

    def test_control_without_the_rule_a_visit_floats(self, clinic):
        with without("DROP TRIGGER appointment_resources_agree ON scheduling_appointment"):
            raw_visit(clinic, local(clinic, 5, 9), with_lane=False)
        assert not ResourceBooking.objects.exists()


class TestReleasedAppointmentFreesResources:
    @pytest.mark.parametrize("status", ["cancelled", "omitted", "no-show", "displaced", "completed"])
    def test_a_released_visit_may_not_keep_its_chair(self, clinic, status):
        visit = visits_of(book(clinic))[0]
        with pytest.raises(IntegrityError, match="must free its resources"):
            run_and_ask(
                "UPDATE scheduling_appointment SET status = %(s)s WHERE id = %(v)s", s=status, v=visit.pk
            )

    def test_giving_a_released_visit_a_chair_is_refused(self, clinic):
        visit = visits_of(book(clinic))[0]
        run("DELETE FROM scheduling_resourcebooking WHERE appointment_id = %(v)s", v=visit.pk)
        run("UPDATE scheduling_appointment SET status = 'cancelled' WHERE id = %(v)s", v=visit.pk)
        ask_now()
        with pytest.raises(IntegrityError, match="must free its resources"):
            run_and_ask(
                LANE,
                resource=clinic.chairs[0].pk,
                lane=1,
                visit=visit.pk,
                start=visit.during.lower,
                end=visit.during.upper,
            )

    def test_control_without_the_rule_a_cancelled_visit_blocks_its_chair(self, clinic):
        visit = visits_of(book(clinic))[0]
        with without("DROP TRIGGER appointment_resources_agree ON scheduling_appointment"):
            run("UPDATE scheduling_appointment SET status = 'cancelled' WHERE id = %(v)s", v=visit.pk)
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        assert visit.resource_bookings.count() == 3


class TestWhatTheAppRoleMayNotDo:
    def test_spans_are_written_by_triggers_alone(self, clinic):
        book(clinic)
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            PatientSpan.objects.all().delete()

    def test_appointments_are_never_deleted(self, clinic):
        book(clinic)
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            run("DELETE FROM scheduling_appointment")

    def test_no_rule_can_be_dropped(self, clinic):
        with pytest.raises(ProgrammingError, match="must be owner"), transaction.atomic():
            run("ALTER TABLE scheduling_resourcebooking DROP CONSTRAINT one_booking_per_lane")

    @pytest.mark.parametrize("span", ["'[2026-03-05,2026-03-05)'", "'empty'", "'[2026-03-05,)'"])
    def test_empty_and_endless_times_are_refused(self, clinic, span):
        visit = visits_of(book(clinic))[0]
        with pytest.raises(IntegrityError, match="appointment_is_bounded"), transaction.atomic():
            run(f"UPDATE scheduling_appointment SET during = {span} WHERE id = %(v)s", v=visit.pk)

    def test_the_history_keeps_where_a_visit_was(self, clinic):
        visit = visits_of(book(clinic))[2]
        move_visit(
            appointment=visit, start=local(clinic, 12, 13), by=clinic.coordinator, reason="patient-asked"
        )
        events = visit.events.order_by("pgh_id")
        assert events.first().during.lower == visit.during.lower
        assert events.last().during.lower == local(clinic, 12, 13)
        assert events.last().pgh_context.metadata["user"] == clinic.coordinator.pk
