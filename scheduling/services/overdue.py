"""What nobody did in time becomes an item on a named person's or a role's list. Called by the tick.

Therapy past its latest hour with the times that are still possible, missed follow-ups (past their last moment),
and check-ins without an answer by their latest hour (decisions 1.7, clinic-day 12). Records that nobody signed are
in `unsigned`.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction
from django.urls import reverse

from scheduling.domain.localtime import in_words
from scheduling.models import Appointment, FollowUp, Message, PatientLink, PlasticityWindow, WorkItem
from scheduling.services import call_instead, lanes
from scheduling.services.duty import on_duty
from scheduling.services.escalation import LATE_KEY, pool_key, settle_escalation
from scheduling.services.followups import close_rows
from scheduling.services.messages import sync_patient
from scheduling.services.still_possible import still_possible
from scheduling.services.workitems import raise_item, settle
from staff import roles
from staff.locks import lock
from staff.models import User

State = FollowUp.State
ROLE_OF = {
    "patient": roles.NURSE,
    "nurse": roles.NURSE,
    "therapist": roles.THERAPIST,
    "clinician": roles.CLINICIAN,
}
NOT_HELD = "It did not take place by its last moment."
WITH_OWNER = (
    "assignee", "patient__therapist", "patient__prescriber", "series__therapist", "series__prescriber",
)  # fmt: skip
PASSED_KEY = "passed:"


@transaction.atomic
def mark_missed(*, follow_up: FollowUp, at: datetime) -> bool:
    """Close one follow-up whose last moment has passed. False when it was done, moved or is under way."""
    lock(patients=[follow_up.patient_id])
    row = (
        FollowUp.objects.overdue(at)
        .select_for_update(of=["self"])
        .select_related(
            *WITH_OWNER,
            "appointment",
            "site",
            "visit__series__protocol_version",
            "visit__infusion__protocol_version",
        )
        .filter(pk=follow_up.pk)
        .first()
    )
    if row is None:
        return False
    booked = row.appointment
    reason = missed_because(row) if row.therapy else NOT_HELD
    if booked is not None and booked.status in Appointment.BLOCKING:
        if booked.status == Appointment.Status.IN_PROGRESS:
            return False
        lanes.release([booked.pk])
        booked.status, booked.reason, booked.version = (
            Appointment.Status.NO_SHOW,
            reason,
            booked.version + 1,
        )
        booked.save(update_fields=["status", "reason", "version"])
    close_rows([row], state=State.MISSED, reason=reason, at=at)
    sync_patient(row.patient, at=at)
    for kind in (WorkItem.Kind.CALL_PATIENT, WorkItem.Kind.UNPLACED):
        settle(kind=kind, key=f"late:{row.code}", resolution="Missed, see its own item.", at=at)
    settle_escalation(row, "Missed, see its own item.", at)
    if _is_listed(row) and not _told_already(row):
        _report_missed(row, at)
    return True


def _is_listed(row: FollowUp) -> bool:
    """By the version that governs the visit; a rule that the text no longer has falls back on the row itself."""
    try:
        return row.visit.protocol_version.read().follow_up(row.kind).missed_is_listed
    except KeyError:
        return row.required


def missed_because(row: FollowUp) -> str:
    """Why the window of a therapy follow-up passed without it, as far as the facts say."""
    zone, booked = ZoneInfo(row.site.time_zone), row.appointment
    if booked is not None and booked.status in Appointment.BLOCKING:
        words = f"booked for {in_words(booked.during.lower, zone)} and did not take place"
    elif row.outside_id is not None:
        words = _from_outside(row)
    elif row.why.get("no_working_slot"):
        words = "no therapist was working inside its limits"
    else:
        words = "no time was booked"
    cut = "; the next infusion visit ended it early" if row.why.get("cut_short") else ""
    return f"Window missed: {words}{cut}."


def _from_outside(row: FollowUp) -> str:
    """What the therapist outside the clinic said, or that they said nothing."""
    said = PatientLink.objects.filter(
        follow_up=row, purpose=PatientLink.Purpose.OUTSIDE, answer__answer="not-held"
    ).exists()
    return (
        "the outside therapist reports that none took place"
        if said
        else "the outside therapist reported none"
    )


def _told_already(row: FollowUp) -> bool:
    """A message was all there was to do, and that it failed or could not be sent is on a list of its own."""
    if row.audience != "patient":
        return False
    failed = Message.objects.filter(follow_up=row, state__in=Message.TROUBLE).exists()
    return failed or WorkItem.objects.filter(key=f"{call_instead.KEY}{row.visit.code}").exists()


def _report_missed(row: FollowUp, at: datetime) -> None:
    raise_item(
        kind=WorkItem.Kind.MISSED, key=f"missed:{row.code}", site=row.site, patient=row.patient,
        title=f"Missed: {row.title}"[:160], role=ROLE_OF.get(row.audience, roles.NURSE),
        owner=owner_of(row, at=at),
        detail=f"{row.closed_reason} Say what happened, or arrange something else.",
        url=reverse("patient_detail", args=[row.patient.code]), due_at=at, at=at,
    )  # fmt: skip


def owner_of(row: FollowUp, *, at: datetime) -> User | None:
    """Whose it is by name, else whoever is on duty. None only when nobody is: then it is the role's list."""
    return named_owner(row) or next((shift.user for shift in on_duty(row.site, at)), None)


