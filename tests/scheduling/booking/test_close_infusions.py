"""Less than 36 h apart or more than three in seven days: at plan, book and move a prescriber's reason, a record, and the
part of the window that is lost. The database asks for the record, too.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from protocols import library
from scheduling.domain.closeness import CLOSEST, closeness, hours_lost, most_in_seven_days, nearest
from scheduling.domain.localtime import local_date
from scheduling.models import Appointment, SpacingDecision, TreatmentSeries
from scheduling.services.more_visits import book_extra_infusion
from scheduling.services.proposals import propose_series
from scheduling.services.visits import move_visit
from staff.errors import RuleNotMet
from tests import factories
from tests.scheduling.booking.helpers import WEIGHT, book, choice, local, visits_of

ZONE, RULE = ZoneInfo("America/Los_Angeles"), library.SIX_IN_THREE_WEEKS.window
START = datetime(2026, 3, 9, 17, 0, tzinfo=UTC)
REASON = "Leaves the country on Monday; agreed with the patient."


def close(ordinal, start, others, minutes=400):
    return closeness(ordinal, start, others, zone=ZONE, minutes_to_therapy=minutes, rule=RULE)


class TestTheRule:
    def test_thirty_six_hours_is_far_enough_and_a_minute_less_is_not(self):
        assert nearest(START, [START - CLOSEST, START + CLOSEST]) is None
        assert nearest(START, [START - CLOSEST + timedelta(minutes=1)]) is not None

    @settings(max_examples=60)
    @given(st.lists(st.integers(-20, 20), max_size=12))
    def test_the_most_in_seven_days_is_what_counting_every_week_gives(self, offsets):
        day = local_date(START, ZONE)
        days = [day + timedelta(days=n) for n in offsets]
        weeks = [[day + timedelta(days=n - back) for n in range(7)] for back in range(7)]
        assert most_in_seven_days(day, days) == max(
            sum(one in week for one in [*days, day]) for week in weeks
        )

    def test_three_a_week_is_no_more_than_three_even_when_the_hour_changes(self):
        others = [START + timedelta(days=n) for n in (0, 2, 4)]
        assert close(4, START + timedelta(days=7, hours=-1), others) is None
        found = close(4, START + timedelta(days=6), others)
        assert found is not None
        assert (found.hours, found.in_seven_days) == (None, 4)

    def test_what_is_lost_is_named(self):
        found = close(2, START + timedelta(hours=30), [START], minutes=360)
        lost, whole = hours_lost(START, START + timedelta(hours=30), 360, RULE)
        assert lost == whole - 24
        assert found is not None
        assert f"{lost} of the {whole} h" in found.words
        before_clearance = close(2, START + timedelta(hours=5), [START], minutes=360)
        assert before_clearance is not None
        assert "whole plasticity window" in before_clearance.words

    @pytest.mark.parametrize("evening", ["2026-03-07T20:00:00-08:00", "2026-10-31T20:00:00-07:00"])
    def test_hours_are_elapsed_on_both_nights_on_which_the_clocks_change(self, evening):
        first = datetime.fromisoformat(evening)
        assert nearest(first + timedelta(hours=36), [first]) is None
        assert nearest(first + timedelta(hours=35, minutes=59), [first]) == first


@pytest.fixture
def dense(clinic):
    """A text that lets infusions follow each other after a day: three of them."""
    phase = replace(
        library.SIX_IN_THREE_WEEKS.phases[0],
        visits=3,
        gap_min_hours=24,
        gap_target_hours=24,
        gap_max_hours=168,
    )
    text = replace(library.SIX_IN_THREE_WEEKS, phases=(phase,))
    return factories.make_version("dense", author=clinic.admin, definition=text)


def three(clinic, days=(5, 6, 9)):
    return [choice(clinic, n, local(clinic, day)) for n, day in enumerate(days, start=1)]


pytestmark = pytest.mark.django_db


class TestTheService:
    def test_a_prescriber_with_a_reason_books_it_and_it_is_recorded(self, clinic, dense):
        with pytest.raises(RuleNotMet) as caught:
            book(clinic, protocol_version=dense, visits=three(clinic), by=clinic.clinician)
        assert (caught.value.code, caught.value.field) == ("close-needs-prescriber", "close_reason")
        assert caught.value.message.startswith("2 of 3: 24 h from the infusion of Thu 5 Mar 09:00")
        assert "of the plasticity window" in caught.value.message
        with pytest.raises(RuleNotMet):
            book(clinic, protocol_version=dense, visits=three(clinic), close_reason=REASON)
        assert not TreatmentSeries.objects.exists()
        series = book(
            clinic, protocol_version=dense, visits=three(clinic), by=clinic.clinician, close_reason=REASON
        )
        row = SpacingDecision.objects.get(series=series)
        assert (row.ordinal, row.hours, row.in_seven_days) == (2, 24, None)
        assert (row.decided_by, row.reason) == (clinic.clinician, REASON)

    def test_a_move_asks_again_unless_it_was_decided_for_as_little(self, clinic, dense):
        series = book(clinic, protocol_version=dense, visits=three(clinic, (5, 9, 12)))
        second = visits_of(series)[1]
        nearer = {"appointment": second, "start": local(clinic, 6, 10), "reason": "patient-asked"}
        with pytest.raises(RuleNotMet) as caught:
            move_visit(by=clinic.coordinator, **nearer)
        assert caught.value.code == "close-needs-prescriber"
        move_visit(by=clinic.clinician, close_reason=REASON, **nearer)
        later = move_visit(
            appointment=second, start=local(clinic, 6, 11), reason="patient-asked", by=clinic.coordinator
        )
        assert later.during.lower == local(clinic, 6, 11), "25 h were decided, 26 h are less close"
        assert SpacingDecision.objects.count() == 1
        with pytest.raises(RuleNotMet):
            move_visit(
                appointment=second, start=local(clinic, 6, 9), reason="patient-asked", by=clinic.coordinator
            )

    def test_the_fourth_within_seven_days_by_an_extra_infusion(self, clinic, dense):
        series = book(clinic, protocol_version=dense, visits=three(clinic, (9, 11, 13)))
        extra = {
            "patient": clinic.patient,
            "protocol_version": dense,
            "weight_kg": WEIGHT,
            "choice": choice(clinic, 0, local(clinic, 15)),
            "reason": "maintenance",
        }
        factories.Availability.objects.all().update(weekday=6)  # the one Sunday with hours
        with pytest.raises(RuleNotMet) as caught:
            book_extra_infusion(by=clinic.clinician, **extra)
        assert caught.value.code == "close-needs-prescriber"
        assert "infusion 4 within seven days" in caught.value.message.lower()
        book_extra_infusion(by=clinic.clinician, close_reason=REASON, **extra)
        assert SpacingDecision.objects.get(series=series).in_seven_days == 4

    def test_the_plan_says_so_before_anything_is_booked(self, clinic, dense):
        proposal = propose_series(
            patient=clinic.patient,
            protocol_version=dense,
            weight_kg=WEIGHT,
            first_day=local_date(local(clinic, 9), ZONE),
            by=clinic.clinician,
        )
        assert proposal.plan.complete
        assert proposal.close
        assert proposal.close[0].startswith("Infusion 2: 24 h from the infusion of")


def moved_by_hand(visit, start, status):
    """Raw SQL as the app role, asked at once what the end of a transaction would ask; nothing of it stays."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE scheduling_appointment SET status = %s, during = tstzrange(%s, %s) WHERE id = %s",
            [status, start, start + timedelta(minutes=30), visit.pk],
        )
        cursor.execute("SET CONSTRAINTS close_infusions_are_decided IMMEDIATE")
        transaction.set_rollback(True)


