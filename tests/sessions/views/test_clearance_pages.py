"""Pages of what outranks the estimate: an infiltrated line, measured levels, a stated delay, coded criteria."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from patients.models import Patient
from patients.services import record_contraindication
from sessions import services
from sessions.models import Infusion
from staff.clock import app_now
from tests.sessions import world
from tests.sessions.views.test_sign_off_page import PASSWORD, confirmed, filled

pytestmark = pytest.mark.django_db


def post(client, name, code, infusion, **data):
    fresh = Infusion.objects.get(pk=infusion.pk)
    hidden = {"version": fresh.version, "patient_code": str(fresh.patient.code)}
    return client.post(reverse(name, args=[code]), {**hidden, **data})


def page(client, infusion, name="infusion_detail"):
    return client.get(reverse(name, args=[infusion.code])).content.decode()


@pytest.fixture
def signer(clinic):
    clinic.clinician.set_password(PASSWORD)
    clinic.clinician.save(update_fields=["password"])
    return clinic.clinician


def test_an_infiltrated_line_shows_no_time_and_the_signature_asks_for_one(client, clinic, clock, signer):
    infusion = world.given(clinic, clock)
    client.force_login(clinic.nurse)
    done = post(
        client,
        "infusion_adverse_event",
        infusion.code,
        infusion,
        kind="infiltration",
        severity="mild",
        note="",
    )
    assert done.status_code == 302
    shown = page(client, infusion)
    assert "The line infiltrated" in shown
    assert "No predicted level" in shown
    assert "State when therapy may begin" in shown
    world.assessed(clinic, clock, infusion)
    confirmed(client, signer)
    assert "When therapy may begin" in page(client, infusion, "infusion_sign_off")
    url = reverse("infusion_sign_off", args=[infusion.code])
    refused = client.post(url, filled(infusion))
    assert refused.status_code == 422
    assert not infusion.sign_offs.exists()
    wanted = (app_now() + timedelta(hours=9)).astimezone(ZoneInfo(clinic.site.time_zone))
    data = filled(infusion, override_to=f"{wanted:%Y-%m-%dT%H:%M}", override_code="line_infiltrated")
    assert client.post(url, data).status_code == 302
    assert services.therapy_time(infusion).basis == "override"


def test_a_level_is_struck_on_its_page_with_a_reason_once_and_by_whom_it_may(client, clinic, clock):
    infusion, _ = world.signed(clinic, clock)
    level = services.record_measured_level(
        infusion=infusion, ketamine_ng_ml=Decimal(2), observed_at=app_now(), by=clinic.nurse
    )
    event = services.record_adverse_event(infusion=infusion, kind="nausea", severity="mild", by=clinic.nurse)
    for name, row in (("measured_level_strike", level), ("adverse_event_strike", event)):
        url = reverse(name, args=[row.code])
        assert client.get(url).status_code == 302, "asked to sign in"
        for person, status in ((clinic.therapist, 403), (clinic.outsider, 404), (clinic.nurse, 200)):
            client.force_login(person)
            assert client.get(url).status_code == status
        assert client.delete(url).status_code == 405
        assert post(client, name, row.code, infusion, reason="").status_code == 422
        assert post(client, name, row.code, infusion, reason="Typed for somebody else").status_code == 302
        assert post(client, name, row.code, infusion, reason="Again").status_code == 409
        row.refresh_from_db()
        assert row.withdrawn_reason == "Typed for somebody else"
        client.logout()
    client.force_login(clinic.nurse)
    assert page(client, infusion).count("Struck out by Robin Vale: Typed for somebody else") == 2


def test_a_delay_is_stated_on_the_record_by_a_prescriber(client, clinic, clock):
    record_contraindication(patient=clinic.patient, kind="severe_hepatic_disease", by=clinic.clinician)
    infusion = world.given(clinic, clock)
    client.force_login(clinic.nurse)
    shown = page(client, infusion)
    assert "A prescriber states the delay that no model knows" in shown
    assert "Liver disease: no model covers it" in shown
    client.force_login(clinic.clinician)
    bad = post(
        client, "infusion_delay", infusion.code, infusion, stated_delay_hours="2", stated_delay_reason=""
    )
    assert bad.status_code == 422
    good = post(
        client, "infusion_delay", infusion.code, infusion, stated_delay_hours="0", stated_delay_reason="Mild"
    )
    assert good.status_code == 302
    assert Infusion.objects.get(pk=infusion.pk).stated_delay_reason == "Mild"


def test_above_sixty_both_models_stand_beside_each_other(client, clinic, clock):
    Patient.objects.filter(pk=clinic.patient.pk).update(birth_date=date(1950, 1, 1))
    infusion = world.given(clinic, clock)
    client.force_login(clinic.nurse)
    shown = page(client, infusion)
    for words in ("Age above 60", "Perez-Ruixo 2021", "Kamp 2020", "An estimate, not a measurement"):
        assert words in shown


def test_escort_gait_and_intent_are_coded_on_the_page(client, clinic, clock):
    infusion = world.ready(clinic)
    client.force_login(clinic.nurse)
    assert "How the patient walks today" in page(client, infusion)
    assert post(
        client, "infusion_baseline", infusion.code, infusion, criterion="gait", value="wheelchair"
    ).status_code == 302  # fmt: skip
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    clock.advance(minutes=40)
    services.record_pump_event(infusion=infusion, kind="stop", by=clinic.nurse)
    assert "Before the start: uses a wheelchair" in page(client, infusion)

    def answer(criterion, value, detail=""):
        return post(
            client,
            "infusion_criterion",
            infusion.code,
            infusion,
            criterion=criterion,
            value=value,
            detail=detail,
        )

    nameless = answer("escort", "adult_phoned")
    assert nameless.status_code == 400
    assert "Name the adult who was phoned." in nameless.content.decode()
    assert answer("escort", "adult_phoned", "Kim, sister").status_code == 302
    assert answer("suicidality", "new_or_worse").status_code == 302
    shown = page(client, infusion)
    assert "Named adult phoned and on the way, Kim, sister" in shown
    assert "A prescriber assesses. It is on their list." in shown
    assert answer("suicidality", "assessed", "x").status_code == 422
    client.force_login(clinic.clinician)
    assert "Assessed: may leave" in page(client, infusion)
    assert answer("suicidality", "assessed", "Plan agreed").status_code == 302
