"""An infusion day through the services, from the booked visit on."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from scheduling.models import Appointment
from scheduling.services.visits import check_in
from sessions import services as facts
from sessions.models import Infusion
from tests.factories import Clinic
from tests.sessions.world import NORMAL, assessed, consented, weighed


def arrive(clinic: Clinic, visit: Appointment, clock: Any, *, early: int = 15) -> Infusion:
    """Checked in `early` minutes before the planned start; the clock stands there."""
    clock.set(visit.during.lower - timedelta(minutes=early))
    return check_in(appointment=visit, by=clinic.nurse)


def prepare(clinic: Clinic, infusion: Infusion) -> Infusion:
    """Everything that must stand before the start, stands."""
    version = infusion.protocol_version
    if not infusion.patient.consents.filter(document__protocol_version=version).exists():
        consented(clinic, patient=infusion.patient, version=version)
    weighed(clinic, infusion)
    for kind in facts.recordable_checks(infusion.protocol_version):
        facts.record_check(infusion=infusion, kind=kind, outcome="passed", by=clinic.nurse)
    facts.sign_order(infusion=infusion, bag_mg_per_ml=Decimal(1), by=clinic.clinician)
    return Infusion.objects.get(pk=infusion.pk)


def start(clinic: Clinic, visit: Appointment, clock: Any, *, late: int = 0) -> Infusion:
    """The pump starts `late` minutes after the planned start."""
    infusion = prepare(clinic, arrive(clinic, visit, clock))
    clock.set(visit.during.lower + timedelta(minutes=late))
    facts.record_vitals(infusion=infusion, by=clinic.nurse, **NORMAL)
    facts.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    return Infusion.objects.get(pk=infusion.pk)


def stop(clinic: Clinic, infusion: Infusion, clock: Any, *, minutes: int = 40) -> Infusion:
    """The pump stops after `minutes`."""
    clock.set(infusion.started_at + timedelta(minutes=minutes))
    facts.record_pump_event(infusion=infusion, kind="stop", by=clinic.nurse)
    return Infusion.objects.get(pk=infusion.pk)


def sign(clinic: Clinic, infusion: Infusion, clock: Any) -> Infusion:
    """Every criterion met 125 minutes after the start, then signed."""
    assessed(clinic, clock, infusion)
    facts.sign_off(infusion=infusion, by=clinic.clinician)
    return Infusion.objects.get(pk=infusion.pk)


def give(clinic: Clinic, visit: Appointment, clock: Any, *, late: int = 0) -> Infusion:
    """The whole day of one visit, signed."""
    return sign(clinic, stop(clinic, start(clinic, visit, clock, late=late), clock), clock)
