"""The preparation visit before the first infusion: booked with a therapist, held, given back (clinic-day 29).

It is not therapy: no no-therapy period and no quiet time is asked about it (decisions 1.8). It ends before infusion 1
begins, and a series has one at a time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from scheduling.conflicts import booking_act
from scheduling.domain.intervals import Interval, as_utc, covered
from scheduling.domain.localtime import in_words, local_date
from scheduling.loaders import LoadedResource, SiteLoad, load_site
from scheduling.models import Appointment, Resource, TreatmentSeries
from scheduling.planning import speaks
from scheduling.services import lanes
from scheduling.services.messages import sync_messages
from scheduling.services.seating import Part, check_duty, check_room
from scheduling.services.therapy_rules import therapist_resource
from sessions.models import PreparationRecord
from sessions.services import PreparationText, record_preparation
from staff.clock import app_now
from staff.errors import Clash, RuleNotMet, StateConflict
from staff.locks import lock
from staff.models import Licence, User

Kind, Status = Appointment.Kind, Appointment.Status
STANDS = (*Appointment.BLOCKING, Status.COMPLETED)
GRACE = timedelta(minutes=5)


def preparation_of(series: TreatmentSeries) -> Appointment | None:
    """The series' preparation visit that is booked or was held; None without one."""
    rows = series.appointments.filter(kind=Kind.PREPARATION, status__in=STANDS)
    found: Appointment | None = rows.select_related("practitioner").order_by("-during").first()
    return found


def preparation_ends_by(series: TreatmentSeries) -> datetime | None:
    """Start of the first infusion here, which the visit comes before; None when it has no date."""
    rows = series.appointments.infusions().filter(ordinal=series.first_ordinal, status__in=STANDS)
    first = rows.order_by("during").first()
    if first is None:
        return None
    begun = first.infusion.started_at if first.infusion is not None else None
    return as_utc(begun or first.during.lower)


@booking_act
def book_preparation(
    *, series: TreatmentSeries, start: datetime, therapist: User, by: User, at: datetime | None = None
) -> Appointment:
    """Book it. The same booking twice is one booking.

    Raises StateConflict when the version has none, one is booked or held, or infusion 1 has begun; RuleNotMet for a
    time that has passed or lies after infusion 1, off duty, or without licence or language; Clash when somebody is
    taken.
    """
    now, start = at or app_now(), as_utc(start)
    current = _locked(series, therapist)
    minutes = current.protocol_version.read().preparation_minutes
    if minutes is None:
        raise StateConflict("This version has no preparation visit.", code="no-preparation")
    visit = Interval(start, start + timedelta(minutes=minutes))
    standing = preparation_of(current)
    if standing is not None:
        if (standing.during.lower, standing.practitioner_id) == (start, therapist.pk):
            return standing
        raise StateConflict("A preparation visit is booked or took place already.", code="already-booked")
    _check_time(current, visit, now)
    item, load = _judge(current, visit, therapist)
    part = Part(item, visit, 1)
    check_duty(part, load)
    check_room(part, load, by)
    booked: Appointment = Appointment.objects.create(
        kind=Kind.PREPARATION, status=Status.BOOKED, patient=current.patient, site=current.site, series=current,
        ordinal=1, during=(visit.start, visit.end), practitioner=therapist, booked_by=by, booked_at=now,
    )  # fmt: skip
    booked.refresh_from_db(fields=["during"])
    own = Resource.objects.filter(user=therapist, kind=Resource.Kind.THERAPIST, active=True)
    lanes.occupy([lanes.Occupation(booked, resource, visit) for resource in own])
    return booked


@booking_act
def hold_preparation(
    *, series: TreatmentSeries, text: PreparationText, by: User, at: datetime | None = None
) -> PreparationRecord:
    """It was held, booked or not, with this practice plan; messages to practise may go out from now on."""
    now = at or app_now()
    current = _locked(series, by)
    record: PreparationRecord = record_preparation(
        patient=current.patient, course=current.code, text=text, by=by, at=now
    )
    booked = preparation_of(current)
    if booked is not None and booked.status in Appointment.UPCOMING:
        lanes.release([booked.pk])
        booked.status = Status.COMPLETED
        booked.version += 1
        booked.save(update_fields=["status", "version"])
    sync_messages(series=current, at=now)
    return record


@booking_act
def cancel_preparation(*, series: TreatmentSeries, by: User, at: datetime | None = None) -> None:
    """Give the booked time back. Without one nothing changes; StateConflict once it was held."""
    current = _locked(series, by)
    booked = preparation_of(current)
    if booked is None:
        return
    if booked.status not in Appointment.UPCOMING:
        raise StateConflict("It took place already.", code="already-held")
    lanes.release([booked.pk])
    booked.status = Status.CANCELLED
    booked.version += 1
    booked.save(update_fields=["status", "version"])


def _locked(series: TreatmentSeries, therapist: User) -> TreatmentSeries:
    own = Resource.objects.filter(user=therapist, kind=Resource.Kind.THERAPIST, active=True)
    lock(patients=[series.patient_id], resources=set(own.values_list("pk", flat=True)))
    rows = TreatmentSeries.objects.select_related(
        "patient", "site", "protocol_version__template", "therapist"
    )
    found: TreatmentSeries = rows.get(pk=series.pk)
    return found


def _check_time(series: TreatmentSeries, visit: Interval, now: datetime) -> None:
    if series.status not in (TreatmentSeries.Status.ACTIVE, TreatmentSeries.Status.PAUSED):
        raise StateConflict("This series is over.", code="series-over")
    if visit.start < now - GRACE:
        raise RuleNotMet("This time has passed.", code="past-start", field="start")
    until = preparation_ends_by(series)
    if until is not None and visit.end > until:
        words = in_words(until, ZoneInfo(series.site.time_zone))
        raise RuleNotMet(
            f"It comes before infusion {series.first_ordinal} ({words}).",
            code="after-first-infusion",
            field="start",
        )
    taken = Appointment.objects.blocking().filter(patient=series.patient_id).touching(visit.start, visit.end)
    if taken.exists():
        raise Clash("The patient has another appointment then.", code="patient-taken", field="start")


def _judge(series: TreatmentSeries, visit: Interval, therapist: User) -> tuple[LoadedResource, SiteLoad]:
    """The therapist as a resource, licensed where the patient lives and speaking their language."""
    zone = ZoneInfo(series.site.time_zone)
    until = local_date(visit.end, zone) + timedelta(days=1)
    load = load_site(series.site, first=local_date(visit.start, zone), until=until)
    item = therapist_resource(load, therapist)
    where = series.patient.jurisdiction
    if not covered(load.licensed(item, Licence.Profession.THERAPIST, where), visit):
        words = f"{item.row.name} holds no therapist's licence for {where} on that day."
        raise RuleNotMet(words, code="not-licensed", field="therapist")
    if not speaks(item, series.patient.language):
        raise RuleNotMet(
            f"{item.row.name} does not speak the patient's language.", code="language", field="therapist"
        )
    return item, load
