"""The picture of one infusion: predicted ketamine over clinic time, with what really happened beside it.

Every number drawn is an estimate from a population model, except measured levels. The drawing itself, its
legend and its table come from `staff/charts.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sessions.clearance import PumpLog, minutes_between
from sessions.pharmacokinetics.chart_points import CurvePoints
from staff import charts

LONGEST = timedelta(hours=16)
MARGIN = timedelta(minutes=40)
TABLE_EVERY_MINUTES = 30
STEPS = (5, 10, 20, 25, 50, 100, 200, 250, 500, 1000)
HIGH, LOW, MIDDLE = "High (19 of 20 people are below)", "Low (1 of 20 people is below)", "Middle"


@dataclass(frozen=True)
class ChartFacts:
    """What the chart shows beside the curve. Times aware; `therapy_from` and `ready` may be unknown."""

    log: PumpLog
    threshold_ng_ml: float
    now: datetime
    zone: ZoneInfo
    drug_cleared: datetime | None = None
    ready: datetime | None = None
    therapy_from: datetime | None = None
    signed: bool = False
    levels: Sequence[tuple[datetime, float]] = ()


def chart_until(facts: ChartFacts) -> datetime:
    """The right edge: a little after the last moment shown, at most 16 hours after the start."""
    moments = [item for item in (facts.drug_cleared, facts.ready, facts.therapy_from, facts.log.stop) if item]
    moments += [at for at, _ in facts.levels]
    last = max([facts.log.start + timedelta(hours=2), *moments])
    return min(last + MARGIN, facts.log.start + LONGEST)


def level_chart(facts: ChartFacts, curve: CurvePoints) -> charts.Chart:
    """The chart for this log and curve."""
    start = facts.log.start
    end = minutes_between(start, chart_until(facts))
    minutes = [minutes_between(start, at) for at in curve.times]
    top = _nice(max([*curve.p95, *(value for _, value in facts.levels), facts.threshold_ng_ml]) * 1.08)
    spec = charts.ChartSpec(
        key="level",
        title="Predicted ketamine level",
        description=_description(facts, curve),
        x=charts.AxisSpec(0, end, _hours(facts, end), "Clinic time"),
        y=charts.AxisSpec(0, top, [(value, f"{value:g}") for value in _ticks(top)], "Plasma ketamine, ng/mL"),
        table=_table(facts, curve, minutes),
        bands=[
            charts.Band(list(zip(minutes, curve.p5, curve.p95, strict=True)), "18 of 20 people (estimate)")
        ],
        lines=[charts.Line(list(zip(minutes, curve.p50, strict=True)), "Middle (estimate)")],
        dots=_levels(facts),
        spans=list(_spans(facts)),
        rules=[charts.Rule(facts.threshold_ng_ml, f"{facts.threshold_ng_ml:g} ng/mL: cleared below")],
        events=list(_events(facts, end)),
        readings=_readings(facts, curve, minutes),
        read_first=_first(facts, curve),
    )
    return charts.build_chart(spec)


def _local(facts: ChartFacts, at: datetime) -> str:
    return f"{at.astimezone(facts.zone):%H:%M}"


def _description(facts: ChartFacts, curve: CurvePoints) -> str:
    peak = max(range(len(curve.p50)), key=lambda place: curve.p50[place])
    highest = f"{curve.p50[peak]:.0f} ng/mL at {_local(facts, curve.times[peak])}"
    words = f"Estimate, not a measurement. Highest near {highest}"
    if facts.drug_cleared is None:
        return f"{words}."
    until = _local(facts, facts.drug_cleared)
    return f"{words}; below {facts.threshold_ng_ml:g} ng/mL from {until} in 19 of 20 people."


def _hours(facts: ChartFacts, end: float) -> list[tuple[float, str]]:
    """Whole hours of the clinic's clock; every second one on a long chart."""
    every = 1 if end <= 9 * 60 else 2
    local = facts.log.start.astimezone(facts.zone)
    at = facts.log.start - timedelta(
        minutes=local.minute, seconds=local.second, microseconds=local.microsecond
    )
    ticks, count = [], 0
    while (minute := minutes_between(facts.log.start, at)) <= end:
        if minute >= 0:
            if count % every == 0:
                ticks.append((minute, _local(facts, at)))
            count += 1
        at += timedelta(hours=1)
    return ticks


