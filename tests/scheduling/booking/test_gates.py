"""Gates of visits: how they stand, the owners' items, overrides and their report, a site's own gates."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction
from django.urls import reverse

from protocols import services as protocols
from scheduling import dispatch
from scheduling.override_report import overrides, read_month
from scheduling.services.gates import gates_of, mark_gate
from scheduling.services.visits import check_in
from sessions import services as facts
from sessions.models import GateAnswer, SiteGate
from staff.errors import InvalidInput, NotAllowed, RuleNotMet, StaleVersion, StateConflict
from tests import factories
from tests.scheduling.booking import gate_world as g
from tests.scheduling.booking.gate_world import caller, items, own_gate, signed_in, state
from tests.scheduling.booking.helpers import book, choice, local, visits_of
from tests.scheduling.booking.steps import arrive, prepare
from tests.sessions.world import NORMAL, consented

pytestmark = pytest.mark.django_db
series, visit = g.series, g.visit


class TestStanding:
    def test_from_a_task_to_late_to_met(self, clinic, visit, clock):
        assert {line.gate.key for line in gates_of(visit).open} >= {
            "consent",
            "education",
            "escort",
            "rationale",
        }
        clock.set(visit.during.lower - timedelta(hours=48, seconds=1))
        assert not gates_of(visit).late
        clock.advance(seconds=1)
        assert {line.gate.key for line in gates_of(visit).late} == {
            "consent",
            "education",
            "escort",
            "rationale",
        }
        consented(clinic)
        for person in (clinic.clinician, clinic.nurse, clinic.therapist):
            protocols.acknowledge_rationale(version=clinic.version, by=person)
        mark_gate(appointment=visit, gate="escort", outcome="met", note="Sister", by=clinic.coordinator)
        assert not gates_of(visit).late
        assert gates_of(visit).line("eligibility").by, "signed by name"

    def test_a_late_gate_is_one_item_of_each_owner_and_goes_when_it_is_met(self, clinic, visit, clock):
        clock.set(visit.during.lower - timedelta(hours=50))
        dispatch.tick()
        assert not items(visit).exists()
        clock.advance(hours=3)
        dispatch.tick()
        dispatch.tick()
        found = {item.role: item for item in items(visit)}
        assert set(found) == {"nurse", "coordinator", "clinician"}
        assert found["nurse"].title == "Before infusion 1: 2 things missing"
        assert "Consent" in found["nurse"].detail
        assert found["clinician"].owner is not None, "a person who has not read the rationale"
        mark_gate(appointment=visit, gate="escort", outcome="met", note="Sister", by=clinic.coordinator)
        assert not items(visit).filter(role="coordinator").exists(), "at once"
        consented(clinic)
        dispatch.tick()
        assert items(visit).filter(role="nurse").exists(), (
            "all visits are looked at once a minute, not at every tick"
        )
        clock.advance(minutes=1)
        dispatch.tick()
        assert not items(visit).filter(role="nurse").exists()

    def test_a_look_that_failed_is_tried_again_at_the_next_tick(self, visit, clock, monkeypatch):
        clock.set(visit.during.lower - timedelta(hours=40))

        def broken(at):
            raise RuntimeError

        with monkeypatch.context() as patch:
            patch.setattr(dispatch, "watch_gates", broken)
            assert dispatch.tick().failed == ["gates"]
        assert dispatch.tick().counts["gates"] == 1
        assert items(visit).exists()

    def test_the_items_of_a_visit_that_is_off_the_calendar_are_closed(self, clinic, visit, clock):
        from scheduling.services.visits import cancel_visit

        clock.set(visit.during.lower - timedelta(hours=40))
        dispatch.tick()
        assert items(visit).exists()
        cancel_visit(appointment=visit, reason="patient-asked", by=clinic.coordinator)
        clock.advance(minutes=1)
        dispatch.tick()
        assert not items(visit).exists()
        with pytest.raises(StateConflict):
            mark_gate(appointment=visit, gate="escort", outcome="met", by=clinic.coordinator)

    def test_what_the_chair_records_meets_the_gate(self, clinic, visit, clock):
        infusion = arrive(clinic, visit, clock)
        assert state(visit, "fasting") == "late"
        facts.record_check(infusion=infusion, kind="fasting", outcome="passed", by=clinic.nurse)
        assert state(visit, "fasting") == "met"

    def test_a_weight_older_than_thirty_days_is_asked_for_again(self, clinic, clock):
        far = [choice(clinic, 1, local(clinic, 7, month=4))]
        single = factories.make_version("single-infusion", author=clinic.admin)
        visit = visits_of(book(clinic, protocol_version=single, visits=far))[0]
        assert visit.during.lower - visit.booked_at > timedelta(days=30)
        assert state(visit, "recent_weight") == "to-do"


class TestAnswers:
    def test_said_twice_is_stored_once_and_a_new_answer_supersedes(self, clinic, visit):
        for _ in range(2):
            mark_gate(appointment=visit, gate="escort", outcome="met", note="Sister", by=clinic.coordinator)
        assert GateAnswer.objects.count() == 1
        mark_gate(appointment=visit, gate="escort", outcome="open", by=clinic.nurse)
        assert state(visit, "escort") == "late", "48 hours before is now"
        assert [row.superseded_at is None for row in GateAnswer.objects.all()] == [False, True]

    @pytest.mark.parametrize(
        ("gate", "over", "kind", "code"),
        [
            ("escort", {"outcome": "perhaps"}, InvalidInput, "outcome"),
            ("escort", {"outcome": "not-applicable"}, InvalidInput, "required"),
            ("escort", {"outcome": "overridden", "reason_code": "whim"}, InvalidInput, "reason"),
            ("escort", {"outcome": "overridden", "reason_code": "other"}, InvalidInput, "required"),
            ("consent", {"outcome": "met"}, RuleNotMet, "computed-gate"),
            (
                "consent",
                {"outcome": "overridden", "reason_code": "clinical_need"},
                RuleNotMet,
                "never-overridden",
            ),
            ("moon", {"outcome": "met"}, InvalidInput, "unknown-gate"),
        ],
    )
    def test_refusals_leave_nothing(self, clinic, visit, gate, over, kind, code):
        with pytest.raises(kind) as refusal:
            mark_gate(appointment=visit, gate=gate, by=clinic.clinician, **over)
        assert refusal.value.code == code
        assert not GateAnswer.objects.exists()

    def test_only_a_prescriber_overrides(self, clinic, visit):
        over = {
            "appointment": visit,
            "gate": "escort",
            "outcome": "overridden",
            "reason_code": "arranged_otherwise",
        }
        for person in (clinic.nurse, clinic.coordinator, clinic.therapist):
            with pytest.raises(NotAllowed):
                mark_gate(by=person, **over)
        mark_gate(by=clinic.clinician, **over)
        assert state(visit, "escort") == "overridden"

    def test_answers_are_fixed_in_the_database_and_overrides_need_reason_and_role(self, clinic, visit):
        mark_gate(appointment=visit, gate="escort", outcome="met", note="Sister", by=clinic.coordinator)
        row = "treatment_sessions_gateanswer"
        broken = [
            f"UPDATE {row} SET note = 'Nobody'",
            f"DELETE FROM {row}",
            *(
                f"INSERT INTO {row} (code, patient_id, site_id, visit, gate, label, outcome, reason_code, note,"
                f" answered_at, answered_by_id, answered_as) SELECT gen_random_uuid(), patient_id, site_id,"
                f" gen_random_uuid(), gate, label, 'overridden', {reason}, '', answered_at, answered_by_id, {role}"
                f" FROM {row}"
                for reason, role in (("''", "'clinician'"), ("'assessed'", "'nurse'"))
            ),
        ]
        for statement in broken:
            with pytest.raises(DatabaseError) as error, transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
            assert error.type in (IntegrityError, ProgrammingError)


class TestSiteGates:
    def test_a_hard_one_stops_the_pump_in_service_and_database_until_it_is_met(self, clinic, visit, clock):
        gate = own_gate(clinic, "ECG seen", hard=True, due="check_in", owner_role="nurse")
        infusion = prepare(clinic, arrive(clinic, visit, clock))
        facts.record_vitals(infusion=infusion, by=clinic.nurse, **NORMAL)
        start = {"infusion": infusion, "kind": "start", "by": clinic.nurse}
        with pytest.raises(RuleNotMet, match="ECG seen"):
            facts.record_pump_event(**start)
        raw = "UPDATE treatment_sessions_infusion SET status = 'infusing', started_at = now() WHERE id = %s"
        with pytest.raises(IntegrityError) as error, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(raw, [infusion.pk])
        assert error.value.__cause__.diag.constraint_name == "site_gates_before_start"
        mark_gate(appointment=visit, gate=gate.key, outcome="met", by=clinic.nurse)
        facts.record_pump_event(**start)

    def test_said_before_arrival_it_holds_at_the_chair(self, clinic, visit, clock):
        gate = own_gate(clinic, "ECG seen", hard=True)
        mark_gate(appointment=visit, gate=gate.key, outcome="met", by=clinic.nurse)
        infusion = arrive(clinic, visit, clock)
        assert infusion.gate_answers.get().gate == gate.key
        line = next(line for line in facts.start_gate(infusion, clock.now()).lines if line.kind == gate.key)
        assert (line.state, line.finding) == ("passed", None)

    def test_added_while_a_patient_is_in_the_chair_it_does_not_stop_them(self, clinic, visit, clock):
        infusion = arrive(clinic, visit, clock)
        clock.advance(minutes=1)
        gate = own_gate(clinic, "ECG seen", hard=True)
        assert not any(item.code == gate.key for item in facts.start_gate(infusion, clock.now()).blocks)
        with pytest.raises(KeyError):
            gates_of(visit).line(gate.key)

    def test_a_soft_one_only_warns_and_the_change_is_versioned(self, clinic, visit, clock):
        gate = own_gate(clinic)
        changed = facts.change_site_gate(
            gate=gate, label="Authorisation", due="check_in", owner_role="nurse", hard=False, by=clinic.coordinator,
            expected_version=1,
        )  # fmt: skip
        with pytest.raises(StaleVersion):
            facts.change_site_gate(
                gate=gate,
                label="x",
                due="start",
                owner_role="nurse",
                hard=True,
                by=clinic.nurse,
                expected_version=1,
            )
        with pytest.raises(StateConflict):
            own_gate(clinic, "AUTHORISATION")
        infusion = arrive(clinic, visit, clock)
        findings = {item.code: item for item in facts.start_gate(infusion, clock.now()).decision.findings}
        assert findings[changed.key].severity == "warn"
        clock.advance(minutes=1)
        facts.retire_site_gate(gate=gate, by=clinic.coordinator)
        facts.retire_site_gate(gate=gate, by=clinic.coordinator)
        assert SiteGate.objects.get().version == 3
        assert own_gate(clinic, "Authorisation").pk, "the words are free again"


class TestReport:
    def test_every_override_of_the_month_with_reason_role_and_second_person(self, clinic, visit, clock):
        mark_gate(
            appointment=visit, gate="escort", outcome="overridden", reason_code="other", note="=cmd|' /C calc'!A0",
            by=clinic.clinician,
        )  # fmt: skip
        infusion = prepare(clinic, arrive(clinic, visit, clock))
        facts.record_check(
            infusion=infusion, kind="no_driving", outcome="failed", note="Not asked", by=clinic.nurse
        )
        facts.record_vitals(infusion=infusion, by=clinic.nurse, **NORMAL)
        facts.record_pump_event(
            infusion=infusion, kind="start", reason="Told by telephone", reason_code="confirmed_by_phone",
            by=clinic.clinician,
        )  # fmt: skip
        zone = ZoneInfo(clinic.site.time_zone)
        march = read_month("2026-03", clock.now().date(), zone)
        rows = overrides(clinic.site, march)
        assert [(row.what, row.reason) for row in rows] == [
            ("Gate before the visit", "Another reason, in words"),
            ("Started against a check", "Confirmed by phone, paper follows"),
        ]
        assert overrides(clinic.site, read_month("2026-04", clock.now().date(), zone)) == []
        client = signed_in(clinic.nurse)
        page = client.get(reverse("override_report"), {"month": "2026-03"})
        assert page.status_code == 200
        assert "Told by telephone" in page.content.decode()
        text = client.get(reverse("override_report"), {"month": "2026-03", "format": "csv"}).content.decode()
        table = list(csv.DictReader(io.StringIO(text)))
        assert [row["by"] for row in table] == ["Dr Dana Reed"] * 2
        assert table[0]["note"].startswith("'="), "no formula runs in a spreadsheet"
        data = caller(clinic.coordinator).get(
            "/api/v1/overrides/", {"site": str(clinic.site.code), "month": "2026-03"}
        )
        assert [item["note"] for item in data.json()["overrides"]][1] == "Told by telephone"
        assert data.json()["counts"][0]["count"] == 1
        out = io.StringIO()
        call_command("override_report", "--site", clinic.site.short_name, "--month", "2026-03", stdout=out)
        assert list(csv.DictReader(io.StringIO(out.getvalue()))) == table, "the command says the same"
        out = io.StringIO()
        call_command(
            "override_report", "--site", clinic.site.short_name, "--month", "2026-03", "--summary", stdout=out
        )
        assert out.getvalue().splitlines()[-1] == "2\tall of 2026-03"
        for wrong in (["--site", "nowhere"], ["--site", clinic.site.short_name, "--month", "2026-13"]):
            with pytest.raises(CommandError):
                call_command("override_report", *wrong)

    @pytest.mark.parametrize("month", ["2026-13", "26-03", "2026-3", "٢٠٢٦-03", "9" * 400, "2026-03-01"])
    def test_a_month_that_cannot_be_read(self, clinic, month):
        params = {"site": str(clinic.site.code), "month": month}
        assert caller(clinic.nurse).get("/api/v1/overrides/", params).status_code == 400
        assert signed_in(clinic.nurse).get(reverse("override_report"), {"month": month}).status_code == 200


def test_arrival_is_not_refused_by_a_late_gate(clinic, visit, clock):
    """Care that is under way is never blocked by what only makes a list longer."""
    own_gate(clinic)
    clock.set(visit.during.lower - timedelta(minutes=10))
    assert gates_of(visit).late
    assert check_in(appointment=visit, by=clinic.nurse).weight_kg != Decimal(1)
