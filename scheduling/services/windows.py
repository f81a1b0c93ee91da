"""Windows over time: re-anchored when a fact changes, opened by the tick after T0, closed, taken by a
therapist.

What was planned gives way to what happened: therapy that stands in the new no-therapy period is displaced
with an owner, therapy that already took place is flagged, in the same transaction (decisions 2.1, 2.3).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.urls import reverse

from patients.services.covers import grant_cover
from scheduling.loaders_follow import VisitFacts, load_course
from scheduling.models import Appointment, FollowUp, PlasticityWindow, ResourceBooking, WorkItem
from scheduling.services.followups import sync_follow_ups
from scheduling.services.outside import flag_reported_inside
from scheduling.services.window_rows import (
    FALLBACK_LENGTH,
    WindowValues,
    check_constraints_now,
    is_older_than_facts,
    wanted_window,
    write_window,
)
from scheduling.services.workitems import raise_item, settle
from sessions.models import Infusion, IntegrationSession
from sessions.services import flag_inside_no_therapy
from staff import roles
from staff.clock import app_now
from staff.errors import RuleNotMet, StateConflict
from staff.locks import lock
from staff.models import User

Status = PlasticityWindow.Status
SWEEP_REACH = timedelta(days=45)
SWEEP = """
    SELECT i.* FROM treatment_sessions_infusion i
    LEFT JOIN scheduling_plasticitywindow w ON w.infusion_id = i.id AND w.superseded_at IS NULL
    LEFT JOIN treatment_sessions_clearanceestimate e ON e.infusion_id = i.id AND e.superseded_at IS NULL
    LEFT JOIN treatment_sessions_signoff s ON s.infusion_id = i.id AND s.superseded_at IS NULL
    WHERE i.arrived_at > %(since)s
      AND CASE WHEN i.started_at IS NULL THEN w.id IS NOT NULL
          ELSE w.id IS NULL OR w.status = 'stale' OR w.sign_off_id IS DISTINCT FROM s.id
               OR (w.inputs ->> 'estimate')::int IS DISTINCT FROM e.generation END
    ORDER BY i.id LIMIT 50
