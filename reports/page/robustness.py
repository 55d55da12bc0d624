"""What inexact parameters of the noise model cost: PSNR against the disturbance rate, as in the paper's Figure 2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reports.page.plots import Tick, limits, marker, path, short, x_axis, y_axis
from reports.read.model import Noise, Run
from reports.read.untrusted import brief, mapping, number, sequence, text, texts, whole
from reports.style.colour import Style

#: All parameters together first, then each alone.
_STYLES = (
    Style("ink", "circle"),
    Style("blue", "square"),
    Style("vermillion", "triangle"),
    Style("green", "diamond"),
    Style("purple", "cross"),
)
#: No PSNR is larger (dB).
_MOST = 1000.0


@dataclass(frozen=True)
class Point:
    """Mean, standard deviation, least and largest PSNR over the draws at one rate (dB), and the mean's loss."""

    rate: float
    mean: float
    std: float
    least: float
    most: float
    cost: float


@dataclass(frozen=True)
class Measured:
    """What was measured on one noise model: titles, drawing and points of each set of parameters that was disturbed."""

    noise: str
    method: str
    series: tuple[tuple[str, Style, tuple[Point, ...]], ...]


@dataclass(frozen=True)
class Line:
    """A line of the plot and row of the table: which parameters were disturbed."""

    title: str
    style: Style
    path: str
    band: str
    markers: str
    costs: tuple[tuple[str, str, str], ...]  # at each rate of the table: mean loss, standard deviation, range


@dataclass(frozen=True)
class Robustness:
    """Plot and table of one noise model and method."""

    no: str  # "No. 7", or nothing
    label: str  # No. 7 Poisson
    title: str
    method: str
    parameters: str
    psnr: str
    draws: int
    images: int
    rates: tuple[str, ...]
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


def robustness(run: Run) -> list[Robustness]:
    """All that robustness.json tells, in its order; entries without a readable number are left out."""
    return [found for entry in sequence(run.robustness.get("models")) if (found := _one(run, mapping(entry)))]


def _one(run: Run, entry: Mapping[str, Any]) -> Robustness | None:
    exact = _decibel(entry.get("psnr"))
    series = _series(entry, exact)
    if not series:
        return None
    every = [point for *_, points in series for point in points]
    rates = sorted({point.rate for point in every})
    shown = [rate for rate in rates if rate] or rates
    x = x_axis(0.0, rates[-1] or 1.0)
    y = y_axis(*limits([bound for point in every for bound in (point.mean - point.std, point.mean + point.std)]))

    def place(rate: float, value: float) -> tuple[float, float]:
        return x.place(rate), y.place(value)

    lines = []
    for title, style, points in series:
        means = [place(point.rate, point.mean) for point in points]
        upper = [place(point.rate, point.mean + point.std) for point in points]
        lower = [place(point.rate, point.mean - point.std) for point in reversed(points)]
        at = {point.rate: point for point in points}
        costs = tuple(_costs(at.get(rate), exact) for rate in shown)
        marks = "".join(marker(style.shape, *mean) for mean in means)
        lines.append(Line(title, style, path(means), path([*upper, *lower]) + "Z", marks, costs))
    slug = text(entry.get("noise"))
    named = next((noise for noise in run.noises if noise.slug == slug), Noise(whole(entry.get("noise_no")), slug, slug))
    method = next((method for method in run.methods if method.slug == text(entry.get("method"))), None)
    return Robustness(
        no=named.no,
        label=named.label,
        title=named.title,
        method=method.title if method else text(entry.get("method")),
        parameters=", ".join(f"{name} = {brief(value)}" for name, value in mapping(entry.get("parameters")).items()),
        psnr="n/a" if exact is None else f"{exact:.2f}",
        draws=whole(entry.get("draws")),
        images=whole(entry.get("images")),
        rates=tuple(short(rate) for rate in shown),
        lines=tuple(lines),
        x_ticks=x.ticks,
        y_ticks=y.ticks,
    )


def measured(run: Run) -> list[Measured]:
    """The same as numbers."""
    found = []
    for entry in map(mapping, sequence(run.robustness.get("models"))):
        if series := _series(entry, _decibel(entry.get("psnr"))):
            found.append(Measured(text(entry.get("noise")), text(entry.get("method")), tuple(series)))
    return found


def _series(entry: Mapping[str, Any], exact: float | None) -> list[tuple[str, Style, tuple[Point, ...]]]:
    told = [(texts(series.get("varied")), _points(series, exact)) for series in map(mapping, sequence(entry.get("series")))]
    there = [(names, points) for names, points in told if names and points][: len(_STYLES)]
    return [
        (" and ".join(names) + (" together" if len(names) > 1 else " alone" if len(there) > 1 else ""), style, tuple(points))
        for style, (names, points) in zip(_STYLES, there, strict=False)
    ]


def _points(series: Mapping[str, Any], exact: float | None) -> list[Point]:
    found = {} if exact is None else {0.0: Point(0.0, exact, 0.0, exact, exact, 0.0)}
    for point in map(mapping, sequence(series.get("points"))):
        rate, mean = number(point.get("rate")), _decibel(point.get("mean"))
        if rate is None or mean is None or not 0 <= rate <= 1:
            continue
        std, least, most = (_decibel(point.get(name)) for name in ("std", "min", "max"))
        cost = 0.0 if exact is None else exact - mean
        found[rate] = Point(rate, mean, abs(std or 0.0), mean if least is None else least, mean if most is None else most, cost)
    return [found[rate] for rate in sorted(found)]


def _decibel(value: object) -> float | None:
    found = number(value)
    return found if found is not None and abs(found) < _MOST else None


def _costs(point: Point | None, exact: float | None) -> tuple[str, str, str]:
    if point is None or exact is None:
        return "n/a", "", ""
    return _signed(point.cost), f"{point.std:.2f}", f"{_signed(exact - point.most)} to {_signed(exact - point.least)}"


def _signed(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "\u2212")
