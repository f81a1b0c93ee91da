"""A therapist is away: sessions by the time their windows have left, handed over as one act, or nothing of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from scheduling import dispatch
from scheduling.models import Appointment, AvailabilityException, FollowUp, Message, WorkItem
from scheduling.services import cover, therapy
from staff.errors import Clash, InvalidInput, NotAllowed, StateConflict
from staff.models import Licence
from tests import factories
from tests.scheduling.follow import world as w

pytestmark = pytest.mark.django_db
WEDNESDAY_TEN = datetime(2026, 3, 4, 18, 0, tzinfo=UTC)
AWAY = {"start": datetime(2026, 3, 4, 8, tzinfo=UTC), "until": datetime(2026, 3, 5, 8, tzinfo=UTC)}


@pytest.fixture
def sessions(clinic, clock) -> list[FollowUp]:
    """Two patients of the therapist with therapy booked on Wednesday; seen from Tuesday evening."""
    rows = []
    for number in range(2):
        patient = (
            clinic.patient if not number else factories.make_patient(clinic.site, therapist=clinic.therapist)
        )
        start = w.FIRST - timedelta(minutes=150 * number)
        visit = w.book_course(clinic, [start], patient=patient).appointments.get()
        w.given(clinic, visit)
        rows.append(w.follow_up(visit, "integration_1"))
    clock.set(WEDNESDAY_TEN - timedelta(hours=17))
    dispatch.tick()
    for number, row in enumerate(rows):
        therapy.book_therapy(
            follow_up=row,
            start=WEDNESDAY_TEN + timedelta(hours=number),
            therapist=clinic.therapist,
            by=clinic.therapist,
        )
    return [FollowUp.objects.get(pk=row.pk) for row in rows]


def ask(clinic, by=None):
    return cover.propose_cover(therapist=clinic.therapist, by=by or clinic.therapist, **AWAY)


def picked(lines) -> dict:
    return {
        str(line.row.code): next(
            (slot.start, slot.therapist) for key, slot in line.keyed if key == line.suggested
        )
        for line in lines
    }


def test_sessions_by_time_left_are_covered_at_the_same_time_in_one_act(clinic, clock, sessions):
    lines = ask(clinic)
    assert [line.row.pk for line in lines] == [sessions[1].pk, sessions[0].pk], (
        "the window that ends first is first"
    )
    choices = picked(lines)
    assert {(start, who) for start, who in choices.values()} == {
        (WEDNESDAY_TEN, clinic.other_therapist), (WEDNESDAY_TEN + timedelta(hours=1), clinic.other_therapist)
    }  # fmt: skip
    assert not AvailabilityException.objects.exists(), "asking writes nothing"
    for _ in range(2):
        cover.accept_cover(therapist=clinic.therapist, choices=choices, by=clinic.therapist, **AWAY)
    booked = Appointment.objects.filter(kind="therapy", status="booked")
    assert {row.practitioner for row in booked} == {clinic.other_therapist}
    assert booked.count() == 2
    assert AvailabilityException.objects.get().resource == clinic.therapist_lane
    client = Client()
    client.force_login(clinic.other_therapist)
    assert client.get(f"/patients/{clinic.patient.code}/").status_code == 200
    for row in sessions:
        told = Message.objects.filter(
            kind="therapy_visit", appointment__follow_up=row, state__in=Message.PENDING
        )
        assert told.count() <= 1, "told once, of the new time"
        assert all(message.about_at == row_time(row) for message in told)


def row_time(row) -> datetime:
    return FollowUp.objects.get(pk=row.pk).appointment.during.lower


def test_only_the_licensed_cover_and_nobody_free_goes_to_the_coordinators(clinic, clock, sessions):
    Licence.objects.filter(user=clinic.other_therapist).update(jurisdiction="US-ZZ")
    for line in ask(clinic):
        assert all(
            slot.therapist == clinic.therapist and slot.start >= AWAY["until"] for slot in line.options
        )
    codes = [str(row.code) for row in sessions]
    cover.accept_cover(
        therapist=clinic.therapist,
        choices=dict(zip(codes, ["missed", "leave"], strict=True)),
        by=clinic.coordinator,
        **AWAY,
    )
    first, second = (FollowUp.objects.get(pk=row.pk) for row in sessions)
    assert (first.state, first.closed_reason) == ("missed", "Missed: staff absence")
    assert second.state == "booked", "left as it is, on the coordinators' list"
    assert WorkItem.objects.open().get(key=f"cover:{second.code}").role == "coordinator"


def test_all_of_it_or_nothing(clinic, clock, sessions):
    choices = picked(ask(clinic))
    codes = list(choices)
    taken = (choices[codes[0]][0], clinic.other_therapist)
    for bad in (
        {codes[0]: choices[codes[0]]},
        {codes[0]: choices[codes[0]], codes[1]: taken},
        choices | {"00000000-0000-0000-0000-000000000000": "leave"},
        choices | {codes[0]: "somebody"},
    ):
        with pytest.raises(Exception) as refused:
            cover.accept_cover(therapist=clinic.therapist, choices=bad, by=clinic.therapist, **AWAY)
        assert isinstance(refused.value, (InvalidInput, StateConflict, Clash))
    assert set(Appointment.objects.filter(status="booked").values_list("practitioner", flat=True)) == {
        clinic.therapist.pk
    }
    assert not AvailabilityException.objects.exists()
    with pytest.raises(NotAllowed):
        ask(clinic, by=clinic.other_therapist)


def test_the_page_hands_over_and_bad_input_changes_nothing(clinic, clock, sessions):
    url = "/queue/cover/"
    assert Client().get(url).status_code == 302
    nurse, client = Client(), Client()
    nurse.force_login(clinic.nurse)
    assert nurse.get(url).status_code == 403
    client.force_login(clinic.therapist)
    page = client.get(url).content.decode()
    assert clinic.other_therapist.full_name in page
    assert "(same time)" in page
    body = {"therapist": str(clinic.therapist.code), "first": "2026-03-04", "last": "2026-03-04"}
    chosen = {
        f"choice-{code}": f"{s.isoformat()}|{who.code}" for code, (s, who) in picked(ask(clinic)).items()
    }
    for bad in (
        {"first": "2026-02-30"},
        {"last": "\x00"},
        {"therapist": "x"},
        {next(iter(chosen)): "NaN"},
        {"last": "2026-02-01"},
    ):
        assert client.post(url, body | chosen | bad).status_code in (400, 422), bad
    assert client.post(url, body).status_code in (400, 422), "nothing chosen"
    assert not AvailabilityException.objects.exists()
    for _ in range(2):
        assert client.post(url, body | chosen).status_code == 302
    assert Appointment.objects.filter(practitioner=clinic.other_therapist, status="booked").count() == 2
