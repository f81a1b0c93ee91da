"""What a therapist does in the queue besides booking: facts at a glance, not fit today, undo, and windows that climb."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from hypothesis import given as given_values
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from patients.models import PatientCover
from protocols.definition import EscalationRule
from protocols.definition_rules import ESCALATION
from protocols.library import SIX_IN_THREE_WEEKS
from scheduling import dispatch, queries_follow, queue_facts
from scheduling.domain.escalation import lead_moment, pool_moment
from scheduling.models import Appointment, FollowUp, PlasticityWindow, StaffAlert, WorkItem
from scheduling.services import closing, escalation, not_fit, therapy, windows
from scheduling.services.undo import undo_last
from sessions import services as facts
from sessions.models import IntegrationSession
from staff.errors import InvalidInput, RuleNotMet, StateConflict
from tests import factories
from tests.scheduling.booking.test_version_moves import publish
from tests.scheduling.follow import world as w

pytestmark = pytest.mark.django_db
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
WEDNESDAY_TEN = datetime(2026, 3, 4, 18, 0, tzinfo=UTC)


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
    clock.set(WEDNESDAY_TEN - timedelta(hours=1))
    return w.current_window(infusion)


def session(visit) -> FollowUp:
    return w.follow_up(visit, "integration_1")


def book(clinic, visit, start=WEDNESDAY_TEN, who=None) -> Appointment:
    person = who or clinic.therapist
    return therapy.book_therapy(follow_up=session(visit), start=start, therapist=person, by=person)


def as_(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


# --- facts ---


def test_a_row_says_what_a_therapist_needs_and_no_more(clinic, clock, visit, window):
    infusion = window.infusion
    facts.record_adverse_event(infusion=infusion, kind="nausea", severity="mild", by=clinic.nurse)
    facts.record_adverse_event(infusion=infusion, kind="anxiety", severity="mild", by=clinic.nurse)
    facts.record_outcome(
        patient=clinic.patient, instrument="phq9", items=[2, 2, 1, 1, 1, 2, 2, 1, 1], by=clinic.therapist
    )
    facts.record_safety_contact(
        patient=clinic.patient, manner="phone", cssrs=3, outcome="Call", by=clinic.nurse
    )
    facts.record_night(infusion=infusion, night=1, hours_slept=Decimal("6.5"), quality=4, by=clinic.nurse)
    page = as_(clinic.therapist).get("/queue/").content.decode()
    for words in (
        "suicidality screen 3 of 5", "PHQ-9 item 9 answered 1", "anxiety or distress (mild)", "nausea (mild)",
        "PHQ-9 13 moderate", "night 1: 6.5 h, good", "35 mg ordered", "Fri 10:00", "English", "no number on file", "Why now",
    ):  # fmt: skip
        assert words in page, words
    item = queries_follow.queue_items(clinic.therapist, clinic.site, clock.now())[0]
    labels = [fact.label for fact in queue_facts.facts_of(item.window, clock.now().tzinfo, clock.now())]
    assert labels[:2] == ["Risk", "Distress at the infusion"]


def test_an_old_or_clean_history_raises_no_risk(clinic, clock, window):
    facts.record_safety_contact(
        patient=clinic.patient, manner="phone", cssrs=0, outcome="Well", by=clinic.nurse
    )
    facts.record_safety_contact(
        patient=clinic.patient, manner="phone", cssrs=4, outcome="Then", by=clinic.nurse,
        occurred_at=clock.now() - timedelta(days=15),
    )  # fmt: skip
    item = queries_follow.queue_items(clinic.therapist, clinic.site, clock.now())[0]
    found = queue_facts.facts_of(item.window, clock.now().tzinfo, clock.now())
    assert not [fact for fact in found if fact.tone]


# --- not fit today ---


def test_not_fit_delays_alerts_a_person_and_leaves_the_row_with_its_time(clinic, clock, visit, window):
    booked = book(clinic, visit)
    clock.set(WEDNESDAY_TEN)
    for _ in range(2):
        not_fit.not_fit_today(follow_up=session(visit), reason="sedated", by=clinic.therapist)
    row, current = session(visit), w.current_window(window.infusion)
    thursday_seven = datetime(2026, 3, 5, 15, 0, tzinfo=UTC)
    assert (current.not_fit_until, current.t0) == (thursday_seven, window.t0), (
        "the therapy time itself stands"
    )
    assert (row.state, row.earliest_at, row.appointment) == ("released", thursday_seven, None)
    booked.refresh_from_db()
    assert booked.status == "cancelled"
    assert StaffAlert.objects.filter(patient=clinic.patient, reason__icontains="sedated").count() == 1
    assert (
        WorkItem.objects.open().filter(role="nurse", title__startswith="Look after the patient").count() == 1
    )
    page = as_(clinic.therapist).get("/queue/").content.decode()
    assert "Start is locked until Thu 07:00: not fit (sedated or drowsy)." in page
    with pytest.raises(RuleNotMet) as refused:
        therapy.start_therapy(follow_up=row, by=clinic.therapist)
    assert refused.value.code == "not-fit"
    with pytest.raises(RuleNotMet) as refused:
        therapy.book_therapy(
            follow_up=row, start=WEDNESDAY_TEN + timedelta(hours=2), therapist=clinic.therapist,
            by=clinic.therapist, override_reason="clinical",
        )  # fmt: skip
    assert refused.value.code == "not-fit", "no coded reason breaks it"
    windows.reanchor(infusion=window.infusion, by=clinic.nurse)
    assert w.current_window(window.infusion).not_fit_until == thursday_seven
    not_fit.fit_again(window=current, by=clinic.therapist)
    assert session(visit).earliest_at < thursday_seven
    assert therapy.start_therapy(follow_up=session(visit), by=clinic.therapist)


def test_the_database_refuses_a_start_while_not_fit(clinic, clock, visit, window):
    not_fit.not_fit_today(follow_up=session(visit), reason="dissociating", by=clinic.therapist)
    start = {"patient": clinic.patient, "therapist": clinic.therapist, "started_at": clock.now()}
    with pytest.raises(IntegrityError, match="not fit"), transaction.atomic():
        IntegrationSession.objects.create(**start)
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("DROP TRIGGER therapy_waits_until_fit ON treatment_sessions_integrationsession")
    assert IntegrationSession.objects.create(**start), "control: it is this rule that refuses"


@pytest.mark.parametrize(
    ("over", "error"),
    [
        ({"reason": "bored"}, InvalidInput),
        ({"until": WEDNESDAY_TEN - timedelta(minutes=30)}, RuleNotMet),
        ({"until": WEDNESDAY_TEN + timedelta(days=9)}, RuleNotMet),
    ],
)
def test_not_fit_refuses_nonsense(clinic, clock, visit, window, over, error):
    with pytest.raises(error):
        not_fit.not_fit_today(
            **{"follow_up": session(visit), "reason": "sedated", "by": clinic.therapist} | over
        )
    assert w.current_window(window.infusion).not_fit_until is None
    assert not StaffAlert.objects.exists()


def test_not_fit_from_the_page_and_the_api(clinic, clock, visit, window):
    url = f"/follow-ups/{session(visit).code}/not-fit/"
    body = {
        "reason": "intoxicated",
        "version": session(visit).version,
        "patient_code": str(clinic.patient.code),
    }
    assert Client().post(url, body).status_code == 302
    assert not StaffAlert.objects.exists()
    assert as_(clinic.nurse).get(url).status_code == 403
    client = as_(clinic.therapist)
    assert client.post(url, body | {"reason": "\x00"}).status_code == 422
    assert client.post(url, body | {"until": "2026-02-30T07:00"}).status_code == 422
    assert client.post(url, body).status_code == 302
    undo = f"/follow-ups/{session(visit).code}/fit/"
    assert client.get(undo).status_code == 405
    assert client.post(undo).status_code == client.post(undo).status_code == 302
    assert w.current_window(window.infusion).not_fit_until is None
    row = session(visit)
    api = client.post(
        f"/api/v1/follow-ups/{row.code}/not-fit/", {"reason": "unwell"}, content_type="application/json",
        headers={"If-Match": f'"{row.code}:{row.version}"'},
    )  # fmt: skip
    assert api.status_code in (200, 412)


# --- undo ---


def test_undo_takes_back_ones_own_last_act_for_ten_minutes(clinic, clock, visit, window):
    book(clinic, visit)
    for _ in range(2):
        undo_last(follow_up=session(visit), by=clinic.therapist)
    assert session(visit).state == "released"
    closing.decline_follow_up(follow_up=session(visit), reason="Does not want to", by=clinic.therapist)
    with pytest.raises(StateConflict):
        undo_last(follow_up=session(visit), by=clinic.nurse)
    client = as_(clinic.therapist)
    assert client.post(f"/follow-ups/{session(visit).code}/undo/").status_code == 302
    assert (session(visit).state, session(visit).closed_reason) == ("released", "")
    closing.mark_not_done(follow_up=session(visit), reason="Nobody came", by=clinic.therapist)
    clock.advance(minutes=11)
    assert client.post(f"/follow-ups/{session(visit).code}/undo/").status_code == 409
    assert session(visit).state == "missed"


# --- a window that closes without therapy ---


def rules_of_escalation():
    """Any rule that a text can have."""
    low_high = {name: st.integers(*limits) for name, limits in ESCALATION.items()}
    rules = st.builds(EscalationRule, **low_high)
    return rules.filter(lambda rule: rule.lead_least_hours <= rule.lead_most_hours)


@given_values(
    rules_of_escalation(),
    st.integers(min_value=1, max_value=240 * 60),
    st.sampled_from(
        [
            WEDNESDAY_TEN,
            datetime(2026, 3, 7, 20, tzinfo=LOS_ANGELES),
            datetime(2026, 10, 31, 20, tzinfo=LOS_ANGELES),
        ]
    ),
)
@hypothesis_settings(max_examples=60, deadline=None)
def test_the_lead_hears_of_it_within_the_versions_limits_before_the_end(rule, minutes, begins):
    ends = (begins.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(begins.tzinfo)
    moment = lead_moment(rule, begins, ends)
    before = ends.astimezone(UTC) - moment
    assert timedelta(hours=rule.lead_least_hours) <= before <= timedelta(hours=rule.lead_most_hours)
    if timedelta(hours=rule.lead_least_hours) < before < timedelta(hours=rule.lead_most_hours):
        rounded = before * rule.lead_core_parts - timedelta(minutes=minutes)
        assert abs(rounded) < timedelta(milliseconds=1), "elapsed, also over a change of clocks"
    assert lead_moment(rule, begins, ends + timedelta(hours=1)) >= moment, (
        "a longer window is never told earlier"
    )
    assert pool_moment(rule, begins) - begins.astimezone(UTC) == timedelta(hours=rule.pool_after_target_hours)


@given_values(st.integers(min_value=30, max_value=240), st.integers(min_value=0, max_value=240))
@hypothesis_settings(max_examples=40, deadline=None)
def test_the_lead_hears_of_it_before_the_end_and_after_the_start(hours, minutes):
    begins = WEDNESDAY_TEN
    ends = begins + timedelta(hours=hours, minutes=minutes)
    moment = lead_moment(EscalationRule(), begins, ends)
    assert begins < moment < ends
    assert timedelta(hours=6) <= ends - moment <= timedelta(hours=24)


def test_the_moments_are_those_of_the_version(clinic, clock):
    rule = EscalationRule(
        pool_after_target_hours=5, lead_core_parts=12, lead_least_hours=1, lead_most_hours=2
    )
    version = publish(clinic, replace(SIX_IN_THREE_WEEKS, escalation=rule))
    visit = w.book_course(clinic, [w.FIRST], protocol_version=version).appointments.get()
    window = w.current_window(w.given(clinic, visit))
    clock.set(window.t0)
    dispatch.tick()
    row = session(visit)
    visit.refresh_from_db()
    clock.set(row.target_at + timedelta(hours=5, minutes=-1))
    dispatch.tick()
    assert w.current_window(visit.infusion).pool_at is None
    clock.set(row.target_at + timedelta(hours=5))
    dispatch.tick()
    assert w.current_window(visit.infusion).pool_at == clock.now()
    ends = min(window.core_until, row.hard_latest_at)
    clock.set(ends - timedelta(hours=2, minutes=1))
    dispatch.tick()
    assert w.current_window(visit.infusion).lead_at is None
    clock.set(ends - timedelta(hours=2))
    dispatch.tick()
    assert w.current_window(visit.infusion).lead_at == clock.now()


def test_a_window_climbs_from_therapist_to_everybody_to_the_lead(clinic, clock, visit, window):
    stranger = clinic.other_therapist
    assert clinic.patient.family_name not in as_(stranger).get("/queue/").content.decode()
    windows.claim_window(window=window, by=clinic.therapist)
    with pytest.raises(StateConflict):
        windows.claim_window(window=window, by=stranger)
    clock.set(session(visit).target_at)
    dispatch.tick()
    dispatch.tick()
    item = WorkItem.objects.open().get(key=escalation.pool_key(session(visit)))
    assert (item.role, item.owner) == ("therapist", None)
    page = as_(stranger).get("/queue/").content.decode()
    assert clinic.patient.family_name in page
    assert "Open to every therapist" in page
    assert as_(stranger).get(f"/patients/{clinic.patient.code}/").status_code == 404
    windows.claim_window(window=window, by=stranger)
    assert as_(stranger).get(f"/patients/{clinic.patient.code}/").status_code == 200, (
        "cover opens the patient"
    )
    assert PatientCover.objects.get().until_at == window.tail_until
    ends = min(window.core_until, session(visit).hard_latest_at)
    clock.set(lead_moment(EscalationRule(), window.t0, ends))
    dispatch.tick()
    item.refresh_from_db()
    assert (item.role, item.owner, item.resolved_at) == ("clinician", clinic.clinician, None)
    slot = therapy_slot(clinic, visit, stranger)
    therapy.book_therapy(follow_up=session(visit), start=slot, therapist=stranger, by=stranger)
    item.refresh_from_db()
    assert item.resolved_at is not None


def therapy_slot(clinic, visit, person) -> datetime:
    from scheduling.loaders_follow import load_course
    from scheduling.services.therapy_rules import free_slots

    row = session(visit)
    return free_slots(row, load_course(row.patient_id), now=clinic.now, therapist=person)[0].start


def test_cover_ends_by_itself(clinic, clock, visit, window):
    clock.set(session(visit).target_at)
    dispatch.tick()
    windows.claim_window(window=window, by=clinic.other_therapist)
    clock.set(window.tail_until)
    assert as_(clinic.other_therapist).get(f"/patients/{clinic.patient.code}/").status_code == 404


def test_of_two_who_take_it_from_the_pool_one_has_it_and_the_other_is_told(clinic, clock, visit, window):
    """Open pages of two therapists: the second press must not take it from the first unseen, nor book over them."""
    second = clinic.therapist
    windows.claim_window(window=window, by=second)
    clock.set(session(visit).target_at)
    dispatch.tick()
    page = as_(clinic.other_therapist).get("/queue/").content.decode()
    assert f"/windows/{window.code}/take/" in page
    windows.claim_window(window=window, by=clinic.other_therapist)
    answer = as_(second).post(f"/windows/{window.code}/take/")
    assert answer.status_code == 409
    assert f"{clinic.other_therapist.full_name} has taken this one." in answer.content.decode()
    assert w.current_window(visit.infusion).claimed_by == clinic.other_therapist
    slot = therapy_slot(clinic, visit, second)
    with pytest.raises(StateConflict):
        therapy.book_therapy(follow_up=session(visit), start=slot, therapist=second, by=second)
    page = as_(second).get("/queue/").content.decode()
    assert f"/windows/{window.code}/take/" not in page
    assert "Open to every therapist" not in page


def test_who_is_booked_cannot_be_overtaken_from_the_pool(clinic, clock, visit, window):
    clock.set(session(visit).target_at)
    dispatch.tick()
    book(clinic, visit, start=datetime(2026, 3, 5, 19, 0, tzinfo=UTC))
    with pytest.raises(StateConflict):
        windows.claim_window(window=window, by=clinic.other_therapist)


def test_a_window_is_always_at_the_site_of_its_infusion(clinic, window):
    """The trigger `window_site` writes it, whatever raw SQL says; so no queue of another site shows it."""
    elsewhere = factories.make_site(name="Another clinic", short_name="Other")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE scheduling_plasticitywindow SET site_id = %s WHERE id = %s", [elsewhere.pk, window.pk]
        )
    window.refresh_from_db()
    assert window.site_id == window.infusion.site_id
