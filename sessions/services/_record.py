"""What every verb on an infusion record shares: the lock, the version, the moment, refusals of the database
in words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from django.db import IntegrityError, transaction

from sessions.models import Infusion
from staff.clock import app_now
from staff.errors import DomainError, InvalidInput, NotAllowed, RuleNotMet, StaleVersion, StateConflict
from staff.history import acting
from staff.locks import lock
from staff.models import User

P = ParamSpec("P")
T = TypeVar("T")

STALE = "Somebody else added to this record since you opened it. Look at what changed, then save again."


def act(function: Callable[P, T]) -> Callable[P, T]:
    """Run `function` as one transaction whose history rows name its `by`."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with acting(cast("User | None", kwargs.get("by"))):
            return function(*args, **kwargs)

    return run


def moment(at: datetime | None) -> datetime:
    """`at` in UTC, or the present moment. Raises InvalidInput for a time without a zone."""
    return app_now() if at is None else aware(at, "at")


def aware(value: datetime, field: str) -> datetime:
    """`value` in UTC; InvalidInput when it has no zone."""
    if value.utcoffset() is None:
        raise InvalidInput("This time has no time zone.", code="naive-time", field=field)
    return value.astimezone(UTC)


def not_in_future(value: datetime, now: datetime, field: str) -> datetime:
    """`value` in UTC; RuleNotMet when it lies after `now`."""
    found = aware(value, field)
    if found > now:
        raise RuleNotMet("This time lies in the future.", code="in-the-future", field=field)
    return found


def locked(infusion: Infusion, expected_version: int | None = None) -> Infusion:
    """The infusion read again under the patient's lock. Raises StaleVersion when it is not the version
    expected.
    """
    lock(patients=[infusion.patient_id])
    current: Infusion = (
        Infusion.objects.for_record().select_for_update(of=("self",), no_key=True).get(pk=infusion.pk)
    )
    if expected_version is not None and current.version != expected_version:
        raise StaleVersion(STALE, code="stale", field="version")
    return current


def touch(infusion: Infusion, *fields: str) -> None:
    """Save `fields` and count the version up by one: one act, one version."""
    infusion.version += 1
    with refusals_in_words():
        infusion.save(update_fields=[*fields, "version"])


def need_role(by: User, action: str, message: str, *, field: str | None = None) -> None:
    """Raise NotAllowed unless one of the person's roles allows `action`."""
    if not by.may(action):
        raise NotAllowed(message, code="role", field=field)


def need_state(infusion: Infusion, allowed: frozenset[Any] | set[Any], message: str) -> None:
    """Raise StateConflict unless the record is in one of the `allowed` states."""
    if infusion.status not in allowed:
        raise StateConflict(message, code=f"infusion-{infusion.status}")


def _words() -> dict[str, DomainError]:
    """Refusals of the database by the name of the rule; new ones each time, because they are raised."""
    return {**_of_values(), **_of_the_pump(), **_of_the_end()}


def _of_values() -> dict[str, DomainError]:
    """Values out of range, one record at a time, entries that are fixed."""
    return {
        "one_infusion_in_progress_per_patient": StateConflict(
            "This patient already has an infusion record open.", code="infusion-open"
        ),
        "infusion_weight_in_range": RuleNotMet(
            "Weight must be 20 to 350 kg.", code="range", field="weight_kg"
        ),
        "infusion_order_in_range": RuleNotMet(
            "An order must be above 0 and at most 200 mg.", code="range", field="ordered_mg"
        ),
        "infusion_bag_in_range": RuleNotMet(
            "Bag concentration must be above 0 and at most 100 mg/mL.", code="range", field="bag_mg_per_ml"
        ),
        "signed_record_is_fixed": StateConflict(
            "A signed record is not edited. Add an amendment with its reason.", code="signed"
        ),
        "clinical_record_is_fixed": StateConflict(
            "Clinical entries are not edited. Add an amendment with its reason.", code="fixed"
        ),
        "vitals_diastolic_below_systolic": RuleNotMet(
            "Diastolic pressure must be below systolic.", code="order", field="diastolic"
        ),
    }


def _of_the_pump() -> dict[str, DomainError]:
    """What stands between a record and a running pump."""
    return {
        "one_start_per_infusion": StateConflict("The pump was already started.", code="pump-sequence"),
        "one_stop_per_infusion": StateConflict("The pump was already stopped.", code="pump-sequence"),
        "infusion_starts_with_weight_and_order": RuleNotMet(
            "The pump needs today's weight and a signed order first.", code="start-gate", field="kind"
        ),
        "next_infusion_is_reviewed": RuleNotMet(
            "A review of the course is not signed, or says stop: a prescriber signs it first.",
            code="start-gate",
            field="kind",
        ),
        "infusion_weight_fits_the_order": RuleNotMet(
            "The weight has changed by more than 5 % since the order: a prescriber signs it again.",
            code="start-gate",
            field="kind",
        ),
        "site_gates_before_start": RuleNotMet(
            "A gate of this site is not met yet.", code="start-gate", field="kind"
        ),
        "infusion_start_waits_for_holds": RuleNotMet(
            "Infusions of this patient are on hold: a prescriber lets them go on first.",
            code="treatment-held",
            field="kind",
        ),
    }


def _of_the_end() -> dict[str, DomainError]:
    """Signature, and therapy after it."""
    return {
        "one_current_sign_off_per_infusion": StateConflict("This record is already signed.", code="signed"),
        "sign_off_after_pump_stop": RuleNotMet("The pump must be stopped first.", code="pump-running"),
        "one_running_therapy_per_patient": StateConflict(
            "A therapy session with this patient is already running.", code="therapy-running"
        ),
        "sign_off_needs_an_ending": RuleNotMet(
            "The visit did not end by discharge: record a clinician's assessment first.",
            code="assessment-needed",
            field="criteria",
        ),
        "no_therapy_while_not_fit": RuleNotMet(
            "The patient was found not fit for therapy until a later time.",
            code="not-fit",
            field="started_at",
        ),
        "private_note_is_own": NotAllowed(
            "Private notes are for the therapist who wrote them.", code="not-your-session"
        ),
        "no_therapy_before_clearance": RuleNotMet(
            "Therapy cannot start yet: the drug has not cleared, or the infusion is not signed off.",
            code="no-therapy-period",
            field="started_at",
        ),
    }


@contextmanager
def refusals_in_words() -> Iterator[None]:
    """Run in a savepoint; a known constraint becomes the sentence it stands for, an unknown one stays an
    error.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        name = str(getattr(getattr(error.__cause__, "diag", None), "constraint_name", "") or "")
        known = _words().get(name)
        if known is None:
            raise
        raise known from error