def named_owner(row: FollowUp) -> User | None:
    """Whoever it was assigned to; for therapy else the patient's therapist or the prescriber, for a clinician's task
    the prescriber. None for what is anybody's of a role.
    """
    if row.assignee is not None or row.audience not in ("therapist", "clinician"):
        return row.assignee
    therapist = (row.patient.therapist or row.series.therapist) if row.audience == "therapist" else None
    return therapist or row.patient.prescriber or row.series.prescriber


# --- Late, and still possible ---


def late_therapy(at: datetime) -> list[FollowUp]:
    """Therapy past its latest hour, not booked, not over, and not yet on anybody's list for that.

    What is with the lead already (escalation) stays there: one item, one owner.
    """
    rows = FollowUp.objects.filter(
        therapy=True, state=State.RELEASED, latest_at__lte=at, hard_latest_at__gt=at
    ).select_related(*WITH_OWNER, "site", "series__protocol_version", "infusion__protocol_version")[:200]
    told = dict(
        WorkItem.objects.filter(
            kind=WorkItem.Kind.UNPLACED, key__in=[f"late:{row.code}" for row in rows]
        ).values_list("key", "created_at")
    )
    with_lead = set(
        WorkItem.objects.open()
        .filter(kind=WorkItem.Kind.UNPLACED, key__in=[pool_key(row) for row in rows], owner__isnull=False)
        .values_list("key", flat=True)
    )
    return [
        row
        for row in rows
        if told.get(f"late:{row.code}", row.latest_at) <= row.latest_at and pool_key(row) not in with_lead
    ]


def passed_therapy(at: datetime) -> list[FollowUp]:
    """Booked therapy whose time has passed without a start, inside its window, and not yet on anybody's list."""
    rows = FollowUp.objects.filter(
        therapy=True, state=State.BOOKED, appointment__status__in=Appointment.UPCOMING,
        appointment__during__endswith__lte=at, hard_latest_at__gt=at,
    ).select_related(
        *WITH_OWNER, "appointment", "site", "series__protocol_version", "infusion__protocol_version"
    )[:200]  # fmt: skip
    keys = [PASSED_KEY + str(row.appointment.code) for row in rows if row.appointment]
    told = set(WorkItem.objects.filter(key__in=keys).values_list("key", flat=True))
    return [row for row in rows if row.appointment and PASSED_KEY + str(row.appointment.code) not in told]


@transaction.atomic
def report_passed(*, follow_up: FollowUp, at: datetime) -> None:
    """A therapy session that did not begin goes on its therapist's list with what is left in the window."""
    booked, zone = follow_up.appointment, ZoneInfo(follow_up.site.time_zone)
    if booked is None:
        return
    left = still_possible(follow_up, ends=follow_up.hard_latest_at, at=at)
    raise_item(
        kind=WorkItem.Kind.UNPLACED, key=PASSED_KEY + str(booked.code), site=follow_up.site,
        patient=follow_up.patient, title=f"Not started: {follow_up.title}"[:160], role=roles.THERAPIST,
        owner=booked.practitioner or owner_of(follow_up, at=at),
        detail=f"Booked for {in_words(booked.during.lower, zone)}. {left}",
        url=reverse("follow_up_book", args=[follow_up.code]), due_at=at, at=at,
    )  # fmt: skip


