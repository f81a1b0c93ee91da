"""How a visit ended. Every infusion ends in one coded disposition; all but "discharged" call a prescriber."""

from __future__ import annotations

from datetime import datetime

from patients.models import Patient
from patients.services.people import set_status
from sessions import signals
from sessions.models import Disposition, EndingAssessment, Infusion, PumpEvent, TreatmentHold
from sessions.services import rows
from sessions.services._record import act, locked, moment, need_role, need_state, not_in_future, touch
from sessions.services.criteria import CriterionAnswer, record_answers
from sessions.services.discharge import discharge_decision
from sessions.services.holds import raise_hold
from sessions.services.pump import record_pump_event
from staff.errors import InvalidInput, RuleNotMet, StateConflict
from staff.models import User

Outcome = Disposition.Outcome
AFTER_START = frozenset({*Infusion.RUNNING, Infusion.Status.RECOVERING, Infusion.Status.SIGNED_OFF})
EMERGENCY = "Emergency: ambulance called."


def current_disposition(infusion: Infusion) -> Disposition | None:
    """How the visit ended, as it stands."""
    return next(iter(rows.current(infusion, Disposition, "entered_by")), None)


def last_assessment(infusion: Infusion) -> EndingAssessment | None:
    """The latest assessment made after the ending as it stands."""
    return next(iter(rows.rows(infusion, EndingAssessment, "entered_by")), None)


@act
def record_disposition(
    *,
    infusion: Infusion,
    outcome: str,
    by: User,
    condition: str = "",
    last_seen_at: datetime | None = None,
    observed_at: datetime | None = None,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> Disposition:
    """The patient is gone otherwise than discharged: when and how last seen. The same one twice is stored once.

    A prescriber is called within the hour, later infusions are held, and no window opens before an assessment is
    signed. "discharged" is recorded by the signature alone. Raises StateConflict before the start, InvalidInput and
    RuleNotMet at the field.
    """
    now = moment(at)
    current = locked(infusion, expected_version)
    need_state(current, AFTER_START, "The pump has not run: close the record as not given.")
    if outcome not in Disposition.UNPLANNED:
        raise InvalidInput("Choose how the visit ended.", code="unknown-outcome", field="outcome")
    if not condition.strip():
        raise InvalidInput("Say how the patient was when last seen.", code="required", field="condition")
    seen = not_in_future(last_seen_at or now, now, "last_seen_at")
    left = not_in_future(observed_at or now, now, "observed_at")
    if seen > left:
        raise RuleNotMet(
            "Last seen cannot be after the patient was gone.", code="order", field="last_seen_at"
        )
    same = current_disposition(current)
    if same is not None and (same.outcome, same.condition) == (outcome, condition.strip()[:300]):
        return same
    row = _store(current, outcome, condition, seen, left, by, now)
    touch(current)
    _after(current, row, by, now)
    return row


@act
def call_emergency(
    *, infusion: Infusion, by: User, at: datetime | None = None, condition: str = ""
) -> Disposition:
    """One click: the pump log stops, the visit ends with the ambulance. Never refused while the patient is here.

    Pressed twice it is one emergency. A record whose pump has not run is closed as not given, with the same call.
    """
    now = moment(at)
    current = locked(infusion)
    if current.status in (Infusion.Status.NOT_GIVEN,):
        raise StateConflict("This infusion was not given: its record is closed.", code="infusion-not-given")
    found = current_disposition(current)
    if found is not None and found.outcome == Outcome.AMBULANCE:
        return found
    if current.status in Infusion.RUNNING:
        record_pump_event(infusion=current, kind=PumpEvent.Kind.STOP, reason=EMERGENCY, by=by, at=now)
        current = locked(infusion)
    row = _store(current, Outcome.AMBULANCE, condition or EMERGENCY, now, now, by, now)
    if current.status in Infusion.BEFORE_START:
        current.status, current.not_given_reason = Infusion.Status.NOT_GIVEN, EMERGENCY
        touch(current, "status", "not_given_reason")
        signals.tell(signals.infusion_not_given, infusion=current, by=by, at=now)
    else:
        touch(current)
    _after(current, row, by, now)
    return row


@act
def record_assessment(
    *,
    infusion: Infusion,
    manner: str,
    words: str,
    by: User,
    observed_at: datetime | None = None,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> EndingAssessment:
    """A clinician has assessed the patient after an unplanned ending, by phone, too.

    What was never recorded for leaving becomes "not assessable", with the ending as the reason. Raises NotAllowed,
    StateConflict without such an ending, InvalidInput at the field.
    """
    now = moment(at)
    need_role(by, "infusion.sign_off", "A clinician assesses the patient.")
    current = locked(infusion, expected_version)
    ended = current_disposition(current)
    if ended is None or not ended.unplanned:
        raise StateConflict("This visit did not end that way.", code="no-unplanned-ending")
    if manner not in EndingAssessment.Manner.values:
        raise InvalidInput("Choose by phone, in person or by video.", code="unknown-manner", field="manner")
    if not words.strip():
        raise InvalidInput("Say how the patient is.", code="required", field="words")
    seen = not_in_future(observed_at or now, now, "observed_at")
    if seen < ended.observed_at:
        raise RuleNotMet("The visit ended after this time.", code="order", field="observed_at")
    row: EndingAssessment = EndingAssessment.objects.create(
        infusion=current,
        manner=manner,
        words=words.strip()[:500],
        observed_at=seen,
        entered_at=now,
        entered_by=by,
    )
    touch(current)
    if current.status == Infusion.Status.RECOVERING:
        _close_criteria(current, ended, by, now)
    signals.tell(signals.ending_assessed, infusion=current, by=by, at=now)
    return row


def discharged(infusion: Infusion, by: User, at: datetime) -> None:
    """The signature on the criteria is the ending, unless another one is recorded."""
    if current_disposition(infusion) is None:
        Disposition.objects.create(
            infusion=infusion, outcome=Outcome.DISCHARGED, observed_at=at, entered_at=at, entered_by=by
        )


def _store(
    infusion: Infusion, outcome: str, condition: str, seen: datetime, left: datetime, by: User, now: datetime
) -> Disposition:
    infusion.dispositions.current().update(superseded_at=now)
    row: Disposition = Disposition.objects.create(
        infusion=infusion,
        outcome=outcome,
        last_seen_at=seen,
        condition=condition.strip()[:300],
        observed_at=left,
        entered_at=now,
        entered_by=by,
    )
    return row


def _after(infusion: Infusion, row: Disposition, by: User, now: datetime) -> None:
    raise_hold(
        infusion=infusion, kind=TreatmentHold.Kind.ENDING, cause=f"ending:{infusion.code}", by=by, at=now
    )
    signals.tell(signals.visit_ended, infusion=infusion, by=by, at=now, outcome=row.outcome)
    if row.outcome == Outcome.DIED:
        patient = Patient.objects.get(pk=infusion.patient_id)
        if patient.status != Patient.Status.DECEASED:
            set_status(patient=patient, status=Patient.Status.DECEASED, by=by, at=now)


def _close_criteria(infusion: Infusion, ended: Disposition, by: User, now: datetime) -> None:
    """Nobody can assess any more how the patient walked: that is said, and counts as not met."""
    decision = discharge_decision(infusion, now)
    reason = f"{ended.get_outcome_display()}."
    answers = [CriterionAnswer(code, "not-assessable", detail=reason) for code in decision.missing]
    if answers:
        record_answers(infusion=infusion, answers=answers, by=by, at=now)
