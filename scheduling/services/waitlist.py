"""A freed slot offers itself: to the most urgent patient who can use it, then to the one whose time runs out first.

A slot that came free is looked at once the two minutes for undo are over. It is kept for one patient at a time by a
hold that occupies chair, nurse and prescriber; somebody rings the patient before it expires. Declined or expired, it
goes to the next in order. Accepting judges everything again and books, or moves the visit that the patient had.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef
from django.urls import reverse

from scheduling.conflicts import booking_act
from scheduling.domain.localtime import in_words, local_date
from scheduling.loaders import SiteLoad, load_site, zone_of
from scheduling.loaders_follow import load_course
from scheduling.models import (
    Appointment,
    FreedSlot,
    Resource,
    ResourceBooking,
    TreatmentSeries,
    WaitlistEntry,
    WaitlistOffer,
    WorkItem,
)
from scheduling.planning import PARTS_OF_DAY, load_patient, predicted_clearance
from scheduling.ranges import as_range
from scheduling.reasons import CANCEL
from scheduling.services import slot_holds
from scheduling.services.holds import sweep_expired
from scheduling.services.lanes import Occupation, occupy
from scheduling.services.more_visits import rebook_visit
from scheduling.services.moving import move_visits
from scheduling.services.neighbours import neighbours_of_ordinal
from scheduling.services.rules import VisitRules, long_gaps_of
from scheduling.services.seating import Seat, VisitChoice, parts_of, stay
from scheduling.services.slot_holds import UNDO_FOR
from scheduling.services.waitlist_entries import (
    add_entry,
    close_entry,
    close_offer,
    lock_offers,
    withdraw_entry,
)
from scheduling.services.window_rows import check_constraints_now
from scheduling.services.workitems import raise_item
from staff import roles
from staff.clock import app_now
from staff.errors import Clash, DomainError, InvalidInput, StaleVersion, StateConflict
from staff.locks import lock
from staff.models import User

__all__ = [
    "accept_offer",
    "add_entry",
    "decline_offer",
    "expire",
    "fill",
    "matches",
    "withdraw_entry",
]

State, Offer = WaitlistEntry.State, WaitlistOffer.State
OFFER_FOR = timedelta(minutes=30)
STEP = timedelta(minutes=15)
MOVE_WORDS = "A freed slot suits the patient better (asked by the patient). From the waitlist."


@dataclass(frozen=True)
class Fit:
    """A start inside a freed slot that this entry could use, with people."""

    entry: WaitlistEntry
    visit: Appointment | None
    start: datetime
    seat: Seat
    rules: VisitRules


def fill(*, at: datetime | None = None) -> int:
    """For the tick: answer expired offers, then offer every freed slot to the first who can use it."""
    now = at or app_now()
    sweep_expired(at=now)
    expire(at=now)
    slot_holds.settle_others(at=now)
    ready = FreedSlot.objects.filter(done_at__isnull=True, visit__isnull=True, freed_at__lte=now - UNDO_FOR)
    ready = ready.exclude(offers__state=Offer.OPEN)
    # Booked by somebody meanwhile: when that booking goes, the time comes free as a slot of its own.
    bookings = ResourceBooking.objects.filter(
        resource=OuterRef("resource"), during__contains=OuterRef("during")
    )
    ready.filter(Exists(bookings)).update(done_at=now, outcome="Booked meanwhile.")
    ready.filter(during__endswith__lte=now).update(done_at=now, outcome="The time has passed.")
    waiting = WaitlistEntry.objects.filter(state=State.WAITING).values("site")
    wanted = ready.filter(resource__site__in=waiting).select_related("resource__site")
    return sum(_offer(slot, now) is not None for slot in wanted)


def expire(*, at: datetime) -> int:
    """Offers whose time ran out; entries that are of no use any more. Returns how many offers."""
    done = 0
    for offer in WaitlistOffer.objects.filter(state=Offer.OPEN, expires_at__lte=at).select_related("entry"):
        done += _expire_one(offer=offer, at=at)
    for entry in WaitlistEntry.objects.filter(state=State.WAITING, latest_at__lte=at):
        _expire_entry(entry=entry, at=at)
    return done


@booking_act
def _expire_one(*, offer: WaitlistOffer, at: datetime) -> int:
    lock_offers(offer.entry)
    current = WaitlistOffer.objects.select_for_update().get(pk=offer.pk)
    if current.state != Offer.OPEN or current.expires_at > at:
        return 0
    close_offer(current, Offer.EXPIRED, "Nobody answered in time.", at, None)
    check_constraints_now()
    return 1


@booking_act
def _expire_entry(*, entry: WaitlistEntry, at: datetime) -> None:
    lock(patients=[entry.patient_id])
    current = WaitlistEntry.objects.select_for_update().get(pk=entry.pk)
    if current.state == State.WAITING and not current.offers.filter(state=Offer.OPEN).exists():
        close_entry(current, State.EXPIRED, "No slot came free in time.", at)


def _offer(slot: FreedSlot, now: datetime) -> WaitlistOffer | None:
    """The slot to the first in order who can use it; otherwise it stays open for whoever comes on the list."""
    for fit in matches(slot, now):
        try:
            return _hold(fit=fit, slot=slot, at=now)
        except DomainError:
            continue  # somebody was quicker; the next in order is asked
    return None


def matches(slot: FreedSlot, now: datetime) -> Iterable[Fit]:
    """Who could use this slot, in order: urgency, then the time that is left. Nothing is written."""
    site = slot.resource.site
    zone = zone_of(site)
    day = local_date(slot.during.lower, zone)
    entries = (
        WaitlistEntry.objects.filter(site=site, state=State.WAITING, latest_at__gt=now)
        .exclude(offers__state=Offer.OPEN)
        .exclude(offers__slot=slot)
        .select_related(
            "series__protocol_version__template", "series__prescriber", "patient__site", "added_by"
        )
        .order_by("-urgency", "latest_at", "pk")
    )
    load: SiteLoad | None = None
    for entry in entries:
        if load is None:
            load = load_site(site, first=day, until=day + timedelta(days=2))
        found = _fit(entry, slot, load, now)
        if found is not None:
            yield found


def _fit(entry: WaitlistEntry, slot: FreedSlot, load: SiteLoad, now: datetime) -> Fit | None:
    starts = list(_starts(entry, slot, load, now))
    if not starts or entry.series.status != TreatmentSeries.Status.ACTIVE:
        return None
    rows = entry.series.appointments.infusions().filter(ordinal=entry.ordinal)
    visit = rows.filter(status=Appointment.Status.BOOKED).first()
    course = [item for item in load_course(entry.patient_id) if visit is None or item.visit.pk != visit.pk]
    before, after = neighbours_of_ordinal(course, entry.series, entry.ordinal)
    definition = entry.series.protocol_version.read()
    predicted = predicted_clearance(
        definition, entry.patient, weight_kg=entry.series.weight_kg, on=local_date(now, load.zone)
    )
    who = load_patient(entry.patient, at=now)  # the present visit counts: a hold may not overlap it
    rules = VisitRules(
        load, who, definition, predicted, entry.added_by, now, total=entry.series.visits, alone=True,
        keep={Resource.Kind.CHAIR: str(slot.resource.code)}, long_gaps=long_gaps_of(entry.series),
    )  # fmt: skip
    for start in starts:
        if visit is not None and start >= visit.during.lower:
            return None
        try:
            seat = rules.judge(VisitChoice(entry.ordinal, start, "", "", ""), before=before, after=after)
        except DomainError:
            continue
        if seat.chair.row.pk == slot.resource_id:
            return Fit(entry, visit, start, seat, rules)
    return None


def _starts(entry: WaitlistEntry, slot: FreedSlot, load: SiteLoad, now: datetime) -> Iterable[datetime]:
    """Quarter hours of the slot that leave the patient's notice, fit the chair and the wished part of the day."""
    definition = entry.series.protocol_version.read()
    length = timedelta(minutes=definition.chair_minutes + definition.turnover_minutes)
    soonest = now + timedelta(hours=entry.notice_hours)
    start: datetime = slot.during.lower
    while start + length <= slot.during.upper:
        part = PARTS_OF_DAY.get(entry.part_of_day)
        clock = start.astimezone(load.zone).time()
        if soonest < start <= entry.latest_at and (part is None or part[0] <= clock < part[1]):
            yield start
        start += STEP


