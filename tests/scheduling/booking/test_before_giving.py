"""What is looked at again before an infusion is given: the real gap, and a therapist in the window that it opens."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from scheduling.domain.localtime import local_date
from scheduling.loaders import zone_of
from scheduling.services import visits as visit_service
from scheduling.services.course_reviews import Findings, review_series
from scheduling.services.resources import add_absence
from scheduling.services.visit_options import visit_options
from staff.errors import RuleNotMet
from tests.scheduling.booking.helpers import book, local, visits_of
from tests.scheduling.booking.steps import arrive, give

pytestmark = pytest.mark.django_db
GOES_ON = Findings("response", "none", "keep", "keep", "continue", "")


def test_check_in_asks_the_gap_by_the_real_start(clinic, clock):
    """Infusion 4 on Monday 16 is given; 5 is moved to Wednesday 09:00, 48 hours later, but 4 started 20 minutes late."""
    series = book(clinic)
    rows = visits_of(series)
    for row in rows[:3]:
        give(clinic, row, clock)
    review_series(series=series, after=3, findings=GOES_ON, by=clinic.clinician)
    visit_service.omit_visit(appointment=rows[5], by=clinic.clinician, reason="responded")
    moved = visit_service.move_visit(
        appointment=rows[4], start=local(clinic, 18, 9), by=clinic.coordinator, reason="patient-asked"
    )
    give(clinic, visits_of(series)[3], clock, late=20)
    with pytest.raises(RuleNotMet, match="at least 48 h"):
        arrive(clinic, moved, clock)
    again = visit_service.move_visit(
        appointment=moved, start=local(clinic, 18, 9, 30), by=clinic.coordinator, reason="late"
    )
    arrive(clinic, again, clock)


def test_no_therapist_in_the_window_is_said_before_the_infusion_and_at_every_time_that_is_offered(clinic):
    """On Friday the window is cut by Monday's infusion before a therapist works again; on Thursday it is not."""
    visit = visits_of(book(clinic))[0]
    client = Client()
    client.force_login(clinic.nurse)
    url, other = (reverse(name, args=[visit.code]) for name in ("visit_detail", "visit_move"))
    words, none = "No therapist is free in the window", "(no therapist free after it)"
    assert words not in client.get(url).content.decode()

    def offered():
        found = visit_options(series=visit.series, ordinal=1, limit=60).choices
        return {(local_date(item.start, zone_of(clinic.site)).day, item.therapist) for item in found}

    assert offered() == {(5, True), (6, False)}
    for lane in (clinic.therapist_lane, clinic.other_therapist_lane):
        add_absence(
            resource=lane,
            start=local(clinic, 5),
            end=local(clinic, 13),
            reason="Course",
            by=clinic.coordinator,
        )
    assert words in client.get(url).content.decode()
    assert offered() == {(5, False), (6, False)}
    page = client.get(other).content.decode()
    assert page.count(none) == page.count('name="offered" value="2026')
