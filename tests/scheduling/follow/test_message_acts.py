"""What people do about messages in trouble, and the probes. Each act is harmless when repeated."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from scheduling import dispatch, health
from scheduling.models import Message, PatientLink, WorkItem
from scheduling.services import message_acts, windows
from staff.errors import RuleNotMet, StateConflict
from tests.scheduling.follow import world as w
from tests.scheduling.follow.mailbox import Mailbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def failed(clinic, clock, settings) -> Message:
    """A no-driving message that the server refused for good; the server takes the next one."""
    box = Mailbox()
    box.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
    box.rcpt_answers.append("550 no such user")
    visit = w.book_course(clinic, [w.FIRST]).appointments.get()
    infusion = w.start_pump(clinic, visit)
    w.stop_pump(clinic, infusion)
    windows.reanchor(infusion=infusion)
    row = Message.objects.get(kind="no_driving")
    clock.set(row.due_at)
    dispatch.tick()
    row.refresh_from_db()
    assert row.state == "dead"
    row.box = box
    yield row
    box.stop()


def test_send_again_makes_one_successor_and_closes_the_item(clinic, clock, failed):
    fresh = message_acts.retry_message(message=failed, by=clinic.nurse)
    assert message_acts.retry_message(message=failed, by=clinic.nurse).pk == fresh.pk
    assert fresh.generation == failed.generation + 1
    assert not WorkItem.objects.open().filter(kind="message-failed").exists()
    dispatch.tick()
    fresh.refresh_from_db()
    assert fresh.state == "sent"
    assert len(failed.box.taken) == 1
    failed.refresh_from_db()
    assert (failed.state, failed.acknowledged_by) == ("dead", clinic.nurse)


def test_too_late_to_send_again(clinic, clock, failed):
    clock.set(failed.expires_at)
    with pytest.raises(RuleNotMet):
        message_acts.retry_message(message=failed, by=clinic.nurse)


def test_acknowledge_and_call_instead(clinic, clock, failed):
    item = message_acts.call_instead(message=failed, by=clinic.nurse)
    assert message_acts.call_instead(message=failed, by=clinic.nurse).pk == item.pk
    assert (item.kind, item.role) == ("call-patient", "nurse")
    assert (
        message_acts.acknowledge_message(message=failed, by=clinic.coordinator).acknowledged_by
        == clinic.nurse
    )
    with pytest.raises(StateConflict):
        message_acts.retry_message(message=failed, by=clinic.nurse)


def test_nothing_to_do_about_a_message_that_is_fine(clinic, clock, failed):
    rest = Message.objects.get(kind="rest")
    for act in (message_acts.retry_message, message_acts.acknowledge_message, message_acts.call_instead):
        with pytest.raises(StateConflict):
            act(message=rest, by=clinic.nurse)


def test_the_probe_wants_a_heartbeat_once_the_process_is_up(client, clock, settings, monkeypatch):
    monkeypatch.setattr(health, "STARTED", health.time.monotonic())
    answer = client.get("/healthz/ready")
    assert (answer.status_code, answer.json()["checks"]["tick"]) == (200, "degraded: no tick yet")
    monkeypatch.setattr(health, "STARTED", health.time.monotonic() - 60)
    assert client.get("/healthz/ready").status_code == 503
    dispatch.tick()
    answer = client.get("/healthz/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert client.get("/healthz/live").json() == {"status": "live"}
    assert client.post("/healthz/live").status_code == 405


@pytest.mark.parametrize(
    ("age", "running", "word"),
    [
        (1.0, 1.0, "ok"),
        (15.0, 99.0, "ok"),
        (16.0, 99.0, "fail"),
        (16.0, 5.0, "degraded"),
        (None, 99.0, "fail"),
    ],
)
def test_three_missed_ticks(settings, age, running, word):
    settings.TICK_SECONDS = 5.0
    assert health.tick_word(age, running).split(":")[0] == word


def test_overdue_messages_fail_the_probe_when_they_stay_overdue(settings):
    settings.TICK_SECONDS = 5.0
    late = health.Lateness()
    assert late.word(None, 0) == "ok"
    assert late.word(300.0, 0) == "ok"
    assert late.word(301.0, 0).startswith("degraded")
    assert late.word(310.0, 21.0).startswith("fail")
    assert late.word(10.0, 22.0) == "ok"
    assert late.word(301.0, 23.0).startswith("degraded")


def test_a_clock_that_differs_from_the_databases_fails_the_probe(clock, monkeypatch):
    monkeypatch.setattr(health, "SKEW_SECONDS", -1.0)
    assert health.find_out()["clock"].startswith("fail")


def test_a_missing_redis_only_degrades(client, clock, monkeypatch):
    dispatch.tick()
    monkeypatch.setattr(health, "cache", None)
    answer = client.get("/healthz/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")


def test_next_moment_is_what_a_leaping_clock_must_not_miss(clinic, clock, failed):
    refused = failed.follow_up
    assert dispatch.next_moment(clock.now()) == refused.hard_latest_at, "it will be missed then"
    assert dispatch.next_moment(refused.hard_latest_at) == Message.objects.get(kind="rest").due_at
    assert dispatch.next_moment(clock.now() + timedelta(days=400)) is None


def test_a_message_is_read_before_it_leaves_and_no_link_is_made(clinic, clock, settings, failed):
    """Page and API; the therapist of another patient's site finds nothing, and nothing is written."""
    settings.PUBLIC_URL = "https://visits.example"
    row = Message.objects.filter(patient=failed.patient, kind="check_in").get()
    browser, api = Client(), APIClient()
    browser.force_login(clinic.nurse)
    api.force_authenticate(clinic.nurse)
    page = browser.get(reverse("message_detail", args=[row.code])).content.decode()
    told = api.get(f"/api/v1/messages/{row.code}/preview/").json()
    assert f"{failed.patient.given_name}," in page
    assert f"{failed.patient.given_name}," in told["text"]
    assert "https://visits.example/p/..." in told["text"]
    assert (told["problem"], PatientLink.objects.count()) == ("", 0)
    Message.objects.filter(pk=row.pk).update(kind="no_such_kind")
    assert "There is no text" in browser.get(reverse("message_detail", args=[row.code])).content.decode()
    assert browser.post(reverse("message_detail", args=[row.code])).status_code == 405
    assert Client().get(reverse("message_detail", args=[row.code])).status_code == 302
