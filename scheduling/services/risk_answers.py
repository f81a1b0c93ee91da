"""Item 9 of the PHQ-9, whoever entered it: an alert to the person on duty, a review on the same day, or nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.urls import reverse

from patients.models import Patient
from scheduling.models import WorkItem
from scheduling.services import alerts
from scheduling.services.workitems import raise_item
from sessions import scoring
from sessions.models import OutcomeScore
from staff import roles
from staff.models import Site

REVIEW_WITHIN = timedelta(hours=4)


def item_9_before(patient: Patient, at: datetime, *, without: int = 0) -> int | None:
    """The last answer to item 9 on file from before `at`; `without`: the primary key of a score to leave out."""
    known = Q(item_9__isnull=False) | Q(items__isnull=False)  # older records have it among their items only
    rows = OutcomeScore.objects.filter(known, patient=patient, instrument="phq9", taken_at__lte=at)
    last: Any = rows.exclude(pk=without).order_by("-taken_at", "-pk").first()
    if last is None:
        return None
    return int(last.items[8]) if last.item_9 is None else last.item_9


def handle_item_9(*, score: OutcomeScore, value: int, previous: int | None, site: Site, at: datetime) -> str:
    """What scoring says about the answer becomes an alert, a review, or nothing. Returns which."""
    found = scoring.suicide_item("phq9", value, previous)
    if found.handling == "alert":
        alerts.raise_alert(
            key=f"phq9:{score.code}", site=site, patient=score.patient, at=at, score=score,
            reason=f"PHQ-9 item 9 answered {value}" + (f", before that {previous}." if previous is not None else "."),
        )  # fmt: skip
    elif found.handling == "review":
        detail = f"Answered {value}, before that {previous}. It cancels nothing; the prescriber decides."
        _review(score, site, "Look at an answer today: PHQ-9 item 9", detail, at)
    return found.handling


def follow_staff_score(score: OutcomeScore, at: datetime) -> str:
    """The same for a PHQ-9 that staff have entered; one without its ninth answer is asked for on the same day.

    A score that is older than the latest on file says nothing about today.
    """
    later = OutcomeScore.objects.filter(patient=score.patient, instrument="phq9", taken_at__gt=score.taken_at)
    if score.instrument != "phq9" or later.exists():
        return "none"
    site = score.patient.site
    if score.item_9 is None:
        detail = (
            f"A total of {score.total} was entered without it. Ask the patient, then enter the score with it."
        )
        _review(score, site, "Ask today: PHQ-9 item 9 is not known", detail, at)
        return "review"
    previous = item_9_before(score.patient, score.taken_at, without=score.pk)
    return handle_item_9(score=score, value=score.item_9, previous=previous, site=site, at=at)


def _review(score: OutcomeScore, site: Site, title: str, detail: str, at: datetime) -> None:
    raise_item(
        kind=WorkItem.Kind.RISK_REVIEW, key=f"phq9:{score.code}", site=site, patient=score.patient, title=title,
        role=roles.CLINICIAN, owner=score.patient.prescriber, detail=detail,
        url=reverse("patient_detail", args=[score.patient.code]), due_at=at + REVIEW_WITHIN, at=at,
    )  # fmt: skip