@booking_act
def _hold(*, fit: Fit, slot: FreedSlot, at: datetime) -> WaitlistOffer:
    """Keep the slot for this patient, judged again under the locks. Raises what booking raises."""
    entry, seat = fit.entry, fit.seat
    lock(patients=[entry.patient_id], resources=[item.row.pk for item in seat.resources])
    current = WaitlistEntry.objects.select_for_update().get(pk=entry.pk)
    if current.state != State.WAITING or WaitlistOffer.objects.filter(slot=slot, state=Offer.OPEN).exists():
        raise StateConflict("This slot is offered already.", code="one-open-offer-per-slot")
    definition = fit.rules.definition
    during = stay(definition, fit.start)
    busy = Appointment.objects.blocking().filter(patient=entry.patient_id)
    if busy.touching(during.start, during.end).exists():
        raise Clash("The patient has another appointment then.", code="patient-taken")
    expires = min(at + OFFER_FOR, fit.start - timedelta(minutes=1))
    hold = Appointment.objects.create(
        kind=Appointment.Kind.HOLD,
        status=Appointment.Status.RESERVED,
        held_until=expires,
        patient=entry.patient,
        site=entry.site,
        during=as_range(during.start, during.end),
        practitioner=seat.prescriber.row.user,
        reason="Offered from the waitlist.",
        booked_by=entry.added_by,
        booked_at=at,
    )
    hold.refresh_from_db()
    occupy(
        [
            Occupation(hold, part.resource.row, part.during, part.load)
            for part in parts_of(definition, seat, fit.start)
        ]
    )
    offer = WaitlistOffer.objects.create(entry=entry, slot=slot, hold=hold, offered_at=at, expires_at=expires)
    raise_item(
        kind=WorkItem.Kind.CALL_PATIENT,
        key=f"offer:{offer.code}",
        site=entry.site,
        patient=entry.patient,
        title="Offer a freed slot by phone",
        detail=f"{in_words(fit.start, fit.rules.load.zone)}, kept until {in_words(expires, fit.rules.load.zone)}.",
        role=roles.COORDINATOR,
        owner=None,
        url=reverse("waitlist"),
        due_at=expires,
        at=at,
    )
    check_constraints_now()
    return offer


