"""The only writers of patients and what belongs to them. Pages, API, seed and commands come here."""

from patients.services.contacts import (
    add_contact_point,
    consent_contact_point,
    hold_messages,
    opt_out,
    release_messages,
    set_preferred,
    set_quiet_hours,
    verify_contact_point,
)
from patients.services.external import end_external, record_external, record_release, revoke_release
from patients.services.history import (
    MOST_TREATMENTS,
    record_contraindication,
    record_prior_exposure,
    resolve_contraindication,
)
from patients.services.people import (
    assign_prescriber,
    assign_team,
    assign_therapist,
    create_patient,
    set_status,
    update_patient,
)
from patients.services.representatives import end_representative, record_representative

__all__ = [
    "MOST_TREATMENTS",
    "add_contact_point",
    "assign_prescriber",
    "assign_team",
    "assign_therapist",
    "consent_contact_point",
    "create_patient",
    "end_external",
    "end_representative",
    "hold_messages",
    "opt_out",
    "record_contraindication",
    "record_external",
    "record_prior_exposure",
    "record_release",
    "record_representative",
    "release_messages",
    "resolve_contraindication",
    "revoke_release",
    "set_preferred",
    "set_quiet_hours",
    "set_status",
    "update_patient",
    "verify_contact_point",
]
