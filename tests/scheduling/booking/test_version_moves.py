"""Running series and newer versions: publishing changes nothing, moving is explicit, signed, whole, and frozen behind."""

import uuid
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from rest_framework.test import APIClient

from protocols import services as protocols
from protocols.library import SIX_IN_THREE_WEEKS
from scheduling.models import (
    Appointment,
    FollowUp,
    Message,
    PlasticityWindow,
    ResourceBooking,
    SeriesVersionMove,
    WorkItem,
)
from scheduling.schedule_checks import check_schedule
from scheduling.services.followups import sync_follow_ups
from scheduling.services.version_moves import (
    move_series_to_version,
    newer_version,
    preview_version_move,
    refuse_version_move,
)
from staff.errors import RuleNotMet, StaleVersion, StateConflict
from tests.factories import make_user
from tests.scheduling.booking.helpers import book, visits_of
from tests.scheduling.follow.world import given

PASSWORD = "a long enough password"


def publish(clinic, definition):
    """Version n+1 of the clinic's protocol: written, submitted, approved by another person."""
    draft = protocols.revise_version(version=clinic.version, by=clinic.admin, change_note="Newer")
    draft = protocols.update_draft(version=draft, data=definition, expected_version=None, by=clinic.admin)
    for kind in ("consent", "education"):
        title, body = protocols.writing.standard_document(definition, kind)
        protocols.update_document(
            version=draft,
            kind=kind,
            title=title,
            body=body,
            change="material",
            expected_version=None,
            by=clinic.admin,
        )
    draft = protocols.submit(version=draft, by=clinic.admin)
    other = make_user("protocol_admin", sites=[clinic.site])
    return protocols.approve_and_activate(version=draft, by=other, seen_sha256=draft.sha256)


def rows(*models):
    return [list(model.objects.order_by("pk").values()) for model in models]


PLANS = (Appointment, ResourceBooking, FollowUp, Message, PlasticityWindow)
LONGER = replace(
    SIX_IN_THREE_WEEKS, chair_minutes=175, dose=replace(SIX_IN_THREE_WEEKS.dose, mg_per_kg=Decimal("0.6"))
)


@pytest.fixture
def series(clinic):
    return book(clinic)


def accept(clinic, series, version, **over):
    diff = preview_version_move(series=series, to_version=version, by=clinic.clinician)
    assert diff.refusal is None
    fields = {"seen_sha256": diff.sha256, "reason": "Better evidence", "by": clinic.clinician}
    return diff, move_series_to_version(series=series, to_version=version, **(fields | over))


def test_publishing_leaves_every_time_and_dose_of_a_running_series_equal(clinic, series):
    given(clinic, visits_of(series)[0])
    sync_follow_ups(series=series)
    before = rows(*PLANS)
    version = publish(clinic, LONGER)
    sync_follow_ups(series=series)
    assert rows(*PLANS) == before
    series.refresh_from_db()
    assert series.protocol_version == clinic.version
    assert newer_version(series) == version


def test_looking_writes_nothing_and_says_what_would_change(clinic, series):
    version = publish(clinic, LONGER)
    before = rows(*PLANS, SeriesVersionMove)
    diff = preview_version_move(series=series, to_version=version, by=clinic.clinician)
    assert rows(*PLANS, SeriesVersionMove) == before
    assert [line.ordinal for line in diff.visits] == [1, 2, 3, 4, 5, 6]
    for line in diff.visits:
        assert (line.frozen, line.start_before) == (False, line.start_after)
        assert line.leaves_before < line.leaves_after
        assert (line.dose_before, line.dose_after) == ("35 mg over 40 min", "42 mg over 40 min")
        assert line.therapy_before < line.therapy_after
    assert any(line.title.startswith("Post-infusion therapy") for line in diff.follow_ups)
    assert diff.consents[0].startswith("Consent")


def test_moving_freezes_what_was_given_and_changes_what_is_ahead(clinic, series, clock):
    first = visits_of(series)[0]
    infusion = given(clinic, first)
    clock.set(first.during.lower + timedelta(hours=30))
    sync_follow_ups(series=series)
    frozen = [
        list(Appointment.objects.filter(pk=first.pk).values()),
        list(PlasticityWindow.objects.filter(infusion=infusion).values()),
        list(FollowUp.objects.filter(visit=first).order_by("pk").values()),
    ]
    version = publish(clinic, LONGER)
    diff, signed = accept(clinic, series, version)
    assert [
        list(Appointment.objects.filter(pk=first.pk).values()),
        list(PlasticityWindow.objects.filter(infusion=infusion).values()),
        list(FollowUp.objects.filter(visit=first).order_by("pk").values()),
    ] == frozen
    assert diff.visits[0].frozen
    assert not diff.visits[0].changed
    series.refresh_from_db()
    assert series.protocol_version == version
    for visit in visits_of(series)[1:]:
        assert visit.during.upper - visit.during.lower == timedelta(minutes=175)
        assert visit.protocol_version == version
    assert (signed.decision, signed.sha256, signed.diff) == ("accepted", diff.sha256, diff.as_json)
    assert infusion.protocol_version == clinic.version
    assert check_schedule(clock.now()) == []


