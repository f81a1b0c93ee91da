"""Who may do what: one table, synced into Django groups and permissions by `python3 manage.py sync_roles`.

A user may hold several roles. An action's permission codename is the action with `_` for `.`.
"""

from __future__ import annotations

CLINICIAN, NURSE, THERAPIST = "clinician", "nurse", "therapist"
COORDINATOR, PROTOCOL_ADMIN, MANAGER = "coordinator", "protocol_admin", "manager"

LABELS = {
    CLINICIAN: "Prescribing clinician",
    NURSE: "Infusion nurse",
    THERAPIST: "Licensed therapist",
    COORDINATOR: "Coordinator",
    PROTOCOL_ADMIN: "Protocol admin",
    MANAGER: "Clinic manager",
}
WHAT_THEY_DO = {
    CLINICIAN: "Plans series, orders doses, signs visits off",
    NURSE: "Records the infusion at the chair",
    THERAPIST: "Works from the therapy queue",
    COORDINATOR: "Books, moves and keeps lists empty",
    PROTOCOL_ADMIN: "Writes and revises protocols",
    MANAGER: "Manages people, licences, sites and chairs; sees no patient by this role alone",
}

CARE_TEAM = frozenset({CLINICIAN, NURSE, COORDINATOR})
CLINICAL = frozenset({CLINICIAN, NURSE, THERAPIST})

ACTIONS: dict[str, frozenset[str]] = {
    "patient.view": frozenset({CLINICIAN, NURSE, THERAPIST, COORDINATOR}),
    "patient.edit": CARE_TEAM,
    "series.view": frozenset({CLINICIAN, NURSE, THERAPIST, COORDINATOR}),
    "series.book": frozenset({CLINICIAN, COORDINATOR}),
    "series.end": frozenset({CLINICIAN}),
    "series.move_version": frozenset({CLINICIAN}),
    "appointment.view": frozenset({CLINICIAN, NURSE, THERAPIST, COORDINATOR}),
    "appointment.move": frozenset({CLINICIAN, NURSE, COORDINATOR}),
    "appointment.check_in": CARE_TEAM,
    "infusion.view": frozenset({CLINICIAN, NURSE}),
    "infusion.record": frozenset({CLINICIAN, NURSE}),
    "infusion.order": frozenset({CLINICIAN}),
    "gate.view": frozenset({CLINICIAN, NURSE, THERAPIST, COORDINATOR}),
    "gate.answer": frozenset({CLINICIAN, NURSE, THERAPIST, COORDINATOR}),
    "gate.override": frozenset({CLINICIAN}),
    "gate.edit": frozenset({CLINICIAN, COORDINATOR}),
    "override.report": frozenset({CLINICIAN, NURSE, COORDINATOR}),
    "infusion.sign_off": frozenset({CLINICIAN}),
    "infusion.amend": frozenset({CLINICIAN, NURSE}),
    "safety_contact.record": CLINICAL,
    "queue.view": frozenset({THERAPIST, CLINICIAN, COORDINATOR}),
    "window.claim": frozenset({THERAPIST}),
    "therapy.book": frozenset({THERAPIST, COORDINATOR}),
    "therapy.conduct": frozenset({THERAPIST}),
    "therapy.report": CARE_TEAM | {THERAPIST},
    "therapy.cover": frozenset({THERAPIST, COORDINATOR}),
    "therapy.note_view": frozenset({CLINICIAN, THERAPIST}),
    "private_note.write": frozenset({THERAPIST}),
    "follow_up.view": frozenset({CLINICIAN, NURSE, THERAPIST, COORDINATOR}),
    "follow_up.complete": frozenset({CLINICIAN, NURSE, THERAPIST}),
    "message.view": CARE_TEAM,
    "message.act": CARE_TEAM,
    "duty.view": frozenset({CLINICIAN, NURSE, THERAPIST, COORDINATOR}),
    "duty.edit": frozenset({CLINICIAN, COORDINATOR}),
    "alert.act": CLINICAL,
    "protocol.view": frozenset({CLINICIAN, NURSE, THERAPIST, COORDINATOR, PROTOCOL_ADMIN, MANAGER}),
    "protocol.edit": frozenset({PROTOCOL_ADMIN}),
    "protocol.install": frozenset({PROTOCOL_ADMIN, MANAGER}),
    "protocol.approve": frozenset({PROTOCOL_ADMIN, CLINICIAN}),
    "resource.view": frozenset({CLINICIAN, NURSE, THERAPIST, COORDINATOR, MANAGER}),
    "resource.edit": frozenset({COORDINATOR, MANAGER}),
    "person.manage": frozenset({MANAGER}),
    "site.manage": frozenset({MANAGER}),
}


def codename(action: str) -> str:
    """Permission codename of an action: `infusion.sign_off` -> `infusion_sign_off`."""
    if action not in ACTIONS:
        raise KeyError(f"unknown action {action!r}")
    return action.replace(".", "_")
