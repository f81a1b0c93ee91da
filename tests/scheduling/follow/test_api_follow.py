"""The API of windows, follow-ups, queue and messages: the same services, the same refusals as problem
documents.
"""

from __future__ import annotations

import json
import uuid
from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from scheduling import dispatch
from scheduling.models import Appointment, Message, PlasticityWindow
from sessions.models import IntegrationSession
from tests import factories
from tests.scheduling.follow import world as w

pytestmark = pytest.mark.django_db
API = "/api/v1"


@pytest.fixture(autouse=True)
def _outbox(settings, tmp_path):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)


@pytest.fixture
def visit(clinic):
    return w.book_course(clinic, [w.FIRST, w.FIRST + timedelta(days=3)]).appointments.get(ordinal=1)


@pytest.fixture
def infusion(clinic, visit):
    return w.given(clinic, visit)


@pytest.fixture
def window(clock, infusion) -> PlasticityWindow:
    clock.set(w.current_window(infusion).t0)
    dispatch.tick()
    clock.set(w.FIRST + timedelta(hours=23))
    return w.current_window(infusion)


def as_(user) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


def body_for(clinic, start) -> dict[str, str]:
    return {"start": start.isoformat(), "therapist": str(clinic.therapist.code)}


def test_windows_follow_ups_queue_and_messages_are_read(clinic, window, visit):
    client = as_(clinic.therapist)
    (row,) = client.get(f"{API}/windows/").json()["results"]
    assert (row["code"], row["status"], row["estimate"]) == (str(window.code), "open", False)
    one = client.get(f"{API}/windows/{window.code}/")
    assert one.headers["ETag"] == f'"{window.code}.{window.version}"'
    found = client.get(
        f"{API}/follow-ups/?infusion={visit.infusion.code}&therapy=true&state=released"
    ).json()["results"]
    assert [(item["kind"], item["task_status"]) for item in found] == [("integration_1", "ready")]
    (entry,) = client.get(f"{API}/queue/").json()
    assert entry["words"] == "Therapy from Wed 07:00, target by Thu 15:29, until infusion Fri 10:00"
    nurse = as_(clinic.nurse)
    messages = nurse.get(f"{API}/messages/?kind=rest").json()["results"]
    assert messages
    assert clinic.contact.address not in json.dumps(messages)
    assert "body" not in messages[0]


@pytest.mark.parametrize(
    ("route", "wrong"),
    [("windows", "nurse"), ("queue", "nurse"), ("messages", "therapist"), ("follow-ups", "admin")],
)
def test_who_may_read(clinic, window, route, wrong):
    assert APIClient().get(f"{API}/{route}/").status_code in (401, 403)
    answer = as_(getattr(clinic, wrong)).get(f"{API}/{route}/")
    assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json")
    outsider = factories.make_user(
        "clinician", "nurse", "coordinator", "therapist", sites=[factories.make_site()]
    )
    answer = as_(outsider).get(f"{API}/{route}/").json()
    assert (answer if isinstance(answer, list) else answer["results"]) == []


def test_what_is_not_yours_does_not_exist(clinic, window, visit):
    outsider = as_(
        factories.make_user("clinician", "nurse", "coordinator", "therapist", sites=[factories.make_site()])
    )
    session = w.follow_up(visit, "integration_1")
    message = Message.objects.filter(patient=clinic.patient).first()
    for url in (f"windows/{window.code}", f"follow-ups/{session.code}", f"messages/{message.code}"):
        seen = outsider.get(f"{API}/{url}/")
        assert seen.status_code == 404
        assert seen.json()["type"] == "/problems/not-found"
    assert outsider.post(f"{API}/windows/{window.code}/claim/", {}, format="json").status_code == 404
    assert outsider.post(f"{API}/follow-ups/{session.code}/start/", {}, format="json").status_code == 404


@pytest.mark.parametrize("after_start", [0, 60, 328])
def test_therapy_inside_the_no_therapy_period_is_refused(clinic, clock, visit, infusion, after_start):
    session = w.follow_up(visit, "integration_1")
    answer = as_(clinic.therapist).post(
        f"{API}/follow-ups/{session.code}/book/",
        body_for(clinic, w.FIRST + timedelta(minutes=after_start)) | {"override_reason": "clinical"},
        format="json",
        headers=key(),
    )
    clock.set(w.FIRST + timedelta(minutes=after_start))
    start = as_(clinic.therapist).post(f"{API}/follow-ups/{session.code}/start/", {}, format="json")
    assert answer.status_code == start.status_code == 422
    assert "15:29" in start.json()["detail"]
    assert not Appointment.objects.filter(kind="therapy").exists()
    assert not IntegrationSession.objects.exists()


