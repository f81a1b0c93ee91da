"""How the rules of the clinical record are broken: infusion, chair, day, notes, gates, weights."""

from __future__ import annotations

from tests.faults.breaks import Break, change, copy

UNSIGNED = "infusion_id IN (SELECT id FROM treatment_sessions_infusion WHERE status = 'recovering')"
ESTIMATE = """FROM treatment_sessions_clearanceestimate e
    WHERE e.infusion_id = treatment_sessions_signoff.infusion_id AND e.superseded_at IS NULL"""
RAISED = {
    "stated_time_within_limits": ("advance_needs_a_second_person", "advance_not_before_median_or_level")
}
"""Names that a trigger raises."""
RECORD = (
    copy("vitals_cadss6_in_range", "treatment_sessions_vitalsigns", "cadss6 = 25", UNSIGNED),
    copy("vitals_diastolic_below_systolic", "treatment_sessions_vitalsigns", "diastolic = systolic", UNSIGNED),
    copy("vitals_heart_rate_in_range", "treatment_sessions_vitalsigns", "heart_rate = 251", UNSIGNED),
    copy("vitals_moaas_in_range", "treatment_sessions_vitalsigns", "moaas = 6", UNSIGNED),
    copy("vitals_pressure_in_range", "treatment_sessions_vitalsigns", "systolic = 301", UNSIGNED),
    copy("vitals_spo2_in_range", "treatment_sessions_vitalsigns", "spo2 = 101", UNSIGNED),
    copy("pump_bolus_in_range", "treatment_sessions_pumpevent",
         "kind = 'bolus', bolus_mg = 101, rate_mg_per_min = NULL", f"kind = 'start' AND {UNSIGNED}"),
    copy("pump_event_has_its_value", "treatment_sessions_pumpevent", "kind = 'rate', rate_mg_per_min = NULL",
         f"kind = 'start' AND {UNSIGNED}"),
    copy("pump_rate_in_range", "treatment_sessions_pumpevent", "kind = 'rate', rate_mg_per_min = 21",
         f"kind = 'start' AND {UNSIGNED}"),
    copy("adverse_event_severity_known", "treatment_sessions_adverseevent", "severity = 'odd'", UNSIGNED),
    copy("estimate_never_is_a_share", "treatment_sessions_clearanceestimate",
         "never_above = 1.5, generation = 60, superseded_at = now()", UNSIGNED),
    copy("estimate_says_a_time_or_why_not", "treatment_sessions_clearanceestimate",
         "t_pk = NULL, generation = 60, superseded_at = now()", UNSIGNED),
    copy("estimate_threshold_known", "treatment_sessions_clearanceestimate",
         "threshold_ng_ml = 30, generation = 60, superseded_at = now()", UNSIGNED),
    copy("estimate_generation_once", "treatment_sessions_clearanceestimate", "superseded_at = now()", UNSIGNED),
    change("infusion_delivered_in_range", "treatment_sessions_infusion", "delivered_mg = 251", "status = 'recovering'"),
    change("infusion_status_known", "treatment_sessions_infusion", "status = 'lost'", "status = 'arrived'",
           "infusion_status_fits_times"),
    change("infusion_stops_after_start", "treatment_sessions_infusion",
           "stopped_at = started_at - interval '1 minute'", "status = 'recovering'"),
    copy("check_outcome_known", "treatment_sessions_preinfusioncheck", "outcome = 'maybe', superseded_at = now()"),
    copy("one_current_check_of_a_kind", "treatment_sessions_preinfusioncheck", "", "superseded_at IS NULL"),
    copy("criterion_outcome_known", "treatment_sessions_criterionresult", "outcome = 'maybe', superseded_at = now()",
         UNSIGNED),
    copy("not_assessable_needs_a_reason", "treatment_sessions_criterionresult",
         "outcome = 'not-assessable', detail = '', superseded_at = now()", UNSIGNED),
    copy("one_current_result_per_criterion", "treatment_sessions_criterionresult", "",
         f"superseded_at IS NULL AND {UNSIGNED}"),
    copy("no_window_needs_a_reason", "treatment_sessions_signoff",
         "opens_window = false, no_window_reason = '', superseded_at = now()"),
    copy("override_not_before_t_sign", "treatment_sessions_signoff",
         "override_to = t_sign - interval '1 minute', superseded_at = now()", "true", "stated_time_within_limits"),
    Break("advance_needs_a_second_person", "treatment_sessions_signoff",
          "override_to = t_sign, override_code = 'clinical', second_person_id = NULL, superseded_at = now()",
          f"t_sign < (SELECT t_pk {ESTIMATE})", copy=True, trigger="stated_time_within_limits"),
    Break("advance_not_before_median_or_level", "treatment_sessions_signoff",
          "override_to = t_sign, override_code = 'clinical', superseded_at = now(),"
          " second_person_id = (SELECT max(id) FROM staff_user)",
          f"t_sign < (SELECT p50_at {ESTIMATE})", copy=True, trigger="stated_time_within_limits"),
    copy("signed_after_criteria_met", "treatment_sessions_signoff",
         "signed_at = t_sign - interval '1 minute', superseded_at = now()"),
    copy("one_current_sign_off_per_infusion", "treatment_sessions_signoff", "", "superseded_at IS NULL"),
    copy("consent_valid_after_given", "treatment_sessions_consent", "valid_until = given_at"),
    copy("consent_withdrawn_after_given", "treatment_sessions_consent",
         "withdrawn_at = given_at - interval '1 minute'"),
    copy("item_9_of_phq9_within_total", "treatment_sessions_outcomescore", "total = 1, item_9 = 2",
         "instrument = 'phq9'"),
    copy("outcome_total_in_range", "treatment_sessions_outcomescore", "total = 28", "instrument = 'phq9'"),
    copy("safety_contact_cssrs_in_range", "treatment_sessions_safetycontact", "cssrs = 6"),
    copy("therapy_completed_after_start", "treatment_sessions_integrationsession",
         "completed_at = started_at - interval '1 minute'"),
    Break("one_running_therapy_per_patient", "treatment_sessions_integrationsession", "completed_at = NULL",
          "completed_at IS NOT NULL", copy=True, twice=True),
    copy("one_stop_per_infusion", "treatment_sessions_pumpevent", "", f"kind = 'stop' AND {UNSIGNED}"),
    copy("measured_level_in_range", "treatment_sessions_measuredlevel", "ketamine_ng_ml = 5001"),
)  # fmt: skip
CHAIR = {  # what a good row of these tables has; the sample clinic need not have one
    "baguse": {"lot": "'A1'", "expires_on": "current_date", "waste_mg": "1", "witness_id": "other.id"},
    "chairnote": {"kind": "'note'", "text": "'Reads.'", "finished_at": "now()"},
    "disposition": {"outcome": "'died'", "last_seen_at": "now()", "condition": "'Asleep'", "superseded_at": "now()"},
    "endingassessment": {"manner": "'phone'", "words": "'Well.'"},
    "givendrug": {"drug": "'other'", "drug_name": "'Drug'", "sedating": "false", "dose_mg": "4", "note": "''",
                  "withdrawn_reason": "''", "ordered_by_id": "who.id"},
    "handover": {"words": "''", "offered_at": "now()", "open_items": "'[]'", "over_capacity": "false",
                 "from_nurse_id": "who.id", "to_nurse_id": "other.id"},
    "orderrenewal": {"remaining_mg": "10", "reason": "'Paused'"},
    "treatmenthold": {"kind": "'ending'", "cause": "'rare'", "raised_at": "now()", "released_reason": "''",
                      "patient_id": "i.patient_id", "raised_by_id": "who.id"},
}  # fmt: skip


