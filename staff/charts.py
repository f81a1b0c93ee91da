"""Charts as data: turns clinical series into a server-drawn SVG plot that fits any width.

Positions are percentages of the plot, written as SVG attributes (the content security policy forbids style
attributes), so words keep their size while the drawing stretches. Curves are drawn in a square of 1000
units that is stretched to the plot.

Convention of every chart: a band is the model's uncertainty, a dashed line is predicted, dots are
measured, a solid red rule is a clinical stop rule. The same numbers stand in a table under the drawing.
Pure; coordinates are SVG units, rounded to a tenth, and carry no clinical meaning.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True)
class AxisSpec:
    """One axis: its range, its ticks as (value, words) and its title with unit."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    title: str


@dataclass(frozen=True)
class Band:
    """An uncertainty band: (x, lower, upper)."""

    points: Sequence[tuple[float, float, float]]
    label: str


@dataclass(frozen=True)
class Line:
    """A line. `style` is "predicted" (dashed) or "plain"; `tone` is "a", "b" or "c"."""

    points: Sequence[Point]
    label: str
    style: str = "predicted"
    tone: str = "a"


@dataclass(frozen=True)
class Dots:
    """Measured values, joined by a thin line when `joined`. The shape of the dot follows the tone."""

    points: Sequence[Point]
    label: str
    tone: str = "a"
    joined: bool = False


@dataclass(frozen=True)
class Span:
    """A shaded stretch of the x axis, [start, end): `kind` is "infusion", "no-therapy" or "window"."""

    start: float
    end: float
    kind: str
    label: str


@dataclass(frozen=True)
class Rule:
    """A horizontal rule: `kind` is "threshold" or "stop". Its words stand at the end of the axis ("end") or at its
    beginning ("start"), where the curve leaves room.
    """

    value: float
    label: str
    kind: str = "threshold"
    words_at: str = "end"


@dataclass(frozen=True)
class Event:
    """A vertical mark: `kind` is "now", "event" or "therapy"."""

    at: float
    label: str
    kind: str = "event"


