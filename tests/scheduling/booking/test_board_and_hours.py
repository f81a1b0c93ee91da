"""The chair board and the pages of hours, absences and closures: who sees what, and what is refused."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from scheduling.models import Closure, WorkItem
from scheduling.services.moves import undo_move
from scheduling.services.moving import move_visits
from scheduling.services.resources import add_closure
from scheduling.services.visits import cancel_visit
from sessions.services import record_given_drug
from tests import factories
from tests.scheduling.booking.helpers import book, choice, local, six, visits_of
from tests.scheduling.booking.steps import arrive, start, stop

pytestmark = pytest.mark.django_db


@pytest.fixture
def series(clinic):
    return book(clinic)


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_the_board_shows_who_is_where(clinic, clock, series):
    visit = visits_of(series)[0]
    infusion = start(clinic, visit, clock)
    client = signed_in(clinic.nurse)
    text = client.get(reverse("chair_board")).content.decode()
    assert clinic.patient.full_name in text
    assert "Infusion running" in text
    assert "Running since 09:00" in text
    assert 'class="board-now"' in text
    assert reverse("infusion_detail", args=[infusion.code]) in text
    stop(clinic, infusion, clock)
    text = client.get(reverse("chair_board"), headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in text
    assert "Observe until 11:00" in text
    record_given_drug(
        infusion=infusion, drug="midazolam", dose_mg=Decimal(1), ordered_by=clinic.clinician, by=clinic.nurse
    )
    assert "Observe until 12:00" in client.get(reverse("chair_board")).content.decode()


def test_the_board_tells_a_therapist_only_that_other_chairs_are_taken(clinic, clock, series):
    stranger = factories.make_patient(clinic.site, family_name="Hidden", therapist=clinic.other_therapist)
    book(clinic, patient=stranger, visits=six(clinic, hour=13))
    day = local(clinic, 5).date().isoformat()
    for name in ("chair_board", "week"):
        text = signed_in(clinic.therapist).get(reverse(name), {"day": day}).content.decode()
        assert "Hidden" not in text
        assert clinic.patient.full_name in text


@pytest.mark.parametrize("day", ["", "yesterday", "2026-13-01", "1066-10-14", "a\x00b", "9999-12-31"])
def test_a_day_that_is_none_shows_today(clinic, day):
    for name in ("chair_board", "week"):
        answer = signed_in(clinic.nurse).get(reverse(name), {"day": day})
        assert answer.status_code == 200


def test_the_board_of_a_closed_day_says_why(clinic):
    Closure.objects.create(site=clinic.site, days=("2026-03-12", "2026-03-13"), reason="Moving house")
    text = signed_in(clinic.nurse).get(reverse("chair_board"), {"day": "2026-03-12"}).content.decode()
    assert "Moving house" in text


def test_people_without_a_site_are_told_so(clinic):
    nowhere = factories.make_user("nurse")
    for name in ("chair_board", "week", "resource_list"):
        assert "not assigned to a site" in signed_in(nowhere).get(reverse(name)).content.decode()


def test_queries_do_not_grow_with_the_number_of_visits(clinic, clock, series):
    """One patient's series against five: the same number of queries on every list."""
    client = signed_in(clinic.coordinator)
    pages = [
        reverse("chair_board") + "?day=2026-03-05",
        reverse("week") + "?day=2026-03-05",
        reverse("series_detail", args=[series.code]),
        reverse("patient_schedule_fragment", args=[clinic.patient.code]),
        reverse("resource_list"),
    ]
    few = {url: counted(client, url) for url in pages}
    for number, hour in enumerate((8, 12, 12, 15)):
        chair = clinic.chairs[number % 3] if number else clinic.chairs[1]
        nurse = factories.make_resource(
            clinic.site, "nurse", user=factories.make_user("nurse", sites=[clinic.site])
        )
        rows = six(clinic, hour=hour, chair=str(chair.code), nurse=str(nurse.code))
        book(clinic, patient=factories.make_patient(clinic.site), visits=rows)
    assert {url: counted(client, url) for url in pages} == few
    assert max(few.values()) <= 27
    assert few[pages[0]] <= 14  # four by the board, the rest is who asks and what the frame shows


def counted(client, url) -> int:
    client.get(url)
    with CaptureQueriesContext(connection) as found:
        assert client.get(url).status_code == 200
    return len(found)


# --- Hours ---------------------------------------------------------------------------------------------------------


def hours_data(client, url, **over):
    text = client.get(url).content.decode()
    seen = re.search(r'name="seen" value="([^"]*)"', text).group(1)
    fields = {f"day_{n}": "08:00-18:00" if n < 5 else "" for n in range(7)}
    return fields | {"seen": seen} | over


