"""A series that rests for a while: with a reason, an owner and a day on which somebody looks at it again.

While it is paused nobody is checked in and no infusion reminder leaves; safety follow-ups and windows that are open go
on. Chairs stay for the days that were said, then they are given back. Resuming judges every gap again: what no longer
fits loses its date and is on a list, never quietly late.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.urls import reverse

from scheduling.conflicts import booking_act
from scheduling.domain.localtime import day_in_words, local_date
from scheduling.loaders import zone_of
from scheduling.loaders_follow import load_course
from scheduling.models import Appointment, Resource, ScheduleChange, TreatmentSeries, WorkItem
from scheduling.reasons import PAUSE, in_words
from scheduling.services.changes import record, snapshot
from scheduling.services.endings import cancel_rows, raise_undated
from scheduling.services.followups import sync_follow_ups
from scheduling.services.neighbours import neighbours_of_ordinal
from scheduling.services.rules import Neighbour, gap_fits, long_gaps_of
from scheduling.services.window_rows import check_constraints_now
from scheduling.services.workitems import raise_item, settle, settle_visit
from staff import roles
from staff.clock import app_now
from staff.errors import InvalidInput, StaleVersion, StateConflict
from staff.locks import lock
from staff.models import User

Status = TreatmentSeries.Status
LONGEST = timedelta(days=366)


@booking_act
def pause_series(
    *,
    series: TreatmentSeries,
    reason: str,
    review_on: date,
    by: User,
    owner: User | None = None,
    keep_chairs_days: int = 0,
    initiator: str = "clinician",
    note: str = "",
    at: datetime | None = None,
    expected_version: int | None = None,
) -> TreatmentSeries:
    """Pause an active series until somebody resumes or ends it. `keep_chairs_days` 0: chairs are free at once.

    Raises StateConflict unless it is active, InvalidInput for a review in the past or over a year ahead, StaleVersion.
    """
    now = at or app_now()
    words = in_words(PAUSE, reason, initiator=initiator, note=note)
    current = _locked(series, expected_version)
    if current.status != Status.ACTIVE:
        raise StateConflict(f"This series is {current.get_status_display().lower()}.", code="not-active")
    today = local_date(now, zone_of(current.site))
    if not today < review_on <= today + LONGEST:
        raise InvalidInput(
            "Choose a day from tomorrow on, at most a year ahead.", code="review-on", field="review_on"
        )
    if not 0 <= keep_chairs_days <= 60:
        raise InvalidInput("Chairs are kept 0 to 60 days.", code="keep", field="keep_chairs_days")
    current.status, current.status_reason, current.paused_at = Status.PAUSED, words[:200], now
    current.pause_owner, current.review_on = owner or by, review_on
    current.release_on = today + timedelta(days=keep_chairs_days)
    _save(current, "status", "status_reason", "paused_at", "pause_owner", "review_on", "release_on")
    if not keep_chairs_days:
        _release_chairs(current, by, now)
    sync_follow_ups(series=current, at=now)
    check_constraints_now()
    return current


@booking_act
def resume_series(
    *, series: TreatmentSeries, by: User, at: datetime | None = None, expected_version: int | None = None
) -> tuple[TreatmentSeries, list[Appointment]]:
    """Go on. Returns the series and the visits that lost their date because a gap or the past forbids it.

    Resuming an active series changes nothing. Raises StateConflict when it is over, StaleVersion.
    """
    now = at or app_now()
    current = _locked(series, expected_version)
    if current.status == Status.ACTIVE:
        return current, []
    if current.status != Status.PAUSED:
        raise StateConflict(f"This series is {current.get_status_display().lower()}.", code="series-over")
    current.status, current.status_reason = Status.ACTIVE, ""
    current.paused_at = current.pause_owner = current.review_on = current.release_on = None
    _save(current, "status", "status_reason", "paused_at", "pause_owner", "review_on", "release_on")
    lost = _take_off(current, _unfit(current, now), "Does not fit after the pause.", by, now)
    settle(
        kind=WorkItem.Kind.UNPLACED, key=_key(current), resolution="The series was resumed.", at=now, by=by
    )
    sync_follow_ups(series=current, at=now)
    check_constraints_now()
    return current, lost


def _locked(series: TreatmentSeries, expected_version: int | None) -> TreatmentSeries:
    held = Resource.objects.filter(bookings__appointment__series=series).values_list("pk", flat=True)
    lock(patients=[series.patient_id], resources=set(held))
    rows = TreatmentSeries.objects.select_for_update(of=["self"])
    current: TreatmentSeries = rows.select_related("site", "patient", "protocol_version").get(pk=series.pk)
    if expected_version is not None and current.version != expected_version:
        raise StaleVersion("Somebody else changed this series since you opened it. Look at it again.")
    return current


def _save(series: TreatmentSeries, *fields: str) -> None:
    series.version += 1
    series.save(update_fields=[*fields, "version"])


def _upcoming(series: TreatmentSeries) -> list[Appointment]:
    rows = series.appointments.infusions().filter(status__in=Appointment.UPCOMING)
    return list(
        rows.select_for_update(of=["self"])
        .select_related("series__booked_by", "site", "patient")
        .order_by("ordinal")
    )


def _unfit(series: TreatmentSeries, now: datetime) -> list[Appointment]:
    """Visits ahead whose start has passed or whose gap to the one before is no longer allowed."""
    definition, zone, approved = series.protocol_version.read(), zone_of(series.site), long_gaps_of(series)
    found: list[Appointment] = []
    for visit in _upcoming(series):
        gone = {item.pk for item in found} | {visit.pk}
        course = [item for item in load_course(series.patient_id) if item.visit.pk not in gone]
        before, _ = neighbours_of_ordinal(course, series, visit.ordinal or 0)
        here = Neighbour(visit.ordinal or 0, visit.during.lower)
        if visit.during.lower <= now or not gap_fits(definition, before, here, zone, approved):
            found.append(visit)
    return found


def _take_off(
    series: TreatmentSeries, visits: list[Appointment], words: str, by: User, now: datetime
) -> list[Appointment]:
    """Cancel visits with the therapy only planned after them; each infusion is on a list until it has a date."""
    if not visits:
        return []
    numbers = {item.ordinal for item in visits}
    planned = series.appointments.filter(
        kind=Appointment.Kind.THERAPY, status=Appointment.Status.PROVISIONAL, ordinal__in=numbers
    )
    rows = [*visits, *planned.select_for_update(of=["self"])]
    before = snapshot(rows)
    cancel_rows(rows, words)
    record(ScheduleChange.Kind.CANCEL, before, reason=words, by=by, at=now)
    for visit in visits:
        settle_visit(visit, resolution=words, at=now, by=by)
        raise_undated(visit, words, now)
    return visits


def _release_chairs(series: TreatmentSeries, by: User, now: datetime) -> int:
    return len(_take_off(series, _upcoming(series), "The series is paused.", by, now))


def _key(series: TreatmentSeries) -> str:
    return f"pause:{series.code}"


def watch_pauses(*, at: datetime | None = None) -> int:
    """For the tick: give chairs back on their day, and put a pause on its owner's list on its day. Returns how many."""
    now = at or app_now()
    done = 0
    latest = now.date() + timedelta(days=1)  # somewhere it may be tomorrow already
    rows = TreatmentSeries.objects.filter(status=Status.PAUSED, review_on__lte=latest)
    rows |= TreatmentSeries.objects.filter(status=Status.PAUSED, release_on__lte=latest)
    for series in rows.select_related("site", "pause_owner", "patient"):
        today = local_date(now, zone_of(series.site))
        if series.release_on is not None and series.release_on <= today and series.pause_owner is not None:
            done += _release_due(series=series, by=series.pause_owner, at=now)
        if series.review_on is not None and series.review_on <= today:
            _raise_review(series, now)
    return done


@booking_act
def _release_due(*, series: TreatmentSeries, by: User, at: datetime) -> int:
    current = _locked(series, None)
    if current.status != Status.PAUSED:
        return 0
    released = _release_chairs(current, by, at)
    current.release_on = None
    _save(current, "release_on")
    sync_follow_ups(series=current, at=at)
    check_constraints_now()
    return released


def _raise_review(series: TreatmentSeries, now: datetime) -> None:
    review = series.review_on or now.date()
    raise_item(
        kind=WorkItem.Kind.UNPLACED,
        key=_key(series),
        site=series.site,
        patient=series.patient,
        title="A paused series is to be looked at",
        detail=f"{series.status_reason} To be looked at on {day_in_words(review)}: resume it or end it.",
        role=roles.CLINICIAN,
        owner=series.pause_owner,
        url=reverse("series_detail", args=[series.code]),
        due_at=now,
        at=now,
    )
