"""How each rule of the database is broken on purpose: one row of the sample clinic changed, or one copied.

`change`: `UPDATE table SET change WHERE where` on one row. `copy`: that row is inserted once more with the change (a new
`code`, no `id`), for tables whose rows may not be changed and for rules of uniqueness. `besides`: rules that the same
change breaks too. `twice`: only the second copy is refused. `owner`: the app role may not write there at all, so that
the owner tries. `raw`: the whole statement, where the sample clinic has no such row.
`trigger`: the trigger that raises in the name of the rule.
"""

from __future__ import annotations

from dataclasses import dataclass

UNBOUNDED = "tstzrange(now(), NULL)"
NOBODY = "'nobody'"


@dataclass(frozen=True)
class Break:
    """One rule, and what breaks it and nothing else."""

    rule: str
    table: str
    change: str
    where: str = "true"
    copy: bool = False
    besides: tuple[str, ...] = ()
    twice: bool = False
    owner: bool = False
    raw: str = ""
    trigger: str = ""


def change(rule: str, table: str, to: str, where: str = "true", *besides: str) -> Break:
    """One row is changed."""
    return Break(rule, table, to, where, False, besides)


def copy(rule: str, table: str, to: str = "", where: str = "true", *besides: str) -> Break:
    """One row is inserted once more, with a change."""
    return Break(rule, table, to, where, True, besides)


def by_owner(rule: str, table: str, to: str, where: str = "true", *besides: str) -> Break:
    """One row is changed by the owner, because the app role may not."""
    return Break(rule, table, to, where, False, besides, owner=True)


