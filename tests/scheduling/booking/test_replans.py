"""A closure or an absence lists what it hits and proposes times inside the limits, done as one reviewed act."""

from __future__ import annotations

import html
import re
from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from scheduling.models import Appointment, ScheduleChange, WorkItem
from scheduling.schedule_checks import check_schedule
from scheduling.services import replans
from scheduling.services.resources import add_absence, add_closure, outside_hours
from staff.errors import StaleVersion
from tests import factories
from tests.scheduling.booking.helpers import book, local, six, visits_of

pytestmark = pytest.mark.django_db


def accepted(review):
    return [
        replans.AcceptedSeries(
            item.series,
            item.plan.choices,
            item.plan.sessions,
            {row.ordinal: visits_of(item.series)[row.ordinal - 1].version for row in item.plan.choices},
        )
        for item in review.groups
        if item.placed
    ]


def outside(clinic):
    from scheduling.models import Resource

    return outside_hours(clinic.site, list(Resource.objects.values_list("pk", flat=True)), clinic.now)


def test_a_closed_day_moves_every_series_inside_its_limits_as_one_act(clinic):
    """Two patients in the same chair on Thursday 12 March; the proposals do not collide with each other."""
    first = book(clinic)
    second = book(clinic, patient=factories.make_patient(clinic.site), visits=six(clinic, hour=13))
    add_closure(
        site=clinic.site,
        first=date(2026, 3, 12),
        last=date(2026, 3, 12),
        reason="Heating",
        by=clinic.coordinator,
    )
    assert {item.series_id for item in outside(clinic)} == {first.pk, second.pk}
    before = [row.version for series in (first, second) for row in visits_of(series)]
    review = replans.review(site=clinic.site, by=clinic.coordinator)
    assert [item.placed for item in review.groups] == [True, True]
    assert [row.version for series in (first, second) for row in visits_of(series)] == before, (
        "a review writes nothing"
    )
    assert not ScheduleChange.objects.exists()
    changes = replans.apply(site=clinic.site, by=clinic.coordinator, series=accepted(review))
    assert len(changes) == 2
    assert outside(clinic) == []
    assert check_schedule(clinic.now) == []
    assert not WorkItem.objects.filter(key__startswith="hours:", resolved_at__isnull=True).exists()
    with pytest.raises(StaleVersion):
        replans.apply(site=clinic.site, by=clinic.coordinator, series=accepted_again(review))


def accepted_again(review):
    return [
        replans.AcceptedSeries(
            item.series, item.plan.choices, item.plan.sessions, {r.ordinal: 1 for r in item.plan.choices}
        )
        for item in review.groups
    ]


def test_what_cannot_be_placed_stays_on_a_list_with_its_owner(clinic):
    """Four closed days cannot be crossed with 96 hours: no proposal, the reason, and an owner."""
    series = book(clinic)
    add_closure(
        site=clinic.site,
        first=date(2026, 3, 9),
        last=date(2026, 3, 13),
        reason="Flood",
        by=clinic.coordinator,
    )
    review = replans.review(site=clinic.site, by=clinic.coordinator)
    group = next(item for item in review.groups if item.series == series)
    assert not group.placed
    assert group.why_not[-1] == replans.NO_LONG_GAP
    replans.list_unplaced(clinic.site, clinic.coordinator, clinic.now)
    items = WorkItem.objects.filter(resolved_at__isnull=True, key__startswith="hours:")
    assert items.count() == 2
    assert {item.owner for item in items} == {clinic.coordinator}


def test_an_absent_nurse_is_replaced_at_the_same_time_where_another_is_free(clinic):
    series = book(clinic)
    other = factories.make_user("nurse", sites=[clinic.site])
    factories.make_resource(clinic.site, "nurse", user=other, capacity=2)
    add_absence(
        resource=clinic.nurse_lane, start=local(clinic, 12, 8), end=local(clinic, 12, 18), reason="Course",
        by=clinic.coordinator,
    )  # fmt: skip
    review = replans.review(site=clinic.site, by=clinic.coordinator)
    (line,) = review.groups[0].diff.visits
    assert line.before == line.after, "the patient comes at the same time"
    assert other.full_name in line.place_after
    replans.apply(site=clinic.site, by=clinic.coordinator, series=accepted(review))
    assert outside(clinic) == []
    assert visits_of(series)[2].moved_from is None, "a new nurse is not a new time"


