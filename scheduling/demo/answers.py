"""Who takes patients home or signs for them, and one patient who has answered that nobody can."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F

from patients import services as people
from patients.models import ContactPoint, Patient
from scheduling.demo.premises import House
from scheduling.models import Appointment, PatientLink
from scheduling.services.answers import answer_visit
from staff import roles

ESCORTS = ("Sam", "Kit", "Lou", "Max", "Ari")


def add_escort(house: House, patient: Patient, number: int) -> None:
    """An adult who takes the patient home, verified, who agreed to be reminded."""
    coordinator = house.person(roles.COORDINATOR)
    address, name = f"escort{number}@mail.example", ESCORTS[number % len(ESCORTS)]
    point = people.add_contact_point(
        patient=patient, channel="email", address=address, by=coordinator, whose=ContactPoint.Whose.ESCORT,
        person_name=name, patient_agrees=True,
    )  # fmt: skip
    people.verify_contact_point(contact_point=point, address_again=address, by=coordinator)
    people.consent_contact_point(contact_point=point, by=coordinator)


def add_representative(house: House, patient: Patient, number: int) -> None:
    """Somebody who signs for the patient by a power of attorney, with an address; the patient's own is used first."""
    coordinator = house.person(roles.COORDINATOR)
    who = people.record_representative(
        patient=patient, name=f"Marta {patient.family_name}", relationship="attorney",
        authority="Health care power of attorney, notarised", by=coordinator,
    )  # fmt: skip
    address = f"representative{number}@mail.example"
    point = people.add_contact_point(
        patient=patient, channel="email", address=address, by=coordinator,
        whose=ContactPoint.Whose.REPRESENTATIVE, representative=who,
    )  # fmt: skip
    people.verify_contact_point(contact_point=point, address_again=address, by=coordinator)
    people.consent_contact_point(contact_point=point, by=coordinator)


def nobody_drives(house: House, at: datetime) -> None:
    """The patient whose reminded visit is the furthest ahead has nobody: its time is set aside for the waitlist."""
    links = PatientLink.objects.filter(
        purpose=PatientLink.Purpose.VISIT, appointment__site=house.site, appointment__kind=Appointment.Kind.INFUSION,
        appointment__status=Appointment.Status.BOOKED, about_at__gt=at, about_at=F("appointment__during__startswith"),
        expires_at__gt=at, contact_point__whose=ContactPoint.Whose.PATIENT,
    )  # fmt: skip
    last = links.order_by("-about_at", "pk").first()
    if last is not None:
        answer_visit(link=last, answer="no-driver", at=at)
