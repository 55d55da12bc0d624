"""PSNR against the level of the noise: one plot and table for each parameter that noise models differ in alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reports.numbers.tables import OVERALL, PROTOCOLS, Score, Scores
from reports.page.plots import Tick, limits, marker, path, short, x_axis, y_axis
from reports.read.model import Method, Noise
from reports.read.untrusted import number
from reports.style.colour import Style

#: From this ratio of the highest level to the lowest on, levels are drawn on a logarithmic axis.
_LOG = 8.0


@dataclass(frozen=True)
class Line:
    """A method: its line in the plot, and its scores at the levels (None where there is none, or of other images)."""

    method: Method
    style: Style
    path: str
    markers: str
    scores: tuple[Score | None, ...]


@dataclass(frozen=True)
class Sweep:
    """Noise models that differ in one parameter, by its value."""

    title: str
    parameter: str
    levels: tuple[str, ...]
    noises: tuple[Noise, ...]
    lines: tuple[Line, ...]
    log: bool
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


def sweeps(scores: Scores, styles: Mapping[str, Style]) -> list[Sweep]:
    """Every sweep over two levels or more of which a method has two complete scores of whole images."""
    found = (_drawn(scores, styles, name, levels) for name, levels in _groups(scores.noises))
    return [sweep for sweep in found if sweep is not None]


def _groups(noises: tuple[Noise, ...]) -> Iterator[tuple[str, dict[float, Noise]]]:
    """Parameter, and the noise models that differ in it alone, by its value in rising order."""
    groups: dict[tuple[object, ...], dict[float, Noise]] = {}
    for noise in noises:
        told = {name: value for name, value in ((n, number(v)) for n, v in noise.parameters.items()) if value is not None}
        if not told.get("extra_sigma", 1):
            del told["extra_sigma"]
        kernel = re.search(r"conv=\w[^,()]*(\([^()]*\))?", noise.slug)
        law = noise.formula, kernel[0] if kernel else "", noise.slug.partition("(")[0].partition("+")[0].removesuffix("-conv")
        for name, value in told.items():
            others = tuple(sorted((other, told[other]) for other in told if other != name))
            groups.setdefault((name, *law, *others), {}).setdefault(value, noise)
    for key, levels in groups.items():
        if len(levels) > 1:
            yield str(key[0]), dict(sorted(levels.items()))


def _drawn(scores: Scores, styles: Mapping[str, Style], name: str, levels: Mapping[float, Noise]) -> Sweep | None:
    metric = PROTOCOLS[scores.protocols[0]][0]
    found: dict[Method, dict[float, Score]] = {}
    for method in scores.methods:
        own = {level: scores.score(noise, method, OVERALL, metric) for level, noise in levels.items()}
        whole = {
            level: score
            for level, score in own.items()
            if score.complete and score.value is not None and not scores.crop(levels[level], method)
        }
        if len(whole) > 1:
            found[method] = whole
    if not found:
        return None
    low, high = min(levels), max(levels)
    log = low > 0 and high / low >= _LOG
    x = x_axis(*limits([low, high], log), log)
    y = y_axis(*limits([score.value for own in found.values() for score in own.values() if score.value is not None]))
    lines = []
    for method, own in found.items():
        places = [(x.place(level), y.place(score.value)) for level, score in own.items() if score.value is not None]
        style = styles[method.slug]
        marks = "".join(marker(style.shape, *place) for place in places)
        lines.append(Line(method, style, path(places), marks, tuple(own.get(level) for level in levels)))
    ticks = tuple(Tick(round(x.place(level), 1), short(level)) for level in levels) if len(levels) <= 8 else x.ticks
    title = re.sub(rf", {re.escape(name)} [^ ,]+", "", next(iter(levels.values())).title)
    shown = tuple(short(level) for level in levels)
    return Sweep(title, name, shown, tuple(levels.values()), tuple(lines), log, ticks, y.ticks)
