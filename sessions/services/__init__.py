"""The only writers of treatment facts. Every verb takes keyword arguments, `by` (who) and `at` (default:
now).
"""

from sessions.services.before_start import exposure_finding
from sessions.services.checks import CheckAnswer, record_check, record_checks
from sessions.services.consents import drug_effect_at, record_consent, record_education, withdraw_consent
from sessions.services.course_reviews import record_course_review
from sessions.services.criteria import (
    CriterionAnswer,
    baseline_of,
    record_answers,
    record_baseline,
    record_criteria,
    record_criterion,
)
from sessions.services.delays import state_delay
from sessions.services.discharge import discharge_decision, recordable_criteria
from sessions.services.dispositions import (
    call_emergency,
    current_disposition,
    last_assessment,
    record_assessment,
    record_disposition,
)
from sessions.services.drugs import PRN_DRUGS, record_bag, record_given_drug, strike_given_drug
from sessions.services.eligibility import (
    eligibility_in_force,
    eligibility_lines,
    eligibility_until,
    sign_eligibility,
    standing_eligibility,
    was_withdrawn,
    withdraw_eligibility,
)
from sessions.services.estimates import (
    TherapyTime,
    current_estimate,
    current_sign_off,
    signed_time,
    therapy_time,
    unsigned_time,
)
from sessions.services.gates import (
    add_site_gate,
    adopt_answers,
    answer_gate,
    as_gate,
    change_site_gate,
    override_for_visit,
    retire_site_gate,
)
from sessions.services.handovers import accept_handover, nurse_by_handover, offer_handover, offered_handover
from sessions.services.holds import open_holds, release_hold
from sessions.services.infusions import (
    NOT_GIVEN_REASONS,
    change_chair,
    confirm_weight,
    mark_not_given,
    open_infusion,
    record_weight,
    sign_order,
)
from sessions.services.integration import (
    NoteText,
    amend_note,
    check_may_start,
    complete_integration,
    flag_inside_no_therapy,
    start_integration,
)
from sessions.services.levels import contradicting_level, record_measured_level, strike_measured_level
from sessions.services.notes import save_note, unfinished_note
from sessions.services.observing import observed_until
from sessions.services.outcomes import record_outcome
from sessions.services.preparation import PreparationText, courses_with_plan, record_preparation
from sessions.services.private_notes import open_private_notes, write_private_note
from sessions.services.progress import record_night, record_progress
from sessions.services.pump import (
    amend_pump_event,
    amend_pump_events,
    move_pump_log,
    record_pump_event,
    record_pump_events,
    strike_pump_event,
)
from sessions.services.pump_lines import PumpAct, PumpChange
from sessions.services.readiness import needs_second_weighing, recordable_checks, start_gate
from sessions.services.renewals import renew_order
from sessions.services.review_points import ReviewPoint, latest_review, points_before
from sessions.services.safety import (
    ADVERSE_EVENTS,
    record_adverse_event,
    record_safety_contact,
    resolve_adverse_event,
    strike_adverse_event,
)
from sessions.services.sign_off import SigningTerms, amend_sign_off, sign_off
from sessions.services.stop_signs import sign_of
from sessions.services.vitals import advice_on, record_vitals, vitals_advice, withdraw_vitals
from sessions.services.weight_corrections import correct_weight

__all__ = [
    "ADVERSE_EVENTS",
    "NOT_GIVEN_REASONS",
    "PRN_DRUGS",
    "CheckAnswer",
    "CriterionAnswer",
    "NoteText",
    "PreparationText",
    "PumpAct",
    "PumpChange",
    "ReviewPoint",
    "SigningTerms",
    "TherapyTime",
    "accept_handover",
    "add_site_gate",
    "adopt_answers",
    "advice_on",
    "amend_note",
    "amend_pump_event",
    "amend_pump_events",
    "amend_sign_off",
    "answer_gate",
    "as_gate",
    "baseline_of",
    "call_emergency",
    "change_chair",
    "change_site_gate",
    "check_may_start",
    "complete_integration",
    "confirm_weight",
    "contradicting_level",
    "correct_weight",
    "courses_with_plan",
    "current_disposition",
    "current_estimate",
    "current_sign_off",
    "discharge_decision",
    "drug_effect_at",
    "eligibility_in_force",
    "eligibility_lines",
    "eligibility_until",
    "exposure_finding",
    "flag_inside_no_therapy",
    "last_assessment",
    "latest_review",
    "mark_not_given",
    "move_pump_log",
    "needs_second_weighing",
    "nurse_by_handover",
    "observed_until",
    "offer_handover",
    "offered_handover",
    "open_holds",
    "open_infusion",
    "open_private_notes",
    "override_for_visit",
    "points_before",
    "record_adverse_event",
    "record_answers",
    "record_assessment",
    "record_bag",
    "record_baseline",
    "record_check",
    "record_checks",
    "record_consent",
    "record_course_review",
    "record_criteria",
    "record_criterion",
    "record_disposition",
    "record_education",
    "record_given_drug",
    "record_measured_level",
    "record_night",
    "record_outcome",
    "record_preparation",
    "record_progress",
    "record_pump_event",
    "record_pump_events",
    "record_safety_contact",
    "record_vitals",
    "record_weight",
    "recordable_checks",
    "recordable_criteria",
    "release_hold",
    "renew_order",
    "resolve_adverse_event",
    "retire_site_gate",
    "save_note",
    "sign_eligibility",
    "sign_of",
    "sign_off",
    "sign_order",
    "signed_time",
    "standing_eligibility",
    "start_gate",
    "start_integration",
    "state_delay",
    "strike_adverse_event",
    "strike_given_drug",
    "strike_measured_level",
    "strike_pump_event",
    "therapy_time",
    "unfinished_note",
    "unsigned_time",
    "vitals_advice",
    "was_withdrawn",
    "withdraw_consent",
    "withdraw_eligibility",
    "withdraw_vitals",
    "write_private_note",
]
