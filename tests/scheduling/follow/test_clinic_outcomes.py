"""Outcomes of the clinic: the rule of start and result, missing data shown, declined therapy counts against nobody."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from scheduling.models import FollowUp
from scheduling.outcome_figures import Course, Share, cumulative, results, spread, start_and_result
from scheduling.outcome_report import outcome_report
from scheduling.services import closing
from sessions import scoring
from sessions.models import OutcomeScore
from staff.csv_text import as_csv, harmless
from tests import factories
from tests.scheduling.follow import world as w

DAY = timedelta(days=1)
BEGAN = datetime(2026, 3, 3, 18, tzinfo=UTC)
MONDAY = date(2026, 3, 2)


def course(*rows, code="phq9", version="A, version 1"):
    """A course whose results count until day 30; rows are (day, total)."""
    return Course(
        version, BEGAN, BEGAN + 30 * DAY, {code: [(BEGAN + day * DAY, total) for day, total in rows]}
    )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(-20, 25), (0, 20), (7, 12), (30, 9), (31, 2)], (20, 9)),
        ([(-61, 20), (5, 4)], (None, None)),
        ([(-60, 20)], (20, None)),
        ([], (None, None)),
    ],
)
def test_start_is_the_last_before_infusion_1_and_result_the_last_in_the_windows(rows, expected):
    assert start_and_result(course(*rows), "phq9") == expected


def test_response_remission_and_what_is_missing():
    found = results(
        [
            course((0, 20), (9, 10)),  # response
            course((0, 20), (9, 4)),  # both
            course((0, 5), (9, 4)),  # remission without a fall by half
            course((0, 3), (9, 3)),  # was below the cut-off before
            course((0, 20)),
            course((9, 4)),
            course((0, 20), (9, 19), version="B, version 1"),
        ],
        [scoring.PHQ9, scoring.GAD7],
    )
    first, gad, other, _ = found
    assert (first.courses, first.without_start, first.without_result, first.assessed) == (6, 1, 1, 4)
    assert first.response == Share(2, 4)
    assert (first.remission, first.started_low) == (Share(2, 3), 1)
    assert (gad.remission, gad.assessed, gad.response.percent) == (None, 0, None)
    assert (other.version, other.response.percent) == ("B, version 1", 0)


@given(st.lists(st.tuples(st.integers(-90, 60), st.integers(0, 27)), max_size=8), st.integers(1, 6))
@hypothesis_settings(max_examples=60, deadline=None)
def test_every_course_is_counted_once_and_no_share_leaves_its_bounds(rows, many):
    one = results([course(*sorted(rows))] * many, [scoring.PHQ9])[0]
    assert one.assessed + one.without_start + one.without_result == one.courses == many
    assert one.remission is not None
    assert one.remission.whole + one.started_low == one.response.whole == one.assessed
    for share in (one.response, one.remission):
        if share.whole:
            low, high = share.interval
            assert 0 <= low <= share.percent + 1e-9
            assert share.percent - 1e-9 <= high <= 100


@given(st.lists(st.floats(0, 500), max_size=30), st.integers(0, 10))
@hypothesis_settings(max_examples=60, deadline=None)
def test_quartiles_are_ordered_and_the_curve_only_climbs_to_its_share(values, without):
    found, points = spread(values), cumulative(values, len(values) + without)
    if not values:
        assert found is None
    else:
        assert min(values) <= found.lower <= found.median <= found.upper <= max(values)
        assert points == sorted(points)
        assert points[-1][1] == pytest.approx(100 * len(values) / (len(values) + without))


def test_a_spreadsheet_runs_nothing_of_a_file():
    text = as_csv(("a", "b"), [("=1+1", -3), ("@x", None), (" -2", "plain")])
    assert list(csv.reader(io.StringIO(text)))[1:] == [["'=1+1", "-3"], ["'@x", ""], ["' -2", "plain"]]
    for words in ("\u00a0=1", "\uff1d1+1", "\n=1", "\tx", "+49 30", "-1"):
        assert harmless(words) == f"'{words}"
    for words in ("a=1", "1-2", "", 0.5, None):
        assert harmless(words) == words


@pytest.mark.django_db
def test_declined_therapy_leaves_the_denominator(clinic, clock):
    infusion = w.given(clinic, w.book_course(clinic, [w.FIRST]).appointments.get())
    clock.set(w.current_window(infusion).core_until + timedelta(hours=1))
    before = outcome_report(clinic.site, MONDAY, 2, clock.now())
    assert (before.decided, before.kept) == (1, 0)
    for row in FollowUp.objects.filter(infusion=infusion, therapy=True, required=True):
        closing.decline_follow_up(follow_up=row, reason="Does not want it", by=clinic.therapist)
    after = outcome_report(clinic.site, MONDAY, 2, clock.now())
    assert (after.decided, after.kept, after.still_open) == (0, 0, 0)


def _score(clinic, patient, total, at):
    OutcomeScore.objects.create(
        patient=patient, instrument="phq9", total=total, taken_at=at, entered_at=at, entered_by=clinic.nurse
    )


@pytest.mark.django_db
def test_a_course_begun_elsewhere_has_no_start_that_it_could_be_measured_against(clinic, clock):
    infusion = w.given(clinic, w.book_course(clinic, [w.FIRST]).appointments.get())
    for days, total in ((-1, 20), (1, 8)):
        _score(clinic, infusion.patient, total, infusion.started_at + days * DAY)
    clock.set(infusion.started_at + 3 * DAY)

    def found():
        report = outcome_report(clinic.site, MONDAY, 2, clock.now())
        (phq9,) = [item for item in report.results if item.instrument.code == "phq9"]
        return phq9.courses, phq9.without_start, phq9.response.part

    assert found() == (1, 0, 1)
    type(infusion.appointment.series).objects.update(visits=2, first_ordinal=2)
    assert found() == (1, 1, 0)


@pytest.mark.django_db
def test_page_file_and_api_say_the_same_in_a_constant_number_of_queries(clinic, clock):
    client = Client()
    assert client.get("/outcomes/").status_code == 302
    client.force_login(clinic.therapist)
    assert "No window that asks for therapy is over yet" in client.get("/outcomes/").content.decode()
    counts = []
    for number, result in enumerate((8, 15)):
        patient = clinic.patient if number == 0 else factories.make_patient(clinic.site)
        start = w.FIRST + number * DAY
        w.given(clinic, w.book_course(clinic, [start], patient=patient).appointments.get())
        _score(clinic, patient, 20, start - DAY)
        clock.set(start + 10 * DAY)
        _score(clinic, patient, result, start + 9 * DAY)
        client.get("/outcomes/")
        with CaptureQueriesContext(connection) as seen:
            page = client.get("/outcomes/?weeks=8")
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 24
    text = page.content.decode()
    assert "PHQ-9: response and remission" in text
    assert "2 of 2 courses have a score before and after" in text
    rows = list(csv.DictReader(io.StringIO(client.get("/outcomes/?format=csv").content.decode())))
    response = next(row for row in rows if row["measure"] == "response" and "PHQ-9" in row["group"])
    assert (response["value"], response["n"], response["missing"]) == ("50.0", "2", "0")
    figures = client.get(f"/api/v1/outcomes/?site={clinic.site.code}").json()["figures"]
    assert [str(row["value"] if row["value"] is not None else "") for row in figures] == [
        r["value"] for r in rows
    ]
    for wrong in ("weeks=x", "weeks=54", "site=x", f"site={clinic.patient.code}", "site=%00"):
        assert client.get(f"/outcomes/?{wrong}").status_code == 200
    assert client.post("/outcomes/").status_code == 405
    assert client.get(f"/api/v1/outcomes/?site={clinic.site.code}&weeks=x").status_code == 400
    client.force_login(clinic.outsider)
    assert client.get(f"/api/v1/outcomes/?site={clinic.site.code}").status_code == 404
