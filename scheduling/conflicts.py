"""From what PostgreSQL refuses to what a person can read, and the retry of what merely collided.

The service checks under its locks and names what it finds; the constraints behind it hold for every other
path. Which booking stands in the way is told only as far as the caller may see it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import ParamSpec, TypeVar, cast
from zoneinfo import ZoneInfo

from django.db import DatabaseError, IntegrityError, OperationalError

from scheduling.domain.localtime import clock_in_words, in_words
from scheduling.models import Appointment, ResourceBooking
from scheduling.reasons import FOR_UNDO
from staff.errors import Clash, Conflict, DomainError, RuleNotMet, StateConflict, TryAgain, constraint_name
from staff.history import acting
from staff.models import User

P = ParamSpec("P")
R = TypeVar("R")

RETRIES = 3
DEADLOCK, SERIALIZATION, LOCK_TIMEOUT = "40P01", "40001", "55P03"
TRANSIENT = frozenset({DEADLOCK, SERIALIZATION, LOCK_TIMEOUT})

REFUSALS: dict[str, tuple[type[DomainError], str]] = {
    "patient_is_in_one_place": (Clash, "The patient has another appointment at that time."),
    "one_booking_per_lane": (Clash, "That chair or person is taken at that time."),
    "lane_within_capacity": (Clash, "That chair or person has no room at that time."),
    "no_therapy_before_clearance": (RuleNotMet, "A therapy session would fall inside a no-therapy period."),
    "close_infusions_are_decided": (
        RuleNotMet,
        "Infusions less than 36 h apart, or more than three in seven days: a prescriber decides, with a reason.",
    ),
    "one_active_series_per_patient": (StateConflict, "This patient already has an active series."),
    "one_visit_per_series_and_ordinal": (StateConflict, "This visit of the series is booked already."),
    "booked_resource_stays_in_use": (StateConflict, "Bookings lie ahead: it stays in use."),
    "retired_resource_is_not_booked": (StateConflict, "That chair or person is no longer in use."),
    "series_needs_eligibility": (
        RuleNotMet,
        "A prescriber signs the eligibility checklist of this protocol before a series is booked.",
    ),
    "one_infusion_in_progress_per_patient": (StateConflict, "This patient has an infusion in progress."),
}


def sqlstate(error: BaseException) -> str:
    """PostgreSQL's code of a database error, or ''."""
    return str(getattr(error.__cause__, "pgcode", "") or "")


def as_refusal(error: DatabaseError) -> DomainError | None:
    """The refusal in words for a constraint of ours; None for anything else."""
    name = constraint_name(error)
    if name not in REFUSALS:
        return None
    kind, words = REFUSALS[name]
    return kind(words, code=name.replace("_", "-"))


def booking_act(work: Callable[P, R]) -> Callable[P, R]:
    """Run `work` in a transaction (a savepoint inside one) whose history names its `by`, with refusals in
    words.

    A deadlock, a serialisation failure or a lock time-out is rolled back and tried again, at most three
    times; then TryAgain: nothing was written. Locks taken in a failed attempt are released with its
    savepoint.
    """

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(RETRIES):
            try:
                return _once(work, *args, **kwargs)
            except (OperationalError, TryAgain) as error:
                if not _transient(error):
                    raise
        try:
            return _once(work, *args, **kwargs)
        except OperationalError as error:
            if not _transient(error):
                raise
            raise TryAgain("Somebody else is changing this right now. Try again.") from error

    return run


def _once(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    try:
        with acting(cast("User | None", kwargs.get("by"))):
            return work(*args, **kwargs)
    except IntegrityError as error:
        refusal = as_refusal(error)
        if refusal is None:
            raise
        raise refusal from error


def _transient(error: BaseException) -> bool:
    if isinstance(error, TryAgain):
        return error.__cause__ is not None and sqlstate(error.__cause__) in TRANSIENT
    return sqlstate(error) in TRANSIENT


def told(bookings: Sequence[ResourceBooking], viewer: User, zone: ZoneInfo) -> tuple[Conflict, ...]:
    """What stands in the way: the resource and its times for everyone, whose visit it is for those who may
    see it.
    """
    seen = set(
        Appointment.objects.visible_to(viewer)
        .filter(pk__in={item.appointment_id for item in bookings})
        .values_list("pk", flat=True)
    )
    return tuple(
        Conflict(
            resource=str(item.resource.name),
            starts_at=in_words(item.during.lower, zone),
            ends_at=clock_in_words(item.during.upper, zone),
            detail=whose(item.appointment) if item.appointment_id in seen else "",
        )
        for item in bookings
    )


def whose(appointment: Appointment) -> str:
    """`Alex Sample, infusion visit 3`."""
    if appointment.reason == FOR_UNDO:
        return f"{appointment.patient.full_name}, kept for two minutes so that the change can be undone"
    number = f" {appointment.ordinal}" if appointment.ordinal else ""
    return f"{appointment.patient.full_name}, {appointment.get_kind_display().lower()}{number}"


def taken_in_words(conflicts: Sequence[Conflict], name: str) -> str:
    """`Chair 2 is taken Fri 4 Dec 10:00-12:55 (Alex Sample, infusion visit 3)`."""
    first = conflicts[0]
    detail = f" ({first.detail})" if first.detail else ""
    return f"{name} is taken {first.starts_at}-{first.ends_at}{detail}"
