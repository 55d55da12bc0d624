"""Curves as inline SVG: numbers here, drawing in the template. No ids and colours by class: many share one page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reports.numbers.tables import Scores
from reports.read.model import Method, Noise, Training
from reports.style.colour import Style
from reports.style.words import listed

#: Size of a plot, and what lies outside its axes (pixels).
WIDTH, HEIGHT = 340, 200
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 10, 30
_MOST_POINTS = 120
_MARKERS = 6
_SIZE = 3.2

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Tick:
    """A label on an axis, at a place in pixels."""

    place: float
    label: str


@dataclass(frozen=True)
class Axis:
    """A range of values on a line of pixels."""

    low: float
    high: float
    start: float  # pixel of `low`
    end: float
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value is drawn."""
        low, high, at = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (self.end - self.start) * (at - low) / (high - low)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        values = log_ticks(self.low, self.high) if self.log else ticks(self.low, self.high)
        return tuple(Tick(round(self.place(value), 1), short(value)) for value in values)


def x_axis(low: float, high: float, log: bool = False, indent: float = 0.0) -> Axis:
    """Along the bottom of a plot, `indent` pixels of its left end kept free."""
    return Axis(low, high, LEFT + indent, WIDTH - RIGHT, log)


def y_axis(low: float, high: float, log: bool = False) -> Axis:
    """Along the left side of a plot."""
    return Axis(low, high, HEIGHT - BOTTOM, TOP, log)


@dataclass(frozen=True)
class Line:
    """One training's curve. Methods that share the training share the line."""

    titles: str
    style: Style
    path: str
    markers: str
    last: str


@dataclass(frozen=True)
class Panel:
    """One plot."""

    title: str
    unit: str
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    log: bool


@dataclass(frozen=True)
class Curves:
    """The two plots of one noise model."""

    noise: Noise
    panels: tuple[Panel, ...]
    shared: tuple[str, ...]


def curves(scores: Scores, styles: dict[str, Style]) -> list[Curves]:
    """Loss and validation PSNR of every noise model that has a training with curves, at its lowest seed."""
    found = []
    for noise in scores.noises:
        trainings = _trainings(scores, noise)
        panels = []
        for title, unit, which in (("Training loss", "", "loss"), ("Validation PSNR", "dB", "validation")):
            series = [
                (" = ".join(method.title for method in methods), styles[methods[0].slug], points)
                for methods, points in _distinct(trainings, which)
            ]
            if series:
                panels.append(_panel(title, unit, series, which == "loss"))
        keys: dict[str, list[str]] = {}
        for method, training in trainings:
            keys.setdefault(training.key, []).append(method.title)
        shared = tuple(listed(titles) for key, titles in keys.items() if key and len(titles) > 1)
        if panels:
            found.append(Curves(noise, tuple(panels), shared))
    return found


def _trainings(scores: Scores, noise: Noise) -> list[tuple[Method, Training]]:
    """Each method's training on a noise model, at the lowest seed that has one."""
    seeds = [cell.seed for cell in scores.run.cells if cell.noise == noise.slug and cell.training]
    cells = [(method, scores.run.cell(noise.slug, method.slug, min(seeds, default=0))) for method in scores.methods]
    return [(method, cell.training) for method, cell in cells if cell is not None and cell.training is not None]


def _distinct(trainings: list[tuple[Method, Training]], which: str) -> list[tuple[list[Method], Points]]:
    """Curves with the methods they belong to: one line where a shared training gave several the same curve."""
    found: dict[tuple[str, Points], list[Method]] = {}
    for method, training in trainings:
        points = training.loss if which == "loss" else training.validation
        if points:
            found.setdefault((training.key or method.slug, points), []).append(method)
    return [(methods, points) for (_, points), methods in found.items()]