def at_the_chair(rule: str, table: str, *besides: str, twice: bool = False, **over: str) -> Break:
    """A row of the record that is good but for what is said here."""
    written = {} if table in ("handover", "treatmenthold") else {
        "observed_at": "now()", "entered_at": "now()", "entered_by_id": "who.id",
    }  # fmt: skip
    values = {"code": "gen_random_uuid()", "infusion_id": "i.id"} | written | CHAIR[table] | over
    name = f"treatment_sessions_{table}"
    # The sample clinic offers the patient who recovers to another nurse already.
    which = f"i.status {'<>' if table == 'handover' else '='} 'recovering'"
    raw = (
        f"INSERT INTO {name} ({', '.join(values)}) SELECT {', '.join(values.values())} "
        "FROM treatment_sessions_infusion i, staff_user who, staff_user other "
        f"WHERE {which} AND who.id < other.id ORDER BY i.id, who.id, other.id LIMIT 1"
    )
    return Break(rule, name, "", raw=raw, twice=twice, besides=besides)


DAY = (
    at_the_chair("bag_has_a_lot", "baguse", lot="''"),
    at_the_chair("bag_waste_in_range", "baguse", waste_mg="1001"),
    at_the_chair("bag_waste_needs_a_witness", "baguse", witness_id="NULL"),
    at_the_chair("bag_witness_is_another_person", "baguse", witness_id="who.id"),
    at_the_chair("one_current_bag_per_infusion", "baguse", twice=True),
    at_the_chair("chair_note_is_short", "chairnote", text="repeat('x', 4001)"),
    at_the_chair("finished_note_has_words", "chairnote", text="''"),
    at_the_chair("one_unfinished_note_per_person", "chairnote", twice=True, finished_at="NULL"),
    at_the_chair("disposition_outcome_known", "disposition", outcome="'vanished'"),
    at_the_chair("unplanned_ending_says_when_last_seen", "disposition", last_seen_at="NULL"),
    at_the_chair("one_current_disposition_per_infusion", "disposition", twice=True, superseded_at="NULL"),
    at_the_chair("assessment_not_in_the_future", "endingassessment", observed_at="now() + interval '1 hour'"),
    at_the_chair("assessment_says_something", "endingassessment", words="''"),
    at_the_chair("given_drug_dose_in_range", "givendrug", dose_mg="5001"),
    at_the_chair("given_drug_is_named", "givendrug", drug_name="''"),
    at_the_chair("handover_is_accepted_or_withdrawn", "handover", accepted_at="now()", withdrawn_at="now()"),
    at_the_chair("handover_is_to_another_person", "handover", to_nurse_id="who.id"),
    at_the_chair("one_handover_offered_at_a_time", "handover", twice=True),
    at_the_chair("renewal_has_a_reason", "orderrenewal", reason="''"),
    at_the_chair("renewal_in_range", "orderrenewal", remaining_mg="201"),
    at_the_chair("hold_is_released_by_somebody_with_a_reason", "treatmenthold", released_at="now()"),
    at_the_chair("hold_kind_known", "treatmenthold", kind="'mood'"),
    at_the_chair("one_open_hold_per_cause", "treatmenthold", twice=True),
)


