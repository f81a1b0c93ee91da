"""Routes of the infusion record and of the patient's treatment facts."""

from __future__ import annotations

from django.urls import path

from sessions.views import chair, corrections, patient, record, sign_off

urlpatterns = [
    path("infusions/<uuid:code>/", record.infusion_detail, name="infusion_detail"),
    path("infusions/<uuid:code>/live/", record.infusion_live, name="infusion_live"),
    path("infusions/<uuid:code>/weight/", record.infusion_weight, name="infusion_weight"),
    path(
        "infusions/<uuid:code>/weight/second/", record.infusion_weight_confirm, name="infusion_weight_confirm"
    ),
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
    path("consents/<uuid:code>/withdraw/", patient.consent_withdraw, name="consent_withdraw"),
]