def test_follow_ups_on_closed_days_are_named_with_whose_they_are(clinic):
    series = book(clinic)
    target = series.follow_ups.filter(audience="therapist").order_by("target_at").first()
    day = target.target_at.astimezone(local(clinic, 1).tzinfo).date()
    add_closure(
        site=clinic.site,
        first=day - timedelta(days=1),
        last=day + timedelta(days=1),
        reason="Move",
        by=clinic.coordinator,
    )
    found = list(replans.closed_follow_ups(clinic.site, clinic.coordinator, clinic.now))
    assert found
    assert {item.owner for item in found} <= {
        clinic.therapist.full_name,
        "Infusion nurse",
        "Prescribing clinician",
    }


def test_the_page_applies_what_is_ticked_once(clinic):
    series = book(clinic)
    other = book(clinic, patient=factories.make_patient(clinic.site), visits=six(clinic, hour=13))
    client = Client()
    client.force_login(clinic.coordinator)
    closed = {"first": "2026-03-12", "last": "2026-03-12", "reason": "Heating"}
    answer = client.post(reverse("resource_list"), closed)
    assert answer["Location"] == reverse("replan")
    page = client.get(reverse("replan")).content.decode()

    def values(name):
        return [html.unescape(text) for text in re.findall(rf'name="{name}" value="([^"]*)"', page)]

    assert len(values("pick")) == 2
    data = {"token": values("token")[0], "visit": values("visit"), "session": values("session")}
    url = reverse("replan")
    assert client.post(url, data).status_code == 400, "nothing ticked"
    assert client.post(url, data | {"pick": [f"s:{uuid4()}"]}).status_code == 404
    assert client.post(url, data | {"pick": ["s:x"]}).status_code == 400
    assert client.post(url, data | {"pick": [f"s:{series.code}"], "visit": ["a|b"]}).status_code == 400
    only = data | {"pick": [f"s:{series.code}"]}
    assert client.post(url, only).status_code == 302
    assert client.post(url, only).status_code == 302, "a second press changes nothing"
    assert ScheduleChange.objects.filter(series=series).count() == 1
    assert not ScheduleChange.objects.filter(series=other).exists()
    therapist = Client()
    therapist.force_login(clinic.therapist)
    assert therapist.post(url, only).status_code == 403
    assert Appointment.objects.filter(series=other, version__gt=1).count() == 0


def test_the_api_reviews_and_applies(clinic):
    book(clinic)
    client = Client()
    client.force_login(clinic.coordinator)
    body = {"site": str(clinic.site.code), "first": "2026-03-12", "last": "2026-03-12", "reason": "Heating"}
    made = client.post(
        "/api/v1/closures/", body, content_type="application/json", HTTP_IDEMPOTENCY_KEY=str(uuid4())
    )
    assert made.status_code == 201, made.content
    assert len(made.json()["hit"]) == 1
    review = client.get(f"/api/v1/replan/?site={clinic.site.code}").json()
    (group,) = review["series"]
    assert group["possible"]
    sent = {"site": str(clinic.site.code), "series": [{k: group[k] for k in ("code", "visits", "sessions")}]}
    key = {"HTTP_IDEMPOTENCY_KEY": str(uuid4())}
    done = client.post("/api/v1/replan/", sent, content_type="application/json", **key)
    assert done.status_code == 201, done.content
    assert client.post("/api/v1/replan/", sent, content_type="application/json", **key).json() == done.json()
    assert client.get(f"/api/v1/replan/?site={clinic.site.code}").json()["series"] == []
    assert client.get(f"/api/v1/replan/?site={uuid4()}").status_code == 404
    bad = {**body, "first": "2026-03-12T00:00", "extra": 1}
    refused = client.post(
        "/api/v1/closures/", bad, content_type="application/json", HTTP_IDEMPOTENCY_KEY=str(uuid4())
    )
    assert refused.status_code == 400
    client.force_login(clinic.nurse)
    refused = client.post(
        "/api/v1/closures/", body, content_type="application/json", HTTP_IDEMPOTENCY_KEY=str(uuid4())
    )
    assert refused.status_code == 403


def test_a_reservation_on_a_closed_day_is_named_and_not_moved(clinic):
    """Found by the walk: the page of new times could not be opened while one stood."""
    series = book(clinic, hold_minutes=30)
    add_closure(
        site=clinic.site, first=date(2026, 3, 9), last=date(2026, 3, 9), reason="Flood", by=clinic.coordinator
    )
    group = next(
        g for g in replans.review(site=clinic.site, by=clinic.coordinator).groups if g.series == series
    )
    assert not group.placed
    assert group.why_not == ("Only reserved: confirm or give back the reservation.",)
    client = Client()
    client.force_login(clinic.coordinator)
    page = client.get(reverse("replan"))
    assert page.status_code == 200
    assert "Only reserved" in page.content.decode()
