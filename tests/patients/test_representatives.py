"""A legal representative signs consent and is written to; the interpreter stands on every card (clinic-day 39)."""

import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from patients import services
from patients.contact import NoContact
from patients.models import ContactPoint, LegalRepresentative
from scheduling.services.recipients import contact_of
from sessions import services as facts
from sessions.models import Consent
from staff.errors import InvalidInput, StateConflict
from tests import factories
from tests.scheduling.booking.helpers import book

pytestmark = pytest.mark.django_db
WHO = {"name": "Rosa Guard", "relationship": "court", "authority": "Order of 3 May 2025, county court"}


@pytest.fixture
def guardian(clinic):
    return services.record_representative(patient=clinic.patient, by=clinic.coordinator, **WHO)


def text(clinic):
    return clinic.version.documents.get(kind="consent")


def refused_by(sql, params):
    with pytest.raises(IntegrityError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)
    return caught.value.__cause__.diag.constraint_name


def test_consent_names_who_signed_and_only_who_represents_the_patient(clinic, guardian):
    signed = facts.record_consent(
        patient=clinic.patient, document=text(clinic), representative=guardian, by=clinic.nurse
    )
    assert (signed.signed_by_name, signed.relationship) == ("Rosa Guard", "Guardian appointed by a court")
    other = factories.make_patient(clinic.site)
    with pytest.raises(InvalidInput):
        facts.record_consent(patient=other, document=text(clinic), representative=guardian, by=clinic.nurse)
    services.end_representative(representative=guardian, reason="Order ended", by=clinic.coordinator)
    with pytest.raises(InvalidInput):
        facts.record_consent(
            patient=clinic.patient, document=text(clinic), representative=guardian, by=clinic.nurse
        )
    assert Consent.objects.in_force(clinic.now).filter(patient=clinic.patient).exists(), (
        "what was signed stands"
    )
    columns = "document_id, given_at, valid_until, recorded_by_id, recorded_at"
    copy = f"""INSERT INTO treatment_sessions_consent (code, patient_id, representative_id, signed_by_name, relationship,
        {columns}) SELECT gen_random_uuid(), %s, representative_id, %s, relationship, {columns}
        FROM treatment_sessions_consent WHERE id = %s"""
    for patient in (other, clinic.patient):
        assert refused_by(copy, [patient.pk, "X", signed.pk]) == "consent_signer_represents_the_patient"
    nobody = copy.replace("%s, representative_id, %s", "%s, NULL, %s")
    assert refused_by(nobody, [other.pk, "X", signed.pk]) == "consent_says_who_signed"


def test_messages_go_to_their_address_until_they_no_longer_represent(clinic, guardian):
    point = services.add_contact_point(
        patient=clinic.patient, channel="email", address="rosa@mail.example", preferred=True,
        whose="representative", representative=guardian, by=clinic.coordinator,
    )  # fmt: skip
    services.verify_contact_point(
        contact_point=point, address_again="rosa@mail.example", by=clinic.coordinator
    )
    services.consent_contact_point(contact_point=point, by=clinic.coordinator)
    found = ContactPoint.objects.get(pk=point.pk)
    assert found.usable
    assert found.preferred
    other = factories.make_patient(clinic.site)
    wrong = [
        (other, {"whose": "representative", "representative": guardian}, "representative"),
        (clinic.patient, {"whose": "representative"}, "representative"),
        (clinic.patient, {"whose": "patient", "representative": guardian}, "whose"),
    ]
    for patient, over, field in wrong:
        with pytest.raises(InvalidInput) as caught:
            services.add_contact_point(
                patient=patient, channel="email", address="x@mail.example", by=clinic.nurse, **over
            )
        assert caught.value.field == field
    change = "UPDATE patients_contactpoint SET {} WHERE id = %s"
    elsewhere = change.format(f"patient_id = {other.pk}, preferred = false")
    assert refused_by(elsewhere, [point.pk]) == "contact_of_own_representative"
    nobody = change.format("representative_id = NULL")
    assert refused_by(nobody, [point.pk]) == "contact_of_a_representative_names_them"
    named = change.format("person_name = 'Sam'")
    assert refused_by(named, [point.pk]) == "escort_is_named_and_agreed_to"
    end = f"""UPDATE patients_legalrepresentative SET ended_at = app_now(), ended_by_id = {clinic.nurse.pk},
        ended_reason = 'x' WHERE id = %s"""
    assert refused_by(end, [guardian.pk]) == "ended_representative_is_not_written_to"
    for _ in range(2):
        services.end_representative(representative=guardian, reason="Revoked", by=clinic.coordinator)
    assert not ContactPoint.objects.get(pk=point.pk).usable
    with pytest.raises(StateConflict):
        services.consent_contact_point(contact_point=point, by=clinic.coordinator)
    back = change.format("opted_out_at = NULL")
    assert refused_by(back, [point.pk]) == "contact_of_own_representative"


def test_whoever_represents_the_patient_is_written_to_where_the_patient_cannot_be(clinic):
    patient = factories.make_patient(clinic.site)
    who = services.record_representative(patient=patient, by=clinic.coordinator, **WHO)

    def usable(address, **over):
        point = services.add_contact_point(
            patient=patient, channel="email", address=address, by=clinic.coordinator, **over
        )
        services.verify_contact_point(contact_point=point, address_again=address, by=clinic.coordinator)
        return services.consent_contact_point(contact_point=point, by=clinic.coordinator)

    theirs = usable("rosa@mail.example", whose="representative", representative=who)
    assert not theirs.preferred
    assert contact_of(patient) == theirs
    own = usable("own@mail.example")
    assert contact_of(patient) == own
    services.set_preferred(contact_point=theirs, by=clinic.coordinator)
    assert contact_of(patient) == theirs
    services.set_preferred(contact_point=own, by=clinic.coordinator)
    services.opt_out(contact_point=own, by=None)
    assert isinstance(contact_of(patient), NoContact), "who opts out is not written to by way of another"


