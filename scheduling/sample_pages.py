"""What the preview of a protocol draws: the weeks of a sample series, its moments in words, and the dose's curve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from protocols.definition import ProtocolDefinition
from scheduling.domain.localtime import day_in_words, local_day
from scheduling.domain.sample import SampleSeries, SampleVisit, sample_series
from scheduling.planning import Clearance, sample_clearance
from sessions.charts import ChartFacts, chart_until, level_chart
from sessions.clearance import Flow, PumpLog, curve_points
from staff.charts import Chart
from staff.windowbar import Axis, Mark, Segment, WindowBar, build_axis, build_bar

MOST_WEEKS = 16
AFTER_LAST_DAYS = 7
FAR_PAST = datetime(1970, 1, 1, tzinfo=UTC)  # a sample has no "now" to draw


@dataclass(frozen=True)
class SampleWeek:
    """One week, Monday to Monday in the zone of the sample; `days` says what is special about some of its days."""

    axis: Axis
    bar: WindowBar
    monday: datetime
    days: tuple[str, ...]


@dataclass(frozen=True)
class SamplePage:
    """Everything the template reads."""

    series: SampleSeries
    weeks: tuple[SampleWeek, ...]
    more_weeks: int
    clearance: Clearance
    chart: Chart | None
    facts: tuple[Any, ...]


def sample_page(
    definition: ProtocolDefinition,
    *,
    first_day: date,
    clock: time,
    zone: ZoneInfo,
    weight_kg: Decimal,
    age_years: int,
    holidays: Mapping[date, str],
    closed_on_holidays: bool = True,
) -> SamplePage:
    """The sample of a protocol; `holidays` are named also where the clinic is open.

    Raises InvalidInput for a weight, an age or a model that cannot be used.
    """
    predicted = sample_clearance(definition, weight_kg=weight_kg, age_years=age_years)
    series = sample_series(
        definition,
        first_day=first_day,
        clock=clock,
        zone=zone,
        clearance_minutes=predicted.minutes,
        holidays=holidays if closed_on_holidays else {},
    )
    weeks = tuple(_weeks(series.visits, zone, holidays)) if series.visits else ()
    return SamplePage(
        series=series,
        weeks=weeks[:MOST_WEEKS],
        more_weeks=max(0, len(weeks) - MOST_WEEKS),
        clearance=predicted,
        chart=_chart(definition, predicted, series, zone, weight_kg, age_years),
        facts=_facts(definition, predicted, series, weight_kg),
    )


def _facts(
    definition: ProtocolDefinition, predicted: Clearance, series: SampleSeries, weight_kg: Decimal
) -> tuple[Any, ...]:
    hours, minutes = divmod(predicted.minutes, 60)
    found: list[Any] = [
        {
            "label": "Dose",
            "value": f"{predicted.dose_mg:f} mg",
            "note": f"at {weight_kg:f} kg, over {definition.dose.infusion_minutes} min",
        },
        {"label": "Therapy after", "value": f"{hours} h {minutes} min", "note": _why(definition)},
    ]
    if series.visits:
        days = (series.visits[-1].start - series.visits[0].start).days + 1
        found.append(
            {
                "label": "Visits",
                "value": str(len(series.visits)),
                "note": f"over {days} day{'s' if days > 1 else ''}",
            }
        )
    return tuple(found)


def _why(definition: ProtocolDefinition) -> str:
    return "from the start, estimate" if definition.dose.route == "iv" else "from the start, as stated"


def _weeks(
    visits: tuple[SampleVisit, ...], zone: ZoneInfo, holidays: Mapping[date, str]
) -> Iterable[SampleWeek]:
    first = visits[0].start.astimezone(zone)
    monday = (first - timedelta(days=first.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    last = visits[-1].t0 + timedelta(days=AFTER_LAST_DAYS)
    while monday.timestamp() < last.timestamp():
        end = monday + timedelta(days=7)
        axis = build_axis(monday, end, now=FAR_PAST, zone=zone)
        days = [monday.date() + timedelta(days=later) for later in range(7)]
        segments = [*_closed(days, zone, holidays), *(item for visit in visits for item in _segments(visit))]
        marks = [item for visit in visits for item in _marks(visit)]
        inside = [v for v in visits if monday.timestamp() <= v.start.timestamp() < end.timestamp()]
        starts = ", ".join(f"infusion {v.ordinal} {v.start.astimezone(zone):%a %H:%M}" for v in inside)
        bar = build_bar(
            axis, segments, marks=marks, summary=f"Week of {day_in_words(days[0])}: {starts or 'no infusion'}"
        )
        yield SampleWeek(axis, bar, monday, tuple(_special(days, zone, holidays)))
        monday = end


def _closed(days: list[date], zone: ZoneInfo, holidays: Mapping[date, str]) -> Iterable[Segment]:
    """Weekends and holidays lie under everything else."""
    for day in days:
        whole = local_day(day, zone)
        if whole is not None and (day.weekday() >= 5 or day in holidays):
            yield Segment("closed", whole.start, whole.end, holidays.get(day, f"{day:%A}"))


def _special(days: list[date], zone: ZoneInfo, holidays: Mapping[date, str]) -> Iterable[str]:
    for day in days:
        if day in holidays:
            yield f"{day_in_words(day)}: {holidays[day]}"
        whole = local_day(day, zone)
        hours = 24 if whole is None else round((whole.end - whole.start) / timedelta(hours=1))
        if hours != 24:
            way = "forward" if hours < 24 else "back"
            yield f"{day_in_words(day)}: the clocks go {way} ({hours} hours)"


def _segments(visit: SampleVisit) -> Iterable[Segment]:
    number = visit.ordinal
    yield Segment("no-therapy", visit.start, visit.t0, f"No-therapy period, infusion {number}")
    for name, part in visit.window.phases():
        kind = {"rest": "waiting", "practice": "core", "tail": "tail"}.get(name)
        if kind is not None:
            yield Segment(kind, part.start, part.end, f"{name.capitalize()} after infusion {number}")


def _marks(visit: SampleVisit) -> Iterable[Mark]:
    yield Mark("infusion", visit.start, f"Infusion {visit.ordinal}")
    for item in visit.follow_ups:
        if item.dropped is None:
            yield Mark(
                "target" if item.therapy else "follow-up",
                item.target,
                f"{item.title}, infusion {visit.ordinal}",
            )


def _chart(
    definition: ProtocolDefinition,
    predicted: Clearance,
    series: SampleSeries,
    zone: ZoneInfo,
    weight_kg: Decimal,
    age_years: int,
) -> Chart | None:
    """The curve of the first infusion, by the version's own model; none for a route that no model covers."""
    if definition.dose.route != "iv":
        return None
    start = series.visits[0].start if series.visits else datetime(2026, 1, 5, 17, tzinfo=UTC)
    stop = start + timedelta(minutes=definition.dose.infusion_minutes)
    rate = float(predicted.dose_mg) / definition.dose.infusion_minutes
    log = PumpLog(start, stop, "stopped", (Flow(start, stop, rate),), (), rate, projected=True)
    facts = ChartFacts(
        log=log,
        threshold_ng_ml=float(definition.clearance.threshold_ng_ml),
        now=FAR_PAST,
        zone=zone,
        therapy_from=start + timedelta(minutes=predicted.minutes),
    )
    curve = curve_points(
        log=log,
        until=chart_until(facts),
        weight_kg=weight_kg,
        age_years=age_years,
        model=definition.clearance.model,
    )
    return level_chart(facts, curve)
