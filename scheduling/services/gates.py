"""Gates of a visit: said how they stand, and those that are due and not met put on their owner's list.

One item per visit and owner's role, so that a visit with four things missing is one line of a list, not four.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from django.urls import reverse

from scheduling.conflicts import booking_act
from scheduling.loaders_gates import GateLine, VisitGates, for_gates, load_gates, visits_with_gates
from scheduling.models import Appointment, WorkItem
from scheduling.services.workitems import raise_item
from sessions.models import GateAnswer, SiteGate
from sessions.services import answer_gate
from staff import roles
from staff.clock import app_now
from staff.errors import InvalidInput, StateConflict
from staff.locks import lock
from staff.models import Site, User

Status = Appointment.Status
OPEN_FOR_GATES = frozenset({Status.BOOKED, Status.ARRIVED, Status.DISPLACED})
LOOK_AHEAD = timedelta(hours=48)
LOOK_BACK = timedelta(hours=12)


def gates_of(visit: Appointment, now: datetime | None = None) -> VisitGates:
    """The gates of one infusion visit. Raises InvalidInput for a visit of another kind."""
    if visit.kind != Appointment.Kind.INFUSION or visit.series_id is None:
        raise InvalidInput("Only infusion visits have gates.", code="not-an-infusion")
    row = for_gates(Appointment.objects.filter(pk=visit.pk)).get()
    return load_gates([row], now or app_now())[0]


@booking_act
def mark_gate(
    *,
    appointment: Appointment,
    gate: str,
    outcome: str,
    by: User,
    reason_code: str = "",
    note: str = "",
    at: datetime | None = None,
) -> GateAnswer:
    """Say how one gate of a visit stands: met, not-applicable, overridden (a prescriber, with a coded reason), open.

    Raises InvalidInput for a gate that the visit does not have, StateConflict once the pump has run or the visit is
    off the calendar, and what `answer_gate` raises.
    """
    now = at or app_now()
    lock(patients=[appointment.patient_id])
    here = gates_of(appointment, now)
    visit = here.visit
    if visit.status not in OPEN_FOR_GATES or (visit.infusion is not None and visit.infusion.started):
        raise StateConflict(
            "This visit has begun or is off the calendar: its gates stand as they are.", code="visit-over"
        )
    try:
        line = here.line(gate)
    except KeyError as error:
        raise InvalidInput("This visit has no such gate.", code="unknown-gate", field="gate") from error
    answer: GateAnswer = answer_gate(
        patient=visit.patient,
        site=visit.site,
        visit=visit.code,
        infusion=visit.infusion,
        gate=line.gate,
        site_gate=line.site_gate,
        outcome=outcome,
        reason_code=reason_code,
        note=note,
        by=by,
        at=now,
    )
    sync_items([gates_of(visit, now)], at=now, by=by)
    return answer


def watch_gates(at: datetime) -> int:
    """The tick's part: visits of the next 48 hours (further ahead where a site's own gate is due at booking) whose
    gates are due and not met become items; items whose cause is gone are closed. Returns how many visits are late.
    """
    sites = list(Site.objects.values_list("pk", flat=True))
    visits = visits_with_gates(site_ids=sites, first=at - LOOK_BACK, until=at + LOOK_AHEAD)
    early = SiteGate.objects.in_use(at).filter(due=SiteGate.Due.BOOKING).values_list("site_id", flat=True)
    if early:
        visits += visits_with_gates(site_ids=set(early), first=at + LOOK_AHEAD, until=at + timedelta(days=60))
    return sync_items(load_gates(visits, at), at=at, everything=True)


def sync_items(
    rows: list[VisitGates], *, at: datetime, by: User | None = None, everything: bool = False
) -> int:
    """Bring the items of these visits in line with their gates. `everything`: items of all other visits are closed."""
    wanted: dict[str, tuple[VisitGates, str, list[GateLine]]] = {}
    for row in rows:
        for role, lines in _late_by_role(row).items():
            wanted[f"{row.visit.code}:{role}"] = (row, role, lines)
    open_items = WorkItem.objects.open().filter(kind=WorkItem.Kind.GATE)
    if not everything:
        codes = [str(row.visit.code) for row in rows]
        open_items = open_items.filter(key__regex=f"^({'|'.join(codes)}):") if codes else open_items.none()
    gone = [item.pk for item in open_items if item.key not in wanted]
    if gone:
        WorkItem.objects.filter(pk__in=gone, resolved_at__isnull=True).update(
            resolved_at=at, resolved_by=by, resolution="Settled, or the visit is no longer ahead."
        )
    standing = {item.key: item for item in open_items if item.key in wanted}
    for key, (row, role, lines) in wanted.items():
        if key not in standing or _differs(standing[key], row, lines):
            _raise(key, row, role, lines, at)
    return sum(1 for row in rows if any(_on_a_list(line) for line in row.late))


def _on_a_list(line: GateLine) -> bool:
    """What is done at the start itself stands on the record that the nurse has open; eligibility stands at booking."""
    return line.gate.due != "start"


def _late_by_role(row: VisitGates) -> dict[str, list[GateLine]]:
    found: dict[str, list[GateLine]] = defaultdict(list)
    for line in row.late:
        if _on_a_list(line):
            found[line.gate.owner_role].append(line)
    return found


def _detail(lines: list[GateLine]) -> str:
    return "; ".join(f"{line.gate.label}{f' ({line.detail})' if line.detail else ''}" for line in lines)[:500]


def _owner(row: VisitGates, role: str, lines: list[GateLine]) -> User | None:
    """Whoever has not read the rationale, when that is all; else the patient's own prescriber or therapist."""
    if all(line.gate.key == "rationale" for line in lines):
        return lines[0].missing[0] if lines[0].missing else None
    series = row.visit.series
    if series is None:
        return None
    return {roles.CLINICIAN: series.prescriber, roles.THERAPIST: series.therapist}.get(role)


def _differs(item: WorkItem, row: VisitGates, lines: list[GateLine]) -> bool:
    return item.detail != _detail(lines) or item.due_at != min(line.due_at for line in lines)


def _raise(key: str, row: VisitGates, role: str, lines: list[GateLine], at: datetime) -> None:
    what = lines[0].gate.label.lower() if len(lines) == 1 else f"{len(lines)} things missing"
    raise_item(
        kind=WorkItem.Kind.GATE, key=key, site=row.visit.site, patient=row.visit.patient,
        title=f"Before infusion {row.visit.ordinal}: {what}",
        detail=_detail(lines), role=role, owner=_owner(row, role, lines),
        url=reverse("visit_gates", args=[row.visit.code]), due_at=min(line.due_at for line in lines), at=at,
    )  # fmt: skip