def test_book_start_complete(clinic, clock, window, visit):
    client, session = as_(clinic.therapist), w.follow_up(visit, "integration_1")
    slots = client.get(f"{API}/follow-ups/{session.code}/slots/").json()
    assert slots
    body, headers = {"start": slots[0]["start"], "therapist": slots[0]["therapist"]}, key()
    url = f"{API}/follow-ups/{session.code}"
    first = client.post(f"{url}/book/", body, format="json", headers=headers)
    again = client.post(f"{url}/book/", body, format="json", headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert (
        client.post(f"{url}/book/", body | {"mode": "video"}, format="json", headers=headers).status_code
        == 422
    )
    assert client.post(f"{url}/book/", body, format="json").status_code == 400, "no Idempotency-Key"
    started = client.post(f"{url}/start/", {}, format="json")
    assert started.status_code == 200
    assert client.post(f"{url}/start/", {}, format="json").json()["code"] == started.json()["code"]
    assert client.post(f"{url}/complete/", {}, format="json").status_code == 400
    done = client.post(f"{url}/complete/", {"progress": "Walks every morning."}, format="json")
    assert (done.status_code, done.json()["state"]) == (200, "done")


def test_claim_release_and_closing(clinic, window, visit):
    client = as_(clinic.therapist)
    assert client.post(f"{API}/windows/{window.code}/claim/", {}, format="json").status_code == 200
    type(clinic.patient).objects.update(therapist=None)
    other = as_(clinic.other_therapist)
    assert other.post(f"{API}/windows/{window.code}/claim/", {}, format="json").status_code == 409
    assert client.post(f"{API}/windows/{window.code}/release/", {}, format="json").status_code == 200
    session = w.follow_up(visit, "integration_1")
    url = f"{API}/follow-ups/{session.code}"
    tag = client.get(f"{url}/").headers["ETag"]
    assert client.post(f"{url}/decline/", {"reason": "No"}, format="json").status_code == 428
    stale = {"If-Match": f'"{session.code}.999"'}
    assert client.post(f"{url}/decline/", {"reason": "No"}, format="json", headers=stale).status_code == 412
    answer = client.post(
        f"{url}/decline/", {"reason": "Prefers not to"}, format="json", headers={"If-Match": tag}
    )
    assert answer.json()["state"] == "declined"


BAD = [
    ({"start": "2026-03-04T10:00:00"}, 400),
    ({"start": "2026-03-08T02:30:00"}, 400),
    ({"start": "NaN"}, 400),
    ({"start": True}, 400),
    ({"start": 1e400}, 400),
    ({"therapist": "nobody"}, 400),
    ({"therapist": "00000000-0000-0000-0000-000000000000"}, 400),
    ({"mode": "telepathy"}, 400),
    ({"mode": "in-person\x00"}, 400),
    ({"override_reason": "because"}, 400),
    ({"surprise": 1}, 400),
]


@pytest.mark.parametrize(("over", "status"), BAD)
def test_bad_bodies_book_nothing(clinic, window, visit, over, status):
    session = w.follow_up(visit, "integration_1")
    body = json.dumps(body_for(clinic, w.FIRST + timedelta(hours=26)) | over)
    answer = as_(clinic.therapist).post(
        f"{API}/follow-ups/{session.code}/book/", body, content_type="application/json", headers=key()
    )
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert not Appointment.objects.filter(kind="therapy").exists()


@pytest.mark.parametrize(
    "raw",
    [
        b'{"reason": "a", "reason": "b"}',
        b'{"reason": "\\u0000"}',
        b'{"reason": "\\ud800"}',
        b"[" * 100_000,
        b'{"reason": 7}',
        b'{"reason": ""}',
        b"\xff",
    ],
)
def test_bad_json_changes_nothing(clinic, window, visit, raw):
    session = w.follow_up(visit, "integration_1")
    client = as_(clinic.therapist)
    tag = client.get(f"{API}/follow-ups/{session.code}/").headers["ETag"]
    answer = client.post(
        f"{API}/follow-ups/{session.code}/decline/",
        raw,
        content_type="application/json",
        headers={"If-Match": tag},
    )
    assert answer.status_code == 400
    assert w.follow_up(visit, "integration_1").state == "released"


def test_there_is_no_way_to_write_a_message_or_delete_anything(clinic, window):
    client = as_(clinic.nurse)
    message = Message.objects.filter(patient=clinic.patient).first()
    for method in ("post", "put", "patch", "delete"):
        assert (
            getattr(client, method)(f"{API}/messages/{message.code}/", {}, format="json").status_code == 405
        )
    assert as_(clinic.therapist).delete(f"{API}/windows/{window.code}/").status_code == 405


@pytest.mark.parametrize("query", ["?state=nonsense", "?patient=x", "?therapy=maybe", "?cursor=%00"])
def test_bad_filters_are_told(clinic, window, query):
    assert as_(clinic.therapist).get(f"{API}/follow-ups/{query}").status_code in (200, 400, 404)
