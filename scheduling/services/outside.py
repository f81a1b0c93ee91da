"""Therapy that the patient's therapist outside the clinic gives: reported by their link or by phone, never mixed with
sessions held here (clinic-day 28).

A report closes its follow-up as *reported*. What is said to lie inside a no-therapy period closes nothing: the link
refuses it and offers the phone; told by phone it is kept as a fact, flagged, and put to the prescriber.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F
from django.urls import reverse

from patients.models import ExternalTherapist, Patient, TherapistRelease
from patients.services.external import release_of
from scheduling.domain.intervals import as_utc
from scheduling.domain.localtime import in_words
from scheduling.models import (
    FollowUp,
    Message,
    PatientLink,
    PatientSpan,
    PlasticityWindow,
    TreatmentSeries,
    WorkItem,
)
from scheduling.services.acts import act
from scheduling.services.closing import cancel_therapy, items_of
from scheduling.services.follow_up_rows import check_version, finish, locked_row, reason_in_words
from scheduling.services.followups import close_rows, sync_follow_ups
from scheduling.services.links import is_over
from scheduling.services.messages import sync_patient
from scheduling.services.outside_messages import owner_of_outside
from scheduling.services.workitems import raise_item, settle
from sessions.models import ReportedTherapy
from staff import roles
from staff.clock import app_now
from staff.errors import InvalidInput, RuleNotMet, StateConflict
from staff.locks import lock
from staff.models import User
from staff.strict import parse_text

State, Via = FollowUp.State, ReportedTherapy.Via
REPORTABLE = frozenset({State.RELEASED, State.MISSED})
NOT_HELD = {
    "no-time": "No time was found",
    "patient-absent": "They did not come",
    "patient-declined": "They did not want to",
    "away": "I am away",
    "other": "Another reason",
}
NOT_HELD_KEY = "not-held:"
SEEN, HELD, NOT = "seen", "held", "not-held"


def sync_outside(patient: Patient, *, at: datetime) -> None:
    """Who treats outside has changed: follow-ups and messages follow. The caller holds the patient's lock."""
    found = Patient.objects.get(pk=patient.pk)
    if found.external_therapist_id is None:
        released = TherapistRelease.objects.filter(patient=found, revoked_at__isnull=True).values("therapist")
        FollowUp.objects.filter(patient=found, state__in=FollowUp.OPEN, outside__isnull=False).exclude(
            outside__in=released
        ).update(outside=None, version=F("version") + 1, generation=F("generation") + 1)
    latest = TreatmentSeries.objects.filter(patient=found).order_by("-pk").first()
    if latest is None:
        sync_patient(found, at=at)
        return
    sync_follow_ups(series=latest, at=at)
    _tell_of_bookings(found, at)


def _tell_of_bookings(patient: Patient, at: datetime) -> None:
    """Therapy that is booked here although it is with somebody outside: a coordinator decides, nothing is cancelled."""
    rows = FollowUp.objects.filter(patient=patient, state=State.BOOKED, outside__isnull=False, therapy=True)
    first = rows.select_related("site", "appointment").order_by("target_at").first()
    key = f"booked-here:{patient.code}"
    if first is None or first.appointment is None:
        settle(kind=WorkItem.Kind.OUTSIDE, key=key, resolution="Nothing is booked here any more.", at=at)
        return
    raise_item(
        kind=WorkItem.Kind.OUTSIDE, key=key, site=first.site, patient=patient, role=roles.COORDINATOR, at=at,
        title="Therapy is booked here, and the patient's therapist is outside",
        detail="Cancel what is booked, so that the times go to the outside therapist, or keep it.",
        url=reverse("patient_detail", args=[patient.code]), due_at=first.appointment.during.lower,
    )  # fmt: skip


# --- The link ---


def why_dead(link: PatientLink, at: datetime) -> str:
    """Why a link to times shows nothing now: `over`, `revoked` or `changed`; empty while it is good."""
    row, point = link.follow_up, link.contact_point
    if is_over(link, at):
        return "over"
    if row is None or point is None or release_of(link.patient_id, point.external_therapist_id, at) is None:
        return "revoked"
    theirs = row.outside_id == point.external_therapist_id
    if not theirs or row.state not in (*REPORTABLE, State.REPORTED):
        return "changed"
    sent = Message.objects.filter(code=link.about.removeprefix("message:")).values_list(
        "generation", flat=True
    )
    return "" if list(sent) == [row.generation] else "changed"


