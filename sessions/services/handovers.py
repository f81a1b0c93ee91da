"""One nurse hands a patient to another: offered, accepted, both names on the record, what is open goes along."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sessions import signals
from sessions.models import Handover, Infusion
from sessions.services import rows
from sessions.services._record import act, locked, moment, need_role, need_state, touch
from staff.errors import NotAllowed, RuleNotMet, StateConflict
from staff.models import User

WITH_A_NURSE = frozenset({*Infusion.BEFORE_START, *Infusion.RUNNING, Infusion.Status.RECOVERING})


def offered_handover(infusion: Infusion) -> Handover | None:
    """What waits for the receiving nurse."""
    told = rows.rows(infusion, Handover, "from_nurse", "to_nurse")
    return next((row for row in told if row.accepted_at is None and row.withdrawn_at is None), None)


def nurse_by_handover(infusion: Infusion) -> User | None:
    """Who accepted the patient last; None when nobody handed over."""
    found: Handover | None = (
        infusion.handovers.filter(accepted_at__isnull=False)
        .select_related("to_nurse")
        .order_by("accepted_at")
        .last()
    )
    return None if found is None else found.to_nurse


@act
def offer_handover(
    *,
    infusion: Infusion,
    to_nurse: User,
    by: User,
    words: str = "",
    at: datetime | None = None,
    expected_version: int | None = None,
) -> Handover:
    """Offer the patient to another nurse. A second offer takes the first one back.

    Raises RuleNotMet for oneself, NotAllowed for somebody who may not keep the record or does not work at the site,
    StateConflict on a closed record.
    """
    now = moment(at)
    current = locked(infusion, expected_version)
    need_state(current, WITH_A_NURSE, "This record is closed: nobody is looked after any more.")
    if to_nurse.pk == by.pk:
        raise RuleNotMet("Hand over to somebody else.", code="same-person", field="to_nurse")
    need_role(to_nurse, "infusion.record", "Choose a nurse or clinician.", field="to_nurse")
    if current.site_id not in to_nurse.site_ids() or not to_nurse.is_active:
        raise NotAllowed("This person does not work at this site.", code="other-site", field="to_nurse")
    waiting = offered_handover(current)
    if waiting is not None:
        if waiting.to_nurse_id == to_nurse.pk and waiting.from_nurse_id == by.pk:
            return waiting
        waiting.withdrawn_at = now
        waiting.save(update_fields=["withdrawn_at"])
    row: Handover = Handover.objects.create(
        infusion=current, from_nurse=by, to_nurse=to_nurse, words=words.strip()[:300], offered_at=now
    )
    touch(current)
    signals.tell(signals.handover_changed, infusion=current, by=by, at=now)
    return row


@act
def accept_handover(
    *,
    handover: Handover,
    by: User,
    open_items: Iterable[str] = (),
    over_capacity: bool = False,
    at: datetime | None = None,
) -> Handover:
    """The receiving nurse takes the patient, with what is open as it stands now. Pressed twice it is one act.

    Raises NotAllowed for anybody else, StateConflict when the offer was taken back.
    """
    now = moment(at)
    current = locked(handover.infusion)
    row: Handover = current.handovers.select_for_update(of=("self",)).get(pk=handover.pk)
    if row.to_nurse_id != by.pk:
        raise NotAllowed("Only the nurse who is offered the patient accepts.", code="not-yours")
    if row.accepted_at is not None:
        return row
    if row.withdrawn_at is not None:
        raise StateConflict("This handover was taken back.", code="handover-withdrawn")
    need_state(current, WITH_A_NURSE, "This record is closed: nobody is looked after any more.")
    row.accepted_at, row.open_items, row.over_capacity = now, list(open_items), over_capacity
    row.save(update_fields=["accepted_at", "open_items", "over_capacity"])
    touch(current)
    signals.tell(signals.handover_changed, infusion=current, by=by, at=now)
    return row
