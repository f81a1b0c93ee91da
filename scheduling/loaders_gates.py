"""How the gates of many visits stand, read with a number of queries that does not grow with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet

from protocols.models import ProtocolDocument, ProtocolVersion
from scheduling.gate_facts import GateFacts, read_facts, staff_of
from scheduling.models import Appointment
from sessions import gates
from sessions.eligibility_list import same_checklist
from sessions.models import (
    GateAnswer,
    PreInfusionCheck,
    SiteGate,
)
from sessions.services import as_gate, eligibility_until
from staff.models import User

Outcome = GateAnswer.Outcome
# A signature that runs out before a visit of a running series is asked for again; it no longer decides about a booking.
RENEWAL = replace(
    gates.BY_KEY["eligibility"], label="Eligibility checklist signed again", due="before_48h", hard=False
)


@dataclass(frozen=True)
class GateLine:
    """One gate of one visit as it stands. `detail` says what it rests on, or what is missing."""

    gate: gates.Gate
    state: gates.State
    due_at: datetime
    detail: str = ""
    by: str = ""
    at: datetime | None = None
    site_gate: SiteGate | None = None
    missing: tuple[User, ...] = ()

    @property
    def settled(self) -> bool:
        """Nothing is left to do about it."""
        return self.state not in ("to-do", "late")

    @property
    def late(self) -> bool:
        """Due, and not met."""
        return self.state == "late"

    @property
    def owner(self) -> str:
        """Whose task it is, in words."""
        return gates.OWNERS[self.gate.owner_role]

    @property
    def due_words(self) -> str:
        """Its due point in words."""
        return gates.DUE_POINTS[self.gate.due]

    @property
    def answerable(self) -> bool:
        """People say how it stands."""
        return self.gate.by_hand

    @property
    def overridable(self) -> bool:
        """A prescriber may override it."""
        return gates.may_override(self.gate, built_in=self.site_gate is None)


@dataclass(frozen=True)
class VisitGates:
    """A visit with its gates, in the order of their due points."""

    visit: Appointment
    lines: tuple[GateLine, ...]

    @property
    def open(self) -> tuple[GateLine, ...]:
        """What is still to do, late ones first."""
        return tuple(
            sorted((line for line in self.lines if not line.settled), key=lambda line: not line.late)
        )

    @property
    def late(self) -> tuple[GateLine, ...]:
        """What should have been done by now."""
        return tuple(line for line in self.lines if line.late)

    @property
    def before(self) -> tuple[GateLine, ...]:
        """What is still to do before the patient sits down: all but what is done at the start itself."""
        return tuple(line for line in self.open if line.gate.due != "start")

    def line(self, key: str) -> GateLine:
        """The line of that gate. KeyError when this visit has none."""
        for line in self.lines:
            if line.gate.key == key:
                return line
        raise KeyError(key)


def visits_with_gates(*, site_ids: Iterable[int], first: datetime, until: datetime) -> list[Appointment]:
    """Infusion visits that are to come or have begun, starting in [first, until), with what the gates ask of them."""
    rows = for_gates(
        Appointment.objects.infusions().filter(
            site__in=list(site_ids),
            during__startswith__gte=first,
            during__startswith__lt=until,
            status__in=[Appointment.Status.BOOKED, Appointment.Status.ARRIVED],
        )
    )
    return list(rows.order_by("during", "pk"))


def for_gates(rows: QuerySet[Appointment]) -> QuerySet[Appointment]:
    """The queryset with everything that `load_gates` reads of a visit itself."""
    return rows.select_related(
        "patient", "site", "practitioner", "series__protocol_version__template", "series__prescriber",
        "series__therapist", "infusion__protocol_version__template", "infusion__ordered_by",
    ).prefetch_related("resource_bookings__resource__user")  # fmt: skip


def load_gates(visits: Sequence[Appointment], now: datetime) -> list[VisitGates]:
    """The gates of these infusion visits at `now`."""
    facts = read_facts(visits, now)
    return [VisitGates(visit, tuple(_lines(visit, facts, now))) for visit in visits]


def _lines(visit: Appointment, facts: GateFacts, now: datetime) -> list[GateLine]:
    definition = visit.protocol_version.read()
    lines = []
    for gate in gates.BUILT_IN:
        if gates.applies(
            gate,
            first=visit.series is None or visit.ordinal == visit.series.first_ordinal,
            checks=definition.preinfusion_checks,
            preparation=definition.preparation_minutes is not None,
        ):
            lines.append(_line(gate, visit, facts, now))
    arrived = visit.infusion.arrived_at if visit.infusion else None
    asked_at = arrived or now
    for row in facts.site_gates[visit.site_id]:
        in_use = row.created_at <= asked_at and (row.retired_at is None or row.retired_at > asked_at)
        if in_use:
            lines.append(_line(as_gate(row), visit, facts, now, row))
    order = list(gates.DUE_POINTS)
    return sorted(lines, key=lambda line: order.index(line.gate.due))


def _line(
    gate: gates.Gate, visit: Appointment, facts: GateFacts, now: datetime, site_gate: SiteGate | None = None
) -> GateLine:
    arrived = visit.infusion.arrived_at if visit.infusion else None
    found = _computed(gate.key, visit, facts, now)
    if found.renew:
        gate = RENEWAL
    due = gates.due_at(gate.due, booked_at=visit.booked_at, starts_at=visit.during.lower, arrived_at=arrived)
    if site_gate is not None:
        due = max(due, site_gate.created_at)
    answer = facts.answers.get((visit.code, gate.key)) or facts.answers.get((visit.infusion_id, gate.key))
    missing: tuple[User, ...] = ()
    if found.standing == "open" and answer is not None and answer.outcome != Outcome.OPEN:
        reason = gates.OVERRIDE_REASONS.get(answer.reason_code, "")
        words = ". ".join(part for part in (reason, answer.note) if part)
        found = _Found(answer.outcome, words, answer.answered_by.full_name, answer.answered_at)  # type: ignore[arg-type]
    else:
        missing = found.missing
    return GateLine(
        gate, gates.state_of(found.standing, due=due, now=now), due, found.detail, found.by, found.at, site_gate,
        missing,
    )  # fmt: skip


@dataclass(frozen=True)
class _Found:
    standing: gates.Standing
    detail: str = ""
    by: str = ""
    at: datetime | None = None
    missing: tuple[User, ...] = ()
    renew: bool = False


OPEN = _Found("open")


def _computed(key: str, visit: Appointment, facts: GateFacts, now: datetime) -> _Found:
    """How the record itself answers; open when it does not, or for a gate that people answer."""
    readers = {
        "eligibility": _eligibility,
        "consent": _consent,
        "education": _education,
        "recent_weight": _recent_weight,
        "rationale": _rationale,
        "preparation": _preparation,
        "weight": _weighed,
        "order": _order,
    }
    if key in readers:
        return readers[key](visit, facts, now)
    check = facts.checks.get((visit.infusion_id or 0, gates.MET_BY_CHECK.get(key, key)))
    if check is not None and check.outcome == PreInfusionCheck.Outcome.PASSED:
        return _Found("met", "Recorded at the chair", "", check.observed_at)
    return OPEN


def _eligibility(visit: Appointment, facts: GateFacts, now: datetime) -> _Found:
    wanted = visit.protocol_version.read()
    for row in facts.eligible[visit.patient_id]:
        if same_checklist(row.protocol_version.read(), wanted):
            if eligibility_until(row, visit.protocol_version) > visit.during.lower:
                return _Found("met", "", row.signed_name, row.signed_at)
            words = f"Signed for {wanted.eligibility_days} days, which end before this visit"
            return _Found("open", words, at=row.signed_at, renew=True)
    return OPEN


def _accepted(version: ProtocolVersion, kind: str, facts: GateFacts) -> set[int]:
    """Primary keys of the texts that count for this version: back to the last material change."""
    found = set()
    for document in facts.documents[(version.template_id, kind)]:
        if document.protocol_version.number > version.number:
            continue
        found.add(document.pk)
        if document.change == ProtocolDocument.Change.MATERIAL:
            break
    return found


def _consent(visit: Appointment, facts: GateFacts, now: datetime) -> _Found:
    wanted = _accepted(visit.protocol_version, ProtocolDocument.Kind.CONSENT, facts)
    for row in facts.consents[visit.patient_id]:
        if row.document_id in wanted and row.valid_until > visit.during.lower:
            return _Found("met", "", row.recorded_by.full_name, row.given_at)
    return OPEN


def _education(visit: Appointment, facts: GateFacts, now: datetime) -> _Found:
    wanted = _accepted(visit.protocol_version, ProtocolDocument.Kind.EDUCATION, facts)
    for row in facts.education[visit.patient_id]:
        if row.document_id in wanted:
            return _Found("met", "", row.recorded_by.full_name, row.taught_at)
    return OPEN


def _recent_weight(visit: Appointment, facts: GateFacts, now: datetime) -> _Found:
    """Weighed here, or told when the series was booked, at most 30 days before the visit."""
    told = visit.series.booked_at if visit.series else visit.booked_at
    latest = max(told, facts.weighed.get(visit.patient_id, told))
    if visit.during.lower - latest <= gates.RECENT_WEIGHT:
        return _Found("met", "", "", latest)
    return OPEN


def _rationale(visit: Appointment, facts: GateFacts, now: datetime) -> _Found:
    version = visit.protocol_version
    missing = tuple(person for person in staff_of(visit) if (version.pk, person.pk) not in facts.read)
    if not missing:
        return _Found("met")
    names = ", ".join(person.full_name for person in missing)
    return _Found("open", f"Not yet: {names}", missing=missing)


def _preparation(visit: Appointment, facts: GateFacts, now: datetime) -> _Found:
    """Held before the infusion: its record, or its visit."""
    record = facts.agreed.get(visit.series.code) if visit.series else None
    if record is not None:
        return _Found("met", "", record.therapist.full_name, record.held_at)
    rows = facts.prepared[visit.series_id or 0]
    for row in rows:
        if row.status == Appointment.Status.COMPLETED:
            return _Found("met", "", row.practitioner.full_name if row.practitioner else "", row.during.lower)
    booked = [row for row in rows if row.status in Appointment.BLOCKING]
    return _Found("open", "Booked" if booked else "Not booked", at=booked[0].during.lower if booked else None)


def _weighed(visit: Appointment, facts: GateFacts, now: datetime) -> _Found:
    infusion = visit.infusion
    if infusion is None or infusion.weight_kg is None:
        return OPEN
    return _Found("met", f"{infusion.weight_kg} kg", "", infusion.weighed_at)


def _order(visit: Appointment, facts: GateFacts, now: datetime) -> _Found:
    infusion = visit.infusion
    if infusion is None or infusion.ordered_by is None:
        return OPEN
    return _Found("met", f"{infusion.ordered_mg} mg", infusion.ordered_by.full_name, infusion.ordered_at)


def codes_of(rows: Iterable[Appointment]) -> list[UUID]:
    """Codes of visits."""
    return [row.code for row in rows]


HORIZON = timedelta(days=60)
