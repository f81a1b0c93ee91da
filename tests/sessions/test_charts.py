"""The concentration chart: what it says in words, and that the drawing agrees with the numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sessions import clearance
from sessions.charts import LONGEST, ChartFacts, chart_until, level_chart

START = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ZONE = ZoneInfo("America/Los_Angeles")

LOGS = {
    "standard": [("start", 0, 0.875, None), ("stop", 40, None, None)],
    "early stop": [("start", 0, 0.875, None), ("stop", 20, None, None)],
    "three pauses": [
        ("start", 0, 0.875, None), ("pause", 10, None, None), ("resume", 15, 0.875, None),
        ("pause", 20, None, None), ("resume", 26, 0.875, None), ("pause", 30, None, None),
        ("resume", 33, 0.875, None), ("stop", 54, None, None),
    ],
    "bolus": [("start", 0, 0.7, None), ("bolus", 0, None, 7.0), ("stop", 40, None, None)],
}  # fmt: skip


def log_of(name):
    entries = [clearance.PumpEntry(kind, START + at * MINUTE, rate, mg) for kind, at, rate, mg in LOGS[name]]
    return clearance.read_pump_log(entries)


def chart_of(name, weight=70.0, levels=(), now=90):
    entries = [clearance.PumpEntry(kind, START + at * MINUTE, rate, mg) for kind, at, rate, mg in LOGS[name]]
    log = clearance.read_pump_log(entries)
    value = clearance.estimate_clearance(log=log, weight_kg=weight, age_years=40)
    facts = ChartFacts(
        log=log,
        threshold_ng_ml=20.0,
        now=START + now * MINUTE,
        zone=ZONE,
        drug_cleared=value.t_pk,
        ready=START + 125 * MINUTE,
        therapy_from=value.t_pk,
        signed=True,
        levels=levels,
    )
    curve = clearance.curve_points(log=log, until=chart_until(facts), weight_kg=weight, age_years=40)
    return level_chart(facts, curve), value


@pytest.mark.parametrize("name", LOGS)
@pytest.mark.parametrize("weight", [45.0, 70.0, 160.0])
def test_the_sentence_names_the_estimate_its_peak_and_the_time(name, weight):
    chart, value = chart_of(name, weight)
    words = chart.spec.description
    assert words.startswith("Estimate, not a measurement.")
    assert f"{value.t_pk.astimezone(ZONE):%H:%M}" in words


def test_pump_pauses_and_bolus_are_drawn_where_they_were():
    chart, _ = chart_of("three pauses")
    running = [(span.start, span.end) for span in chart.spec.spans if span.kind == "infusion"]
    assert running == [(0, 10), (15, 20), (26, 30), (33, 54)]
    bolus, _ = chart_of("bolus")
    assert any(event.label.startswith("Bolus 7 mg") for event in bolus.spec.events)


def test_marks_are_in_clinic_time_and_the_no_therapy_period_ends_at_the_therapy_time():
    chart, value = chart_of("standard")
    labels = [event.label for event in chart.spec.events]
    therapy = f"{value.t_pk.astimezone(ZONE):%H:%M}"
    assert "Ready to leave 11:05" in labels
    assert f"Drug cleared (estimate), therapy from {therapy}" in labels
    assert "Now 10:30" in labels
    period = next(span for span in chart.spec.spans if span.kind == "no-therapy")
    assert period.end == pytest.approx((value.t_pk - START) / MINUTE)


def test_measured_levels_stand_in_the_drawing_and_in_the_table():
    chart, _ = chart_of("standard", levels=[(START + 130 * MINUTE, 61.5)])
    assert chart.spec.dots[0].points == [(130, 61.5)]
    assert ["11:10 measured", "", "61.5", ""] in [list(row) for row in chart.spec.table.rows]


def test_the_table_has_a_row_every_half_hour_and_ordered_values():
    chart, _ = chart_of("standard")
    rows = [row for row in chart.spec.table.rows if "measured" not in row[0]]
    assert len(rows) >= 12
    for _, low, middle, high in rows:
        assert int(low) <= int(middle) <= int(high)


def test_a_chart_never_grows_beyond_sixteen_hours():
    chart, _ = chart_of("standard", levels=[(START + timedelta(days=2), 1.0)])
    assert chart.spec.x.high == LONGEST / MINUTE


def test_hovering_reads_the_numbers_that_the_table_says():
    chart, _ = chart_of("standard", levels=[(START + 130 * MINUTE, 41.0)])
    shares = [share for share, _ in chart.readings]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 100.0)
    words = [text for _, text in chart.readings]
    assert "11:10: 41 ng/mL (measured)" in words
    row = chart.spec.table.rows[1]
    assert any(text.startswith(f"{row[0]}: {row[2]} ng/mL") for text in words)
    assert chart.first_reading.startswith(("10:28", "10:29", "10:30")), "first the reading of now"


def test_cleared_and_therapy_are_two_marks_unless_they_are_one_moment():
    chart, _ = chart_of("standard")
    assert [event.kind for event in chart.spec.events] == ["event", "therapy", "now"]
    value = clearance.estimate_clearance(log=log_of("standard"), weight_kg=70, age_years=40)
    facts = ChartFacts(
        log=log_of("standard"), threshold_ng_ml=20.0, now=START, zone=ZONE, drug_cleared=value.t_pk,
        therapy_from=value.t_pk + timedelta(hours=3),
    )  # fmt: skip
    curve = clearance.curve_points(log=facts.log, until=chart_until(facts), weight_kg=70, age_years=40)
    kinds = [event.kind for event in level_chart(facts, curve).spec.events]
    assert kinds == ["cleared", "therapy", "now"]


def test_words_of_close_marks_never_run_into_each_other():
    chart, _ = chart_of("bolus", now=8)
    rows = {}
    for shape in chart.plot.events:
        rows.setdefault(shape.row, []).append(shape.text)
    assert len(rows) > 1
    assert all(len(words) == len(set(words)) for words in rows.values())