def test_weekly_hours_are_changed_and_what_lies_outside_is_listed(clinic, series):
    client = signed_in(clinic.coordinator)
    page = reverse("resource_detail", args=[clinic.nurse_lane.code])
    url = reverse("resource_hours", args=[clinic.nurse_lane.code])
    data = hours_data(client, page, day_3="10:00-12:00, 13:00-18:00")
    assert client.post(url, data).status_code == 302
    rows = clinic.nurse_lane.availabilities.filter(weekday=3)
    assert [f"{row.start_time:%H:%M}" for row in rows] == ["10:00", "13:00"]
    items = signed_in(clinic.coordinator).get(reverse("work_list")).content.decode()
    assert items.count("lies outside the hours") >= 1
    assert client.post(url, data).status_code == 412


@pytest.mark.parametrize(
    "text", ["8-18", "18:00-08:00", "08:00", "08:00-12:00,11:00-13:00", "25:00-26:00", "a\x00b"]
)
def test_hours_that_cannot_be_read_are_refused(clinic, text):
    client = signed_in(clinic.coordinator)
    page = reverse("resource_detail", args=[clinic.nurse_lane.code])
    url = reverse("resource_hours", args=[clinic.nurse_lane.code])
    answer = client.post(url, hours_data(client, page, day_0=text))
    assert answer.status_code == 422
    assert clinic.nurse_lane.availabilities.count() == 5


def outside_items():
    return WorkItem.objects.open().filter(key__startswith="hours:").count()


def test_a_visit_that_goes_leaves_the_list_and_comes_back_to_it(clinic, series):
    """Cancelled, it is nobody's item for the closed day any more; taken back, it is."""
    visit = visits_of(series)[2]
    day = local(clinic, 12).date()
    add_closure(site=clinic.site, first=day, last=day, reason="Flood", by=clinic.coordinator)
    assert outside_items() == 1
    gone = cancel_visit(appointment=visit, reason="staff", by=clinic.coordinator)
    assert outside_items() == 0
    undo_move(appointment=gone, by=clinic.coordinator)
    assert outside_items() == 1
    move_visits(
        series=series,
        choices=[choice(clinic, 3, local(clinic, 13, 9))],
        by=clinic.coordinator,
        reason="Closed day",
    )
    assert outside_items() == 0


def test_who_came_all_the_same_leaves_the_list(clinic, clock, series):
    """Found by the walk: given on a day that was closed, it still waited for somebody to move it."""
    visit = visits_of(series)[0]
    day = local(clinic, 5).date()
    add_closure(site=clinic.site, first=day, last=day, reason="Flood", by=clinic.coordinator)
    assert outside_items() == 1
    arrive(clinic, visit, clock)
    assert outside_items() == 0


def test_an_absence_and_a_closure_come_and_go(clinic, series):
    client = signed_in(clinic.coordinator)
    url = reverse("resource_absence", args=[clinic.nurse_lane.code])
    data = {"starts": "2026-03-09T08:00", "ends": "2026-03-09T18:00", "reason": "Course"}
    assert client.post(url, data).status_code == 302
    assert client.post(url, data).status_code == 302
    assert clinic.nurse_lane.exceptions.count() == 1
    assert outside_items() == 1, "the visit of that day is on a list"
    absence = clinic.nurse_lane.exceptions.get().during
    end = reverse("resource_absence_end", args=[clinic.nurse_lane.code])
    assert (
        client.post(end, {"starts": absence.lower.isoformat(), "ends": absence.upper.isoformat()}).status_code
        == 302
    )
    assert not clinic.nurse_lane.exceptions.exists()
    assert outside_items() == 0, "and leaves it with the absence"
    bad = client.post(url, data | {"ends": "2026-03-09T07:00"})
    assert bad.status_code == 400
    closing = {"first": "2026-03-12", "last": "2026-03-13", "reason": "Moving house"}
    assert client.post(reverse("resource_list"), closing).status_code == 302
    assert client.post(reverse("resource_list"), closing).status_code == 302
    assert Closure.objects.count() == 1
    assert outside_items() == 1
    assert client.post(reverse("resource_list"), closing | {"last": "2026-03-11"}).status_code == 422
    assert (
        client.post(reverse("closure_end"), {"first": "2026-03-12", "until": "2026-03-14"}).status_code == 302
    )
    assert not Closure.objects.exists()
    assert outside_items() == 0
    assert client.post(reverse("closure_end"), {"first": "x", "until": "y"}).status_code == 400


def test_a_nurse_reads_the_hours_and_changes_none(clinic):
    client = signed_in(clinic.nurse)
    assert (
        "Save the hours"
        not in client.get(reverse("resource_detail", args=[clinic.chairs[0].code])).content.decode()
    )
    closing = {"first": "2026-03-12", "last": "2026-03-13", "reason": "Moving house"}
    assert client.post(reverse("resource_list"), closing).status_code == 403
    assert not Closure.objects.exists()
