"""The other ends: a gateway and Twilio over HTTP, what their answers mean, and their reports back."""

from __future__ import annotations

import json
import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import pytest
from django.utils import timezone

from scheduling import dispatch
from scheduling.channels import OutcomeUnknown, SendFailed
from scheduling.models import Message, WorkItem
from scheduling.services import outbox, windows
from scheduling.sms import TwilioSMSBackend, WebhookSMSBackend, signature
from scheduling.views.hooks import twilio_signature
from tests import factories
from tests.scheduling.follow import world as w

pytestmark = pytest.mark.django_db
PAST = timedelta(seconds=1)


class Gateway:
    """Answers with the scripted statuses, then 201; `hang` answers never, after it has taken the text."""

    def __init__(self):
        self.script, self.bodies, self.headers = [], [], []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                owner.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                owner.headers.append((self.path, dict(self.headers)))
                status, body = owner.script.pop(0) if owner.script else (201, {"id": "g1", "sid": "SM1"})
                if status == "hang":
                    self.connection.close()
                    return
                answer = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                return

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def gateway(settings):
    found = Gateway()
    settings.SMS_BACKEND = "scheduling.sms.WebhookSMSBackend"
    settings.SMS_WEBHOOK_URL, settings.SMS_WEBHOOK_SECRET = found.url + "/send", "s" * 32
    settings.TWILIO_API_URL, settings.TWILIO_ACCOUNT_SID = found.url, "AC1"
    settings.TWILIO_AUTH_TOKEN, settings.TWILIO_FROM = "t" * 32, "+15035550100"
    settings.PUBLIC_URL = "https://visits.example"
    yield found
    found.stop()


@pytest.fixture
def text(clinic, clock, gateway) -> Message:
    """A text message that is due now."""
    type(clinic.contact).objects.update(preferred=False, opted_out_at=clock.now())
    factories.make_contact(clinic.patient, "+15035550123", channel="sms")
    visit = w.book_course(clinic, [w.FIRST]).appointments.get()
    infusion = w.start_pump(clinic, visit)
    w.stop_pump(clinic, infusion)
    windows.reanchor(infusion=infusion)
    row = Message.objects.get(kind="no_driving")
    clock.set(row.due_at)
    return row


def again(row):
    return Message.objects.get(pk=row.pk)


def lapse(row):
    Message.objects.filter(pk=row.pk).update(lease_until=timezone.now() - PAST)  # noqa: TID251 - leases live in real time


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, None),
        (400, True),
        (404, True),
        (401, False),
        (429, False),
        (503, False),
        (500, "unknown"),
        ("hang", "unknown"),
    ],
)
def test_what_an_answer_means(gateway, status, outcome):
    gateway.script.append((status, {}))
    send = WebhookSMSBackend().send
    if outcome is None:
        assert send(number="+1", text="x", key="k") == "k"
    elif outcome == "unknown":
        with pytest.raises(OutcomeUnknown):
            send(number="+1", text="x", key="k")
    else:
        with pytest.raises(SendFailed) as failure:
            send(number="+1", text="x", key="k")
        assert failure.value.permanent is outcome


def test_nobody_listens(settings, gateway):
    gateway.stop()
    with pytest.raises(SendFailed) as failure:
        WebhookSMSBackend().send(number="+1", text="x", key="k")
    assert (failure.value.permanent, failure.value.alone) == (False, False)
    gateway.server = type(gateway)().server  # so that the fixture has one to stop


def test_a_doubtful_send_is_repeated_with_the_same_key_inside_its_window(text, gateway):
    gateway.script.append(("hang", {}))
    dispatch.tick()
    assert (again(text).state, again(text).doubtful) == ("scheduled", True)
    outbox.resume("sms")
    type(again(text)).objects.filter(pk=text.pk).update(lease_until=None)
    from scheduling.models import ChannelPause

    ChannelPause.objects.update(until=timezone.now() - PAST)  # noqa: TID251 - pauses live in real time
    dispatch.tick()
    assert again(text).state == "sent"
    keys = {headers["Idempotency-Key"] for _, headers in gateway.headers}
    assert (len(gateway.bodies), len(keys)) == (2, 1)
    _, headers = gateway.headers[0]
    assert headers["X-Signature"] == signature("s" * 32, gateway.bodies[0], headers["Idempotency-Key"])


