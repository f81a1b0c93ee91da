"""Follow-ups of a patient, derived again from visits and windows whenever either changes. Idempotent.

Provisional with the booking; safety ones released at the actual pump stop, signed or not; window ones firm at
sign-off and released when the window opens; withdrawn when no window opens or the visit falls away; dropped
with the reason when re-dosed (decisions 1.6-1.10, clinical D2). What was done, missed or declined is never
touched again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.urls import reverse

from patients.models import Patient
from scheduling.domain.followups import (
    AFTER_LAST_ONLY,
    DROPPED_IN_WORDS,
    NO_WINDOW,
    PlannedFollowUp,
    merge_same_kind,
    plan_follow_ups,
)
from scheduling.domain.localtime import in_words
from scheduling.loaders_follow import VisitFacts, load_course, therapist_hours
from scheduling.models import Appointment, FollowUp, PlasticityWindow, TreatmentSeries, WorkItem
from scheduling.services import messages
from scheduling.services.review_items import sync_review_item
from scheduling.services.window_rows import refresh_cuts
from scheduling.services.workitems import raise_item, settle
from staff import roles
from staff.clock import app_now
from staff.locks import lock

State = FollowUp.State
FROZEN = frozenset({State.DONE, State.REPORTED, State.MISSED, State.DECLINED})
MOMENTS = {
    "earliest_at": "earliest",
    "target_at": "target",
    "latest_at": "latest",
    "hard_latest_at": "hard_latest",
}
COPIED = ("title", "audience", "gate", "therapy", "required", "duration_minutes", "message_kind")
CLOSING = ["state", "appointment", "report", "closed_at", "closed_by", "closed_reason", "version"]
LOOK_BACK = timedelta(days=150)  # weeks 2 to 14 of weekly work, and a margin
Key = tuple[int, str, int]


@transaction.atomic
def sync_follow_ups(*, series: TreatmentSeries, at: datetime | None = None) -> None:
    """Bring the follow-ups and messages of this series' patient in line with visits and windows.

    Called after every change of a booking, a window or a signature. Other series of the patient are included,
    because the next infusion in any of them cuts the window before it. Takes the patient's lock.
    """
    lock(patients=[series.patient_id])
    at = at or app_now()
    patient = Patient.objects.select_related("therapist").get(pk=series.patient_id)
    course = load_course(patient.pk)
    if refresh_cuts(course, at):
        course = load_course(patient.pk)
    course = [item for item in course if item.visit.series_id == series.pk or item.t0 > at - LOOK_BACK]
    planned = _plan(course, patient) if patient.status != Patient.Status.DECEASED else {}
    _apply(course, planned, patient, at)
    messages.sync_patient(patient, at=at)
    sync_review_item(series, at)


def _plan(course: list[VisitFacts], patient: Patient) -> dict[Key, PlannedFollowUp]:
    """Every follow-up of the visits that happen, merged across infusions, by (visit, kind, ordinal)."""
    live = [item for item in course if item.happens]
    therapist = patient.therapist or next((v.series.therapist for v in reversed(live)), None)
    outside = patient.external_therapist_id is not None  # whose hours nobody here knows
    working, zone = None if outside else therapist_hours(therapist, live), ZoneInfo(patient.time_zone)
    others: list[datetime] | None = None
    found: list[PlannedFollowUp] = []
    for position, item in enumerate(live, start=1):
        if item.definition.weekly_session_cap is not None and others is None:
            others = _other_sessions(patient)
        found += plan_follow_ups(
            item.definition,
            anchors=item.anchors(position),
            zone=zone,
            next_infusion_start=item.next_start,
            is_last=item.last,
            window_opens=item.window_opens,
            working=working,
            other_sessions=others or (),
        )
    return {
        (live[item.infusion - 1].visit.pk, item.kind, item.ordinal): item for item in merge_same_kind(found)
    }


def _other_sessions(patient: Patient) -> list[datetime]:
    """Starts of therapy that no follow-up asked for; they count towards a version's weekly cap."""
    rows = Appointment.objects.filter(
        patient=patient,
        kind=Appointment.Kind.THERAPY,
        status__in=Appointment.BLOCKING,
        follow_up__isnull=True,
    )
    return [row.during.lower for row in rows]