def test_visits_move_only_where_the_new_spacing_asks_for_it(clinic, series):
    phase = replace(SIX_IN_THREE_WEEKS.phases[0], gap_min_hours=80, gap_target_hours=96, gap_max_hours=170)
    version = publish(clinic, replace(SIX_IN_THREE_WEEKS, phases=(phase,)))
    diff, _ = accept(clinic, series, version)
    moved = [line.ordinal for line in diff.visits if line.start_before != line.start_after]
    assert moved
    assert 1 not in moved
    starts = [visit.during.lower for visit in visits_of(series)]
    assert all(timedelta(hours=80) <= b - a <= timedelta(hours=171) for a, b in pairwise(starts))


@pytest.mark.parametrize("visits", [4, 8])
def test_fewer_visits_fall_away_and_more_become_somebodys_item(clinic, series, visits):
    phase = replace(SIX_IN_THREE_WEEKS.phases[0], visits=visits)
    version = publish(clinic, replace(SIX_IN_THREE_WEEKS, phases=(phase,)))
    diff, _ = accept(clinic, series, version)
    series.refresh_from_db()
    assert series.visits == visits
    live = [visit.ordinal for visit in visits_of(series) if visit.status == "booked"]
    assert live == list(range(1, min(visits, 6) + 1))
    titles = set(WorkItem.objects.filter(resolved_at__isnull=True).values_list("title", flat=True))
    assert ("Infusion 8 of 8 has no date" in titles) is (visits == 8)
    assert [line.state for line in diff.visits][-1] == ("No date yet" if visits == 8 else "Falls away")


def test_a_follow_up_that_is_not_asked_for_any_more_is_withdrawn_with_that_reason(clinic, series):
    rules = tuple(rule for rule in SIX_IN_THREE_WEEKS.follow_ups if rule.kind != "practice_check_in")
    version = publish(clinic, replace(SIX_IN_THREE_WEEKS, follow_ups=rules))
    accept(clinic, series, version)
    gone = FollowUp.objects.filter(series=series, kind="practice_check_in")
    assert {row.state for row in gone} <= {"withdrawn", "dropped"}
    assert "does not ask for it any more" in gone.filter(state="withdrawn").first().closed_reason


def test_what_cannot_be_placed_moves_nothing(clinic, series):
    phase = replace(SIX_IN_THREE_WEEKS.phases[0], weekdays=(6,), gap_max_hours=180)
    version = publish(clinic, replace(SIX_IN_THREE_WEEKS, phases=(phase,)))
    before = rows(*PLANS, SeriesVersionMove)
    diff = preview_version_move(series=series, to_version=version, by=clinic.clinician)
    assert diff.refusal.code == "no-plan"
    with pytest.raises(RuleNotMet):
        move_series_to_version(
            series=series, to_version=version, seen_sha256="0" * 64, reason="x", by=clinic.clinician
        )
    assert rows(*PLANS, SeriesVersionMove) == before


def test_only_the_diff_that_was_seen_is_signed(clinic, series):
    version = publish(clinic, LONGER)
    with pytest.raises(RuleNotMet, match="not what you have seen"):
        accept(clinic, series, version, seen_sha256="a" * 64)
    with pytest.raises(StaleVersion):
        accept(clinic, series, version, expected_version=99)
    accept(clinic, series, version)
    with pytest.raises(StateConflict, match="already"):
        move_series_to_version(
            series=series, to_version=version, seen_sha256="a" * 64, reason="Again", by=clinic.clinician
        )


def test_staying_is_recorded_with_its_reason(clinic, series):
    version = publish(clinic, LONGER)
    before = rows(*PLANS)
    row = refuse_version_move(series=series, to_version=version, reason="Nearly done", by=clinic.clinician)
    assert (row.decision, row.reason, rows(*PLANS)) == ("refused", "Nearly done", before)
    assert row.diff["visits"][0]["dose_after"] == "42 mg over 40 min"


