"""Safety contacts and adverse events. A safety contact is never refused, never waits for a lock, and is not
therapy.
"""

from __future__ import annotations

from datetime import datetime

from patients.models import Patient
from sessions import signals
from sessions.models import AdverseEvent, Infusion, SafetyContact, TreatmentHold
from sessions.services import estimates
from sessions.services._record import act, locked, moment, need_role, not_in_future, touch
from sessions.services.holds import drop_holds_of, raise_hold
from staff.errors import InvalidInput, StateConflict
from staff.models import User

MAX_CSSRS = 5
PAUSING = frozenset({AdverseEvent.Severity.SERIOUS, AdverseEvent.Severity.STOP_RULE})
ADVERSE_EVENTS = {
    "nausea": "Nausea",
    "vomiting": "Vomiting",
    "headache": "Headache",
    "dizziness": "Dizziness",
    "anxiety": "Anxiety or distress",
    "dissociation": "Distressing dissociation",
    "sedation": "Over-sedation",
    "hypertension": "Blood pressure above the limit",
    "tachycardia": "Fast heart rate",
    "desaturation": "Low oxygen saturation",
    "chest_pain": "Chest pain",
    "neurological": "Neurological deficit",
    "agitation": "Psychosis or agitation",
    "allergy": "Allergic reaction",
    "infiltration": "Line infiltrated",
    "fall": "Fall",
    "suicidality": "New or worse suicidal intent",
    "bladder": "Urinary symptoms",
    "other": "Other",
}


@act
def record_safety_contact(
    *,
    patient: Patient,
    manner: str,
    outcome: str,
    by: User,
    occurred_at: datetime | None = None,
    cssrs: int | None = None,
    next_owner: User | None = None,
    at: datetime | None = None,
) -> SafetyContact:
    """Record a contact about safety: any clinical role, any moment, whatever else is going on.

    Only unreadable values are turned back (InvalidInput at the field). The same contact twice is stored once.
    """
    now = moment(at)
    need_role(by, "safety_contact.record", "Safety contacts are recorded by clinical staff.")
    occurred = not_in_future(occurred_at or now, now, "occurred_at")
    if manner not in SafetyContact.Manner.values:
        raise InvalidInput("Choose by phone, in person or by video.", code="unknown-manner", field="manner")
    if not outcome.strip():
        raise InvalidInput("Say in one line how it went.", code="required", field="outcome")
    if cssrs is not None and not 0 <= cssrs <= MAX_CSSRS:
        raise InvalidInput("Enter 0 to 5.", code="range", field="cssrs")
    values = {"manner": manner, "outcome": outcome.strip(), "cssrs": cssrs, "next_owner": next_owner}
    same: SafetyContact | None = patient.safety_contacts.filter(
        occurred_at=occurred, entered_by=by, **values
    ).first()
    if same is not None:
        return same
    contact: SafetyContact = SafetyContact.objects.create(
        patient=patient, occurred_at=occurred, entered_at=now, entered_by=by, **values
    )
    return contact


@act
def record_adverse_event(
    *,
    infusion: Infusion,
    kind: str,
    severity: str,
    by: User,
    note: str = "",
    pauses_later: bool = False,
    observed_at: datetime | None = None,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> AdverseEvent:
    """Record something untoward, at any moment of the record, also after signing. The same one twice is
    stored once.

    A serious one, a stop rule, or one that a prescriber marks (`pauses_later`) holds the patient's later infusions
    until a prescriber lets them go on. Raises NotAllowed when somebody else marks it.
    """
    now = moment(at)
    current = locked(infusion, expected_version)
    if kind not in ADVERSE_EVENTS:
        raise InvalidInput("Choose what happened.", code="unknown-kind", field="kind")
    if severity not in AdverseEvent.Severity.values:
        raise InvalidInput("Choose how serious it was.", code="unknown-severity", field="severity")
    if kind == "other" and not note.strip():
        raise InvalidInput("Say what happened.", code="required", field="note")
    if pauses_later:
        need_role(by, "infusion.order", "Only a prescriber holds later infusions.", field="pauses_later")
    seen = not_in_future(observed_at or now, now, "observed_at")
    values = {"kind": kind, "severity": severity, "observed_at": seen, "note": note.strip()}
    values["pauses_later"] = pauses_later
    same: AdverseEvent | None = current.adverse_events.live().filter(entered_by=by, **values).first()
    if same is not None:
        return same
    event: AdverseEvent = AdverseEvent.objects.create(
        infusion=current, entered_at=now, entered_by=by, **values
    )
    touch(current)
    if severity in PAUSING or pauses_later:
        raise_hold(
            infusion=current, kind=TreatmentHold.Kind.ADVERSE_EVENT, cause=f"adverse-event:{event.code}", by=by,
            at=now, adverse_event=event,
        )  # fmt: skip
    if kind == estimates.INFILTRATION:
        _renew(current, by, now)
    return event


@act
def strike_adverse_event(
    *,
    event: AdverseEvent,
    reason: str,
    by: User,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> AdverseEvent:
    """Take an entry out that was made by mistake; it stays visible as struck.

    Without "line infiltrated" the clearance is estimated again. Raises InvalidInput without a reason, StateConflict
    when it was already struck.
    """
    now = moment(at)
    current = locked(event.infusion, expected_version)
    if not reason.strip():
        raise InvalidInput("Say why the entry is struck out.", code="reason-needed", field="reason")
    found: AdverseEvent = current.adverse_events.select_for_update(of=("self",)).get(pk=event.pk)
    if found.withdrawn_at is not None:
        raise StateConflict("This entry was already struck out.", code="already-withdrawn")
    found.withdrawn_at, found.withdrawn_by, found.withdrawn_reason = now, by, reason.strip()[:200]
    found.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_reason"])
    touch(current)
    drop_holds_of(found, by=by, at=now)
    if found.kind == estimates.INFILTRATION:
        _renew(current, by, now)
    return found


def _renew(infusion: Infusion, by: User, now: datetime) -> None:
    """An infiltrated line withholds the estimate (or gives it back): every consequence follows at once."""
    if infusion.started_at is None:
        return
    estimates.renew_estimate(infusion, estimates.read_log(infusion), now)
    signals.tell(signals.estimate_changed, infusion=infusion, by=by, at=now)


@act
def resolve_adverse_event(*, event: AdverseEvent, by: User, at: datetime | None = None) -> AdverseEvent:
    """Say that it is over. StateConflict when that was said before."""
    now = moment(at)
    current = locked(event.infusion)
    found: AdverseEvent = current.adverse_events.select_for_update(of=("self",)).get(pk=event.pk)
    if found.resolved_at is not None:
        raise StateConflict("This was already marked as over.", code="already-resolved")
    found.resolved_at = max(now, found.observed_at)
    found.save(update_fields=["resolved_at"])
    touch(current)
    return found
