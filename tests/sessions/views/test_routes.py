"""Six questions to every page: who may not, what is not theirs, wrong method, wrong input, stale page, repeat."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from sessions import services
from sessions.models import Infusion
from staff.clock import app_now
from tests.sessions import world

pytestmark = pytest.mark.django_db

# (url name, roles that may, method that works)
OF_INFUSION = [
    ("infusion_detail", {"clinician", "nurse"}, "get"),
    ("infusion_live", {"clinician", "nurse"}, "get"),
    ("infusion_weight", {"clinician", "nurse"}, "post"),
    ("infusion_weight_confirm", {"clinician", "nurse"}, "post"),
    ("infusion_check", {"clinician", "nurse"}, "post"),
    ("infusion_order", {"clinician"}, "post"),
    ("infusion_not_given", {"clinician", "nurse"}, "post"),
    ("infusion_pump", {"clinician", "nurse"}, "post"),
    ("pump_log_move", {"clinician", "nurse"}, "get"),
    ("infusion_vitals", {"clinician", "nurse"}, "post"),
    ("infusion_criterion", {"clinician", "nurse"}, "post"),
    ("infusion_baseline", {"clinician", "nurse"}, "post"),
    ("infusion_delay", {"clinician"}, "post"),
    ("infusion_level", {"clinician", "nurse"}, "post"),
    ("infusion_adverse_event", {"clinician", "nurse"}, "post"),
    ("infusion_sign_off", {"clinician"}, "post"),
    ("infusion_drug", {"clinician", "nurse"}, "post"),
    ("infusion_bag", {"clinician", "nurse"}, "post"),
    ("infusion_note", {"clinician", "nurse"}, "post"),
    ("infusion_note_draft", {"clinician", "nurse"}, "post"),
    ("infusion_renew", {"clinician"}, "post"),
    ("infusion_ending", {"clinician", "nurse"}, "post"),
    ("infusion_assessment", {"clinician"}, "post"),
    ("infusion_emergency", {"clinician", "nurse"}, "post"),
    ("infusion_ambulance", {"clinician", "nurse"}, "get"),
    ("infusion_take_home", {"clinician", "nurse"}, "get"),
    ("infusion_next_steps", {"clinician", "nurse"}, "get"),
    ("infusion_duty", {"clinician", "nurse"}, "get"),
    ("infusion_handover", {"clinician", "nurse"}, "post"),
]
OF_PATIENT = [
    ("safety_contact_new", {"clinician", "nurse", "therapist"}, "get"),
    ("consent_new", {"clinician", "nurse"}, "get"),
    ("education_new", {"clinician", "nurse"}, "get"),
    ("outcome_new", {"clinician", "nurse", "therapist"}, "get"),
    ("patient_record_fragment", {"clinician", "nurse"}, "get"),
    ("patient_consents_fragment", {"clinician", "nurse", "therapist", "coordinator"}, "get"),
]
ROLES = ("clinician", "nurse", "therapist", "coordinator", "admin")


def code_of(clinic, name):
    if name in {route[0] for route in OF_PATIENT}:
        return clinic.patient.code
    return (Infusion.objects.filter(patient=clinic.patient).first() or world.arrived(clinic)).code


def call(client, method, name, code, data=None):
    return getattr(client, method)(reverse(name, args=[code]), data or {})


@pytest.mark.parametrize("route", OF_INFUSION + OF_PATIENT, ids=lambda route: route[0])
def test_a_visitor_is_asked_to_sign_in(client, clinic, route):
    name, _, method = route
    response = call(client, method, name, code_of(clinic, name))
    assert response.status_code == 302
    assert "/accounts/login/" in response["Location"]


@pytest.fixture(autouse=True)
def who_signs_has_a_password(clinic):
    """Signing asks for one, so that an account without any is turned away."""
    clinic.clinician.set_password("long enough for a test")
    clinic.clinician.save(update_fields=["password"])


@pytest.mark.parametrize("route", OF_INFUSION + OF_PATIENT, ids=lambda route: route[0])
def test_roles_that_may_not_get_403_and_others_do_not(client, clinic, route):
    name, allowed, method = route
    code = code_of(clinic, name)
    for role in ROLES:
        client.force_login(getattr(clinic, role))
        status = call(client, method, name, code).status_code
        assert (status == 403) == (role not in allowed), (name, role, status)


@pytest.mark.parametrize("route", OF_INFUSION + OF_PATIENT, ids=lambda route: route[0])
def test_another_sites_record_looks_like_one_that_does_not_exist(client, clinic, route):
    name, _, method = route
    client.force_login(clinic.outsider)
    theirs = call(client, method, name, code_of(clinic, name))
    nobodys = call(client, method, name, "00000000-0000-4000-8000-000000000000")
    assert theirs.status_code == nobodys.status_code == 404


@pytest.mark.parametrize(
    "route", [item for item in OF_INFUSION if item[2] == "post"], ids=lambda route: route[0]
)
def test_an_empty_post_is_turned_back_and_writes_nothing(client, clinic, route):
    name, _, _ = route
    infusion = world.arrived(clinic)
    client.force_login(clinic.clinician)
    response = call(client, "post", name, infusion.code)
    assert response.status_code in (409, 422), (name, response.status_code)
    infusion.refresh_from_db()
    assert infusion.version == 1


@pytest.mark.parametrize(
    "name", [route[0] for route in OF_INFUSION if route[2] == "post" and route[0] != "infusion_sign_off"]
)
def test_acts_are_posts_only(client, clinic, name):
    infusion = world.arrived(clinic)
    client.force_login(clinic.clinician)
    assert call(client, "get", name, infusion.code).status_code == 405
    assert client.delete(reverse(name, args=[infusion.code])).status_code == 405


def test_a_therapist_sees_only_assigned_and_unassigned_patients(client, clinic):
    client.force_login(clinic.other_therapist)
    assert call(client, "get", "patient_consents_fragment", clinic.patient.code).status_code == 404
    client.force_login(clinic.therapist)
    assert call(client, "get", "patient_consents_fragment", clinic.patient.code).status_code == 200


def hidden(infusion):
    return {"version": infusion.version, "patient_code": str(infusion.patient.code)}


VITALS = {"systolic": "122", "diastolic": "78", "heart_rate": "70", "spo2": "98"}


def test_the_same_post_twice_stores_one_reading(client, clinic):
    infusion = world.arrived(clinic)
    client.force_login(clinic.nurse)
    data = {**hidden(infusion), **VITALS}
    assert call(client, "post", "infusion_vitals", infusion.code, data).status_code == 302
    again = call(client, "post", "infusion_vitals", infusion.code, data)
    assert again.status_code == 412
    assert infusion.vital_signs.count() == 1


def test_a_stale_page_says_what_changed_keeps_what_was_typed_and_saves_on_the_second_press(client, clinic):
    infusion = world.arrived(clinic)
    data = {**hidden(infusion), **VITALS}
    services.record_check(infusion=infusion, kind="identity", outcome="passed", by=clinic.clinician)
    client.force_login(clinic.nurse)
    stale = client.post(
        reverse("infusion_vitals", args=[infusion.code]), data, headers={"HX-Request": "true"}
    )
    page = stale.content.decode()
    assert stale.status_code == 412
    assert "Right patient, by name and date of birth: yes" in page
    assert 'value="122"' in page
    infusion.refresh_from_db()
    assert f'name="version" value="{infusion.version}"' in page
    assert (
        call(client, "post", "infusion_vitals", infusion.code, {**data, **hidden(infusion)}).status_code
        == 302
    )


def test_a_page_opened_for_another_patient_is_refused(client, clinic):
    infusion = world.arrived(clinic)
    client.force_login(clinic.nurse)
    data = {**hidden(infusion), **VITALS, "patient_code": "00000000-0000-4000-8000-000000000000"}
    assert call(client, "post", "infusion_vitals", infusion.code, data).status_code == 409
    assert not infusion.vital_signs.exists()


BAD_NUMBERS = [
    "NaN",
    "Infinity",
    "1e400",
    "7_0",
    "true",
    "٧٠",
    "70 kg",
    "1,234",
    "",
    "\x00",
    "-70",
    ".5",
    "350.1",
]


@pytest.mark.parametrize("typed", BAD_NUMBERS)
def test_weights_that_cannot_be_read_are_named_at_the_field(client, clinic, typed):
    infusion = world.arrived(clinic)
    client.force_login(clinic.nurse)
    response = call(
        client, "post", "infusion_weight", infusion.code, {**hidden(infusion), "weight_kg": typed}
    )
    assert response.status_code == 422
    assert "weight_kg" in response.context["forms"]["weight"].errors
    infusion.refresh_from_db()
    assert infusion.weight_kg is None


def test_an_unusual_weight_is_asked_back_once(client, clinic):
    infusion = world.arrived(clinic)
    client.force_login(clinic.nurse)
    data = {**hidden(infusion), "weight_kg": "154"}
    first = call(client, "post", "infusion_weight", infusion.code, data)
    assert first.status_code == 422
    assert b"is unusual" in first.content
    second = call(client, "post", "infusion_weight", infusion.code, {**data, "confirm_weight_kg": "154"})
    assert second.status_code == 302
    infusion.refresh_from_db()
    assert services.needs_second_weighing(infusion)


def test_the_first_weight_is_not_shown_before_the_second_weighing(client, clinic):
    infusion = world.arrived(clinic)
    services.record_weight(infusion=infusion, weight_kg=Decimal("73.4"), by=clinic.nurse)
    client.force_login(clinic.nurse)
    page = call(client, "get", "infusion_detail", infusion.code).content.decode()
    assert "second weighing" in page
    assert "73.4" not in page


@pytest.mark.parametrize(
    "typed", ["2026-03-08T02:30", "2026-11-01T01:30", "2026-02-30T10:00", "yesterday", "10:00"]
)
def test_times_that_do_not_exist_or_happen_twice_are_refused(client, clinic, typed):
    infusion = world.arrived(clinic)
    client.force_login(clinic.nurse)
    data = {**hidden(infusion), **VITALS, "observed_at": typed}
    response = call(client, "post", "infusion_vitals", infusion.code, data)
    assert response.status_code == 422
    assert "observed_at" in response.context["forms"]["vitals"].errors


def test_a_time_in_the_future_is_refused_at_its_field(client, clinic, clock):
    infusion = world.ready(clinic)
    client.force_login(clinic.nurse)
    local = "2026-03-03T09:30"  # the clock stands at 09:00
    data = {
        **hidden(infusion),
        "kind": "start",
        "observed_at": local,
        "rate": "52.5",
        "rate_unit": "ml_per_hour",
    }
    response = call(client, "post", "infusion_pump", infusion.code, data)
    assert response.status_code == 422
    assert response.context["forms"]["pump"].errors["observed_at"] == ["This time lies in the future."]


def test_millilitres_per_hour_and_milligrams_per_minute_are_the_same_start(client, clinic, clock):
    infusion = world.ready(clinic)
    client.force_login(clinic.nurse)
    data = {**hidden(infusion), "kind": "start", "rate": "52.5", "rate_unit": "ml_per_hour"}
    assert call(client, "post", "infusion_pump", infusion.code, data).status_code == 302
    assert str(infusion.pump_events.get().rate_mg_per_min) == "0.8750"
    clock.advance(minutes=10)
    infusion.refresh_from_db()
    data = {**hidden(infusion), "panel": "rate", "kind": "rate", "rate": "1.2", "rate_unit": "mg_per_min"}
    assert call(client, "post", "infusion_pump", infusion.code, data).status_code == 302
    assert str(infusion.pump_events.get(kind="rate").rate_mg_per_min) == "1.2000"


def test_stop_moves_times_and_chart_in_the_same_answer(client, clinic, clock):
    infusion = world.ready(clinic)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    clock.advance(minutes=20)
    infusion.refresh_from_db()
    client.force_login(clinic.nurse)
    response = client.post(
        reverse("infusion_pump", args=[infusion.code]),
        {**hidden(infusion), "kind": "stop"},
        headers={"HX-Request": "true"},
    )
    page = response.content.decode()
    assert response.status_code == 200
    assert "cw:flash" in response["HX-Trigger"]
    found = services.therapy_time(Infusion.objects.get(pk=infusion.pk))
    local = found.at.astimezone(ZoneInfo(clinic.site.time_zone))
    assert f"Drug cleared (estimate), therapy from {local:%H:%M}" in page
    assert "17.50 mg given" in page
    assert "Ready to leave?" in page


def test_screens_never_say_the_words_of_the_code(client, clinic, clock):
    infusion, _ = world.signed(clinic, clock)
    client.force_login(clinic.clinician)
    page = call(client, "get", "infusion_detail", infusion.code).content.decode()
    body = page[page.index("<main") : page.index("</main>")]
    assert "style=" not in body
    assert "onclick" not in body
    words = set(re.findall(r"[A-Za-z0-9_]+", re.sub(r"<[^>]+>", " ", body)))
    assert not words & {"T0", "T_pk", "P95", "anchor", "firmed", "provisional", "blackout"}


def test_the_banner_warns_while_the_drug_acts_and_until_the_morning(client, clinic, clock):
    infusion, _ = world.signed(clinic, clock)
    client.force_login(clinic.nurse)

    def banner():
        return call(client, "get", "infusion_detail", infusion.code).content.decode()

    assert "Still under drug effect: no driving" in banner()
    clock.set(services.therapy_time(infusion).at)
    assert "No driving until tomorrow" in banner()
    clock.advance(hours=16)
    assert "no driving" not in banner().lower().replace("no driving until tomorrow: yes", "").replace(
        "knows: no driving until tomorrow", ""
    )


def test_polling_returns_no_form_fields_that_could_lose_typing(client, clinic, clock):
    infusion = world.ready(clinic)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    clock.advance(minutes=10)
    client.force_login(clinic.nurse)
    page = call(client, "get", "infusion_live", infusion.code).content.decode()
    assert 'id="record-now"' in page
    assert 'hx-swap-oob="true"' in page
    assert 'type="text"' not in page
    clock.advance(minutes=31)
    late = call(client, "get", "infusion_live", infusion.code).content.decode()
    assert "Finished at" in late


def test_finished_at_stores_the_computed_end_of_the_bag(client, clinic, clock):
    infusion = world.ready(clinic)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    start = app_now()
    clock.advance(minutes=55)
    infusion.refresh_from_db()
    client.force_login(clinic.nurse)
    data = {**hidden(infusion), "kind": "stop", "observed_at": "2026-03-03T09:40:00"}
    assert call(client, "post", "infusion_pump", infusion.code, data).status_code == 302
    infusion.refresh_from_db()
    assert infusion.stopped_at == start + timedelta(minutes=40)
