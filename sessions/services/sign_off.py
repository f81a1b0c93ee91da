"""The signature on discharge: what it needs, what it fixes, and how it is corrected."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sessions import clearance, signals
from sessions.discharge import CRITERIA, DischargeDecision
from sessions.models import Infusion, SignOff
from sessions.services import estimates
from sessions.services._record import act, locked, moment, need_role, need_state, refusals_in_words, touch
from sessions.services.delays import store_delay
from sessions.services.discharge import discharge_decision
from sessions.services.dispositions import current_disposition, discharged, last_assessment
from sessions.services.overrides import check_override, level_for
from sessions.services.snapshot import digest, record_snapshot
from staff.errors import InvalidInput, RuleNotMet, StateConflict
from staff.models import User

MEANING = (
    "I have checked this record. The patient met the discharge criteria as stated "
    "and was ready to leave at the time shown."
)


@dataclass(frozen=True)
class SigningTerms:
    """What the signer states beside the criteria. Every field may stay empty when the record does not ask for
    it.

    `opens_window` None = yes, except after an aborted infusion, where staff must say.
    """

    unmet_reason: str = ""
    second_person: User | None = None
    late_reason: str = ""
    opens_window: bool | None = None
    no_window_reason: str = ""
    override_to: datetime | None = None
    override_code: str = ""
    override_reason: str = ""
    stated_delay_hours: Decimal | None = None
    stated_delay_reason: str = ""
    meaning: str = MEANING


@act
def sign_off(
    *,
    infusion: Infusion,
    by: User,
    terms: SigningTerms | None = None,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> SignOff:
    """Sign the discharge and lock the record.

    Raises NotAllowed without the role; StateConflict before the stop or once signed; RuleNotMet with the
    field that is missing: `criteria`, `unmet_reason`, `second_person`, `late_reason`, `opens_window`,
    `no_window_reason`, `stated_delay_hours`, `override_to`, `override_code`.
    """
    now = moment(at)
    need_role(by, "infusion.sign_off", "Only a clinician signs off an infusion.")
    current = locked(infusion, expected_version)
    need_state(current, {Infusion.Status.RECOVERING}, _why_not(current))
    signature = _signed(current, by, terms or SigningTerms(), now, replaces=None)
    current.status = Infusion.Status.SIGNED_OFF
    touch(current, "status")
    signals.tell(signals.infusion_signed_off, infusion=current, by=by, at=now)
    return signature


@act
def amend_sign_off(
    *,
    infusion: Infusion,
    by: User,
    reason: str,
    terms: SigningTerms | None = None,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> SignOff:
    """Sign again after a correction; the earlier signature stays readable. `reason` becomes part of the
    meaning.

    What the earlier signature stated to keep therapy away stands until the new one states something else: that no
    window opens, and a therapy time later than the estimate.
    """
    now = moment(at)
    need_role(by, "infusion.sign_off", "Only a clinician signs off an infusion.")
    if not reason.strip():
        raise InvalidInput("Say why the record is signed again.", code="reason-needed", field="reason")
    current = locked(infusion, expected_version)
    need_state(current, {Infusion.Status.SIGNED_OFF}, "This record is not signed yet.")
    old = estimates.current_sign_off(current)
    if old is None:
        raise StateConflict("There is no signature to amend.", code="not-signed")
    given = _what_stands(current, old, terms or SigningTerms())
    signature = _signed(current, by, given, now, replaces=old, because=reason.strip())
    touch(current)
    signals.tell(signals.infusion_amended, infusion=current, by=by, at=now)
    return signature


def standing_delay(infusion: Infusion, signature: SignOff) -> datetime | None:
    """The therapy time that `signature` states, while it holds and lies after the estimate and the time of leaving."""
    wanted, found = signature.override_to, estimates.current_estimate(infusion)
    if wanted is None or signature.override_voided_at is not None or found is None or found.t_pk is None:
        return None
    ready = max(item for item in (signature.t_sign, infusion.stopped_at) if item is not None)
    return wanted if wanted > max(found.t_pk, ready) else None


def _what_stands(infusion: Infusion, old: SignOff, terms: SigningTerms) -> SigningTerms:
    """`terms` with what the signature before stated to keep therapy away, where they say nothing about it."""
    if terms.opens_window is None and not old.opens_window:
        why = terms.no_window_reason.strip() or old.no_window_reason
        terms = replace(terms, opens_window=False, no_window_reason=why)
    if terms.override_to is None and (delay := standing_delay(infusion, old)) is not None:
        terms = replace(
            terms, override_to=delay, override_code=old.override_code, override_reason=old.override_reason
        )
    return terms


def discharge_words(codes: tuple[str, ...]) -> str:
    """Criteria as a list of words."""
    return "; ".join(CRITERIA[code].lower() for code in codes)


def _why_not(infusion: Infusion) -> str:
    return {
        Infusion.Status.SIGNED_OFF: "This record is already signed.",
        Infusion.Status.NOT_GIVEN: "This infusion was not given.",
    }.get(Infusion.Status(infusion.status), "The pump must be stopped first.")


def _signed(
    infusion: Infusion,
    by: User,
    terms: SigningTerms,
    now: datetime,
    *,
    replaces: SignOff | None,
    because: str = "",
) -> SignOff:
    _state_delay(infusion, terms, now)
    decision = _ready(infusion, by, terms, now)
    t_sign = decision.t_sign
    if t_sign is None:
        raise RuleNotMet("The patient is not ready to leave yet.", code="not-ready", field="criteria")
    t_sign = _assessed_after_ending(infusion, terms, t_sign)
    late = _late_reason(infusion, t_sign, terms, now) if replaces is None else because
    opens = _opens_window(infusion, terms)
    override = _override(infusion, by, terms, t_sign)
    level = level_for(infusion, terms.override_code) if override else None
    record = record_snapshot(infusion, now)
    if replaces is not None:
        replaces.superseded_at = now
        replaces.save(update_fields=["superseded_at"])
    unmet = bool(decision.overridden)
    discharged(infusion, by, now)
    with refusals_in_words():
        return SignOff.objects.create(
            infusion=infusion,
            t_sign=t_sign,
            signed_at=now,
            signed_by=by,
            signed_name=by.full_name,
            meaning=(f"{terms.meaning} Signed again: {because}" if because else terms.meaning)[:200],
            late_reason=late[:200],
            unmet_reason=terms.unmet_reason.strip() if unmet else "",
            second_person=terms.second_person if unmet or override else None,
            opens_window=opens,
            no_window_reason="" if opens else terms.no_window_reason.strip(),
            override_to=override,
            override_code=terms.override_code if override else "",
            override_reason=terms.override_reason.strip() if override else "",
            override_level=level,
            record=record,
            record_sha256=digest(record),
            replaces=replaces,
        )


def _ready(infusion: Infusion, by: User, terms: SigningTerms, now: datetime) -> DischargeDecision:
    second = terms.second_person
    if second is not None and second.pk == by.pk:
        raise RuleNotMet(
            "The second person must be somebody else.", code="same-person", field="second_person"
        )
    if second is not None:
        need_role(
            second,
            "infusion.record",
            "The second person must be a clinician or nurse.",
            field="second_person",
        )
    decision = discharge_decision(
        infusion, now, by=by, unmet_reason=terms.unmet_reason.strip(), second_person=second
    )
    if decision.missing:
        raise RuleNotMet(
            f"Not recorded yet: {discharge_words(decision.missing)}.",
            code="criteria-missing",
            field="criteria",
        )
    if decision.unassessed:
        raise RuleNotMet(
            "New or worse suicidal intent: record a prescriber's assessment first.",
            code="intent-not-assessed",
            field="criteria",
        )
    if decision.unmet:
        words = discharge_words(decision.unmet)
        if not terms.unmet_reason.strip():
            raise RuleNotMet(f"Not met: {words}. Give a reason.", code="unmet-reason", field="unmet_reason")
        raise RuleNotMet(
            f"Not met: {words}. A second person must agree.",
            code="unmet-second-person",
            field="second_person",
        )
    return decision


def _assessed_after_ending(infusion: Infusion, terms: SigningTerms, t_sign: datetime) -> datetime:
    """After another ending than discharge an assessment comes first; nothing is ready before it was made."""
    ended = current_disposition(infusion)
    if ended is None or not ended.unplanned:
        return t_sign
    seen = last_assessment(infusion)
    if seen is None:
        words = f"{ended.get_outcome_display()}: record a clinician's assessment first, by phone if need be."
        raise RuleNotMet(words, code="assessment-needed", field="criteria")
    if ended.outcome == ended.Outcome.DIED and terms.opens_window is not False:
        raise RuleNotMet(
            "No window opens. Say so, with the reason.", code="window-unclear", field="opens_window"
        )
    if terms.opens_window is None:
        words = f"{ended.get_outcome_display()}: say whether a window opens after this infusion."
        raise RuleNotMet(words, code="window-unclear", field="opens_window")
    return max(t_sign, seen.observed_at)


def _late_reason(infusion: Infusion, t_sign: datetime, terms: SigningTerms, now: datetime) -> str:
    limit = infusion.protocol_version.read().discharge.late_signing_minutes
    if now - t_sign <= timedelta(minutes=limit):
        return ""
    if not terms.late_reason.strip():
        ready = t_sign.astimezone(ZoneInfo(infusion.site.time_zone))
        raise RuleNotMet(
            f"Ready to leave at {ready:%H:%M}, more than {limit} minutes ago. Say why you sign late.",
            code="late-reason",
            field="late_reason",
        )
    return terms.late_reason.strip()


def _state_delay(infusion: Infusion, terms: SigningTerms, now: datetime) -> None:
    """Store a stated delay and renew the estimate with it; demand one where no model covers the patient."""
    hours, reason = terms.stated_delay_hours, terms.stated_delay_reason.strip()
    if hours is None:
        if estimates.delay_is_needed(infusion) and estimates.stated_delay(infusion) is None:
            raise RuleNotMet(
                "No model covers liver disease or interacting drugs: state a delay in hours. 0 is allowed.",
                code="delay-needed",
                field="stated_delay_hours",
            )
        return
    store_delay(infusion, hours, reason, now)


def _opens_window(infusion: Infusion, terms: SigningTerms) -> bool:
    found = estimates.current_estimate(infusion)
    if (found is None or found.t_pk is None) and terms.override_to is None:
        raise RuleNotMet(
            "No clearance time can be estimated: state when therapy may begin.",
            code="t0-not-estimated",
            field="override_to",
        )
    if terms.opens_window is None and found is not None and found.aborted:
        raise RuleNotMet(
            "Hardly any drug was given. Say whether a window opens after this infusion.",
            code="window-unclear",
            field="opens_window",
        )
    opens = terms.opens_window is not False
    if not opens and not terms.no_window_reason.strip():
        raise RuleNotMet("Say why no window opens.", code="reason-needed", field="no_window_reason")
    return opens


def _override(infusion: Infusion, by: User, terms: SigningTerms, t_sign: datetime) -> datetime | None:
    if terms.override_to is None:
        return None
    return check_override(
        infusion=infusion,
        t_sign=t_sign,
        override_to=terms.override_to,
        code=terms.override_code,
        reason=terms.override_reason,
        by=by,
        second_person=terms.second_person,
        level=level_for(infusion, terms.override_code),
    )


OVERRIDE_REASONS = {"delay": clearance.DELAY_REASONS, "advance": clearance.ADVANCE_REASONS}
