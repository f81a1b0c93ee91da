"""Links for patients: one purpose each, expiring, hashed at rest; what an answer sets in motion."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from scheduling import dispatch
from scheduling.models import FollowUp, Message, PatientLink, StaffAlert, StaffNotice, WorkItem
from scheduling.services import answers, windows
from sessions.models import OutcomeScore
from tests.scheduling.follow import world as w
from tests.scheduling.follow.mailbox import receiving

pytestmark = pytest.mark.django_db
URL = re.compile(r"https://visits\.example(/p/[\w-]{20,}/)")
CALM_PHQ, CALM_GAD = [0] * 9, [0] * 7


@pytest.fixture
def mailbox(settings):
    settings.PUBLIC_URL = "https://visits.example"
    with receiving(settings) as box:
        yield box


@pytest.fixture
def infusion(clinic, clock, mailbox):
    visit = w.book_course(clinic, [w.FIRST, w.FIRST + timedelta(days=3)]).appointments.get(ordinal=1)
    infusion = w.start_pump(clinic, visit)
    w.stop_pump(clinic, infusion)
    clock.set(infusion.stopped_at)
    windows.reanchor(infusion=infusion)
    return infusion


def send(clock, mailbox, kind: str) -> list[str]:
    """Let the message of this kind leave; the paths of the links in it as the mailbox got it."""
    row = Message.objects.filter(kind=kind, state="scheduled").earliest("due_at")
    clock.set(row.due_at)
    before = len(mailbox.taken)
    dispatch.tick()
    row.refresh_from_db()
    assert row.state == "sent", (row.state, row.closed_reason, row.last_error_code)
    (mail,) = [item for item in mailbox.taken[before:] if item["Subject"] == row.subject]
    return URL.findall(mail.get_content())


def questionnaire(clinic, clock, infusion) -> PatientLink:
    """A questionnaire link made as the dispatcher makes it, for a follow-up of this infusion."""
    from scheduling.services.links import links_of

    row = Message.objects.filter(kind="check_in").first()
    row.kind = "questionnaire"
    links = links_of(row, at=clock.now())
    return PatientLink.objects.get(
        token_hash=hashlib.sha256(links.answer.split("/")[-2].encode()).hexdigest()
    )


def test_a_link_is_in_the_mail_and_only_its_hash_in_the_database(client, clock, mailbox, infusion):
    answer, stop = send(clock, mailbox, "check_in")
    token = answer.split("/")[2]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM scheduling_message WHERE body LIKE %s", [f"%{token}%"])
        assert cursor.fetchone() == (0,), "the kept text has no token"
        cursor.execute("SELECT token_hash FROM scheduling_patientlink WHERE purpose = 'check-in'")
        assert cursor.fetchone() == (hashlib.sha256(token.encode()).hexdigest(),)
    page = client.get(answer)
    assert page.status_code == 200
    assert page["Referrer-Policy"] == "no-referrer"
    text = page.content.decode()
    assert "Answers are not watched all the time" in text
    assert "988" in text
    for private in ("Sample", "MRN", "Reed", "etamine"):
        assert private not in text
    assert PatientLink.objects.get(purpose="check-in").answered_at is None, "opening changes nothing"
    mail = mailbox.taken[-1]
    assert mail["List-Unsubscribe"] == f"<https://visits.example{stop}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_six_questions_of_the_page(client, clock, mailbox, infusion):
    answer, _ = send(clock, mailbox, "check_in")
    good = {"slept": "yes", "as_usual": "yes", "unsafe": "no"}
    wrong = client.get("/p/no-such-token-of-anybody-0000/")
    assert wrong.status_code == 404
    assert "This link does not work" in wrong.content.decode()
    assert "do not wait for us: call" in wrong.content.decode()
    assert client.put(answer).status_code == 405
    for bad in ({}, good | {"slept": "perhaps"}, {"slept": "\x00"}):
        assert client.post(answer, bad).status_code == 422
    assert PatientLink.objects.get(purpose="check-in").answered_at is None
    for _ in range(2):
        assert client.post(answer, good, follow=True).status_code == 200
    link = PatientLink.objects.get(purpose="check-in")
    assert link.answer == {"slept": True, "as_usual": True, "unsafe": False}
    assert not WorkItem.objects.filter(kind="call-patient").exists()
    clock.set(link.expires_at)
    late = client.post(answer, good | {"unsafe": "yes"})
    assert (late.status_code, StaffAlert.objects.count()) == (410, 0)
    assert "too old" in late.content.decode()


def test_a_bad_night_is_a_nurses_call_and_nobody_is_cleared_to_drive(client, clock, mailbox, infusion):
    answer, _ = send(clock, mailbox, "check_in")
    page = client.post(
        answer, {"slept": "no", "as_usual": "yes", "unsafe": "no"}, follow=True
    ).content.decode()
    assert "do not drive" in page
    item = WorkItem.objects.open().get(kind="call-patient")
    assert (item.role, "did not sleep" in item.detail) == ("nurse", True)
    row = FollowUp.objects.get(kind="morning_check_in", visit=infusion.appointment)
    assert (row.state, "did not sleep" in row.why["answered"]) == ("released", True), (
        "the nurse's act is still open"
    )


def test_unsafe_alerts_the_person_on_duty_by_mail(clinic, client, clock, mailbox, infusion):
    answer, _ = send(clock, mailbox, "check_in")
    client.post(answer, {"slept": "yes", "as_usual": "yes", "unsafe": "yes"})
    client.post(answer, {"slept": "yes", "as_usual": "yes", "unsafe": "yes"})
    alert = StaffAlert.objects.get()
    dispatch.tick()
    dispatch.tick()
    (mail,) = [item for item in mailbox.taken if item["To"] == clinic.nurse.email]
    text = f"{mail['Subject']} {mail.get_content()}"
    assert f"/alerts/{alert.code}/" in text
    assert clinic.patient.family_name not in text
    assert "safe" not in text


@pytest.mark.parametrize(
    ("before", "now", "handling"),
    [
        (None, 1, "alert"),
        (None, 2, "alert"),
        (1, 1, "review"),
        (1, 2, "alert"),
        (2, 1, "review"),
        (2, 2, "alert"),
        (1, 0, "none"),
    ],
)
def test_item_9(clinic, clock, infusion, before, now, handling):
    if before is not None:
        OutcomeScore.objects.create(
            patient=clinic.patient, instrument="phq9", total=before, items=[0] * 8 + [before],
            taken_at=clock.now() - timedelta(days=7), entered_at=clock.now(),
        )  # fmt: skip
    link = questionnaire(clinic, clock, infusion)
    for _ in range(2):
        answers.answer_questionnaire(link=link, phq9=[*[0] * 8, now], gad7=CALM_GAD)
    assert OutcomeScore.objects.filter(entered_by=None, taken_at=clock.now()).count() == 2, "once"
    assert StaffAlert.objects.count() == (handling == "alert")
    assert WorkItem.objects.filter(kind="risk-review").count() == (handling == "review")


def test_the_questionnaire_page_wants_every_item(client, clinic, clock, infusion):
    from scheduling.services.links import token_of

    link = questionnaire(clinic, clock, infusion)
    path = f"/p/{token_of(link.code)}/"
    page = client.get(path).content.decode()
    assert page.count('type="radio"') == 16 * 4
    assert "hurting yourself" in page
    filled = {f"phq9_{n}": "1" for n in range(1, 10)} | {f"gad7_{n}": "0" for n in range(1, 8)}
    for missing in ("phq9_9", "gad7_1"):
        part = {name: value for name, value in filled.items() if name != missing}
        assert client.post(path, part).status_code == 422
        assert client.post(path, filled | {missing: "4"}).status_code == 422
    assert not OutcomeScore.objects.exists()
    thanks = client.post(path, filled, follow=True).content.decode()
    assert "You need not be alone with this" in thanks, "item 9 was answered"
    assert "911, or call or text 988. Stay" in thanks
    assert OutcomeScore.objects.get(instrument="phq9").total == 9
    assert "Thank you" in client.get(path).content.decode(), "answered once"
    assert StaffAlert.objects.count() == 1, "1 is new"


def test_after_answers_without_such_thoughts_the_thanks_are_short(client, clinic, clock, infusion):
    from scheduling.services.links import token_of

    calm = {f"phq9_{n}": "0" for n in range(1, 10)} | {f"gad7_{n}": "0" for n in range(1, 8)}
    page = client.post(f"/p/{token_of(questionnaire(clinic, clock, infusion).code)}/", calm, follow=True)
    assert "Your answers have arrived." in page.content.decode()
    assert "need not be alone" not in page.content.decode()


def test_visit_answers(clinic, client, clock, mailbox, infusion):
    answer, *_ = send(clock, mailbox, "visit_reminder")
    second = clinic.patient.appointments.get(ordinal=2)
    assert client.post(answer, {"answer": "no-driver"}, follow=True).status_code == 200
    item = WorkItem.objects.open().get(kind="patient-answer", key=f"answer:{second.code}")
    assert item.role == "coordinator"
    second.refresh_from_db()
    assert second.status == "booked", "the slot is kept until somebody decides"
    client.post(answer, {"answer": "coming"})
    item.refresh_from_db()
    assert item.resolved_at is not None
    later = (second.during.lower + timedelta(hours=2), second.during.upper + timedelta(hours=2))
    second.resource_bookings.update(during=later)
    type(second).objects.filter(pk=second.pk).update(
        during=later, predicted_t0=second.predicted_t0 + timedelta(hours=2)
    )
    assert client.post(answer, {"answer": "late"}).status_code == 410
    assert not WorkItem.objects.open().filter(kind="patient-answer", key=f"answer:{second.code}").exists()


def test_the_second_reminder_takes_over_from_the_first(clinic, clock, mailbox, infusion):
    second = clinic.patient.appointments.get(ordinal=2)
    first, again = (
        Message.objects.get(kind=kind, appointment=second)
        for kind in ("visit_reminder", "visit_reminder_soon")
    )
    assert first.due_at == second.during.lower - timedelta(hours=48)
    assert again.due_at == second.during.lower - timedelta(hours=18)
    assert first.expires_at == again.due_at
    clock.set(again.due_at)
    dispatch.tick()
    assert [item["Subject"] for item in mailbox.taken][-1].startswith(
        "Reminder: your visit on Friday 6 March"
    )


def test_preparation_and_three_questions(client, clock, mailbox, infusion):
    paths = send(clock, mailbox, "visit_reminder")
    page = client.get(paths[1]).content.decode()
    assert "Text in plain clinical words." in page
    right = {"experience_not_needed": "no", "work_happens_afterwards": "yes", "no_driving_understood": "yes"}
    assert client.post(paths[1], right, follow=True).status_code == 200
    item = WorkItem.objects.get(kind="patient-answer", key__startswith="education:")
    assert "2 of 3" in item.detail
    assert not infusion.patient.education_records.exists(), "recording it stays a person's act"


def test_opting_out_by_link_by_one_click_and_too_late(clinic, client, clock, mailbox, infusion):
    _, stop = send(clock, mailbox, "check_in")
    assert client.get(stop).status_code == 200
    assert clinic.contact.__class__.objects.get(pk=clinic.contact.pk).opted_out_at is None
    clock.advance(days=500)
    answer = client.post(stop, {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 302
    client.post(stop)
    assert clinic.contact.__class__.objects.get(pk=clinic.contact.pk).opted_out_at == clock.now()
    waiting = Message.objects.filter(state__in=["scheduled", "claimed"], expires_at__gt=clock.now())
    assert not waiting.exists()


def test_a_repeat_of_the_send_carries_the_same_link(clock, mailbox, infusion):
    from scheduling.services.links import links_of

    row = Message.objects.get(kind="check_in")
    first = links_of(row, at=clock.now())
    assert links_of(row, at=clock.now()) == first
    assert PatientLink.objects.count() == 2


def test_the_database_keeps_no_token(clinic, clock, infusion):
    with pytest.raises(IntegrityError, match="link_token_is_hashed"), transaction.atomic():
        PatientLink.objects.create(
            patient=clinic.patient, purpose="visit", about="x", token_hash="a-plain-token", created_at=clock.now(),
            expires_at=clock.now() + timedelta(days=1),
        )  # fmt: skip


def test_without_an_address_of_our_own_there_are_no_links(settings, clock, mailbox, infusion):
    settings.PUBLIC_URL = ""
    clock.set(Message.objects.get(kind="check_in").due_at)
    dispatch.tick()
    assert PatientLink.objects.count() == 0
    assert "call us on" in mailbox.taken[-1].get_content()
    assert StaffNotice.objects.count() == 0


def test_what_it_is_too_late_to_recall(clinic, clock, mailbox, infusion):
    from scheduling.services.recall import recall_words

    second = clinic.patient.appointments.get(ordinal=2)
    assert recall_words(second, at=clock.now()) == ""
    send(clock, mailbox, "visit_reminder")
    assert recall_words(second, at=clock.now()) == "", "it speaks of the time that stands"
    w.release(second, "cancelled")
    second.refresh_from_db()
    assert "too late to recall" in recall_words(second, at=clock.now())
    Message.objects.filter(kind="visit_reminder", appointment=second).update(
        state="sending", lease_until=clock.now()
    )
    assert "being sent right now" in recall_words(second, at=clock.now())
    assert recall_words(second, at=second.during.lower) == "", "it is over"
