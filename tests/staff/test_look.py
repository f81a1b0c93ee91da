"""The look, as far as it can be tested without eyes: contrast, drawings, time in words, the CSP."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.http import Http404
from django.template import engines
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from staff import charts, styleguide, windowbar
from staff.templatetags import clearwindow
from tests.staff.markup import elements, one

ROOT = Path(__file__).resolve().parents[2]
BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def render(source: str, **context: Any) -> str:
    return engines["django"].from_string("{% load clearwindow %}" + source).render(context)


# --- Contrast (WCAG 2.2 AA), from the tokens themselves ---

PAIR = re.compile(r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);")
GROUNDS = ("bg", "surface", "raised", "sunken", "hover")
STATES = ("info", "success", "warning", "danger", "error")
TEXT_ON = [
    *[
        (ink, ground)
        for ink in ("ink", "ink-2", "ink-3")
        for ground in ("bg", "surface", "raised", "sunken", "hover")
    ],
    *[("brand", ground) for ground in ("bg", "surface", "brand-tint")],
    ("brand-strong", "brand-tint"),
    ("on-brand", "brand-fill"),
    ("on-brand", "brand-fill-hover"),
    ("ink", "dawn-tint"),
    *[(tone, f"{tone}-tint") for tone in STATES],
    *[("ink", f"{tone}-tint") for tone in STATES],
    ("error", "surface"),
    ("danger", "surface"),
]
SHAPE_ON = [
    *[(mark, ground) for mark in ("edge", "focus") for ground in ("surface", "bg")],
    *[(mark, "surface") for mark in ("phase-core", "series-a", "series-b", "series-c")],
]


def luminance(colour: str) -> float:
    def channel(part: str) -> float:
        share = int(part, 16) / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (channel(colour[start : start + 2]) for start in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one_colour: str, other: str) -> float:
    lighter, darker = sorted((luminance(one_colour), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("front", "back", "least"), [*[(f, b, 4.5) for f, b in TEXT_ON], *[(f, b, 3.0) for f, b in SHAPE_ON]]
)
def test_contrast_is_enough_in_both_themes(front: str, back: str, least: float, theme: int) -> None:
    css = (ROOT / "staff/static/staff/tokens.css").read_text()
    tokens = {name: (light, dark) for name, light, dark in PAIR.findall(css)}
    assert contrast(tokens[front][theme], tokens[back][theme]) >= least


# --- What the content security policy forbids ---


def test_no_template_needs_an_inline_style_or_script() -> None:
    forbidden = re.compile(
        r"\sstyle=|<style|\son[a-z]+=|hx-on|javascript:|<script(?![^>]*\ssrc=)|https?://(?!www\.w3\.org)"
    )
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in (ROOT / "templates").rglob("*.html")
        for match in forbidden.finditer(path.read_text())
    ]
    assert found == []


def test_style_sheets_and_scripts_ask_nobody_else_for_anything() -> None:
    for path in (ROOT / "staff/static").rglob("*"):
        if path.suffix in {".css", ".js"}:
            text = path.read_text()
            assert "@import" not in text, path
            assert not re.search(r"https?://(?!www\.w3\.org)|url\(|eval\(|innerHTML", text), path


# --- Status and time ---


def test_every_status_differs_in_icon_or_shape_not_only_in_colour() -> None:
    assert len(set(clearwindow.TONES.values())) == len(clearwindow.TONES)
    for tone in clearwindow.TONES:
        html = render("{% chip word tone %}", word="Word", tone=tone)
        assert one(html, "span").text.strip() == "Word"
        assert one(html, "svg").attributes["aria-hidden"] == "true"


def test_an_icon_with_a_label_is_announced() -> None:
    svg = one(render("{% icon 'syringe' label='Infusion' %}"), "svg")
    assert (svg.attributes["role"], svg.attributes["aria-label"]) == ("img", "Infusion")


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0, "0 min"),
        (59.6, "1 h"),
        (80, "1 h 20 min"),
        (120, "2 h"),
        (2879, "47 h 59 min"),
        (2880, "2 days"),
        (4500, "3 days 3 h"),
        (None, ""),
    ],
)
def test_minutes_in_words(minutes: float | None, words: str) -> None:
    assert clearwindow.minutes_words(minutes) == words


def test_moments_are_shown_in_the_active_zone_and_machine_readable() -> None:
    from django.utils import timezone

    with timezone.override(BERLIN):
        html = render("{% when at %}|{% when at 'time' %}|{% when none %}", at=NOON, none=None)
    stamps = elements(html, "time")
    assert [stamp.text for stamp in stamps] == ["Tue 24 Nov 2026, 13:00", "13:00"]
    assert stamps[0].attributes["datetime"] == "2026-11-24T13:00+01:00"
    assert html.endswith("|not yet")


def test_countdown_carries_the_servers_now() -> None:
    stamp = one(render("{% countdown at now=now %}", at=NOON + timedelta(minutes=80), now=NOON), "time")
    assert stamp.text == "in 1 h 20 min"
    assert stamp.attributes["data-now"] == "2026-11-24T12:00:00+00:00"


# --- Window bars ---


def percent(text: str) -> float:
    assert text.endswith("%")
    return float(text[:-1])


moments = st.datetimes(datetime(2026, 11, 20), datetime(2026, 12, 5), timezones=st.just(UTC))


@given(st.lists(st.tuples(moments, moments), max_size=6), moments)
def test_drawn_segments_stay_on_the_axis_and_keep_their_share(
    spans: list[tuple[datetime, datetime]], now: datetime
) -> None:
    axis = windowbar.build_axis(NOON, NOON + timedelta(days=5), now=now, zone=BERLIN)
    segments = [windowbar.Segment("core", min(span), max(span), "Core") for span in spans]
    bar = windowbar.build_bar(axis, segments, summary="One sentence")
    inside = sum(
        max((min(max(span), axis.end) - max(min(span), axis.start)) / timedelta(days=5), 0) for span in spans
    )
    assert sum(percent(part.width) for part in bar.segments) == pytest.approx(inside * 100, abs=0.01)
    for part in bar.segments:
        assert 0 <= percent(part.x) <= percent(part.x) + percent(part.width) <= 100.001


@pytest.mark.parametrize(
    "night", [datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)]
)
def test_days_start_at_local_midnight_across_a_clock_change(night: datetime) -> None:
    axis = windowbar.build_axis(night, night + timedelta(hours=60), now=night, zone=BERLIN)
    days = [tick for tick in axis.ticks if tick.major]
    midnights = [night + timedelta(hours=60) * percent(tick.x) / 100 for tick in days]
    assert len(days) == 3
    for moment in midnights:
        wall = (moment + timedelta(seconds=5)).astimezone(BERLIN)
        assert (wall.hour, wall.minute) == (0, 0)


def test_an_axis_without_length_and_an_unknown_phase_are_refused() -> None:
    with pytest.raises(ValueError, match="must end after"):
        windowbar.build_axis(NOON, NOON, now=NOON, zone=BERLIN)
    axis = windowbar.build_axis(NOON, NOON + timedelta(hours=3), now=NOON, zone=BERLIN)
    with pytest.raises(ValueError, match="Unknown kind"):
        windowbar.build_bar(axis, [windowbar.Segment("best", NOON, axis.end, "")], summary="")


def test_a_bar_says_in_one_sentence_what_it_draws() -> None:
    axis = windowbar.build_axis(NOON, NOON + timedelta(hours=48), now=NOON + timedelta(hours=12), zone=BERLIN)
    phase = windowbar.Segment("no-therapy", NOON, NOON + timedelta(hours=12), "No-therapy period")
    bar = windowbar.build_bar(axis, [phase], summary="Therapy from Wed 01:00")
    html = render("{% window_axis axis %}{% window_bar bar %}", axis=axis, bar=bar)
    assert one(html, "svg", role="img", aria_label="Therapy from Wed 01:00")
    drawn = one(html, "rect", class_="phase-no-therapy")
    assert (drawn.attributes["x"], drawn.attributes["width"]) == ("0.000%", "25.000%")
    assert one(html, "line", class_="bar-now").attributes["x1"] == "25.000%"


# --- Charts ---


def sample(**changes: Any) -> charts.ChartSpec:
    parts: dict[str, Any] = {
        "key": "k",
        "title": "Level",
        "description": "It falls.",
        "x": charts.AxisSpec(0, 100, [(0, "0"), (50, "50"), (100, "100")], "min"),
        "y": charts.AxisSpec(0, 200, [(0, "0"), (200, "200")], "ng/mL"),
        "table": charts.Table(["min", "ng/mL"], [["0", "0"], ["50", "100"]]),
    }
    return charts.ChartSpec(**{**parts, **changes})


def test_points_are_mapped_linearly_with_y_upwards() -> None:
    chart = charts.build_chart(sample(lines=[charts.Line([(0, 0), (50, 100), (100, 200)], "Middle")]))
    assert chart.plot.lines[0].d == "M0.0 1000.0 L500.0 500.0 L1000.0 0.0"


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=20))
def test_nothing_is_drawn_outside_the_plot(points: list[tuple[float, float]]) -> None:
    chart = charts.build_chart(sample(lines=[charts.Line(points, "Any")], dots=[charts.Dots(points, "Any")]))
    numbers = [float(number) for number in re.findall(r"-?\d+\.\d+", chart.plot.lines[0].d)]
    assert all(0 <= number <= charts.SQUARE for number in numbers)
    assert all(0 <= percent(dot.x) <= 100 and 0 <= percent(dot.y) <= 100 for dot in chart.plot.dots)


def test_a_chart_is_named_described_and_repeated_as_a_table() -> None:
    chart = charts.build_chart(
        sample(
            bands=[charts.Band([(0, 0, 10), (50, 80, 120)], "Range")],
            dots=[charts.Dots([(50, 100)], "Measured", "b")],
            rules=[charts.Rule(180, "Stop rule 180", "stop")],
            events=[charts.Event(50, "Now", "now")],
        )
    )
    html = render("{% chart chart %}", chart=chart)
    drawing = one(html, "svg", role="img")
    named = {
        element.attributes["id"]: element.text for element in elements(html) if "id" in element.attributes
    }
    assert [named[part] for part in drawing.attributes["aria-labelledby"].split()] == ["Level", "It falls."]
    assert [cell.text for cell in elements(html, "td")] == ["0", "100"]
    assert {entry.label for entry in chart.legend} == {"Range", "Measured"}


def test_an_axis_without_length_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="must end after"):
        charts.build_chart(sample(x=charts.AxisSpec(5, 5, [], "")))


# --- Style guide ---


def test_the_style_guide_does_not_exist_in_a_clinic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "DEBUG", False)
    monkeypatch.setattr(settings, "IS_DEMO", False, raising=False)
    with pytest.raises(Http404):
        styleguide.styleguide(RequestFactory().get("/styleguide/"))


def test_the_style_guide_has_no_id_twice_and_no_inline_style(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "IS_DEMO", True, raising=False)
    request = RequestFactory().get("/styleguide/")
    html = (
        engines["django"].get_template("staff/styleguide.html").render(styleguide.sample_context(), request)
    )
    ids = [element.attributes["id"] for element in elements(html) if "id" in element.attributes]
    assert sorted(ids) == sorted(set(ids))
    assert not [element for element in elements(html) if "style" in element.attributes]
    assert one(html, "h1").text == "Style guide"
