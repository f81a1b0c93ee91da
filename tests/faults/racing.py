"""Clients that want one thing at one moment, and the places in the calendar they race for. Used by the races over HTTP."""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from tests.journeys.stack import Stack

ROUNDS = int(os.environ.get("RACE_ROUNDS", "2"))
LANES = """SELECT count(*) FROM scheduling_resourcebooking a JOIN scheduling_resourcebooking b
    ON a.resource_id = b.resource_id AND a.lane = b.lane AND a.id < b.id AND a.during && b.during"""
PATIENTS = """SELECT count(*) FROM scheduling_appointment a JOIN scheduling_appointment b
    ON a.patient_id = b.patient_id AND a.id < b.id AND a.during && b.during
    WHERE blocking_appointment_status(a.status) AND blocking_appointment_status(b.status)"""
IN_CHAIR = """SELECT count(*) FROM scheduling_resourcebooking b JOIN scheduling_resource r ON r.id = b.resource_id
    WHERE r.code = %s AND b.during @> %s::timestamptz"""
SERIES = "/api/v1/series/"
MONDAY = date(2026, 3, 9)


@dataclass(frozen=True)
class Answer:
    """What a client got, and after how many seconds."""

    status: int
    body: dict[str, Any]
    seconds: float


@dataclass
class Race:
    """One running clinic, its coordinator's session, and which patients already have a series."""

    stack: Stack
    world: dict[str, Any]
    free: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.free = list(self.world["patients"])

    def post(self, path: str, body: dict[str, Any], *, key: str = "", match: str = "") -> Answer:
        """POST over a connection of its own, as one browser of the coordinator."""
        connection = http.client.HTTPConnection("127.0.0.1", self.stack.port, timeout=120)
        headers = {
            "Content-Type": "application/json",
            "Cookie": f"session={self.world['session']}; csrf={self.world['csrf']}",
            "X-CSRFToken": self.world["csrf"],
            "Idempotency-Key": key or str(uuid4()),
        } | ({"If-Match": match} if match else {})
        began = time.monotonic()
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        taken = time.monotonic() - began
        connection.close()
        return Answer(answer.status, json.loads(text or b"{}"), taken)

    def take(self, code: str) -> str:
        """This patient has a series from now on."""
        self.free.remove(code)
        return code

    def booked(self, body: dict[str, Any]) -> dict[str, Any]:
        """The series that must come of this body."""
        answer = self.post(SERIES, body)
        assert answer.status == 201, answer.body
        self.take(body["patient"])
        return answer.body

    def body(self, start: str, patient: str, number: int, **over: Any) -> dict[str, Any]:
        """A single infusion with the chair and nurse of client `number`; `over` replaces names of its visit."""
        visit = {
            "ordinal": 1,
            "start": start,
            "chair": self.world["chairs"][number],
            "nurse": self.world["nurses"][number],
            "prescriber": self.world["prescriber"],
        }
        return {
            "patient": patient,
            "protocol_version": self.world["version"],
            "weight_kg": "70.0",
            "visits": [visit | over],
        }

    def moment(self, slot: int, *, minutes: int = 0, days: int = 0) -> str:
        """The start of a slot: 08:00 and 12:00 on Mondays to Thursdays, at the clinic; `days` later, same wall clock."""
        day = MONDAY + timedelta(days=7 * (slot // 8) + (slot % 8) // 2 + days)
        wall = datetime(day.year, day.month, day.day, 8 + 4 * (slot % 2), tzinfo=ZoneInfo(self.world["zone"]))
        return (wall.astimezone(UTC) + timedelta(minutes=minutes)).isoformat()

    def nothing_doubled(self) -> None:
        """The database holds no two bookings of one lane or one patient at one instant."""
        assert self.stack.value(LANES) == 0
        assert self.stack.value(PATIENTS) == 0

    def in_chair(self, chair: str, start: str) -> int:
        """How many bookings that chair has at that moment."""
        return int(self.stack.value(IN_CHAIR, [chair, start]))


def at_once(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """All at the same moment."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        barrier.wait(60)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def only_one(answers: Sequence[Answer]) -> Answer:
    """The one that got it: one 201, everybody else 409."""
    counted = Counter(item.status for item in answers)
    strange = [item.body for item in answers if item.status not in (201, 409)]
    assert counted == {201: 1, 409: len(answers) - 1}, (counted, strange[:2])
    return next(item for item in answers if item.status == 201)


def told(what: str, answers: Sequence[Answer]) -> str:
    """`chair: 100 requests, p50 0.21 s, p99 0.43 s`: for people to read, never asserted."""
    seconds = sorted(item.seconds for item in answers)
    p50, p99 = seconds[len(seconds) // 2], seconds[max(0, int(len(seconds) * 0.99) - 1)]
    return f"\n{what}: {len(seconds)} requests, p50 {p50:.2f} s, p99 {p99:.2f} s, longest {seconds[-1]:.2f} s"
