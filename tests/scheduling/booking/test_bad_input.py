"""What the API is sent by mistake or on purpose: each is refused in words, and nothing at all is written."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from scheduling.models import Appointment, AvailabilityException, Closure, ResourceBooking, ScheduleChange
from scheduling.services.seating import TherapyChoice
from tests import factories
from tests.scheduling.booking.helpers import book, choice, local, visits_of
from tests.scheduling.booking.test_api import APPOINTMENTS, SERIES, body, caller, key

pytestmark = pytest.mark.django_db


@pytest.fixture
def series(clinic):
    session = TherapyChoice(1, "integration_1", local(clinic, 6, 15), str(clinic.therapist_lane.code))
    return book(clinic, therapy=[session])


def everything():
    """All that planning writes, as rows."""
    tables = (Appointment, ResourceBooking, ScheduleChange, Closure, AvailabilityException)
    return [list(table.objects.order_by("pk").values()) for table in tables]


def moved(visit, start, **over):
    rows = {"ordinal": visit.ordinal, "version": visit.version, "start": start.isoformat(), **over}
    return {"reason": "patient-asked", "initiator": "patient", "visits": [rows]}


def test_nothing_of_this_is_written(clinic, series):
    """End before start, naive times, ten thousand occurrences, another site's chair and patient, a stale version, and
    codes of one thing in the path with those of another in the body."""
    elsewhere = str(factories.make_resource(clinic.outsider.sites.get(), "chair").code)
    single = factories.make_version("single-infusion", author=clinic.admin)
    other = book(
        clinic, patient=factories.make_patient(clinic.site), protocol_version=single,
        visits=[choice(clinic, 1, local(clinic, 6, 13), chair=str(clinic.chairs[1].code))],
    )  # fmt: skip
    visit, theirs = visits_of(series)[2], visits_of(other)[0]
    session = series.appointments.get(kind="therapy")
    late, newcomer = visit.during.lower + timedelta(hours=2), factories.make_patient(clinic.site)
    stranger = factories.make_patient(clinic.outsider.sites.get())
    new = body(clinic, patient=str(newcomer.code))
    many = [new["visits"][0] | {"ordinal": n} for n in range(1, 10_001)]
    mixed = [row | {"chair": elsewhere} for row in new["visits"]]
    tag, foreign, stale = f'"{visit.code}.1"', f'"{theirs.code}.1"', f'"{visit.code}.7"'
    move, moves = f"{APPOINTMENTS}{visit.code}/move/", f"{SERIES}{series.code}/moves/"
    wanted = {"start": late.isoformat(), "reason": "patient-asked"}
    taken = {"appointment": str(session.code), "kind": "integration_1", "start": None}
    times = {"starts": local(clinic, 9, 18).isoformat(), "ends": local(clinic, 9, 8).isoformat()}
    closed = {"site": str(clinic.site.code), "first": "2026-03-13", "last": "2026-03-12", "reason": "Moving"}
    absent = {"resource": str(clinic.nurse_lane.code), "reason": "Course", **times}
    cases = [
        ("/api/v1/closures/", closed, {}, (400, 422)),
        ("/api/v1/absences/", absent, {}, (400, 422)),
        ("/api/v1/absences/", absent | {"resource": elsewhere}, {}, (404,)),
        (SERIES, new | {"visits": many}, {}, (400, 413)),
        (SERIES, new | {"visits": mixed}, {}, (400,)),
        (SERIES, new | {"patient": str(stranger.code)}, {}, (404,)),
        (move, wanted, {"HTTP_IF_MATCH": stale}, (412,)),
        (move, wanted, {"HTTP_IF_MATCH": foreign}, (412,)),
        (move, wanted, {}, (428,)),
        (move, wanted | {"start": "2026-03-12T11:00:00"}, {"HTTP_IF_MATCH": tag}, (400,)),
        (move, wanted | {"start": "2026-02-30T11:00:00Z"}, {"HTTP_IF_MATCH": tag}, (400,)),
        (move, wanted | {"chair": elsewhere}, {"HTTP_IF_MATCH": tag}, (400,)),
        (move, wanted | {"series": str(other.code)}, {"HTTP_IF_MATCH": tag}, (400,)),
        (moves, moved(visit, late, version=7), {}, (412,)),
        (moves, moved(visit, late, ordinal=9), {}, (409, 422)),
        (
            f"{SERIES}{other.code}/moves/",
            moved(theirs, local(clinic, 6, 14)) | {"sessions": [taken]},
            {},
            (400,),
        ),
        (moves, moved(visit, late) | {"sessions": [taken | {"appointment": str(uuid4())}]}, {}, (400,)),
        (f"{SERIES}{uuid4()}/moves/", moved(visit, late), {}, (404,)),
    ]
    before, client = everything(), caller(clinic.coordinator)
    for url, sent, headers, allowed in cases:
        answer = client.post(url, sent, format="json", **key(), **headers)
        assert answer.status_code in allowed, (
            url,
            sent if len(str(sent)) < 900 else "...",
            answer.content[:300],
        )
        assert everything() == before, (url, "wrote something")
        assert answer.json().get("title") or answer.json().get("errors"), "said in words"
    outsider = caller(clinic.outsider)
    assert outsider.post(move, wanted, format="json", **key(), HTTP_IF_MATCH=tag).status_code == 404
    assert everything() == before
