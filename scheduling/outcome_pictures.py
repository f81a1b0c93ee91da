"""The pictures of the outcomes page, as data for server-drawn charts. Pure but for the report it is handed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from scheduling.outcome_figures import Result, cumulative
from scheduling.outcome_report import Report
from scheduling.utilisation import WeekUse
from staff import charts

PERCENT = charts.AxisSpec(0, 100, [(n, f"{n} %") for n in range(0, 101, 25)], "")
MOST_TICKS = 8


def _day(monday: date) -> str:
    return f"{monday.day} {monday:%b %Y}"


def _percent_axis(title: str) -> charts.AxisSpec:
    return charts.AxisSpec(0, 100, PERCENT.ticks, title)


def _week_axis(weeks: Sequence[WeekUse]) -> charts.AxisSpec:
    step = max(1, -(-len(weeks) // MOST_TICKS))
    ticks = [(n, f"{w.monday.day} {w.monday:%b}") for n, w in enumerate(weeks) if n % step == 0]
    return charts.AxisSpec(-0.5, len(weeks) - 0.5, ticks, "Week from")


def _runs(values: Sequence[float | None]) -> list[list[tuple[float, float]]]:
    """Stretches of weeks with a value; a week without one is a gap, not a nought."""
    runs: list[list[tuple[float, float]]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((place, value))
    return [run for run in runs if run]


def by_week(
    key: str, title: str, label: str, finding: str, weeks: Sequence[WeekUse], values: Sequence[float | None],
    heads: Sequence[str], rows: Sequence[Sequence[str]],
) -> charts.Chart:  # fmt: skip
    """A percentage for each week; weeks without one are left open."""
    runs = _runs(values)
    return charts.build_chart(
        charts.ChartSpec(
            key=key,
            title=title,
            description=finding,
            x=_week_axis(weeks),
            y=_percent_axis(label),
            table=charts.Table(heads, rows),
            lines=[charts.Line(run, "", style="plain") for run in runs if len(run) > 1],
            dots=[charts.Dots([point for run in runs for point in run], label)],
        )
    )


def adherence_chart(report: Report) -> charts.Chart:
    """Windows with their therapy, by week."""
    share = f"{report.kept} of {report.decided}" if report.decided else "No window is over yet; 0"
    return by_week(
        "adherence", "Windows with therapy inside", "Windows with therapy",
        f"{share} windows with a therapy session inside; {report.still_open} still open.",
        report.weeks, [week.adherence_percent for week in report.weeks],
        ("Week from", "With therapy", "Over", "Still open", "Median hours to therapy"),
        [
            (_day(w.monday), str(w.windows_kept), str(w.windows - w.windows_open), str(w.windows_open),
             "–" if w.median_hours is None else f"{w.median_hours}")
            for w in reversed(report.weeks)
        ],
    )  # fmt: skip


def message_chart(report: Report) -> charts.Chart:
    """Messages that left of those that were due, by week."""
    found = report.messages
    return by_week(
        "messages", "Messages sent", "Messages sent",
        f"{found.sent} of {found.all} messages sent; {found.failed} failed or too late, {found.unknown} in doubt.",
        report.weeks, [week.sent_percent for week in found.weeks],
        ("Week from", "Sent", "Failed or too late", "Not known whether it arrived"),
        [
            (_day(w.monday), str(w.sent), str(w.failed), str(w.unknown))
            for w in reversed(found.weeks)
        ],
    )  # fmt: skip


def chair_chart(report: Report) -> charts.Chart:
    """Chair time used of that offered, by week."""
    used, offered = report.used_minutes // 60, report.offered_minutes // 60
    return by_week(
        "chairs", "Chair use", "Chair time used",
        f"{used} of {offered} chair hours used or booked.",
        report.weeks, [None if w.use_percent is None else min(w.use_percent, 100) for w in report.weeks],
        ("Week from", "Hours used", "Hours offered", "Given", "Not attended", "Postponed"),
        [
            (_day(w.monday), f"{w.used_minutes / 60:.1f}", f"{w.offered_minutes / 60:.1f}", str(w.given),
             str(w.not_attended), str(w.postponed))
            for w in reversed(report.weeks)
        ],
    )  # fmt: skip


def hours_chart(report: Report) -> charts.Chart | None:
    """How many of the windows had their first session by which hour; None without a session."""
    if report.hours is None:
        return None
    hours, spread = [item.hours for item in report.windows if item.hours is not None], report.hours
    end = 12 * (int(max(hours)) // 12 + 1)
    step = 6 if end <= 48 else 12 if end <= 96 else 24
    return charts.build_chart(
        charts.ChartSpec(
            key="hours",
            title="From the opening of the window to the first therapy session",
            description=(
                f"Half of {spread.n} first therapy sessions within {spread.median:.1f} h; "
                f"the middle half between {spread.lower:.1f} and {spread.upper:.1f} h."
            ),
            x=charts.AxisSpec(
                0, end, [(n, f"{n}") for n in range(0, end + 1, step)], "Hours after the opening"
            ),
            y=_percent_axis("Windows with therapy by then"),
            table=charts.Table(
                ("Figure", "Hours"),
                [
                    ("Quarter had it within", f"{spread.lower:.1f}"),
                    ("Half had it within (median)", f"{spread.median:.1f}"),
                    ("Three quarters had it within", f"{spread.upper:.1f}"),
                    ("Therapy sessions counted", str(spread.n)),
                ],
            ),
            lines=[
                charts.Line(
                    [*cumulative(hours, report.decided), (end, 100 * len(hours) / report.decided)],
                    "Windows that are over or have their therapy",
                    style="plain",
                )
            ],
            events=[charts.Event(spread.median, f"Median {spread.median:.1f} h")],
        )
    )


def result_chart(found: Sequence[Result]) -> charts.Chart | None:
    """Response and remission of one instrument at each version, with 95 % intervals; None without a course assessed."""
    rows = [item for item in found if item.assessed]
    if not rows:
        return None
    about = rows[0].instrument
    # More than one long name would not fit under the drawing: a letter stands there, and its name in the table.
    marks = {item.version: chr(65 + n % 26) for n, item in enumerate(rows)} if len(rows) > 1 else {}
    names = [f"{marks.get(item.version, item.version)} (n {item.assessed})" for item in rows]
    response = [(n - 0.08, item.response) for n, item in enumerate(rows)]
    remission = [(n + 0.08, item.remission) for n, item in enumerate(rows) if item.remission is not None]
    lines = [
        charts.Line([(x, share.interval[0]), (x, share.interval[1])], "", style="plain", tone=tone)
        for tone, shares in (("a", response), ("b", remission))
        for x, share in shares
        if share.interval is not None
    ]
    dots = [charts.Dots([(x, s.percent) for x, s in response if s.percent is not None], "Response", "a")]
    if remission:
        dots.append(
            charts.Dots([(x, s.percent) for x, s in remission if s.percent is not None], "Remission", "b")
        )
    assessed, courses = sum(item.assessed for item in rows), sum(item.courses for item in found)
    return charts.build_chart(
        charts.ChartSpec(
            key=f"result-{about.code}",
            title=f"{about.title}: response and remission",
            description=f"{assessed} of {courses} courses have a score before and after. Upright lines: 95 % interval.",
            x=charts.AxisSpec(-0.5, len(rows) - 0.5, list(enumerate(names)), "Protocol version"),
            y=_percent_axis("Courses"),
            table=charts.Table(
                ("Protocol version", "Response", "Remission", "Assessed", "No start", "No result", "Started low"),
                [
                    (f"{marks[item.version]}: {item.version}" if item.version in marks else item.version,
                     words(item.response.part, item.response.percent),
                     "no cut-off" if item.remission is None else words(item.remission.part, item.remission.percent),
                     str(item.assessed), str(item.without_start), str(item.without_result), str(item.started_low))
                    for item in found
                ],
            ),
            lines=lines,
            dots=dots,
        )
    )  # fmt: skip


def words(part: int, percent: float | None) -> str:
    """`3 (60 %)`, or a dash."""
    return "–" if percent is None else f"{part} ({percent:.0f} %)"
