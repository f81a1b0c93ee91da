"""Lists that must be empty, whoever wrote the rows: overlaps, orphans, gap breaches, therapy in a no-therapy period,
bookings by people without a licence, bookings that say something else than the record, infusions that nobody has,
encrypted values that do not open in their row.

Every check derives its answer from the rows afresh, without the constraints and triggers that should make it true.
Findings name codes, never people: they are printed, logged and mailed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from scheduling.domain.closeness import MOST_IN_SEVEN_DAYS, most_in_seven_days, nearest
from scheduling.domain.intervals import Interval
from scheduling.domain.localtime import in_words, local_date
from scheduling.loaders import zone_of
from scheduling.models import (
    Appointment,
    GapException,
    PlasticityWindow,
    ResourceBooking,
    SpacingDecision,
    TreatmentSeries,
    WaitlistOffer,
    WorkItem,
)
from scheduling.ranges import as_interval
from scheduling.sealed_checks import unreadable_values
from scheduling.services.chair_use import FOLLOWS
from scheduling.services.endings import HAS_A_DATE, SETTLED, undated_key
from scheduling.services.visit_gaps import GONE, really_starts, wrong_gap
from sessions.models import Infusion, IntegrationSession
from staff.models import Licence

Status = Appointment.Status
LOST_HOLD = timedelta(hours=1)
LATE_REVIEW = timedelta(days=1)


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that must not be. `kind` is stable; `codes` are of the rows concerned."""

    kind: str
    text: str
    codes: tuple[str, ...]


def check_schedule(now: datetime) -> list[Finding]:
    """Everything wrong with the schedule at `now`; empty when all is well."""
    checks: tuple[Callable[[datetime], Iterable[Finding]], ...] = (
        _lanes, _patients, _orphans, _left, _gaps, _therapy, _therapy_given, _licences, _records, _lost_infusions,
        _holds, _offers, _pauses, _close, _sealed,
    )  # fmt: skip
    return sorted(item for check in checks for item in check(now))


