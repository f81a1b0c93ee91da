"""A PHQ-9 that staff enter finds a person as one answered by link does: item 9 is never lost behind a total."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from scheduling.models import StaffAlert, WorkItem
from sessions import services as facts

pytestmark = pytest.mark.django_db
REVIEW = WorkItem.Kind.RISK_REVIEW


def found(patient) -> tuple[int, int]:
    """Alerts and reviews."""
    return StaffAlert.objects.filter(patient=patient).count(), WorkItem.objects.filter(
        patient=patient, kind=REVIEW
    ).count()


def new_since(then: tuple[int, int], patient) -> tuple[int, int]:
    """What has come since `then`."""
    alerts, reviews = found(patient)
    return alerts - then[0], reviews - then[1]


def enter(clinic, total, *, item_9=None, at, by=None):
    return facts.record_outcome(
        patient=clinic.patient,
        instrument="phq9",
        total=total,
        item_9=item_9,
        taken_at=at,
        by=by or clinic.nurse,
    )


@pytest.mark.parametrize(
    ("before", "answer", "expected"),
    [
        (None, 0, (0, 0)), (None, 1, (1, 0)), (0, 1, (1, 0)), (1, 1, (0, 1)), (1, 2, (1, 0)), (3, 1, (0, 1)),
        (3, 2, (1, 0)), (2, 0, (0, 0)), (1, None, (0, 1)),
    ],
)  # fmt: skip
def test_it_alerts_reviews_or_asks(clinic, clock, before, answer, expected):
    if before is not None:
        enter(clinic, 20, item_9=before, at=clock.now() - timedelta(days=7))
    then = found(clinic.patient)
    score = enter(clinic, 18, item_9=answer, at=clock.now())
    assert new_since(then, clinic.patient) == expected
    if answer:
        first = StaffAlert.objects.filter(score=score).first()
        assert first is None or first.reason.startswith(f"PHQ-9 item 9 answered {answer}")
    enter(clinic, 18, item_9=answer, at=clock.now())
    assert new_since(then, clinic.patient) == expected, "the same score again says nothing twice"


def test_items_say_it_too_and_a_total_of_nothing_says_no(clinic, clock):
    score = facts.record_outcome(
        patient=clinic.patient, instrument="phq9", items=[0] * 8 + [2], taken_at=clock.now(), by=clinic.nurse
    )
    assert (score.item_9, found(clinic.patient)) == (2, (1, 0))
    later = enter(clinic, 0, at=clock.now())
    assert (later.item_9, found(clinic.patient)) == (0, (1, 0))


def test_an_old_paper_says_nothing_about_today(clinic, clock):
    enter(clinic, 9, item_9=0, at=clock.now() - timedelta(days=1))
    enter(clinic, 20, item_9=3, at=clock.now() - timedelta(days=60))
    enter(clinic, 20, at=clock.now() - timedelta(days=61))
    assert found(clinic.patient) == (0, 0)


def test_other_questionnaires_ask_nobody(clinic, clock):
    for name, total in (("gad7", 21), ("madrs", 40), ("qids_sr16", 20)):
        facts.record_outcome(
            patient=clinic.patient, instrument=name, total=total, taken_at=clock.now(), by=clinic.clinician
        )
    assert found(clinic.patient) == (0, 0)


def test_the_score_stays_when_nobody_can_be_told(clinic, clock, monkeypatch):
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("no roster")

    monkeypatch.setattr("scheduling.services.alerts.raise_alert", fails)
    enter(clinic, 20, item_9=3, at=clock.now())
    assert clinic.patient.outcome_scores.get().item_9 == 3
    item = WorkItem.objects.open().get(patient=clinic.patient)
    assert item.title.startswith("A PHQ-9 was entered: look at item 9 yourself")


def test_the_page_asks_for_it(client, clinic, clock):
    address = reverse("outcome_new", args=[clinic.patient.code])
    client.force_login(clinic.therapist)
    data = {"instrument": "phq9", "total": "14", "patient_code": str(clinic.patient.code)}
    page = client.get(address).content.decode()
    assert "PHQ-9 item 9" in page
    assert client.post(address, data).status_code == 422
    assert b"Say how item 9 was answered" in client.post(address, data).content
    assert client.post(address, data | {"item_9": "4"}).status_code == 422
    assert client.post(address, data | {"total": "1", "item_9": "2"}).status_code == 422
    assert not clinic.patient.outcome_scores.exists()
    assert client.post(address, data | {"item_9": "2"}).status_code == 302
    assert found(clinic.patient) == (1, 0)
    assert client.post(address, data | {"instrument": "gad7"}).status_code == 302, "only the PHQ-9 has it"
    assert client.post(address, data | {"item_9": "unknown", "total": "15"}).status_code == 302
    assert found(clinic.patient) == (1, 1)


def test_the_api_tells_on_it(clinic, clock):
    client = APIClient()
    client.force_authenticate(clinic.therapist)
    body = {"patient": str(clinic.patient.code), "instrument": "phq9", "total": 14, "item_9": 2}

    def post(values: dict[str, object]):
        return client.post(
            "/api/v1/outcome-scores/", json.dumps(values), content_type="application/json",
            headers={"Idempotency-Key": str(uuid4())},
        )  # fmt: skip

    assert post(body | {"item_9": 4}).status_code == 400
    refused = post(body | {"total": 1})
    assert refused.status_code in (400, 422)
    assert refused.json()["errors"]
    assert not clinic.patient.outcome_scores.exists()
    made = post(body)
    assert (made.status_code, made.json()["item_9"]) == (201, 2)
    assert found(clinic.patient) == (1, 0)
