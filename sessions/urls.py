"""Routes of the infusion record and of the patient's treatment facts."""

from __future__ import annotations

from django.urls import path

from sessions.views import chair, corrections, day, eligibility, patient, record, sign_off, therapy

urlpatterns = [
    path("infusions/<uuid:code>/", record.infusion_detail, name="infusion_detail"),
    path("infusions/<uuid:code>/live/", record.infusion_live, name="infusion_live"),
    path("infusions/<uuid:code>/weight/", record.infusion_weight, name="infusion_weight"),
    path(
        "infusions/<uuid:code>/weight/second/", record.infusion_weight_confirm, name="infusion_weight_confirm"
    ),
    path("infusions/<uuid:code>/weight/correct/", corrections.weight_correct, name="weight_correct"),
    path("infusions/<uuid:code>/checks/", record.infusion_check, name="infusion_check"),
    path("infusions/<uuid:code>/order/", record.infusion_order, name="infusion_order"),
    path("infusions/<uuid:code>/not-given/", record.infusion_not_given, name="infusion_not_given"),
    path("infusions/<uuid:code>/pump/", chair.infusion_pump, name="infusion_pump"),
    path("infusions/<uuid:code>/pump/move/", corrections.pump_log_move, name="pump_log_move"),
    path("infusions/<uuid:code>/vitals/", chair.infusion_vitals, name="infusion_vitals"),
    path("infusions/<uuid:code>/criteria/", chair.infusion_criterion, name="infusion_criterion"),
    path("infusions/<uuid:code>/baseline/", chair.infusion_baseline, name="infusion_baseline"),
    path("infusions/<uuid:code>/delay/", chair.infusion_delay, name="infusion_delay"),
    path("infusions/<uuid:code>/levels/", chair.infusion_level, name="infusion_level"),
    path(
        "infusions/<uuid:code>/adverse-events/", chair.infusion_adverse_event, name="infusion_adverse_event"
    ),
    path("infusions/<uuid:code>/sign-off/", sign_off.infusion_sign_off, name="infusion_sign_off"),
    path("infusions/<uuid:code>/drugs/", day.infusion_drug, name="infusion_drug"),
    path("infusions/<uuid:code>/bag/", day.infusion_bag, name="infusion_bag"),
    path("infusions/<uuid:code>/notes/", day.infusion_note, name="infusion_note"),
    path("infusions/<uuid:code>/notes/draft/", day.infusion_note_draft, name="infusion_note_draft"),
    path("infusions/<uuid:code>/order/again/", day.infusion_renew, name="infusion_renew"),
    path("infusions/<uuid:code>/ending/", day.infusion_ending, name="infusion_ending"),
    path("infusions/<uuid:code>/assessment/", day.infusion_assessment, name="infusion_assessment"),
    path("infusions/<uuid:code>/emergency/", day.infusion_emergency, name="infusion_emergency"),
    path("infusions/<uuid:code>/ambulance/", day.infusion_ambulance, name="infusion_ambulance"),
    path("infusions/<uuid:code>/take-home/", day.infusion_take_home, name="infusion_take_home"),
    path("drugs/<uuid:code>/strike/", day.given_drug_strike, name="given_drug_strike"),
    path("holds/<uuid:code>/release/", day.hold_release, name="hold_release"),
    path("pump-events/<uuid:code>/amend/", corrections.pump_event_amend, name="pump_event_amend"),
    path("pump-events/<uuid:code>/strike/", corrections.pump_event_strike, name="pump_event_strike"),
    path("vitals/<uuid:code>/strike/", chair.vitals_strike, name="vitals_strike"),
    path("levels/<uuid:code>/strike/", corrections.measured_level_strike, name="measured_level_strike"),
    path("adverse-events/<uuid:code>/strike/", corrections.adverse_event_strike, name="adverse_event_strike"),
    path("adverse-events/<uuid:code>/resolve/", chair.adverse_event_resolve, name="adverse_event_resolve"),
    path("patients/<uuid:code>/safety-contact/", patient.safety_contact_new, name="safety_contact_new"),
    path("patients/<uuid:code>/consents/new/", patient.consent_new, name="consent_new"),
    path("patients/<uuid:code>/education/new/", patient.education_new, name="education_new"),
    path("patients/<uuid:code>/scores/new/", patient.outcome_new, name="outcome_new"),
    path("patients/<uuid:code>/record/", patient.patient_record_fragment, name="patient_record_fragment"),
    path(
        "patients/<uuid:code>/consents/", patient.patient_consents_fragment, name="patient_consents_fragment"
    ),
    path(
        "patients/<uuid:code>/eligibility/<uuid:version>/",
        eligibility.eligibility_sign,
        name="eligibility_sign",
    ),
    path("eligibility/<uuid:code>/withdraw/", eligibility.eligibility_withdraw, name="eligibility_withdraw"),
    path("consents/<uuid:code>/withdraw/", patient.consent_withdraw, name="consent_withdraw"),
    path("therapy/<uuid:code>/", therapy.therapy_detail, name="therapy_detail"),
    path("therapy/<uuid:code>/amend/", therapy.therapy_note_amend, name="therapy_note_amend"),
    path("therapy/<uuid:code>/private/", therapy.private_notes, name="private_notes"),
    path("infusions/<uuid:code>/nights/", therapy.night_new, name="night_new"),
    path("patients/<uuid:code>/progress/new/", therapy.progress_new, name="progress_new"),
]
