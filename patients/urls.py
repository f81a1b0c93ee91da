"""Routes of the patient pages."""

from __future__ import annotations

from django.urls import path

from patients.views import contacts, external, history, people, representatives

urlpatterns = [
    path("patients/", people.patient_list, name="patient_list"),
    path("patients/new/", people.patient_new, name="patient_new"),
    path("patients/<uuid:code>/", people.patient_detail, name="patient_detail"),
    path("patients/<uuid:code>/edit/", people.patient_edit, name="patient_edit"),
    path("patients/<uuid:code>/team/", people.patient_team, name="patient_team"),
    path("patients/<uuid:code>/status/", people.patient_status, name="patient_status"),
    path("patients/<uuid:code>/contacts/new/", contacts.contact_new, name="contact_new"),
    path("patients/<uuid:code>/quiet-hours/", contacts.quiet_hours_edit, name="quiet_hours_edit"),
    path("patients/<uuid:code>/messages/hold/", contacts.messages_hold, name="messages_hold"),
    path("patients/<uuid:code>/messages/release/", contacts.messages_release, name="messages_release"),
    path(
        "patients/<uuid:code>/contraindications/new/",
        history.contraindication_new,
        name="contraindication_new",
    ),
    path(
        "patients/<uuid:code>/contraindications/<slug:kind>/resolve/",
        history.contraindication_resolve,
        name="contraindication_resolve",
    ),
    path("patients/<uuid:code>/exposures/new/", history.exposure_new, name="exposure_new"),
    path(
        "patients/<uuid:code>/representatives/new/",
        representatives.representative_new,
        name="representative_new",
    ),
    path("representatives/<uuid:code>/end/", representatives.representative_end, name="representative_end"),
    path("patients/<uuid:code>/outside-therapist/", external.external_new, name="external_new"),
    path("patients/<uuid:code>/outside-therapist/end/", external.external_end, name="external_end"),
    path("patients/<uuid:code>/release/", external.release_new, name="release_new"),
    path("releases/<uuid:code>/revoke/", external.release_revoke, name="release_revoke"),
    path("contacts/<uuid:code>/verify/", contacts.contact_verify, name="contact_verify"),
    path("contacts/<uuid:code>/consent/", contacts.contact_consent, name="contact_consent"),
    path("contacts/<uuid:code>/prefer/", contacts.contact_prefer, name="contact_prefer"),
    path("contacts/<uuid:code>/opt-out/", contacts.contact_opt_out, name="contact_opt_out"),
]