@dataclass(frozen=True)
class Table:
    """The same data in words: column heads, and rows whose first cell is the row's head."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class ChartSpec:
    """Everything a chart says. `title` is its name, `description` one sentence with the finding.

    `readings`: (x, words) in rising order, what hovering, touching or the arrow keys read out; `read_first` is the
    place in them that is shown at first.
    """

    key: str
    title: str
    description: str
    x: AxisSpec
    y: AxisSpec
    table: Table
    bands: Sequence[Band] = ()
    lines: Sequence[Line] = ()
    dots: Sequence[Dots] = ()
    spans: Sequence[Span] = ()
    rules: Sequence[Rule] = ()
    events: Sequence[Event] = ()
    readings: Sequence[tuple[float, str]] = ()
    read_first: int = 0


@dataclass(frozen=True)
class Shape:
    """One thing to draw: CSS classes and ready attribute values. Which fields are filled depends on the
    list."""

    css: str
    d: str = ""
    x: str = "0%"
    y: str = "0%"
    width: str = ""
    text: str = ""
    anchor: str = "start"
    row: int = 0
    top: str = ""


@dataclass(frozen=True)
class Plot:
    """The drawing, list by list, from back to front."""

    spans: Sequence[Shape]
    grid: Sequence[Shape]
    ticks: Sequence[Shape]
    bands: Sequence[Shape]
    rules: Sequence[Shape]
    lines: Sequence[Shape]
    dots: Sequence[Shape]
    events: Sequence[Shape]


@dataclass(frozen=True)
class LegendEntry:
    """A line of the legend: the CSS class of its swatch, the shape of its dot, and its words."""

    css: str
    label: str
    d: str = ""


@dataclass(frozen=True)
class Chart:
    """What the template draws."""

    spec: ChartSpec
    plot: Plot
    legend: tuple[LegendEntry, ...]
    readings: tuple[tuple[float, str], ...] = ()

    @property
    def rows(self) -> int:
        """Rows of words above the plot, 0 to 4."""
        return max((shape.row + 1 for shape in self.plot.events), default=0)

    @property
    def readings_json(self) -> str:
        """The readings for the script that moves the guide."""
        return json.dumps(self.readings)

    @property
    def first_reading(self) -> str:
        """The words shown before anybody reads."""
        return self.readings[self.spec.read_first][1] if self.readings else ""

    @property
    def last_place(self) -> int:
        """The place of the last reading."""
        return max(0, len(self.readings) - 1)


DOT_PATHS = {
    "a": "M-4.500 0a4.500 4.500 0 1 0 9 0a4.500 4.500 0 1 0 -9 0z",
    "b": "M-4 -4h8v8h-8z",
    "c": "M0 -5l5 9h-10z",
}
SQUARE = 1000
# Words of events are laid out for a plot of this width; narrower drawings list them below instead.
PLOT_PX, LETTER_PX, ROW_PX, EVENT_ROWS = 600, 6.9, 16, 4


@dataclass(frozen=True)
class _Canvas:
    """Maps data to shares of the plot. Values outside an axis are cut to its edge."""

    spec: ChartSpec

    def x(self, value: float) -> float:
        return _share(value, self.spec.x.low, self.spec.x.high)

    def y(self, value: float) -> float:
        return 1 - _share(value, self.spec.y.low, self.spec.y.high)

    def path(self, points: Sequence[Point]) -> str:
        steps = (f"{self.x(x) * SQUARE:.1f} {self.y(y) * SQUARE:.1f}" for x, y in points)
        return "M" + " L".join(steps) if points else ""


def _share(value: float, low: float, high: float) -> float:
    return min(max((value - low) / (high - low), 0.0), 1.0)


def _percent(share: float) -> str:
    return f"{share * 100:.2f}%"


def build_chart(spec: ChartSpec) -> Chart:
    """Drawing, legend and table of one chart. Raises ValueError on an axis without length."""
    if spec.x.high <= spec.x.low or spec.y.high <= spec.y.low:
        raise ValueError("A chart axis must end after it starts.")
    canvas = _Canvas(spec)
    plot = Plot(
        spans=[_span(canvas, span) for span in spec.spans],
        grid=[Shape("plot-grid", y=_percent(canvas.y(value)), text=words) for value, words in spec.y.ticks],
        ticks=_ticks(canvas),
        bands=[Shape("plot-band", d=_band_path(canvas, band)) for band in spec.bands],
        rules=[
            Shape(
                f"rule-{rule.kind}",
                x=_percent(0 if rule.words_at == "start" else 1),
                y=_percent(canvas.y(rule.value)),
                text=rule.label,
                anchor=rule.words_at,
            )
            for rule in spec.rules
        ],
        lines=_lines(canvas),
        dots=[shape for dots in spec.dots for shape in _dots(canvas, dots)],
        events=_events(canvas),
    )
    readings = tuple((round(canvas.x(at) * 100, 2), words) for at, words in spec.readings)
    return Chart(spec, plot, tuple(_legend(spec)), readings)


def _span(canvas: _Canvas, span: Span) -> Shape:
    left, right = canvas.x(span.start), canvas.x(span.end)
    return Shape(f"span-{span.kind}", x=_percent(left), width=_percent(max(right - left, 0)), text=span.label)


def _ticks(canvas: _Canvas) -> list[Shape]:
    """Every second tick is marked minor: narrow drawings leave its words out."""
    ticks = canvas.spec.x.ticks
    return [
        Shape(
            "plot-tick minor" if index % 2 else "plot-tick",
            x=_percent(canvas.x(value)),
            text=words,
            anchor="end" if index and canvas.x(value) > 0.96 else "middle",
        )
        for index, (value, words) in enumerate(ticks)
    ]


def _band_path(canvas: _Canvas, band: Band) -> str:
    upper = [(x, high) for x, _, high in band.points]
    lower = [(x, low) for x, low, _ in reversed(band.points)]
    return canvas.path([*upper, *lower]) + " Z" if band.points else ""


def _lines(canvas: _Canvas) -> list[Shape]:
    drawn = [
        Shape(f"line-{line.style} tone-{line.tone}", d=canvas.path(line.points)) for line in canvas.spec.lines
    ]
    joined = [dots for dots in canvas.spec.dots if dots.joined and len(dots.points) > 1]
    return drawn + [Shape(f"dots-join tone-{dots.tone}", d=canvas.path(dots.points)) for dots in joined]


def _dots(canvas: _Canvas, dots: Dots) -> list[Shape]:
    """A different shape for each tone, so that colour is never the only difference."""
    return [
        Shape(
            f"dot tone-{dots.tone}", d=DOT_PATHS[dots.tone], x=_percent(canvas.x(x)), y=_percent(canvas.y(y))
        )
        for x, y in dots.points
    ]


def _events(canvas: _Canvas) -> list[Shape]:
    """Vertical marks; their words stand above the plot, inside its edges, on the lowest row where they are legible.

    Words lead away from the nearer edge. Those nearest to the middle are laid first, so that no mark that rises to a
    higher row cuts through words of a lower one.
    """
    middle_first = sorted(canvas.spec.events, key=lambda event: abs(canvas.x(event.at) - 0.5))
    taken: list[list[tuple[float, float]]] = [[] for _ in range(EVENT_ROWS)]
    shapes = [(event.at, _event(canvas, event, taken)) for event in middle_first]
    return [shape for _, shape in sorted(shapes, key=lambda item: item[0])]


def _event(canvas: _Canvas, event: Event, taken: list[list[tuple[float, float]]]) -> Shape:
    share = canvas.x(event.at)
    width = (len(event.label) * LETTER_PX + 14) / PLOT_PX
    anchor = "start" if share < 0.5 else "end"
    left = share if anchor == "start" else share - width
    free = (
        row
        for row, spans in enumerate(taken)
        if all(left >= end or left + width <= start for start, end in spans)
    )
    row = next(free, EVENT_ROWS - 1)
    taken[row].append((left, left + width))
    return Shape(
        f"event-{event.kind}", x=_percent(share), y=str(-4 - ROW_PX * row), text=event.label, anchor=anchor,
        row=row, top=str(-7 - ROW_PX * row),
    )  # fmt: skip


def _legend(spec: ChartSpec) -> list[LegendEntry]:
    entries = [
        LegendEntry(f"line-{line.style} tone-{line.tone}", line.label) for line in spec.lines if line.label
    ]
    entries += [LegendEntry("plot-band", band.label) for band in spec.bands]
    entries += [LegendEntry(f"dot tone-{dots.tone}", dots.label, DOT_PATHS[dots.tone]) for dots in spec.dots]
    spans = {f"span-{span.kind}": span.label for span in reversed(spec.spans)}
    return entries + [LegendEntry(css, label) for css, label in reversed(spans.items())]
