"""`/api/v1/series/`, `appointments/`, `resources/`: contract, preconditions, idempotency, scope and bad input."""

from __future__ import annotations

import json
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from scheduling.models import Appointment, TreatmentSeries
from tests import factories
from tests.scheduling.booking.helpers import book, local, minutes, six, visits_of

pytestmark = pytest.mark.django_db
SERIES, APPOINTMENTS, RESOURCES = "/api/v1/series/", "/api/v1/appointments/", "/api/v1/resources/"


def caller(user) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def coordinator(clinic):
    return caller(clinic.coordinator)


def key() -> dict[str, str]:
    return {"HTTP_IDEMPOTENCY_KEY": str(uuid.uuid4())}


def body(clinic, **over):
    visits = [
        {
            "ordinal": item.ordinal,
            "start": item.start.isoformat(),
            "chair": item.chair,
            "nurse": item.nurse,
            "prescriber": item.prescriber,
        }
        for item in six(clinic)
    ]
    fields = {
        "patient": str(clinic.patient.code),
        "protocol_version": str(clinic.version.code),
        "weight_kg": "70.0",
        "visits": visits,
    }
    return fields | over


def plan(clinic, **over):
    fields = {
        "patient": str(clinic.patient.code),
        "protocol_version": str(clinic.version.code),
        "weight_kg": "70.0",
        "first_day": local(clinic, 5).date().isoformat(),
    }
    return fields | over


class TestSeries:
    def test_preview_then_book(self, clinic, coordinator):
        preview = coordinator.post(f"{SERIES}preview/", plan(clinic), format="json")
        assert preview.status_code == 200
        proposal = preview.json()
        assert proposal["complete"]
        assert len(proposal["visits"]) == 6
        assert {item["kind"] for item in proposal["visits"][0]["follow_ups"]} >= {
            "no_driving",
            "integration_1",
        }
        assert not TreatmentSeries.objects.exists()
        names = ("ordinal", "start", "chair", "nurse", "prescriber")
        visits = [{name: item[name] for name in names} for item in proposal["visits"]]
        booked = coordinator.post(SERIES, body(clinic, visits=visits), format="json", **key())
        assert booked.status_code == 201
        assert booked["ETag"] == f'"{booked.json()["code"]}.1"'
        assert [item["status"] for item in booked.json()["appointments"]] == ["booked"] * 6
        assert booked.json()["fhir_status"] == "active"

    def test_one_key_books_once_and_another_body_is_refused(self, clinic, coordinator):
        same = key()
        first = coordinator.post(SERIES, body(clinic), format="json", **same)
        again = coordinator.post(SERIES, body(clinic), format="json", **same)
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.json() == again.json()
        assert again["Idempotent-Replay"] == "true"
        other = coordinator.post(SERIES, body(clinic, weight_kg="71.0"), format="json", **same)
        assert other.status_code == 422
        assert TreatmentSeries.objects.count() == 1

    def test_booking_without_a_key_is_refused(self, clinic, coordinator):
        answer = coordinator.post(SERIES, body(clinic), format="json")
        assert (answer.status_code, answer.json()["type"]) == (400, "/problems/idempotency-key")

    def test_a_clash_names_the_visit_and_what_stands_in_the_way(self, clinic, coordinator):
        book(clinic, patient=factories.make_patient(clinic.site, family_name="Earlier"))
        answer = coordinator.post(SERIES, body(clinic), format="json", **key())
        assert answer.status_code == 409
        problem = answer.json()
        assert problem["detail"].startswith("1 of 6: ")
        assert problem["errors"][0]["pointer"].startswith("/visits/0/")
        assert answer["Content-Type"] == "application/problem+json"
        assert problem["conflicts"][0]["resource"] == "Chair 1"
        assert "Earlier" in problem["conflicts"][0]["detail"]

    def test_a_rule_is_422(self, clinic, coordinator):
        visits = body(clinic)["visits"]
        visits[1]["start"] = (six(clinic)[0].start + minutes(60)).isoformat()
        answer = coordinator.post(SERIES, body(clinic, visits=visits), format="json", **key())
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/gap")

    def test_reserved_slots_are_confirmed_or_given_back(self, clinic, coordinator):
        held = coordinator.post(SERIES, body(clinic, hold_minutes=15), format="json", **key()).json()
        assert {item["status"] for item in held["appointments"]} == {"reserved"}
        confirmed = coordinator.post(f"{SERIES}{held['code']}/confirm/", {}, format="json")
        assert {item["status"] for item in confirmed.json()["appointments"]} == {"booked"}
        assert coordinator.post(f"{SERIES}{held['code']}/confirm/", {}, format="json").status_code == 409

    def test_ending_needs_the_right_role_and_the_version_read(self, clinic, coordinator):
        series = book(clinic)
        url = f"{SERIES}{series.code}/end/"
        data = {"reason": "no-response", "initiator": "clinician"}
        assert coordinator.post(url, data, format="json").status_code == 403
        clinician = caller(clinic.clinician)
        assert clinician.post(url, data, format="json").status_code == 428
        stale = clinician.post(url, data, format="json", HTTP_IF_MATCH=f'"{series.code}.7"')
        assert stale.status_code == 412
        ended = clinician.post(url, data, format="json", HTTP_IF_MATCH=f'"{series.code}.1"')
        assert (ended.status_code, ended.json()["status"]) == (200, "ended")

    def test_a_new_date_and_an_extra_infusion(self, clinic, coordinator):
        series = book(clinic)
        last = visits_of(series)[-1]
        cancel = coordinator.post(
            f"{APPOINTMENTS}{last.code}/cancel/",
            {"reason": "staff"},
            format="json",
            HTTP_IF_MATCH=f'"{last.code}.1"',
        )
        assert (cancel.status_code, cancel.json()["fhir_status"]) == (200, "cancelled")
        again = {"ordinal": 6, "start": local(clinic, 23, 8, 30).isoformat()}
        assert (
            coordinator.post(f"{SERIES}{series.code}/visits/", again, format="json", **key()).status_code
            == 201
        )
        extra = {"start": local(clinic, 30, 9).isoformat(), "reason": "maintenance", "initiator": "clinician"}
        answer = coordinator.post(f"{SERIES}{series.code}/extra/", extra, format="json", **key())
        assert (answer.status_code, answer.json()["ordinal"]) == (201, 7)


