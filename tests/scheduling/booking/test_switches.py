"""Switching to another protocol: one signed act, exposure and gap go along, all or nothing (clinic-day 45)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from rest_framework.test import APIClient

from protocols.definition import ReviewPoints
from protocols.definition_codec import dump
from protocols.models import ProtocolVersion
from scheduling.models import Appointment, FollowUp, SeriesSwitch, TreatmentSeries
from scheduling.schedule_checks import check_schedule
from scheduling.services.switches import Wanted, preview_switch, switch_series
from sessions import services as sessions
from staff.errors import RuleNotMet, StaleVersion, StateConflict
from tests import factories
from tests.factories import make_user
from tests.scheduling.booking.helpers import book, local, visits_of
from tests.scheduling.booking.test_version_moves import PASSWORD, rows, sign_in
from tests.scheduling.follow.world import give_for_real, ready_for_real, sign_for_real

PLANS = (TreatmentSeries, Appointment, FollowUp, SeriesSwitch)


@pytest.fixture
def taper(clinic):
    return factories.make_version("maintenance-taper", author=clinic.admin)


@pytest.fixture
def series(clinic, clock):
    """One infusion given on Thursday 5 March, five ahead; it is Friday."""
    found = book(clinic)
    give_for_real(clinic, clock, visits_of(found)[0])
    sign_for_real(clinic, clock, visits_of(found)[0].infusion)
    clock.set(local(clinic, 6))
    found.refresh_from_db()
    return found


@pytest.fixture
def wanted(taper, clinic):
    return Wanted(taper, local(clinic, 7).date(), Decimal("70.0"))


def switch(clinic, series, wanted, **over):
    diff = preview_switch(series=series, wanted=wanted, by=clinic.clinician)
    assert diff.refusal is None, diff.refusal
    fields = {"seen_sha256": diff.sha256, "reason": "Responded; keep it up", "by": clinic.clinician}
    return diff, switch_series(series=series, wanted=wanted, **(fields | over))


def test_looking_writes_nothing_and_signing_does_what_was_seen(clinic, series, wanted, clock):
    before = rows(*PLANS)
    diff = preview_switch(series=series, wanted=wanted, by=clinic.clinician)
    assert rows(*PLANS) == before
    assert [item.ordinal for item in diff.closed] == [2, 3, 4, 5, 6]
    assert len(diff.opened) == 11
    assert diff.exposure.infusions == 1
    diff, row = switch(clinic, series, wanted)
    series.refresh_from_db()
    fresh = row.to_series
    assert (series.status, fresh.status, fresh.protocol_version) == ("ended", "active", wanted.version)
    assert "Switched to" in series.status_reason
    assert {visit.status for visit in visits_of(series)} == {"completed", "cancelled"}
    assert [item.start for item in diff.opened] == [
        visit.during.lower.isoformat() for visit in visits_of(fresh)
    ]
    assert (row.infusions, row.delivered_mg > 0, row.diff) == (1, True, diff.as_json)
    assert row.last_infusion_at == visits_of(series)[0].infusion.started_at
    assert check_schedule(clock.now()) == []


def test_the_gap_of_the_new_text_is_kept_from_the_last_infusion_of_the_old_one(clinic, series, wanted):
    """A weekly text: at least 144 h after the start on Thursday, although the first day asked for is Saturday."""
    diff, row = switch(clinic, series, wanted)
    first, given = visits_of(row.to_series)[0].during.lower, visits_of(series)[0].infusion.started_at
    assert first - given >= timedelta(hours=144)
    assert diff.opened[0].start == first.isoformat()


def test_a_review_that_is_due_is_not_lost_by_switching(clinic, series, wanted, clock):
    """The point after the last given infusion holds the new series back, too."""
    text = replace(clinic.version.read(), reviews=ReviewPoints((1,)))
    _, row = switch(clinic, series, wanted)
    infusion = ready_for_real(clinic, clock, visits_of(row.to_series)[0])
    assert "review" not in [item.code for item in sessions.start_gate(infusion, clock.now()).blocks]
    connection.cursor().execute("RESET ROLE")
    connection.cursor().execute("ALTER TABLE protocols_protocolversion DISABLE TRIGGER version_text_is_fixed")
    ProtocolVersion.objects.filter(pk=clinic.version.pk).update(definition=dump(text), sha256="e" * 64)
    connection.cursor().execute(f'SET ROLE "{settings.DATABASE_APP_ROLE}"')
    infusion = type(infusion).objects.get(pk=infusion.pk)
    assert "review" in [item.code for item in sessions.start_gate(infusion, clock.now()).blocks]


def test_what_is_refused_writes_nothing(clinic, series, wanted, clock):
    before = rows(*PLANS)
    other = factories.make_version("single-infusion", active=False, author=clinic.admin)
    for over, error in (
        ({"seen_sha256": "a" * 64}, RuleNotMet),
        ({"expected_version": 99}, StaleVersion),
        ({"reason": "  "}, Exception),
    ):
        with pytest.raises(error):
            switch(clinic, series, wanted, **over)
    for target in (replace(wanted, version=clinic.version), replace(wanted, version=other)):
        refusal = preview_switch(series=series, wanted=target, by=clinic.clinician).refusal
        assert refusal.code in ("same-protocol", "version-not-active")
    assert rows(*PLANS) == before
    ready_for_real(clinic, clock, visits_of(series)[1])
    assert preview_switch(series=series, wanted=wanted, by=clinic.clinician).refusal.code == "in-the-chair"


def test_a_series_that_is_over_is_not_switched_and_the_row_is_never_changed(clinic, series, wanted):
    _, row = switch(clinic, series, wanted)
    with pytest.raises(StateConflict):
        switch_series(series=series, wanted=wanted, seen_sha256="a" * 64, reason="Again", by=clinic.clinician)
    for statement in ("UPDATE {} SET reason = 'other'", "DELETE FROM {}"):
        with pytest.raises(Exception, match=r"never changed|permission denied"), transaction.atomic():
            connection.cursor().execute(statement.format("scheduling_seriesswitch"))
    with pytest.raises(IntegrityError, match="joins two series"), transaction.atomic():
        SeriesSwitch.objects.create(
            from_series=row.to_series, to_series=series, reason="x", diff={}, sha256="0" * 64, infusions=0,
            delivered_mg=0, decided_by=clinic.clinician, decided_at=row.decided_at,
        )  # fmt: skip


def asked(wanted):
    return {
        "protocol": str(wanted.version.code), "first_day": wanted.first_day.isoformat(), "weight_kg": "70.0",
    }  # fmt: skip


def test_the_page_shows_asks_for_the_password_and_switches(client, clinic, series, wanted):
    url = reverse("series_switch", args=[series.code])
    sign_in(client, clinic.clinician, again=False)
    assert "Switch the protocol" in client.get(reverse("series_detail", args=[series.code])).content.decode()
    assert "See what would change" in client.get(url).content.decode()
    page = client.get(f"{url}?{urlencode(asked(wanted))}")
    words = page.content.decode()
    assert all(text in words for text in ("Falls away: 5", "Is booked: 11", "Given so far", "1 infusion,"))
    data = asked(wanted) | {
        "seen": page.context["diff"].sha256, "version": series.version, "patient_code": str(series.patient.code),
        "reason": "Responded",
    }  # fmt: skip
    for over, status in (({"reason": ""}, 422), ({"seen": "0" * 64}, 422), ({"version": "99"}, 412)):
        client.post("/accounts/reauthenticate/", {"password": PASSWORD})
        assert client.post(url, data | over).status_code == status
    assert not SeriesSwitch.objects.exists()
    assert client.get(f"{url}?protocol=x&first_day=never&weight_kg=5").status_code == 422
    done = client.post(url, data)
    row = SeriesSwitch.objects.get()
    assert done["Location"] == reverse("series_detail", args=[row.to_series.code])
    assert "Given before: 1 infusion" in client.get(done["Location"]).content.decode()
    assert client.post(url, data).status_code == 409
    assert SeriesSwitch.objects.count() == 1


def test_others_do_not_switch_and_no_password_no_signature(client, clinic, series, wanted):
    url = reverse("series_switch", args=[series.code])
    assert client.get(url)["Location"].startswith("/accounts/login")
    for user in (clinic.nurse, clinic.coordinator):
        client.force_login(user)
        assert client.get(url).status_code == 403
        assert client.post(url, {}).status_code == 403
    client.force_login(make_user("clinician"))
    assert client.get(url).status_code == 404
    sign_in(client, clinic.clinician, again=False)
    assert client.post(url, asked(wanted))["Location"].startswith("/accounts/reauthenticate/")
    assert client.put(url).status_code == 405
    assert not SeriesSwitch.objects.exists()


def test_the_api_shows_and_signs(clinic, series, wanted):
    api = APIClient()
    sign_in(api, clinic.clinician)
    base = f"/api/v1/series/{series.code}"
    body = {
        "to_version": str(wanted.version.code),
        "first_day": wanted.first_day.isoformat(),
        "weight_kg": "70.0",
    }
    seen = api.post(f"{base}/switch-preview/", body, format="json")
    assert (seen.status_code, len(seen.json()["opened"])) == (200, 11)
    assert api.post(f"{base}/switch-preview/", body | {"weight_kg": "700"}, format="json").status_code == 400
    etag = {"If-Match": api.get(f"{base}/")["ETag"]}
    body |= {"reason": "Responded", "sha256": seen.json()["sha256"]}
    assert api.post(f"{base}/switch/", body, format="json").status_code == 428
    done = api.post(f"{base}/switch/", body, format="json", headers=etag)
    assert (done.status_code, done.json()["diff"]) == (
        201,
        {k: v for k, v in seen.json().items() if k != "sha256"},
    )
    assert api.post(f"{base}/switch/", body, format="json", headers=etag).status_code in (409, 412)