def _panel(title: str, unit: str, series: list[tuple[str, Style, Points]], wants_log: bool) -> Panel:
    every = [point for _, _, points in series for point in points]
    log = wants_log and all(value > 0 for _, value in every)
    x = x_axis(0.0, max(step for step, _ in every) or 1.0)
    y = y_axis(*limits([value for _, value in every], log), log)
    lines = []
    for titles, style, points in series:
        places = [(x.place(step), y.place(value)) for step, value in _thinned(points)]
        lines.append(Line(titles, style, path(places), _markers(style.shape, places), short(points[-1][1])))
    return Panel(title, unit, tuple(lines), x.ticks, y.ticks, log)


def limits(values: Sequence[float], log: bool = False) -> tuple[float, float]:
    """A range that holds all values, with a margin that keeps their markers inside the frame."""
    low, high = min(values), max(values)
    if log:
        return low / 1.1, high * 1.1
    margin = 0.08 * (high - low) or 0.5  # a flat curve still needs an axis
    return low - margin, high + margin


def path(places: Iterable[tuple[float, float]]) -> str:
    """An SVG path through these places."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)


def _thinned(points: Points) -> Points:
    stride = math.ceil(len(points) / _MOST_POINTS)
    thinned = points[::stride]
    return thinned if thinned[-1] == points[-1] else (*thinned, points[-1])


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers inside [low, high]."""
    raw = (high - low) / most
    if not (raw > 0 and math.isfinite(raw)):
        return [low]
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten and their 2 and 5 multiples; in a narrow range more of these, or round numbers."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)

    def multiples(*factors: float) -> list[float]:
        return [factor * 10.0**power for power in powers for factor in factors if low <= factor * 10.0**power <= high]

    values = multiples(1, 2, 5)
    if len(values) > 6:
        values = multiples(1)
        return values[:: math.ceil(len(values) / 6)]
    if len(values) < 3:
        values = multiples(1, 1.5, 2, 3, 4, 5, 7)
    return values if len(values) > 1 else ticks(low, high, 4)


def short(value: float) -> str:
    """A number for an axis."""
    if value and not 1e-3 <= abs(value) < 1e6:
        return f"{value:.0e}".replace("-", "\u2212")
    return f"{value:.4g}".replace("-", "\u2212")


def _markers(shape: str, places: list[tuple[float, float]]) -> str:
    """One path for a few markers, spread evenly and always on the last point."""
    stride = max(1, math.ceil((len(places) - 1) / _MARKERS))
    return "".join(marker(shape, px, py) for px, py in places[::-1][::stride])


def marker(shape: str, x: float, y: float, size: float = _SIZE) -> str:
    """An SVG path around (x, y)."""
    s = size
    if shape == "circle":
        return f"M{x - s:.1f} {y:.1f}a{s} {s} 0 1 0 {2 * s} 0a{s} {s} 0 1 0 {-2 * s} 0Z"
    outlines = {
        "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
        "triangle": ((0, -1.2), (1.15, 0.9), (-1.15, 0.9)),
        "down": ((0, 1.2), (1.15, -0.9), (-1.15, -0.9)),
        "diamond": ((0, -1.35), (1.35, 0), (0, 1.35), (-1.35, 0)),
        "plus": _star(False),
        "cross": _star(True),
    }
    corners = outlines.get(shape, outlines["square"])
    return path((x + s * dx, y + s * dy) for dx, dy in corners) + "Z"


def _star(turned: bool) -> tuple[tuple[float, float], ...]:
    """A plus sign as an outline, or turned by 45 degrees a cross."""
    arm, half = 1.3, 0.42
    quarter = ((half, -half), (arm, -half), (arm, half))
    corners: list[tuple[float, float]] = []
    for _ in range(4):
        corners += quarter
        quarter = tuple((-y, x) for x, y in quarter)  # type: ignore[assignment]
    if not turned:
        return tuple(corners)
    return tuple(((x - y) * 0.7071, (x + y) * 0.7071) for x, y in corners)