class TestAppointments:
    @pytest.fixture
    def visit(self, clinic):
        return visits_of(book(clinic))[2]

    def test_read_with_an_etag_and_move_with_it(self, clinic, coordinator, visit):
        read = coordinator.get(f"{APPOINTMENTS}{visit.code}/")
        assert read.json()["start"] == "2026-03-12T16:00:00Z"
        assert {item["kind"] for item in read.json()["resources"]} == {"chair", "nurse", "clinician"}
        move = {"start": local(clinic, 12, 13).isoformat(), "reason": "patient-asked", "initiator": "patient"}
        url = f"{APPOINTMENTS}{visit.code}/move/"
        assert coordinator.post(url, move, format="json").status_code == 428
        moved = coordinator.post(url, move, format="json", HTTP_IF_MATCH=read["ETag"])
        assert (moved.status_code, moved.json()["start"]) == (200, "2026-03-12T20:00:00Z")
        assert moved["ETag"] == f'"{visit.code}.2"'
        assert coordinator.post(url, move, format="json", HTTP_IF_MATCH=read["ETag"]).status_code == 412

    def test_an_etag_of_another_visit_is_stale(self, clinic, coordinator, visit):
        other = visits_of(visit.series)[3]
        move = {"start": local(clinic, 12, 13).isoformat(), "reason": "patient-asked"}
        answer = coordinator.post(
            f"{APPOINTMENTS}{visit.code}/move/", move, format="json", HTTP_IF_MATCH=f'"{other.code}.1"'
        )
        assert answer.status_code == 412

    def test_skip_no_show_and_check_in(self, clinic, clock, visit):
        series = visit.series
        clinician = caller(clinic.clinician)
        rows = visits_of(series)
        skip = {"reason": "responded", "initiator": "clinician"}
        match = {"HTTP_IF_MATCH": f'"{rows[5].code}.1"'}
        assert (
            clinician.post(f"{APPOINTMENTS}{rows[5].code}/omit/", skip, format="json", **match).status_code
            == 200
        )
        clock.set(rows[0].during.lower)
        match = {"HTTP_IF_MATCH": f'"{rows[0].code}.1"'}
        arrived = caller(clinic.nurse).post(
            f"{APPOINTMENTS}{rows[0].code}/check-in/", {}, format="json", **match
        )
        assert arrived.json()["status"] == "arrived"
        assert arrived.json()["infusion"]
        clock.set(rows[1].during.lower + minutes(60))
        match = {"HTTP_IF_MATCH": f'"{rows[1].code}.1"'}
        missed = clinician.post(
            f"{APPOINTMENTS}{rows[1].code}/no-show/", {"reason": "no-contact"}, format="json", **match
        )
        assert missed.json()["fhir_status"] == "noshow"

    def test_filters(self, clinic, coordinator, visit):
        def codes(**query):
            return [item["code"] for item in coordinator.get(APPOINTMENTS, query).json()["results"]]

        assert len(codes(patient=str(clinic.patient.code), status="booked")) == 6
        day = {
            "starts_from": local(clinic, 12, 0).isoformat(),
            "starts_until": local(clinic, 13, 0).isoformat(),
        }
        assert codes(**day) == [str(visit.code)]
        assert codes(kind="therapy") == []
        assert codes(series=str(visit.series.code), page_size="2") == codes()[:2]
        assert coordinator.get(APPOINTMENTS, {"status": "nonsense"}).status_code == 400

    def test_the_list_costs_the_same_for_one_series_and_three(self, clinic, coordinator, visit):
        def cost():
            with CaptureQueriesContext(connection) as found:
                coordinator.get(APPOINTMENTS)
            return len(found)

        cost()
        one = cost()
        for hour, chair in ((12, 1), (15, 2)):
            rows = six(clinic, hour=hour, chair=str(clinic.chairs[chair].code))
            book(clinic, patient=factories.make_patient(clinic.site), visits=rows)
        assert cost() == one