class TestTheDatabase:
    def test_a_close_visit_without_a_record_is_refused_whoever_writes_it(self, clinic, dense):
        second = visits_of(book(clinic, protocol_version=dense, visits=three(clinic, (5, 9, 12))))[1]
        with pytest.raises(IntegrityError, match="less than 36 h"):
            moved_by_hand(second, local(clinic, 6, 15), "booked")
        moved_by_hand(second, local(clinic, 10, 15), "booked")

    def test_the_fourth_within_seven_days_is_refused_too(self, clinic, dense):
        rows = visits_of(book(clinic, protocol_version=dense, visits=three(clinic, (5, 9, 12))))
        fourth = Appointment(
            kind="infusion", status="booked", patient=clinic.patient, site=clinic.site, series=rows[0].series,
            ordinal=4, during=(local(clinic, 7, 15), local(clinic, 7, 16)), booked_by=clinic.coordinator,
            booked_at=clinic.now, predicted_t0=local(clinic, 7, 20),
        )  # fmt: skip
        with transaction.atomic():
            fourth.save()
            with pytest.raises(IntegrityError, match="more than three"):
                moved_by_hand(rows[2], local(clinic, 10, 21), "booked")
            transaction.set_rollback(True)

    def test_what_happened_is_never_refused(self, clinic, dense):
        second = visits_of(book(clinic, protocol_version=dense, visits=three(clinic, (5, 9, 12))))[1]
        moved_by_hand(second, local(clinic, 6, 15), "arrived")

    def test_a_recorded_reason_is_never_changed(self, clinic, dense):
        book(clinic, protocol_version=dense, visits=three(clinic), by=clinic.clinician, close_reason=REASON)
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            SpacingDecision.objects.update(reason="Another one.")