"""


@transaction.atomic
def reanchor(
    *, infusion: Infusion, by: User | None = None, at: datetime | None = None
) -> PlasticityWindow | None:
    """Derive the window of an infusion again from its facts, and everything that hangs on it. Idempotent.

    None when the pump has never run (a struck start takes its window back). Raises RuleNotMet when the
    infusion has no booked visit or no estimate. Therapy in the way is displaced or flagged.
    """
    lock(patients=[infusion.patient_id])
    at = at or app_now()
    facts = _facts_of(infusion)
    if facts.infusion is None or facts.infusion.started_at is None:
        _take_back(facts, at)
        window = None
    else:
        values = wanted_window(facts, at)
        _make_room(facts, values, by, at)
        window = write_window(facts, values, at)
    sync_follow_ups(series=facts.series, at=at)
    check_constraints_now()
    settle(kind=WorkItem.Kind.STALE_WINDOW, key=str(infusion.code), resolution="Worked out again.", at=at)
    return window


def _facts_of(infusion: Infusion) -> VisitFacts:
    for facts in load_course(infusion.patient_id):
        if facts.visit.infusion_id == infusion.pk:
            return facts
    raise RuleNotMet("The infusion has no booked visit.", code="no-visit")


def _take_back(facts: VisitFacts, at: datetime) -> None:
    if facts.window is not None:
        PlasticityWindow.objects.filter(pk=facts.window.pk).update(
            superseded_at=at, version=facts.window.version + 1
        )


def _make_room(facts: VisitFacts, values: WindowValues, by: User | None, at: datetime) -> None:
    """Move aside planned therapy that overlaps [start, T0), and flag what already took place there."""
    patient = facts.visit.patient
    span = (values.starts_at, values.t0)
    therapy = Appointment.objects.filter(patient=patient, kind=Appointment.Kind.THERAPY, during__overlap=span)
    for planned in therapy.filter(status__in=Appointment.UPCOMING).select_for_update():
        displace(planned, reason="The therapy time of the infusion moved.", at=at)
    happened = IntegrationSession.objects.filter(patient=patient, inside_no_therapy_at__isnull=True).filter(
        Q(started_at__lt=span[1]) & (Q(completed_at__isnull=True) | Q(completed_at__gt=span[0]))
        | Q(appointment__during__overlap=span)
    )
    for session in happened.select_related("therapist"):
        _flag_inside(session, facts, at)
    flag_reported_inside(patient.pk, *span, at)


def displace(appointment: Appointment, *, reason: str, at: datetime) -> None:
    """Free a planned therapy session's people and put it on its therapist's list. The caller holds the
    patient's lock.
    """
    ResourceBooking.objects.filter(appointment=appointment).delete()
    appointment.status, appointment.reason = Appointment.Status.DISPLACED, reason[:200]
    appointment.owner_id = appointment.practitioner_id
    appointment.version += 1
    appointment.save(update_fields=["status", "reason", "owner", "version"])
    report_displaced(appointment, at=at)


def report_displaced(appointment: Appointment, *, at: datetime) -> None:
    """The item of a displaced therapy session: whose it is, and where a new time is found."""
    follow_up = FollowUp.objects.filter(appointment=appointment).first()
    url = reverse("work_list")
    if follow_up is not None and follow_up.infusion is not None:
        window = PlasticityWindow.objects.current().filter(infusion=follow_up.infusion_id).first()
        url = reverse("window_detail", args=[window.code]) if window else url
    raise_item(
        kind=WorkItem.Kind.DISPLACED, key=str(appointment.code), site=appointment.site,
        patient=appointment.patient,
        title="Therapy session needs a new time", detail=appointment.reason, role=roles.THERAPIST,
        owner=appointment.practitioner, url=url, due_at=at, at=at,
    )  # fmt: skip


def _flag_inside(session: IntegrationSession, facts: VisitFacts, at: datetime) -> None:
    """Therapy that took place and, by a corrected fact, lay inside the no-therapy period: kept, flagged,
    told.
    """
    flag_inside_no_therapy(session=session, at=at)
    raise_item(
        kind=WorkItem.Kind.THERAPY_INSIDE, key=str(session.code), site=facts.visit.site,
        patient=session.patient,
        title="A therapy session lies inside a no-therapy period, by an amended record", role=roles.CLINICIAN,
        detail="The infusion record was amended afterwards. Review with the therapist what was worked on.",
        owner=facts.series.prescriber,
        url=_record_url(facts),
        due_at=at, at=at,
    )  # fmt: skip


def _record_url(facts: VisitFacts) -> str:
    return reverse("infusion_detail", args=[facts.infusion.code]) if facts.infusion else reverse("work_list")


# --- When planning fails ---


@transaction.atomic
def mark_stale(*, infusion: Infusion, reason: str, at: datetime | None = None) -> None:
    """The fact is kept although planning failed: therapy is locked, and a clinician's list says so.

    `reason` is a word for a program (a class name), never the text of an error. The sweep tries again.
    """
    lock(patients=[infusion.patient_id])
    at = at or app_now()
    facts = _facts_of(infusion)
    if facts.window is not None and facts.window.status != Status.STALE:
        PlasticityWindow.objects.filter(pk=facts.window.pk).update(
            status=Status.STALE, version=facts.window.version + 1
        )
    elif facts.window is None and infusion.started_at is not None:
        write_window(facts, _locked(facts), at)
    raise_item(
        kind=WorkItem.Kind.STALE_WINDOW, key=str(infusion.code), site=infusion.site, patient=infusion.patient,
        title="The therapy time could not be worked out", role=roles.CLINICIAN,
        detail=f"Therapy stays locked; the software tries again by itself. Cause: {reason}.",
        owner=facts.series.prescriber,
        url=reverse("infusion_detail", args=[infusion.code]), due_at=at, at=at,
    )  # fmt: skip


def _locked(facts: VisitFacts) -> WindowValues:
    """A row that locks therapy as the database would: for the predicted time, or 12 hours."""
    predicted = facts.visit.predicted_t0
    length = predicted - facts.visit.during.lower if predicted else FALLBACK_LENGTH
    t0 = facts.starts_at + max(length, FALLBACK_LENGTH)
    return WindowValues(Status.STALE, facts.starts_at, t0, t0, t0, t0, inputs={"decided": "planning failed"})


def stale_infusions(at: datetime) -> list[Infusion]:
    """Infusions whose current window is missing, stale or older than the facts (recent ones: the sweep's
    reach).
    """
    rows = Infusion.objects.raw(SWEEP, {"since": at - SWEEP_REACH})
    return list(rows)


# --- The tick's part ---


@transaction.atomic
def open_window(*, window: PlasticityWindow, at: datetime | None = None) -> bool:
    """Open one signed window whose time has come, after looking at the facts again. Idempotent and race-safe.

    False when there was nothing to open: opened already, superseded, or re-anchored because its facts had
    changed.
    """
    lock(patients=[window.patient_id])
    at = at or app_now()
    row = (
        PlasticityWindow.objects.select_for_update(of=["self"])
        .select_related("infusion", "series")
        .get(pk=window.pk)
    )
    if row.superseded_at is not None or row.status != Status.PENDING or row.t0 > at:
        return False
    facts = _facts_of(row.infusion)
    if is_older_than_facts(facts) or row.infusion.status != Infusion.Status.SIGNED_OFF:
        reanchor(infusion=row.infusion, at=at)
        return False
    row.status, row.opened_at = Status.OPEN, at
    row.version += 1
    row.save(update_fields=["status", "opened_at", "version"])
    sync_follow_ups(series=row.series, at=at)
    return True


@transaction.atomic
def close_window(*, window: PlasticityWindow, at: datetime | None = None) -> bool:
    """Close one open window whose core is over. Its later follow-ups (weekly work, outcome) go on."""
    at = at or app_now()
    changed = (
        PlasticityWindow.objects.over(at)
        .filter(pk=window.pk)
        .update(status=Status.CLOSED, closed_at=at, version=window.version + 1)
    )
    return bool(changed)


# --- Taking a window ---


@transaction.atomic
def claim_window(*, window: PlasticityWindow, by: User, at: datetime | None = None) -> PlasticityWindow:
    """Take a window: its follow-ups are `by`'s from now on. Of two who take it at once one gets it, the other
    a 409.

    Taking what one has already is harmless. Who had it and has not booked may lose it once it was put to everybody;
    who takes it from then on has it. Raises StateConflict when somebody else has it or it is gone.
    """
    lock(patients=[window.patient_id])
    at = at or app_now()
    row = (
        PlasticityWindow.objects.select_for_update(of=["self"]).select_related("claimed_by").get(pk=window.pk)
    )
    if row.superseded_at is not None:
        row = PlasticityWindow.objects.current().select_for_update().get(infusion=row.infusion_id)
    if row.claimed_by_id == by.pk:
        return row
    if row.claimed_by is not None and (not row.open_to_all or _has_booked(row, row.claimed_by)):
        raise StateConflict(f"{row.claimed_by.full_name} has taken this one.", code="already-taken")
    if row.status not in (Status.PROVISIONAL, Status.PENDING, Status.OPEN):
        raise StateConflict("This window is over.", code="window-over")
    hand_to(row, by, at)
    may_see_patient(row, by, by, at)
    return row


def may_see_patient(row: PlasticityWindow, person: User, by: User, at: datetime) -> None:
    """Whoever works in a window sees its patient until the window's tail is over, and not longer."""
    until = max(row.tail_until, at + timedelta(days=1))
    grant_cover(
        patient=row.patient, user=person, until=until, reason="Therapy after an infusion", by=by, at=at
    )