@act
def say_seen(*, link: PatientLink, at: datetime | None = None) -> PatientLink:
    """The therapist has seen the times and arranges a session. Twice is harmless."""
    now = at or app_now()
    row = _begin(link, now)
    if row.answered_at is None:
        _keep(row, {"answer": SEEN}, now)
    return row


@act
def say_not_held(
    *, link: PatientLink, reason: str, words: str = "", at: datetime | None = None
) -> PatientLink:
    """No session took place or will: an item for a named person. The follow-up stays open, because nobody outside ends
    what the clinic owes the patient. Raises InvalidInput at `reason`, StateConflict for a dead link.
    """
    now = at or app_now()
    if reason not in NOT_HELD:
        raise InvalidInput("Choose a reason.", code="choice", field="reason")
    more = parse_text(words, field="words", max_length=200, single_line=True)
    if reason == "other" and not more:
        raise InvalidInput("Say in a few words why.", code="required", field="words")
    row = _begin(link, now)
    follow_up = FollowUp.objects.select_related(*WITH).get(links=row)
    if follow_up.state == State.REPORTED:
        raise StateConflict("A session was reported already. Please call us.", code="already-reported")
    _keep(row, {"answer": NOT, "reason": reason, "words": more}, now)
    ends = in_words(follow_up.hard_latest_at, ZoneInfo(follow_up.site.time_zone))
    raise_item(
        kind=WorkItem.Kind.OUTSIDE, key=f"{NOT_HELD_KEY}{follow_up.code}", site=follow_up.site,
        patient=follow_up.patient, role=roles.COORDINATOR, owner=owner_of_outside(follow_up),
        title="The outside therapist reports that no session takes place",
        detail=f"{not_held_words(row.answer)}. The window ends {ends}: offer a time here, or close it with the reason.",
        url=_page(follow_up), due_at=now, at=now,
    )  # fmt: skip
    return row


def not_held_words(answer: dict[str, Any]) -> str:
    """The reason as it was given."""
    words, more = NOT_HELD.get(answer.get("reason", ""), "No reason given"), answer.get("words", "")
    return f"{words}: {more}" if more else words


def _begin(link: PatientLink, now: datetime) -> PatientLink:
    """The link under its patient's lock. Raises StateConflict for one that is dead."""
    lock(patients=[link.patient_id])
    row: PatientLink = (
        PatientLink.objects.select_for_update(of=["self"])
        .select_related("patient__site", "follow_up__site", "contact_point")
        .get(pk=link.pk)
    )
    if row.purpose != PatientLink.Purpose.OUTSIDE:
        raise StateConflict("This link is for something else.", code="wrong-purpose")
    if why_dead(row, now):
        raise StateConflict("This link has ended. Please call us.", code="link-over")
    return row


def _keep(row: PatientLink, answer: dict[str, Any], now: datetime) -> None:
    row.answer, row.answered_at = answer, now
    row.save(update_fields=["answer", "answered_at"])


# --- The report ---

WITH = (
    "patient__site", "patient__therapist", "patient__prescriber", "site", "series__therapist", "series__prescriber",
    "assignee", "outside", "report", "visit",
)  # fmt: skip


