"""The clinic optimiser: start, search, stop, accept; by page, API and worker; refusals leave nothing behind."""

from __future__ import annotations

import re
import uuid

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.test import APIClient

from scheduling.domain.planner import plan_series
from scheduling.models import Appointment, ClinicPlanEntry, ClinicPlanRun, TreatmentSeries
from scheduling.services import clinic_plan_bookings, clinic_plans, proposals
from scheduling.services.clinic_plans import Wish
from scheduling.services.seating import VisitChoice
from staff.errors import Clash, InvalidInput, StateConflict
from staff.strict import parse_instant
from tests import factories
from tests.scheduling.booking.helpers import WEIGHT, book, local, minutes

pytestmark = pytest.mark.django_db
LIST = "/api/v1/clinic-plans/"
State, Place = ClinicPlanRun.State, ClinicPlanEntry.State


class Woken(list[str]):
    """A worker that notes what it was woken for."""

    def __call__(self, code: str) -> None:
        self.append(code)


def people(clinic, count: int = 2):
    """The clinic's patient and others who wait like them."""
    others = [
        factories.make_patient(clinic.site, therapist=clinic.therapist, prescriber=clinic.clinician)
        for _ in range(count - 1)
    ]
    return [clinic.patient, *others]


def start(clinic, patients=None, **over):
    fields = {
        "site": clinic.site,
        "protocol_version": clinic.version,
        "first_day": local(clinic, 5).date(),
        "wishes": [Wish(item, WEIGHT) for item in patients or people(clinic)],
        "seconds": 1,
        "by": clinic.coordinator,
        "wake": Woken(),
    }
    return clinic_plans.start_run(**(fields | over))


def done(clinic, patients=None, **over):
    """A run that a worker has done."""
    run = start(clinic, patients, **over)
    assert clinic_plans.work(str(run.code))
    return ClinicPlanRun.objects.for_page().get(pk=run.pk)


def open_codes(run):
    return [str(item.code) for item in run.entries.filter(state=Place.PROPOSED)]


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def caller(user) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


