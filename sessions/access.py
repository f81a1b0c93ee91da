"""The only ways for a view or an endpoint to get hold of a treatment fact."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.db.models import Q

from patients.models import Patient
from protocols.models import ProtocolDocument
from sessions.models import (
    AdverseEvent,
    Consent,
    EligibilitySignOff,
    GivenDrug,
    Handover,
    Infusion,
    IntegrationSession,
    MeasuredLevel,
    PumpEvent,
    SafetyContact,
    TreatmentHold,
    VitalSigns,
)
from staff.access import fetch_for
from staff.models import User


def get_infusion_for(user: User, code: UUID | str, *, action: str = "infusion.view") -> Infusion:
    """The infusion record with this code. Raises PermissionDenied (403) or Http404."""
    return cast("Infusion", fetch_for(Infusion.objects.for_record(), user, code, action=action))


def get_pump_event_for(user: User, code: UUID | str, *, action: str = "infusion.amend") -> PumpEvent:
    """One line of a pump log, with its record. Raises PermissionDenied or Http404."""
    rows = PumpEvent.objects.select_related(
        "infusion__patient__site", "infusion__site", "infusion__protocol_version__template", "entered_by"
    )
    return cast("PumpEvent", fetch_for(rows, user, code, action=action))


def get_vitals_for(user: User, code: UUID | str, *, action: str = "infusion.record") -> VitalSigns:
    """One reading, with its record. Raises PermissionDenied or Http404."""
    rows = VitalSigns.objects.select_related("infusion__patient", "infusion__site")
    return cast("VitalSigns", fetch_for(rows, user, code, action=action))


def get_adverse_event_for(user: User, code: UUID | str, *, action: str = "infusion.record") -> AdverseEvent:
    """One adverse event, with its record. Raises PermissionDenied or Http404."""
    rows = AdverseEvent.objects.select_related("infusion__patient", "infusion__site", "entered_by")
    return cast("AdverseEvent", fetch_for(rows, user, code, action=action))


def get_given_drug_for(user: User, code: UUID | str, *, action: str = "infusion.amend") -> GivenDrug:
    """One drug given beside an infusion, with its record. Raises PermissionDenied or Http404."""
    rows = GivenDrug.objects.select_related("infusion__patient", "infusion__site", "entered_by")
    return cast("GivenDrug", fetch_for(rows, user, code, action=action))


def get_hold_for(user: User, code: UUID | str, *, action: str = "infusion.view") -> TreatmentHold:
    """What holds a patient's infusions. Raises PermissionDenied or Http404."""
    rows = TreatmentHold.objects.select_related("infusion", "patient", "adverse_event")
    return cast("TreatmentHold", fetch_for(rows, user, code, action=action))


def get_handover_for(user: User, code: UUID | str, *, action: str = "infusion.record") -> Handover:
    """One handover, with its record. Raises PermissionDenied or Http404."""
    rows = Handover.objects.select_related("infusion__patient", "infusion__site", "from_nurse", "to_nurse")
    return cast("Handover", fetch_for(rows, user, code, action=action))


def get_level_for(user: User, code: UUID | str, *, action: str = "infusion.record") -> MeasuredLevel:
    """One measured level, with its record. Raises PermissionDenied or Http404."""
    rows = MeasuredLevel.objects.select_related("infusion__patient", "infusion__site", "entered_by")
    return cast("MeasuredLevel", fetch_for(rows, user, code, action=action))


def get_consent_for(user: User, code: UUID | str, *, action: str = "patient.view") -> Consent:
    """One consent, with its patient and text. Raises PermissionDenied or Http404."""
    rows = Consent.objects.select_related("patient__site", "document__protocol_version__template")
    return cast("Consent", fetch_for(rows, user, code, action=action))


def get_eligibility_for(user: User, code: UUID | str, *, action: str = "patient.view") -> EligibilitySignOff:
    """One signed eligibility checklist, with its patient and version. Raises PermissionDenied or Http404."""
    rows = EligibilitySignOff.objects.select_related(
        "patient__site", "protocol_version__template", "signed_by"
    )
    return cast("EligibilitySignOff", fetch_for(rows, user, code, action=action))


def get_safety_contact_for(user: User, code: UUID | str, *, action: str = "patient.view") -> SafetyContact:
    """One safety contact. Raises PermissionDenied or Http404."""
    rows = SafetyContact.objects.select_related("patient", "entered_by", "next_owner")
    return cast("SafetyContact", fetch_for(rows, user, code, action=action))


def get_integration_for(
    user: User, code: UUID | str, *, action: str = "therapy.conduct"
) -> IntegrationSession:
    """One therapy session as it happened. Raises PermissionDenied or Http404."""
    rows = IntegrationSession.objects.select_related("patient__site", "infusion", "therapist")
    return cast("IntegrationSession", fetch_for(rows, user, code, action=action))


def documents_in_use(kind: str, patient: Patient) -> list[ProtocolDocument]:
    """Texts of this kind that this patient can be asked about: of active versions, and of versions treated
    on.
    """
    treated = patient.infusions.values("protocol_version")
    rows = ProtocolDocument.objects.filter(kind=kind).filter(
        Q(protocol_version__status="active") | Q(protocol_version__in=treated)
    )
    names = rows.select_related("protocol_version__template")
    return list(names.order_by("protocol_version__template__name", "-protocol_version__number"))
