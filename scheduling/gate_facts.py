"""What the gates of many visits rest on, read with a number of queries that does not grow with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from protocols.models import ProtocolDocument, RationaleAcknowledgement
from scheduling.models import Appointment
from sessions.models import (
    Consent,
    EducationRecord,
    EligibilitySignOff,
    GateAnswer,
    Infusion,
    PreInfusionCheck,
    PreparationRecord,
    SiteGate,
)
from staff.models import User


@dataclass
class GateFacts:
    """Everything the lines rest on, by what it is about."""

    answers: dict[tuple[object, str], GateAnswer] = field(default_factory=dict)
    checks: dict[tuple[int, str], PreInfusionCheck] = field(default_factory=dict)
    consents: dict[int, list[Consent]] = field(default_factory=lambda: defaultdict(list))
    education: dict[int, list[EducationRecord]] = field(default_factory=lambda: defaultdict(list))
    documents: dict[tuple[int, str], list[ProtocolDocument]] = field(
        default_factory=lambda: defaultdict(list)
    )
    eligible: dict[int, list[EligibilitySignOff]] = field(default_factory=lambda: defaultdict(list))
    weighed: dict[int, datetime] = field(default_factory=dict)
    read: set[tuple[int, int]] = field(default_factory=set)
    prepared: dict[int, list[Appointment]] = field(default_factory=lambda: defaultdict(list))
    agreed: dict[UUID, PreparationRecord] = field(default_factory=dict)
    site_gates: dict[int, list[SiteGate]] = field(default_factory=lambda: defaultdict(list))


def staff_of(visit: Appointment) -> list[User]:
    """Everybody who works on this visit and what follows it: prescriber, nurse, therapist. Each once."""
    series = visit.series
    found: list[User] = [
        booking.resource.user for booking in visit.resource_bookings.all() if booking.resource.user
    ]
    for person in (visit.practitioner, series and series.prescriber, series and series.therapist):
        if person:
            found.append(person)
    return list({person.pk: person for person in found}.values())


def read_facts(visits: Sequence[Appointment], now: datetime) -> GateFacts:
    """All of it for these visits. Eleven queries."""
    facts = GateFacts()
    patients = {visit.patient_id for visit in visits}
    _read_answers(facts, visits)
    _read_papers(facts, visits, patients, now)
    _read_people(facts, visits, patients)
    _read_courses(facts, visits)
    return facts


def _read_answers(facts: GateFacts, visits: Sequence[Appointment]) -> None:
    """What people have answered about the visits and recorded in their infusions."""
    infusions = {visit.infusion_id for visit in visits if visit.infusion_id}
    for row in (
        GateAnswer.objects.current()
        .filter(visit__in=[visit.code for visit in visits])
        .select_related("answered_by")
    ):
        facts.answers[(row.visit, row.gate)] = row
    if infusions:
        own = GateAnswer.objects.current().filter(infusion__in=infusions).select_related("answered_by")
        for row in own:
            facts.answers[(row.infusion_id, row.gate)] = row
        for check in PreInfusionCheck.objects.current().filter(infusion__in=infusions):
            facts.checks[(check.infusion_id, check.kind)] = check


def _read_papers(facts: GateFacts, visits: Sequence[Appointment], patients: set[int], now: datetime) -> None:
    """Consents, education, and the documents that they are about."""
    versions = {visit.protocol_version for visit in visits}
    for consent in Consent.objects.in_force(now).filter(patient__in=patients).select_related("recorded_by"):
        facts.consents[consent.patient_id].append(consent)
    taught = EducationRecord.objects.filter(
        patient__in=patients, taught_at__lte=now, experience_not_needed=True, work_happens_afterwards=True,
        no_driving_understood=True,
    )  # fmt: skip
    for record in taught.select_related("recorded_by"):
        facts.education[record.patient_id].append(record)
    for document in (
        ProtocolDocument.objects.filter(
            protocol_version__template__in={item.template_id for item in versions}
        )
        .select_related("protocol_version")
        .only("kind", "change", "protocol_version__number", "protocol_version__template")
        .order_by("-protocol_version__number")
    ):
        facts.documents[(document.protocol_version.template_id, document.kind)].append(document)


def _read_people(facts: GateFacts, visits: Sequence[Appointment], patients: set[int]) -> None:
    """Eligibility and weight of the patients, and what the staff have read."""
    versions = {visit.protocol_version for visit in visits}
    people = {person.pk for visit in visits for person in staff_of(visit)}
    for signed in (
        EligibilitySignOff.objects.standing()
        .filter(patient__in=patients)
        .select_related("protocol_version", "signed_by")
    ):
        facts.eligible[signed.patient_id].append(signed)
    for patient, moment in (
        Infusion.objects.filter(patient__in=patients, weighed_at__isnull=False)
        .order_by("weighed_at")
        .values_list("patient_id", "weighed_at")
    ):
        facts.weighed[patient] = moment
    facts.read = set(
        RationaleAcknowledgement.objects.filter(version__in=versions, user__in=people).values_list(
            "version_id", "user_id"
        )
    )


def _read_courses(facts: GateFacts, visits: Sequence[Appointment]) -> None:
    """Preparation of the courses, and gates of the sites."""
    for visit in Appointment.objects.filter(
        series__in={item.series_id for item in visits}, kind=Appointment.Kind.PREPARATION
    ).exclude(status__in=[Appointment.Status.CANCELLED, Appointment.Status.OMITTED]):
        facts.prepared[visit.series_id or 0].append(visit)
    for agreed in PreparationRecord.objects.filter(
        course__in={item.series.code for item in visits if item.series}
    ).select_related("therapist"):
        facts.agreed[agreed.course] = agreed
    for gate in SiteGate.objects.filter(site__in={item.site_id for item in visits}):
        facts.site_gates[gate.site_id].append(gate)