def _nice(value: float) -> float:
    step = _step(value)
    return math.ceil(value / step) * step


def _step(value: float) -> float:
    return next((step for step in STEPS if value / step <= 6), STEPS[-1])


def _ticks(top: float) -> list[float]:
    step = _step(top)
    return [step * place for place in range(round(top / step) + 1)]


def _table(facts: ChartFacts, curve: CurvePoints, minutes: Sequence[float]) -> charts.Table:
    rows, due = [], 0.0
    for place, minute in enumerate(minutes):
        if minute + 1e-9 >= due:
            values = (curve.p5[place], curve.p50[place], curve.p95[place])
            rows.append([_local(facts, curve.times[place]), *(f"{value:.0f}" for value in values)])
            due = (math.floor(minute / TABLE_EVERY_MINUTES) + 1) * TABLE_EVERY_MINUTES
    for at, value in facts.levels:
        rows.append([f"{_local(facts, at)} measured", "", f"{value:g}", ""])
    return charts.Table(["Time", LOW, MIDDLE, HIGH], rows)


def _readings(facts: ChartFacts, curve: CurvePoints, minutes: Sequence[float]) -> list[tuple[float, str]]:
    """What the pointer reads: time, middle, and the range of 18 of 20 people; measured levels in their place."""
    found = [
        (
            minute,
            f"{_local(facts, at)}: {middle:.0f} ng/mL (estimate; 18 of 20 people {low:.0f} to {high:.0f})",
        )
        for minute, at, low, middle, high in zip(
            minutes, curve.times, curve.p5, curve.p50, curve.p95, strict=True
        )
    ]
    found += [
        (minutes_between(facts.log.start, at), f"{_local(facts, at)}: {value:g} ng/mL (measured)")
        for at, value in facts.levels
    ]
    return sorted(found)


def _first(facts: ChartFacts, curve: CurvePoints) -> int:
    """The reading of now, while now is on the chart; else the highest."""
    if curve.times[0] <= facts.now <= curve.times[-1]:
        return sum(at <= facts.now for at in curve.times) - 1
    return max(range(len(curve.p50)), key=lambda place: curve.p50[place])


def _levels(facts: ChartFacts) -> list[charts.Dots]:
    points = [(minutes_between(facts.log.start, at), value) for at, value in facts.levels]
    return [charts.Dots(points, "Measured level", "b")] if points else []


def _spans(facts: ChartFacts) -> Iterable[charts.Span]:
    start = facts.log.start
    if facts.therapy_from is not None:
        yield charts.Span(0, minutes_between(start, facts.therapy_from), "no-therapy", "No-therapy period")
    for flow in facts.log.flows:
        end = flow.end or max(facts.now, flow.start)
        yield charts.Span(
            minutes_between(start, flow.start), minutes_between(start, end), "infusion", "Pump running"
        )


def _events(facts: ChartFacts, end: float) -> Iterable[charts.Event]:
    def mark(at: datetime, label: str, kind: str) -> charts.Event:
        minute = minutes_between(facts.log.start, at)
        words = f"{label} {_local(facts, at)}"
        return charts.Event(minute, words if minute <= end else f"{words}, later than shown", kind)

    for push in facts.log.pushes:
        yield mark(push.at, f"Bolus {push.mg:g} mg", "event")
    if facts.ready is not None:
        yield mark(facts.ready, "Ready to leave", "event")
    therapy = "Therapy from" if facts.signed else "Therapy from (estimate)"
    if facts.drug_cleared is not None and facts.drug_cleared == facts.therapy_from:
        yield mark(facts.drug_cleared, "Drug cleared (estimate), therapy from", "therapy")
    else:
        if facts.drug_cleared is not None:
            yield mark(facts.drug_cleared, "Drug cleared (estimate)", "cleared")
        if facts.therapy_from is not None:
            yield mark(facts.therapy_from, therapy, "therapy")
    if 0 <= minutes_between(facts.log.start, facts.now) <= end:
        yield mark(facts.now, "Now", "now")