STAFF = (
    by_owner("environment_is_one_row", "staff_databaseenvironment", "id = 2"),
    by_owner("environment_kind_known", "staff_databaseenvironment", "kind = 'holiday'"),
    copy("idempotency_key_once_per_user_and_route", "staff_idempotencyrecord"),
    change("clock_offset_is_one_row", "staff_clockoffset", "id = 2"),
    change("licence_has_a_start", "staff_licence", "valid_during = daterange(NULL, '2099-01-01')"),
    change("licence_jurisdiction_is_iso", "staff_licence", "jurisdiction = 'Oregon'"),
    change("site_country_is_iso", "staff_site", "country = 'us'", "true", "site_stays_while_booked"),
    change("site_has_time_zone", "staff_site", "time_zone = ''", "true", "site_stays_while_booked"),
    change("user_has_a_name", "staff_user", "full_name = ''"),
    change("user_email_unique_ignoring_case", "staff_user", "email = 'Nurse@demo.example'",
           "email = 'admin@demo.example'"),
    change("staff_user_email_key", "staff_user", "email = 'nurse@demo.example'", "email = 'admin@demo.example'",
           "user_email_unique_ignoring_case"),
    copy("staff_site_name_key", "staff_site"),
)  # fmt: skip
PROTOCOLS = (
    change("document_kind_known", "protocols_protocoldocument", "kind = 'poem'",
           "protocol_version_id IN (SELECT id FROM protocols_protocolversion WHERE status = 'draft')"),
    copy("one_document_of_a_kind_per_version", "protocols_protocoldocument", "",
         "protocol_version_id IN (SELECT id FROM protocols_protocolversion WHERE status = 'draft')"),
    copy("protocols_protocoltemplate_slug_key", "protocols_protocoltemplate"),
    copy("protocols_outsidereview_token_hash_key", "protocols_outsidereview",
         "email = 'other@elsewhere.example', answered_at = NULL, answer = '', signed_name = '', registration = '',"
         " version_id = (SELECT min(id) FROM protocols_protocolversion WHERE status = 'in-review'),"
         " sha256 = (SELECT min(sha256) FROM protocols_protocolversion WHERE status = 'in-review'), remarks = ''"),
)  # fmt: skip
IDLE = "status = 'cancelled' OR status = 'omitted'"
BOOKING = (
    change("appointment_kind_known", "scheduling_appointment", "kind = 'party', ordinal = NULL, predicted_t0 = NULL",
           IDLE, "infusion_visit_has_its_prediction"),
    change("appointment_status_known", "scheduling_appointment", "status = 'lost'", IDLE),
    change("infusion_visit_has_its_prediction", "scheduling_appointment", "predicted_t0 = NULL",
           f"kind = 'infusion' AND ({IDLE})"),
    change("only_infusion_visits_have_a_record", "scheduling_appointment",
           "infusion_id = (SELECT i.id FROM treatment_sessions_infusion i JOIN scheduling_appointment a ON a.infusion_id ="
           " i.id LIMIT 1)", "kind = 'therapy' AND status = 'completed'", "scheduling_appointment_infusion_id_key"),
    change("only_therapy_has_an_integration", "scheduling_appointment",
           "integration_id = (SELECT id FROM treatment_sessions_integrationsession LIMIT 1)",
           "kind = 'infusion' AND status = 'completed'", "scheduling_appointment_integration_id_key"),
    change("reserved_slot_expires", "scheduling_appointment", "status = 'reserved', held_until = NULL",
           "status = 'booked'"),
    copy("one_visit_per_series_and_ordinal", "scheduling_appointment",
         "during = tstzrange(lower(during) + interval '9 years', upper(during) + interval '9 years'), infusion_id = NULL,"
         " predicted_t0 = predicted_t0 + interval '9 years'", "kind = 'infusion' AND status = 'booked'"),
    copy("scheduling_appointment_infusion_id_key", "scheduling_appointment", "ordinal = 59",
         "infusion_id IS NOT NULL AND status = 'completed'"),
    copy("scheduling_appointment_integration_id_key", "scheduling_appointment", "",
         "integration_id IS NOT NULL AND status = 'completed'"),
    change("availability_ends_after_start", "scheduling_availability", "end_time = start_time"),
    change("availability_weekday_in_range", "scheduling_availability", "weekday = 7"),
    change("availability_exception_is_bounded", "scheduling_availabilityexception", f"during = {UNBOUNDED}"),
    change("closure_is_bounded", "scheduling_closure", "days = daterange('2026-01-01', NULL)"),
    change("resource_capacity_in_range", "scheduling_resource", "capacity = 13"),
    change("resource_people_have_a_person", "scheduling_resource", "user_id = NULL", "kind = 'nurse'"),
    change("resource_name_once_per_site", "scheduling_resource",
           "name = (SELECT max(b.name) FROM scheduling_resource b WHERE b.kind = 'chair' AND b.site_id ="
           " scheduling_resource.site_id AND b.id <> scheduling_resource.id)", "kind = 'chair'"),
    copy("resource_once_per_person_and_role", "scheduling_resource", "name = 'Another'", "kind = 'nurse'"),
    change("resource_booking_is_bounded", "scheduling_resourcebooking", "during = 'empty'"),
    change("series_status_known", "scheduling_treatmentseries", "status = 'asleep'"),
    change("series_visits_in_range", "scheduling_treatmentseries", "visits = 61"),
    change("series_weight_in_range", "scheduling_treatmentseries", "weight_kg = 400"),
    copy("one_active_series_per_patient", "scheduling_treatmentseries", "", "status = 'active'"),
    change("paused_series_has_owner_and_review", "scheduling_treatmentseries", "status = 'paused', review_on = NULL",
           "status = 'active'"),
    change("long_gap_is_bounded", "scheduling_gapexception", "max_hours = 673"),
    change("long_gap_says_why", "scheduling_gapexception", "reason = ''"),
    copy("one_long_gap_per_infusion", "scheduling_gapexception"),
)  # fmt: skip
CHANGES = (
    change("change_kind_known", "scheduling_schedulechange", "kind = 'dance'"),
    change("change_says_why", "scheduling_schedulechange", "reason = ''"),
    change("change_scope_known", "scheduling_schedulechange", "scope = 'all'"),
    change("change_undone_by_somebody", "scheduling_schedulechange", "undone_at = now(), undone_by_id = NULL"),
    copy("one_row_per_change_and_booking", "scheduling_visitchange"),
    copy("version_decision_between_two", "scheduling_seriesversionmove", "from_version_id = to_version_id"),
    copy("version_decision_known", "scheduling_seriesversionmove", "decision = 'perhaps'"),
    copy("version_decision_names_its_diff", "scheduling_seriesversionmove", "sha256 = 'none'"),
    copy("version_decision_says_why", "scheduling_seriesversionmove", "reason = ''"),
    copy("one_time_set_aside_per_visit", "scheduling_freedslot", "", "visit_id IS NOT NULL AND done_at IS NULL"),
    change("clinic_plan_ends_once", "scheduling_clinicplanrun", "finished_at = NULL", "state = 'done'"),
    change("clinic_plan_percent_in_range", "scheduling_clinicplanrun", "percent = 101"),
    change("clinic_plan_seconds_in_range", "scheduling_clinicplanrun", "seconds = 601"),
    change("clinic_plan_state_known", "scheduling_clinicplanrun", "state = 'tired'", "true", "clinic_plan_ends_once"),
    Break("one_clinic_plan_at_a_time_per_site", "scheduling_clinicplanrun", "state = 'queued', finished_at = NULL",
          copy=True, twice=True),
    copy("scheduling_clinicplanentry_series_id_key", "scheduling_clinicplanentry",
         "patient_id = (SELECT max(id) FROM patients_patient)", "series_id IS NOT NULL"),
    change("clinic_plan_entry_booked_has_series", "scheduling_clinicplanentry", "state = 'booked', series_id = NULL"),
    change("clinic_plan_entry_priority_in_range", "scheduling_clinicplanentry", "priority = 4"),
    change("clinic_plan_entry_state_known", "scheduling_clinicplanentry", "state = 'lost'"),
    change("clinic_plan_entry_weight_in_range", "scheduling_clinicplanentry", "weight_kg = 19"),
    copy("one_place_per_clinic_plan", "scheduling_clinicplanentry"),
    change("waitlist_closed_has_a_time", "scheduling_waitlistentry", "state = 'withdrawn', closed_at = NULL"),
    change("waitlist_part_of_day_known", "scheduling_waitlistentry", "part_of_day = 'night'"),
    change("waitlist_state_known", "scheduling_waitlistentry", "state = 'lost', closed_at = now()"),
    change("waitlist_urgency_in_range", "scheduling_waitlistentry", "urgency = 4"),
    copy("one_place_on_the_waitlist", "scheduling_waitlistentry", "", "state = 'waiting'"),
    change("offer_waits_for_undo", "scheduling_waitlistoffer",
           "offered_at = (SELECT freed_at FROM scheduling_freedslot f WHERE f.id = slot_id)", "state = 'open'"),
    change("kept_for_undo_of_a_visit", "scheduling_freedslot",
           "hold_id = (SELECT min(id) FROM scheduling_appointment), left_by_id = NULL", "visit_id IS NULL"),
    change("set_aside_or_left_not_both", "scheduling_freedslot", "left_by_id = visit_id", "visit_id IS NOT NULL"),
    Break("scheduling_freedslot_hold_id_key", "scheduling_freedslot",
          "left_by_id = (SELECT min(id) FROM scheduling_appointment), hold_id = (SELECT min(id) FROM"
          " scheduling_appointment)", "visit_id IS NULL", copy=True, twice=True),
    change("offer_expires_after_it_was_made", "scheduling_waitlistoffer", "expires_at = offered_at"),
    change("offer_state_known", "scheduling_waitlistoffer", "state = 'lost'"),
    copy("one_open_offer_per_entry", "scheduling_waitlistoffer",
         "slot_id = (SELECT max(id) FROM scheduling_freedslot WHERE id NOT IN (SELECT slot_id FROM"
         " scheduling_waitlistoffer) AND visit_id IS NULL)",
         "state = 'open'", "scheduling_waitlistoffer_hold_id_key"),
    copy("one_open_offer_per_slot", "scheduling_waitlistoffer",
         "entry_id = (SELECT max(id) FROM scheduling_waitlistentry WHERE id NOT IN"
         " (SELECT entry_id FROM scheduling_waitlistoffer))", "state = 'open' AND slot_id IS NOT NULL",
         "scheduling_waitlistoffer_hold_id_key"),
    copy("scheduling_waitlistoffer_hold_id_key", "scheduling_waitlistoffer", "state = 'declined'",
         "hold_id IS NOT NULL"),
)  # fmt: skip
FOLLOW = (
    change("booked_follow_up_has_appointment", "scheduling_followup", "state = 'booked', appointment_id = NULL",
           "state = 'released'"),
    change("closed_follow_up_says_why", "scheduling_followup", "state = 'missed', closed_reason = ''",
           "state = 'released'"),
    change("follow_up_moments_in_order", "scheduling_followup", "target_at = earliest_at - interval '1 minute'",
           "state = 'released'"),
    change("follow_up_state_known", "scheduling_followup", "state = 'lost'", "state = 'released'"),
    change("therapy_waits_for_window", "scheduling_followup", "gate = 'none'", "therapy"),
    copy("one_follow_up_per_visit_and_kind", "scheduling_followup", "appointment_id = NULL",
         "state = 'released' AND visit_id IS NOT NULL"),
    change("scheduling_followup_appointment_id_key", "scheduling_followup",
           "appointment_id = (SELECT max(appointment_id) FROM scheduling_followup)",
           "appointment_id IS NULL AND state = 'released'"),
    copy("window_opens_after_infusion_start", "scheduling_plasticitywindow",
         "t0 = starts_at, superseded_at = now(), generation = 60", "superseded_at IS NULL AND status = 'provisional'"),
    copy("window_phases_in_order", "scheduling_plasticitywindow",
         "core_until = t0 - interval '1 minute', superseded_at = now(), generation = 60", "superseded_at IS NULL"),
    copy("window_status_known", "scheduling_plasticitywindow",
         "status = 'ajar', superseded_at = now(), generation = 60", "superseded_at IS NULL",
         "window_opens_only_when_signed"),
    copy("one_current_window_per_infusion", "scheduling_plasticitywindow", "generation = 60",
         "superseded_at IS NULL AND infusion_id IS NOT NULL"),
    copy("window_generation_once", "scheduling_plasticitywindow", "superseded_at = now()",
         "superseded_at IS NULL AND infusion_id IS NOT NULL"),
    by_owner("span_is_bounded", "scheduling_patientspan", "during = 'empty'"),
    by_owner("span_kind_known", "scheduling_patientspan", "kind = 'party'", "kind = 'no_therapy'"),
    by_owner("scheduling_patientspan_source_key", "scheduling_patientspan",
             "source = (SELECT source FROM scheduling_patientspan ORDER BY source DESC LIMIT 1), during = 'empty'",
             "true", "span_is_bounded"),
    copy("one_open_item_per_cause", "scheduling_workitem", "", "resolved_at IS NULL"),
)  # fmt: skip
SPACING = """INSERT INTO scheduling_spacingdecision (code, series_id, ordinal, hours, lost, reason, decided_by_id, decided_at)
    SELECT gen_random_uuid(), s.id, 2, {hours}, 'Practice', {reason}, u.id, now()
    FROM scheduling_treatmentseries s, staff_user u LIMIT 1"""