def test_the_database_wants_a_decision_and_keeps_it(clinic, series):
    version = publish(clinic, LONGER)
    sql = "UPDATE scheduling_treatmentseries SET protocol_version_id = %s WHERE id = %s"
    with pytest.raises(IntegrityError, match="signed decision"), transaction.atomic():
        connection.cursor().execute(sql, [version.pk, series.pk])
    accept(clinic, series, version)
    with pytest.raises(IntegrityError, match="signed decision"), transaction.atomic():
        connection.cursor().execute(sql, [clinic.version.pk, series.pk])
    for statement in ("UPDATE {} SET reason = 'other'", "DELETE FROM {}"):
        with pytest.raises(Exception, match=r"never changed|permission denied"), transaction.atomic():
            connection.cursor().execute(statement.format("scheduling_seriesversionmove"))


def sign_in(client, user, *, again=True):
    user.set_password(PASSWORD)
    user.save(update_fields=["password"])
    client.force_login(user)
    if again:
        client.post("/accounts/reauthenticate/", {"password": PASSWORD})


def test_the_page_shows_asks_for_the_password_and_moves(client, clinic, series):
    url = reverse("series_version", args=[series.code])
    sign_in(client, clinic.clinician, again=False)
    assert client.get(url).status_code == 409
    version = publish(clinic, LONGER)
    assert (
        "See what moving would change"
        in client.get(reverse("series_detail", args=[series.code])).content.decode()
    )
    page = client.get(url)
    assert all(
        words in page.content.decode()
        for words in ("35 mg over 40 min", "42 mg over 40 min", "Stay on version 1")
    )
    form = page.context["form"]
    data = {
        "seen": form["seen"].value(), "version": series.version, "patient_code": str(series.patient.code),
        "reason": "Better", "act": "accept",
    }  # fmt: skip
    answer = client.post(url, data)
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    series.refresh_from_db()
    assert series.protocol_version == clinic.version
    assert client.post(answer["Location"], {"password": PASSWORD}).status_code == 302
    series.refresh_from_db()
    assert series.protocol_version == version
    assert client.post(url, data).status_code == 409


BAD = [({"reason": ""}, 422), ({"seen": "0" * 64}, 422), ({"version": "77"}, 412), ({"act": "maybe"}, 422)]


def test_bad_input_moves_nothing(client, clinic, series):
    sign_in(client, clinic.clinician)
    version = publish(clinic, LONGER)
    url = reverse("series_version", args=[series.code])
    seen = client.get(url).context["form"]["seen"].value()
    data = {
        "seen": seen, "version": series.version, "patient_code": str(series.patient.code), "reason": "B", "act": "accept",
    }  # fmt: skip
    for over, status in BAD:
        assert client.post(url, data | over).status_code == status
    series.refresh_from_db()
    assert series.protocol_version != version


def test_others_do_not_decide(client, clinic, series):
    publish(clinic, LONGER)
    url = reverse("series_version", args=[series.code])
    assert client.get(url).status_code == 302
    for user in (clinic.nurse, clinic.coordinator, clinic.admin):
        client.force_login(user)
        assert client.post(url, {"act": "accept"}).status_code == 403
    client.force_login(make_user("clinician"))
    assert client.get(url).status_code == 404
    assert client.put(url).status_code in (404, 405)


def test_the_api_shows_and_signs(clinic, series):
    version = publish(clinic, LONGER)
    api = APIClient()
    sign_in(api, clinic.clinician, again=False)
    base = f"/api/v1/series/{series.code}"
    seen = api.post(f"{base}/version-preview/", {"to_version": str(version.code)}, format="json")
    assert (seen.status_code, len(seen.json()["visits"])) == (200, 6)
    body = {
        "to_version": str(version.code), "decision": "accepted", "reason": "Better", "sha256": seen.json()["sha256"],
    }  # fmt: skip
    etag = api.get(f"{base}/")["ETag"]
    assert (
        api.post(f"{base}/version-move/", body, format="json", headers={"If-Match": etag}).status_code == 403
    )
    api.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert api.post(f"{base}/version-move/", body, format="json").status_code == 428
    unknown = body | {"to_version": str(uuid.uuid4())}
    assert (
        api.post(f"{base}/version-move/", unknown, format="json", headers={"If-Match": etag}).status_code
        == 400
    )
    done = api.post(f"{base}/version-move/", body, format="json", headers={"If-Match": etag})
    assert (done.status_code, done.json()["decision"]) == (201, "accepted")
    again = api.post(f"{base}/version-move/", body, format="json", headers={"If-Match": etag})
    assert again.status_code in (409, 412)
