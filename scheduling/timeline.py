"""One line of everything that has happened to a patient, newest first: infusion visits, windows, therapy, scores,
messages, decisions. Each part only for those who may read it; as many queries for a long history as for a short one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db.models import BooleanField, ExpressionWrapper, Q
from django.urls import reverse

from patients.models import Patient, TherapistRelease
from scheduling.domain.localtime import day_in_words, local_date
from scheduling.follow_words import MESSAGE_CHIPS
from scheduling.models import GapException, Message, PlasticityWindow, SpacingDecision
from scheduling.notifications import KINDS
from sessions import gates, scoring
from sessions.models import (
    CourseReview,
    Disposition,
    GateAnswer,
    Infusion,
    IntegrationSession,
    OutcomeScore,
    ReportedTherapy,
    SafetyContact,
    TreatmentHold,
)
from staff.models import User

PAGE = 12
MOMENT = timedelta(seconds=1)
Reach = Callable[[str], Q]


@dataclass(frozen=True)
class Moment:
    """One entry. `kind`: a key of PARTS; `tone` and `chip` only where it stands out."""

    at: datetime
    title: str
    text: str = ""
    icon: str = ""
    url: str = ""
    chip: str = ""
    tone: str = "neutral"
    state: str = "done"
    time_style: str = "full"
    kind: str = ""


@dataclass(frozen=True)
class Page:
    """One page of the line. `before`: where the next one goes on, `older`: its address; None and empty at the beginning
    of the story.
    """

    moments: list[Moment]
    before: datetime | None
    older: str


def patient_timeline(patient: Patient, user: User, now: datetime, before: datetime | None = None) -> Page:
    """What happened up to `now` (inclusive), or earlier than `before` (exclusive). Reads only.

    Entries of one instant are never torn apart by the end of a page.
    """

    def reach(name: str) -> Q:
        return Q(**{f"{name}__lte": now}) if before is None else Q(**{f"{name}__lt": before})

    found = [
        replace(moment, kind=kind) for kind, part in PARTS.items() for moment in part(patient, user, reach)
    ]
    found.sort(key=lambda one: one.at, reverse=True)
    shown = found[:PAGE]
    shown += [one for one in found[PAGE:] if one.at == shown[-1].at]
    if len(found) == len(shown):
        return Page(shown, None, "")
    last = shown[-1].at
    query = urlencode({"before": last.isoformat()})
    return Page(shown, last, f"{reverse('patient_timeline', args=[patient.code])}?{query}")


def _latest(rows: Any, name: str) -> Any:
    return rows.order_by(f"-{name}", "-pk")[: PAGE + 1]


def _infusions(patient: Patient, user: User, reach: Reach) -> Iterator[Moment]:
    if not user.may("series.view"):
        return
    rows = Infusion.objects.filter(reach("started_at"), patient=patient)
    sees = user.may("infusion.view")
    for row in _latest(rows, "started_at"):
        given = f"{row.delivered_mg.normalize():f} mg given" if row.delivered_mg is not None else ""
        url = reverse("infusion_detail", args=[row.code]) if sees else ""
        text = (given if row.stopped_at else "The pump runs") if sees else ""
        yield Moment(row.started_at, f"Infusion visit {row.ordinal}", text, "syringe", url)


def _endings(patient: Patient, user: User, reach: Reach) -> Iterator[Moment]:
    if not user.may("infusion.view"):
        return
    rows = Disposition.objects.current().filter(reach("observed_at"), infusion__patient=patient)
    unplanned = rows.filter(outcome__in=Disposition.UNPLANNED).select_related("infusion")
    for row in _latest(unplanned, "observed_at"):
        url = reverse("infusion_detail", args=[row.infusion.code])
        yield Moment(
            row.observed_at,
            row.get_outcome_display(),
            row.condition,
            "siren",
            url,
            "Unplanned ending",
            "warning",
        )


def _windows(patient: Patient, user: User, reach: Reach) -> Iterator[Moment]:
    if not user.may("follow_up.view"):
        return
    rows = PlasticityWindow.objects.current().filter(reach("t0"), patient=patient, sign_off__isnull=False)
    opened = rows.exclude(status=PlasticityWindow.Status.NONE).select_related("infusion")
    for row in _latest(opened, "t0"):
        url = reverse("window_detail", args=[row.code]) if user.may("queue.view") else ""
        title = f"Window for therapy opens after infusion visit {row.infusion.ordinal}"
        yield Moment(row.t0, title, "", "sunrise", url)


def _therapy(patient: Patient, user: User, reach: Reach) -> Iterator[Moment]:
    if not user.may("follow_up.view"):
        return
    rows = IntegrationSession.objects.filter(reach("started_at"), patient=patient).select_related("therapist")
    own = user.may("therapy.conduct")
    for row in _latest(rows, "started_at"):
        url = reverse("therapy_detail", args=[row.code]) if own and row.therapist_id == user.pk else ""
        text = "" if row.completed_at else "Not completed"
        yield Moment(
            row.started_at, f"Therapy session with {row.therapist.full_name}", text, "messages-square", url
        )


def _reported(patient: Patient, user: User, reach: Reach) -> Iterator[Moment]:
    """Therapy outside the clinic, as it was reported: marked as such, never as a session here."""
    if not user.may("follow_up.view"):
        return
    rows = ReportedTherapy.objects.filter(reach("held_at"), patient=patient, withdrawn_at__isnull=True)
    for row in _latest(rows.select_related("therapist"), "held_at"):
        how = (
            f"By phone, spoken with {row.spoken_with}"
            if row.via == ReportedTherapy.Via.PHONE
            else "By their link"
        )
        inside = row.inside_no_therapy_at is not None
        text = f"{how}. Inside a no-therapy period." if inside else how
        title = f"Therapy session reported by {row.therapist.name}"
        yield Moment(
            row.held_at, title, text, "clipboard-check", "", "Reported", "warning" if inside else "info"
        )


def _day(at: datetime, patient: Patient) -> str:
    day = local_date(at, ZoneInfo(patient.site.time_zone))
    return f"{day_in_words(day)} {day.year}"


def _releases(patient: Patient, user: User, reach: Reach) -> Iterator[Moment]:
    """Releases of information, with what became of them."""
    if not user.may("patient.view"):
        return
    shown = ExpressionWrapper(reach("revoked_at"), output_field=BooleanField())
    rows = TherapistRelease.objects.filter(reach("recorded_at"), patient=patient).annotate(
        revoked_shown=shown
    )
    for row in rows.select_related("therapist", "recorded_by", "revoked_by"):  # few in a life
        text = f"Times only, to {_day(row.valid_until - MOMENT, patient)} ({row.recorded_by.full_name})"
        chip = "Revoked" if row.revoked_at is not None else ""
        title = f"Release of information to {row.therapist.name}"
        yield Moment(row.recorded_at, title, text, "file-check", "", chip)
        if row.revoked_shown and row.revoked_at is not None and row.revoked_by is not None:
            text = f"{row.revoked_reason} ({row.revoked_by.full_name})"
            yield Moment(row.revoked_at, f"{title} revoked", text, "circle-slash", "", "Revoked", "warning")


def _scores(patient: Patient, user: User, reach: Reach) -> Iterator[Moment]:
    if not user.may("follow_up.view"):
        return
    for row in _latest(OutcomeScore.objects.filter(reach("taken_at"), patient=patient), "taken_at"):
        known = scoring.INSTRUMENTS[row.instrument]
        yield Moment(
            row.taken_at,
            f"{known.title}: {row.total}",
            scoring.band(row.instrument, row.total).label,
            "chart-line",
        )


def _messages(patient: Patient, user: User, reach: Reach) -> Iterator[Moment]:
    if not user.may("message.view"):
        return
    rows = Message.objects.visible_to(user).filter(reach("due_at"), patient=patient)
    left = rows.filter(state__in=(*Message.TROUBLE, Message.State.SENT))
    for row in _latest(left, "due_at"):
        url = reverse("message_detail", args=[row.code])
        chip = MESSAGE_CHIPS[row.state]
        yield Moment(
            row.due_at, f"Message: {KINDS.get(row.kind, row.kind)}", "", "mail", url, chip.word, chip.tone
        )


def _contacts(patient: Patient, user: User, reach: Reach) -> Iterator[Moment]:
    if not user.may("safety_contact.record"):
        return
    rows = SafetyContact.objects.filter(reach("occurred_at"), patient=patient)
    for row in _latest(rows, "occurred_at"):
        yield Moment(row.occurred_at, "Safety contact", row.outcome, "phone")


def _reviews(patient: Patient, user: User, reach: Reach) -> Iterator[Moment]:
    if not user.may("series.view"):
        return
    rows = CourseReview.objects.filter(reach("signed_at"), patient=patient).select_related("signed_by")
    for row in _latest(rows, "signed_at"):
        title = f"Review after infusion visit {row.after_ordinal}: {row.get_decision_display().lower()}"
        url = reverse("course_review", args=[row.course])
        yield Moment(row.signed_at, title, f"Signed by {row.signed_by.full_name}", "file-check", url)


def _spacing(patient: Patient, user: User, reach: Reach) -> Iterator[Moment]:
    if not user.may("series.view"):
        return
    rows = SpacingDecision.objects.filter(reach("decided_at"), series__patient=patient).select_related(
        "decided_by"
    )
    for row in _latest(rows, "decided_at"):
        title = f"Infusion visit {row.ordinal} closer than usual"
        text = f"{row.reason} ({row.decided_by.full_name})"
        yield Moment(row.decided_at, title, text, "git-commit-horizontal", "", "Decision")


def _longer_gaps(patient: Patient, user: User, reach: Reach) -> Iterator[Moment]:
    if not user.may("series.view"):
        return
    rows = GapException.objects.filter(reach("approved_at"), series__patient=patient).select_related(
        "approved_by"
    )
    for row in _latest(rows, "approved_at"):
        title = f"Up to {row.max_hours} h allowed before infusion visit {row.ordinal}"
        text = f"{row.reason} ({row.approved_by.full_name})"
        yield Moment(row.approved_at, title, text, "git-commit-horizontal", "", "Decision")


def _overrides(patient: Patient, user: User, reach: Reach) -> Iterator[Moment]:
    """What was set aside before a visit, and (for who may read the record) at its start."""
    seen = Q(visit__isnull=False) if user.may("gate.view") else Q(pk__in=[])
    if user.may("infusion.view"):
        seen |= Q(infusion__isnull=False)
    rows = GateAnswer.objects.filter(
        seen, reach("answered_at"), patient=patient, outcome=GateAnswer.Outcome.OVERRIDDEN
    )
    for row in _latest(rows.select_related("answered_by"), "answered_at"):
        reason = gates.OVERRIDE_REASONS.get(row.reason_code, row.reason_code)
        words = ". ".join(filter(None, (reason, row.note)))
        when = "Before the visit" if row.infusion_id is None else "At the start"
        said = row.label.rstrip(".")  # a finding is a sentence, a gate is a name
        title = f"{when}, set aside: {said}"
        yield Moment(
            row.answered_at,
            title,
            f"{words} ({row.answered_by.full_name})",
            "circle-slash",
            "",
            "Override",
            "warning",
        )


def _holds(patient: Patient, user: User, reach: Reach) -> Iterator[Moment]:
    """Raised and released: a pregnancy, too, so only for clinical roles."""
    if not user.may("infusion.view"):
        return
    rows = TreatmentHold.objects.filter(patient=patient).select_related("released_by")
    for row in _latest(rows.filter(reach("raised_at")), "raised_at"):
        title = f"Later infusions on hold: {row.get_kind_display().lower()}"
        yield Moment(row.raised_at, title, "", "circle-pause", "", "On hold", "warning")
    for row in _latest(rows.filter(reach("released_at")), "released_at"):
        text = (
            f"{row.released_reason} ({row.released_by.full_name})" if row.released_by else row.released_reason
        )
        yield Moment(row.released_at, "Infusions may go on", text, "circle-play", "", "Decision")


PARTS: dict[str, Callable[[Patient, User, Reach], Iterator[Moment]]] = {
    "infusion": _infusions,
    "ending": _endings,
    "window": _windows,
    "therapy": _therapy,
    "reported": _reported,
    "release": _releases,
    "score": _scores,
    "message": _messages,
    "safety-contact": _contacts,
    "review": _reviews,
    "spacing": _spacing,
    "longer-gap": _longer_gaps,
    "override": _overrides,
    "hold": _holds,
}
