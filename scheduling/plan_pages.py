"""What the plan page draws: rows, the ribbon of all weeks, and the words around them. Reads a proposal only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count

from patients.models import Patient
from protocols.models import ProtocolVersion
from protocols.presenting import cautions
from scheduling.domain.followups import PlannedFollowUp
from scheduling.domain.intervals import Interval
from scheduling.domain.localtime import local_date
from scheduling.domain.series_types import PlannedTherapy
from scheduling.services.long_gaps import limit_before
from scheduling.services.proposals import ProposedVisit, SeriesProposal
from staff.windowbar import Axis, Mark, Segment, WindowBar, build_axis, build_bar

AUDIENCES = {"patient": "Patient", "therapist": "Therapist", "nurse": "Nurse", "clinician": "Clinician"}


@dataclass(frozen=True)
class PlanRow:
    """One proposed visit. `hidden` is what the page sends back for it; `sessions` the same for its therapy."""

    ordinal: int
    start: datetime
    end: datetime
    chair: str
    nurse: str
    prescriber: str
    therapy_from: datetime
    gap_hours: int | None
    therapy: PlannedFollowUp | None
    reserved: tuple[tuple[PlannedTherapy, str], ...]
    no_therapist: bool
    follow_ups: tuple[PlannedFollowUp, ...]
    hidden: str
    sessions: tuple[str, ...]


@dataclass(frozen=True)
class Week:
    """One week of the ribbon: Monday to Monday on its own axis."""

    axis: Axis
    bar: WindowBar
    monday: datetime


@dataclass(frozen=True)
class PlanView:
    """Everything the template reads."""

    rows: tuple[PlanRow, ...]
    weeks: tuple[Week, ...]
    complete: bool
    facts: tuple[Any, ...]
    warnings: tuple[str, ...]
    to_do: tuple[str, ...]
    blocks: tuple[str, ...]
    cautions: tuple[str, ...]
    close: tuple[str, ...]
    refusals: tuple[str, ...]
    long_gap: str
    long_gap_act: str
    reservable: int
    chair_names: dict[str, str]


def versions_to_offer() -> list[ProtocolVersion]:
    """Active versions: whole series before single infusions, and what is booked most first."""
    rows = (
        ProtocolVersion.objects.filter(status=ProtocolVersion.Status.ACTIVE)
        .select_related("template")
        .annotate(used=Count("template__versions__series"))
        .order_by("-used", "activated_at", "template__name")
    )
    return sorted(rows, key=lambda item: item.read().visits == 1)


def plan_page(proposal: SeriesProposal, patient: Patient, now: datetime) -> PlanView:
    """The proposal as the page shows it."""
    rows = tuple(_rows(proposal))
    plan = proposal.plan
    of_version = cautions(proposal.version, local_date(now, proposal.load.zone))
    offer = plan.long_gap_offer
    return PlanView(
        rows=rows,
        weeks=tuple(_weeks(proposal, now)) if rows else (),
        complete=plan.complete,
        facts=_facts(proposal, rows),
        warnings=(
            *(f"{what}: {words}" for what, words in of_version),
            *proposal.predicted.warnings,
            *(item.text for item in plan.warnings),
            *proposal.remarks,
        ),
        to_do=proposal.to_do,
        blocks=tuple(
            f"{item.message} {item.what_to_do}" for item in proposal.findings if item.severity == "block"
        ),
        cautions=tuple(item.message for item in proposal.findings if item.severity == "decide"),
        close=proposal.close,
        refusals=tuple(dict.fromkeys(item.text for item in plan.refusals)),
        long_gap=offer.text if offer else "",
        long_gap_act=f"long:{offer.ordinal}:{limit_before(proposal.definition, offer.ordinal) or 0}"
        if offer
        else "",
        reservable=sum(1 for row in rows if row.reserved),
        chair_names={item.code: item.row.name for item in proposal.load.resources},
    )


def _rows(proposal: SeriesProposal) -> Iterable[PlanRow]:
    before: datetime | None = None
    for visit in proposal.visits:
        planned = visit.planned
        gap = None if before is None else round((planned.start - before) / timedelta(hours=1))
        before = planned.start
        yield PlanRow(
            ordinal=planned.ordinal,
            start=planned.start,
            end=planned.end,
            chair=visit.chair.row.name,
            nurse=visit.nurse.row.name,
            prescriber=visit.prescriber.row.name,
            therapy_from=planned.t0_predicted,
            gap_hours=gap,
            therapy=visit.therapy,
            reserved=tuple((item, _therapist(proposal, item)) for item in planned.therapy),
            no_therapist=bool(planned.missing_therapy),
            follow_ups=visit.kept,
            hidden="|".join(
                (
                    str(planned.ordinal),
                    planned.start.isoformat(),
                    planned.chair,
                    planned.nurse,
                    planned.prescriber,
                )
            ),
            sessions=tuple(
                "|".join((str(planned.ordinal), item.kind, item.start.isoformat(), item.therapist))
                for item in planned.therapy
            ),
        )


def _therapist(proposal: SeriesProposal, session: PlannedTherapy) -> str:
    found = proposal.load.by_code(session.therapist)
    return found.row.name if found else ""


def _facts(proposal: SeriesProposal, rows: tuple[PlanRow, ...]) -> tuple[Any, ...]:
    predicted = proposal.predicted
    hours, minutes = divmod(predicted.minutes, 60)
    dose = proposal.definition.dose
    found: list[Any] = [
        {
            "label": "Dose",
            "value": f"{predicted.dose_mg:f} mg",
            "note": f"{dose.mg_per_kg:f} mg/kg over {dose.infusion_minutes} min",
        },
        {
            "label": "Therapy after",
            "value": f"{hours} h {minutes} min",
            "note": "from the start, estimate",
        },
    ]
    if rows:
        days = (rows[-1].start - rows[0].start).days + 1
        found.append({"label": "Visits", "value": str(len(rows)), "note": f"over {days} days"})
    return tuple(found)


def _weeks(proposal: SeriesProposal, now: datetime) -> Iterable[Week]:
    """The ribbon: a bar per calendar week from the first to the last visit, in the site's clock."""
    zone = proposal.load.zone
    first = proposal.visits[0].planned.start.astimezone(zone)
    monday = (first - timedelta(days=first.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    last = proposal.visits[-1].window.core_until
    while monday.timestamp() < last.timestamp():
        end = monday + timedelta(days=7)
        axis = build_axis(monday, end, now=now, zone=zone)
        segments = [item for visit in proposal.visits for item in _segments(visit)]
        marks = [item for visit in proposal.visits for item in _marks(visit)]
        bar = build_bar(axis, segments, marks=marks, summary=_summary(proposal.visits, monday, end))
        yield Week(axis, bar, monday)
        monday = end


def _segments(visit: ProposedVisit) -> Iterable[Segment]:
    window, number = visit.window, visit.planned.ordinal
    yield Segment("no-therapy", visit.planned.start, window.opens, f"No-therapy period, infusion {number}")
    for name, part in window.phases():
        kind = {"rest": "waiting", "practice": "core", "tail": "tail"}.get(name)
        if kind is not None:
            yield Segment(kind, part.start, part.end, f"{name.capitalize()} after infusion {number}")


def _marks(visit: ProposedVisit) -> Iterable[Mark]:
    number = visit.planned.ordinal
    yield Mark("infusion", visit.planned.start, f"Infusion {number}")
    if visit.therapy is not None:
        yield Mark("target", visit.therapy.target, f"Therapy target after infusion {number}")


def _summary(visits: Iterable[ProposedVisit], start: datetime, end: datetime) -> str:
    inside = [
        f"infusion {item.planned.ordinal} {item.planned.start.astimezone(start.tzinfo):%a %H:%M}"
        for item in visits
        if Interval(start, end).contains(item.planned.start)
    ]
    return f"Week of {start.day} {start:%b}: {', '.join(inside) or 'no infusion'}"