@booking_act
def accept_offer(
    *, offer: WaitlistOffer, by: User, at: datetime | None = None, expected_version: int | None = None
) -> Appointment:
    """The patient takes it: booked, or moved there, with every rule asked again. Accepting twice books once.

    Raises StateConflict when the offer is over, and what booking raises; then the offer stands as it was.
    """
    now = at or app_now()
    entry = WaitlistEntry.objects.select_related("series").get(pk=offer.entry_id)
    lock_offers(entry)
    current = WaitlistOffer.objects.select_for_update().select_related("hold").get(pk=offer.pk)
    series = TreatmentSeries.objects.for_page().get(pk=entry.series_id)
    if current.state == Offer.ACCEPTED:
        rows = series.appointments.infusions().filter(ordinal=entry.ordinal, status=Appointment.Status.BOOKED)
        return rows.get()
    if expected_version is not None and current.version != expected_version:
        raise StaleVersion("Somebody else answered this offer. Look at it again.")
    if current.state != Offer.OPEN or current.expires_at <= now:
        raise StateConflict("This offer is over: the slot went to the next in order.", code="offer-over")
    start = current.hold.during.lower
    named = {row.resource.kind: str(row.resource.code) for row in _seat_of(current.hold)}
    choice = VisitChoice(
        entry.ordinal, start, named.get("chair", ""), named.get("nurse", ""), named.get("clinician", "")
    )
    close_offer(current, Offer.ACCEPTED, "The patient took it.", now, by)
    visit = (
        series.appointments.infusions().filter(ordinal=entry.ordinal, status__in=Appointment.MOVABLE).first()
    )
    if visit is None:
        booked = rebook_visit(series=series, choice=choice, by=by, at=now)
    else:
        move_visits(series=series, choices=[choice], reason=MOVE_WORDS, by=by, at=now, displace_therapy=True)
        booked = Appointment.objects.for_page().get(pk=visit.pk)
    close_entry(
        WaitlistEntry.objects.select_for_update().get(pk=entry.pk), State.FILLED, "Took a freed slot.", now
    )
    FreedSlot.objects.filter(pk=current.slot_id).update(done_at=now, outcome="Taken from the waitlist.")
    check_constraints_now()
    return booked


def _seat_of(hold: Appointment) -> list[ResourceBooking]:
    return list(hold.resource_bookings.select_related("resource"))


@booking_act
def decline_offer(
    *,
    offer: WaitlistOffer,
    by: User,
    reason: str = "patient-asked",
    at: datetime | None = None,
    expected_version: int | None = None,
) -> WaitlistOffer:
    """The patient cannot: the slot goes to the next in order, the patient stays on the list. Twice is once."""
    now = at or app_now()
    if reason not in CANCEL:
        raise InvalidInput("Choose a reason.", code="reason", field="reason")
    entry = WaitlistEntry.objects.get(pk=offer.entry_id)
    lock_offers(entry)
    current = WaitlistOffer.objects.select_for_update().get(pk=offer.pk)
    if current.state == Offer.DECLINED:
        return current
    if expected_version is not None and current.version != expected_version:
        raise StaleVersion("Somebody else answered this offer. Look at it again.")
    if current.state != Offer.OPEN:
        raise StateConflict("This offer is over.", code="offer-over")
    close_offer(current, Offer.DECLINED, f"{CANCEL[reason]}.", now, by)
    check_constraints_now()
    return current
