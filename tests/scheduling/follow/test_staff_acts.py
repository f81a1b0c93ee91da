"""Six questions and the audit row of every act on the duty roster, on alerts and on messages in trouble, from the page
and over the API: stranger, wrong role, not yours, wrong method, bad input, works once and twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import models
from django.test import Client
from rest_framework.test import APIClient

from scheduling.models import DutyShift, Message, StaffAlert, WorkItem
from scheduling.services import alerts
from tests import factories
from tests.scheduling.follow import world as w

pytestmark = pytest.mark.django_db
API = "/api/v1"


@dataclass(frozen=True)
class Act:
    """One act on one row: who may and who may not, where, and what it leaves behind (compared before and after)."""

    right: str
    wrong: str
    page: str
    api: str
    row: Callable[[Any], models.Model]
    state: Callable[[Any], tuple[Any, ...]]


def message_state(row: Message) -> tuple[Any, ...]:
    calls = WorkItem.objects.filter(key=f"call:{row.code}").count()
    return (row.acknowledged_by_id, Message.objects.filter(follow_up=row.follow_up).count(), calls)


def message_act(name: str, api: str = "") -> Act:
    return Act(
        "nurse", "therapist", f"/messages/{{}}/{name}/", f"{API}/messages/{{}}/{api or name}/",
        lambda _: Message.objects.get(kind="no_driving", state="dead"), message_state,
    )  # fmt: skip


ACTS = {
    "shift taken back": Act(
        "coordinator", "nurse", "/duty/{}/cancel/", f"{API}/duty-shifts/{{}}/cancel/",
        lambda clinic: DutyShift.objects.get(site=clinic.site, rank=2), lambda row: (row.cancelled_at, row.version),
    ),
    "alert confirmed": Act(
        "nurse", "coordinator", "/alerts/{}/confirm/", f"{API}/alerts/{{}}/confirm/",
        lambda _: StaffAlert.objects.get(), lambda row: (row.acknowledged_by_id, row.climbs_at),
    ),
    "sent again": message_act("retry"),
    "acknowledged": message_act("acknowledge"),
    "called instead": message_act("call", "call-instead"),
}  # fmt: skip


@pytest.fixture
def world(clinic, clock):
    """A message that failed for good, and an alert that nobody has confirmed."""
    visit = w.book_course(clinic, [w.FIRST]).appointments.get()
    infusion = w.start_pump(clinic, visit)
    w.stop_pump(clinic, infusion)
    clock.set(infusion.stopped_at)
    w.windows.reanchor(infusion=infusion)
    Message.objects.filter(kind="no_driving").update(state="dead", closed_reason="It was refused for good.")
    alerts.raise_alert(key="k", site=clinic.site, patient=clinic.patient, reason="x", at=clock.now())
    return clinic


def caller(person: Any, surface: str) -> Client:
    client = APIClient() if surface == "api" else Client()
    if person is not None and surface == "api":
        client.force_authenticate(person)
    elif person is not None:
        client.force_login(person)
    return client


def send(client: Client, url: str, surface: str, body: dict[str, Any] | None = None, **extra: Any) -> int:
    if surface == "api":
        return client.post(url, body or {}, format="json", **extra).status_code
    return client.post(url, body or {}).status_code


def audit_of(row: models.Model) -> list[int | None]:
    """Who stands beside each history row of it."""
    rows = row.events.select_related("pgh_context").order_by("pgh_id")
    return [None if item.pgh_context is None else item.pgh_context.metadata.get("user") for item in rows]


@pytest.mark.parametrize("surface", ["page", "api"])
@pytest.mark.parametrize("name", list(ACTS))
def test_six_questions_and_the_audit_row(world, surface, name):
    act = ACTS[name]
    row = act.row(world)
    pattern = act.api if surface == "api" else act.page
    url, done = pattern.format(row.code), 200 if surface == "api" else 302
    before, history = act.state(row), audit_of(row)
    assert send(caller(None, surface), url, surface) in ((401, 403) if surface == "api" else (302,))
    assert send(caller(getattr(world, act.wrong), surface), url, surface) == 403
    everything = factories.make_user(
        "clinician", "nurse", "coordinator", "therapist", sites=[factories.make_site()]
    )
    assert send(caller(everything, surface), url, surface) == 404
    right = caller(getattr(world, act.right), surface)
    assert right.get(url).status_code == 405
    assert send(right, pattern.format(uuid.uuid4()), surface) == 404
    if surface == "api":
        assert send(right, url, surface, {"surprise": 1}) == 400
    row.refresh_from_db()
    assert (act.state(row), audit_of(row)) == (before, history), "nothing has changed so far"
    assert send(right, url, surface) == done
    row.refresh_from_db()
    after = act.state(row)
    assert after != before
    assert audit_of(row) == [*history, getattr(world, act.right).pk]
    assert send(right, url, surface) == done, "again is harmless"
    row.refresh_from_db()
    assert (act.state(row), len(audit_of(row))) == (after, len(history) + 1)


@pytest.mark.parametrize("surface", ["page", "api"])
def test_putting_somebody_on_duty(world, clock, surface):
    start = clock.now() + timedelta(days=1)
    person = world.second_clinician
    if surface == "api":
        url = f"{API}/duty-shifts/"
        good = {
            "site": str(world.site.code),
            "user": str(person.code),
            "start": start.isoformat(),
            "end": (start + timedelta(hours=8)).isoformat(),
            "rank": 3,
        }
        bad = [
            {"rank": 4},
            {"rank": True},
            {"end": good["start"]},
            {"start": "tomorrow"},
            {"user": str(uuid.uuid4())},
        ]
        done, refused = 201, (400, 422)
    else:
        url = "/duty/"
        good = {
            "person": str(person.code),
            "start": "2026-03-04T10:40",
            "end": "2026-03-04T18:40",
            "rank": "3",
            "phone": "",
        }
        bad = [
            {"rank": "4"},
            {"end": good["start"]},
            {"start": "tomorrow"},
            {"person": str(uuid.uuid4())},
            {"phone": "1"},
        ]
        done, refused = 302, (400, 422)
    key = {"headers": {"Idempotency-Key": str(uuid.uuid4())}} if surface == "api" else {}
    count = DutyShift.objects.count()
    assert send(caller(None, surface), url, surface, good, **key) in (
        (401, 403) if surface == "api" else (302,)
    )
    assert send(caller(world.nurse, surface), url, surface, good, **key) == 403
    right = caller(world.coordinator, surface)
    assert right.put(url).status_code == 405
    for over in bad:
        fresh = {"headers": {"Idempotency-Key": str(uuid.uuid4())}} if surface == "api" else {}
        assert send(right, url, surface, good | over, **fresh) in refused, over
    assert (
        send(
            right,
            url,
            surface,
            good | {"rank": "1" if surface == "page" else 1},
            **({"headers": {"Idempotency-Key": str(uuid.uuid4())}} if surface == "api" else {}),
        )
        == 409
    ), "somebody else has that rank"
    assert DutyShift.objects.count() == count
    for _ in range(2):
        assert send(right, url, surface, good, **key) == done
    assert DutyShift.objects.count() == count + 1
    shift = DutyShift.objects.latest("pk")
    assert (shift.user, shift.during.lower) == (person, start)
    assert audit_of(shift) == [world.coordinator.pk]
