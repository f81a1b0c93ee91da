"""The API of treatment facts: access, preconditions, idempotency, strict input, and the whole visit through it."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from sessions import services
from sessions.models import Infusion
from staff.clock import app_now
from tests import factories
from tests.sessions import world

pytestmark = pytest.mark.django_db
BASE = "/api/v1/infusions"
PASSWORD = "correct horse battery"


@pytest.fixture
def api():
    return APIClient()


def as_user(api, user):
    api.force_authenticate(user)
    return api


def tag(infusion):
    fresh = Infusion.objects.get(pk=infusion.pk)
    return {"HTTP_IF_MATCH": f'"{fresh.code}.{fresh.version}"'}


def key(name="0001"):
    return {"HTTP_IDEMPOTENCY_KEY": f"test-key-{name}"}


def post(api, path, body, **headers):
    return api.post(f"{BASE}/{path}", json.dumps(body), content_type="application/json", **headers)


READING = {"systolic": 122, "diastolic": 78, "heart_rate": 70, "spo2": 98}


def test_without_signing_in_there_is_nothing(api, clinic):
    infusion = world.arrived(clinic)
    assert api.get(f"{BASE}/").status_code in (401, 403)
    assert api.get(f"{BASE}/{infusion.code}/").status_code in (401, 403)


def test_roles_and_sites(api, clinic):
    infusion = world.arrived(clinic)
    for role in ("therapist", "coordinator", "admin"):
        assert as_user(api, getattr(clinic, role)).get(f"{BASE}/{infusion.code}/").status_code == 403
    outsider = as_user(api, clinic.outsider)
    theirs = outsider.get(f"{BASE}/{infusion.code}/")
    nobodys = outsider.get(f"{BASE}/00000000-0000-4000-8000-000000000000/")
    assert theirs.status_code == nobodys.status_code == 404
    assert {**theirs.json(), "instance": ""} == {**nobodys.json(), "instance": ""}
    assert outsider.get(f"{BASE}/").json()["results"] == []
    assert as_user(api, clinic.nurse).get(f"{BASE}/?status=arrived").json()["results"][0]["code"] == str(
        infusion.code
    )


def test_reading_gives_an_etag_and_the_therapy_time(api, clinic, clock):
    infusion, _ = world.signed(clinic, clock)
    response = as_user(api, clinic.nurse).get(f"{BASE}/{infusion.code}/")
    body = response.json()
    assert response["ETag"] == f'"{infusion.code}.{infusion.version}"'
    assert body["status"] == "signed-off"
    assert body["fhir_status"] == "finished"
    assert body["therapy"]["signed"] is True
    assert body["therapy"]["basis"] == "drug"


def test_changes_need_if_match_and_facts_need_a_key(api, clinic):
    infusion = world.arrived(clinic)
    nurse = as_user(api, clinic.nurse)
    path = f"{infusion.code}/weight/"
    assert post(nurse, path, {"weight_kg": "70"}).status_code == 428
    headers = tag(infusion)
    assert post(nurse, path, {"weight_kg": "70"}, **headers).status_code == 200
    stale = post(nurse, path, {"weight_kg": "71"}, **headers)
    assert stale.status_code == 412
    assert stale["Content-Type"] == "application/problem+json"
    assert post(nurse, f"{infusion.code}/vitals/", READING).status_code == 400


def test_the_same_key_answers_the_same_and_another_body_is_422(api, clinic):
    infusion = world.arrived(clinic)
    nurse = as_user(api, clinic.nurse)
    path = f"{infusion.code}/vitals/"
    first = post(nurse, path, READING, **key())
    again = post(nurse, path, READING, **key())
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert infusion.vital_signs.count() == 1
    assert post(nurse, path, {**READING, "spo2": 97}, **key()).status_code == 422


BAD = [
    ('{"weight_kg": NaN}', "not-finite"),
    ('{"weight_kg": 1e400}', ""),
    ('{"weight_kg": "7_0"}', ""),
    ('{"weight_kg": true}', ""),
    ('{"weight_kg": 70, "weight_kg": 700}', "duplicate"),
    ('{"weight_kg": 70, "unit": "kg"}', "/unit"),
    ('{"weight_kg": "\\u0000"}', ""),
    ('{"weight_kg": "\\ud800"}', ""),
    ('{"weight_kg": 19.9}', "/weight_kg"),
    ('{"weight_kg": 70, "weighed_at": "2026-03-03T09:00:00"}', "/weighed_at"),
    ("[]", ""),
    ("{", ""),
    ('{"weight_kg": ' + "[" * 40 + "]" * 40 + "}", ""),
]


@pytest.mark.parametrize(("body", "named"), BAD, ids=range(len(BAD)))
def test_what_cannot_be_read_is_a_problem_that_names_it(api, clinic, body, named):
    infusion = world.arrived(clinic)
    nurse = as_user(api, clinic.nurse)
    response = nurse.post(
        f"{BASE}/{infusion.code}/weight/",
        body.encode("utf-8", "surrogatepass"),
        content_type="application/json",
        **tag(infusion),
    )
    assert response.status_code == 400, response.content
    assert named in response.content.decode()
    infusion.refresh_from_db()
    assert infusion.weight_kg is None


@pytest.mark.parametrize(
    ("event", "status", "pointer"),
    [
        (
            {"kind": "start", "rate_mg_per_min": "0.875", "observed_at": "2026-03-03T09:00:00"},
            400,
            "observed_at",
        ),
        (
            {"kind": "start", "rate_mg_per_min": "0.875", "observed_at": "2026-03-03T18:00:00Z"},
            422,
            "/observed_at",
        ),
        ({"kind": "start", "rate_mg_per_min": 15}, 400, "/rate_mg_per_min"),
        ({"kind": "stop"}, 422, "/kind"),
        ({"kind": "explode"}, 400, "kind"),
    ],
)
def test_pump_events_are_refused_at_their_field(api, clinic, event, status, pointer):
    infusion = world.ready(clinic)
    response = post(as_user(api, clinic.nurse), f"{infusion.code}/pump-events/", {"events": [event]}, **key())
    assert response.status_code == status, response.content
    assert pointer in response.content.decode()
    assert not infusion.pump_events.exists()


def test_a_whole_visit_through_the_api(api, clinic, clock):
    clinic.clinician.set_password(PASSWORD)
    clinic.clinician.save(update_fields=["password"])
    world.consented(clinic)
    infusion = world.arrived(clinic)
    code = infusion.code
    nurse = as_user(APIClient(), clinic.nurse)
    clinician = as_user(APIClient(), clinic.clinician)
    assert post(nurse, f"{code}/weight/", {"weight_kg": "70.0"}, **tag(infusion)).status_code == 200
    assert (
        post(clinician, f"{code}/weight/second/", {"weight_kg": "70.1"}, **tag(infusion)).status_code == 200
    )
    for kind in services.recordable_checks(clinic.version):
        body = {"kind": kind, "outcome": "passed"}
        assert post(nurse, f"{code}/checks/", body, **tag(infusion)).status_code == 200
    assert post(nurse, f"{code}/order/", {"bag_mg_per_ml": "1"}, **tag(infusion)).status_code == 403
    ordered = post(clinician, f"{code}/order/", {"bag_mg_per_ml": "1"}, **tag(infusion))
    assert ordered.json()["ordered_mg"] == "35.0"
    assert ordered.json()["status"] == "ready"
    assert post(nurse, f"{code}/vitals/", READING, **key("v1")).status_code == 201
    start = app_now()
    clock.advance(minutes=40)
    events = [
        {"kind": "start", "observed_at": start.isoformat()},
        {"kind": "stop", "observed_at": app_now().isoformat()},
    ]
    assert post(nurse, f"{code}/pump-events/", {"events": events}, **key("p1")).status_code == 201
    clock.set(start + timedelta(minutes=125))
    assert post(nurse, f"{code}/vitals/", READING, **key("v2")).status_code == 201
    for criterion in services.recordable_criteria(infusion):
        body = {"criterion": criterion, "outcome": "met"}
        assert post(nurse, f"{code}/criteria/", body, **tag(infusion)).status_code == 200
    sign = {"password": "wrong", "identity_checked": True}
    assert post(clinician, f"{code}/sign-off/", sign, **tag(infusion)).status_code == 400
    unchecked = {"password": PASSWORD, "identity_checked": False}
    assert post(clinician, f"{code}/sign-off/", unchecked, **tag(infusion)).status_code == 400
    signed = post(clinician, f"{code}/sign-off/", {**sign, "password": PASSWORD}, **tag(infusion))
    assert signed.status_code == 200, signed.content
    assert signed.json()["therapy"]["signed"] is True
    assert PASSWORD not in signed.content.decode()
    estimates = nurse.get(f"{BASE}/{code}/estimates/").json()
    assert [item["superseded_at"] is None for item in estimates] == [True]
    assert estimates[0]["inputs"]["regimen"]["inf"]


def test_amending_a_signed_log_through_the_api_moves_the_estimate_by_seven_minutes(api, clinic, clock):
    infusion, _ = world.signed(clinic, clock, minutes=60)
    before = services.current_estimate(infusion).t_pk
    start = infusion.pump_events.live().get(kind="start")
    nurse = as_user(api, clinic.nurse)
    body = {"observed_at": (start.observed_at + timedelta(minutes=7)).isoformat(), "reason": "Clock"}
    url = f"/api/v1/pump-events/{start.code}/amend/"
    assert nurse.post(url, body, format="json").status_code == 428
    response = nurse.post(url, body, format="json", **tag(infusion))
    assert response.status_code == 200
    assert response.json()["replaces"] == str(start.code)
    assert services.current_estimate(infusion).t_pk - before == timedelta(minutes=7)
    assert nurse.post(url, body, format="json", **tag(infusion)).status_code == 409


def test_another_therapy_time_by_the_api_and_what_takes_it_back(api, clinic, clock):
    for person in (clinic.clinician, clinic.second_clinician):
        person.set_password(PASSWORD)
        person.save(update_fields=["password"])
    infusion, _ = world.signed(clinic, clock)
    nurse, clinician = as_user(APIClient(), clinic.nurse), as_user(api, clinic.clinician)
    ready = services.current_sign_off(infusion).t_sign
    level = {"ketamine_ng_ml": "14.2", "observed_at": ready.isoformat()}
    assert post(nurse, f"{infusion.code}/levels/", level, **key("l1")).status_code == 201
    again = {
        "password": PASSWORD, "identity_checked": True, "reason": "Level of 14.2 ng/mL",
        "override_to": ready.isoformat(), "override_code": "measured_level",
    }  # fmt: skip
    path = f"{infusion.code}/sign-off/again/"
    assert post(nurse, path, again, **tag(infusion)).status_code == 403
    alone = post(clinician, path, again, **tag(infusion))
    assert (alone.status_code, alone.json()["type"]) == (422, "/problems/t0-second-person")
    second = {"email": clinic.second_clinician.email, "password": PASSWORD}
    signed = post(clinician, path, {**again, "second_person": second}, **tag(infusion))
    assert signed.status_code == 200, signed.content
    assert signed.json()["therapy"]["basis"] == "override"
    row = nurse.get(f"{BASE}/{infusion.code}/levels/").json()[0]
    strike = f"/api/v1/measured-levels/{row['code']}/strike/"
    assert nurse.post(strike, {"reason": "x"}, format="json").status_code == 428
    assert nurse.post(strike, {}, format="json", **tag(infusion)).status_code == 400
    assert nurse.post(strike, {"reason": "142"}, format="json", **tag(infusion)).status_code == 200
    therapy = nurse.get(f"{BASE}/{infusion.code}/").json()["therapy"]
    assert (therapy["basis"], therapy["from"]) == ("drug", therapy["drug_cleared_estimate"])


def test_infiltration_and_a_delay_by_the_api(api, clinic, clock):
    infusion = world.given(clinic, clock)
    nurse, clinician = as_user(APIClient(), clinic.nurse), as_user(api, clinic.clinician)
    delay = {"stated_delay_hours": "2", "stated_delay_reason": "Cirrhosis"}
    assert post(nurse, f"{infusion.code}/delay/", delay, **tag(infusion)).status_code == 403
    assert post(clinician, f"{infusion.code}/delay/", delay, **tag(infusion)).status_code == 200
    body = {"kind": "infiltration", "severity": "mild"}
    event = post(nurse, f"{infusion.code}/adverse-events/", body, **key("a1")).json()
    therapy = nurse.get(f"{BASE}/{infusion.code}/").json()["therapy"]
    assert (therapy["from"], therapy["drug_cleared_estimate"]) == (None, None)
    latest = nurse.get(f"{BASE}/{infusion.code}/estimates/").json()[0]
    assert (latest["withheld"], latest["t_pk"]) == ("infiltrated", None)
    strike = f"/api/v1/adverse-events/{event['code']}/strike/"
    assert nurse.post(strike, {"reason": "Other arm"}, format="json", **tag(infusion)).status_code == 200
    assert nurse.get(f"{BASE}/{infusion.code}/").json()["therapy"]["from"]


def test_a_weight_is_corrected_by_the_api_by_another_person_also_after_signing(api, clinic, clock):
    infusion, _ = world.signed(clinic, clock)
    path, right = (
        f"{infusion.code}/weight/correct/",
        {"weight_kg": "95.0", "reason": "Typed from the wrong chart"},
    )
    assert post(as_user(api, clinic.second_clinician), path, right).status_code == 428
    assert post(as_user(api, clinic.therapist), path, right, **tag(infusion)).status_code == 403
    assert post(as_user(api, clinic.outsider), path, right, **tag(infusion)).status_code == 404
    who_weighed = post(as_user(api, clinic.nurse), path, right, **tag(infusion))
    assert who_weighed.status_code == 422
    assert "Whoever weighed does not correct it" in who_weighed.content.decode()
    assert (
        post(
            as_user(api, clinic.second_clinician), path, {"weight_kg": "95.0", "reason": " "}, **tag(infusion)
        ).status_code
        == 400
    )
    assert not infusion.weight_corrections.exists()
    as_read = tag(infusion)
    assert post(as_user(api, clinic.second_clinician), path, right, **as_read).status_code in (200, 201)
    twice = post(as_user(api, clinic.second_clinician), path, right, **as_read)
    assert twice.status_code == 412, "posted twice, stored once"
    row = infusion.weight_corrections.get()
    assert (row.weight_kg, row.entered_by) == (Decimal("95.0"), clinic.second_clinician)
    again = post(
        as_user(api, clinic.nurse),
        f"{infusion.code}/weight/",
        {"weight_kg": "80"},
        **tag(Infusion.objects.get(pk=infusion.pk)),
    )
    assert again.status_code == 409, "a signed weight is corrected, not weighed again"


def test_a_safety_contact_is_taken_at_any_moment_and_once(api, clinic, clock):
    infusion = world.ready(clinic)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    clock.advance(minutes=60)
    body = {"patient": str(clinic.patient.code), "manner": "phone", "outcome": "Safe", "cssrs": 2}
    therapist = as_user(api, clinic.therapist)
    for _ in range(2):
        response = therapist.post("/api/v1/safety-contacts/", body, format="json", **key())
        assert response.status_code == 201
    assert clinic.patient.safety_contacts.count() == 1
    coordinator = as_user(APIClient(), clinic.coordinator)
    assert coordinator.post("/api/v1/safety-contacts/", body, format="json", **key()).status_code == 403
    assert coordinator.get(f"/api/v1/safety-contacts/?patient={clinic.patient.code}").json()["results"]


def test_consents_by_the_api(api, clinic, clock):
    nurse = as_user(api, clinic.nurse)
    document = clinic.version.documents.get(kind="consent")
    body = {"patient": str(clinic.patient.code), "document": str(document.code)}
    made = nurse.post("/api/v1/consents/", body, format="json", **key())
    assert made.status_code == 201
    unknown = {**body, "document": "00000000-0000-4000-8000-000000000000"}
    assert nurse.post("/api/v1/consents/", unknown, format="json", **key("2")).status_code == 400
    coordinator = as_user(APIClient(), clinic.coordinator)
    withdrawn = coordinator.post(f"/api/v1/consents/{made.json()['code']}/withdraw/", {}, format="json")
    assert withdrawn.json()["fhir_status"] == "inactive"
    world.consented(clinic)
    infusion = world.ready(clinic)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    clock.advance(minutes=1)
    refused = nurse.post("/api/v1/consents/", body, format="json", **key("3"))
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/consent-under-drug-effect")


def test_scores_by_the_api(api, clinic):
    therapist = as_user(api, clinic.therapist)
    body = {"patient": str(clinic.patient.code), "instrument": "gad7", "items": [1, 1, 1, 1, 1, 1, 1]}
    made = therapist.post("/api/v1/outcome-scores/", body, format="json", **key())
    assert (made.json()["total"], made.json()["band"]) == (7, "Mild")
    partial = ([9] * 7, [1] * 6, [1] * 8, [], [1, 1, 1, None, 1, 1, 1], [1, 1, 1, "", 1, 1, 1])
    for number, items in enumerate(partial):
        for name, most in (("gad7", items), ("phq9", [*items, 1, 1])):
            sent = {**body, "instrument": name, "items": most}
            bad = therapist.post("/api/v1/outcome-scores/", sent, format="json", **key(f"{name}-{number}"))
            assert bad.status_code == 400, sent
            assert "items" in bad.content.decode()
    without = {**body, "items": [1] * 6, "total": 6}
    assert therapist.post("/api/v1/outcome-scores/", without, format="json", **key("t")).status_code == 400
    assert clinic.patient.outcome_scores.count() == 1, "a partial set is never a total"


def test_prediction_answers_like_the_command(api, clinic):
    body = {
        "id": "a", "model": "otto2021", "weight_kg": 70,
        "regimen": {"inf": [[0, 40, 0.875]]}, "times_min": [40], "population": None,
    }  # fmt: skip
    nurse = as_user(api, clinic.nurse)
    answer = nurse.post("/api/v1/predictions/", body, format="json").json()
    assert answer["below_min"]["20"] == pytest.approx(279, abs=1)
    bad = nurse.post("/api/v1/predictions/", {**body, "weight_kg": -1}, format="json")
    assert bad.status_code == 400
    assert "weight_kg" in bad.content.decode()


def test_a_handover_is_taken_with_what_is_open_and_a_warning_over_capacity(api, clinic, clock):
    """The same act as on the page: the open items travel, and one patient more than planned is said."""
    infusion = world.given(clinic, clock)
    second = factories.make_user("nurse", sites=[clinic.site])
    lane = factories.make_resource(clinic.site, "nurse", user=second, capacity=1)
    other = factories.make_patient(clinic.site)
    services.accept_handover(
        handover=services.offer_handover(
            infusion=world.arrived(clinic, patient=other), to_nurse=second, by=clinic.nurse
        ),
        by=second,
    )
    offer = services.offer_handover(infusion=infusion, to_nurse=second, by=clinic.nurse)
    path = f"/api/v1/handovers/{offer.code}/accept/"
    assert as_user(api, clinic.nurse).post(path).status_code == 403
    assert as_user(api, clinic.outsider).post(path).status_code == 404
    first, again = (as_user(api, second).post(path) for _ in range(2))
    assert (first.status_code, first.json()) == (200, again.json())
    assert lane.capacity == 1
    assert first.json()["over_capacity"] is True
    offer.refresh_from_db()
    assert offer.open_items == first.json()["open_items"] != []
