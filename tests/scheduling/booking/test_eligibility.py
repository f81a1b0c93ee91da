"""A series starts only with a signed eligibility checklist: service, database, pages, API; and what takes it back."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from patients.services import record_contraindication
from protocols.definition_codec import dump, load
from protocols.library import SIX_IN_THREE_WEEKS
from scheduling.models import TreatmentSeries
from scheduling.services.gates import gates_of
from scheduling.services.visits import check_in
from sessions import services as facts
from sessions.eligibility import CONTRAINDICATIONS
from sessions.models import EligibilitySignOff
from staff.errors import InvalidInput, NotAllowed, RuleNotMet, StateConflict
from tests import factories
from tests.scheduling.booking.helpers import book, visits_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def unsigned(clinic):
    """A patient of the clinic whom nobody has found eligible."""
    patient = factories.make_patient(clinic.site, therapist=clinic.therapist, prescriber=clinic.clinician)
    row = patient.eligibility_sign_offs.get()
    facts.withdraw_eligibility(sign_off=row, reason="For this test.", by=clinic.clinician)
    return patient


def answers(patient, version, **over):
    return {line.code: "absent" for line in facts.eligibility_lines(patient, version)} | over


def sign(clinic, patient, **over):
    fields = {"patient": patient, "version": clinic.version, "by": clinic.clinician}
    fields["answers"] = answers(patient, clinic.version)
    return facts.sign_eligibility(**(fields | over))


def test_no_series_without_it_by_service_or_raw_sql(clinic, unsigned):
    with pytest.raises(RuleNotMet) as refusal:
        book(clinic, patient=unsigned)
    assert refusal.value.code == "eligibility-not-signed"
    series = book(clinic)
    copy = """INSERT INTO scheduling_treatmentseries (code, patient_id, protocol_version_id, site_id, status, status_reason,
              weight_kg, visits, prescriber_id, booked_by_id, booked_at, version)
              SELECT gen_random_uuid(), %s, protocol_version_id, site_id, status, status_reason, weight_kg, visits,
              prescriber_id, booked_by_id, booked_at, 1 FROM scheduling_treatmentseries WHERE id = %s"""
    with pytest.raises(IntegrityError) as error, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(copy, [unsigned.pk, series.pk])
    assert error.value.__cause__.diag.constraint_name == "series_needs_eligibility"
    with connection.cursor() as cursor:  # the control: without the rule the harm happens
        cursor.execute("RESET ROLE")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("DROP TRIGGER series_needs_eligibility ON scheduling_treatmentseries")
        cursor.execute(copy, [unsigned.pk, series.pk])
    assert TreatmentSeries.objects.filter(patient=unsigned).exists()


def test_signed_by_a_prescriber_it_lets_the_series_begin(clinic, unsigned):
    for person in (clinic.nurse, clinic.coordinator, clinic.therapist, clinic.admin):
        with pytest.raises(NotAllowed):
            sign(clinic, unsigned, by=person)
    first = sign(clinic, unsigned)
    again = sign(clinic, unsigned)
    first.refresh_from_db()
    assert first.superseded_at is not None
    assert facts.eligibility_in_force(unsigned, clinic.version) == again
    assert len(again.answers) == len(CONTRAINDICATIONS)
    assert book(clinic, patient=unsigned).visits == 6


def test_a_caution_accepted_with_a_reason_needs_no_second_decision_at_booking(clinic, unsigned):
    record_contraindication(
        patient=unsigned, kind="bipolar_disorder", severity="caution", note="", by=clinic.clinician
    )
    with pytest.raises(RuleNotMet):
        sign(clinic, unsigned)
    accepted = answers(unsigned, clinic.version, bipolar_disorder="accepted")
    signed = sign(clinic, unsigned, answers=accepted, reason="Stable on lithium")
    assert (signed.accepted, signed.reason) == (["bipolar_disorder"], "Stable on lithium")
    assert book(clinic, patient=unsigned, by=clinic.coordinator).pk


def test_taken_back_nobody_is_checked_in_until_it_is_signed_again(clinic, clock):
    visit = visits_of(book(clinic))[0]
    signed = facts.eligibility_in_force(clinic.patient, clinic.version)
    facts.withdraw_eligibility(sign_off=signed, reason="New aneurysm on the scan.", by=clinic.clinician)
    facts.withdraw_eligibility(sign_off=signed, reason="Twice.", by=clinic.clinician)
    clock.set(visit.during.lower)
    with pytest.raises(StateConflict, match="aneurysm"):
        check_in(appointment=visit, by=clinic.nurse)
    sign(clinic, clinic.patient)
    assert check_in(appointment=visit, by=clinic.nurse).pk


def test_a_patient_below_the_minimum_age_is_not_signed(clinic):
    young = factories.make_patient(clinic.site, birth_date=date(2010, 1, 1))
    with pytest.raises(RuleNotMet) as refusal:
        sign(clinic, young)
    assert refusal.value.code == "eligibility-age"


class TestPage:
    @pytest.fixture
    def client(self, clinic):
        clinic.clinician.set_password("a-long-password")
        clinic.clinician.save()
        client = Client()
        client.force_login(clinic.clinician)
        return client

    def url(self, clinic, patient):
        return reverse("eligibility_sign", args=[patient.code, clinic.version.code])

    def confirm(self, client):
        client.post(reverse("account_reauthenticate"), {"password": "a-long-password"})

    def body(self, patient, version, **over):
        found = {"patient_code": str(patient.code), "reason": ""}
        for line in facts.eligibility_lines(patient, version):
            found[line.code] = "on" if line.absolute else "absent"
        return found | over

    def test_password_again_then_every_line_then_signed_once(self, clinic, unsigned, client):
        url = self.url(clinic, unsigned)
        assert client.get(url).status_code == 302, "to the password"
        self.confirm(client)
        assert "Aneurysmal vascular disease" in client.get(url).content.decode()
        short = self.body(unsigned, clinic.version)
        del short["mania"]
        refused = client.post(url, short)
        assert refused.status_code == 422
        assert "Answer: Current mania." in refused.content.decode()
        wrong = client.post(url, self.body(unsigned, clinic.version, patient_code="x"))
        assert wrong.status_code == 409
        assert facts.eligibility_in_force(unsigned, clinic.version) is None
        for _ in range(2):
            assert client.post(url, self.body(unsigned, clinic.version)).status_code == 302
        assert EligibilitySignOff.objects.standing().filter(patient=unsigned).count() == 1

    def test_who_and_how(self, clinic, unsigned, client):
        url = self.url(clinic, unsigned)
        assert Client().get(url).status_code == 302
        for person in (clinic.nurse, clinic.coordinator, clinic.therapist, clinic.admin):
            other = Client()
            other.force_login(person)
            assert other.post(url, self.body(unsigned, clinic.version)).status_code == 403
        outsider = Client()
        outsider.force_login(clinic.outsider)
        assert outsider.post(url, self.body(unsigned, clinic.version)).status_code == 404
        assert client.put(url).status_code in (302, 405)
        assert facts.eligibility_in_force(unsigned, clinic.version) is None

    def test_plan_and_series_page_say_whether_it_is_signed(self, clinic, unsigned, client):
        plan = reverse("series_plan", args=[unsigned.code])
        wishes = {
            "protocol": str(clinic.version.code), "weight_kg": "71.5", "first_day": "2026-03-05",
            "part_of_day": "morning", "therapist": str(clinic.therapist.code),
        }  # fmt: skip
        data = wishes | {"patient_code": str(unsigned.code), "act": "propose"}
        text = client.post(plan, data).content.decode()
        assert "The eligibility checklist is not signed" in text
        assert self.url(clinic, unsigned) in text
        sign(clinic, unsigned)
        back, other = client.get(plan), client.get(reverse("series_plan", args=[clinic.patient.code]))
        assert {name: back.context["form"][name].value() for name in wishes} == wishes
        assert other.context["form"]["weight_kg"].value() != wishes["weight_kg"], "of this patient only"
        assert "Eligibility checklist signed by Dr Dana Reed" in client.post(plan, data).content.decode()
        series = reverse("series_detail", args=[book(clinic, patient=unsigned).code])
        assert "Eligibility checklist signed by Dr Dana Reed" in client.get(series).content.decode()
        row = EligibilitySignOff.objects.standing().get(patient=unsigned)
        withdraw = reverse("eligibility_withdraw", args=[row.code])
        assert client.post(withdraw, {"reason": "", "patient_code": str(unsigned.code)}).status_code == 422
        assert client.post(withdraw, {"reason": "New", "patient_code": str(unsigned.code)}).status_code == 302
        assert "The eligibility checklist is not signed" in client.get(series).content.decode()


def test_the_api_lists_and_withdraws_and_signs_only_with_the_password(clinic, unsigned):
    client = APIClient()
    client.force_authenticate(clinic.clinician)
    body = {
        "patient": str(unsigned.code), "protocol_version": str(clinic.version.code),
        "answers": answers(unsigned, clinic.version),
    }  # fmt: skip
    key = {"HTTP_IDEMPOTENCY_KEY": str(uuid.uuid4())}
    assert client.post("/api/v1/eligibility/", body, format="json", **key).status_code == 403
    row = facts.eligibility_in_force(clinic.patient, clinic.version)
    found = client.get("/api/v1/eligibility/", {"patient": str(clinic.patient.code)}).json()["results"]
    assert [item["code"] for item in found] == [str(row.code)]
    url = f"/api/v1/eligibility/{row.code}/withdraw/"
    assert client.post(url, {}, format="json").status_code == 400
    for _ in range(2):
        assert (
            client.post(url, {"reason": "New finding"}, format="json").json()["withdrawn_reason"]
            == "New finding"
        )
    client.force_authenticate(clinic.nurse)
    assert client.post(url, {"reason": "x"}, format="json").status_code == 403


def test_the_weight_of_the_order_is_kept(clinic, clock):
    from tests.sessions import world

    infusion = world.weighed(clinic, world.arrived(clinic))
    facts.sign_order(infusion=infusion, bag_mg_per_ml=Decimal(1), by=clinic.clinician)
    infusion.refresh_from_db()
    assert infusion.order_weight_kg == Decimal("70.0")


class TestRunsOut:
    """It holds for as many days as the version says, then it is asked for again; by service, database and gates."""

    @pytest.fixture
    def old(self, clinic, unsigned):
        """Signed 180 days ago to the hour, for a patient without a series."""
        return factories.make_eligible(unsigned, clinic.version, signed_at=clinic.now - timedelta(days=180))

    def test_no_booking_on_it_by_service_or_raw_sql(self, clinic, unsigned, old):
        with pytest.raises(RuleNotMet) as refusal:
            book(clinic, patient=unsigned)
        assert refusal.value.code == "eligibility-expired"
        series = book(clinic)
        copy = """INSERT INTO scheduling_treatmentseries (code, patient_id, protocol_version_id, site_id, status,
                  status_reason, weight_kg, visits, prescriber_id, booked_by_id, booked_at, version)
                  SELECT gen_random_uuid(), %s, protocol_version_id, site_id, status, status_reason, weight_kg, visits,
                  prescriber_id, booked_by_id, %s, 1 FROM scheduling_treatmentseries WHERE id = %s"""
        with pytest.raises(IntegrityError) as error, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(copy, [unsigned.pk, clinic.now, series.pk])
        assert error.value.__cause__.diag.constraint_name == "series_needs_eligibility"
        with connection.cursor() as cursor:  # an hour earlier it still held
            cursor.execute(copy, [unsigned.pk, clinic.now - timedelta(hours=1), series.pk])

    def test_signed_again_the_series_is_booked(self, clinic, unsigned, old):
        sign(clinic, unsigned)
        assert book(clinic, patient=unsigned).pk

    def test_a_running_series_is_asked_before_the_visit_it_no_longer_covers(self, clinic):
        series = book(clinic)
        row = EligibilitySignOff.objects.standing().get(patient=clinic.patient)
        visits = visits_of(series)
        row.superseded_at = clinic.now
        row.save()
        ends = visits[2].during.lower
        factories.make_eligible(clinic.patient, clinic.version, signed_at=ends - timedelta(days=180))
        lines = [gates_of(visit).line("eligibility") for visit in visits]
        assert [line.state for line in lines] == ["met", "met", *["to-do"] * 4]
        assert lines[2].due_at == ends - timedelta(hours=48)
        assert (lines[2].gate.label, lines[2].owner) == (
            "Eligibility checklist signed again",
            "Prescribing clinician",
        )
        sign(clinic, clinic.patient)
        assert {gates_of(visit).line("eligibility").state for visit in visits} == {"met"}

    def test_the_pages_say_when_it_ran_out(self, clinic, unsigned, old):
        client = Client()
        client.force_login(clinic.clinician)
        data = {
            "protocol": str(clinic.version.code), "weight_kg": "70", "first_day": "2026-03-05", "part_of_day": "",
            "therapist": "", "patient_code": str(unsigned.code), "act": "propose",
        }  # fmt: skip
        text = client.post(reverse("series_plan", args=[unsigned.code]), data).content.decode()
        assert "The eligibility checklist has run out" in text
        assert "holds for 180 days" in text

    def test_the_version_says_for_how_long(self):
        assert load({**dump(SIX_IN_THREE_WEEKS), "eligibility_valid_days": 30}).eligibility_days == 30
        assert "eligibility_valid_days" not in dump(SIX_IN_THREE_WEEKS), (
            "no signed text changes its fingerprint"
        )
        for wrong in (29, 731, -1, 10**30, "90"):
            with pytest.raises(InvalidInput):
                load({**dump(SIX_IN_THREE_WEEKS), "eligibility_valid_days": wrong})


def test_an_account_without_anything_to_ask_for_signs_nothing(clinic, unsigned):
    """An open browser is no signature: without a password or second factor there is nothing to give again."""
    clinic.clinician.set_unusable_password()
    clinic.clinician.save()
    client = Client()
    client.force_login(clinic.clinician)
    url = reverse("eligibility_sign", args=[unsigned.code, clinic.version.code])
    for answer in (client.get(url), client.post(url, {"patient_code": str(unsigned.code), "reason": ""})):
        assert answer.status_code == 403
        assert "Set a password first" in answer.content.decode()
    assert facts.eligibility_in_force(unsigned, clinic.version) is None
