"""Review points: known beforehand, signed by a prescriber, and no pump runs on without them (clinic-day 45)."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from rest_framework.test import APIClient

from protocols.definition import ReviewPoints, SeriesPhase
from protocols.definition_codec import dump
from protocols.library import MAINTENANCE_TAPER, SHIPPED, SIX_IN_THREE_WEEKS, SIX_THEN_WEEKLY
from protocols.review_points import is_review_point, last_point_before, review_points
from scheduling.models import WorkItem
from scheduling.services.course_reviews import Findings, review_series
from scheduling.services.followups import sync_follow_ups
from scheduling.services.review_items import due_review, point_lines
from sessions import services as sessions
from sessions.models import CourseReview, Infusion
from staff.errors import InvalidInput, NotAllowed, RuleNotMet, StaleVersion, StateConflict
from tests.factories import make_user
from tests.scheduling.booking.helpers import book, local, visits_of
from tests.scheduling.booking.test_version_moves import PASSWORD, sign_in
from tests.scheduling.follow.world import given, ready_for_real

FINE = Findings("response", "none", "keep", "keep", "continue")
STOP = Findings("none", "none", "keep", "keep", "stop", "No change after three infusions")


def test_the_points_of_the_shipped_texts():
    assert {slug: review_points(text) for slug, text in SHIPPED.items()} == {
        "six-in-three-weeks": (3, 6),
        "single-infusion": (1,),
        "six-in-twelve-days": (3, 6),
        "six-then-weekly": (3, 10),
        "up-to-twelve": (3, 12),
        "maintenance-taper": (4, 8, 11),
        "weekly-higher-dose": (3,),
    }
    assert last_point_before(SIX_IN_THREE_WEEKS, 3) is None
    assert last_point_before(SIX_IN_THREE_WEEKS, 6) == 3
    assert is_review_point(SIX_IN_THREE_WEEKS, 7)  # an infusion beyond the text: each waits for a review


def texts():
    """Texts with every mix of points and parts."""
    for after, end, every in itertools.product(((), (1,), (2, 5)), (False, True), (None, 1, 4)):
        for kinds in ((False,), (True,), (False, True), (True, False), (False, True, True)):
            phases = tuple(SeriesPhase(f"P{n}", 3, 72, 84, 96, maintenance=m) for n, m in enumerate(kinds))
            yield replace(SIX_THEN_WEEKLY, phases=phases, reviews=ReviewPoints(after, end, every))


@pytest.mark.django_db
def test_the_database_reads_the_points_as_the_product_does():
    with connection.cursor() as cursor:
        for text in (*texts(), *SHIPPED.values()):
            cursor.execute(
                "SELECT array_agg(n ORDER BY n) FROM generate_series(-1, 14) n WHERE is_review_point(%s::jsonb, n)",
                [json.dumps(dump(text))],
            )
            wanted = [n for n in range(-1, 15) if is_review_point(text, n)] or None
            assert cursor.fetchone()[0] == wanted, text.reviews


@pytest.fixture
def series(clinic):
    return book(clinic)


@pytest.fixture
def three_given(clinic, series, clock):
    """Three infusions are behind; the clock stands a day after the third."""
    for visit in visits_of(series)[:3]:
        given(clinic, visit)
    clock.set(visits_of(series)[2].during.lower + timedelta(hours=24))
    sync_follow_ups(series=series)
    series.refresh_from_db()
    return series


def item():
    return WorkItem.objects.filter(key__startswith="review:", resolved_at__isnull=True)


def test_it_is_on_the_prescribers_list_before_the_next_infusion_and_gone_when_signed(clinic, three_given):
    found = item().get()
    fourth = visits_of(three_given)[3].during.lower
    assert (found.owner, found.patient) == (three_given.prescriber, three_given.patient)
    assert found.due_at == max(fourth - timedelta(hours=48), found.created_at)
    assert [(line.after, line.state) for line in point_lines(three_given)] == [(3, "due"), (6, "ahead")]
    sync_follow_ups(series=three_given)
    assert item().count() == 1
    version = three_given.version
    row = review_series(
        series=three_given, after=3, findings=FINE, by=clinic.clinician, expected_version=version
    )
    assert not item().exists()
    assert (row.course, row.after_ordinal, row.signed_by) == (three_given.code, 3, clinic.clinician)
    three_given.refresh_from_db()
    assert (three_given.version, due_review(three_given)) == (version + 1, None)
    with pytest.raises(StateConflict, match="signed already"):
        review_series(series=three_given, after=3, findings=FINE, by=clinic.clinician)


def test_no_point_no_item(clinic, series):
    given(clinic, visits_of(series)[0])
    sync_follow_ups(series=series)
    assert not item().exists()
    with pytest.raises(StateConflict):
        review_series(series=series, after=1, findings=FINE, by=clinic.clinician)


RAW_START = """INSERT INTO treatment_sessions_pumpevent
    (code, infusion_id, kind, observed_at, entered_at, entered_by_id, reason, rate_mg_per_min, withdrawn_reason)
    VALUES (gen_random_uuid(), %s, 'start', now(), now(), %s, '', 0.875, '')"""


def raw_start(infusion, clinic):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone()[0] == settings.DATABASE_APP_ROLE
        cursor.execute(RAW_START, [infusion.pk, clinic.nurse.pk])


def test_the_fourth_pump_waits_for_the_signature_also_in_the_database(clinic, three_given, clock):
    infusion = ready_for_real(clinic, clock, visits_of(three_given)[3])
    assert infusion.course == three_given.code
    gate = sessions.start_gate(infusion, clock.now())
    assert [finding.code for finding in gate.blocks] == ["review"]
    with pytest.raises(RuleNotMet, match="after infusion 3 is not signed") as refused:
        sessions.record_pump_event(infusion=infusion, kind="start", by=clinic.clinician)
    assert refused.value.code == "start-gate"
    with pytest.raises(IntegrityError, match="review after infusion 3"):
        raw_start(infusion, clinic)
    review_series(series=three_given, after=3, findings=replace(FINE, decision="taper", note="Weekly from here"),
                  by=clinic.clinician)  # fmt: skip
    infusion.refresh_from_db()
    assert infusion.status == "ready"
    sessions.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    assert Infusion.objects.get(pk=infusion.pk).started_at is not None


def test_without_the_trigger_the_pump_would_run_on(clinic, three_given, clock):
    infusion = ready_for_real(clinic, clock, visits_of(three_given)[3])
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("DROP TRIGGER next_infusion_is_reviewed ON treatment_sessions_pumpevent")
        cursor.execute(f'SET ROLE "{settings.DATABASE_APP_ROLE}"')
    raw_start(infusion, clinic)
    assert infusion.pump_events.filter(kind="start").exists()


def test_stop_ends_the_series_and_a_new_course_waits_for_another_review(clinic, three_given, clock):
    row = review_series(series=three_given, after=3, findings=STOP, by=clinic.clinician)
    three_given.refresh_from_db()
    assert (three_given.status, row.decision) == ("ended", "stop")
    assert "No response" in three_given.status_reason
    assert {visit.status for visit in visits_of(three_given)[3:]} == {"cancelled"}
    assert not item().exists()
    # The rows of `given` carry no course: this one does, as every check-in writes it.
    third = visits_of(three_given)[2].infusion
    connection.cursor().execute("RESET ROLE")
    connection.cursor().execute(
        "ALTER TABLE treatment_sessions_infusion DISABLE TRIGGER signed_record_is_fixed"
    )
    Infusion.objects.filter(pk=third.pk).update(course=three_given.code)
    connection.cursor().execute(f'SET ROLE "{settings.DATABASE_APP_ROLE}"')
    clock.set(local(clinic, 30))
    later = book(clinic, visits=[*_later(clinic)])
    infusion = ready_for_real(clinic, clock, visits_of(later)[0])
    assert [finding.code for finding in sessions.start_gate(infusion, clock.now()).blocks] == ["review"]
    with pytest.raises(IntegrityError, match="course before"):
        raw_start(infusion, clinic)
    again = replace(FINE, response="none", note="A second course, decided with the patient")
    three_given.refresh_from_db()
    review_series(series=three_given, after=3, findings=again, by=clinic.clinician)
    assert sessions.start_gate(infusion, clock.now()).blocks == ()


def _later(clinic):
    from tests.scheduling.booking.helpers import choice

    days = (2, 6, 9, 13, 16, 20)
    return [choice(clinic, n, local(clinic, day, month=4)) for n, day in enumerate(days, start=1)]


def test_a_skipped_infusion_does_not_skip_its_review(clinic, series, clock):
    from scheduling.services.visits import omit_visit

    for visit in visits_of(series)[:2]:
        given(clinic, visit)
    clock.set(visits_of(series)[1].during.lower + timedelta(hours=24))
    omit_visit(appointment=visits_of(series)[2], reason="clinical", by=clinic.clinician)
    assert due_review(series).after == 3
    assert item().count() == 1


def test_who_signs_and_what_must_be_said(clinic, three_given):
    for findings, error in (
        (replace(FINE, response="none"), RuleNotMet),
        (replace(FINE, urinary="marked"), RuleNotMet),
        (replace(FINE, decision="taper"), RuleNotMet),
        (replace(FINE, decision="perhaps"), InvalidInput),
    ):
        with pytest.raises(error):
            review_series(series=three_given, after=3, findings=findings, by=clinic.clinician)
    with pytest.raises(NotAllowed):
        review_series(series=three_given, after=3, findings=FINE, by=clinic.nurse)
    with pytest.raises(StaleVersion):
        review_series(series=three_given, after=3, findings=FINE, by=clinic.clinician, expected_version=99)
    assert not CourseReview.objects.exists()
    row = review_series(series=three_given, after=3, findings=FINE, by=clinic.clinician)
    with pytest.raises(IntegrityError, match="amended by new rows"), transaction.atomic():
        CourseReview.objects.filter(pk=row.pk).update(decision="stop", note="x")
    with pytest.raises(IntegrityError, match="course_review_says_why"), transaction.atomic():
        CourseReview.objects.create(**{**_values(row), "decision": "stop"})


def _values(row):
    names = ("patient", "protocol_version", "course", "after_ordinal", "response", "urinary", "interval", "dose",
             "signed_by", "signed_at")  # fmt: skip
    return {name: getattr(row, name) for name in names}


def posted(series, **over):
    return {"version": series.version, "patient_code": str(series.patient.code), **vars(FINE), **over}


def test_the_page_shows_the_course_asks_for_the_password_and_signs(client, clinic, three_given):
    url = reverse("course_review", args=[three_given.code])
    assert client.get(url)["Location"].startswith("/accounts/login")
    sign_in(client, clinic.clinician, again=False)
    page = client.get(url).content.decode()
    assert "Review after infusion 3" in page
    assert page.count('data-label="Started"') == 3
    assert "Review now" in client.get(reverse("series_detail", args=[three_given.code])).content.decode()
    answer = client.post(url, posted(three_given))
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert not CourseReview.objects.exists()
    assert client.post(answer["Location"], {"password": PASSWORD}).status_code == 302
    assert CourseReview.objects.get().decision == "continue"
    assert client.post(url, posted(three_given)).status_code == 409
    assert CourseReview.objects.count() == 1
    assert "None is due" in client.get(url).content.decode()


def test_others_read_and_do_not_sign_and_bad_input_changes_nothing(client, clinic, three_given):
    url = reverse("course_review", args=[three_given.code])
    for user in (clinic.nurse, clinic.coordinator):
        client.force_login(user)
        assert "A prescriber signs it" in client.get(url).content.decode()
        assert client.post(url, posted(three_given)).status_code == 403
    client.force_login(make_user("clinician"))
    assert client.get(url).status_code == 404
    sign_in(client, clinic.clinician)
    for over, status in (
        ({"decision": "perhaps"}, 422),
        ({"decision": "taper"}, 422),
        ({"version": "77"}, 412),
        ({"note": "x" * 600}, 422),
    ):
        assert client.post(url, posted(three_given, **over)).status_code == status
    assert client.put(url).status_code == 405
    assert not CourseReview.objects.exists()


def test_the_api_lists_and_signs(clinic, three_given):
    api = APIClient()
    sign_in(api, clinic.clinician, again=False)
    url = f"/api/v1/series/{three_given.code}/reviews/"
    assert [point["state"] for point in api.get(url).json()["points"]] == ["due", "ahead"]
    etag = {"If-Match": api.get(f"/api/v1/series/{three_given.code}/")["ETag"]}
    body = {"after": 3, **vars(FINE)}
    assert api.post(url, body, format="json", headers=etag).status_code == 403
    api.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert api.post(url, body, format="json").status_code == 428
    assert api.post(url, body | {"dose": "much"}, format="json", headers=etag).status_code == 400
    assert api.post(url, body | {"after": 2}, format="json", headers=etag).status_code == 409
    done = api.post(url, body, format="json", headers=etag)
    assert (done.status_code, done.json()["decision"]) == (201, "continue")
    assert api.post(url, body, format="json", headers=etag).status_code == 412


def test_maintenance_counts_on_over_its_parts():
    assert [n for n in range(1, 12) if is_review_point(MAINTENANCE_TAPER, n)] == [4, 8, 11]
