"""What happens to one booked visit: check-in, cancelled, skipped, not attended. Moving is in `moves`, the
chair's part of a running infusion in `chair_use`; both are named here too.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from scheduling.conflicts import booking_act
from scheduling.domain.localtime import day_in_words, local_date
from scheduling.loaders import zone_of
from scheduling.loaders_follow import load_course
from scheduling.models import Appointment, Resource, ScheduleChange, TreatmentSeries, WorkItem
from scheduling.reasons import CANCEL, NO_SHOW, OMIT, in_words
from scheduling.services.chair_use import follow_infusion, stretch_overdue
from scheduling.services.changes import Before, record, snapshot
from scheduling.services.endings import cancel_rows, raise_undated, settle_series, undated_key
from scheduling.services.exposure_limits import CODE as EXPOSURE_CODE
from scheduling.services.exposure_limits import beyond_limits, is_decided, may_decide
from scheduling.services.followups import sync_follow_ups
from scheduling.services.lanes import release
from scheduling.services.moves import STALE, move_visit, undo_move
from scheduling.services.neighbours import neighbours_of_ordinal
from scheduling.services.rules import (
    NO_LIMIT_HOURS,
    Neighbour,
    check_not_withdrawn,
    check_patient,
    check_running_version,
    elsewhere_words,
    gap_words,
)
from scheduling.services.window_rows import check_constraints_now
from scheduling.services.workitems import settle, settle_visit
from sessions.models import Infusion
from sessions.services import adopt_answers, open_infusion, override_for_visit
from sessions.services.before_start import EXPOSURE, GAP
from staff.clock import app_now
from staff.errors import InvalidInput, RuleNotMet, StaleVersion, StateConflict
from staff.locks import lock
from staff.models import User

__all__ = [
    "cancel_visit",
    "check_in",
    "follow_infusion",
    "mark_no_show",
    "move_visit",
    "omit_visit",
    "skip_infusion",
    "stretch_overdue",
    "undo_move",
    "why_not_checked_in",
]

Status = Appointment.Status


@booking_act
def check_in(
    *,
    appointment: Appointment,
    by: User,
    at: datetime | None = None,
    expected_version: int | None = None,
    override_reason: str = "",
) -> Infusion:
    """The patient is here: open the infusion record and link it. On the visit's own local day only.

    override_reason: a prescriber's, for a visit sooner than the minimum gap after the infusion before really started,
    or past a limit of exposure; kept, so that the start does not ask the same again. Raises StateConflict unless the
    visit is booked and its series runs, RuleNotMet on another day or when something rules treatment out, StaleVersion.
    """
    now = at or app_now()
    visit = _locked(appointment, expected_version)
    series = visit.series
    if visit.kind != Appointment.Kind.INFUSION or series is None:
        raise InvalidInput("Only infusion visits are checked in here.", code="not-an-infusion")
    if visit.status != Status.BOOKED:
        raise StateConflict(f"This visit is {visit.get_status_display().lower()}.", code="not-booked")
    if series.status != TreatmentSeries.Status.ACTIVE:
        raise StateConflict(f"This series is {series.get_status_display().lower()}.", code="series-over")
    zone = zone_of(visit.site)
    day = local_date(visit.during.lower, zone)
    if local_date(now, zone) != day:
        words = f"This visit is booked for {day_in_words(day)}. Move it to today first."
        raise RuleNotMet(words, code="other-day")
    check_running_version(series.protocol_version)
    check_patient(visit.patient, series.protocol_version.read(), by=by, at=now, decided=True)
    check_not_withdrawn(visit.patient, series.protocol_version)
    decided = _decisions(visit, series, by, override_reason)
    infusion = open_infusion(
        patient=visit.patient,
        protocol_version=series.protocol_version,
        ordinal=visit.ordinal or 1,
        course=series.code,
        site=visit.site,
        chair=_chair_name(visit),
        planned_start=visit.during.lower,
        by=by,
        at=now,
    )
    visit.infusion, visit.status = infusion, Status.ARRIVED
    _touch(visit, "infusion", "status")
    settle_visit(visit, resolution="The patient is here.", at=now, by=by)
    for gate, words in decided.items():
        override_for_visit(
            patient=visit.patient, site=visit.site, visit=visit.code, gate=gate, label=words, note=override_reason,
            by=by, at=now,
        )  # fmt: skip
    adopt_answers(visit=visit.code, infusion=infusion, at=now)
    sync_follow_ups(series=series, at=now)
    check_constraints_now()
    return infusion


def _decisions(visit: Appointment, series: TreatmentSeries, by: User, reason: str) -> dict[str, str]:
    """What a prescriber decides by `reason`, in words by gate: the minimum gap, by when the infusion before really
    started (which may be later than planned), and limits of exposure. Raises RuleNotMet for everybody else.
    """
    found = {}
    gap = _gap_again(visit, series)
    if gap is not None:
        found[GAP] = gap
    if not is_decided(visit):
        ordinal, definition = visit.ordinal or 1, series.protocol_version.read()
        rows = beyond_limits(visit.patient, definition, {ordinal: visit.during.lower}, without=[visit.pk])
        found.update((EXPOSURE, words) for words in rows.values())
    if found and not may_decide(by, reason):
        todo = "Move this visit to a later time, or" if gap is not None else "Only"
        words = f"{' '.join(found.values())} {todo} a prescriber checks the patient in, with a reason."
        code = "gap" if gap is not None else EXPOSURE_CODE
        raise RuleNotMet(words, code=code, field="override_reason")
    return found


def why_not_checked_in(visit: Appointment) -> str:
    """What a prescriber would decide at the check-in of this visit, in words; empty when nothing. For pages."""
    if visit.series is None or visit.status != Status.BOOKED:
        return ""
    definition, ordinal = visit.series.protocol_version.read(), visit.ordinal or 1
    rows = {} if is_decided(visit) else beyond_limits(
        visit.patient, definition, {ordinal: visit.during.lower}, without=[visit.pk]
    )  # fmt: skip
    return " ".join(filter(None, [_gap_again(visit, visit.series), *rows.values()]))


def _gap_again(visit: Appointment, series: TreatmentSeries) -> str | None:
    course = [item for item in load_course(visit.patient_id) if item.visit.pk != visit.pk]
    before, _ = neighbours_of_ordinal(course, series, visit.ordinal or 0)
    here = Neighbour(visit.ordinal or 1, visit.during.lower)
    definition, zone = series.protocol_version.read(), zone_of(visit.site)
    words = gap_words(definition, before, here, zone, NO_LIMIT_HOURS) or elsewhere_words(
        definition, visit.patient.prior_exposures.last_day(), here.start, here.ordinal, zone
    )
    return None if words is None else f"{words}."


def _chair_name(visit: Appointment) -> str:
    booking = (
        visit.resource_bookings.filter(resource__kind=Resource.Kind.CHAIR).select_related("resource").first()
    )
    return booking.resource.name if booking else ""


@booking_act
def cancel_visit(
    *,
    appointment: Appointment,
    reason: str,
    by: User,
    initiator: str = "patient",
    note: str = "",
    at: datetime | None = None,
    expected_version: int | None = None,
) -> Appointment:
    """Take a visit off the calendar. The infusion still has to be given: it goes on the list until it has a
    date.

    Raises StateConflict once the patient has arrived, StaleVersion.
    """
    now = at or app_now()
    words = in_words(CANCEL, reason, initiator=initiator, note=note)
    visit, before = _release(appointment, Status.CANCELLED, words, Appointment.CANCELLABLE, expected_version)
    raise_undated(visit, words, now)
    return _finish(visit, ScheduleChange.Kind.CANCEL, before, by, now)


@booking_act
def omit_visit(
    *,
    appointment: Appointment,
    reason: str,
    by: User,
    initiator: str = "clinician",
    note: str = "",
    at: datetime | None = None,
    expected_version: int | None = None,
) -> Appointment:
    """Skip this infusion: it will not be given. The series is complete when it was the last one outstanding."""
    now = at or app_now()
    words = in_words(OMIT, reason, initiator=initiator, note=note)
    visit, before = _release(appointment, Status.OMITTED, words, Appointment.CANCELLABLE, expected_version)
    if visit.series is not None:
        settle_series(visit.series, now)
    return _finish(visit, ScheduleChange.Kind.OMIT, before, by, now)


@booking_act
def mark_no_show(
    *,
    appointment: Appointment,
    reason: str,
    by: User,
    note: str = "",
    at: datetime | None = None,
    expected_version: int | None = None,
) -> Appointment:
    """The patient did not come. Only after the planned start; the infusion goes on the list until it has a
    date.
    """
    now = at or app_now()
    words = in_words(NO_SHOW, reason, initiator="patient", note=note)
    if appointment.during.lower > now:
        raise RuleNotMet("The visit has not begun yet: cancel or move it instead.", code="not-begun")
    visit, before = _release(appointment, Status.NO_SHOW, words, {Status.BOOKED}, expected_version)
    raise_undated(visit, words, now)
    return _finish(visit, ScheduleChange.Kind.NO_SHOW, before, by, now)


@booking_act
def skip_infusion(
    *,
    series: TreatmentSeries,
    ordinal: int,
    reason: str,
    by: User,
    initiator: str = "clinician",
    note: str = "",
    at: datetime | None = None,
) -> Appointment:
    """Skip an infusion that has lost its date (cancelled, not attended): the row that says so is added beside
    it.
    """
    now = at or app_now()
    words = in_words(OMIT, reason, initiator=initiator, note=note)
    lock(patients=[series.patient_id])
    rows = list(series.appointments.infusions().filter(ordinal=ordinal).order_by("pk"))
    lost = [row for row in rows if row.status in (Status.CANCELLED, Status.NO_SHOW)]
    if not lost or len(lost) < len(rows):
        raise StateConflict("This infusion has a date or is settled already.", code="not-undated")
    last = lost[-1]
    skipped = Appointment.objects.create(
        kind=last.kind,
        status=Status.OMITTED,
        patient_id=last.patient_id,
        site_id=last.site_id,
        series=series,
        ordinal=ordinal,
        during=last.during,
        predicted_t0=last.predicted_t0,
        reason=words,
        booked_by=by,
        booked_at=now,
    )
    settle(kind=WorkItem.Kind.DISPLACED, key=undated_key(series, ordinal), resolution=words, at=now, by=by)
    settle_series(series, now)
    sync_follow_ups(series=series, at=now)
    check_constraints_now()
    return skipped


def _locked(appointment: Appointment, expected_version: int | None) -> Appointment:
    """The row, after the locks of its patient and resources. Raises StaleVersion."""
    held = Resource.objects.filter(bookings__appointment=appointment.pk).values_list("pk", flat=True)
    lock(patients=[appointment.patient_id], resources=set(held))
    rows = Appointment.objects.select_for_update(of=["self"]).select_related(
        "patient__site", "site", "series__protocol_version__template", "series__booked_by"
    )
    visit = rows.get(pk=appointment.pk)
    if expected_version is not None and visit.version != expected_version:
        raise StaleVersion(STALE)
    return visit


def _release(
    appointment: Appointment, status: str, words: str, allowed: Collection[str], expected_version: int | None
) -> tuple[Appointment, list[Before]]:
    visit = _locked(appointment, expected_version)
    if visit.kind == Appointment.Kind.THERAPY:
        raise InvalidInput("Therapy sessions are changed in their window.", code="not-an-infusion")
    if visit.status not in allowed:
        raise StateConflict(f"This visit is {visit.get_status_display().lower()}.", code="wrong-state")
    planned = _planned_therapy(visit)
    before = snapshot([visit, *planned])
    release([visit.pk])
    visit.status, visit.reason, visit.owner = status, words, None
    _touch(visit, "status", "reason", "owner")
    cancel_rows(planned, "The infusion before it was taken off the calendar.")
    return visit, before


def _planned_therapy(visit: Appointment) -> list[Appointment]:
    """Sessions that were only planned for after this infusion: they have nothing to come after."""
    rows = Appointment.objects.filter(
        series=visit.series, ordinal=visit.ordinal, kind=Appointment.Kind.THERAPY, status=Status.PROVISIONAL
    )
    return list(rows.select_for_update(of=["self"]))


def _finish(visit: Appointment, kind: str, before: list[Before], by: User, now: datetime) -> Appointment:
    record(kind, before, reason=visit.reason or "Changed.", by=by, at=now)
    settle_visit(visit, resolution=visit.reason or "Settled.", at=now, by=by)
    if visit.series is not None:
        sync_follow_ups(series=visit.series, at=now)
    check_constraints_now()
    return visit


def _touch(visit: Appointment, *fields: str) -> None:
    visit.version += 1
    visit.save(update_fields=[*fields, "version"])