ONE_SWITCH = ("scheduling_seriesswitch_from_series_id_key", "scheduling_seriesswitch_to_series_id_key")
DECISIONS = (
    copy("switch_says_why", "scheduling_seriesswitch", "reason = ''", "true", *ONE_SWITCH),
    copy("switch_names_its_diff", "scheduling_seriesswitch", "sha256 = 'none'", "true", *ONE_SWITCH),
    copy("switch_between_two", "scheduling_seriesswitch", "to_series_id = from_series_id", "true",
         "switch_joins_two_series", *ONE_SWITCH),
    copy("switch_knows_the_last_infusion", "scheduling_seriesswitch", "infusions = 0, last_infusion_at = now()",
         "true", *ONE_SWITCH),
    copy("scheduling_seriesswitch_from_series_id_key", "scheduling_seriesswitch", "to_series_id = from_series_id",
         "true", "switch_joins_two_series", "switch_between_two"),
    copy("scheduling_seriesswitch_to_series_id_key", "scheduling_seriesswitch", "from_series_id = to_series_id",
         "true", "switch_joins_two_series", "switch_between_two"),
    Break("spacing_decision_is_about_something", "scheduling_spacingdecision", "",
          raw=SPACING.format(hours=40, reason="'Travels'")),
    Break("spacing_decision_says_why", "scheduling_spacingdecision", "", raw=SPACING.format(hours=30, reason="''")),
    copy("course_review_values_known", "treatment_sessions_coursereview", "response = 'odd', note = 'x'"),
    copy("course_review_after_an_infusion", "treatment_sessions_coursereview", "after_ordinal = 61"),
    copy("course_review_says_why", "treatment_sessions_coursereview", "decision = 'stop', note = ''"),
)  # fmt: skip
MESSAGES = (
    change("claimed_message_has_a_lease", "scheduling_message", "state = 'claimed', lease_until = NULL",
           "state = 'scheduled'"),
    change("message_expires_after_due", "scheduling_message", "expires_at = due_at", "state = 'scheduled'"),
    change("message_has_a_cause", "scheduling_message", "follow_up_id = NULL, appointment_id = NULL",
           "state = 'scheduled'"),
    change("message_state_known", "scheduling_message", "state = 'lost'", "state = 'scheduled'"),
    change("sent_message_has_a_time", "scheduling_message", "state = 'sent', sent_at = NULL", "state = 'scheduled'"),
    copy("one_message_per_key", "scheduling_message", "idem_key = 'another'",
         "state = 'scheduled' AND follow_up_id IS NOT NULL"),
    copy("one_message_per_idem_key", "scheduling_message", "generation = 99", "state = 'scheduled'"),
    change("link_expires_after_it_was_made", "scheduling_patientlink", "expires_at = created_at"),
    change("link_purpose_known", "scheduling_patientlink", "purpose = 'chat'"),
    copy("scheduling_patientlink_token_hash_key", "scheduling_patientlink", "about = 'another'"),
    copy("scheduling_patientlink_about_key", "scheduling_patientlink", "token_hash = repeat('a', 64)"),
    change("duty_rank_in_range", "scheduling_dutyshift", "rank = 4"),
    change("duty_shift_is_bounded", "scheduling_dutyshift", "during = 'empty'"),
    change("database_mark_is_one_row", "scheduling_databasemark", "id = 2"),
    change("alert_says_why", "scheduling_staffalert", "reason = ''"),
    copy("scheduling_staffalert_key_key", "scheduling_staffalert"),
    change("duty_number_is_sealed_to_its_shift", "scheduling_dutyshift", "phone = '+15035550142'"),
    change("notice_address_is_sealed_to_its_notice", "scheduling_staffnotice", "address = 'nurse@demo.example'"),
    change("sent_notice_has_a_time", "scheduling_staffnotice", "state = 'sent', sent_at = NULL"),
    copy("one_notice_per_person_and_level", "scheduling_staffnotice"),
)  # fmt: skip
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
OUTSIDE = (
    change("external_therapist_is_named", "patients_externaltherapist", "name = ''"),
    change("external_licence_says_where", "patients_externaltherapist", "jurisdiction = ''", "licence_number <> ''"),
    copy("external_licence_once_per_site", "patients_externaltherapist", "", "licence_number <> ''"),
    copy("one_release_per_patient_and_therapist", "patients_therapistrelease", "", "revoked_at IS NULL"),
    copy("release_is_of_times_only", "patients_therapistrelease", "scope = 'all', revoked_at = now(), revoked_by_id ="
         " recorded_by_id, revoked_reason = 'x'", "revoked_at IS NULL"),
    copy("release_names_the_patient_somehow", "patients_therapistrelease", "shown_as = 'surname', revoked_at = now(),"
         " revoked_by_id = recorded_by_id, revoked_reason = 'x'", "revoked_at IS NULL"),
    copy("release_ends_after_it_was_recorded", "patients_therapistrelease", "valid_until = recorded_at, revoked_at ="
         " now(), revoked_by_id = recorded_by_id, revoked_reason = 'x'", "revoked_at IS NULL"),
    change("revoked_release_says_why", "patients_therapistrelease", "revoked_at = now()", "revoked_at IS NULL"),
    change("release_is_fixed", "patients_therapistrelease", "signed_on = signed_on - 1", "revoked_at IS NULL"),
    change("contact_of_an_external_names_them", "patients_contactpoint", "external_therapist_id = NULL",
           "whose = 'external'"),
    copy("reported_therapy_has_taken_place", "treatment_sessions_reportedtherapy", "held_at = recorded_at + interval"
         " '1 hour'"),
    copy("reported_therapy_says_by_whom", "treatment_sessions_reportedtherapy", "held_at = held_at + interval '1 minute',"
         " via = 'phone', spoken_with = '', recorded_by_id = NULL"),
    copy("withdrawn_report_says_why", "treatment_sessions_reportedtherapy", "withdrawn_at = now()"),
    copy("one_report_of_a_therapy_session", "treatment_sessions_reportedtherapy"),
    change("reported_therapy_is_fixed", "treatment_sessions_reportedtherapy", "held_at = held_at - interval '1 minute'"),
    change("reported_therapy_is_no_session_here", "scheduling_followup", "report_id = NULL", "state = 'reported'"),
    change("done_therapy_was_a_session_here", "scheduling_followup", "appointment_id = NULL",
           "therapy AND state = 'done'"),
    change("only_therapy_is_given_outside", "scheduling_followup",
           "outside_id = (SELECT min(id) FROM patients_externaltherapist)", "NOT therapy"),
    copy("scheduling_followup_report_id_key", "scheduling_followup", "ordinal = 59", "state = 'reported'"),
)  # fmt: skip
RULES = (
    *STAFF,
    *PROTOCOLS,
    *BOOKING,
    *CHANGES,
    *FOLLOW,
    *DECISIONS,
    *MESSAGES,
    *RECORD,
    *DAY,
    *AFTER,
    *GATES,
    *WEIGHTS,
    *OUTSIDE,
)
TRIGGERS = {
    "span_of_appointment": "test_raw_sql_insert_is_refused",
    "span_of_deleted_appointment": "test_the_app_role_does_not_write_spans",
    "span_of_window": "test_without_that_rule_moving_t0_over_a_booked_session_is_still_refused",
    "span_of_flagged_therapy": "test_therapy_that_took_place_is_flagged_and_kept",
    "lock_therapy_without_window": "test_an_unsigned_infusion_locks_every_later_start",
    "spacing_decision_is_fixed": "test_a_recorded_reason_is_never_changed",
    "private_note_read_by_author": "test_private_notes_are_their_authors_alone_and_each_reading_is_written_down",
    "booked_resource_stays_in_use": "test_what_is_booked_ahead_stays_in_use_and_what_is_retired_is_not_booked",
    "retired_resource_is_not_booked": "test_what_is_booked_ahead_stays_in_use_and_what_is_retired_is_not_booked",
    "switch_is_fixed": "test_a_series_that_is_over_is_not_switched_and_the_row_is_never_changed",
    "switch_joins_two_series": "test_a_series_that_is_over_is_not_switched_and_the_row_is_never_changed",
    "external_message_needs_release": "test_no_message_without_a_valid_release",
    "external_message_still_released": "test_no_message_without_a_valid_release",
    "reported_therapy_outside_no_therapy": "test_no_unflagged_report_inside_the_no_therapy_period",
    "follow_up_closes_by_own_report": "test_no_unflagged_report_inside_the_no_therapy_period",
    "version_decision_is_fixed": "test_the_database_wants_a_decision_and_keeps_it",
    "series_version_moves_by_decision": "test_the_database_wants_a_decision_and_keeps_it",
}
"""Triggers that are met by what they do, not by name: the test that meets them."""