def _apply(
    course: list[VisitFacts], planned: dict[Key, PlannedFollowUp], patient: Patient, at: datetime
) -> None:
    """Write new rows and change those that differ, in two statements."""
    by_visit = {item.visit.pk: item for item in course}
    rows = {
        (row.visit_id, row.kind, row.ordinal): row
        for row in FollowUp.objects.filter(visit__in=by_visit)
        .select_related("appointment")
        .select_for_update(of=["self"])
    }
    zone, fresh, changed, names = ZoneInfo(patient.time_zone), [], [], {"version", "generation"}

    def change(row: FollowUp, target: dict[str, Any]) -> None:
        names.update(
            name.removesuffix("_id") for name, value in target.items() if getattr(row, name) != value
        )
        changed.append(_changed(row, target))

    for key, item in planned.items():
        facts, row = by_visit[key[0]], rows.pop(key, None)
        if row is None and item.dropped == AFTER_LAST_ONLY:
            continue  # the tail belongs to the last visit; a row for every other visit would be noise
        target = _wanted(facts, item, row, patient, zone, at)
        if row is None:
            fresh.append(FollowUp(visit=facts.visit, patient=patient, kind=key[1], ordinal=key[2], **target))
        elif row.state not in FROZEN and _differs(row, target):
            change(row, target)
    for row in rows.values():
        if row.state in FollowUp.OPEN:
            reason = _why_withdrawn(by_visit[row.visit_id], patient)
            change(row, _closing(State.WITHDRAWN, reason, at))
    FollowUp.objects.bulk_create(fresh)
    FollowUp.objects.bulk_update(
        changed, sorted(names)
    )  # each name is a case for every row: only those that differ


def _why_withdrawn(facts: VisitFacts, patient: Patient) -> str:
    if not facts.happens:
        return facts.why_gone
    if patient.status == Patient.Status.DECEASED:
        return "The patient has died."
    return "The protocol version of the series does not ask for it any more."


def _wanted(
    facts: VisitFacts,
    item: PlannedFollowUp,
    row: FollowUp | None,
    patient: Patient,
    zone: ZoneInfo,
    at: datetime,
) -> dict[str, Any]:
    """Every value that the row should have; dropped ones keep their moments in order for the reader."""
    moments = [item.earliest, item.target, item.latest, item.hard_latest]
    if item.therapy and not item.dropped:
        moments = _when_fit(facts, moments, item.duration_minutes)
    if item.dropped:
        moments = sorted(moments)
    values: dict[str, Any] = dict(zip(MOMENTS, moments, strict=True))
    values |= {name: getattr(item, name) for name in COPIED}
    values |= {
        "series_id": facts.visit.series_id,
        "site_id": facts.visit.site_id,
        "infusion_id": facts.visit.infusion_id,
        "why": {**item.why, **_facts_in_words(facts, zone), **dict.fromkeys(item.flags, "yes")},
        "assignee_id": _assignee_id(facts, item, row, patient),
        "outside_id": _outside_id(item, row, patient),
    }
    if item.dropped:
        state = State.WITHDRAWN if item.dropped == NO_WINDOW else State.DROPPED
        values |= _closing(state, DROPPED_IN_WORDS[item.dropped], at)
    else:
        values |= {
            "state": _open_state(facts, item),
            "closed_at": None,
            "closed_by_id": None,
            "closed_reason": "",
        }
    return _keep_booking(row, values, facts, at)


def _when_fit(facts: VisitFacts, moments: list[datetime], minutes: int) -> list[datetime]:
    """Found not fit: not before the time set then; target and latest move with it, the end of the window stands."""
    until = None if facts.window is None else facts.window.not_fit_until
    if until is None or until <= moments[0]:
        return moments
    earliest, target, latest, hard = moments
    last = max(earliest, hard - timedelta(minutes=minutes))
    earliest = min(until, last)
    target = min(max(target, earliest), last)
    return [earliest, target, max(latest, target), hard]


def _open_state(facts: VisitFacts, item: PlannedFollowUp) -> str:
    if item.gate == "none":
        return State.RELEASED if facts.stopped_at is not None else State.PROVISIONAL
    if not facts.signed or facts.window is None:
        return State.PROVISIONAL
    opened = facts.window.status in (PlasticityWindow.Status.OPEN, PlasticityWindow.Status.CLOSED)
    return State.RELEASED if opened else State.FIRM


