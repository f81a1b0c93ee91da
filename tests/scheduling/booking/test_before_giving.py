"""What is looked at again before an infusion is given: the real gap, and a therapist in the window that it opens."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from scheduling.services import visits as visit_service
from scheduling.services.course_reviews import Findings, review_series
from scheduling.services.resources import add_absence
from scheduling.services.visit_options import visit_options
from staff.errors import RuleNotMet
from tests import factories
from tests.scheduling.booking.helpers import book, local, six, visits_of
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


def test_no_therapist_in_the_window_is_said_before_the_infusion_and_dates_with_one_are_offered(clinic):
    single = factories.make_version("single-infusion", author=clinic.admin)
    visit = visits_of(book(clinic, protocol_version=single, visits=six(clinic)[:1]))[0]
    client = Client()
    client.force_login(clinic.nurse)
    url, other = (reverse(name, args=[visit.code]) for name in ("visit_detail", "visit_move"))
    words, none = "No therapist is free in the window", "no therapist free after it"
    assert words not in client.get(url).content.decode()
    assert none not in client.get(other).content.decode()
    for lane in (clinic.therapist_lane, clinic.other_therapist_lane):
        add_absence(
            resource=lane,
            start=local(clinic, 6),
            end=local(clinic, 26),
            reason="Course",
            by=clinic.coordinator,
        )
    assert words in client.get(url).content.decode()
    assert "2026-03-04T" in client.get(other).content.decode(), (
        "the day before still has a therapist after it"
    )
    said = {
        (option.start.date().day <= 4, option.therapist)
        for option in visit_options(series=visit.series, ordinal=1, limit=60).choices
        if option.start < local(clinic, 20)
    }
    assert said == {(True, True), (False, False)}
