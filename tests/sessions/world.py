"""Steps of an infusion day through the services, for tests that need a record at a certain point."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from protocols.models import ProtocolDocument
from sessions import services
from sessions.models import Infusion, SignOff
from staff.clock import app_now
from tests.factories import Clinic

MINUTE = timedelta(minutes=1)
NORMAL = {"systolic": 122, "diastolic": 78, "heart_rate": 70, "spo2": 98}


def consented(clinic: Clinic, **over: Any) -> None:
    """Consent and education of the clinic's patient, given a week before."""
    patient = over.get("patient", clinic.patient)
    version = over.get("version", clinic.version)
    week_ago = app_now() - timedelta(days=7)
    documents = {item.kind: item for item in version.documents.all()}
    services.record_consent(
        patient=patient,
        document=documents[ProtocolDocument.Kind.CONSENT],
        by=clinic.clinician,
        given_at=week_ago,
    )
    services.record_education(
        patient=patient,
        document=documents[ProtocolDocument.Kind.EDUCATION],
        experience_not_needed=True,
        work_happens_afterwards=True,
        no_driving_understood=True,
        by=clinic.nurse,
        taught_at=week_ago,
    )


def arrived(clinic: Clinic, **over: Any) -> Infusion:
    """A record opened now."""
    fields: dict[str, Any] = {
        "patient": clinic.patient,
        "protocol_version": clinic.version,
        "ordinal": 1,
        "site": clinic.site,
        "chair": "Chair 1",
        "planned_start": app_now(),
        "by": clinic.nurse,
    }
    return services.open_infusion(**(fields | over))


def weighed(clinic: Clinic, infusion: Infusion, kg: str = "70") -> Infusion:
    """Weighed, and weighed again where the record asks for it."""
    fresh = services.record_weight(infusion=infusion, weight_kg=Decimal(kg), by=clinic.nurse)
    if services.needs_second_weighing(fresh):
        fresh = services.confirm_weight(infusion=fresh, weight_kg=Decimal(kg), by=clinic.clinician)
    return fresh


def ready(clinic: Clinic, kg: str = "70", **over: Any) -> Infusion:
    """Everything that must stand before the start, stands."""
    if not clinic.patient.consents.exists():
        consented(clinic)
    infusion = weighed(clinic, arrived(clinic, **over), kg)
    for kind in services.recordable_checks(infusion.protocol_version):
        services.record_check(infusion=infusion, kind=kind, outcome="passed", by=clinic.nurse)
    services.sign_order(infusion=infusion, bag_mg_per_ml=Decimal(1), by=clinic.clinician)
    services.record_vitals(infusion=infusion, by=clinic.nurse, **NORMAL)
    return Infusion.objects.get(pk=infusion.pk)


def given(clinic: Clinic, clock: Any, minutes: int = 40, **over: Any) -> Infusion:
    """Started now and stopped after `minutes`; the clock stands at the stop."""
    infusion = ready(clinic, **over)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    clock.advance(minutes=minutes)
    services.record_pump_event(infusion=infusion, kind="stop", by=clinic.nurse)
    return Infusion.objects.get(pk=infusion.pk)


def assessed(clinic: Clinic, clock: Any, infusion: Infusion, **outcomes: str) -> datetime:
    """The clock moves to the end of observation, vitals are taken and every criterion is recorded (default
    met).
    """
    assert infusion.started_at is not None
    clock.set(infusion.started_at + timedelta(minutes=125))
    services.record_vitals(infusion=infusion, by=clinic.nurse, **NORMAL)
    for code in services.recordable_criteria(infusion):
        outcome = outcomes.get(code, "met")
        detail = "" if outcome == "met" else "Seen by the nurse"
        services.record_criterion(
            infusion=infusion, criterion=code, outcome=outcome, detail=detail, by=clinic.nurse
        )
    return app_now()


def signed(clinic: Clinic, clock: Any, **over: Any) -> tuple[Infusion, SignOff]:
    """A whole infusion, signed two hours and five minutes after its start."""
    infusion = given(clinic, clock, **over)
    assessed(clinic, clock, infusion)
    signature = services.sign_off(infusion=infusion, by=clinic.clinician)
    return Infusion.objects.get(pk=infusion.pk), signature
