"""Rows of a treatment course without the services of others: what happened is written down as facts.

Times are given as minutes after a visit's planned start, so that a test reads like a day in the clinic.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from patients.models import Patient
from scheduling.models import Appointment, FollowUp, PlasticityWindow, ResourceBooking, TreatmentSeries
from scheduling.services import windows
from scheduling.services.followups import sync_follow_ups
from sessions import services as facts
from sessions.models import (
    ClearanceEstimate,
    Disposition,
    Infusion,
    PreparationRecord,
    PumpEvent,
    SignOff,
)
from tests.factories import Clinic
from tests.sessions import world as sessions_world

FIRST = datetime(2026, 3, 3, 18, 0, tzinfo=UTC)  # Tuesday 10:00 in Los Angeles
STAY = timedelta(minutes=160)
PREDICTED = timedelta(minutes=329)  # 15:29 for a 10:00 start


def book_course(
    clinic: Clinic, starts: list[datetime], *, patient: Patient | None = None, **over: Any
) -> TreatmentSeries:
    """An active series with booked infusion visits in the first chair, and its follow-ups."""
    patient = patient or clinic.patient
    fields = {
        "patient": patient,
        "protocol_version": clinic.version,
        "site": clinic.site,
        "weight_kg": Decimal("70.0"),
        "visits": len(starts),
        "prescriber": clinic.clinician,
        "therapist": patient.therapist,
        "booked_by": clinic.coordinator,
        "booked_at": clinic.now,
    }
    with transaction.atomic():
        series = TreatmentSeries.objects.create(**(fields | over))
        for ordinal, start in enumerate(starts, start=1):
            add_visit(clinic, series, start, ordinal)
        PreparationRecord.objects.create(
            patient=patient,
            course=series.code,
            therapist=clinic.therapist,
            held_at=clinic.now,
            entered_at=clinic.now,
            practice_plan="A walk",
        )
        sync_follow_ups(series=series)
    return series


def add_visit(
    clinic: Clinic, series: TreatmentSeries, start: datetime, ordinal: int, chair: int = 0
) -> Appointment:
    with transaction.atomic():
        visit = Appointment.objects.create(
            kind="infusion",
            status="booked",
            patient=series.patient,
            site=series.site,
            series=series,
            ordinal=ordinal,
            during=(start, start + STAY),
            predicted_t0=start + PREDICTED,
            booked_by=clinic.coordinator,
            booked_at=clinic.now,
        )
        ResourceBooking.objects.create(
            resource=clinic.chairs[chair], lane=1, appointment=visit, during=(start, start + STAY)
        )
    return visit


def release(visit: Appointment, status: str) -> None:
    """The visit leaves its chair: cancelled, omitted, displaced, completed."""
    with transaction.atomic():
        ResourceBooking.objects.filter(appointment=visit).delete()
        Appointment.objects.filter(pk=visit.pk).update(status=status)


def start_pump(clinic: Clinic, visit: Appointment, at: datetime | None = None) -> Infusion:
    """Check-in and pump start, with the estimate that goes with it. No receiver runs: the rows are written
    here.
    """
    at = at or visit.during.lower
    infusion = Infusion.objects.create(
        patient=visit.patient,
        site=visit.site,
        protocol_version=visit.series.protocol_version,
        ordinal=visit.ordinal,
        status="infusing",
        chair="Chair 1",
        arrived_at=at - timedelta(minutes=30),
        opened_by=clinic.nurse,
        planned_start=visit.during.lower,
        weight_kg=Decimal("70.0"),
        weighed_at=at,
        weighed_by=clinic.nurse,
        ordered_mg=Decimal("35.0"),
        order_weight_kg=Decimal("70.0"),
        ordered_by=clinic.clinician,
        ordered_at=at,
        started_at=at,
    )
    Appointment.objects.filter(pk=visit.pk).update(infusion=infusion, status="infusing")
    visit.refresh_from_db()
    pump(clinic, infusion, "start", at, rate_mg_per_min=Decimal("0.875"))
    estimate(infusion, at + PREDICTED)
    return infusion


def pump(clinic: Clinic, infusion: Infusion, kind: str, at: datetime, **values: Any) -> PumpEvent:
    return PumpEvent.objects.create(
        infusion=infusion, kind=kind, observed_at=at, entered_at=at, entered_by=clinic.nurse, **values
    )


def estimate(infusion: Infusion, t_pk: datetime, **over: Any) -> ClearanceEstimate:
    """A new current estimate; the one before it is superseded."""
    latest = infusion.clearance_estimates.order_by("-generation").first()
    infusion.clearance_estimates.filter(superseded_at__isnull=True).update(superseded_at=t_pk)
    fields = {
        "generation": 1 if latest is None else latest.generation + 1,
        "model": "otto2021",
        "threshold_ng_ml": Decimal("20"),
        "inputs": {},
        "provisional": infusion.stopped_at is None,
        "never_above": 0.0,
        "p50_at": t_pk - timedelta(minutes=100),
        "p95_at": t_pk,
        "t_pk": t_pk,
        "delivered_mg": Decimal("35.00"),
        "computed_at": t_pk,
    }
    return ClearanceEstimate.objects.create(infusion=infusion, **(fields | over))


def stop_pump(
    clinic: Clinic, infusion: Infusion, minutes: int = 40, *, t_pk: datetime | None = None, **over: Any
) -> Infusion:
    stop = infusion.started_at + timedelta(minutes=minutes)
    pump(clinic, infusion, "stop", stop)
    Infusion.objects.filter(pk=infusion.pk).update(stopped_at=stop, status="recovering")
    infusion.refresh_from_db()
    estimate(infusion, t_pk or infusion.started_at + PREDICTED, **over)
    Appointment.objects.filter(infusion=infusion).update(status="recovering")
    return infusion


def sign(clinic: Clinic, infusion: Infusion, *, minutes: int = 130, **over: Any) -> SignOff:
    """The clinician's signature, `minutes` after the pump start."""
    ready = infusion.started_at + timedelta(minutes=minutes)
    fields = {
        "t_sign": ready,
        "signed_at": ready,
        "signed_by": clinic.clinician,
        "signed_name": clinic.clinician.full_name,
        "meaning": "Ready to leave",
        "record": {},
        "record_sha256": "0" * 64,
    }
    with transaction.atomic():
        infusion.sign_offs.filter(superseded_at__isnull=True).update(superseded_at=ready)
        Disposition.objects.get_or_create(
            infusion=infusion,
            superseded_at=None,
            defaults={
                "outcome": "discharged",
                "observed_at": ready,
                "entered_at": ready,
                "entered_by": clinic.nurse,
            },
        )
        signed = SignOff.objects.create(infusion=infusion, **(fields | over))
        Infusion.objects.filter(pk=infusion.pk).update(status="signed-off")
    infusion.refresh_from_db()
    return signed