class TestService:
    def test_one_patient_gets_the_plan_of_the_plan_page(self, clinic):
        run = done(clinic, [clinic.patient])
        page = proposals.propose_series(
            patient=clinic.patient,
            protocol_version=clinic.version,
            weight_kg=WEIGHT,
            first_day=local(clinic, 5).date(),
            by=clinic.coordinator,
        )
        entry = run.entries.get()
        assert (run.state, entry.state, run.placed) == (State.DONE, Place.PROPOSED, 1)
        assert run.cost == page.plan.cost
        assert [item["start"] for item in entry.visits] == [
            item.start.isoformat() for item in page.plan.visits
        ]

    def test_the_worker_asks_the_planner_what_the_page_asks(self, clinic):
        run = start(clinic)
        entries = list(run.entries.select_related("patient__site"))
        asked = clinic_plans.requests_of(run, entries, clinic.now)
        for entry, request in zip(entries, asked, strict=True):
            page = proposals.propose_series(
                patient=entry.patient,
                protocol_version=clinic.version,
                weight_kg=WEIGHT,
                first_day=run.first_day,
                by=clinic.coordinator,
            )
            assert plan_series(request) == page.plan

    def test_all_are_booked_together_and_counted_against_the_bound(self, clinic):
        run = done(clinic)
        assert run.bound <= run.cost
        assert run.report["windows"] == 12
        assert max(day["after"] for day in run.report["days"]) >= 1
        series = clinic_plan_bookings.accept(run=run, entries=open_codes(run), by=clinic.coordinator)
        assert len(series) == 2
        assert Appointment.objects.infusions().count() == 12
        assert Appointment.objects.filter(kind="therapy").count() == sum(
            len(item.therapy) for item in run.entries.all()
        )
        assert set(run.entries.values_list("state", flat=True)) == {Place.BOOKED}

    def test_one_clash_books_nobody_and_names_the_patient(self, clinic):
        run = done(clinic)
        last = run.entries.last()
        taken = factories.make_patient(clinic.site, family_name="Quicker")
        take_the_place_of(clinic, taken, last.visits[0])
        with pytest.raises(Clash) as refused:
            clinic_plan_bookings.accept(run=run, entries=open_codes(run), by=clinic.coordinator)
        assert last.patient.full_name in refused.value.message
        assert TreatmentSeries.objects.exclude(patient=taken).count() == 0
        assert set(run.entries.values_list("state", flat=True)) == {Place.PROPOSED}

    def test_some_can_be_accepted_and_each_only_once(self, clinic):
        run = done(clinic)
        chosen = open_codes(run)[:1]
        clinic_plan_bookings.accept(run=run, entries=chosen, by=clinic.coordinator, reserve_therapy=False)
        assert TreatmentSeries.objects.count() == 1
        assert not Appointment.objects.filter(kind="therapy").exists()
        with pytest.raises(StateConflict):
            clinic_plan_bookings.accept(run=run, entries=chosen, by=clinic.coordinator)
        with pytest.raises(InvalidInput):
            clinic_plan_bookings.accept(run=run, entries=[str(uuid.uuid4())], by=clinic.coordinator)
        with pytest.raises(InvalidInput):
            clinic_plan_bookings.accept(run=run, entries=["x"], by=clinic.coordinator)

    def test_stop_keeps_the_best_and_a_run_not_begun_ends(self, clinic):
        run = start(clinic, seconds=300)
        ClinicPlanRun.objects.filter(pk=run.pk).update(stop_asked_by=clinic.coordinator)
        assert clinic_plans.work(str(run.code))
        run.refresh_from_db()
        assert (run.state, run.entries.filter(state=Place.PROPOSED).count()) == (State.DONE, 2)
        waiting = clinic_plans.ask_to_stop(run=start(clinic, people(clinic)[1:]), by=clinic.coordinator)
        assert waiting.state == State.FAILED
        again = clinic_plans.ask_to_stop(run=waiting, by=clinic.coordinator)
        assert again.finished_at == waiting.finished_at
        assert not clinic_plans.work(str(waiting.code))

    @pytest.mark.parametrize(
        ("over", "field"),
        [
            ({"wishes": []}, "patients"),
            ({"seconds": 0}, "seconds"),
            ({"seconds": 10_000}, "seconds"),
        ],
    )
    def test_bad_input_is_refused_by_name_and_writes_nothing(self, clinic, over, field):
        with pytest.raises(InvalidInput) as refused:
            start(clinic, **over)
        assert refused.value.field == field
        assert not ClinicPlanRun.objects.exists()

    def test_twice_elsewhere_busy_and_past_are_refused(self, clinic):
        one = Wish(clinic.patient, WEIGHT)
        stranger = factories.make_patient(factories.make_site(name="Far", short_name="Far"))
        for wishes in ([one, one], [Wish(stranger, WEIGHT)], [Wish(clinic.patient, WEIGHT, 4)]):
            with pytest.raises(InvalidInput):
                start(clinic, wishes=wishes)
        with pytest.raises(InvalidInput):
            start(clinic, first_day=(clinic.now - minutes(60 * 48)).date())
        book(clinic)
        with pytest.raises(StateConflict) as refused:
            start(clinic)
        assert clinic.patient.full_name in refused.value.message
        assert not ClinicPlanRun.objects.exists()

    def test_one_run_of_a_site_at_a_time(self, clinic):
        start(clinic)
        with pytest.raises(StateConflict) as refused:
            start(clinic)
        assert refused.value.code == "clinic-plan-running"

    def test_one_search_at_a_time_so_that_the_tick_has_a_worker(self, clinic):
        first = start(clinic)
        ClinicPlanRun.objects.filter(pk=first.pk).update(state=State.RUNNING, beat_at=clinic.now)
        elsewhere = factories.make_site(name="Second house", short_name="Second")
        second = start(clinic, [factories.make_patient(elsewhere)], site=elsewhere)
        assert not clinic_plans.work(str(second.code))
        second.refresh_from_db()
        assert second.state == State.QUEUED

    def test_lost_wake_ups_and_silent_workers_are_seen_to(self, clinic, clock):
        run, woken = start(clinic), Woken()
        assert clinic_plans.sweep(woken) == 0
        clock.advance(minutes=1)
        assert clinic_plans.sweep(woken) == 1
        assert woken == [str(run.code)]
        ClinicPlanRun.objects.filter(pk=run.pk).update(state=State.RUNNING, beat_at=clinic.now)
        assert clinic_plans.sweep(woken) == 0
        clock.advance(minutes=2)
        assert clinic_plans.sweep(woken) == 1
        run.refresh_from_db()
        assert (run.state, bool(run.failure)) == (State.FAILED, True)

    def test_the_database_keeps_states_honest(self, clinic):
        run = done(clinic, [clinic.patient])
        broken = (
            "UPDATE scheduling_clinicplanrun SET state = 'odd'",
            "UPDATE scheduling_clinicplanrun SET state = 'running'",
            "UPDATE scheduling_clinicplanrun SET percent = 101",
            "UPDATE scheduling_clinicplanentry SET state = 'booked'",
            "UPDATE scheduling_clinicplanentry SET priority = 9",
        )
        for statement in broken:
            with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
        run.refresh_from_db()
        assert run.state == State.DONE


