"""Charts as data: turns clinical series into two server-drawn SVG plots, one wide and one for a phone.

Convention of every chart: a band is the model's uncertainty, a dashed line is predicted, dots are
measured, a solid red rule is a clinical stop rule. The same numbers stand in a table under the drawing.
Pure; coordinates are SVG units, rounded to a tenth, and carry no clinical meaning.
"""

from __future__ import annotations

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
    """A horizontal rule: `kind` is "threshold" or "stop"."""

    value: float
    label: str
    kind: str = "threshold"


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
    """Everything a chart says. `title` is its name, `description` one sentence with the finding."""

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


@dataclass(frozen=True)
class Shape:
    """One thing to draw: CSS classes and ready attribute values. Which fields are filled depends on the
    list."""

    css: str
    d: str = ""
    x: float = 0
    y: float = 0
    width: float = 0
    height: float = 0
    x2: float = 0
    y2: float = 0
    text: str = ""
    anchor: str = "start"


@dataclass(frozen=True)
class Plot:
    """One drawing in its own viewBox."""

    css: str
    width: int
    height: int
    frame: Shape
    grid: Sequence[Shape]
    ticks: Sequence[Shape]
    spans: Sequence[Shape]
    bands: Sequence[Shape]
    lines: Sequence[Shape]
    dots: Sequence[Shape]
    rules: Sequence[Shape]
    events: Sequence[Shape]


@dataclass(frozen=True)
class LegendEntry:
    """A line of the legend: the CSS class of its swatch, and its words."""

    css: str
    label: str


@dataclass(frozen=True)
class Chart:
    """What the template draws."""

    spec: ChartSpec
    plots: tuple[Plot, ...]
    legend: tuple[LegendEntry, ...]


@dataclass(frozen=True)
class _Canvas:
    """Maps data to SVG units inside the margins of one viewBox."""

    spec: ChartSpec
    width: int
    height: int
    left: int = 46
    right: int = 14
    top: int = 34
    bottom: int = 42

    def x(self, value: float) -> float:
        low, high = self.spec.x.low, self.spec.x.high
        share = min(max((value - low) / (high - low), 0), 1)
        return round(self.left + share * (self.width - self.left - self.right), 1)

    def y(self, value: float) -> float:
        low, high = self.spec.y.low, self.spec.y.high
        share = min(max((value - low) / (high - low), 0), 1)
        return round(self.height - self.bottom - share * (self.height - self.top - self.bottom), 1)

    def path(self, points: Sequence[Point]) -> str:
        steps = (f"{self.x(x):g} {self.y(y):g}" for x, y in points)
        return "M" + " L".join(steps) if points else ""


def build_chart(spec: ChartSpec) -> Chart:
    """Both drawings, the legend and the table of one chart. Raises ValueError on an axis without length."""
    if spec.x.high <= spec.x.low or spec.y.high <= spec.y.low:
        raise ValueError("A chart axis must end after it starts.")
    plots = (
        _plot(_Canvas(spec, 860, 360), "plot-wide", every=1),
        _plot(_Canvas(spec, 390, 330, left=40, right=10), "plot-phone", every=2),
    )
    return Chart(spec, plots, tuple(_legend(spec)))


def _plot(canvas: _Canvas, css: str, *, every: int) -> Plot:
    spec = canvas.spec
    base, ceiling = canvas.height - canvas.bottom, canvas.top
    frame = Shape("plot-frame", x=canvas.left, y=base, x2=canvas.width - canvas.right, y2=base)
    return Plot(
        css=css,
        width=canvas.width,
        height=canvas.height,
        frame=frame,
        grid=[
            Shape("plot-grid", x=canvas.left, x2=canvas.width - canvas.right, y=canvas.y(value), text=words)
            for value, words in spec.y.ticks
        ],
        ticks=[
            Shape("plot-tick", x=canvas.x(value), y=base, text=words, anchor=_anchor(index, spec.x.ticks))
            for index, (value, words) in enumerate(spec.x.ticks)
            if index % every == 0
        ],
        spans=[
            Shape(
                f"span-{span.kind}",
                x=canvas.x(span.start),
                y=ceiling,
                width=round(max(canvas.x(span.end) - canvas.x(span.start), 0), 1),
                height=base - ceiling,
                text=span.label,
            )
            for span in spec.spans
        ],
        bands=[Shape("plot-band", d=_band_path(canvas, band)) for band in spec.bands],
        lines=[
            Shape(f"line-{line.style} tone-{line.tone}", d=canvas.path(line.points)) for line in spec.lines
        ],
        dots=[shape for dots in spec.dots for shape in _dots(canvas, dots)],
        rules=[
            Shape(
                f"rule-{rule.kind}",
                x=canvas.left,
                x2=canvas.width - canvas.right,
                y=canvas.y(rule.value),
                text=rule.label,
            )
            for rule in spec.rules
        ],
        events=_events(canvas),
    )


def _anchor(index: int, ticks: Sequence[tuple[float, str]]) -> str:
    """Words at the right edge must end there, or they are cut off."""
    return "end" if index == len(ticks) - 1 and len(ticks) > 1 else "middle"


def _band_path(canvas: _Canvas, band: Band) -> str:
    upper = [(x, high) for x, _, high in band.points]
    lower = [(x, low) for x, low, _ in reversed(band.points)]
    return canvas.path([*upper, *lower]) + " Z" if band.points else ""


def _dots(canvas: _Canvas, dots: Dots) -> list[Shape]:
    shapes = []
    if dots.joined and len(dots.points) > 1:
        shapes.append(Shape(f"dots-join tone-{dots.tone}", d=canvas.path(dots.points)))
    for x, y in dots.points:
        shapes.append(Shape(f"dot tone-{dots.tone}", d=_dot_path(dots.tone, canvas.x(x), canvas.y(y))))
    return shapes


def _dot_path(tone: str, x: float, y: float) -> str:
    """A different shape for each tone, so that colour is never the only difference."""
    if tone == "b":
        return f"M{x - 4:g} {y - 4:g}h8v8h-8z"
    if tone == "c":
        return f"M{x:g} {y - 5:g}l5 9h-10z"
    return f"M{x - 4:g} {y:g}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z"


def _events(canvas: _Canvas) -> list[Shape]:
    """Vertical marks, their words above the plot on two rows in turn and inside its edges."""
    shapes = []
    middle = canvas.width / 2
    for index, event in enumerate(sorted(canvas.spec.events, key=lambda event: event.at)):
        x = canvas.x(event.at)
        shapes.append(
            Shape(
                f"event-{event.kind}",
                x=x,
                y=12 if index % 2 == 0 else 27,
                y2=canvas.height - canvas.bottom,
                text=event.label,
                anchor="start" if x < middle else "end",
            )
        )
    return shapes


def _legend(spec: ChartSpec) -> list[LegendEntry]:
    entries = [LegendEntry(f"line-{line.style} tone-{line.tone}", line.label) for line in spec.lines]
    entries += [LegendEntry("plot-band", band.label) for band in spec.bands]
    entries += [LegendEntry(f"dot tone-{dots.tone}", dots.label) for dots in spec.dots]
    seen: set[str] = set()
    for span in spec.spans:
        if span.kind not in seen:
            entries.append(LegendEntry(f"span-{span.kind}", span.label))
            seen.add(span.kind)
    return entries
