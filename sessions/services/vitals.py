"""Vital signs. A reading is always stored; limits only say what to do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sessions import running_gate
from sessions.eligibility import Reading
from sessions.models import Infusion, VitalSigns
from sessions.services._record import act, locked, moment, not_in_future, refusals_in_words, touch
from sessions.services.estimates import current_sign_off
from sessions.services.minutes import seen_in_its_minute
from sessions.services.readiness import readings_until
from sessions.services.stop_signs import signs_of
from staff.errors import InvalidInput, RuleNotMet, StateConflict
from staff.models import User

LIMITS = {
    "systolic": (50, 300, "mmHg"),
    "diastolic": (20, 200, "mmHg"),
    "heart_rate": (20, 250, "beats a minute"),
    "spo2": (40, 100, "%"),
    "moaas": (0, 5, ""),
    "cadss6": (0, 24, ""),
}


@act
def record_vitals(
    *,
    infusion: Infusion,
    systolic: int,
    diastolic: int,
    heart_rate: int,
    spo2: int,
    by: User,
    moaas: int | None = None,
    cadss6: int | None = None,
    note: str = "",
    observed_at: datetime | None = None,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> VitalSigns:
    """One reading. The same reading twice (same time and numbers) is stored once.

    Raises InvalidInput at the field for an impossible number. After signing only readings taken since then
    are added.
    """
    now = moment(at)
    current = locked(infusion, expected_version)
    seen = not_in_future(observed_at or now, now, "observed_at")
    if observed_at is not None:
        seen = seen_in_its_minute(current, seen)
    _check_open(current, seen)
    values = {
        "systolic": systolic,
        "diastolic": diastolic,
        "heart_rate": heart_rate,
        "spo2": spo2,
        "moaas": moaas,
        "cadss6": cadss6,
    }
    _check_numbers(values)
    same: VitalSigns | None = (
        current.vital_signs.live().filter(observed_at=seen, entered_by=by, **values).first()
    )
    if same is not None:
        return same
    with refusals_in_words():
        row = VitalSigns.objects.create(
            infusion=current, observed_at=seen, entered_at=now, entered_by=by, note=note.strip(), **values
        )
    touch(current)
    return row


@act
def withdraw_vitals(
    *, vitals: VitalSigns, by: User, at: datetime | None = None, expected_version: int | None = None
) -> VitalSigns:
    """Take a mistyped reading out of the grid; it stays visible as struck. StateConflict once signed."""
    now = moment(at)
    current = locked(vitals.infusion, expected_version)
    if current.status == Infusion.Status.SIGNED_OFF:
        raise StateConflict("This record is signed: its readings are fixed.", code="signed")
    row: VitalSigns = current.vital_signs.select_for_update(of=("self",)).get(pk=vitals.pk)
    if row.withdrawn_at is not None:
        raise StateConflict("This reading was already taken out.", code="already-withdrawn")
    row.withdrawn_at, row.withdrawn_by = now, by
    row.save(update_fields=["withdrawn_at", "withdrawn_by"])
    touch(current)
    return row


def vitals_advice(infusion: Infusion, at: datetime) -> running_gate.RunningDecision:
    """What readings and adverse events ask of a pump that runs or is paused; "none" before the start.

    After the stop only the last reading since then counts: "stop" and "pause" there ask for the prescriber.
    """
    signs = signs_of(infusion) if infusion.status in Infusion.RUNNING else ()
    return advice_on(infusion, readings_until(infusion, at), signs)


def advice_on(
    infusion: Infusion, readings: Sequence[Reading], signs: Sequence[str]
) -> running_gate.RunningDecision:
    """The same from `readings` (ascending) and the codes of `stop_signs` that stand since the start. No query."""
    limits = infusion.protocol_version.read().limits
    if infusion.status in Infusion.RUNNING:
        return running_gate.running_gate(readings, limits, signs=signs, since=infusion.started_at)
    stop = infusion.stopped_at
    if infusion.status != Infusion.Status.RECOVERING or stop is None:
        return running_gate.RunningDecision("none", (), None)
    return running_gate.running_gate([item for item in readings if item.at >= stop], limits)


def _check_open(infusion: Infusion, seen: datetime) -> None:
    if infusion.status == Infusion.Status.NOT_GIVEN:
        raise StateConflict("This infusion was not given: its record is closed.", code="infusion-not-given")
    signature = current_sign_off(infusion)
    if signature is not None and seen <= signature.signed_at:
        raise RuleNotMet(
            "This record is signed. Only readings taken after the signature are added.",
            code="signed",
            field="observed_at",
        )


def _check_numbers(values: dict[str, int | None]) -> None:
    for field, value in values.items():
        low, high, unit = LIMITS[field]
        if value is not None and not low <= value <= high:
            raise InvalidInput(f"Enter {low} to {high} {unit}".strip() + ".", code="range", field=field)
    if (values["diastolic"] or 0) >= (values["systolic"] or 0):
        raise RuleNotMet("Diastolic pressure must be below systolic.", code="order", field="diastolic")
