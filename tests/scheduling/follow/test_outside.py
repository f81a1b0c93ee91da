"""The patient's own therapist outside the clinic: times by link on a release, counted apart, and their end."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client

from patients import services
from patients.contact import contains_clinical_words
from patients.models import ExternalTherapist, TherapistRelease
from scheduling import dispatch
from scheduling.models import PatientLink, WorkItem
from scheduling.services import windows
from tests.scheduling.follow import outside_world as o
from tests.scheduling.follow import world as w
from tests.scheduling.follow.outside_world import ADDRESS, PATH, address, mails, outsider, release, send, told

pytestmark = pytest.mark.django_db
mailbox, therapist, visit, session = o.mailbox, o.therapist, o.visit, o.session


class TestTold:
    def test_the_window_goes_by_link_with_times_only_once(self, clinic, clock, mailbox, session):
        assert session.outside is not None
        path = send(session, mailbox)
        dispatch.tick()
        (mail,) = mails(mailbox)
        text = mail["Subject"] + mail.get_content()
        patient = clinic.patient
        initials = f"{patient.given_name[0]}. {patient.family_name[0]}."
        assert initials in text
        assert patient.given_name not in text.replace("Alexandria", "")
        assert patient.family_name not in text
        assert not contains_clinical_words(PATH.sub("", text))
        answer = Client().get(path)
        page = answer.content.decode()
        assert "Wednesday 4 March, 07:30" in page or "Wednesday 4 March, 07:00" in page
        assert patient.family_name not in page
        main = re.search(r"<main.*</main>", page, re.S)
        assert main is not None
        assert not contains_clinical_words(re.sub(r"<[^>]+>", " ", main.group()).replace("session", ""))
        assert answer["Referrer-Policy"] == "no-referrer"
        assert PatientLink.objects.filter(purpose="outside").count() == 1
        assert told(session).get().state == "sent"

    def test_without_a_release_nothing_is_planned_and_a_named_person_hears_of_it(self, clinic, clock, visit):
        address(clinic, outsider(clinic))
        w.given(clinic, visit)
        clock.set(w.FIRST + w.PREDICTED + timedelta(minutes=3))
        dispatch.tick()
        row = w.follow_up(visit, "integration_1")
        assert not told(row).exists()
        item = WorkItem.objects.open().get(kind="outside", key=f"outside:{row.code}:{row.outside_id}")
        assert item.owner == clinic.therapist
        assert "no valid release" in item.detail
        assert WorkItem.objects.open().filter(kind="outside").count() == 1, "not one for each week to come"
        release(clinic, row.outside)
        assert told(row).get().state == "scheduled"
        item.refresh_from_db()
        assert item.resolved_at is not None

    def test_quiet_hours_hold_it_until_the_morning(self, clinic, clock, therapist, visit):
        infusion = w.start_pump(clinic, visit)
        w.stop_pump(clinic, infusion, t_pk=w.FIRST + timedelta(hours=12))  # 22:00
        w.sign(clinic, infusion)
        w.release(visit, "completed")
        windows.reanchor(infusion=infusion, by=clinic.nurse)
        clock.set(w.FIRST + timedelta(hours=12, minutes=1))
        dispatch.tick()
        row = told(w.follow_up(visit, "integration_1")).get()
        assert row.due_local.endswith("Wed 4 Mar 2026, 08:00")

    def test_revoked_while_it_waits_nothing_leaves_and_the_link_dies(self, clinic, clock, mailbox, session):
        claim = told(session).get()
        services.revoke_release(release=TherapistRelease.objects.get(), by=clinic.nurse)
        dispatch.tick()
        claim.refresh_from_db()
        assert (claim.state, mails(mailbox)) == ("cancelled", [])
        release(clinic, session.outside)
        clock.advance(minutes=3)
        path = send(session, mailbox)
        services.revoke_release(release=TherapistRelease.objects.get(revoked_at=None), by=clinic.nurse)
        for answer in (Client().get(path), Client().post(path, {"act": "seen"})):
            assert answer.status_code == 410
            assert "Wednesday" not in answer.content.decode()
        session.refresh_from_db()
        assert session.outside is not None, (
            "therapy is still with them; somebody is told that nothing goes out"
        )
        assert WorkItem.objects.open().filter(kind="outside").exists()

    def test_run_out_at_the_moment_of_sending_it_does_not_leave(self, clinic, clock, mailbox, session):
        """Valid when it was planned, not when it leaves: the look inside the claim sees it."""
        row = told(session).get()
        connection.cursor().execute("RESET ROLE")
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE patients_therapistrelease DISABLE TRIGGER release_is_fixed")
            cursor.execute("UPDATE patients_therapistrelease SET valid_until = %s", [clock.now()])
            cursor.execute("ALTER TABLE patients_therapistrelease ENABLE TRIGGER release_is_fixed")
        dispatch.tick()
        row.refresh_from_db()
        assert (row.state, mails(mailbox)) == ("cancelled", [])

    def test_times_that_move_are_told_once_more_and_the_old_link_ends(
        self, clinic, clock, mailbox, visit, session
    ):
        old = send(session, mailbox)
        infusion = session.infusion
        w.estimate(infusion, w.FIRST + w.PREDICTED + timedelta(minutes=45))
        windows.reanchor(infusion=infusion, by=clinic.nurse)
        assert "have changed" in Client().get(old).content.decode()
        clock.set(w.FIRST + w.PREDICTED + timedelta(minutes=46))
        for _ in range(3):
            dispatch.tick()
            clock.advance(minutes=3)
        assert len(mails(mailbox)) == 2
        newer = PATH.findall(mails(mailbox)[-1].get_content())[0]
        assert (Client().get(old).status_code, Client().get(newer).status_code) == (410, 200)

    def test_a_window_that_is_taken_back_is_told_once(self, clinic, clock, mailbox, session):
        old = send(session, mailbox)
        w.sign(clinic, session.infusion, opens_window=False, no_window_reason="reaction")
        windows.reanchor(infusion=session.infusion, by=clinic.nurse)
        for _ in range(3):
            clock.advance(minutes=3)
            dispatch.tick()
        assert Client().get(old).status_code == 410
        assert [item["Subject"] for item in mails(mailbox)][1:] == ["Times for A. S. have ended"]


class TestTheirsNoMore:
    """Who had times that are no longer theirs hears of it once, on a release that holds."""

    def replace(self, clinic, name="Ada Okoro", number="P2") -> ExternalTherapist:
        other = outsider(clinic, name=name, licence_number=number)
        release(clinic, other)
        address(clinic, other, text=f"{number}@practice.example".lower())
        return other

    def to(self, mailbox, who: str) -> list[str]:
        return [item["Subject"] for item in mailbox.taken if item["To"] == who]

    def ticks(self, clock, minutes=3) -> None:
        for _ in range(3):
            clock.advance(minutes=minutes)
            dispatch.tick()

    def test_replaced_by_another_they_hear_of_it_once_and_the_other_gets_the_times(
        self, clinic, clock, mailbox, session
    ):
        old = send(session, mailbox)
        self.replace(clinic)
        assert Client().get(old).status_code == 410
        self.ticks(clock)
        assert self.to(mailbox, ADDRESS) == ["Times for A. S.", "Times for A. S. have ended"]
        assert self.to(mailbox, "p2@practice.example") == ["Times for A. S."]
        told_end = mails(mailbox)[-1].get_content()
        assert clinic.patient.family_name not in told_end
        assert not contains_clinical_words(told_end)
        windows.reanchor(infusion=session.infusion, by=clinic.nurse)
        self.ticks(clock)
        assert len(mailbox.taken) == 3, "nothing twice"

    def test_two_who_were_replaced_within_one_night_each_hear_of_it(self, clinic, clock, mailbox, session):
        send(session, mailbox)
        self.replace(clinic)
        self.ticks(clock)
        clock.set(w.FIRST + timedelta(hours=12, minutes=30))  # 22:30: nothing leaves until the morning
        self.replace(clinic, "Jo Third", "P3")
        services.record_external(
            patient=clinic.patient,
            known=ExternalTherapist.objects.get(name="Kit Marlow"),
            by=clinic.coordinator,
        )
        self.replace(clinic, "Di Fourth", "P4")
        clock.set(w.FIRST + timedelta(hours=22, minutes=5))
        self.ticks(clock)
        ends, times = "Times for A. S. have ended", "Times for A. S."
        assert self.to(mailbox, ADDRESS) == [times, ends]
        assert self.to(mailbox, "p2@practice.example") == [times, ends]
        assert self.to(mailbox, "p3@practice.example") == [], "told of nothing, so of no end"
        assert self.to(mailbox, "p4@practice.example") == [times]

    def test_without_a_release_nothing_is_said_and_a_named_person_hears_of_it(
        self, clinic, clock, mailbox, session
    ):
        """A revocation forbids every word: that times have ended says too that the patient is treated here."""
        send(session, mailbox)
        services.revoke_release(release=TherapistRelease.objects.get(), by=clinic.nurse)
        key = f"outside:{session.code}:{session.outside_id}"
        item = WorkItem.objects.open().get(key=key)
        assert "Say nothing to the therapist" in item.detail
        self.replace(clinic)
        self.ticks(clock)
        assert self.to(mailbox, ADDRESS) == ["Times for A. S."]
        item = WorkItem.objects.open().get(key=key)
        assert item.title.startswith("Kit Marlow has times that no longer stand")
        assert item.owner == clinic.therapist
        clock.set(session.hard_latest_at + timedelta(minutes=1))
        dispatch.tick()
        item.refresh_from_db()
        assert item.resolved_at is not None, "over with the times"

    def test_revoked_while_the_end_waits_it_does_not_leave(self, clinic, clock, mailbox, session):
        send(session, mailbox)
        self.replace(clinic)
        end = told(session, "outside_withdrawn").get()
        assert end.state == "scheduled"
        kit = ExternalTherapist.objects.get(name="Kit Marlow")
        services.revoke_release(release=kit.releases.get(), by=clinic.nurse)
        self.ticks(clock)
        end.refresh_from_db()
        assert (end.state, self.to(mailbox, ADDRESS)) == ("cancelled", ["Times for A. S."])

    def test_therapy_here_again_asks_the_patient_to_tell_them(self, clinic, clock, mailbox, session):
        send(session, mailbox)
        services.end_external(patient=clinic.patient, by=clinic.coordinator)
        self.ticks(clock)
        assert self.to(mailbox, ADDRESS) == ["Times for A. S."]
        assert WorkItem.objects.open().filter(title__startswith="Kit Marlow has times").count() == 1
