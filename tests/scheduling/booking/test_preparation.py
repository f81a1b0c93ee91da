"""The preparation visit before infusion 1: booked with a therapist, held, given back; without a plan nobody is told
to practise (clinic-day 29)."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from scheduling.models import Appointment, FollowUp, Message, WorkItem
from scheduling.services.gates import gates_of
from scheduling.services.messages import sync_messages
from scheduling.services.preparation import (
    book_preparation,
    cancel_preparation,
    hold_preparation,
    preparation_of,
)
from sessions.models import PreparationRecord
from sessions.services import PreparationText
from staff.errors import InvalidInput, NotAllowed, RuleNotMet, StateConflict
from tests import factories
from tests.scheduling.booking.helpers import book, visits_of

pytestmark = pytest.mark.django_db
PLAN = PreparationText(practice_plan="A walk with a friend", practice_a_week=5)


@pytest.fixture
def series(clinic):
    return book(clinic)


@pytest.fixture
def first(series):
    return visits_of(series)[0].during.lower


def booked(clinic, series, start, **over):
    return book_preparation(
        **({"series": series, "start": start, "therapist": clinic.therapist, "by": clinic.coordinator} | over)
    )


class TestBooking:
    def test_it_may_end_when_infusion_1_begins_because_no_quiet_time_applies(self, clinic, series, first):
        minutes = series.protocol_version.read().preparation_minutes
        visit = booked(clinic, series, first - timedelta(minutes=minutes))
        assert (visit.kind, visit.during.upper) == ("preparation", first)
        assert booked(clinic, series, visit.during.lower) == visit, "the same booking twice is one"
        with pytest.raises(StateConflict):
            booked(clinic, series, first - timedelta(days=1))
        assert visit.resource_bookings.count() == 1, "the therapist's time is taken"

    def test_what_cannot_be(self, clinic, series, first, clock):
        before = first - timedelta(hours=23)
        with pytest.raises(RuleNotMet) as late:
            booked(clinic, series, first - timedelta(minutes=10))
        assert late.value.code == "after-first-infusion"
        with pytest.raises(RuleNotMet):
            booked(clinic, series, clinic.now - timedelta(hours=1))
        with pytest.raises(InvalidInput):
            booked(clinic, series, before, therapist=clinic.nurse)
        other = factories.make_patient(clinic.site, therapist=clinic.therapist)
        visit = booked(clinic, series, before)
        with pytest.raises(IntegrityError) as caught, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                """INSERT INTO scheduling_appointment (code, kind, status, patient_id, site_id, series_id, ordinal, during,
                   mode, reason, booked_by_id, booked_at, version) SELECT gen_random_uuid(), kind, status, %s, site_id,
                   series_id, 1, tstzrange(lower(during) - interval '9 days', upper(during) - interval '9 days'), mode,
                   reason, booked_by_id, booked_at, 1 FROM scheduling_appointment WHERE id = %s""",
                [other.pk, visit.pk],
            )
        assert caught.value.__cause__.diag.constraint_name == "one_preparation_per_series"

    def test_given_back_and_booked_again(self, clinic, series, first):
        visit = booked(clinic, series, first - timedelta(hours=23))
        for _ in range(2):
            cancel_preparation(series=series, by=clinic.coordinator)
        visit.refresh_from_db()
        assert (visit.status, visit.resource_bookings.count()) == ("cancelled", 0)
        again = booked(clinic, series, first - timedelta(hours=22))
        hold_preparation(series=series, text=PLAN, by=clinic.therapist)
        again.refresh_from_db()
        assert again.status == "completed"
        with pytest.raises(StateConflict):
            cancel_preparation(series=series, by=clinic.coordinator)


def test_held_meets_the_gate_and_only_a_therapist_records_it(clinic, series):
    visit = visits_of(series)[0]
    assert gates_of(visit).line("preparation").state == "to-do"
    for person in (clinic.nurse, clinic.coordinator, clinic.clinician):
        with pytest.raises(NotAllowed):
            hold_preparation(series=series, text=PLAN, by=person)
    with pytest.raises(InvalidInput):
        hold_preparation(series=series, text=PreparationText(practice_plan=" "), by=clinic.therapist)
    for _ in range(2):
        hold_preparation(series=series, text=PLAN, by=clinic.therapist)
    row = PreparationRecord.objects.get()
    assert gates_of(visit).line("preparation").by == clinic.therapist.full_name
    for change, named in (("goals = 'x'", "clinical_record_is_fixed"),):
        with pytest.raises(IntegrityError) as caught, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE treatment_sessions_preparationrecord SET {change} WHERE id = %s", [row.pk]
            )
        assert caught.value.__cause__.diag.constraint_name == named
    copy = """INSERT INTO treatment_sessions_preparationrecord (code, patient_id, course, therapist_id, held_at, entered_at,
        goals, practice_plan, practice_when, expectations, outside_therapist, practice_a_week)
        SELECT gen_random_uuid(), patient_id, course, therapist_id, held_at, entered_at, '', %s, '', '', '', %s
        FROM treatment_sessions_preparationrecord"""
    for plan, often, named in (("", 1, "preparation_has_a_plan"), ("A", 43, "preparation_practice_in_range")):
        with pytest.raises(IntegrityError) as caught, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(copy, [plan, often])
        assert caught.value.__cause__.diag.constraint_name == named


class TestPracticeMessages:
    @pytest.fixture
    def practice(self, clinic, series, first, clock):
        """The practice follow-ups of infusion 1 as they are once the window is open."""
        clock.set(first + timedelta(hours=20))
        FollowUp.objects.filter(series=series, visit__ordinal=1, message_kind__startswith="practice").update(
            state="released", target_at=first + timedelta(hours=26), earliest_at=first + timedelta(hours=20),
            latest_at=first + timedelta(hours=40), hard_latest_at=first + timedelta(hours=60),
        )  # fmt: skip

    def kinds(self, series):
        return set(
            Message.objects.filter(patient=series.patient, state__in=Message.PENDING, kind__startswith="practice")
            .values_list("kind", flat=True)
        )  # fmt: skip

    def items(self):
        return WorkItem.objects.open().filter(kind="practice-plan")

    def test_without_a_plan_the_therapist_is_told_instead(self, clinic, series, practice):
        for _ in range(2):
            sync_messages(series=series)
        assert self.kinds(series) == set()
        item = self.items().get()
        assert (item.role, item.owner) == ("therapist", series.therapist)
        hold_preparation(series=series, text=PLAN, by=clinic.therapist)
        assert not self.items().exists()
        assert self.kinds(series)


class TestPages:
    def test_booked_given_back_and_held(self, clinic, series, first):
        client = Client()
        client.force_login(clinic.therapist)
        detail = reverse("series_detail", args=[series.code])
        assert "Preparation visit" in client.get(detail).content.decode()
        url = reverse("preparation_book", args=[series.code])
        local = (first - timedelta(hours=23)).astimezone(ZoneInfo(series.site.time_zone))
        body = {
            "patient_code": str(series.patient.code), "therapist": str(clinic.therapist.code),
            "start": f"{local:%Y-%m-%dT%H:%M}",
        }  # fmt: skip
        assert client.post(url, body | {"therapist": "x"}).status_code == 422
        assert client.post(url, body | {"patient_code": "x"}).status_code == 409
        for _ in range(2):
            assert client.post(url, body).status_code == 302
        assert preparation_of(series).practitioner == clinic.therapist
        assert "Give the time back" in client.get(detail).content.decode()
        held = reverse("preparation_held", args=[series.code])
        words = {"patient_code": str(series.patient.code), "practice_plan": "A walk", "practice_a_week": "99"}
        assert client.post(held, words).status_code == 422
        for _ in range(2):
            assert client.post(held, words | {"practice_a_week": "5"}).status_code == 302
        assert PreparationRecord.objects.get().practice_plan == "A walk"
        assert "A walk" in client.get(detail).content.decode()

    def test_who_and_how(self, clinic, series):
        for name, allowed in (
            ("preparation_book", {"coordinator", "therapist"}), ("preparation_held", {"therapist"}),
            ("preparation_cancel", {"coordinator", "therapist"}),
        ):  # fmt: skip
            url = reverse(name, args=[series.code])
            assert Client().post(url).status_code == 302
            for role in ("coordinator", "therapist", "nurse", "clinician", "admin"):
                client = Client()
                client.force_login(getattr(clinic, role))
                assert (client.post(url, {}).status_code == 403) == (role not in allowed), (name, role)
            assert client.put(url).status_code in (405, 403)


def test_the_api_books_gives_back_and_records(clinic, series, first):
    client = APIClient()
    client.force_authenticate(clinic.therapist)
    url = f"/api/v1/series/{series.code}/preparation/"
    assert client.get(url).json() == {"visit": None, "record": None}
    body = {"start": (first - timedelta(hours=23)).isoformat(), "therapist": str(clinic.therapist.code)}
    assert client.post(url, {}, format="json").status_code == 400
    for _ in range(2):
        assert client.post(url, body, format="json").status_code == 201
    assert Appointment.objects.filter(kind="preparation").count() == 1
    assert client.delete(url).json()["visit"] is None
    made = client.post(f"{url}held/", {"practice_plan": "A walk"}, format="json")
    assert made.json()["record"]["practice_plan"] == "A walk"
    client.force_authenticate(clinic.nurse)
    assert client.post(f"{url}held/", {"practice_plan": "A walk"}, format="json").status_code == 403