def test_after_the_key_window_a_doubt_goes_to_a_person(text, gateway, settings):
    settings.SMS_KEY_HOURS = 0.5
    hour_ago = timezone.now() - timedelta(hours=1)  # noqa: TID251 - leases live in real time
    Message.objects.filter(pk=text.pk).update(doubtful=True, first_tried_at=hour_ago, attempts=1)
    dispatch.tick()
    assert (again(text).state, gateway.bodies) == ("unknown", [])
    assert WorkItem.objects.filter(key=str(text.code)).exists()


def test_a_failing_channel_is_left_alone_for_a_while(text, gateway):
    gateway.script += [(503, {})] * 5
    for _ in range(3):
        dispatch.tick()
        Message.objects.filter(pk=text.pk).update(lease_until=None)
    assert len(gateway.bodies) == 1


def test_one_bad_number_does_not_hold_up_the_channel(text, gateway):
    gateway.script.append((404, {}))
    dispatch.tick()
    assert again(text).state == "dead"
    assert outbox.may_use("sms")


@pytest.mark.parametrize(("code", "permanent"), [(21211, True), (21610, True), (20429, False)])
def test_twilio(gateway, code, permanent):
    backend = TwilioSMSBackend()
    assert backend.send(number="+15035550123", text="Hello", key="k") == "SM1"
    path, headers = gateway.headers[0]
    assert path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert headers["Authorization"].startswith("Basic ")
    fields = parse_qs(gateway.bodies[0].decode())
    assert fields["To"] == ["+15035550123"]
    assert fields["StatusCallback"] == ["https://visits.example/webhooks/twilio/status/"]
    gateway.script.append((400, {"code": code}))
    with pytest.raises(SendFailed) as failure:
        backend.send(number="+1", text="x", key="k")
    assert (failure.value.permanent, failure.value.alone) == (permanent, True)
    gateway.script.append(("hang", {}))
    with pytest.raises(OutcomeUnknown):
        backend.send(number="+1", text="x", key="k")
    assert backend.keyed is False


def report(client, body, *, secret="s" * 32, stamp=None):
    raw, stamp = json.dumps(body).encode(), stamp or str(int(time.time()))
    return client.post(
        "/webhooks/sms/", raw, content_type="application/json",
        headers={"X-Timestamp": stamp, "X-Signature": signature(secret, raw, stamp)},
    ).status_code  # fmt: skip


def test_reports_are_signed_fresh_idempotent_and_failure_is_the_last_word(clinic, client, text, gateway):
    dispatch.tick()
    delivered, failed = (
        {"id": "g1", "event": "delivered"},
        {"id": "g1", "event": "failed", "bad_address": True},
    )
    assert report(client, delivered, secret="x" * 32) == 401
    assert report(client, delivered, stamp=str(int(time.time()) - 400)) == 401
    assert client.post("/webhooks/sms/", b"{}", content_type="application/json").status_code == 401
    assert again(text).delivery == ""
    assert report(client, ["no object"]) == report(client, {"id": "g1", "event": "eaten"}) == 400
    assert report(client, {"id": "somebody else's", "event": "failed"}) == 204
    for _ in range(3):
        assert report(client, delivered) == 204
    assert again(text).delivery == "delivered"
    for body in (failed, delivered, failed, delivered):
        assert report(client, body) == 204
    assert again(text).delivery == "failed"
    assert WorkItem.objects.filter(kind="message-failed", key=str(text.code)).count() == 1
    assert again(text).contact_point.verified_at is None, "not used until it is verified again"


def test_stop_by_text_and_forged_reports_of_twilio(clinic, client, text, gateway):
    url = "https://visits.example/webhooks/twilio/reply/"
    fields = {"From": "+15035550123", "Body": " Stop. "}
    assert client.post("/webhooks/twilio/reply/", fields).status_code == 401
    wrong = twilio_signature(url, fields | {"Body": "hello"})
    assert (
        client.post("/webhooks/twilio/reply/", fields, headers={"X-Twilio-Signature": wrong}).status_code
        == 401
    )
    chat = {"From": "+15035550123", "Body": "please do not stop"}
    for body, stopped in ((chat, False), (fields, True), (fields, True)):
        sign = twilio_signature(url, body)
        answer = client.post("/webhooks/twilio/reply/", body, headers={"X-Twilio-Signature": sign})
        assert answer.status_code == 200
        assert (again(text).contact_point.opted_out_at is not None) is stopped
    dispatch.tick()
    assert again(text).state == "cancelled"
    assert gateway.bodies == []
    status = {"MessageSid": "none", "MessageStatus": "delivered"}
    sign = twilio_signature("https://visits.example/webhooks/twilio/status/", status)
    assert (
        client.post("/webhooks/twilio/status/", status, headers={"X-Twilio-Signature": sign}).status_code
        == 204
    )
