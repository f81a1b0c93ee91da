"""Other times for one visit of a booked series that leave every other visit where it is. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from protocols.definition import ProtocolDefinition
from scheduling.domain.localtime import local_date, resolve_local
from scheduling.domain.planner import options
from scheduling.domain.series_types import VisitOption
from scheduling.loaders import SiteLoad, zone_of
from scheduling.loaders_follow import VisitFacts, load_course
from scheduling.models import TreatmentSeries
from scheduling.planning import (
    SEARCH_DAYS,
    Clearance,
    Wish,
    definition_of_one,
    load_for,
    load_patient,
    predicted_clearance,
    series_request,
)
from scheduling.services.neighbours import neighbours_of_ordinal
from scheduling.services.rules import Neighbour, elsewhere_words, gap_fits, long_gaps_of
from staff.clock import app_now

MOST_ASKED = 120  # quarter hours looked at before choosing those worth showing
APART = timedelta(hours=1)


@dataclass(frozen=True)
class VisitOptions:
    """Other times for one visit, best first, that leave every other visit where it is."""

    load: SiteLoad
    predicted: Clearance
    choices: tuple[VisitOption, ...]
    before: Neighbour | None
    after: Neighbour | None


def visit_options(
    *,
    series: TreatmentSeries,
    ordinal: int,
    at: datetime | None = None,
    first_day: date | None = None,
    limit: int = 8,
) -> VisitOptions:
    """Times for visit `ordinal` of a booked series between its neighbours, none of which moves.

    The present booking of that visit, if there is one, counts as free.
    """
    now = at or app_now()
    definition = series.protocol_version.read()
    course = load_course(series.patient_id)
    mine = [item.visit.pk for item in course if _is_visit(item, series, ordinal)]
    others = [item for item in course if item.visit.pk not in mine]
    before, after = neighbours_of_ordinal(others, series, ordinal)
    zone = zone_of(series.site)
    earliest = max(now, resolve_local(first_day, time(0), zone).instant) if first_day else now
    until = _latest(definition, before, after, ordinal, earliest)
    load = load_for(series.site, earliest, until, without=mine)
    who = load_patient(series.patient, at=now, without=mine)
    predicted = predicted_clearance(
        definition, series.patient, weight_kg=series.weight_kg, on=local_date(now, load.zone)
    )
    skipped = max(0, ordinal - before.ordinal - 1) if before and before.ordinal else 0
    one = definition_of_one(definition, ordinal, skipped=skipped, last=after is None)
    approved = long_gaps_of(series)
    if ordinal in approved:
        phase = one.phases[0]
        longer = approved[ordinal] + phase.gap_max_hours * skipped // (1 + skipped)
        one = replace(one, phases=(replace(phase, gap_max_hours=max(phase.gap_max_hours, longer)),))
    wish = Wish(series.therapist, series.prescriber)
    request = replace(
        series_request(one, load, who, predicted, earliest=earliest, until=until, wish=wish),
        previous_start=before.start if before and before.ordinal else None,
        next_start=after.start if after else None,
    )
    found = [
        item
        for item in options(request, 1, MOST_ASKED, keep_others={})
        if gap_fits(definition, before, Neighbour(ordinal, item.start), load.zone, approved)
        and gap_fits(definition, Neighbour(ordinal, item.start), after, load.zone, approved)
        and elsewhere_words(definition, who.elsewhere_on, item.start, ordinal, load.zone) is None
    ]
    return VisitOptions(load, predicted, tuple(spread(found, limit)), before, after)


def spread(found: Iterable[VisitOption], limit: int) -> list[VisitOption]:
    """The best `limit` options that lie at least an hour apart, in order of time."""
    chosen: list[VisitOption] = []
    for item in sorted(found, key=lambda option: (option.extra_cost, option.start)):
        if len(chosen) < limit and all(abs(item.start - other.start) >= APART for other in chosen):
            chosen.append(item)
    return sorted(chosen, key=lambda option: option.start)


def _is_visit(item: VisitFacts, series: TreatmentSeries, ordinal: int) -> bool:
    return item.visit.series_id == series.pk and item.visit.ordinal == ordinal


def _latest(
    definition: ProtocolDefinition,
    before: Neighbour | None,
    after: Neighbour | None,
    ordinal: int,
    earliest: datetime,
) -> datetime:
    """The last start that is worth asking for."""
    if after is not None:
        return max(after.start, earliest + timedelta(minutes=15))
    return max(before.start if before else earliest, earliest) + timedelta(days=SEARCH_DAYS)
