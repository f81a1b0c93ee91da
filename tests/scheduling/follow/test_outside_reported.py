"""Therapy outside the clinic as it is reported, by link or by phone, and what the database says of it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from patients import services
from patients.models import TherapistRelease
from scheduling import dispatch
from scheduling.models import Message, WorkItem
from scheduling.services import escalation, outside, windows
from sessions.models import ReportedTherapy
from staff.errors import RuleNotMet, StateConflict
from tests import factories
from tests.scheduling.follow import outside_world as o
from tests.scheduling.follow import world as w
from tests.scheduling.follow.outside_world import address, outsider, release, send, told

pytestmark = pytest.mark.django_db
mailbox, therapist, visit, session = o.mailbox, o.therapist, o.visit, o.session


class TestReported:
    def test_by_link_it_is_reported_and_never_done(self, clinic, clock, mailbox, session):
        path = send(session, mailbox)
        assert Client().post(path, {"act": "seen"}).status_code == 302
        clock.set(w.FIRST + timedelta(hours=26))
        held = {"act": "held", "held-held_at": "2026-03-04T10:00", "held-confirm": "on"}
        for _ in range(2):
            assert Client().post(path, held, follow=True).status_code == 200
        session.refresh_from_db()
        report = ReportedTherapy.objects.get()
        assert (session.state, session.report, session.appointment) == ("reported", report, None)
        assert (report.via, report.recorded_by, report.therapist) == ("link", None, session.outside)
        assert "Your report has arrived" in Client().get(path).content.decode()
        clock.advance(days=4)
        dispatch.tick()
        session.refresh_from_db()
        assert session.state == "reported"
        assert (
            not WorkItem.objects.open()
            .filter(kind__in=["missed", "unplaced", "outside"], key__contains=session.code)
            .exists()
        )

    def test_exactly_at_the_therapy_time_it_counts_before_it_the_link_refuses_and_offers_the_phone(
        self, clinic, clock, mailbox, session
    ):
        path = send(session, mailbox)
        clock.set(w.FIRST + timedelta(hours=26))
        wrong = {"act": "held", "held-held_at": "2026-03-03T15:28", "held-confirm": "on"}
        answer = Client().post(path, wrong)
        assert answer.status_code == 422
        assert clinic.site.phone in answer.content.decode()
        assert not ReportedTherapy.objects.exists()
        for text in ("2026-03-05T10:00", "2027-01-01T00:00", "1e400", "", "2026-03-04T10:00:61"):
            bad = Client().post(path, {"act": "held", "held-held_at": text, "held-confirm": "on"})
            assert bad.status_code == 422, text
        window = w.current_window(session.infusion)
        row = outside.report_held(
            follow_up=session, held_at=window.t0, spoken_with="Kit Marlow", by=clinic.coordinator
        )
        assert row.state == "reported"

    @pytest.mark.parametrize(
        ("start", "refused", "accepted", "held"),
        [
            pytest.param(  # therapy time 03:15, a quarter of an hour after the clocks went from 02:00 to 03:00
                "2026-03-08T04:46:00+00:00", {"2026-03-08T01:59": "before the times", "2026-03-08T02:30": "does not exist",
                "2026-03-08T03:14": "before the times"}, "2026-03-08T03:15", "2026-03-08T10:15:00+00:00", id="spring",
            ),
            pytest.param(  # therapy time 01:30 for the second time: 01:30 is refused, because it is two moments
                "2026-11-01T04:01:00+00:00", {"2026-11-01T00:59": "before the times", "2026-11-01T01:30": "happens twice"},
                "2026-11-01T02:00", "2026-11-01T10:00:00+00:00", id="autumn",
            ),
        ],
    )  # fmt: skip
    def test_in_the_night_in_which_the_clocks_change(
        self, clinic, clock, mailbox, start, refused, accepted, held
    ):
        first = datetime.fromisoformat(start)
        clock.set(first - timedelta(days=1))
        kit = outsider(clinic)
        release(clinic, kit, signed_on=first.date() - timedelta(days=2))
        address(clinic, kit)
        factories.make_eligible(clinic.patient, clinic.version)
        visit = w.book_course(clinic, [first]).appointments.get()
        w.given(clinic, visit)
        clock.set(first + w.PREDICTED + timedelta(minutes=3))
        dispatch.tick()
        clock.set(first + timedelta(hours=14))  # a tick after the quiet hours
        row = w.follow_up(visit, "integration_1")
        path = send(row, mailbox)
        assert w.current_window(visit.infusion).t0 == first + w.PREDICTED
        for text, words in refused.items():
            answer = Client().post(path, {"act": "held", "held-held_at": text, "held-confirm": "on"})
            assert answer.status_code == 422, text
            assert words in answer.content.decode(), text
        assert not ReportedTherapy.objects.exists()
        good = {"act": "held", "held-held_at": accepted, "held-confirm": "on"}
        assert Client().post(path, good).status_code == 302
        report = ReportedTherapy.objects.get()
        assert (report.held_at.isoformat(), report.inside_no_therapy_at) == (held, None)
        client = Client()
        client.force_login(clinic.coordinator)
        assert f"held Sun {accepted[-5:]}" in client.get("/queue/?show=done").content.decode()

    def test_its_end_is_excluded(self, clinic, clock, session):
        clock.set(session.hard_latest_at + timedelta(hours=1))
        with pytest.raises(RuleNotMet) as refused:
            outside.report_held(
                follow_up=session, held_at=session.hard_latest_at, spoken_with="Kit", by=clinic.nurse
            )
        assert refused.value.code == "after-window"
        dispatch.tick()
        session.refresh_from_db()
        assert session.state == "missed"
        assert "the outside therapist reported none" in session.closed_reason
        item = WorkItem.objects.open().get(kind="missed", key=f"missed:{session.code}")
        assert item.owner == clinic.therapist
        outside.report_held(
            follow_up=session,
            held_at=session.hard_latest_at - timedelta(minutes=1),
            spoken_with="Kit",
            by=clinic.nurse,
        )
        session.refresh_from_db()
        item.refresh_from_db()
        assert (session.state, item.resolved_at is not None) == ("reported", True)

    def test_by_phone_inside_the_no_therapy_period_it_is_a_fact_that_counts_nowhere(
        self, clinic, clock, session
    ):
        inside = w.FIRST + timedelta(hours=2)
        clock.set(w.FIRST + timedelta(hours=26))
        told = {"follow_up": session, "held_at": inside, "spoken_with": "Kit", "by": clinic.nurse}
        with pytest.raises(RuleNotMet) as refused:
            outside.report_held(**told)
        assert refused.value.code == "no-therapy-period"
        for _ in range(2):
            row = outside.report_held(**told, as_it_was=True)
        assert row.state == "released"
        assert ReportedTherapy.objects.get().inside_no_therapy_at is not None
        assert WorkItem.objects.open().get(kind="therapy-inside").owner == clinic.clinician

    def test_not_held_stays_open_and_is_a_named_persons(self, clinic, clock, mailbox, session):
        path = send(session, mailbox)
        assert Client().post(path, {"act": "not-held", "no-reason": "other"}).status_code == 400
        assert Client().post(path, {"act": "not-held", "no-reason": "away"}).status_code == 302
        session.refresh_from_db()
        assert session.state == "released"
        item = WorkItem.objects.open().get(key=f"not-held:{session.code}")
        assert item.owner == clinic.therapist
        assert "I am away" in item.detail

    def test_a_mistake_is_withdrawn_and_stays_readable(self, clinic, clock, session):
        clock.set(w.FIRST + timedelta(hours=26))
        held = {"held_at": w.FIRST + timedelta(hours=24), "spoken_with": "Kit", "by": clinic.nurse}
        outside.report_held(follow_up=session, **held)
        for _ in range(2):
            row = outside.withdraw_report(follow_up=session, reason="Another patient", by=clinic.nurse)
        assert (row.state, row.report) == ("released", None)
        assert ReportedTherapy.objects.get().withdrawn_reason == "Another patient"
        assert outside.report_held(follow_up=session, **held).state == "reported"

    def test_an_amended_record_flags_what_was_reported(self, clinic, clock, session):
        clock.set(w.FIRST + timedelta(hours=26))
        outside.report_held(
            follow_up=session,
            held_at=w.current_window(session.infusion).t0,
            spoken_with="Kit",
            by=clinic.nurse,
        )
        w.estimate(session.infusion, w.FIRST + w.PREDICTED + timedelta(minutes=45))
        windows.reanchor(infusion=session.infusion, by=clinic.nurse)
        assert ReportedTherapy.objects.get().inside_no_therapy_at is not None
        assert WorkItem.objects.open().filter(kind="therapy-inside").exists()

    def test_it_is_not_offered_to_therapists_here_and_late_it_is_a_named_persons(
        self, clinic, clock, session
    ):
        clock.set(session.latest_at + timedelta(minutes=1))
        assert session.pk not in {row.pk for row in escalation.waiting_rows(clock.now())}
        dispatch.tick()
        item = WorkItem.objects.open().get(key=f"late:{session.code}")
        assert item.title.startswith("No word from the outside therapist")
        assert item.owner == clinic.therapist

    def test_therapy_here_again_ends_it_all(self, clinic, clock, mailbox, session):
        path = send(session, mailbox)
        services.end_external(patient=clinic.patient, by=clinic.coordinator)
        session.refresh_from_db()
        assert session.outside is None
        assert Client().get(path).status_code == 410
        with pytest.raises(StateConflict):
            outside.report_held(
                follow_up=session, held_at=w.FIRST + timedelta(hours=6), spoken_with="Kit", by=clinic.nurse
            )


class TestDatabase:
    """Raw SQL as the app role."""

    def refused(self, sql: str, rule: str, *values) -> None:
        with pytest.raises(IntegrityError) as error, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, values)
        assert error.value.__cause__.diag.constraint_name == rule

    def test_no_message_without_a_valid_release(self, clinic, clock, session):
        row = told(session).get()
        again = (
            "INSERT INTO scheduling_message SELECT (jsonb_populate_record(m, jsonb_build_object('id', m.id + 1000, 'code',"
            " gen_random_uuid(), 'idem_key', 'x', 'generation', 99, 'kind', %s::text))).* FROM scheduling_message m"
            " WHERE m.id = %s"
        )
        self.refused(again, "external_message_is_theirs", "rest", row.pk)
        Message.objects.filter(pk=row.pk).update(state="claimed", lease_until=clock.now())
        TherapistRelease.objects.update(revoked_at=clock.now(), revoked_by=clinic.nurse, revoked_reason="x")
        self.refused(again, "external_message_needs_release", "outside_window", row.pk)
        self.refused(
            "UPDATE scheduling_message SET state = 'sending' WHERE id = %s",
            "external_message_needs_release",
            row.pk,
        )

    def test_reported_is_never_a_session_here(self, clinic, clock, session):
        clock.set(w.FIRST + timedelta(hours=26))
        update = "UPDATE scheduling_followup SET "
        self.refused(
            update + "state = 'done', closed_at = now() WHERE id = %s",
            "done_therapy_was_a_session_here",
            session.pk,
        )
        self.refused(
            update + "state = 'reported' WHERE id = %s", "reported_therapy_is_no_session_here", session.pk
        )
        outside.report_held(
            follow_up=session, held_at=w.FIRST + timedelta(hours=24), spoken_with="Kit", by=clinic.nurse
        )
        self.refused(update + "state = 'done' WHERE id = %s", "done_therapy_was_a_session_here", session.pk)
        self.refused(
            "UPDATE treatment_sessions_reportedtherapy SET held_at = held_at + interval '1 hour'",
            "reported_therapy_is_fixed",
        )

    def test_no_unflagged_report_inside_the_no_therapy_period(self, clinic, clock, session):
        clock.set(w.FIRST + timedelta(hours=26))
        outside.report_held(
            follow_up=session,
            held_at=w.FIRST + timedelta(hours=2),
            spoken_with="Kit",
            by=clinic.nurse,
            as_it_was=True,
        )
        self.refused(
            "INSERT INTO treatment_sessions_reportedtherapy SELECT (jsonb_populate_record(r, jsonb_build_object('id',"
            " r.id + 1000, 'code', gen_random_uuid(), 'held_at', r.held_at + interval '1 minute',"
            " 'inside_no_therapy_at', NULL))).* FROM treatment_sessions_reportedtherapy r",
            "reported_therapy_outside_no_therapy",
        )
        self.refused(
            "UPDATE scheduling_followup SET state = 'reported', report_id = (SELECT id FROM"
            " treatment_sessions_reportedtherapy) WHERE id = %s",
            "follow_up_closes_by_own_report", session.pk,
        )  # fmt: skip
