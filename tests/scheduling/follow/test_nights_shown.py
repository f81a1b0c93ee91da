"""Nights as slept beside the window: at four by the wall clock, also when the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from scheduling.models import PlasticityWindow
from scheduling.window_page import night_marks, window_context
from sessions import services as facts
from sessions.models import Infusion, NightReport
from tests.scheduling.follow import test_pages as t
from tests.scheduling.follow.test_pages import WEDNESDAY_NINE, as_

pytestmark = pytest.mark.django_db
_outbox, visit, window = t._outbox, t.visit, t.window


def test_nights_as_slept_are_marked_beside_the_window(clinic, window):
    """At four in the morning of each night, on the window's own bar; a corrected night is marked once."""
    for night, hours, quality in ((1, "3.0", 1), (1, "6.5", 4), (2, "8", None)):
        facts.record_night(
            infusion=window.infusion,
            night=night,
            hours_slept=Decimal(hours),
            quality=quality,
            by=clinic.nurse,
        )
    found = [
        mark
        for mark in window_context(window, clinic.therapist, WEDNESDAY_NINE)["bar"].marks
        if mark.kind == "sleep"
    ]
    assert [mark.label for mark in found] == ["Night 1: 6.5 h, good", "Night 2: 8 h"]
    page = as_(clinic.therapist).get(f"/windows/{window.code}/").content.decode()
    assert page.count("Night 1: 6.5 h, good") == page.count("Night 2: 8 h") == 1


@pytest.mark.parametrize(("month", "day", "hours"), [(3, 7, 23), (10, 31, 25), (3, 3, 24)])
def test_the_mark_of_a_night_is_at_four_by_the_wall_clock_when_the_clocks_change(month, day, hours):
    zone = ZoneInfo("America/Los_Angeles")
    stopped = datetime(2026, month, day, 10, 40, tzinfo=zone).astimezone(UTC)
    nights = [NightReport(night=number, hours_slept=Decimal(7), quality=3) for number in (1, 2)]
    window = PlasticityWindow(starts_at=stopped, infusion=Infusion(stopped_at=stopped))
    marks = [mark.at.astimezone(zone) for mark in night_marks(window, nights, zone)]
    assert [(mark.day, mark.hour) for mark in marks] == [
        ((stopped + timedelta(days=n)).astimezone(zone).day, 4) for n in (1, 2)
    ]
    assert marks[0].astimezone(UTC) - stopped == timedelta(hours=hours - 7, minutes=20)
