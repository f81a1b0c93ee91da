"""The row of one plasticity window: what it should say by the facts, and writing it when it says something
else.

Decisions 1.1-1.6. One current row per infusion; a corrected fact supersedes it and adds a new one. Callers
hold the patient's lock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from scheduling.domain.intervals import as_utc
from scheduling.domain.windows import plasticity_window
from scheduling.loaders_follow import VisitFacts
from scheduling.models import PlasticityWindow
from sessions.models import SignOff
from sessions.services import signed_time, unsigned_time
from staff.errors import RuleNotMet

Status = PlasticityWindow.Status
DEFERRED_FROM_THE_START = (
    "appointment_resources_agree",
    "booking_resources_agree",
    "close_infusions_are_decided",
    "lock_therapy_without_window",
    "signed_off_needs_a_signature",
)
FALLBACK_LENGTH = timedelta(hours=12)  # as the database's own lock, when nothing is known


@dataclass(frozen=True)
class WindowValues:
    """What a window row should say."""

    status: str
    starts_at: datetime
    t0: datetime
    practice_from: datetime
    core_until: datetime
    tail_until: datetime
    sign_off: SignOff | None = None
    opened_at: datetime | None = None
    inputs: dict[str, Any] = field(default_factory=dict)

    def same_as(self, row: PlasticityWindow) -> bool:
        """Nothing that anybody relies on differs."""
        return (
            (self.status, self.starts_at, self.t0, self.practice_from, self.core_until, self.tail_until)
            == (row.status, row.starts_at, row.t0, row.practice_from, row.core_until, row.tail_until)
            and (self.sign_off.pk if self.sign_off else None) == row.sign_off_id
            and self.inputs == row.inputs
        )


def wanted_window(facts: VisitFacts, at: datetime) -> WindowValues:
    """What the window of a started infusion should say now.

    Raises RuleNotMet when it has not started, and when neither an estimate nor a clinician says when therapy
    begins.
    """
    if facts.infusion is None or facts.infusion.started_at is None:
        raise RuleNotMet("The infusion has not started.", code="not-started")
    t0, note = _therapy_from(facts)
    phases = plasticity_window(
        t0, facts.definition.window, next_infusion_start=facts.next_start, last=facts.last
    )
    status, opened_at = _status(facts, t0, phases.core_until, at)
    return WindowValues(
        status=status,
        starts_at=facts.starts_at,
        t0=phases.opens,
        practice_from=phases.practice_from,
        core_until=phases.core_until,
        tail_until=phases.tail_until,
        sign_off=facts.sign_off,
        opened_at=opened_at,
        inputs=_inputs(facts, note),
    )


def _therapy_from(facts: VisitFacts) -> tuple[datetime, str]:
    """T0 and how it came about. Unsigned: the later of the estimate and the earliest possible sign-off; without an
    estimate a time so late that nobody plans therapy before a clinician has stated one.
    """
    found, signed = facts.estimate, facts.sign_off
    if signed is not None:
        decided = signed_time(signed, found, facts.stopped_at)
        if decided.at is None:
            raise RuleNotMet("A clinician must state when therapy may begin.", code="t0-not-estimated")
        note = f"override {signed.override_code}" if decided.basis == "override" else "signed"
        return as_utc(decided.at), note if signed.override_voided_at is None else "override void"
    if found is None:
        raise RuleNotMet("No clearance time can be estimated.", code="t0-not-estimated")
    expected = None if facts.infusion is None else unsigned_time(facts.infusion, found)
    if expected is None:
        return max(facts.t0, facts.starts_at + FALLBACK_LENGTH), f"no estimate: {found.withheld}"
    return as_utc(expected), "estimate"


def _status(
    facts: VisitFacts, t0: datetime, core_until: datetime, at: datetime
) -> tuple[str, datetime | None]:
    """The status a new row begins with. An open window whose T0 stands stays open when only its end moves."""
    signed, row = facts.sign_off, facts.window
    if signed is None:
        return Status.PROVISIONAL, None
    if not signed.opens_window:
        return Status.NONE, None
    stands = row is not None and row.sign_off_id == signed.pk and row.t0 == t0
    if row is not None and stands and row.status in (Status.OPEN, Status.CLOSED):
        return (Status.CLOSED if core_until <= at else Status.OPEN), row.opened_at
    return Status.PENDING, None


def _inputs(facts: VisitFacts, note: str) -> dict[str, Any]:
    """What the row was derived from, kept for audit and for the sweep that looks for newer facts."""
    found = facts.estimate
    version = facts.visit.protocol_version
    signed = facts.sign_off
    return {
        "estimate": None if found is None else found.generation,
        "t_pk": _iso(None if found is None else found.t_pk),
        "pump_start": _iso(facts.starts_at),
        "pump_stop": _iso(facts.stopped_at),
        "t_sign": _iso(signed.t_sign if signed else None),
        "sign_off": str(signed.code) if signed else None,
        "decided": note,
        "cut_at": _iso(facts.next_start),
        "last": facts.last,
        "version": str(version.code),
        "sha256": version.sha256,
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else as_utc(moment).isoformat()


def write_window(facts: VisitFacts, values: WindowValues, at: datetime) -> PlasticityWindow:
    """Make the current row say `values`: nothing when it does already, else a successor with the next
    generation.
    """
    current = facts.window
    if current is not None and values.same_as(current):
        return current
    if current is not None:
        PlasticityWindow.objects.filter(pk=current.pk).update(superseded_at=at, version=current.version + 1)
    latest = (
        PlasticityWindow.objects.filter(infusion=facts.infusion).order_by("-generation").first()
        if current is None
        else current
    )
    closed = values.status == Status.CLOSED
    if facts.infusion is None or facts.visit.series_id is None:
        raise RuntimeError("a window belongs to an infusion of a series")
    return PlasticityWindow.objects.create(
        infusion=facts.infusion,
        patient_id=facts.visit.patient_id,
        series_id=facts.visit.series_id,
        generation=1 if latest is None else latest.generation + 1,
        status=values.status,
        starts_at=values.starts_at,
        t0=values.t0,
        practice_from=values.practice_from,
        core_until=values.core_until,
        tail_until=values.tail_until,
        sign_off=values.sign_off,
        inputs=values.inputs,
        claimed_by_id=None if latest is None else latest.claimed_by_id,
        claimed_at=None if latest is None else latest.claimed_at,
        pool_at=None if latest is None else latest.pool_at,
        lead_at=None if latest is None else latest.lead_at,
        **_not_fit(latest, values),
        opened_at=values.opened_at,
        closed_at=at if closed else None,
        computed_at=at,
    )


def _not_fit(latest: PlasticityWindow | None, values: WindowValues) -> dict[str, Any]:
    """That the patient was found not fit stands, as long as it is later than the therapy time."""
    if latest is None or latest.not_fit_until is None or latest.not_fit_until <= values.t0:
        return {}
    return {"not_fit_until": latest.not_fit_until, "not_fit_reason": latest.not_fit_reason}


def refresh_cuts(course: list[VisitFacts], at: datetime) -> bool:
    """Cut or restore the windows whose following visit changed. Returns whether any row was written.

    T0 and the signature of these rows stand; rows whose facts are newer than they are wait for their
    re-anchoring.
    """
    written = False
    for facts in course:
        row = facts.window
        if row is None or row.status == Status.STALE or not facts.happens:
            continue
        values = _recut(facts, row, at)
        if values is not None:
            write_window(facts, values, at)
            written = True
    return written


def is_older_than_facts(facts: VisitFacts) -> bool:
    """The current row rests on another estimate or signature than the current ones (or on none)."""
    row = facts.window
    if row is None:
        return True
    signed = facts.sign_off.pk if facts.sign_off else None
    generation = facts.estimate.generation if facts.estimate else None
    return row.sign_off_id != signed or row.inputs.get("estimate") != generation


def _recut(facts: VisitFacts, row: PlasticityWindow, at: datetime) -> WindowValues | None:
    same = row.inputs.get("cut_at") == _iso(facts.next_start) and row.inputs.get("last") == facts.last
    if same or is_older_than_facts(facts):
        return None
    phases = plasticity_window(
        row.t0, facts.definition.window, next_infusion_start=facts.next_start, last=facts.last
    )
    status = row.status
    if status in (Status.OPEN, Status.CLOSED):
        status = Status.CLOSED if phases.core_until <= at else Status.OPEN
    return WindowValues(
        status=status,
        starts_at=row.starts_at,
        t0=row.t0,
        practice_from=phases.practice_from,
        core_until=phases.core_until,
        tail_until=phases.tail_until,
        sign_off=row.sign_off,
        opened_at=row.opened_at,
        inputs={**row.inputs, "cut_at": _iso(facts.next_start), "last": facts.last},
    )


def check_constraints_now() -> None:
    """Let every deferred rule speak inside the caller's savepoint, then defer again what is deferred by
    design.
    """
    names = ", ".join(connection.ops.quote_name(name) for name in DEFERRED_FROM_THE_START)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"SET CONSTRAINTS {names} DEFERRED")
