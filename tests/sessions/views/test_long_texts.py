"""A text of 1 MB: said at its field with the text kept, by page; 400 by the API; what no form can hold is 413."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse

from sessions import services
from sessions.models import IntegrationNote, PrivateNote, SafetyContact
from staff.strict import MAX_JSON_BYTES
from tests.sessions import world
from tests.sessions.test_notes_and_progress import as_, session  # noqa: F401  # a completed therapy session

pytestmark = pytest.mark.django_db
WORDS = "Schlaf-é\n" * 100_000  # one million bytes, as a browser encodes them nearly two


def send(client: Client, url: str, **fields: object):
    """As a browser sends a form: percent-encoded, so that the limit on requests is met too."""
    return client.post(url, urlencode(fields), content_type="application/x-www-form-urlencoded")


def said_and_kept(answer, limit: int) -> None:
    page = answer.content.decode()
    assert answer.status_code == 422
    assert page.count("data-error-summary") == 1
    assert page.count(f"Shorten this to {limit} characters or fewer. It has 899999.") == 2, "above and at it"
    assert WORDS.strip() in page, "what was typed is kept"


def test_notes_of_therapy(clinic, session):  # noqa: F811
    therapist, hidden = as_(clinic.therapist), {"patient_code": clinic.patient.code}
    url = f"/therapy/{session.code}/"
    said_and_kept(send(therapist, f"{url}amend/", progress=WORDS, practice_plan="A walk", **hidden), 4000)
    said_and_kept(send(therapist, f"{url}private/", text=WORDS, **hidden), 20_000)
    assert (IntegrationNote.objects.count(), PrivateNote.objects.count()) == (1, 0)


def test_notes_at_the_chair_and_adverse_events(clinic, clock):
    infusion = world.given(clinic, clock)
    infusion.refresh_from_db()
    nurse, hidden = as_(clinic.nurse), {"patient_code": clinic.patient.code, "version": infusion.version}
    codes = [infusion.code]
    answer = send(nurse, reverse("infusion_note", args=codes), kind="note", text=WORDS, **hidden)
    said_and_kept(answer, 4000)
    draft = send(nurse, reverse("infusion_note_draft", args=codes), kind="note", text=WORDS, **hidden)
    assert (draft.status_code, draft.json()["saved"]) == (422, False)
    event = {"kind": "nausea", "severity": "mild", "note": WORDS}
    said_and_kept(send(nurse, reverse("infusion_adverse_event", args=codes), **event, **hidden), 500)
    contact = send(nurse, reverse("safety_contact_new", args=[clinic.patient.code]), outcome=WORDS, **hidden)
    said_and_kept(contact, 500)
    assert not infusion.chair_notes.exists()
    assert not infusion.adverse_events.exists()
    assert not SafetyContact.objects.exists()


def test_what_no_form_holds_is_too_long_for_a_page_and_for_the_api(clinic, session):  # noqa: F811
    therapist = as_(clinic.therapist)
    hidden = {"patient_code": clinic.patient.code}
    answer = send(therapist, f"/therapy/{session.code}/private/", text=WORDS * 4, **hidden)
    assert answer.status_code == 413
    assert "what was typed is still there" in answer.content.decode()
    url, key = "/api/v1/private-notes/", {"Idempotency-Key": "long-private-note"}
    for text, code in ((WORDS, "body-too-large"), ("x" * (MAX_JSON_BYTES - 1000), "invalid")):
        body = {"session": str(session.code), "text": text}
        refused = therapist.post(url, body, content_type="application/json", headers=key)
        assert refused.status_code == 400
        assert refused["Content-Type"] == "application/problem+json"
        assert code in refused.content.decode()
    assert not services.open_private_notes(session=session, by=clinic.therapist)
