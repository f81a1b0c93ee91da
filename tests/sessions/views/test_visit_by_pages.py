"""A whole visit through the pages, every act once, by the people who do it."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from sessions import services
from sessions.models import Infusion
from staff.clock import app_now
from tests.sessions import world

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


class Hands:
    """One person at the record: posts carry the version and the patient of the page as it is now."""

    def __init__(self, user, infusion):
        self.client, self.infusion = Client(), infusion
        self.client.force_login(user)

    def post(self, name, data=None, code=None):
        fresh = Infusion.objects.select_related("patient").get(pk=self.infusion.pk)
        hidden = {"version": fresh.version, "patient_code": str(fresh.patient.code)}
        return self.client.post(reverse(name, args=[code or fresh.code]), {**hidden, **(data or {})})

    def done(self, name, data=None, code=None):
        response = self.post(name, data, code)
        errors = response.context["failed_form"].errors if response.status_code != 302 else ""
        assert response.status_code == 302, (name, response.status_code, errors)


def test_every_act_of_a_visit_through_the_pages(clinic, clock):
    clinic.clinician.set_password(PASSWORD)
    clinic.clinician.save(update_fields=["password"])
    world.consented(clinic)
    infusion = world.arrived(clinic)
    nurse, clinician = Hands(clinic.nurse, infusion), Hands(clinic.clinician, infusion)
    nurse.done("infusion_weight", {"weight_kg": "70,0"})
    nurse.done("infusion_weight_confirm", {"weight_kg": "70.2"})
    for kind in services.recordable_checks(clinic.version):
        nurse.done("infusion_check", {"kind": kind, "outcome": "passed"})
    clinician.done("infusion_order", {"ordered_mg": "35.0", "bag_mg_per_ml": "1"})
    numbers = {"systolic": "124", "diastolic": "80", "heart_rate": "71", "spo2": "98"}
    nurse.done("infusion_vitals", numbers)
    nurse.done("infusion_pump", {"kind": "start", "rate": "52.5", "rate_unit": "ml_per_hour"})
    clock.advance(minutes=10)
    nurse.done("infusion_vitals", {**numbers, "systolic": "131", "moaas": "5", "cadss6": "6"})
    wrong = infusion.vital_signs.live().order_by("pk").last()
    nurse.done("vitals_strike", code=wrong.code)
    nurse.done("infusion_pump", {"kind": "pause"})
    clock.advance(minutes=2)
    nurse.done("infusion_pump", {"kind": "resume"})
    nurse.done("infusion_adverse_event", {"kind": "nausea", "severity": "mild", "note": "Brief"})
    nurse.done("infusion_pump", {"panel": "bolus", "kind": "bolus", "bolus_mg": "1.5"})
    clock.advance(minutes=20)
    nurse.done("infusion_pump", {"kind": "stop"})
    nurse.done("adverse_event_resolve", code=infusion.adverse_events.get().code)
    record = Infusion.objects.get(pk=infusion.pk)
    assert record.delivered_mg == Decimal("27.75")  # 30 min at 0.875 mg/min and 1.5 mg
    clock.set(record.started_at + timedelta(minutes=125))
    nurse.done("infusion_vitals", numbers)
    nurse.done("infusion_level", {"ketamine_ng_ml": "48.5", "observed_at": "2026-03-03T10:00"})
    for code in services.recordable_criteria(record):
        if code != "vitals":
            nurse.done("infusion_criterion", {"criterion": code, "outcome": "met"})
    clinician.client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    clinician.done("infusion_sign_off", {"identity_checked": "on", "opens_window": "yes"})
    record.refresh_from_db()
    assert record.status == Infusion.Status.SIGNED_OFF
    page = nurse.client.get(reverse("infusion_detail", args=[infusion.code])).content.decode()
    for words in ("Signed off", "Struck out", "Bolus given, 1.5 mg", "48.5 ng/mL", "Nausea", "Pump resumed"):
        assert words in page, words


def test_a_patient_who_is_not_treated_today(clinic):
    infusion = world.arrived(clinic)
    nurse = Hands(clinic.nurse, infusion)
    assert nurse.post("infusion_not_given", {"reason": "boredom"}).status_code == 422
    nurse.done("infusion_not_given", {"reason": "blood_pressure", "detail": "178/104 twice"})
    infusion.refresh_from_db()
    assert infusion.not_given_reason == "Blood pressure above the limit: 178/104 twice"
    page = nurse.client.get(reverse("infusion_detail", args=[infusion.code])).content.decode()
    assert "Not given" in page
    assert "Start the pump" not in page
    assert nurse.post("infusion_not_given", {"reason": "unwell"}).status_code == 409


def test_over_the_ceiling_the_page_asks_a_second_prescriber(clinic):
    clinic.second_clinician.set_password(PASSWORD)
    clinic.second_clinician.save(update_fields=["password"])
    clinic.patient.height_cm = Decimal(190)
    clinic.patient.save(update_fields=["height_cm"])
    infusion = world.weighed(clinic, world.arrived(clinic), "130")
    clinician = Hands(clinic.clinician, infusion)
    order = {"ordered_mg": "65", "bag_mg_per_ml": "1"}
    refused = clinician.post("infusion_order", order)
    assert refused.status_code == 422
    assert "second prescriber" in refused.content.decode()
    clinician.done(
        "infusion_order",
        {**order, "second_email": clinic.second_clinician.email, "second_password": PASSWORD},
    )
    infusion.refresh_from_db()
    assert infusion.order_cosigned_by == clinic.second_clinician
    assert infusion.ordered_at == app_now()


def test_a_form_sent_as_it_stands_answers_nothing(clinic, clock):
    """No answer is chosen for anybody, and Enter in a box of a form with several answers presses none of them."""
    infusion = world.ready(clinic)
    nurse = Hands(clinic.nurse, infusion)
    kind = services.recordable_checks(clinic.version)[0]
    before = infusion.checks.count()
    assert nurse.post("infusion_check", {"kind": kind, "note": "Drank wine"}).status_code == 422
    assert nurse.post("infusion_pump").status_code == 422
    pages = [nurse.client.get(reverse("infusion_detail", args=[infusion.code])).content.decode()]
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    clock.advance(minutes=40)
    services.record_pump_event(infusion=infusion, kind="stop", by=clinic.nurse)
    assert nurse.post("infusion_criterion", {"criterion": "escort", "detail": "Nobody"}).status_code == 400
    assert nurse.post("infusion_adverse_event", {"kind": "nausea"}).status_code == 422
    assert (infusion.checks.count(), infusion.adverse_events.count()) == (before, 0)
    pages.append(nurse.client.get(reverse("infusion_detail", args=[infusion.code])).content.decode())
    several = [form for page in pages for form in re.findall(r"<form.*?</form>", page, re.DOTALL)
               if len(re.findall(r'<button [^>]*name="(?:outcome|kind|value)"', form)) > 1
               and "maxlength" in form]  # fmt: skip
    assert len(several) > 6
    assert [form for form in several if "disabled hidden" not in form[: form.index("<button") + 40]] == []


def test_a_stale_page_says_what_changed_and_still_stops_the_pump(clinic, clock):
    """Two nurses at one record: the second row is not written over the first unseen, but no stop is refused."""
    infusion = world.ready(clinic)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    nurse = Hands(clinic.nurse, infusion)
    opened = {"version": Infusion.objects.get(pk=infusion.pk).version}
    clock.advance(minutes=5)
    services.record_vitals(infusion=infusion, by=clinic.clinician, **world.NORMAL | {"systolic": 131})
    row = {"systolic": "129", "diastolic": "80", "heart_rate": "70", "spo2": "98"}
    refused = nurse.post("infusion_vitals", row | opened)
    said = refused.content.decode()
    assert (refused.status_code, infusion.vital_signs.count()) == (412, 2)
    assert "Somebody else added to this record" in said
    assert "131/78" in said
    assert f"({clinic.clinician.full_name})" in said
    assert 'value="129"' in said, "what was typed is still there"
    again = {"version": refused.context["failed_form"]["version"].value()}
    assert nurse.post("infusion_vitals", row | again).status_code == 302
    nurse.done("infusion_pump", {"kind": "pause"} | opened)
    nurse.done("infusion_pump", {"kind": "stop"} | opened)
    assert nurse.post("infusion_pump", {"kind": "stop"} | opened).status_code in (409, 422)
    assert infusion.pump_events.live().count() == 3