def _settle_passed(at: datetime) -> None:
    """Items about a time that passed, whose session was started, booked anew, cancelled or closed since."""
    items = WorkItem.objects.open().filter(kind=WorkItem.Kind.UNPLACED, key__startswith=PASSED_KEY)
    codes = {key.removeprefix(PASSED_KEY) for key in items.values_list("key", flat=True)}
    if not codes:
        return
    rows = FollowUp.objects.filter(
        appointment__code__in=codes, state=State.BOOKED, appointment__status__in=Appointment.UPCOMING,
        appointment__during__endswith__lte=at,
    )  # fmt: skip
    for code in codes - {str(code) for code in rows.values_list("appointment__code", flat=True)}:
        settle(kind=WorkItem.Kind.UNPLACED, key=PASSED_KEY + code, resolution="Settled since.", at=at)


def settle_caught_up(at: datetime) -> None:
    """Items about lateness whose follow-up is not late any more: it was booked, moved or closed."""
    items = WorkItem.objects.open().filter(kind=WorkItem.Kind.UNPLACED, key__startswith=LATE_KEY)
    keys = list(items.values_list("key", flat=True))
    _settle_passed(at)
    if not keys:
        return
    still = FollowUp.objects.filter(
        code__in=[key.removeprefix(LATE_KEY) for key in keys], state=State.RELEASED, latest_at__lte=at
    )
    late = {f"{LATE_KEY}{code}" for code in still.values_list("code", flat=True)}
    for key in keys:
        if key not in late:
            settle(kind=WorkItem.Kind.UNPLACED, key=key, resolution="Not late any more.", at=at)


@transaction.atomic
def report_late(*, follow_up: FollowUp, at: datetime) -> None:
    """Late therapy goes on a person's list with the times that are still possible, in place of the item that was
    open to every therapist. Nothing is moved.
    """
    window = PlasticityWindow.objects.current().filter(infusion=follow_up.infusion_id).first()
    page = reverse("window_detail", args=[window.code]) if window is not None else reverse("work_list")
    detail = still_possible(follow_up, ends=follow_up.hard_latest_at, at=at)
    title = f"Late: {follow_up.title}"
    if follow_up.outside_id is not None:
        title = f"No word from the outside therapist: {follow_up.title}"
        detail = f"Phone them and record what they say, or offer a time here. {detail}"
    settle_escalation(follow_up, "Late now: a named person's, see that item.", at)
    raise_item(
        kind=WorkItem.Kind.UNPLACED, key=f"late:{follow_up.code}", site=follow_up.site,
        patient=follow_up.patient, title=title[:160], role=roles.THERAPIST,
        owner=owner_of(follow_up, at=at), url=page, due_at=follow_up.latest_at, at=at, detail=detail,
    )  # fmt: skip


def report_silence(*, follow_up: FollowUp, at: datetime) -> None:
    """No answer to the next-morning check-in by its latest hour: a nurse calls."""
    raise_item(
        kind=WorkItem.Kind.CALL_PATIENT, key=f"late:{follow_up.code}", site=follow_up.site,
        patient=follow_up.patient, title=f"Call the patient: {follow_up.title}"[:160], role=roles.NURSE,
        detail="Nothing has been heard. Ask about sleep, adverse effects and safety, then mark it as done.",
        owner=follow_up.assignee, url=reverse("patient_detail", args=[follow_up.patient.code]),
        due_at=follow_up.latest_at, at=at,
    )  # fmt: skip


def silent_check_ins(at: datetime) -> list[FollowUp]:
    """Safety follow-ups of the nurse that are past their latest hour, still open, and on nobody's list yet."""
    rows = FollowUp.objects.filter(
        gate="none", audience="nurse", state=State.RELEASED, latest_at__lte=at, hard_latest_at__gt=at
    ).select_related("patient", "site", "assignee")
    told = set(
        WorkItem.objects.open()
        .filter(kind=WorkItem.Kind.CALL_PATIENT, key__in=[f"late:{row.code}" for row in rows])
        .values_list("key", flat=True)
    )
    return [row for row in rows if f"late:{row.code}" not in told]
