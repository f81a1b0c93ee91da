"""The outcome chart and the exposure card: gaps not joined, response by the stated rule, nothing of dissociation."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from hypothesis import given as given_values
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from patients.services.history import record_prior_exposure
from scheduling.exposure import Dose, escalation, exposure_of, trend
from scheduling.outcome_chart import Given, Scored, baseline_of, joined, outcome_chart
from scheduling.reasons import EXTRA, in_words
from sessions import scoring
from sessions import services as facts
from tests import factories
from tests.scheduling.follow import world as w

DAY = timedelta(days=1)
START = datetime(2026, 3, 3, 18, tzinfo=UTC)
ZONE = ZoneInfo("America/Los_Angeles")
PHQ9 = scoring.PHQ9


def draw(scores, given=()):
    return outcome_chart(PHQ9, scores, list(given), now=START + 30 * DAY, zone=ZONE)


def test_totals_that_were_not_asked_for_long_are_not_joined():
    scores = [Scored(START + n * DAY, 20 - n // 6) for n in (0, 7, 14, 60, 67)]
    assert [len(run) for run in joined(scores, timedelta(days=21))] == [3, 2]
    lines = [shape.d for shape in draw(scores).plot.lines]
    assert [path.count("L") for path in lines] == [2, 1]
    assert len(draw(scores).plot.dots) == 5


def test_response_and_remission_against_the_last_total_before_the_first_infusion():
    scores = [
        Scored(START - 20 * DAY, 25),
        Scored(START - DAY, 20),
        Scored(START + 7 * DAY, 10),
        Scored(START + 14 * DAY, 4),
    ]
    infusions = [Given(1, START, START + DAY, START + 4 * DAY)]
    assert baseline_of(scores, infusions) == scores[1]
    chart = draw(scores, infusions)
    assert [row[3] for row in chart.spec.table.rows] == ["before the start", "start", "response", "remission"]
    assert [rule.value for rule in chart.spec.rules] == [10, 4]
    assert [span.kind for span in chart.spec.spans] == ["window"]
    assert "from 20 to 4 (minimal): remission" in chart.spec.description
    with pytest.raises(ValueError, match="at least one"):
        draw([])


@given_values(st.lists(st.integers(0, 27), min_size=1, max_size=12), st.integers(0, 4))
@hypothesis_settings(max_examples=40, deadline=None)
def test_any_course_is_drawn_inside_the_plot_with_every_total_in_the_table(totals, count):
    scores = [Scored(START + n * 9 * DAY, value) for n, value in enumerate(totals)]
    chart = draw(scores, [Given(n + 1, START + n * 3 * DAY) for n in range(count)])
    assert [row[1] for row in chart.spec.table.rows] == [str(value) for value in totals]
    assert all(0 <= float(shape.y.rstrip("%")) <= 100 for shape in chart.plot.dots)
    assert "dissoc" not in chart.spec.description.lower()


def dose(day, per_kg="0.50"):
    return Dose(START + day * DAY, Decimal(35), Decimal(per_kg))


@pytest.mark.parametrize(
    ("doses", "year", "flagged"),
    [
        ([dose(n) for n in (0, 3, 7, 10, 14, 17)], 6, False),
        ([dose(0, "0.50"), dose(4, "0.60"), dose(8, "0.70")], 3, True),
        ([dose(0, "0.50"), dose(4, "0.52"), dose(8, "0.54")], 3, False),
        ([dose(n) for n in (0, 30, 50, 60)], 4, True),
        ([dose(0)], 25, True),
        ([], 0, False),
    ],
)
def test_escalation_is_two_steps_up_two_shorter_gaps_or_too_many_in_a_year(doses, year, flagged):
    assert bool(escalation(doses, year)) is flagged


def test_the_trend_is_first_against_last_in_words():
    assert trend([]) == trend([dose(0)]) == ()
    assert trend([dose(n) for n in (0, 3, 7)]) == (
        "0.50 mg/kg throughout",
        "3.0 days between infusions at first, 4.0 now",
    )
    assert trend([dose(0, "0.50"), dose(4, "0.75")]) == ("0.50 mg/kg at first, 0.75 now",)
    up_and_down = [dose(0, "0.50"), dose(4, "0.70"), dose(8, "0.60")]
    assert trend(up_and_down)[0] == "0.50 mg/kg at first, 0.60 now, 0.70 at most"


def test_an_infusion_that_the_patient_asked_for_outside_the_plan_counts():
    assert escalation([dose(0)], 1, 0) == []
    assert escalation([dose(0)], 1, 2) == ["Asked for outside the plan: 2 infusions."]


@pytest.mark.django_db
@pytest.mark.parametrize(("initiator", "flagged"), [("patient", True), ("clinician", False)])
def test_who_asked_for_an_extra_infusion_decides(clinic, clock, initiator, flagged):
    series = w.book_course(clinic, [w.FIRST])
    words = in_words(EXTRA, "early-return", initiator=initiator, note="By telephone")
    series.appointments.update(reason=words)
    found = exposure_of(clinic.patient, [], clock.now(), ZoneInfo(clinic.site.time_zone))
    assert bool(found.reasons) is flagged


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("first_on", "last_on", "counted"),
    [
        ("2024-01-01", "2025-03-04", 3),  # a year before, and a day
        ("2024-01-01", "2025-03-03", 0),  # 365 days before Tuesday 3 March 2026
        ("2025-03-04", None, 3),
        (None, None, 0),  # no day is known
    ],
)
def test_the_last_day_elsewhere_decides_what_counts_in_twelve_months(
    clinic, clock, first_on, last_on, counted
):
    days = {
        name: date.fromisoformat(day) if day else None
        for name, day in (("first_on", first_on), ("last_on", last_on))
    }
    record_prior_exposure(
        patient=clinic.patient, route="oral", count=3, total_mg=Decimal("90.5"), source="Letter", by=clinic.nurse, **days
    )  # fmt: skip
    found = exposure_of(clinic.patient, [], clock.now(), ZoneInfo(clinic.site.time_zone))
    assert (found.last_year, found.total, found.elsewhere, found.mg, found.unknown) == (
        counted, 3, 3, Decimal("90.5"), 0,
    )  # fmt: skip


@pytest.mark.django_db
def test_escalation_is_said_where_a_dose_an_interval_and_a_visit_are_decided(clinic, clock):
    """Two doses stepped up: on the card, at the order, at the review, before an extra infusion or a switch, and by API."""
    series = w.book_course(clinic, [w.FIRST + n * DAY * 3 for n in range(4)])
    client, api = Client(), f"/api/v1/exposures/{clinic.patient.code}/"
    client.force_login(clinic.clinician)
    pages = [
        f"/patients/{clinic.patient.code}/exposure-flag/", f"/patients/{clinic.patient.code}/outcomes/",
        f"/series/{series.code}/review/", f"/patients/{clinic.patient.code}/extra-infusion/",
    ]  # fmt: skip
    other = factories.make_version("single-infusion", author=clinic.admin)
    factories.make_eligible(clinic.patient, other)
    pages.append(f"/series/{series.code}/switch/?protocol={other.code}&first_day=2026-03-20&weight_kg=70")
    flag, words = "Exposure is escalating", "The dose was stepped up 2 times."
    for url in pages:
        assert words not in client.get(url).content.decode(), url
    assert client.get(api).json()["escalating"] == []
    for visit, mg in zip(series.appointments.order_by("ordinal")[:3], (35, 42, 49), strict=True):
        infusion = w.start_pump(clinic, visit)
        type(infusion).objects.filter(pk=infusion.pk).update(ordered_mg=mg)
        w.stop_pump(clinic, infusion)
        w.sign(clinic, infusion)
        w.release(visit, "completed")
    clock.set(w.FIRST + 8 * DAY)
    for url in pages:
        page = client.get(url).content.decode()
        assert words in page, url
        assert (flag in page) is ("outcomes" not in url and "review" not in url), url
    told = client.get(api).json()
    assert (told["escalating"], told["here"], told["trend"][0]) == (
        [words],
        3,
        "0.50 mg/kg at first, 0.70 now",
    )
    order = client.get(f"/infusions/{infusion.code}/").content.decode()
    assert pages[0] not in order, "the order is behind"
    for who, status in ((clinic.therapist, 200), (clinic.admin, 403)):
        client.force_login(who)
        assert client.get(api).status_code == client.get(pages[0]).status_code == status
    client.force_login(clinic.outsider)
    assert client.get(api).status_code == client.get(pages[0]).status_code == 404
    assert client.post(pages[0]).status_code == 405
    assert Client().get(pages[0]).status_code == 302


@pytest.mark.django_db
def test_the_patient_page_shows_both_and_only_to_those_who_may(clinic, clock):
    visit = w.book_course(clinic, [w.FIRST]).appointments.get()
    w.given(clinic, visit)
    clock.set(w.FIRST + 2 * DAY)
    url = f"/patients/{clinic.patient.code}/outcomes/"
    client = Client()
    assert client.get(url).status_code == 302
    client.force_login(clinic.admin)
    assert client.get(url).status_code == 403
    client.force_login(clinic.therapist)
    assert "No score yet" in client.get(url).content.decode()
    facts.record_outcome(patient=clinic.patient, instrument="phq9", total=18, by=clinic.therapist)
    facts.record_outcome(patient=clinic.patient, instrument="madrs", total=30, by=clinic.therapist)
    record_prior_exposure(
        patient=clinic.patient, route="intranasal", count=12, total_mg=None, source="Letter", by=clinic.clinician,
        last_on=date(2026, 1, 5),
    )  # fmt: skip
    for taken, given in ((w.FIRST, {"function": 3}), (w.FIRST + DAY, {"function": 6, "practice_days": 0})):
        facts.record_progress(patient=clinic.patient, taken_at=taken, by=clinic.therapist, **given)
    page = client.get(url).content.decode()
    assert "6 of 10 on 4 Mar 2026; first 3 on 3 Mar 2026" in page
    assert "0 of 7 on 4 Mar 2026" in page
    assert "Own goal" not in page, "what was not asked is no nought"
    assert "PHQ-9 over time" in page
    assert "1 here, 12 elsewhere" in page
    assert "13 of unknown amount" in page
    assert "MADRS over time" in client.get(f"{url}?instrument=madrs").content.decode()
    assert "PHQ-9 over time" in client.get(f"{url}?instrument=%00").content.decode()
    assert url in client.get(f"/patients/{clinic.patient.code}/").content.decode()