def _has_booked(row: PlasticityWindow, person: User) -> bool:
    return FollowUp.objects.filter(
        infusion=row.infusion_id, state=FollowUp.State.BOOKED, appointment__practitioner=person
    ).exists()


@transaction.atomic
def release_window(*, window: PlasticityWindow, by: User, at: datetime | None = None) -> PlasticityWindow:
    """Give a window back to the pool. Raises StateConflict unless `by` has it, or while therapy of it is
    booked.
    """
    lock(patients=[window.patient_id])
    row = PlasticityWindow.objects.current().select_for_update(of=["self"]).get(infusion=window.infusion_id)
    if row.claimed_by_id is None:
        return row
    if row.claimed_by_id != by.pk:
        raise StateConflict("Somebody else has taken this one.", code="already-taken")
    if _has_booked(row, by):
        raise StateConflict(
            "A therapy session is booked with you: cancel or hand it over first.", code="therapy-booked"
        )
    hand_to(row, None, None)
    return row


def hand_to(row: PlasticityWindow, person: User | None, at: datetime | None) -> None:
    """The window and its therapist's follow-ups that are not booked are `person`'s. The caller holds the lock."""
    row.claimed_by, row.claimed_at = person, at
    row.version += 1
    row.save(update_fields=["claimed_by", "claimed_at", "version"])
    FollowUp.objects.filter(infusion=row.infusion_id, audience="therapist", state__in=FollowUp.OPEN).exclude(
        state=FollowUp.State.BOOKED
    ).update(assignee=person or row.patient.therapist)
