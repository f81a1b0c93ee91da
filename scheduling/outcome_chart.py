"""One instrument of one patient over time, as data for a server-drawn chart: totals, severity, response and remission,
with infusions and windows marked. Dissociation is safety data and never stands here.

Pure but for the model instances it is handed; distances of the x axis are days since the first moment shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from scheduling.domain.localtime import local_date
from sessions import scoring
from sessions.scoring import Instrument
from staff import charts

DAY = timedelta(days=1)
LONGEST_GAP = {"phq9": timedelta(days=21), "gad7": timedelta(days=21)}
OTHER_GAP = timedelta(days=14)
MOST_TICKS = 8
CHANGE = {"remission": "remission", "response": "response", "none": "no response yet"}


@dataclass(frozen=True)
class Scored:
    """One total of the instrument at one moment."""

    at: datetime
    total: int


@dataclass(frozen=True)
class Given:
    """One infusion, and its window [opens, ends) once it is signed."""

    ordinal: int
    at: datetime
    opens: datetime | None = None
    ends: datetime | None = None


def baseline_of(scores: Sequence[Scored], given: Sequence[Given]) -> Scored | None:
    """The last total before the first infusion; without one the first total there is, and None without any."""
    first = min((item.at for item in given), default=None)
    before = [item for item in scores if first is None or item.at <= first]
    if before and first is not None:
        return before[-1]
    return scores[0] if scores else None


def joined(scores: Sequence[Scored], longest: timedelta) -> list[list[Scored]]:
    """Runs of totals no further apart than `longest`: what was not asked in between is not drawn as if it
    were known."""
    runs: list[list[Scored]] = []
    for item in scores:
        if runs and item.at - runs[-1][-1].at <= longest:
            runs[-1].append(item)
        else:
            runs.append([item])
    return runs


def outcome_chart(
    about: Instrument, scores: Sequence[Scored], given: Sequence[Given], *, now: datetime, zone: ZoneInfo
) -> charts.Chart:
    """The chart of one instrument. `scores` in order of time, at least one. Raises ValueError without any."""
    if not scores:
        raise ValueError("an outcome chart needs at least one score")
    begins = min([scores[0].at, *(item.at for item in given)]) - DAY
    ends = max([now, scores[-1].at, *(item.ends or item.at for item in given)]) + DAY
    start = baseline_of(scores, given)

    def x(moment: datetime) -> float:
        return (moment - begins) / DAY

    runs = joined(scores, LONGEST_GAP.get(about.code, OTHER_GAP))
    spec = charts.ChartSpec(
        key=f"outcome-{about.code}",
        title=f"{about.title} over time",
        description=_finding(about, scores, start, given),
        x=charts.AxisSpec(0, x(ends), _ticks(begins, ends, zone), "Date"),
        y=charts.AxisSpec(0, about.highest, _levels(about), f"{about.title} total (from {_severity(about)})"),
        table=_table(about, scores, start, given, zone),
        lines=[
            charts.Line(
                [(x(item.at), item.total) for item in run],
                "Gaps are not joined" if number == 0 else "",
                style="plain",
            )
            for number, run in enumerate([run for run in runs if len(run) > 1])
        ],
        dots=[charts.Dots([(x(item.at), item.total) for item in scores], f"{about.title} total")],
        spans=[
            charts.Span(x(item.opens), x(item.ends), "window", "Window after an infusion")
            for item in given
            if item.opens is not None and item.ends is not None
        ],
        rules=_rules(about, start),
        events=[charts.Event(x(item.at), f"{item.ordinal}") for item in given],
    )
    return charts.build_chart(spec)


def _levels(about: Instrument) -> list[tuple[float, str]]:
    """The lower edge of each severity band."""
    return [(band.low, str(band.low)) for band in about.bands]


def _severity(about: Instrument) -> str:
    """The bands in words: `5 mild, 10 moderate`."""
    return ", ".join(f"{band.low} {band.label.lower()}" for band in about.bands[1:])


def _rules(about: Instrument, start: Scored | None) -> list[charts.Rule]:
    rules = []
    if start is not None and start.total > 1:
        rules.append(charts.Rule(start.total / 2, "Response: half of the start", words_at="start"))
    if about.remission_at_most is not None:
        rules.append(
            charts.Rule(
                about.remission_at_most, f"Remission: {about.remission_at_most} or less", words_at="start"
            )
        )
    return rules


def _ticks(begins: datetime, ends: datetime, zone: ZoneInfo) -> list[tuple[float, str]]:
    """Local midnights, every so many days that at most eight are named."""
    days = max(1, -(-(ends - begins).days // MOST_TICKS))
    first = local_date(begins, zone) + timedelta(days=1)
    found = []
    for number in range(0, (ends - begins).days + 1, days):
        day = first + timedelta(days=number)
        moment = datetime(day.year, day.month, day.day, tzinfo=zone)
        if begins <= moment <= ends:
            found.append(((moment - begins) / DAY, f"{day.day} {day:%b}"))
    return found


def _words(about: Instrument, item: Scored, start: Scored | None) -> str:
    """Against the start: response, remission, or the first total itself."""
    if start is None or item.at <= start.at:
        return "start" if start is not None and item.at == start.at else "before the start"
    return CHANGE[scoring.change(about.code, start.total, item.total)]


def _finding(
    about: Instrument, scores: Sequence[Scored], start: Scored | None, given: Sequence[Given]
) -> str:
    last = scores[-1]
    band = scoring.band(about.code, last.total).label.lower()
    many = (
        f"{len(given)} infusion{'' if len(given) == 1 else 's'}, marked by number."
        if given
        else "No infusion yet."
    )
    if start is None or start.at == last.at:
        return f"{about.title} {last.total} ({band}). {many}"
    words = _words(about, last, start)
    return f"{about.title} from {start.total} to {last.total} ({band}): {words}. {many}"


def _table(
    about: Instrument, scores: Sequence[Scored], start: Scored | None, given: Sequence[Given], zone: ZoneInfo
) -> charts.Table:
    rows = []
    for item in scores:
        before = sum(1 for one in given if one.at <= item.at)
        day = local_date(item.at, zone)
        band = scoring.band(about.code, item.total).label
        rows.append(
            (f"{day.day} {day:%b %Y}", str(item.total), band, _words(about, item, start), str(before))
        )
    return charts.Table(("Asked", "Total", "Severity", "Against the start", "Infusions before"), rows)
