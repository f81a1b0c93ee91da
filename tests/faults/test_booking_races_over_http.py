"""Fifty clients at one web server want the same chair, nurse or patient at the same moment: one gets it, nobody sees a
5xx, and the database holds one booking.

`RACE_ROUNDS=20` gives the figures of the closing note; the suite runs two rounds of each kind. Times are printed, not
asserted. The control without locks and constraint is in tests/scheduling/booking/test_races.py.
"""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from tests.journeys.conftest import PREFIX, TUESDAY_EIGHT
from tests.journeys.race_world import CLIENTS
from tests.journeys.stack import Stack, make_template, running_stack

pytestmark = pytest.mark.fault
ROUNDS = int(os.environ.get("RACE_ROUNDS", "2"))
LANES = """SELECT count(*) FROM scheduling_resourcebooking a JOIN scheduling_resourcebooking b
    ON a.resource_id = b.resource_id AND a.lane = b.lane AND a.id < b.id AND a.during && b.during"""
PATIENTS = """SELECT count(*) FROM scheduling_appointment a JOIN scheduling_appointment b
    ON a.patient_id = b.patient_id AND a.id < b.id AND a.during && b.during
    WHERE blocking_appointment_status(a.status) AND blocking_appointment_status(b.status)"""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A web server with two workers of four threads on a database of its own."""
    template = make_template(f"{PREFIX}_race_template")
    with running_stack(f"{PREFIX}_race", template=template) as running:
        running.set_clock(TUESDAY_EIGHT)
        yield running


@pytest.fixture(scope="module")
def world(stack: Stack) -> dict[str, Any]:
    return stack.run_python("tests.journeys.race_world")


class Client:
    """One browser of the coordinator: a connection of its own, the same signed-in session."""

    def __init__(self, stack: Stack, world: dict[str, Any]) -> None:
        self.port, self.world = stack.port, world

    def post(self, path: str, body: dict[str, Any], key: str) -> tuple[int, dict[str, Any], float]:
        """Status, body and seconds."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        headers = {
            "Content-Type": "application/json",
            "Cookie": f"session={self.world['session']}; csrf={self.world['csrf']}",
            "X-CSRFToken": self.world["csrf"],
            "Idempotency-Key": key,
        }
        began = time.monotonic()
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        taken = time.monotonic() - began
        connection.close()
        return answer.status, json.loads(text or b"{}"), taken


def at_once(works: list[Any]) -> list[Any]:
    """All at the same moment."""
    barrier = threading.Barrier(len(works))

    def run(work: Any) -> Any:
        barrier.wait(60)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def start_on(world: dict[str, Any], day: date, hour: int, minute: int = 0) -> str:
    zone = ZoneInfo(world["zone"])
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC).isoformat()


def body_for(world: dict[str, Any], number: int, patient: str, shared: str, start: str) -> dict[str, Any]:
    """A single infusion; what is `shared` is the same for all, everything else is this client's own."""
    return {
        "patient": patient,
        "protocol_version": world["version"],
        "weight_kg": "70.0",
        "visits": [
            {
                "ordinal": 1,
                "start": start,
                "chair": world["chairs"][0 if shared == "chair" else number],
                "nurse": world["nurses"][0 if shared == "nurse" else number],
                "prescriber": world["prescriber"],
            }
        ],
    }


@pytest.mark.parametrize("shared", ["chair", "nurse", "patient"])
def test_one_of_fifty_clients_gets_it_in_every_round(stack, world, shared, capsys):
    free = [code for code in world["patients"] if code not in world.setdefault("taken", set())]
    offset = {"chair": 0, "nurse": 40, "patient": 80}[shared]
    seconds: list[float] = []
    for number in range(ROUNDS):
        day = date(2026, 3, 5) + timedelta(days=offset + number)
        day += timedelta(days=(7 - day.weekday()) % 7 if day.weekday() > 4 else 0)
        start = start_on(world, day, 8 + 4 * (number % 2))
        mine = [free[0]] * CLIENTS if shared == "patient" else free[:CLIENTS]
        client = Client(stack, world)
        answers = at_once(
            [
                partial(
                    client.post,
                    "/api/v1/series/",
                    body_for(world, n, patient, shared, start),
                    str(uuid4()),
                )
                for n, patient in enumerate(mine)
            ]
        )
        counted = Counter(status for status, _, _ in answers)
        assert counted == {201: 1, 409: CLIENTS - 1}, (
            counted,
            [b for s, b, _ in answers if s not in (201, 409)][:2],
        )
        won = next(body["patient"] for status, body, _ in answers if status == 201)
        world["taken"].add(won)
        free.remove(won)
        seconds += [taken for _, _, taken in answers]
    assert stack.value(LANES) == 0
    assert stack.value(PATIENTS) == 0
    seconds.sort()
    with capsys.disabled():
        p50, p99 = seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.99) - 1]
        print(f"\n{shared}: {ROUNDS} rounds of {CLIENTS}, p50 {p50:.2f} s, p99 {p99:.2f} s")


def test_a_double_click_with_one_key_books_once(stack, world):
    free = next(code for code in world["patients"] if code not in world.setdefault("taken", set()))
    world["taken"].add(free)
    body, key = body_for(world, 7, free, "", start_on(world, date(2026, 8, 6), 9)), str(uuid4())
    client = Client(stack, world)
    answers = at_once([lambda: client.post("/api/v1/series/", body, key) for _ in range(20)])
    assert {status for status, _, _ in answers} <= {201, 409}, (
        "the same answer, or: the first is still running"
    )
    codes = {answer["code"] for status, answer, _ in answers if status == 201}
    assert len(codes) == 1
    again = client.post("/api/v1/series/", body, key)
    assert (again[0], again[1]["code"]) == (201, codes.pop())
    assert client.post("/api/v1/series/", body | {"weight_kg": "71.0"}, key)[0] == 422, (
        "another body, the same key"
    )
    found = stack.value(
        "SELECT count(*) FROM scheduling_treatmentseries s JOIN patients_patient p ON p.id = s.patient_id "
        "WHERE p.code = %s",
        [free],
    )
    assert found == 1
