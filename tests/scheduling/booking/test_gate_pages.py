"""Gates of visits on their pages and over the API."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from sessions.models import GateAnswer, SiteGate
from tests import factories
from tests.scheduling.booking import gate_world as g
from tests.scheduling.booking.gate_world import CARE, caller, own_gate, signed_in, state
from tests.scheduling.booking.helpers import book, choice, local

pytestmark = pytest.mark.django_db
series, visit = g.series, g.visit


PAGES = [
    ("before_visits", CARE, False),
    ("visit_gates", CARE, False),
    ("visit_gates_fragment", CARE, False),
    ("visit_gate", CARE, True),
    ("site_gates", CARE, True),
    ("site_gate_change", {"clinician", "coordinator"}, True),
    ("site_gate_retire", {"clinician", "coordinator"}, True),
    ("override_report", {"clinician", "nurse", "coordinator"}, False),
]


class TestPages:
    def url(self, clinic, visit, name):
        args = {
            "visit_gates": [visit.code],
            "visit_gates_fragment": [visit.code],
            "visit_gate": [visit.code, "escort"],
        }
        if name.startswith("site_gate_"):
            gate = SiteGate.objects.first() or own_gate(clinic)
            args[name] = [gate.code]
        return reverse(name, args=args.get(name, []))

    @pytest.mark.parametrize(("name", "allowed", "posts"), PAGES)
    def test_who_may_open_it_and_how(self, clinic, visit, name, allowed, posts):
        url = self.url(clinic, visit, name)
        get = name != "site_gate_retire"
        assert Client().get(url).status_code in (302, 405)
        for role in ("clinician", "nurse", "therapist", "coordinator", "protocol_admin"):
            person = {"protocol_admin": clinic.admin}.get(role) or getattr(clinic, role)
            answer = signed_in(person).get(url) if get else signed_in(person).post(url)
            assert answer.status_code == (403 if role not in allowed else 200 if get else 302), role
        if name.startswith(("visit", "site_gate_")):
            outsider = signed_in(clinic.outsider)
            assert (outsider.get(url) if get else outsider.post(url)).status_code == 404
        if not posts:
            assert signed_in(clinic.clinician).post(url).status_code == 405

    def test_tomorrow_names_what_is_missing_per_patient(self, clinic, visit, clock):
        clock.set(visit.during.lower - timedelta(days=1))
        page = signed_in(clinic.coordinator).get(reverse("before_visits"), {"span": "tomorrow"})
        text = page.content.decode()
        for words in ("Escort named", "Fasting agreed", "Consent to this version", str(clinic.patient)):
            assert words in text
        mine = signed_in(clinic.coordinator).get(reverse("before_visits"), {"whose": "mine"}).content.decode()
        assert "Escort named" in mine
        assert "Consent to this version" not in mine
        empty = signed_in(clinic.coordinator).get(reverse("before_visits"), {"span": "x' OR 1=1"})
        assert empty.status_code == 200

    def test_marking_by_the_form_bad_input_and_repeats(self, clinic, visit):
        client, url = signed_in(clinic.coordinator), reverse("visit_gate", args=[visit.code, "escort"])
        good = {"outcome": "met", "note": "Sister", "patient_code": str(clinic.patient.code)}
        assert client.post(url, good | {"outcome": "overridden"}).status_code == 422
        assert client.post(url, good | {"patient_code": "x"}).status_code == 409
        assert client.post(url, good | {"note": "x" * 301}).status_code == 422
        assert not GateAnswer.objects.exists()
        for _ in range(2):
            assert client.post(url, good).status_code == 302
        assert GateAnswer.objects.count() == 1
        over = {
            "outcome": "overridden",
            "reason_code": "assessed",
            "note": "",
            "patient_code": str(clinic.patient.code),
        }
        assert signed_in(clinic.clinician).post(url, over).status_code == 302
        assert state(visit, "escort") == "overridden"
        assert client.get(reverse("visit_gate", args=[visit.code, "consent"])).status_code == 302
        assert client.get(reverse("visit_gate", args=[visit.code, "moon"])).status_code == 404

    def test_a_site_gate_by_the_form(self, clinic):
        client, url = signed_in(clinic.coordinator), reverse("site_gates")
        good = {
            "label": "Prior authorisation",
            "due": "before_48h",
            "owner_role": "coordinator",
            "hard": "no",
            "version": "1",
        }
        assert client.post(url, good | {"due": "never"}).status_code == 422
        assert client.post(url, good | {"label": ""}).status_code == 422
        assert client.post(url, good).status_code == 302
        assert client.post(url, good).status_code == 409, "the same words twice"
        gate = SiteGate.objects.get()
        change = reverse("site_gate_change", args=[gate.code])
        assert client.post(change, good | {"hard": "yes", "version": "7"}).status_code == 412
        assert client.post(change, good | {"hard": "yes"}).status_code == 302
        assert SiteGate.objects.get().hard
        assert signed_in(clinic.nurse).post(url, good).status_code == 403

    def test_the_list_costs_the_same_with_one_and_with_three_visits(self, clinic, clock):
        own_gate(clinic)
        client = signed_in(clinic.nurse)
        book(clinic)
        clock.set(local(clinic, 4))

        def cost() -> int:
            with CaptureQueriesContext(
                connection,
            ) as seen:
                assert client.get(reverse("before_visits"), {"span": "tomorrow"}).status_code == 200
            return len(seen)

        cost()
        one = cost()
        for hour, chair in ((12, 1), (15, 2)):
            visits = [
                choice(clinic, n, local(clinic, day, hour), chair=str(clinic.chairs[chair].code))
                for n, day in enumerate((5, 9, 12, 16, 19, 23), start=1)
            ]
            book(clinic, patient=factories.make_patient(clinic.site), visits=visits)
        assert cost() == one


class TestApi:
    def test_read_answer_and_refuse(self, clinic, visit):
        nurse, base = caller(clinic.nurse), f"/api/v1/visit-gates/{visit.code}/"
        seen = nurse.get(base).json()
        assert {line["gate"] for line in seen["gates"]} >= {"eligibility", "escort", "order"}
        good = {"gate": "escort", "outcome": "met", "note": "Sister"}
        for bad in (
            {"outcome": 7},
            {"gate": "x" * 200},
            {"note": ["x"]},
            {"more": 1},
            {"reason_code": "whim"},
        ):
            assert nurse.post(f"{base}answer/", good | bad, format="json").status_code == 400
        assert nurse.post(f"{base}answer/", good | {"gate": "order"}, format="json").status_code == 422
        for _ in range(2):
            done = nurse.post(f"{base}answer/", good, format="json")
            assert done.status_code == 200
        assert GateAnswer.objects.count() == 1
        assert caller(clinic.outsider).get(base).status_code == 404
        assert caller(clinic.admin).get(base).status_code == 403

    def test_lists_and_site_gates(self, clinic, visit, clock):
        coordinator, site = caller(clinic.coordinator), {"site": str(clinic.site.code)}
        clock.set(visit.during.lower - timedelta(days=1))
        found = coordinator.get("/api/v1/visit-gates/", site).json()["visits"]
        assert [item["appointment"] for item in found] == [str(visit.code)]
        assert coordinator.get("/api/v1/visit-gates/", site | {"span": "ever"}).status_code == 400
        body = site | {"label": "ECG", "due": "check_in", "owner_role": "nurse", "hard": True}
        key = {"HTTP_IDEMPOTENCY_KEY": str(uuid.uuid4())}
        made = coordinator.post("/api/v1/site-gates/", body, format="json", **key)
        assert made.status_code == 201
        assert coordinator.post("/api/v1/site-gates/", body, format="json", **key).json() == made.json()
        assert coordinator.post("/api/v1/site-gates/", body, format="json").status_code == 400
        gate = f"/api/v1/site-gates/{made.json()['code']}/"
        change = {key: body[key] for key in ("label", "due", "owner_role")} | {"hard": False}
        assert coordinator.post(f"{gate}change/", change, format="json").status_code == 428
        tag = {"HTTP_IF_MATCH": made["ETag"]}
        assert coordinator.post(f"{gate}change/", change, format="json", **tag).json()["hard"] is False
        assert coordinator.post(f"{gate}change/", change, format="json", **tag).status_code == 412
        assert coordinator.post(f"{gate}retire/", format="json").json()["retired_at"]
        assert caller(clinic.nurse).post(f"{gate}retire/", format="json").status_code == 403
        assert len(coordinator.get("/api/v1/site-gates/").json()["results"]) == 1
