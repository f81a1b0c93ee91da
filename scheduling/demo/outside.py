"""Patients whose own therapist works outside the clinic: told of times, reported back, a release revoked."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from patients import services as people
from patients.models import ContactPoint, ExternalTherapist, Patient
from scheduling.demo.player import DAY, HOUR, Player
from scheduling.demo.premises import House
from scheduling.demo.visit_day import VisitDay
from scheduling.models import FollowUp, PatientLink
from scheduling.services.outside import report_held
from staff import roles

SENT, REPORTED, REVOKED = "sent", "reported", "revoked"
MARLOW = {
    "name": "Kit Marlow", "practice": "Marlow Practice", "jurisdiction": "US-OR", "licence_number": "C4471",
    "address": "kit@marlow-practice.example",
}  # fmt: skip
OKORO = {
    "name": "Dr Ada Okoro", "practice": "Riverside Rooms", "jurisdiction": "US-OR", "licence_number": "P2093",
    "address": "office@riverside-rooms.example",
}  # fmt: skip


def plan_outside(player: Player, house: House, day: VisitDay, state: str) -> None:
    """Put on file at the visit; then what `state` says. A report comes by link, or by phone where none was made."""
    zone = ZoneInfo(house.site.time_zone)
    next_day = day.start.astimezone(zone).date() + DAY
    player.at(day.start + HOUR, lambda: _put_on_file(house, day.series().patient, day.start, state))
    if state == REPORTED:
        player.at(datetime.combine(next_day, time(11, 20), zone), lambda: _report(house, day, next_day, zone))
    if state == REVOKED:
        player.at(datetime.combine(next_day, time(12), zone), lambda: _revoke(house, day.series().patient))


def _put_on_file(house: House, patient: Patient, at: datetime, state: str) -> None:
    coordinator = house.person(roles.COORDINATOR)
    who = OKORO if state == REVOKED else MARLOW
    address = who["address"]
    known = ExternalTherapist.objects.filter(site=house.site, licence_number=who["licence_number"]).first()
    if known is not None:
        therapist = people.record_external(patient=patient, known=known, by=coordinator)
    else:
        therapist = people.record_external(
            patient=patient, by=coordinator, name=who["name"], practice=who["practice"],
            jurisdiction=who["jurisdiction"], licence_number=who["licence_number"],
        )  # fmt: skip
        point = people.add_contact_point(
            patient=patient, channel="email", address=address, by=coordinator,
            whose=ContactPoint.Whose.EXTERNAL, external=therapist,
        )  # fmt: skip
        people.verify_contact_point(contact_point=point, address_again=address, by=coordinator)
        people.consent_contact_point(contact_point=point, by=coordinator)
    signed: date = (at - timedelta(days=2)).astimezone(ZoneInfo(house.site.time_zone)).date()
    people.record_release(
        patient=patient, therapist=therapist, signed_on=signed, by=coordinator,
        shown_as="given" if state == REPORTED else "initials",
    )  # fmt: skip


def _report(house: House, day: VisitDay, on: date, zone: ZoneInfo) -> None:
    row = day.follow_up()
    if row.state not in (FollowUp.State.RELEASED, FollowUp.State.MISSED):
        return
    held = datetime.combine(on, time(10, 15), zone)
    link = (
        PatientLink.objects.filter(follow_up=row, purpose=PatientLink.Purpose.OUTSIDE).order_by("-pk").first()
    )
    if link is not None:
        report_held(follow_up=row, held_at=held, link=link)
    else:
        report_held(follow_up=row, held_at=held, spoken_with="Kit Marlow", by=house.person(roles.COORDINATOR))


def _revoke(house: House, patient: Patient) -> None:
    for release in patient.releases.filter(revoked_at__isnull=True):
        people.revoke_release(
            release=release, reason="Prefers to tell her therapist herself", by=house.person(roles.NURSE)
        )
