"""The clinic's outcomes of one site and period, read from the database in a fixed number of queries. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Aggregate, Count, DurationField, ExpressionWrapper, F, Q
from django.db.models.functions import Coalesce, TruncWeek

from scheduling.domain.intervals import Interval
from scheduling.domain.localtime import local_date
from scheduling.models import Appointment, Message, PlasticityWindow
from scheduling.outcome_figures import WITHOUT_WINDOW, Course, Result, Spread, results, spread
from scheduling.utilisation import CountedWindow, WeekUse, counted_windows, span_of, utilisation
from sessions import scoring
from sessions.models import Infusion, OutcomeScore
from staff.models import Site

State = Message.State
ORDER = (scoring.PHQ9, scoring.MADRS, scoring.QIDS_SR16, scoring.GAD7)


@dataclass(frozen=True)
class MessageWeek:
    """What became of the messages due in one local week. `failed`: given up, too late, or reported as not delivered."""

    monday: date
    sent: int = 0
    failed: int = 0
    unknown: int = 0

    @property
    def all(self) -> int:
        """Everything that had an end."""
        return self.sent + self.failed + self.unknown

    @property
    def sent_percent(self) -> float | None:
        """0 to 100; None when nothing had an end."""
        return _share(self.sent, self.all)


@dataclass(frozen=True)
class MessageHealth:
    """Messages that were due in the period, by week. `median_delay`: from when one was due to when it left, None when
    none left.
    """

    weeks: list[MessageWeek]
    median_delay: timedelta | None

    @property
    def sent(self) -> int:
        """Left, and not reported as not delivered."""
        return sum(week.sent for week in self.weeks)

    @property
    def failed(self) -> int:
        """Given up, too late, or reported as not delivered."""
        return sum(week.failed for week in self.weeks)

    @property
    def unknown(self) -> int:
        """Perhaps arrived."""
        return sum(week.unknown for week in self.weeks)

    @property
    def all(self) -> int:
        """Everything that had an end."""
        return self.sent + self.failed + self.unknown


@dataclass(frozen=True)
class Report:
    """One site and period. `hours` is the spread from the opening of a window to its first session."""

    span: Interval
    weeks: list[WeekUse]
    windows: list[CountedWindow]
    hours: Spread | None
    results: list[Result]
    messages: MessageHealth

    @property
    def kept(self) -> int:
        """Windows with a session inside them."""
        return sum(week.windows_kept for week in self.weeks)

    @property
    def decided(self) -> int:
        """Windows that are over or have their session."""
        return sum(week.windows - week.windows_open for week in self.weeks)

    @property
    def still_open(self) -> int:
        """Windows that may still be kept."""
        return sum(week.windows_open for week in self.weeks)

    @property
    def outside(self) -> int:
        """Windows whose therapy is with somebody outside: in none of the figures above."""
        return sum(week.outside for week in self.weeks)

    @property
    def outside_reported(self) -> int:
        """Those of them in which a session was reported."""
        return sum(week.outside_reported for week in self.weeks)

    @property
    def outside_open(self) -> int:
        """Those of them that may still be reported."""
        return sum(week.outside_open for week in self.weeks)

    @property
    def used_minutes(self) -> int:
        """Chair time used or booked."""
        return sum(week.used_minutes for week in self.weeks)

    @property
    def offered_minutes(self) -> int:
        """Chair time offered."""
        return sum(week.offered_minutes for week in self.weeks)


def outcome_report(site: Site, first_monday: date, weeks: int, now: datetime) -> Report:
    """`weeks` local weeks from `first_monday`. A course belongs to the period in which its infusion 1 started."""
    span = span_of(site, first_monday, weeks)
    windows = counted_windows(site, span)
    return Report(
        span=span,
        weeks=utilisation(site, first_monday, weeks, now, windows),
        windows=windows,
        hours=spread(item.hours for item in windows if item.hours is not None),
        results=results(_courses(site, span, now), ORDER),
        messages=_messages(site, span, now),
    )


def _courses(site: Site, span: Interval, now: datetime) -> list[Course]:
    """Every series of the site with its infusion 1 in the span. Three queries."""
    given: dict[int, list[Infusion]] = {}
    seen = Appointment.objects.filter(
        series__site=site, infusion__started_at__gte=span.start, infusion__started_at__lt=span.end
    )
    rows = (
        Infusion.objects.filter(started_at__isnull=False, appointment__series__in=seen.values("series"))
        .select_related("appointment__series", "protocol_version__template")
        .defer("protocol_version__definition", "protocol_version__working")
        .order_by("started_at", "pk")
    )
    for row in rows:
        given.setdefault(row.appointment.series_id or 0, []).append(row)
    begun = {key: found for key, found in given.items() if span.contains(_started(found[0]))}
    ends = dict(
        PlasticityWindow.objects.filter(series__in=begun, superseded_at__isnull=True, sign_off__isnull=False)
        .exclude(status=PlasticityWindow.Status.NONE)
        .order_by("tail_until")
        .values_list("series_id", "tail_until")
    )
    totals: dict[int, dict[str, list[tuple[datetime, int]]]] = {}
    scores = OutcomeScore.objects.filter(
        patient__in={found[0].patient_id for found in begun.values()}, taken_at__lte=now
    ).order_by("taken_at", "pk")
    for patient, instrument, at, total in scores.values_list("patient_id", "instrument", "taken_at", "total"):
        totals.setdefault(patient, {}).setdefault(instrument, []).append((at, total))
    return [
        Course(
            f"{found[0].protocol_version.template.name}, version {found[0].protocol_version.number}",
            _started(found[0]),
            ends.get(key, _started(found[-1]) + WITHOUT_WINDOW),
            _totals(found[0], totals),
        )
        for key, found in begun.items()
    ]


def _totals(
    first: Infusion, totals: dict[int, dict[str, list[tuple[datetime, int]]]]
) -> dict[str, Sequence[tuple[datetime, int]]]:
    """The totals of the patient by instrument; none for a course that was begun elsewhere, whose start is not known."""
    series = first.appointment.series
    if series is None or series.given_elsewhere:
        return {}
    return {**totals.get(first.patient_id, {})}


def _started(row: Infusion) -> datetime:
    return row.started_at or row.arrived_at


class _Median(Aggregate):
    """The middle of a column, straight line between the two middle values."""

    function = "percentile_cont"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"


def _messages(site: Site, span: Interval, now: datetime) -> MessageHealth:
    """What became of the messages due in the span and before now. Two queries."""
    zone = ZoneInfo(site.time_zone)
    due = Message.objects.annotate(place=Coalesce("follow_up__site_id", "appointment__site_id")).filter(
        place=site.pk, due_at__gte=span.start, due_at__lt=min(span.end, now)
    )
    counted = (
        due.annotate(week=TruncWeek("due_at", tzinfo=zone))
        .order_by()
        .values("week")
        .annotate(
            left=Count("pk", filter=Q(state=State.SENT) & ~Q(delivery=Message.Delivery.FAILED)),
            lost=Count(
                "pk",
                filter=Q(state__in=[State.DEAD, State.EXPIRED])
                | Q(state=State.SENT, delivery=Message.Delivery.FAILED),
            ),
            doubt=Count("pk", filter=Q(state=State.UNKNOWN)),
        )
    )
    found = {
        row["week"].date(): MessageWeek(row["week"].date(), row["left"], row["lost"], row["doubt"])
        for row in counted
    }
    delay = due.filter(state=State.SENT).aggregate(
        delay=_Median(
            ExpressionWrapper(F("sent_at") - F("due_at"), output_field=DurationField()),
            output_field=DurationField(),
        )
    )["delay"]
    first, days = (
        local_date(span.start, zone),
        (local_date(span.end, zone) - local_date(span.start, zone)).days,
    )
    mondays = (first + timedelta(days=day) for day in range(0, days, 7))
    return MessageHealth([found.get(day, MessageWeek(day)) for day in mondays], delay)


COLUMNS = ("part", "group", "measure", "value", "unit", "n", "missing")
Line = tuple[object, ...]


def lines_of(report: Report) -> list[Line]:
    """The whole report in the order of COLUMNS, one figure a line; what is not known is None."""
    return [*_of_windows(report), *_of_courses(report), *_of_messages(report.messages), *_of_weeks(report)]


def _of_windows(report: Report) -> Iterator[Line]:
    share = _share(report.kept, report.decided)
    yield ("windows", "all", "adherence", share, "%", report.decided, report.still_open)
    over = report.outside - report.outside_open
    share = _share(report.outside_reported, over)
    yield ("windows", "outside therapist", "reported", share, "%", over, report.outside_open)
    hours = report.hours
    for name in ("lower", "median", "upper"):
        value = None if hours is None else round(getattr(hours, name), 1)
        yield ("windows", "all", f"hours to therapy, {name}", value, "h", hours.n if hours else 0, None)


def _of_courses(report: Report) -> Iterator[Line]:
    for item in report.results:
        missing = item.without_start + item.without_result
        about = f"{item.version}: {item.instrument.title}"
        for name, share in (("response", item.response), ("remission", item.remission)):
            if share is not None:
                yield ("courses", about, name, _round(share.percent), "%", share.whole, missing)


def _of_messages(sent: MessageHealth) -> Iterator[Line]:
    for name in ("sent", "failed", "unknown"):
        yield ("messages", "all", name, getattr(sent, name), "messages", sent.all, None)
    delay = None if sent.median_delay is None else round(sent.median_delay.total_seconds(), 1)
    yield ("messages", "all", "median delay", delay, "s", sent.sent, None)
    for one in sent.weeks:
        yield ("messages", one.monday.isoformat(), "sent", one.sent_percent, "%", one.all, None)


def _of_weeks(report: Report) -> Iterator[Line]:
    for week in report.weeks:
        day, over = week.monday.isoformat(), week.windows - week.windows_open
        yield ("chairs", day, "use", week.use_percent, "%", None, None)
        yield ("windows", day, "adherence", week.adherence_percent, "%", over, week.windows_open)


def _share(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