def _closing(state: str, reason: str, at: datetime) -> dict[str, Any]:
    words = f"{reason[:1].upper()}{reason[1:]}"[:300]
    return {"state": state, "closed_at": at, "closed_by_id": None, "closed_reason": words}


def _keep_booking(
    row: FollowUp | None, values: dict[str, Any], facts: VisitFacts, at: datetime
) -> dict[str, Any]:
    """An appointment that stands is never silently dropped: the follow-up stays booked, a person decides."""
    if row is None or row.appointment is None:
        return values
    booked, key = row.appointment, f"limits:{row.code}"
    if booked.status not in Appointment.BLOCKING:
        return values
    if facts.signed and booked.status == Appointment.Status.PROVISIONAL:
        booked.status, booked.version = Appointment.Status.BOOKED, booked.version + 1
        booked.save(update_fields=["status", "version"])
    start, end = booked.during.lower, booked.during.upper
    closing = values["state"] in FollowUp.CLOSED
    outside = not closing and (start < values["earliest_at"] or end > values["hard_latest_at"])
    if closing or outside:
        why = values.get("closed_reason") or "The time lies outside its new limits."
        raise_item(
            kind=WorkItem.Kind.UNPLACED, key=key, site=facts.visit.site, patient=facts.visit.patient,
            title="Therapy booked, but the plan has changed", detail=why, role=roles.THERAPIST,
            owner=booked.practitioner, url=reverse("work_list"), due_at=at, at=at,
        )  # fmt: skip
    else:
        settle(kind=WorkItem.Kind.UNPLACED, key=key, resolution="The booking fits again.", at=at)
    if closing:
        values |= {name: getattr(row, name) for name in MOMENTS}
    return values | {"state": State.BOOKED, "closed_at": None, "closed_by_id": None, "closed_reason": ""}


def _assignee_id(
    facts: VisitFacts, item: PlannedFollowUp, row: FollowUp | None, patient: Patient
) -> int | None:
    """Whoever took the window, else who has it already, else the patient's therapist. Others' work is a
    role's.
    """
    kept = None if row is None else row.assignee_id
    if item.audience != "therapist":
        return kept
    claimed = None if facts.window is None else facts.window.claimed_by_id
    return claimed or kept or patient.therapist_id or facts.series.therapist_id


def _outside_id(item: PlannedFollowUp, row: FollowUp | None, patient: Patient) -> int | None:
    """Therapy is with the patient's therapist outside the clinic, if they have one; a single session that was given to
    one stays theirs.
    """
    if not item.therapy:
        return None
    return patient.external_therapist_id or (None if row is None else row.outside_id)


def _facts_in_words(facts: VisitFacts, zone: ZoneInfo) -> dict[str, str]:
    """Why now: the facts that the moments rest on, in the patient's local time."""
    words = {"protocol": str(facts.visit.protocol_version)}
    if facts.stopped_at is not None:
        words["pump_stop"] = in_words(facts.stopped_at, zone)
    if facts.estimate is not None and facts.estimate.t_pk is not None:
        words["drug_cleared"] = f"{in_words(facts.estimate.t_pk, zone)} (estimate)"
    if facts.sign_off is not None:
        words["ready_to_leave"] = in_words(facts.sign_off.t_sign, zone)
    return words


def _differs(row: FollowUp, target: dict[str, Any]) -> bool:
    ignored = {"closed_at"} if row.state == target["state"] else set()
    return any(getattr(row, name) != value for name, value in target.items() if name not in ignored)


def _changed(row: FollowUp, target: dict[str, Any]) -> FollowUp:
    """The row with the new values. Moved moments, somebody else's hands or coming back to life make a new generation
    for its messages.
    """
    moved = any(name in target and getattr(row, name) != target[name] for name in MOMENTS)
    moved |= "outside_id" in target and row.outside_id != target["outside_id"]
    revived = row.state in FollowUp.CLOSED and target["state"] in FollowUp.OPEN
    for name, value in target.items():
        setattr(row, name, value)
    row.version += 1
    if moved or revived:
        row.generation += 1
    return row


def close_rows(rows: Iterable[FollowUp], *, state: str, reason: str, at: datetime, by: Any = None) -> None:
    """Close these follow-ups with a reason; their unsent messages are cancelled by the caller's next sync."""
    for row in rows:
        row.state, row.closed_at, row.closed_by, row.closed_reason = state, at, by, reason[:300]
        row.version += 1
        row.save(update_fields=CLOSING)
