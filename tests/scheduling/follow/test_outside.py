"""The patient's own therapist outside the clinic: times by link on a release, reported back, counted apart."""

from __future__ import annotations

import io
import re
from datetime import date, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client

from patients import services
from patients.contact import contains_clinical_words
from patients.models import ContactPoint, ExternalTherapist, TherapistRelease
from scheduling import dispatch
from scheduling.models import FollowUp, Message, PatientLink, WorkItem
from scheduling.services import escalation, outside, outside_address, windows
from sessions.models import ReportedTherapy
from staff.errors import InvalidInput, RuleNotMet, StateConflict
from tests import factories
from tests.scheduling.follow import world as w
from tests.scheduling.follow.mailbox import Mailbox

pytestmark = pytest.mark.django_db
PATH = re.compile(r"https://visits\.example(/p/[\w-]{20,}/)")
SIGNED = date(2026, 3, 1)
ADDRESS = "kit@practice.example"


@pytest.fixture
def mailbox(settings):
    box = Mailbox()
    box.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
    settings.PUBLIC_URL = "https://visits.example"
    yield box
    box.stop()


def outsider(clinic, patient=None, **over) -> ExternalTherapist:
    fields = {
        "name": "Kit Marlow",
        "practice": "Marlow Practice",
        "jurisdiction": "us-or",
        "licence_number": "C123",
    }
    return services.record_external(
        patient=patient or clinic.patient, by=clinic.coordinator, **(fields | over)
    )


def release(clinic, therapist, patient=None, **over) -> TherapistRelease:
    fields = {"signed_on": SIGNED, "shown_as": "initials"} | over
    return services.record_release(
        patient=patient or clinic.patient, therapist=therapist, by=clinic.coordinator, **fields
    )


def address(clinic, therapist, patient=None, text=ADDRESS) -> ContactPoint:
    """Read back in a call, and agreed to."""
    point = services.add_contact_point(
        patient=patient or clinic.patient, channel="email", address=text, whose="external", external=therapist,
        by=clinic.coordinator,
    )  # fmt: skip
    point = services.verify_contact_point(contact_point=point, address_again=text, by=clinic.coordinator)
    return services.consent_contact_point(contact_point=point, by=clinic.coordinator)


@pytest.fixture
def therapist(clinic, clock) -> ExternalTherapist:
    """On file with a release and an address."""
    kit = outsider(clinic)
    release(clinic, kit)
    address(clinic, kit)
    return kit


@pytest.fixture
def visit(clinic, clock):
    return w.book_course(clinic, [w.FIRST]).appointments.get()


@pytest.fixture
def session(clinic, clock, therapist, visit) -> FollowUp:
    """The first therapy after an infusion given on Tuesday: its window opens at 15:29."""
    w.given(clinic, visit)
    clock.set(w.FIRST + w.PREDICTED + timedelta(minutes=3))
    dispatch.tick()
    clock.advance(minutes=3)
    return w.follow_up(visit, "integration_1")


def mails(mailbox) -> list:
    return [item for item in mailbox.taken if item["To"] == ADDRESS]


def told(session, kind="outside_window", **where):
    return Message.objects.filter(follow_up=session, kind=kind, **where)


def send(session, mailbox) -> str:
    """The path of the link that left."""
    dispatch.tick()
    return PATH.findall(mails(mailbox)[-1].get_content())[0]


