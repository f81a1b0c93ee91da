"""Pages on the patient: safety contact, consent, education, scores, and their part of the patient page."""

from __future__ import annotations

import pytest
from django.urls import reverse

from sessions import services
from tests.sessions import world

pytestmark = pytest.mark.django_db


def post(client, name, code, data, patient):
    return client.post(reverse(name, args=[code]), {"patient_code": str(patient.code), **data})


@pytest.mark.parametrize("role", ["clinician", "nurse", "therapist"])
def test_a_safety_contact_is_saved_while_the_pump_runs(client, clinic, clock, role):
    infusion = world.ready(clinic)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    clock.advance(minutes=60)
    client.force_login(getattr(clinic, role))
    data = {"manner": "phone", "outcome": "Called, safe, sister with her", "cssrs": "3",
            "next_owner": str(clinic.clinician.code)}  # fmt: skip
    assert post(client, "safety_contact_new", clinic.patient.code, data, clinic.patient).status_code == 302
    contact = clinic.patient.safety_contacts.get()
    assert (contact.cssrs, contact.next_owner) == (3, clinic.clinician)
    page = client.get(reverse("patient_consents_fragment", args=[clinic.patient.code])).content.decode()
    assert "Called, safe, sister with her" in page


def test_a_safety_contact_without_words_is_named(client, clinic):
    client.force_login(clinic.nurse)
    response = post(client, "safety_contact_new", clinic.patient.code, {"manner": "fax"}, clinic.patient)
    assert response.status_code == 422
    assert set(response.context["form"].errors) == {"manner", "outcome"}


def test_consent_is_recorded_refused_under_the_drug_and_withdrawn(client, clinic, clock):
    document = clinic.version.documents.get(kind="consent")
    client.force_login(clinic.nurse)
    data = {"document": str(document.code), "understood": "on"}
    assert post(client, "consent_new", clinic.patient.code, data, clinic.patient).status_code == 302
    world.consented(clinic)
    infusion = world.ready(clinic)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    clock.advance(minutes=5)
    consent = clinic.patient.consents.first()
    response = post(client, "consent_new", clinic.patient.code, data, clinic.patient)
    assert response.status_code == 422
    assert b"while the drug acts" in response.content
    client.force_login(clinic.coordinator)
    assert post(client, "consent_withdraw", consent.code, {}, clinic.patient).status_code == 302
    consent.refresh_from_db()
    assert consent.withdrawn_at is not None


def test_consent_needs_a_text_in_use_and_the_patients_agreement(client, clinic):
    client.force_login(clinic.nurse)
    response = post(
        client, "consent_new", clinic.patient.code, {"document": "00000000-0000-4000-8000-000000000000"},
        clinic.patient,
    )  # fmt: skip
    assert response.status_code == 422
    assert set(response.context["form"].errors) == {"document", "understood"}


def test_education_with_a_wrong_answer_is_stored_as_not_complete(client, clinic):
    document = clinic.version.documents.get(kind="education")
    client.force_login(clinic.nurse)
    data = {"document": str(document.code), "experience_not_needed": "yes", "work_happens_afterwards": "yes",
            "no_driving_understood": "no"}  # fmt: skip
    assert post(client, "education_new", clinic.patient.code, data, clinic.patient).status_code == 302
    assert not clinic.patient.education_records.get().complete


@pytest.mark.parametrize(
    ("total", "status"), [("12", 302), ("28", 422), ("-1", 422), ("1e1", 422), ("", 422)]
)
def test_scores_stay_in_their_range(client, clinic, total, status):
    client.force_login(clinic.therapist)
    data = {"instrument": "phq9", "total": total, "item_9": "0"}
    assert post(client, "outcome_new", clinic.patient.code, data, clinic.patient).status_code == status
    assert clinic.patient.outcome_scores.count() == (1 if status == 302 else 0)


def test_the_patient_page_shows_visits_in_words(client, clinic, clock):
    world.signed(clinic, clock)
    client.force_login(clinic.nurse)
    page = client.get(reverse("patient_record_fragment", args=[clinic.patient.code])).content.decode()
    assert "Signed off" in page
    assert "35.00 mg" in page
    assert "Tue 3 Mar, 15:27" in page
    assert "<html" not in page
