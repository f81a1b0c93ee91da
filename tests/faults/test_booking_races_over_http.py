"""Fifty clients at one web server want the same thing at the same moment: one gets it, nobody sees a 5xx, and the
database holds one booking.

`RACE_ROUNDS=20` gives the figures of the closing note; the suite runs two rounds of each kind. Times are printed, not
asserted. The control without locks and constraint is in tests/scheduling/booking/test_races.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from tests.faults.racing import ROUNDS, SERIES, Answer, Race, at_once, only_one, told
from tests.journeys.conftest import PREFIX, TUESDAY_EIGHT
from tests.journeys.race_world import CLIENTS, MOVERS
from tests.journeys.stack import Stack, make_template, running_stack

pytestmark = pytest.mark.fault
KINDS = ("chair", "nurse", "lane", "prescriber", "therapist", "patient")
FIRST_SLOT = {
    kind: 24 * number for number, kind in enumerate((*KINDS, "moves", "holds", "clicks", "crossing"))
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A web server with two workers of four threads on a database of its own."""
    template = make_template(f"{PREFIX}_race_template")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("API_RATE", "1000000/min")  # all clients are one person here
        with running_stack(f"{PREFIX}_race", template=template) as running:
            running.set_clock(TUESDAY_EIGHT)
            yield running


@pytest.fixture(scope="module")
def race(stack: Stack) -> Race:
    return Race(stack, stack.run_python("tests.journeys.race_world"))


@pytest.fixture
def say(capsys):
    """Print past pytest's capture."""

    def out(what: str, answers: list[Answer]) -> None:
        with capsys.disabled():
            print(told(what, answers), end="")

    return out


def one_client(race: Race, kind: str, slot: int, number: int, patient: str) -> dict[str, Any]:
    """What client `number` sends: what the kind is about is the same for all, everything else is its own."""
    start, world = race.moment(slot), race.world
    if kind == "lane":  # different quarters of an hour: one nurse never starts two infusions in the same one
        return race.body(race.moment(slot, minutes=15 * (number % 4)), patient, number, nurse=world["lanes"])
    if kind == "therapist":
        session = {
            "ordinal": 1,
            "kind": "integration_1",
            "start": race.moment(slot, days=1, minutes=60),
            "therapist": world["therapist"],
        }
        return race.body(start, patient, number) | {"therapy": [session]}
    shared = {
        "chair": {"chair": world["chairs"][0]},
        "nurse": {"nurse": world["nurses"][0]},
        "prescriber": {"prescriber": world["only_prescriber"]},
        "patient": {},
    }[kind]
    return race.body(start, patient, number, **shared)


@pytest.mark.parametrize("kind", KINDS)
def test_one_of_fifty_clients_gets_it_in_every_round(race, kind, say):
    answers: list[Answer] = []
    for slot in range(FIRST_SLOT[kind], FIRST_SLOT[kind] + ROUNDS):
        if kind == "lane":  # the nurse has two lanes, and one of them is taken
            taken = race.body(race.moment(slot, minutes=60), race.free[0], CLIENTS, nurse=race.world["lanes"])
            race.booked(taken)
        mine = race.free[:1] * CLIENTS if kind == "patient" else race.free[:CLIENTS]
        bodies = [one_client(race, kind, slot, n, patient) for n, patient in enumerate(mine)]
        found = at_once([partial(race.post, SERIES, body) for body in bodies])
        race.take(only_one(found).body["patient"])
        answers += found
    race.nothing_doubled()
    say(kind, answers)


