"""What the infusion record tells the rest of the house. Sent inside the writer's transaction, each in a
savepoint.

Every signal carries `infusion` (fresh from the database), `by` (User) and `at` (the moment of the act).
`pump_log_changed` is sent after EVERY change of the pump log: start, rate, pause, resume, bolus, stop,
amendment, strike. `infusion_started` and `infusion_amended` are sent in addition, just before it, for those
who only care for the first start or for changes after the signature. A struck start leaves
`infusion.started_at` None. `estimate_changed` is sent when the clearance estimate, or the time that a clinician stated,
changed for another reason than the log: a stated delay, an infiltrated line, a measured level. `prescriber_asked` says
that a prescriber has to decide something now (`topic`: intent, level, no-estimate); `prescriber_answered` ends it.
`treatment_held` and `treatment_released` carry the code of the `hold` on later infusions. `visit_ended` (`outcome`)
says that a visit ended otherwise than by discharge, `ending_assessed` that a clinician has assessed the patient since.
`handover_changed`: a nurse offered, accepted or withdrew a handover. `outcome_recorded` carries `score` instead of an
infusion: a score that staff have entered.

`who_is_expected` is a question, asked while a page is read: a receiver answers with the patients (rows of `values_list`
as `alike.NAME_FIELDS`) whom the site expects on the local day of `at`. Receivers of a question write nothing.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.dispatch import Signal

if TYPE_CHECKING:
    from sessions.models import Infusion, OutcomeScore
    from staff.models import User

log = logging.getLogger("clearwindow.sessions")

infusion_started = Signal()
pump_log_changed = Signal()
infusion_signed_off = Signal()
infusion_amended = Signal()
infusion_not_given = Signal()
estimate_changed = Signal()
prescriber_asked = Signal()
prescriber_answered = Signal()
treatment_held = Signal()
treatment_released = Signal()
visit_ended = Signal()
ending_assessed = Signal()
handover_changed = Signal()
outcome_recorded = Signal()
who_is_expected = Signal()

NAMES = {
    infusion_started: "infusion_started",
    pump_log_changed: "pump_log_changed",
    infusion_signed_off: "infusion_signed_off",
    infusion_amended: "infusion_amended",
    infusion_not_given: "infusion_not_given",
    estimate_changed: "estimate_changed",
    prescriber_asked: "prescriber_asked",
    prescriber_answered: "prescriber_answered",
    treatment_held: "treatment_held",
    treatment_released: "treatment_released",
    visit_ended: "visit_ended",
    ending_assessed: "ending_assessed",
    handover_changed: "handover_changed",
}


def tell(signal: Signal, *, infusion: Infusion, by: User, at: datetime, **more: str) -> None:
    """Send `signal`. A receiver that fails loses its own writes only: the fact is kept (decisions 1.11).

    Receivers handle their own failures; what still escapes is logged by name, and the sweep of the plans
    finds every infusion whose window is older than its facts.
    """
    try:
        with transaction.atomic():
            signal.send(sender=type(infusion), infusion=infusion, by=by, at=at, **more)
    except Exception as error:
        log.exception("a receiver of %s failed with %s", NAMES.get(signal, "signal"), type(error).__name__)


def tell_score(score: OutcomeScore, *, by: User, at: datetime) -> None:
    """Send `outcome_recorded`. A receiver that fails loses its own writes only: the score is kept."""
    try:
        with transaction.atomic():
            outcome_recorded.send(sender=type(score), score=score, by=by, at=at)
    except Exception as error:
        log.exception("a receiver of outcome_recorded failed with %s", type(error).__name__)