def _rows(sql: str, *values: Any) -> list[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [tuple(str(value) for value in row) for row in cursor.fetchall()]


def _left(now: datetime) -> Iterator[Finding]:
    """Booked ahead with what is no longer in use, such as somebody who has left, and on nobody's list."""
    rows = _rows(
        "SELECT v.code, r.code FROM scheduling_resourcebooking b JOIN scheduling_resource r ON r.id = b.resource_id "
        "JOIN scheduling_appointment v ON v.id = b.appointment_id WHERE NOT r.active AND lower(b.during) > %s "
        "AND NOT EXISTS (SELECT 1 FROM scheduling_workitem i WHERE i.resolved_at IS NULL "
        "AND i.key = 'left:' || v.code::text)",
        now,
    )
    for visit, resource in rows:
        yield Finding("left", "booked with somebody who has left, on nobody's list", (visit, resource))


def _lanes(_: datetime) -> Iterator[Finding]:
    """Two bookings in one lane, or a lane that the resource does not have."""
    pairs = _rows(
        "SELECT r.code, v.code, w.code FROM scheduling_resourcebooking a JOIN scheduling_resourcebooking b "
        "ON a.resource_id = b.resource_id AND a.lane = b.lane AND a.id < b.id AND a.during && b.during "
        "JOIN scheduling_resource r ON r.id = a.resource_id JOIN scheduling_appointment v ON v.id = a.appointment_id "
        "JOIN scheduling_appointment w ON w.id = b.appointment_id"
    )
    for codes in pairs:
        yield Finding("overlap", "two bookings of one chair or person at the same time", codes)
    beyond = _rows(
        "SELECT r.code, v.code FROM scheduling_resourcebooking a JOIN scheduling_resource r ON r.id = a.resource_id "
        "JOIN scheduling_appointment v ON v.id = a.appointment_id WHERE a.lane > r.capacity"
    )
    for codes in beyond:
        yield Finding("overlap", "more bookings at once than the resource has room for", codes)


def _patients(_: datetime) -> Iterator[Finding]:
    """One patient in two places."""
    blocking = sorted(Appointment.BLOCKING)
    pairs = _rows(
        "SELECT a.code, b.code FROM scheduling_appointment a JOIN scheduling_appointment b "
        "ON a.patient_id = b.patient_id AND a.id < b.id AND a.during && b.during "
        "WHERE a.status = ANY(%s) AND b.status = ANY(%s)",
        blocking,
        blocking,
    )
    for codes in pairs:
        yield Finding("overlap", "one patient has two visits at the same time", codes)


def _orphans(_: datetime) -> Iterator[Finding]:
    """Blocking visits without (enough of) a chair or person, and bookings of visits that are over."""
    chair = ResourceBooking.objects.filter(appointment=OuterRef("pk"), during__contains=OuterRef("during"))
    blocking = Appointment.objects.blocking()
    bare = blocking.filter(
        Q(kind=Appointment.Kind.INFUSION) & ~Exists(chair.filter(resource__kind="chair"))
        | ~Q(kind=Appointment.Kind.INFUSION) & ~Exists(chair)
    )
    for visit in bare:
        yield Finding("orphan", f"{visit.status} visit without what it needs", (str(visit.code),))
    left = ResourceBooking.objects.exclude(appointment__status__in=Appointment.BLOCKING).select_related(
        "appointment", "resource"
    )
    for row in left:
        codes = (str(row.resource.code), str(row.appointment.code))
        yield Finding("orphan", f"{row.appointment.status} visit still occupies a resource", codes)


def _happening() -> dict[int, list[Appointment]]:
    """Infusion visits that happen, by patient, in order of their start (actual once the pump has run)."""
    found: dict[int, list[Appointment]] = defaultdict(list)
    rows = Appointment.objects.infusions().exclude(status__in=GONE)
    for visit in rows.select_related(
        "infusion__protocol_version", "series__protocol_version", "site", "patient"
    ):
        found[visit.patient_id].append(visit)
    for visits in found.values():
        visits.sort(key=really_starts)
    return found


def _gaps(now: datetime) -> Iterator[Finding]:
    """Planned visits closer to, or further from, the one before than the protocol allows. Facts are not judged."""
    long: dict[int, dict[int, int]] = defaultdict(dict)
    for series_id, ordinal, hours in GapException.objects.values_list("series_id", "ordinal", "max_hours"):
        long[series_id][ordinal] = hours
    for visits in _happening().values():
        for earlier, later in pairwise(visits):
            approved = long.get(later.series.pk, {}) if later.series else {}
            words = wrong_gap(earlier, later, now, approved)
            if words:
                yield Finding("gap", words, (str(earlier.code), str(later.code)))


def _periods(now: datetime) -> dict[int, list[tuple[Interval, str, timedelta]]]:
    """No-therapy periods by patient, by prediction or by window, with the quiet time before each."""
    found: dict[int, list[tuple[Interval, str, timedelta]]] = defaultdict(list)
    windows = {row.infusion_id: row for row in PlasticityWindow.objects.filter(superseded_at__isnull=True)}
    for patient, visits in _happening().items():
        for visit in visits:
            window = windows.get(visit.infusion_id)  # type: ignore[arg-type]  # None finds nothing
            start, end = (window.starts_at, window.t0) if window else (visit.during.lower, visit.predicted_t0)
            if end is None or visit.series is None:
                continue
            quiet = timedelta(minutes=visit.protocol_version.read().window.quiet_block_minutes)
            found[patient].append(
                (Interval(start, max(end, start + timedelta(minutes=1))), str(visit.code), quiet)
            )
    return found


def _therapy(now: datetime) -> Iterator[Finding]:
    """Planned therapy inside a no-therapy period, or in the quiet time before an infusion."""
    periods = _periods(now)
    rows = Appointment.objects.filter(kind=Appointment.Kind.THERAPY, status__in=Appointment.UPCOMING)
    for session in rows:
        planned = as_interval(session.during)
        for period, visit, quiet in periods.get(session.patient_id, ()):
            codes = (str(session.code), visit)
            if planned.overlaps(period):
                yield Finding("no-therapy", "therapy planned inside a no-therapy period", codes)
            elif planned.start < period.start < planned.end + quiet:
                yield Finding("no-therapy", "therapy planned in the quiet time before an infusion", codes)


def _therapy_given(_: datetime) -> Iterator[Finding]:
    """Therapy that took place inside a no-therapy period and is not marked as such."""
    windows = PlasticityWindow.objects.filter(
        patient=OuterRef("patient"),
        superseded_at__isnull=True,
        starts_at__lte=OuterRef("started_at"),
        t0__gt=OuterRef("started_at"),
    )
    for row in IntegrationSession.objects.filter(Exists(windows), inside_no_therapy_at__isnull=True):
        yield Finding(
            "no-therapy", "therapy took place inside a no-therapy period, unmarked", (str(row.code),)
        )


def _licences(now: datetime) -> Iterator[Finding]:
    """Upcoming therapy, and infusions, by somebody without a licence for that place on that day."""
    for visit, words in unlicensed(Appointment.objects.all()):
        yield Finding("unlicensed", words, (str(visit.code),))


def unlicensed(visits: QuerySet[Appointment]) -> list[tuple[Appointment, str]]:
    """Those of these visits that are ahead and that no licence of their practitioner covers, with what is missing."""
    held: dict[tuple[int, str], list[Licence]] = defaultdict(list)
    for licence in Licence.objects.all():
        held[(licence.user_id, licence.profession)].append(licence)
    found = []
    rows = visits.filter(status__in=Appointment.UPCOMING, practitioner__isnull=False)
    for visit in rows.exclude(kind=Appointment.Kind.PREPARATION).select_related("patient", "site"):
        therapy = visit.kind == Appointment.Kind.THERAPY
        profession = Licence.Profession.THERAPIST if therapy else Licence.Profession.PRESCRIBER
        place = visit.patient.jurisdiction if therapy else visit.site.jurisdiction
        day = local_date(visit.during.lower, ZoneInfo(visit.site.time_zone))
        mine = held.get((visit.practitioner_id or 0, profession), [])
        if not any(licence.covers(place, day) for licence in mine):
            found.append((visit, f"{profession} without a licence for {place} on {day}"))
    return found


def _records(_: datetime) -> Iterator[Finding]:
    """Visits whose state is not the record's, records without a visit, and visits under way without a record."""
    linked = Appointment.objects.infusions().filter(infusion__isnull=False).select_related("infusion")
    for visit in linked:
        wanted = FOLLOWS[Infusion.Status(visit.infusion.status)]
        if visit.status != wanted:
            words = f"visit is {visit.status}, its record says {visit.infusion.status}"
            yield Finding("mismatch", words, (str(visit.code), str(visit.infusion.code)))
    underway = (Status.ARRIVED, Status.INFUSING, Status.RECOVERING)
    for visit in Appointment.objects.infusions().filter(infusion__isnull=True, status__in=underway):
        yield Finding("mismatch", f"visit is {visit.status} without a record", (str(visit.code),))
    for record in Infusion.objects.filter(appointment__isnull=True):
        yield Finding("mismatch", "infusion record without a visit", (str(record.code),))


def _lost_infusions(_: datetime) -> Iterator[Finding]:
    """Infusions of a running series that have no date, and are on nobody's list."""
    listed = set(
        WorkItem.objects.filter(resolved_at__isnull=True, key__startswith="undated:").values_list(
            "key", flat=True
        )
    )
    dated: dict[int, set[int]] = defaultdict(set)
    rows = Appointment.objects.infusions().filter(status__in=[*HAS_A_DATE, *SETTLED])
    for series_id, ordinal in rows.values_list("series_id", "ordinal"):
        dated[series_id].add(ordinal)
    for series in TreatmentSeries.objects.live():
        for number in sorted(set(series.numbers) - dated[series.pk]):
            if undated_key(series, number) not in listed:
                yield Finding("lost", f"infusion {number} has no date and is on no list", (str(series.code),))


def _holds(now: datetime) -> Iterator[Finding]:
    """Reserved slots that should have been given back long ago."""
    for visit in Appointment.objects.overdue_holds(now - LOST_HOLD).select_related("site"):
        words = f"slot reserved until {in_words(visit.held_until, zone_of(visit.site))} still blocks"
        yield Finding("hold", words, (str(visit.code),))


def _offers(now: datetime) -> Iterator[Finding]:
    """Places of the waitlist that were offered, ran out long ago, and are still kept."""
    stale = WaitlistOffer.objects.filter(state=WaitlistOffer.State.OPEN, expires_at__lte=now - LOST_HOLD)
    for offer in stale.select_related("hold__site"):
        words = f"place offered until {in_words(offer.expires_at, zone_of(offer.hold.site))} is still kept"
        yield Finding("offer", words, (str(offer.code), str(offer.hold.code)))


def _sealed(now: datetime) -> Iterator[Finding]:
    """Encrypted values that were not written for the row they stand in."""
    for words, code in unreadable_values(now):
        yield Finding("sealed", words, (code,))


def _pauses(now: datetime) -> Iterator[Finding]:
    """Paused series whose day of review has passed without anybody having it on a list."""
    listed = WorkItem.objects.filter(key=Concat(Value("pause:"), Cast(OuterRef("code"), CharField())))
    rows = TreatmentSeries.objects.filter(status=TreatmentSeries.Status.PAUSED).select_related("site")
    for series in rows.filter(~Exists(listed.filter(resolved_at__isnull=True))):
        today = local_date(now - LATE_REVIEW, zone_of(series.site))
        if series.review_on is not None and series.review_on < today:
            words = f"pause was to be looked at on {series.review_on} and is on no list"
            yield Finding("pause", words, (str(series.code),))


def _close(now: datetime) -> Iterator[Finding]:
    """Infusions ahead less than 36 h after another one, or the fourth within seven days, without a recorded reason."""
    decided = set(SpacingDecision.objects.values_list("series_id", "ordinal"))
    for visits in _happening().values():
        for position, visit in enumerate(visits):
            if visit.status not in Appointment.UPCOMING or really_starts(visit) < now:
                continue
            zone, before = zone_of(visit.site), visits[:position]
            near = nearest(really_starts(visit), [really_starts(item) for item in before])
            days = [local_date(really_starts(item), zone) for item in before]
            many = most_in_seven_days(local_date(really_starts(visit), zone), days) > MOST_IN_SEVEN_DAYS
            around = {(item.series_id, item.ordinal) for item in [*before[-6:], visit]}
            if (near is not None or many) and not around & decided:
                yield Finding(
                    "close", "infusions so close together without a recorded reason", (str(visit.code),)
                )