def test_crossing_series_of_six_infusions(race, say):
    """Chairs named in opposite orders, one nurse: the shape in which unsorted locks deadlock."""
    answers: list[Answer] = []
    for number in range(ROUNDS):
        chairs = race.world["chairs"][3 * (number % 16) : 3 * (number % 16) + 3]

        def body(
            client: int, patient: str, number: int = number, chairs: list[str] = chairs
        ) -> dict[str, Any]:
            slot, order = (
                FIRST_SLOT["crossing"] + 48 * (number // 8) + number % 2,
                chairs[:: 1 - 2 * (client % 2)],
            )
            visits = [
                race.body(race.moment(slot, days=days), patient, number % 50, chair=order[n % 3])["visits"][0]
                | {"ordinal": n + 1}
                for n, days in enumerate((0, 3, 7, 10, 14, 17))
            ]
            return race.body("", patient, 0) | {"protocol_version": race.world["six"], "visits": visits}

        bodies = [body(client, patient) for client, patient in enumerate(race.free[:CLIENTS])]
        found = at_once([partial(race.post, SERIES, item) for item in bodies])
        won = only_one(found).body
        assert len(won["appointments"]) == 6
        race.take(won["patient"])
        answers += found
    race.nothing_doubled()
    say("crossing series", answers)


def test_book_against_move_against_cancel_and_rebook(race, say):
    """One slot: its holder gives it up and wants it back, visits from elsewhere move into it, newcomers book it."""
    first, chair = FIRST_SLOT["moves"], race.world["chairs"][0]
    away = race.moment(first + ROUNDS)
    movers = [
        race.booked(race.body(away, race.free[0], n + 1))["appointments"][0]["code"] for n in range(MOVERS)
    ]
    answers: list[Answer] = []
    for slot in range(first, first + ROUNDS):
        start = race.moment(slot)
        holder = race.booked(race.body(start, race.free[0], 0))
        found = [item for row in at_once(_for_one_slot(race, start, holder, movers)) for item in row]
        counted = Counter(item.status for item in found)
        assert set(counted) <= {200, 201, 409}, [i.body for i in found if i.status not in (200, 201, 409)][:2]
        assert counted[200] + counted[201] == 2, "the cancellation, and one who got the place"
        assert race.in_chair(chair, start) == 1
        for item in found:
            if item.status == 201 and item.body.get("patient") in race.free:
                race.take(item.body["patient"])
        answers += found
    race.nothing_doubled()
    say("book, move, cancel and rebook", answers)


def _for_one_slot(race: Race, start: str, holder: dict[str, Any], movers: list[str]) -> list[Any]:
    visit, chair = holder["appointments"][0], race.world["chairs"][0]

    def cancel_and_rebook() -> list[Answer]:
        gone = race.post(
            f"/api/v1/appointments/{visit['code']}/cancel/",
            {"reason": "staff"},
            match=f'"{visit["code"]}.{visit["version"]}"',
        )
        assert gone.status == 200, gone.body
        again = {"ordinal": 1, "start": start, "chair": chair, "nurse": race.world["nurses"][0]}
        return [gone, race.post(f"{SERIES}{holder['code']}/visits/", again)]

    def move(code: str, number: int) -> list[Answer]:
        version = race.stack.value("SELECT version FROM scheduling_appointment WHERE code = %s", [code])
        seat = {"chair": chair, "nurse": race.world["nurses"][number]}
        body = {"start": start, "reason": "patient-asked", **seat}
        return [race.post(f"/api/v1/appointments/{code}/move/", body, match=f'"{code}.{version}"')]

    def book(number: int, patient: str) -> list[Answer]:
        return [race.post(SERIES, race.body(start, patient, number, chair=chair))]

    newcomers = race.free[: CLIENTS - MOVERS - 1]
    return [
        cancel_and_rebook,
        *(partial(move, code, n + 1) for n, code in enumerate(movers)),
        *(partial(book, MOVERS + 1 + n, patient) for n, patient in enumerate(newcomers)),
    ]


def test_confirming_against_the_end_of_the_hold(race, stack, say):
    """Half confirm the reserved slot, half book it, in the moment in which the time of the reservation runs out."""
    answers: list[Answer] = []
    for slot in range(FIRST_SLOT["holds"], FIRST_SLOT["holds"] + ROUNDS):
        start, chair = race.moment(slot), race.world["chairs"][0]
        held = race.booked(race.body(start, race.free[0], 0) | {"hold_minutes": 5})
        until = datetime.fromisoformat(held["appointments"][0]["held_until"])
        stack.set_clock(until - timedelta(seconds=0.15))
        newcomers = race.free[: CLIENTS // 2]
        confirms = [partial(race.post, f"{SERIES}{held['code']}/confirm/", {})] * (CLIENTS // 2)
        books = [
            partial(race.post, SERIES, race.body(start, patient, n + 1, chair=chair))
            for n, patient in enumerate(newcomers)
        ]
        found = at_once([work for pair in zip(confirms, books, strict=True) for work in pair])
        counted = Counter(item.status for item in found)
        assert set(counted) <= {200, 201, 409}, [i.body for i in found if i.status not in (200, 201, 409)][:2]
        won = counted[200] + counted[201]
        assert won <= 1
        if not won:  # all who book came before the end, all who confirm came after it
            found.append(race.post(SERIES, race.body(start, newcomers[0], 1, chair=chair)))
            assert found[-1].status == 201
        assert race.in_chair(chair, start) == 1
        for item in found:
            if item.status == 201:
                race.take(item.body["patient"])
        answers += found
    race.nothing_doubled()
    say("confirm against the end of the hold", answers)


def test_a_double_click_with_one_key_books_once(race, stack, say):
    answers: list[Answer] = []
    for slot in range(FIRST_SLOT["clicks"], FIRST_SLOT["clicks"] + ROUNDS):
        patient, key = race.free[0], str(uuid4())
        body = race.body(race.moment(slot), patient, 7)
        found = at_once([partial(race.post, SERIES, body, key=key)] * CLIENTS)
        assert {item.status for item in found} == {201}, "everybody gets the one answer"
        assert len({item.body["code"] for item in found}) == 1
        assert race.post(SERIES, body, key=key).body["code"] == found[0].body["code"]
        assert race.post(SERIES, body | {"weight_kg": "71.0"}, key=key).status == 422, (
            "another body, the same key"
        )
        race.take(patient)
        query = (
            "SELECT count(*) FROM scheduling_treatmentseries s JOIN patients_patient p ON p.id = s.patient_id "
            "WHERE p.code = %s"
        )
        assert stack.value(query, [patient]) == 1
        answers += found
    say("one key", answers)
