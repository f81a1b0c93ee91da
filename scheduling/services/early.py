"""What can be refused before anything is planned: a seat that is taken already.

Of fifty people who want one chair at one moment, forty-nine need only be told who has it. This looks at nothing but
the bookings of the named chair and people, once before the locks and once under them, where the winner's booking has
become visible. It never says yes: everything is asked again by services/rules.py.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from zoneinfo import ZoneInfo

from django.db.models import Q

from patients.models import Patient
from protocols.definition import ProtocolDefinition
from protocols.models import ProtocolVersion
from scheduling.domain.intervals import Interval, as_utc
from scheduling.loaders import LoadedResource, zone_of
from scheduling.models import Appointment, ResourceBooking, TreatmentSeries
from scheduling.ranges import as_interval
from scheduling.services.rules import named
from scheduling.services.seating import (
    Part,
    TherapyChoice,
    VisitChoice,
    as_code,
    parts_for,
    refuse_without_room,
)
from staff.clock import app_now
from staff.errors import StateConflict
from staff.models import User


@dataclass(frozen=True)
class _Want:
    """One named resource for one visit or session over `during`, the longest that it may be needed."""

    ordinal: int
    code: str
    during: Interval
    therapy: bool


def refuse_what_is_taken(
    *,
    patient: Patient,
    definition: ProtocolDefinition,
    wanted: Sequence[VisitChoice],
    therapy: Sequence[TherapyChoice] = (),
    by: User,
    at: datetime,
    total: int,
    without: Collection[int] = (),
    alone: bool = False,
    first: int = 1,
) -> None:
    """Raise Clash (in the words of the full check) for the first visit whose named chair or person has no room.

    One query. An empty code is chosen by the service; times not ahead of `at` are left to the rules. total, alone,
    first: as `VisitRules` names occurrences; without: bookings (primary keys of appointments) that are about to move.
    Raises InvalidInput for a code that is none.
    """
    wants = [*_of_visits(definition, wanted, at), *_of_therapy(definition, therapy, at)]
    found = [row for row in _in_the_way(patient, wants, at) if row.appointment_id not in without]
    zone = zone_of(patient.site)
    for want in wants if found else ():
        mine = tuple(row for row in found if str(row.resource.code) == want.code)
        if mine:
            with named(want.ordinal, total, alone=alone, first=first):
                _refuse(want, mine, definition, by, zone)


def refuse_early(
    patient: Patient,
    version: ProtocolVersion,
    visits: Sequence[VisitChoice],
    therapy: Sequence[TherapyChoice],
    *,
    by: User,
) -> None:
    """A new series that cannot be had, refused by two queries. Raises StateConflict, Clash and InvalidInput."""
    refuse_second_series(patient)
    text, wanted = version.read(), sorted(visits, key=lambda item: item.ordinal)
    refuse_what_is_taken(
        patient=patient, definition=text, wanted=wanted, therapy=therapy, by=by, at=app_now(), total=text.visits,
        first=wanted[0].ordinal,
    )  # fmt: skip


def refuse_second_series(patient: Patient) -> None:
    """One active series per patient. Raises StateConflict."""
    if TreatmentSeries.objects.live().filter(patient=patient).exists():
        raise StateConflict(
            "This patient already has an active series.", code="one-active-series-per-patient"
        )


def _of_visits(definition: ProtocolDefinition, wanted: Sequence[VisitChoice], at: datetime) -> list[_Want]:
    length = timedelta(minutes=definition.chair_minutes + definition.turnover_minutes)
    return [
        _Want(item.ordinal, str(as_code(code)), Interval(item.start, as_utc(item.start) + length), False)
        for item in wanted
        if as_utc(item.start) > at
        for code in (item.chair, item.nurse, item.prescriber)
        if code
    ]


def _of_therapy(
    definition: ProtocolDefinition, therapy: Sequence[TherapyChoice], at: datetime
) -> list[_Want]:
    minutes = {rule.kind: rule.duration_minutes for rule in definition.follow_ups if rule.therapy}
    return [
        _Want(
            item.ordinal,
            str(as_code(item.therapist)),
            Interval(item.start, as_utc(item.start) + timedelta(minutes=minutes[item.kind])),
            True,
        )
        for item in therapy
        if item.kind in minutes and as_utc(item.start) > at
    ]


def _in_the_way(patient: Patient, wants: Sequence[_Want], at: datetime) -> list[ResourceBooking]:
    """Bookings of the named resources at the wanted times; reserved slots whose time is up do not count."""
    if not wants:
        return []
    moments = {item.during for item in wants}
    rows = ResourceBooking.objects.filter(
        reduce(or_, (Q(during__overlap=(item.start, item.end)) for item in sorted(moments))),
        resource__code__in={item.code for item in wants},
        resource__site=patient.site_id,
        resource__active=True,
    ).exclude(appointment__status=Appointment.Status.RESERVED, appointment__held_until__lte=at)
    return list(rows.select_related("appointment__patient", "resource").order_by("during"))


def _refuse(
    want: _Want, mine: tuple[ResourceBooking, ...], definition: ProtocolDefinition, by: User, zone: ZoneInfo
) -> None:
    item = LoadedResource(mine[0].resource, (), tuple(as_interval(row.during) for row in mine), (), mine)
    if want.therapy:
        refuse_without_room(Part(item, want.during, 1), zone, by)
        return
    own: list[Interval] = []
    for part in parts_for(definition, item, want.during.start):
        refuse_without_room(part, zone, by, own)
        own += [part.during] * part.load