def given(clinic: Clinic, visit: Appointment, *, signed: bool = True, **over: Any) -> Infusion:
    """Pump started and stopped on time and (unless told otherwise) signed; the window follows."""
    infusion = start_pump(clinic, visit)
    stop_pump(clinic, infusion, **over)
    if signed:
        sign(clinic, infusion)
        release(visit, "completed")
    windows.reanchor(infusion=infusion, by=clinic.nurse)
    return infusion


def current_window(infusion: Infusion) -> PlasticityWindow:
    return PlasticityWindow.objects.get(infusion=infusion, superseded_at__isnull=True)


def as_owner(sql: str, *values: Any) -> None:
    """A statement with the owner's rights, inside the test's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute(sql, values or None)


def ready_for_real(clinic: Clinic, clock: Any, visit: Appointment) -> Infusion:
    """Check-in, weight, checks, order and vitals through the services; the clock stands at the planned start."""
    clock.set(visit.during.lower - timedelta(minutes=20))
    if not visit.patient.consents.exists():
        sessions_world.consented(clinic, patient=visit.patient)
    from scheduling.services import visits

    infusion = visits.check_in(appointment=visit, by=clinic.nurse)
    infusion = sessions_world.weighed(clinic, infusion)
    for kind in facts.recordable_checks(infusion.protocol_version):
        facts.record_check(infusion=infusion, kind=kind, outcome="passed", by=clinic.nurse)
    facts.sign_order(infusion=infusion, bag_mg_per_ml=Decimal(1), by=clinic.clinician)
    facts.record_vitals(infusion=infusion, by=clinic.nurse, **sessions_world.NORMAL)
    clock.set(visit.during.lower)
    return Infusion.objects.get(pk=infusion.pk)


def give_for_real(clinic: Clinic, clock: Any, visit: Appointment, minutes: int = 40) -> Infusion:
    """Pump started on time and stopped after `minutes`, through the services and their receivers."""
    infusion = ready_for_real(clinic, clock, visit)
    facts.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    clock.advance(minutes=minutes)
    facts.record_pump_event(infusion=infusion, kind="stop", by=clinic.nurse)
    return Infusion.objects.get(pk=infusion.pk)


def sign_for_real(clinic: Clinic, clock: Any, infusion: Infusion, **terms: Any) -> Infusion:
    """Criteria assessed at the end of observation and signed."""
    sessions_world.assessed(clinic, clock, infusion)
    facts.sign_off(infusion=infusion, by=clinic.clinician, terms=facts.SigningTerms(**terms))
    return Infusion.objects.get(pk=infusion.pk)


def follow_up(visit: Appointment, kind: str, ordinal: int = 1) -> FollowUp:
    return FollowUp.objects.get(visit=visit, kind=kind, ordinal=ordinal)