class TestScope:
    def test_no_account_no_answer(self, clinic):
        series = book(clinic)
        for url in (SERIES, APPOINTMENTS, RESOURCES, f"{SERIES}{series.code}/", f"{SERIES}preview/"):
            assert APIClient().get(url).status_code in (401, 403)

    def test_another_site_sees_nothing_and_books_nothing(self, clinic):
        series = book(clinic)
        outsider = caller(clinic.outsider)
        visit = visits_of(series)[0]
        for url in (
            f"{SERIES}{series.code}/",
            f"{APPOINTMENTS}{visit.code}/",
            f"{RESOURCES}{clinic.chairs[0].code}/",
        ):
            assert outsider.get(url).status_code == 404
        for url in (SERIES, APPOINTMENTS, RESOURCES):
            assert outsider.get(url).json()["results"] == []
        other = factories.make_patient(clinic.site)
        answer = outsider.post(SERIES, body(clinic, patient=str(other.code)), format="json", **key())
        assert answer.status_code == 404
        match = {"HTTP_IF_MATCH": f'"{visit.code}.1"'}
        assert (
            outsider.post(f"{APPOINTMENTS}{visit.code}/move/", {}, format="json", **match).status_code == 404
        )

    def test_roles(self, clinic):
        therapist, admin = caller(clinic.therapist), caller(clinic.admin)
        assert therapist.post(SERIES, body(clinic), format="json", **key()).status_code == 403
        assert therapist.post(f"{SERIES}preview/", plan(clinic), format="json").status_code == 403
        assert admin.get(SERIES).status_code == 403
        assert admin.get(APPOINTMENTS).status_code == 403


BAD = [
    ({"weight_kg": True}, "/weight_kg"),
    ({"weight_kg": "NaN"}, "/weight_kg"),
    ({"weight_kg": "7_0"}, "/weight_kg"),
    ({"weight_kg": 1e400}, ""),
    ({"weight_kg": "400"}, "/weight_kg"),
    ({"visits": []}, "/visits"),
    ({"visits": [{"ordinal": 1, "start": "2026-03-05T09:00:00"}]}, "/visits/0/start"),
    ({"visits": [{"ordinal": 1, "start": "2026-03-05T25:00:00Z"}]}, "/visits/0/start"),
    ({"visits": [{"ordinal": True, "start": "2026-03-05T17:00:00Z"}]}, "/visits/0/ordinal"),
    ({"visits": [{"ordinal": 1, "start": "2026-03-05T17:00:00Z", "room": "x"}]}, "/visits/0/room"),
    ({"visits": [{"ordinal": 1, "start": "2026-03-05T17:00:00Z"}] * 61}, "/visits"),
    ({"visits": "all"}, "/visits"),
    ({"patient": "1"}, "/patient"),
    ({"caution_reason": "a\ud800"}, ""),
    ({"colour": "red"}, "/colour"),
    ({"hold_minutes": -1}, "/hold_minutes"),
    ({"therapy": [{"ordinal": 1}]}, "/therapy/0/kind"),
]


@pytest.mark.parametrize(("over", "pointer"), BAD)
def test_bad_input_is_400_and_names_the_field(clinic, coordinator, over, pointer):
    text = json.dumps(body(clinic) | over)
    answer = coordinator.post(SERIES, text, content_type="application/json", **key())
    assert answer.status_code == 400
    if pointer:
        assert any(item["pointer"].startswith(pointer) for item in answer.json()["errors"])
    assert not TreatmentSeries.objects.exists()


def test_duplicate_keys_and_an_array_are_400(clinic, coordinator):
    text = json.dumps(body(clinic))
    double = text[:-1] + ', "weight_kg": "700"}'
    assert coordinator.post(SERIES, double, content_type="application/json", **key()).status_code == 400
    assert coordinator.post(SERIES, "[]", content_type="application/json", **key()).status_code == 400
    assert not Appointment.objects.exists()