class TestOnFile:
    def test_one_person_may_serve_several_patients_and_their_address_comes_along(self, clinic, therapist):

        other = factories.make_patient(clinic.site)
        assert outsider(clinic) == therapist, "twice is one"
        assert outsider(clinic, other, name="kit marlow") == therapist
        services.record_external(patient=other, known=therapist, by=clinic.coordinator)
        (copy,) = other.contact_points.filter(whose="external")
        assert (copy.address, copy.usable, copy.external_therapist) == (ADDRESS, True, therapist)
        with pytest.raises(InvalidInput) as refused:
            outsider(clinic, other, name="Somebody Else")
        assert refused.value.field == "licence_number"

    @pytest.mark.parametrize(
        ("over", "field"),
        [
            ({"name": " "}, "name"),
            ({"jurisdiction": "Oregon"}, "jurisdiction"),
            ({"jurisdiction": ""}, "jurisdiction"),
        ],
    )
    def test_what_cannot_be_is_refused(self, clinic, over, field):
        with pytest.raises(InvalidInput) as refused:
            outsider(clinic, **over)
        assert refused.value.field == field
        assert not ExternalTherapist.objects.exists()

    @pytest.mark.parametrize(
        ("over", "field"),
        [
            ({"signed_on": date(2026, 3, 4)}, "signed_on"),
            ({"signed_on": date(2025, 1, 1)}, "signed_on"),
            ({"shown_as": "surname"}, "shown_as"),
            ({"valid_until": date(2026, 3, 2)}, "valid_until"),
            ({"valid_until": date(2027, 4, 1)}, "valid_until"),
        ],
    )
    def test_a_release_has_its_bounds(self, clinic, over, field):
        kit = outsider(clinic)
        with pytest.raises(InvalidInput) as refused:
            release(clinic, kit, **over)
        assert refused.value.field == field

    def test_it_is_valid_to_the_end_of_its_last_local_day_also_when_the_clocks_change(self, clinic, clock):
        row = release(clinic, outsider(clinic), valid_until=date(2026, 3, 8))  # 23 hours long in Los Angeles
        end = row.valid_until
        assert end.isoformat() == "2026-03-09T07:00:00+00:00"
        assert row.valid_at(end - timedelta(microseconds=1))
        assert not row.valid_at(end)

    def test_a_newer_one_replaces_it_and_a_revoked_one_stays_so(self, clinic, therapist):
        newer = release(clinic, therapist, shown_as="given")
        first = TherapistRelease.objects.exclude(pk=newer.pk).get()
        assert first.revoked_reason == "Replaced by a newer one"
        for _ in range(2):
            services.revoke_release(release=newer, by=clinic.nurse)
        with pytest.raises(IntegrityError), transaction.atomic():
            TherapistRelease.objects.filter(pk=newer.pk).update(
                revoked_at=None, revoked_by=None, revoked_reason=""
            )

    def test_the_operator_lists_and_revokes_by_the_same_service(self, clinic, clock):
        row = release(clinic, outsider(clinic))
        out = io.StringIO()
        call_command("outside_releases", site=clinic.site.short_name, stdout=out)
        assert out.getvalue().startswith(f"{row.code}\t{clinic.patient.mrn}\tKit Marlow\t2026-08-")
        soon = io.StringIO()
        call_command("outside_releases", site=clinic.site.short_name, days=30, stdout=soon)
        assert soon.getvalue() == ""
        for bad in (
            {},
            {"revoke": str(row.code)},
            {"revoke": str(row.code), "by": clinic.therapist.email},
            {"revoke": str(row.code), "by": clinic.outsider.email},
            {"revoke": "nonsense", "by": clinic.coordinator.email},
            {"revoke": str(row.code), "by": clinic.coordinator.email, "reason": "x" * 300},
        ):
            with pytest.raises(CommandError):
                call_command("outside_releases", **bad)
        row.refresh_from_db()
        assert row.revoked_at is None
        for _ in range(2):
            call_command(
                "outside_releases", revoke=str(row.code), by=clinic.coordinator.email, stdout=io.StringIO()
            )
        row.refresh_from_db()
        assert row.revoked_by == clinic.coordinator
        assert row.revoked_reason.startswith("The patient took it back (operator ")

    def test_the_address_is_confirmed_by_a_link_with_nothing_of_the_patient_in_it(self, clinic, mailbox):
        kit = outsider(clinic)
        point = services.add_contact_point(
            patient=clinic.patient, channel="email", address=ADDRESS, whose="external", external=kit,
            by=clinic.coordinator,
        )  # fmt: skip
        with pytest.raises(RuleNotMet) as refused:
            outside_address.send_address_link(contact_point=point, by=clinic.coordinator)
        assert refused.value.code == "no-release"
        release(clinic, kit)
        for _ in range(2):
            outside_address.send_address_link(contact_point=point, by=clinic.coordinator)
        text = mails(mailbox)[-1]["Subject"] + mails(mailbox)[-1].get_content()
        assert clinic.patient.given_name not in text
        path = PATH.findall(text)[0]
        assert "Kit Marlow" in Client().get(path).content.decode()
        point.refresh_from_db()
        assert not point.usable, "opening it changes nothing"
        for _ in range(2):
            assert Client().post(path).status_code in (200, 302)
        point.refresh_from_db()
        assert point.usable
        assert "You have confirmed it" in Client().get(path).content.decode()


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