@act
def report_held(
    *,
    follow_up: FollowUp,
    held_at: datetime,
    by: User | None = None,
    link: PatientLink | None = None,
    spoken_with: str = "",
    as_it_was: bool = False,
    expected_version: int | None = None,
    at: datetime | None = None,
) -> FollowUp:
    """A session was held outside at `held_at` (its start). By `link`, or by phone: `by` wrote down what `spoken_with`
    said. The follow-up is *reported*; the same report twice is one.

    Accepted in [therapy time, end of the follow-up), not in the future, also after it was missed. Raises RuleNotMet at
    `held_at` (`no-therapy-period`, `before-window`, `after-window`, `future`), InvalidInput at `spoken_with`,
    StateConflict, StaleVersion. `as_it_was` (by phone only): it did lie inside a no-therapy period; the fact is kept,
    flagged, counted nowhere, and the prescriber is told; the follow-up stays as it is.
    """
    now, held = at or app_now(), as_utc(held_at)
    spoken = parse_text(spoken_with, field="spoken_with", max_length=120, single_line=True)
    if link is None and not spoken:
        raise InvalidInput("Say who you have spoken with.", code="required", field="spoken_with")
    opened = None if link is None else _begin(link, now)
    row = locked_row(follow_up, *WITH)
    report = row.report
    if row.state == State.REPORTED and report is not None:
        if report.held_at == held:
            return row
        raise StateConflict("A session was reported already.", code="already-reported")
    check_version(row, expected_version)
    therapist = row.outside
    if therapist is None or not row.therapy or row.infusion_id is None:
        raise StateConflict("This therapy is not with a therapist outside the clinic.", code="not-outside")
    inside = _judge(row, held, now, by_link=opened is not None, as_it_was=as_it_was)
    if row.state not in REPORTABLE and not inside:
        raise StateConflict(f"{row.get_state_display()}: nothing can be reported now.", code="not-reportable")
    known = ReportedTherapy.objects.filter(
        infusion=row.infusion_id, held_at=held, withdrawn_at__isnull=True
    ).first()
    if known is not None:
        if inside:
            return row
        raise StateConflict("A session at this time is on file for this window.", code="already-reported")
    made = ReportedTherapy.objects.create(
        patient=row.patient, infusion_id=row.infusion_id, therapist=therapist, held_at=held,
        via=Via.PHONE if opened is None else Via.LINK, spoken_with=spoken if opened is None else "",
        recorded_by=by if opened is None else None, recorded_at=now, inside_no_therapy_at=now if inside else None,
    )  # fmt: skip
    if opened is not None:
        _keep(opened, {"answer": HELD, "held_at": held.isoformat()}, now)
    if inside:
        tell_inside(made, row, now)
        return row
    _close(row, made, by, now)
    return row


def _close(row: FollowUp, report: ReportedTherapy, by: User | None, now: datetime) -> None:
    """Closed as reported; every item about it is done with."""
    row.report, row.appointment = report, None
    words = f"Reported by {report.therapist.name} {report.get_via_display().lower()}."
    close_rows([row], state=State.REPORTED, reason=words, at=now, by=by)
    keys = [*items_of(row), (WorkItem.Kind.OUTSIDE, f"{NOT_HELD_KEY}{row.code}")]
    for kind, key in keys:
        settle(kind=kind, key=key, resolution="Reported by the outside therapist.", by=by, at=now)
    finish(row)


def _judge(row: FollowUp, held: datetime, now: datetime, *, by_link: bool, as_it_was: bool) -> bool:
    """Whether it lies inside a no-therapy period and is kept as such; raises RuleNotMet when it may not be reported."""
    zone = ZoneInfo(row.patient.time_zone if by_link else row.site.time_zone)
    if held > now:
        raise RuleNotMet("This time has not come yet.", code="future", field="held_at")
    window = PlasticityWindow.objects.current().filter(infusion=row.infusion_id).first()
    if window is None or held < window.starts_at:
        raise RuleNotMet(_before(row, zone, by_link), code="before-window", field="held_at")
    span = PatientSpan.objects.filter(
        patient=row.patient_id, kind=PatientSpan.Kind.NO_THERAPY, during__contains=held
    ).first()
    until = span.during.upper if span is not None else window.t0
    if span is not None or held < window.t0:
        if as_it_was and not by_link:
            return True
        if by_link:
            raise RuleNotMet(_before(row, zone, by_link), code="no-therapy-period", field="held_at")
        words = f"This lies in a no-therapy period, which ends {in_words(until, zone)}."
        raise RuleNotMet(
            f"{words} Ask again for the time. If it is right, record it as it was: it counts nowhere.",
            code="no-therapy-period", field="held_at",
        )  # fmt: skip
    if held >= row.hard_latest_at:
        words = f"This is not before {in_words(row.hard_latest_at, zone)}, when the times ended."
        raise RuleNotMet(f"{words}{_phone(row, by_link)}", code="after-window", field="held_at")
    return False