def fresh(
    rule: str, table: str, values: dict[str, str], source: str, *besides: str, twice: bool = False
) -> Break:
    """A row made of these values, taken from the first row of `source`."""
    raw = (
        f"INSERT INTO {table} ({', '.join(values)}) SELECT {', '.join(values.values())} FROM {source} LIMIT 1"
    )
    return Break(rule, table, "", raw=raw, twice=twice, besides=besides)


CODE = {"code": "gen_random_uuid()"}
ENDED = "treatment_sessions_infusion i, staff_user who WHERE i.status = 'signed-off'"
COVER = CODE | {
    "patient_id": "p.id", "user_id": "who.id", "from_at": "now()", "until_at": "now() + interval '1 day'",
    "reason": "'Absence'", "granted_by_id": "who.id", "granted_at": "now()",
}  # fmt: skip
NIGHT = CODE | {
    "patient_id": "i.patient_id", "infusion_id": "i.id", "night": "1", "hours_slept": "7", "entered_at": "now()",
    "superseded_at": "now()",
}  # fmt: skip
PROGRESS = CODE | {
    "patient_id": "i.patient_id", "function": "5", "taken_at": "now()", "entered_at": "now()",
}  # fmt: skip
SHEET = {"site_id": "s.id", "day": "'2031-01-01'", "made_at": "now()", "visits": "0", "html": "'<p>'"}
CLOSING = CODE | {
    "site_id": "s.id",
    "day": "'2031-01-01'",
    "closed_at": "now()",
    "closed_by_id": "who.id",
    "operator": "''",
    "items": "'[]'",
}
PRIVATE = CODE | {"session_id": "t.id", "author_id": "who.id", "text": "'r1.x'", "written_at": "now()"}
PEOPLE = "patients_patient p, staff_user who"
COVERS, NIGHTS = "patients_patientcover", "treatment_sessions_nightreport"
REPORTS, SHEETS = "treatment_sessions_progressreport", "scheduling_daysheet"
AFTER = (
    fresh("cover_ends_after_start", COVERS, COVER | {"until_at": "now()"}, PEOPLE),
    fresh("cover_says_why", COVERS, COVER | {"reason": "''"}, PEOPLE),
    fresh("night_is_first_or_second", NIGHTS, NIGHT | {"night": "3"}, ENDED),
    fresh("hours_slept_in_range", NIGHTS, NIGHT | {"hours_slept": "25"}, ENDED),
    fresh("sleep_quality_in_range", NIGHTS, NIGHT | {"quality": "6"}, ENDED),
    copy("one_current_report_per_night", NIGHTS, "", "superseded_at IS NULL"),
    fresh("progress_says_something", REPORTS, PROGRESS | {"function": "NULL"}, ENDED),
    fresh("progress_in_range", REPORTS, PROGRESS | {"function": "11"}, ENDED),
    fresh("progress_not_ahead", REPORTS, PROGRESS | {"taken_at": "now() + interval '1 day'"}, ENDED),
    fresh("day_sheet_is_not_empty", SHEETS, SHEET | {"html": "''"}, "staff_site s"),
    fresh("one_day_sheet_per_site_and_day", SHEETS, SHEET, "staff_site s", twice=True),
    fresh("one_closing_per_site_and_day", "scheduling_dayclosing", CLOSING, "staff_site s, staff_user who", twice=True),
    copy("practice_says_what_and_how_often", "treatment_sessions_integrationnote",
         "practice_a_week = 43, replaces_id = NULL"),
    copy("window_not_fit_says_why", "scheduling_plasticitywindow",
         "not_fit_until = t0 + interval '1 hour', not_fit_reason = '', superseded_at = now(), generation = 60",
         "superseded_at IS NULL AND status = 'provisional'"),
    copy("window_pool_before_lead", "scheduling_plasticitywindow",
         "lead_at = now(), pool_at = NULL, superseded_at = now(), generation = 60",
         "superseded_at IS NULL AND status = 'provisional'"),
    copy("sign_off_needs_an_ending", "treatment_sessions_signoff",
         "infusion_id = (SELECT min(id) FROM treatment_sessions_infusion WHERE status = 'recovering'),"
         " superseded_at = now(), t_sign = now(), signed_at = now()", "superseded_at IS NULL"),
    fresh("private_note_is_sealed_to_its_session", "treatment_sessions_privatenote", PRIVATE | {"text": "'plain'"},
          "treatment_sessions_integrationsession t JOIN staff_user who ON who.id = t.therapist_id"),
    fresh("private_note_is_own", "treatment_sessions_privatenote", PRIVATE,
          "treatment_sessions_integrationsession t JOIN staff_user who ON who.id <> t.therapist_id"),
    change("other_change_than_the_authors_says_why", "protocols_protocoldocument",
           "author_change = 'other', change_decided_by_id = (SELECT max(id) FROM staff_user), change_reason = ''",
           "protocol_version_id IN (SELECT id FROM protocols_protocolversion WHERE status = 'draft')"),
)  # fmt: skip
GATES = (
    copy("rationale_acknowledged_once", "protocols_rationaleacknowledgement"),
    change("site_gate_due_known", "treatment_sessions_sitegate", "due = 'someday'"),
    change("site_gate_owner_known", "treatment_sessions_sitegate", "owner_role = 'nobody'"),
    change("site_gate_has_words", "treatment_sessions_sitegate", "label = ''"),
    copy("site_gate_label_once", "treatment_sessions_sitegate", "", "retired_at IS NULL"),
    copy("gate_outcome_known", "treatment_sessions_gateanswer", "outcome = 'perhaps', visit = gen_random_uuid(),"
         " infusion_id = NULL"),
    copy("gate_not_applicable_says_why", "treatment_sessions_gateanswer", "outcome = 'not-applicable', note = '',"
         " visit = gen_random_uuid(), infusion_id = NULL", "reason_code <> 'other'"),
    copy("gate_override_has_reason_and_role", "treatment_sessions_gateanswer", "outcome = 'overridden',"
         " reason_code = '', visit = gen_random_uuid(), infusion_id = NULL"),
    copy("gate_other_reason_in_words", "treatment_sessions_gateanswer", "outcome = 'met', reason_code = 'other',"
         " note = '', visit = gen_random_uuid(), infusion_id = NULL"),
    copy("gate_answer_is_about_a_visit", "treatment_sessions_gateanswer", "visit = NULL, infusion_id = NULL"),
    copy("one_current_answer_per_visit_and_gate", "treatment_sessions_gateanswer", "infusion_id = NULL",
         "superseded_at IS NULL AND visit IS NOT NULL"),
    Break("one_current_answer_per_record_and_gate", "treatment_sessions_gateanswer",
          "visit = NULL, infusion_id = (SELECT min(id) FROM treatment_sessions_infusion), gate = 'twice'",
          "superseded_at IS NULL", copy=True, twice=True),
    copy("eligibility_cautions_have_a_reason", "treatment_sessions_eligibilitysignoff",
         "accepted = jsonb_build_array('a'), reason = ''"),
    copy("eligibility_withdrawal_says_why", "treatment_sessions_eligibilitysignoff",
         "withdrawn_at = now(), withdrawn_by_id = NULL"),
)  # fmt: skip
WEIGHED = {
    "code": "gen_random_uuid()", "infusion_id": "i.id", "recorded_kg": "i.weight_kg", "weight_kg": "i.weight_kg + 1",
    "reason": "'Wrong chart'", "entered_at": "now()",
    "entered_by_id": "(SELECT min(u.id) FROM staff_user u WHERE u.id <> i.weighed_by_id)",
}  # fmt: skip


def weighed_wrong(rule: str, *besides: str, twice: bool = False, trigger: str = "", **over: str) -> Break:
    """A correction of a weight that is good but for what is said here."""
    values = WEIGHED | over
    raw = (
        f"INSERT INTO treatment_sessions_weightcorrection ({', '.join(values)}) SELECT {', '.join(values.values())} "
        "FROM treatment_sessions_infusion i WHERE i.status = 'recovering' ORDER BY i.id LIMIT 1"
    )
    return Break(
        rule,
        "treatment_sessions_weightcorrection",
        "",
        raw=raw,
        twice=twice,
        besides=besides,
        trigger=trigger,
    )


WEIGHTS = (
    weighed_wrong("one_current_weight_correction", twice=True),
    weighed_wrong("corrected_weight_in_range", weight_kg="19.9"),
    weighed_wrong("weight_correction_changes_it", weight_kg="i.weight_kg"),
    weighed_wrong("weight_correction_says_why", reason="''"),
    weighed_wrong(
        "weight_is_corrected_by_another",
        trigger="weight_is_corrected_by_another",
        entered_by_id="i.weighed_by_id",
    ),
)
