"""E-mail through Mailgun's interface (django-anymail): what its answers mean, and its signed reports. The provider is a
real HTTP server on loopback, the reports are posted as Mailgun posts them, signed with the key of the test.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from scheduling import dispatch
from scheduling.models import Message, ProviderReport, WorkItem
from scheduling.services import windows
from tests.scheduling.follow import world as w

pytestmark = pytest.mark.django_db
KEY, ID, URL = "signing-key-of-the-test", "<1.2.3@mail.clinic.example>", "/webhooks/email/"


class Mailgun:
    """Answers with `script` (status, or "hang up" after the text was taken), else 200 and its id."""

    def __init__(self) -> None:
        self.script: deque[Any] = deque()
        self.bodies: list[bytes] = []
        judge = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                judge.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                step = judge.script.popleft() if judge.script else 200
                if step == "hang up":
                    self.connection.close()
                    return
                body = json.dumps({"id": ID, "message": "Queued. Thank you."}).encode()
                self.send_response(step)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()


@pytest.fixture
def mailgun(settings):
    found = Mailgun()
    settings.EMAIL_PROVIDER = "mailgun"
    settings.EMAIL_BACKEND = "anymail.backends.mailgun.EmailBackend"
    settings.ANYMAIL = {
        "MAILGUN_API_KEY": "api-key", "MAILGUN_SENDER_DOMAIN": "mail.clinic.example",
        "MAILGUN_WEBHOOK_SIGNING_KEY": KEY, "REQUESTS_TIMEOUT": 5,
        "MAILGUN_API_URL": f"http://127.0.0.1:{found.server.server_port}/v3",
    }  # fmt: skip
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def due(clinic, clock, mailgun) -> Message:
    visit = w.book_course(clinic, [w.FIRST]).appointments.get()
    infusion = w.start_pump(clinic, visit)
    w.stop_pump(clinic, infusion)
    windows.reanchor(infusion=infusion)
    row = Message.objects.get(kind="no_driving")
    clock.set(row.due_at)
    return row


def again(row: Message) -> Message:
    return Message.objects.get(pk=row.pk)


@pytest.mark.parametrize(
    ("answer", "state", "code"),
    [
        (200, "sent", ""),
        (400, "dead", "http:400"),
        (401, "scheduled", "http:401"),
        (429, "scheduled", "http:429"),
        (500, "unknown", "http:500"),
        ("hang up", "unknown", "lost:connection"),
    ],
)
def test_what_an_answer_means(mailgun, due, answer, state, code):
    mailgun.script.append(answer)
    for _ in range(2):
        dispatch.tick()
    row = again(due)
    assert (row.state, row.last_error_code, len(mailgun.bodies)) == (state, code, 1)
    if state == "sent":
        assert row.provider_id == ID
        body = mailgun.bodies[0].decode()
        for name in ("o:tracking-clicks", "o:tracking-opens"):
            assert f'name="{name}"\r\n\r\nno' in body or f"{name}=no" in body.replace("%3A", ":")


def test_nobody_listens(mailgun, due):
    mailgun.server.shutdown()
    mailgun.server.server_close()
    dispatch.tick()
    assert (again(due).state, again(due).last_error_code) == ("scheduled", "connect:refused")


def report(
    event: str = "delivered", *, token: str = "t" * 50, age: int = 0, key: str = KEY, **over: Any
) -> bytes:
    stamp = str(int(time.time()) - age)
    signed = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    data = {
        "event": event, "timestamp": time.time(), "id": f"e-{event}", "recipient": "x@mail.example",
        "message": {"headers": {"message-id": ID.strip("<>")}}, **over,
    }  # fmt: skip
    block = {"timestamp": stamp, "token": token, "signature": signed}
    return json.dumps({"signature": block, "event-data": data}).encode()


def post(client, body: bytes) -> int:
    return client.post(URL, body, content_type="application/json").status_code


@pytest.fixture
def sent(mailgun, due) -> Message:
    dispatch.tick()
    assert again(due).state == "sent"
    return due


def test_reports_are_signed_fresh_and_not_to_be_replayed(client, sent, settings):
    good = report()
    assert client.get(URL).status_code == 405
    assert post(client, report(key="somebody else")) == 401
    assert post(client, report(age=25 * 3600)) == 401
    for rubbish in (
        b"",
        b"[]",
        b"{}",
        b'{"signature": 1}',
        b"\xff",
        good.replace(b'"signature": "', b'"signature": "0'),
    ):
        assert post(client, rubbish) in (400, 401)
    assert again(sent).delivery == ""
    assert post(client, good) == 200
    first = again(sent)
    assert (first.delivery, ProviderReport.objects.count()) == ("delivered", 1)
    history = sent.events.count()
    assert post(client, good) == 200, "the same again is harmless"
    stolen = json.loads(good)
    stolen["event-data"] |= {"event": "failed", "severity": "permanent"}
    assert post(client, json.dumps(stolen).encode()) == 401, "a signature is not good for another text"
    assert post(client, report(token="u" * 50)) == 200, "the same event under a new signature"
    assert (again(sent).delivery_at, sent.events.count()) == (first.delivery_at, history)
    settings.ANYMAIL = {**settings.ANYMAIL, "MAILGUN_WEBHOOK_SIGNING_KEY": ""}
    assert post(client, report(token="v" * 50)) == 401


def test_a_bounce_goes_to_a_person_and_the_address_rests(clinic, client, sent):
    late = report("failed", severity="temporary", token="a" * 50)
    assert post(client, late) == 200
    assert again(sent).delivery == "", "the provider still tries"
    bounce = {"severity": "permanent", "reason": "bounce", "delivery-status": {"code": 550}}
    for token in ("b" * 50, "c" * 50):
        assert post(client, report("failed", token=token, **bounce)) == 200
    assert again(sent).delivery == "failed"
    assert WorkItem.objects.open().filter(kind="message-failed", key=str(sent.code)).count() == 1
    clinic.contact.refresh_from_db()
    assert clinic.contact.verified_at is None
    assert post(client, report(token="d" * 50)) == 200
    assert again(sent).delivery == "failed", "not delivered is the last word"


@pytest.mark.parametrize("event", ["complained", "unsubscribed"])
def test_whoever_wants_no_more_gets_no_more(clinic, client, clock, sent, event):
    for token in ("e" * 50, "f" * 50):
        assert post(client, report(event, token=token)) == 200
    clinic.contact.refresh_from_db()
    assert clinic.contact.opted_out_at == clock.now()
    assert not Message.objects.pending().filter(contact_point=clinic.contact).exists()
