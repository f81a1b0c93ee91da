"""What stands against a patient's next infusion until a prescriber lets go of it with one signed tap."""

from __future__ import annotations

from datetime import datetime

from patients.models import Patient
from sessions import signals
from sessions.models import AdverseEvent, Infusion, TreatmentHold
from sessions.services._record import act, moment, need_role
from staff.errors import InvalidInput, StateConflict
from staff.locks import lock
from staff.models import User

WORDS = {
    TreatmentHold.Kind.ADVERSE_EVENT: "Infusions are on hold after an adverse event.",
    TreatmentHold.Kind.ENDING: "Infusions are on hold: the last visit did not end as planned.",
    TreatmentHold.Kind.PREGNANCY: "Infusions are on hold: a pregnancy test was positive.",
}


def open_holds(patient_id: int) -> list[TreatmentHold]:
    """What is not released, oldest first."""
    rows = TreatmentHold.objects.filter(patient_id=patient_id, released_at__isnull=True)
    return list(rows.select_related("infusion", "adverse_event", "raised_by"))


def raise_hold(
    *,
    infusion: Infusion,
    kind: str,
    cause: str,
    by: User,
    at: datetime,
    adverse_event: AdverseEvent | None = None,
) -> TreatmentHold:
    """Hold every later infusion of this patient. Once per open cause. The caller holds the record's lock."""
    found: TreatmentHold | None = TreatmentHold.objects.filter(cause=cause, released_at__isnull=True).first()
    if found is not None:
        return found
    hold: TreatmentHold = TreatmentHold.objects.create(
        patient_id=infusion.patient_id,
        infusion=infusion,
        kind=kind,
        cause=cause,
        adverse_event=adverse_event,
        raised_at=at,
        raised_by=by,
    )
    signals.tell(signals.treatment_held, infusion=infusion, by=by, at=at, hold=str(hold.code))
    return hold


@act
def release_hold(*, hold: TreatmentHold, reason: str, by: User, at: datetime | None = None) -> TreatmentHold:
    """A prescriber lets infusions go on. Raises NotAllowed without the role, InvalidInput without a reason,
    StateConflict when it was released before.
    """
    need_role(by, "infusion.order", "Only a prescriber lets infusions go on.")
    if not reason.strip():
        raise InvalidInput("Say why infusions may go on.", code="reason-needed", field="reason")
    return end_hold(hold=hold, reason=reason, by=by, at=moment(at))


def end_hold(*, hold: TreatmentHold, reason: str, by: User, at: datetime) -> TreatmentHold:
    """Close a hold: released by a prescriber, or because its cause was entered by mistake."""
    lock(patients=[hold.patient_id])
    current: TreatmentHold = (
        TreatmentHold.objects.select_for_update(of=("self",)).select_related("infusion__site").get(pk=hold.pk)
    )
    if current.released_at is not None:
        raise StateConflict("This was let go of already.", code="hold-released")
    current.released_at, current.released_by, current.released_reason = at, by, reason.strip()[:200]
    current.save(update_fields=["released_at", "released_by", "released_reason"])
    infusion = Infusion.objects.for_record().get(pk=current.infusion_id)
    signals.tell(signals.treatment_released, infusion=infusion, by=by, at=at, hold=str(current.code))
    return current


def drop_holds_of(event: AdverseEvent, *, by: User, at: datetime) -> None:
    """The event did not happen: what it held goes on."""
    for hold in TreatmentHold.objects.filter(adverse_event=event, released_at__isnull=True):
        end_hold(hold=hold, reason="The adverse event was entered by mistake.", by=by, at=at)


def patient_of(hold: TreatmentHold) -> Patient:
    """The patient who waits."""
    return hold.patient