def _before(row: FollowUp, zone: ZoneInfo, by_link: bool) -> str:
    if not by_link:
        return "This lies before the infusion of this window."
    begin = in_words(row.earliest_at, zone)
    return f"This lies before the times that we sent you, which begin {begin}.{_phone(row, True)}"


def _phone(row: FollowUp, by_link: bool) -> str:
    """An offer to phone, in words for somebody outside."""
    if not by_link:
        return ""
    return (
        f" Please phone us{f' on {row.site.phone}' if row.site.phone else ''}, so that we can talk about it."
    )


def tell_inside(report: ReportedTherapy, row: FollowUp, now: datetime) -> None:
    """The prescriber hears of reported therapy inside a no-therapy period. Kept, flagged, counted nowhere."""
    raise_item(
        kind=WorkItem.Kind.THERAPY_INSIDE, key=str(report.code), site=row.site, patient=row.patient,
        title="Reported therapy lies inside a no-therapy period", role=roles.CLINICIAN,
        owner=row.series.prescriber, url=_page(row), due_at=now, at=now,
        detail="It is kept as a fact and counts nowhere. Talk with the outside therapist about what was worked on.",
    )  # fmt: skip


def flag_reported_inside(patient_id: int, start: datetime, until: datetime, at: datetime) -> None:
    """A corrected fact has moved a no-therapy period [start, until) over reported therapy: flagged and told."""
    rows = ReportedTherapy.objects.filter(
        patient=patient_id, inside_no_therapy_at__isnull=True, withdrawn_at__isnull=True, held_at__gte=start,
        held_at__lt=until,
    )  # fmt: skip
    for report in rows.select_for_update(of=("self",)).select_related("therapist"):
        report.inside_no_therapy_at = at
        report.save(update_fields=["inside_no_therapy_at"])
        row = FollowUp.objects.filter(report=report).select_related(*WITH).first()
        if row is not None:
            tell_inside(report, row, at)


@act
def withdraw_report(
    *,
    follow_up: FollowUp,
    reason: str,
    by: User,
    expected_version: int | None = None,
    at: datetime | None = None,
) -> FollowUp:
    """The report was a mistake: it stays readable, and the follow-up is open again (or missed, once its end is past).
    Harmless when nothing is reported.
    """
    now, words = at or app_now(), reason_in_words(reason)
    row = locked_row(follow_up, *WITH)
    report = row.report
    if report is None:
        return row
    check_version(row, expected_version)
    row.report, row.state, row.closed_at, row.closed_by, row.closed_reason = None, State.FIRM, None, None, ""
    row.version += 1
    row.save(update_fields=["report", "state", "closed_at", "closed_by", "closed_reason", "version"])
    report.withdrawn_at, report.withdrawn_by, report.withdrawn_reason = (
        max(now, report.recorded_at),
        by,
        words,
    )
    report.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_reason"])
    sync_follow_ups(series=row.series, at=now)
    finish(row)
    row.refresh_from_db()
    return row


@act
def hand_outside(
    *, follow_up: FollowUp, therapist: ExternalTherapist, by: User, at: datetime | None = None
) -> FollowUp:
    """This one session goes to the patient's therapist outside; what was booked here is given back.

    Raises RuleNotMet without a valid release, StateConflict for what is closed.
    """
    now = at or app_now()
    row = locked_row(follow_up, *WITH)
    if not row.therapy or row.state not in FollowUp.OPEN:
        raise StateConflict("This therapy can no longer be arranged.", code="follow-up-closed")
    if release_of(row.patient_id, therapist.pk, now) is None:
        raise RuleNotMet(
            "The patient has given no valid release of information to this therapist.",
            code="no-release",
            field="choices",
        )
    if row.appointment_id is not None:
        row = cancel_therapy(follow_up=row, reason="Handed to the outside therapist", by=by, at=now)
    FollowUp.objects.filter(pk=row.pk).update(
        outside=therapist, version=F("version") + 1, generation=F("generation") + 1
    )
    sync_follow_ups(series=row.series, at=now)
    row.refresh_from_db()
    return row


def _page(row: FollowUp) -> str:
    window = PlasticityWindow.objects.current().filter(infusion=row.infusion_id).first()
    if window is None:
        return reverse("patient_detail", args=[row.patient.code])
    return reverse("window_detail", args=[window.code])
