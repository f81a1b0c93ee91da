"""Six questions for every page: who is it for, whose is it, does it work, bad input, twice, and how many
queries.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from scheduling import dispatch, queries_follow
from scheduling.models import Appointment, FollowUp, Message, PlasticityWindow, WorkItem
from scheduling.services import therapy, windows
from scheduling.services.workitems import raise_item
from tests import factories
from tests.scheduling.follow import world as w

pytestmark = pytest.mark.django_db
WEDNESDAY_NINE = w.FIRST + timedelta(hours=23)


@pytest.fixture(autouse=True)
def _outbox(settings, tmp_path):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)


@pytest.fixture
def visit(clinic):
    return w.book_course(clinic, [w.FIRST, w.FIRST + timedelta(days=3)]).appointments.get(ordinal=1)


@pytest.fixture
def window(clinic, clock, visit) -> PlasticityWindow:
    """Open, on Wednesday 09:00."""
    infusion = w.given(clinic, visit)
    clock.set(w.current_window(infusion).t0)
    dispatch.tick()
    clock.set(WEDNESDAY_NINE)
    return w.current_window(infusion)


@pytest.fixture
def session(window, visit) -> FollowUp:
    return w.follow_up(visit, "integration_1")


@pytest.fixture
def trouble(clinic, clock, window) -> Message:
    Message.objects.filter(kind="practice").update(state="dead", closed_reason="It was refused for good.")
    return Message.objects.get(kind="practice")


@pytest.fixture
def item(clinic, clock) -> WorkItem:
    return raise_item(
        kind="missed",
        key="x",
        site=clinic.site,
        title="Something",
        role="nurse",
        due_at=clock.now(),
        patient=clinic.patient,
    )


def as_(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def address(name: str, *, window=None, session=None, trouble=None, item=None, visit=None, clinic=None) -> str:
    from django.urls import reverse

    codes = {
        "window_": window and window.code,
        "follow_up_": session and session.code,
        "message_": trouble and trouble.code,
        "work_resolve": item and item.code,
        "series_follow": visit and visit.series.code,
        "patient_follow": clinic and clinic.patient.code,
    }
    plain = {"therapist_queue", "message_list", "work_list", "outbox"}
    if name in plain:
        return reverse(name)
    return reverse(name, args=[next(code for start, code in codes.items() if name.startswith(start))])


READ = {
    "therapist_queue": "nurse",
    "window_detail": "nurse",
    "follow_up_book": "nurse",
    "follow_up_complete": "nurse",
    "follow_up_done": "coordinator",
    "follow_up_cancel": "nurse",
    "follow_up_decline": "coordinator",
    "follow_up_not_done": "coordinator",
    "series_follow_ups_fragment": "admin",
    "patient_follow_ups_fragment": "admin",
    "message_list": "therapist",
    "message_detail": "therapist",
    "work_list": "admin",
    "work_resolve": "admin",
}
ACT = {
    "window_claim": "nurse",
    "window_release": "coordinator",
    "follow_up_start": "coordinator",
    "message_retry": "therapist",
    "message_acknowledge": "therapist",
    "message_call": "therapist",
}
GENERAL = {"therapist_queue", "message_list", "work_list"}


@pytest.fixture
def things(clinic, window, session, trouble, item, visit):
    return {
        "clinic": clinic,
        "window": window,
        "session": session,
        "trouble": trouble,
        "item": item,
        "visit": visit,
    }


@pytest.mark.parametrize("name", [*READ, *ACT])
def test_strangers_sign_in_first_and_the_wrong_role_is_told_so(things, name):
    url = address(name, **things)
    method = "post" if name in ACT else "get"
    answer = getattr(Client(), method)(url)
    assert (answer.status_code, answer.url.split("?")[0]) == (302, "/accounts/login/")
    wrong = getattr(things["clinic"], (READ | ACT)[name])
    assert getattr(as_(wrong), method)(url).status_code == 403


@pytest.mark.parametrize("name", [name for name in [*READ, *ACT] if name not in GENERAL])
def test_what_is_not_yours_does_not_exist(things, name):
    outsider = factories.make_user(
        "clinician", "nurse", "coordinator", "therapist", sites=[factories.make_site()]
    )
    url = address(name, **things)
    method = "post" if name in ACT else "get"
    seen = getattr(as_(outsider), method)(url)
    nothing = getattr(as_(outsider), method)(url.replace(url.split("/")[2], str(uuid.uuid4())))
    assert seen.status_code == nothing.status_code == 404
    assert strip(seen) == strip(nothing)


def strip(answer) -> str:
    """A page without its reference, token and path."""
    import re

    return re.sub(r"[0-9a-f]{12}|[0-9a-f-]{36}|[A-Za-z0-9]{64}", "", answer.content.decode())


@pytest.mark.parametrize("name", list(ACT))
def test_acts_are_posts(things, name):
    everyone = factories.make_user(
        "clinician", "nurse", "coordinator", "therapist", sites=[things["clinic"].site]
    )
    assert as_(everyone).get(address(name, **things)).status_code == 405


def test_another_therapists_patient_is_not_in_the_queue(clinic, window):
    stranger = factories.make_user("therapist", sites=[clinic.site])
    assert clinic.patient.family_name not in as_(stranger).get("/queue/").content.decode()
    assert clinic.patient.family_name in as_(clinic.therapist).get("/queue/").content.decode()
    assert as_(stranger).get(f"/windows/{window.code}/").status_code == 404
    type(clinic.patient).objects.update(therapist=None)
    PlasticityWindow.objects.update(claimed_by=None)
    assert clinic.patient.family_name in as_(stranger).get("/queue/").content.decode(), "unassigned pool work"


def test_the_row_says_from_target_and_until_in_words(clinic, clock, window):
    page = as_(clinic.therapist).get("/queue/").content.decode()
    assert "Therapy from Wed 07:00, target by Thu 15:29, until infusion Fri 10:00" in page
    for word in ("T0", "P95", "anchor", "provisional", "blackout", "generation"):
        assert f">{word}<" not in page
        assert f" {word} " not in page


def test_filters_live_in_the_address_and_nonsense_is_ignored(clinic, window):
    client = as_(clinic.therapist)
    for query, there in (
        ("?show=open", True),
        ("?show=closing", False),
        ("?whose=mine", True),
        ("?whose=unassigned", False),
        ("?show=%00&whose=zzz", True),
        ("?show=done", False),
    ):
        page = client.get(f"/queue/{query}").content.decode()
        assert (clinic.patient.family_name in page) is there, query


def test_the_refresh_is_a_fragment_that_keeps_ids(clinic, window):
    answer = as_(clinic.therapist).get("/queue/", headers={"HX-Request": "true"})
    page = answer.content.decode()
    assert "<html" not in page
    assert 'hx-trigger="every 20s"' in page
    assert f'id="l-{window.infusion.code}"' in page


def test_queries_do_not_grow_with_the_rows(clinic, clock, window):
    whole_queries: list = []

    def cost() -> tuple[int, int]:
        client = as_(clinic.therapist)
        client.get("/queue/")
        with CaptureQueriesContext(connection) as whole:
            client.get("/queue/")
        now = clock.now()
        with CaptureQueriesContext(connection) as view:
            queries_follow.queue_items(clinic.therapist, clinic.site, now)
            queries_follow.later_therapy(clinic.therapist, clinic.site, now)
        whole_queries[:] = whole.captured_queries
        return len(view), len(whole)

    clinic.therapist.site_ids(), clinic.therapist.role_names
    assert clinic.therapist.site_ids()
    assert clinic.therapist.role_names == {"therapist"}
    one = cost()
    for number in range(3):
        patient = factories.make_patient(clinic.site, therapist=clinic.therapist)
        start = w.FIRST - timedelta(days=1, hours=4) + timedelta(hours=3 * number)
        w.given(clinic, w.book_course(clinic, [start], patient=patient).appointments.get())
    dispatch.tick()
    many = cost()
    assert len(queries_follow.queue_items(clinic.therapist, clinic.site, clock.now())) == 4
    assert one == many
    assert many[0] <= 4, "the queue itself"
    assert many[1] <= 10, "\n".join(query["sql"][:60] + " " + query["sql"][-80:] for query in whole_queries)


def test_take_from_the_queue_once(clinic, window):
    client = as_(clinic.therapist)
    for _ in range(2):
        answer = client.post(f"/windows/{window.code}/take/", {"next": "/queue/?show=open&whose=all"})
        assert (answer.status_code, answer.url) == (302, "/queue/?show=open&whose=all")
    assert PlasticityWindow.objects.get(pk=window.pk).claimed_by == clinic.therapist
    assert client.post(f"/windows/{window.code}/take/", {"next": "https://evil.example/"}).url.startswith(
        "/windows/"
    )
    other = as_(factories.make_user("therapist", "coordinator", sites=[clinic.site]))
    assert other.post(f"/windows/{window.code}/take/").status_code == 409
    assert client.post(f"/windows/{window.code}/give-back/").status_code == 302
    assert PlasticityWindow.objects.get(pk=window.pk).claimed_by is None


def test_a_therapists_today_shows_what_ends_first_one_click_away(clinic, window):
    today = as_(clinic.therapist).get("/").content.decode()
    assert "Next in the therapy queue" in today
    assert str(clinic.patient) in today
    assert f"/windows/{window.code}/#times" in today
    for other in (clinic.nurse, clinic.coordinator):
        assert "Next in the therapy queue" not in as_(other).get("/").content.decode()
    assert str(clinic.patient) not in as_(clinic.other_therapist).get("/").content.decode()


def test_two_clicks_book_a_time(clinic, clock, window, session):
    client = as_(clinic.therapist)
    page = client.get(f"/windows/{window.code}/").content.decode()
    pick = page.split('name="pick" value="')[1].split('"')[0]
    body = {"pick": pick, "version": session.version, "patient_code": str(clinic.patient.code)}
    for _ in range(2):
        answer = client.post(f"/follow-ups/{session.code}/book/", body)
        assert (answer.status_code, answer.url) == (302, f"/windows/{window.code}/")
    assert Appointment.objects.filter(kind="therapy", status="booked").count() == 1


@pytest.mark.parametrize(
    "over",
    [
        {"pick": "2026-03-04T18:00:00|nobody"},
        {"pick": "NaN"},
        {"pick": "2026-03-04T18:00:00+00:00|00000000-0000-0000-0000-000000000000"},
        {"when": "2026-02-30T10:00", "pick": None},
        {"when": "2026-03-08T02:30", "pick": None},
        {"when": "\x00", "pick": None},
        {"when": "", "pick": None},
        {"when": "2026-03-03T11:00", "pick": None},
        {"when": "2026-03-04T10:00", "pick": None, "mode": "telepathy"},
        {"when": "2026-03-04T10:00", "pick": None, "override_reason": "because"},
        {"when": "2026-03-04T10:00", "pick": None, "therapist": "1 OR 1=1"},
        {"version": "7_0"},
        {"version": "999"},
        {"patient_code": str(uuid.uuid4())},
    ],
)
def test_bad_input_books_nothing(clinic, clock, window, session, over):
    body = {
        "pick": f"2026-03-04T18:00:00+00:00|{clinic.therapist.code}",
        "version": str(session.version),
        "patient_code": str(clinic.patient.code),
        "therapist": str(clinic.therapist.code),
        "mode": "in-person",
    } | over
    answer = as_(clinic.therapist).post(
        f"/follow-ups/{session.code}/book/", {key: value for key, value in body.items() if value is not None}
    )
    assert answer.status_code in (400, 409, 412, 422)
    assert not Appointment.objects.filter(kind="therapy").exists()


def test_a_locked_start_says_when_and_why_and_offers_the_safety_contact(clinic, clock, visit):
    infusion = w.given(clinic, visit)
    clock.set(infusion.started_at + timedelta(hours=4))
    page = as_(clinic.therapist).get(f"/windows/{w.current_window(infusion).code}/").content.decode()
    assert "Therapy cannot start yet" in page
    assert "No-therapy period until Tue 3 Mar 15:29. This therapy session is due from" in page
    assert f"/patients/{clinic.patient.code}/safety-contact/" in page
    answer = as_(clinic.therapist).post(f"/follow-ups/{w.follow_up(visit, 'integration_1').code}/start/")
    assert answer.status_code == 422
    assert "No-therapy period until Tue 3 Mar 15:29." in answer.content.decode()


def test_start_and_complete_with_a_note(clinic, clock, window, session):
    client = as_(clinic.therapist)
    url = f"/follow-ups/{session.code}/complete/"
    assert client.post(f"/follow-ups/{session.code}/start/").url == url
    assert client.post(f"/follow-ups/{session.code}/start/").url == url
    body = {"patient_code": str(clinic.patient.code)}
    assert client.post(url, body).status_code in (400, 422), "an empty note"
    answer = client.post(url, body | {"progress": "Walks every morning."})
    assert answer.status_code == 302
    assert client.post(url, body | {"progress": "Again"}).status_code == 302
    session.refresh_from_db()
    assert session.state == "done"
    assert session.appointment.integration.notes.count() == 1


def test_cancel_decline_not_done_and_done(clinic, clock, window, session, visit):
    therapy.book_therapy(
        follow_up=session,
        start=w.FIRST + timedelta(hours=26),
        therapist=clinic.therapist,
        by=clinic.therapist,
    )
    client, code = as_(clinic.therapist), str(clinic.patient.code)
    url = f"/follow-ups/{session.code}/cancel/"
    assert client.post(url, {"patient_code": code, "reason": ""}).status_code == 422
    assert client.post(url, {"patient_code": code, "reason": "Patient asked"}).status_code == 302
    session.refresh_from_db()
    body = {"patient_code": code, "reason": "Prefers not to", "version": session.version}
    assert client.post(f"/follow-ups/{session.code}/declined/", body | {"version": 1}).status_code == 412
    assert client.post(f"/follow-ups/{session.code}/declined/", body).status_code == 302
    session.refresh_from_db()
    assert session.state == "declined"
    check = w.follow_up(visit, "morning_check_in")
    nurse = as_(clinic.nurse)
    body = {"patient_code": code, "version": check.version, "note": "Slept well"}
    assert nurse.post(f"/follow-ups/{check.code}/done/", body).status_code == 302
    assert nurse.post(f"/follow-ups/{check.code}/done/", body).status_code == 302, "twice is harmless"
    check.refresh_from_db()
    assert (check.state, check.closed_by) == ("done", clinic.nurse)


def test_a_superseded_window_leads_to_its_successor(clinic, clock, window):
    w.estimate(window.infusion, window.infusion.started_at + timedelta(minutes=350))
    windows.reanchor(infusion=window.infusion)
    answer = as_(clinic.therapist).get(f"/windows/{window.code}/")
    assert answer.url == f"/windows/{w.current_window(window.infusion).code}/"


@pytest.mark.parametrize(
    "show", ["trouble", "due", "sent", "failed", "unknown", "expired", "cancelled", "%00"]
)
def test_messages_by_what_became_of_them(clinic, trouble, show):
    answer = as_(clinic.nurse).get(f"/messages/?show={show}&page=999999")
    assert answer.status_code == 200
    page = answer.content.decode()
    assert clinic.contact.address not in page
    if show in ("trouble", "failed"):
        assert "Could not be delivered" in page


@pytest.mark.parametrize("act", ["retry", "acknowledge", "call"])
def test_acts_on_a_failed_message(clinic, trouble, act):
    client = as_(clinic.nurse)
    assert client.post(f"/messages/{trouble.code}/{act}/").status_code == 302
    assert client.post(f"/messages/{trouble.code}/{act}/").status_code == 302, "twice is harmless"
    trouble.refresh_from_db()
    assert trouble.acknowledged_by == clinic.nurse
    assert Message.objects.filter(kind="practice").count() == (2 if act == "retry" else 1)


def test_the_outbox_page_is_for_the_demo_only(clinic, window, settings):
    client = as_(clinic.nurse)
    assert client.get("/outbox/").status_code == 404
    settings.IS_DEMO = True
    Message.objects.filter(kind="no_driving").update(
        state="sent",
        sent_at=window.opened_at,
        subject="Please do not drive today",
        body="Hello Alex,\n\nrest.",
    )
    page = client.get("/outbox/").content.decode()
    assert "Please do not drive today" in page
    assert as_(clinic.therapist).get("/outbox/").status_code == 403


@pytest.mark.parametrize("whose", ["mine", "role", "all", "closed", "\x00"])
def test_work_list(clinic, item, whose):
    answer = as_(clinic.nurse).get("/work/", {"whose": whose, "page": "x"})
    assert answer.status_code == 200
    assert ("Something" in answer.content.decode()) is (whose not in ("mine", "closed"))


def test_an_item_is_closed_with_words(clinic, item):
    client, url = as_(clinic.nurse), f"/work/{item.code}/"
    assert client.get(url).status_code == 200
    assert client.post(url, {"resolution": ""}).status_code == 422
    assert client.post(url, {"resolution": "\x00"}).status_code in (400, 422)
    assert client.post(url, {"resolution": "Called"}).status_code == 302
    assert client.post(url, {"resolution": "Called"}).status_code == 302, "twice is harmless"
    item.refresh_from_db()
    assert (item.resolution, item.resolved_by) == ("Called", clinic.nurse)


def test_follow_ups_on_other_pages(clinic, visit, window):
    client = as_(clinic.nurse)
    for url in (f"/series/{visit.series.code}/follow-ups/", f"/patients/{clinic.patient.code}/follow-ups/"):
        page = client.get(url).content.decode()
        assert "<html" not in page
        assert "Post-infusion therapy 1 (integration)" in page
        assert "Pump stopped" in page, "why these times"


def test_pages_without_a_site_say_so(clinic):
    nowhere = factories.make_user("clinician", "nurse", "coordinator", "therapist")
    for url in ("/queue/", "/messages/", "/work/"):
        assert "not assigned to a site" in as_(nowhere).get(url).content.decode()