class TestPageAndApi:
    def test_the_move_page_asks_a_prescriber_for_the_reason(self, clinic, dense):
        second = visits_of(book(clinic, protocol_version=dense, visits=three(clinic, (5, 9, 12))))[1]
        client, url = Client(), reverse("visit_move", args=[second.code])
        client.force_login(clinic.clinician)
        assert 'type="hidden" name="close_reason"' in client.get(url).content.decode()
        data = {
            "offered": "other", "start": "2026-03-06T10:00", "reason": "patient-asked", "initiator": "patient",
            "version": second.version, "act": "move", "patient_code": str(clinic.patient.code),
        }  # fmt: skip
        asked = client.post(url, data)
        assert asked.status_code == 422
        assert "Reason of a prescriber" in asked.content.decode()
        assert Appointment.objects.get(pk=second.pk).during == second.during
        done = client.post(url, data | {"close_reason": REASON})
        assert done.status_code == 302
        assert SpacingDecision.objects.get().reason == REASON

    def test_the_plan_page_books_with_the_reason(self, clinic, dense):
        client, url = Client(), reverse("series_plan", args=[clinic.patient.code])
        client.force_login(clinic.clinician)
        data = {
            "protocol": str(dense.code), "weight_kg": "70.0", "first_day": "2026-03-09", "part_of_day": "",
            "therapist": "", "act": "propose", "patient_code": str(clinic.patient.code),
        }  # fmt: skip
        shown = client.post(url, data)
        assert "A prescriber’s reason is needed" in shown.content.decode()
        hidden = {
            "visit": [row.hidden for row in shown.context["plan"].rows],
            "token": shown.context["token"],
            "act": "book",
        }
        assert client.post(url, data | hidden).status_code == 422
        assert client.post(url, data | hidden | {"close_reason": REASON}).status_code == 302
        assert SpacingDecision.objects.count() >= 1

    def test_the_api_books_with_the_reason_and_tells_why_it_needs_one(self, clinic, dense):
        client = APIClient()
        client.force_authenticate(clinic.clinician)
        body = {
            "patient": str(clinic.patient.code),
            "protocol_version": str(dense.code),
            "weight_kg": "70.0",
            "visits": [{"ordinal": row.ordinal, "start": row.start.isoformat()} for row in three(clinic)],
        }
        key = {"HTTP_IDEMPOTENCY_KEY": "close-infusions-1"}
        refused = client.post("/api/v1/series/", body, format="json", **key)
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/close-needs-prescriber")
        booked = client.post("/api/v1/series/", body | {"close_reason": REASON}, format="json", **key)
        assert booked.status_code == 201