def take_the_place_of(clinic, patient, visit):
    """A series of somebody else whose first visit has the very chair, nurse and start of a proposed one."""
    start_at = parse_instant(visit["start"], field="start")
    proposal = proposals.propose_series(
        patient=patient,
        protocol_version=clinic.version,
        weight_kg=WEIGHT,
        first_day=local(clinic, 5).date(),
        by=clinic.coordinator,
        pinned={1: start_at},
    )
    chosen = [
        VisitChoice(item.ordinal, item.start, item.chair, item.nurse, item.prescriber)
        for item in proposal.plan.visits
    ]
    chosen[0] = VisitChoice(1, start_at, visit["chair"], visit["nurse"], visit["prescriber"])
    book(clinic, patient=patient, visits=chosen)


class TestPages:
    def test_choose_start_watch_accept(self, clinic, django_capture_on_commit_callbacks, monkeypatch):
        woken = Woken()
        monkeypatch.setattr("scheduling.views.clinic_plan.wake_clinic_plan", woken)
        client, patients = signed_in(clinic.coordinator), people(clinic)
        page = client.get(reverse("clinic_plan_list"))
        assert page.status_code == 200
        token = re.search(r'name="token" value="([^"]+)"', page.content.decode())[1]
        sent = {
            "token": token,
            "protocol": str(clinic.version.code),
            "first_day": local(clinic, 5).date().isoformat(),
            "seconds": "10",
            "patient": [str(item.code) for item in patients],
            **{f"weight-{item.code}": "70.0" for item in patients},
            **{f"priority-{item.code}": "3" for item in patients},
        }
        with django_capture_on_commit_callbacks(execute=True):
            started = client.post(reverse("clinic_plan_list"), sent)
        again = client.post(reverse("clinic_plan_list"), sent)
        run = ClinicPlanRun.objects.get()
        assert (started.status_code, started["Location"], woken) == (302, again["Location"], [str(run.code)])
        assert "Waiting for a worker" in client.get(started["Location"]).content.decode()
        ClinicPlanRun.objects.filter(pk=run.pk).update(seconds=1)
        clinic_plans.work(str(run.code))
        shown = client.get(started["Location"]).content.decode()
        assert "from the best possible" in shown or "the best possible" in shown
        token = re.search(r'name="token" value="([^"]+)"', shown)[1]
        accepted = client.post(
            reverse("clinic_plan_accept", args=[run.code]),
            {"token": token, "entry": open_codes(run), "reserve_therapy": "1"},
        )
        assert accepted.status_code == 302
        assert TreatmentSeries.objects.count() == 2
        repeat = client.post(
            reverse("clinic_plan_accept", args=[run.code]), {"token": token, "entry": open_codes(run)}
        )
        assert repeat.status_code == 302
        assert TreatmentSeries.objects.count() == 2

    def test_bad_input_is_said_and_kept(self, clinic):
        client = signed_in(clinic.coordinator)
        code = str(clinic.patient.code)
        good = {
            "token": str(uuid.uuid4()),
            "protocol": str(clinic.version.code),
            "first_day": local(clinic, 5).date().isoformat(),
            "seconds": "10",
            "patient": [code],
            f"weight-{code}": "70",
        }
        for wrong in (
            {f"weight-{code}": "heavy"},
            {f"weight-{code}": "7"},
            {"patient": []},
            {"patient": [str(uuid.uuid4())]},
            {"first_day": "soon"},
            {"token": "x"},
            {"seconds": "99999"},
            {f"priority-{code}": "9"},
        ):
            answer = client.post(reverse("clinic_plan_list"), good | wrong)
            assert answer.status_code in (400, 409, 422), wrong
        assert not ClinicPlanRun.objects.exists()

    def test_who_may_and_who_may_not(self, clinic):
        run = done(clinic, [clinic.patient])
        pages = [reverse("clinic_plan_list"), reverse("clinic_plan_detail", args=[run.code])]
        acts = [reverse(f"clinic_plan_{name}", args=[run.code]) for name in ("stop", "accept")]
        for address in pages + acts:
            assert Client().post(address).status_code in (302, 405)
        for user in (clinic.nurse, clinic.therapist):
            assert {signed_in(user).get(address).status_code for address in pages} == {403}
            assert {signed_in(user).post(address).status_code for address in acts} == {403}
        outside = signed_in(clinic.outsider)
        assert outside.get(pages[1]).status_code == 404
        assert {outside.post(address).status_code for address in acts} == {404}
        inside = signed_in(clinic.clinician)
        assert inside.delete(pages[0]).status_code == 405
        assert {inside.get(address).status_code for address in acts} == {405}
        assert inside.post(acts[1], {"token": str(uuid.uuid4())}).status_code == 400
        assert not TreatmentSeries.objects.exists()

    def test_queries_do_not_grow_with_the_patients(self, clinic):
        counts = []
        client = signed_in(clinic.coordinator)
        for count in (1, 3):
            run = done(clinic, people(clinic, count))
            for address in (reverse("clinic_plan_list"), reverse("clinic_plan_detail", args=[run.code])):
                client.get(address)
                with CaptureQueriesContext(connection) as seen:
                    client.get(address)
                counts.append(len(seen))
        assert counts[:2] == counts[2:]