@pytest.mark.parametrize(
    "over",
    [{"name": " "}, {"authority": ""}, {"relationship": "friend"}, {"name": "x" * 121}, {"name": "a\x00"}],
)
def test_what_is_missing_or_wrong_is_not_stored(clinic, over):
    with pytest.raises(InvalidInput):
        services.record_representative(patient=clinic.patient, by=clinic.coordinator, **(WHO | over))
    assert not LegalRepresentative.objects.exists()


def test_the_database_keeps_the_record(clinic, guardian):
    table = "patients_legalrepresentative"
    for change, named in (
        ("name = 'Other'", "representative_is_fixed"),
        ("ended_at = recorded_at", "representative_ended_says_why"),
    ):
        assert refused_by(f"UPDATE {table} SET {change} WHERE id = %s", [guardian.pk]) == named
    columns = "patient_id, recorded_by_id, recorded_at, authority, ended_reason"
    for name, ground, named in (
        ("", "court", "representative_is_named_and_shown"),
        ("A", "friend", "representative_relationship_known"),
    ):
        copy = f"""INSERT INTO {table} (code, name, relationship, {columns})
            SELECT gen_random_uuid(), %s, %s, {columns} FROM {table}"""
        assert refused_by(copy, [name, ground]) == named


class TestPages:
    @pytest.fixture
    def client(self, clinic):
        client = Client()
        client.force_login(clinic.nurse)
        return client

    def test_recorded_signs_and_ended_by_pages(self, clinic, client):
        code = str(clinic.patient.code)
        new = reverse("representative_new", args=[code])
        assert client.post(new, {"patient_code": code, **WHO, "name": ""}).status_code == 422
        assert client.post(new, {"patient_code": "x", **WHO}).status_code == 409
        for _ in range(2):
            assert client.post(new, {"patient_code": code, **WHO}).status_code == 302
        row = LegalRepresentative.objects.get()
        page = client.get(reverse("patient_detail", args=[code])).content.decode()
        assert "Rosa Guard" in page
        consent = reverse("consent_new", args=[code])
        assert "Who signed" in client.get(consent).content.decode()
        body = {"patient_code": code, "document": str(text(clinic).code), "understood": "on"}
        assert client.post(consent, body | {"signed_by": str(uuid.uuid4())}).status_code == 422
        assert client.post(consent, body | {"signed_by": str(row.code)}).status_code == 302
        shown = client.get(reverse("patient_consents_fragment", args=[code])).content.decode()
        assert "signed by Rosa Guard (guardian appointed by a court)" in shown
        contact = reverse("contact_new", args=[code])
        address = {
            "patient_code": code, "channel": "email", "address": "rosa@mail.example", "whose": "representative",
        }  # fmt: skip
        assert client.post(contact, address).status_code == 422
        assert client.post(contact, address | {"representative": str(row.code)}).status_code == 302
        assert ContactPoint.objects.get(representative=row).address == "rosa@mail.example"
        end = reverse("representative_end", args=[row.code])
        assert client.post(end, {"patient_code": code, "reason": ""}).status_code == 422
        for _ in range(2):
            assert client.post(end, {"patient_code": code, "reason": "Revoked"}).status_code == 302
        assert "Who signed" not in client.get(consent).content.decode()

    def test_who_and_how(self, clinic, client, guardian):
        new = reverse("representative_new", args=[clinic.patient.code])
        end = reverse("representative_end", args=[guardian.code])
        for url in (new, end):
            assert Client().get(url).status_code == 302
            assert client.put(url).status_code == 405
            for person, status in ((clinic.therapist, 403), (clinic.admin, 403), (clinic.outsider, 404)):
                other = Client()
                other.force_login(person)
                assert other.post(url, {}).status_code == status

    def test_the_api_does_the_same(self, clinic):
        client = APIClient()
        client.force_authenticate(clinic.nurse)
        body = {"patient": str(clinic.patient.code), **WHO}
        assert client.post("/api/v1/representatives/", body | {"name": ""}, format="json").status_code == 400
        made = client.post("/api/v1/representatives/", body, format="json")
        assert made.status_code == 201
        code = made.json()["code"]
        listed = client.get("/api/v1/representatives/", {"patient": body["patient"]}).json()["results"]
        assert [row["code"] for row in listed] == [code]
        consent = {"patient": body["patient"], "document": str(text(clinic).code), "representative": code}
        key = {"HTTP_IDEMPOTENCY_KEY": str(uuid.uuid4())}
        assert (
            client.post("/api/v1/consents/", consent, format="json", **key).json()["signed_by_name"]
            == "Rosa Guard"
        )
        url = f"/api/v1/representatives/{code}/end/"
        assert client.post(url, {"reason": "Revoked"}, format="json").json()["ended_reason"] == "Revoked"


def test_the_interpreter_is_on_board_calendar_today_and_to_do_list(clinic, clock):
    services.update_patient(
        patient=clinic.patient,
        changes={"interpreter": "Turkish"},
        expected_version=None,
        by=clinic.coordinator,
    )
    visit = book(clinic).appointments.order_by("during").first()
    client = Client()
    client.force_login(clinic.nurse)
    clock.set(visit.during.lower - timedelta(hours=20))
    assert "Interpreter: Turkish" in client.get(reverse("before_visits")).content.decode()
    clock.set(visit.during.lower)
    for name in ("chair_board", "week", "home"):
        assert "Interpreter: Turkish" in client.get(reverse(name)).content.decode(), name