class TestApi:
    def test_start_watch_accept(self, clinic):
        api = caller(clinic.coordinator)
        body = {
            "site": str(clinic.site.code),
            "protocol_version": str(clinic.version.code),
            "first_day": local(clinic, 5).date().isoformat(),
            "seconds": 1,
            "patients": [{"patient": str(clinic.patient.code), "weight_kg": "70.0"}],
        }
        key = {"HTTP_IDEMPOTENCY_KEY": str(uuid.uuid4())}
        first = api.post(LIST, body, format="json", **key)
        again = api.post(LIST, body, format="json", **key)
        assert (first.status_code, again.status_code) == (202, 202)
        assert first["Location"].endswith(f"{first.json()['code']}/")
        clinic_plans.work(first.json()["code"])
        shown = api.get(first["Location"]).json()
        assert (shown["state"], shown["placed"], shown["entries"][0]["state"]) == ("done", 1, "proposed")
        assert shown["percent_above_best"] >= 0
        assert [item["code"] for item in api.get(LIST).json()["results"]] == [shown["code"]]
        booked = api.post(
            f"{first['Location']}accept/",
            {"entries": [shown["entries"][0]["code"]]},
            format="json",
            HTTP_IDEMPOTENCY_KEY=str(uuid.uuid4()),
        )
        assert booked.status_code == 200
        assert booked.json()["entries"][0]["series"] == str(TreatmentSeries.objects.get().code)
        assert api.post(f"{first['Location']}stop/", {}, format="json").json()["state"] == "done"

    def test_bad_bodies_wrong_roles_and_other_sites(self, clinic):
        api = caller(clinic.coordinator)
        body = {
            "site": str(clinic.site.code),
            "protocol_version": str(clinic.version.code),
            "first_day": local(clinic, 5).date().isoformat(),
            "patients": [{"patient": str(clinic.patient.code), "weight_kg": "70.0"}],
        }
        wrong = (
            {"patients": []},
            {"patients": [{"patient": "x", "weight_kg": "70.0"}]},
            {"patients": [{"patient": str(clinic.patient.code), "weight_kg": True}]},
            {"seconds": 0},
            {"site": str(uuid.uuid4())},
            {"first_day": "2026-02-30"},
            {"more": 1},
        )
        for change in wrong:
            answer = api.post(LIST, body | change, format="json", HTTP_IDEMPOTENCY_KEY=str(uuid.uuid4()))
            assert answer.status_code == 400, change
        assert api.post(LIST, body, format="json").status_code == 400
        key = {"HTTP_IDEMPOTENCY_KEY": str(uuid.uuid4())}
        assert caller(clinic.nurse).post(LIST, body, format="json", **key).status_code == 403
        assert caller(clinic.outsider).post(LIST, body, format="json", **key).status_code in (400, 404)
        assert APIClient().get(LIST).status_code in (401, 403)
        assert not ClinicPlanRun.objects.exists()
