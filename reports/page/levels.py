"""PSNR against the level of the noise: one plot and table for each parameter that noise models differ in alone."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reports.numbers.tables import OVERALL, PROTOCOLS, Score, Scores
from reports.page.plots import Tick, limits, marker, path, short, x_axis, y_axis
from reports.published.literature import Figure, comparable
from reports.read.model import Method, Noise
from reports.read.untrusted import number
from reports.style.colour import SHAPES, Style

#: From this ratio of the highest level to the lowest on, levels are drawn on a logarithmic axis.
_LOG = 8.0
#: Markers of published figures, which are grey: a grey plus is the noisy input's.
_SHAPES = tuple(shape for shape in SHAPES if shape != "plus")


@dataclass(frozen=True)
class Line:
    """A method: its line in the plot, and its scores at the levels (None where there is none, or of other images)."""

    method: Method
    style: Style
    path: str
    markers: str
    scores: tuple[Score | None, ...]


@dataclass(frozen=True)
class Published:
    """What a source has at these levels, on the same images (None where it has nothing)."""

    title: str
    source: str
    style: Style
    path: str
    markers: str
    psnr: tuple[float | None, ...]


@dataclass(frozen=True)
class Sweep:
    """Noise models that differ in one parameter, by its value."""

    title: str
    parameter: str
    levels: tuple[str, ...]
    noises: tuple[Noise, ...]
    lines: tuple[Line, ...]
    published: tuple[Published, ...]
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
    known = _known(scores, levels)
    low, high = min(levels), max(levels)
    log = low > 0 and high / low >= _LOG
    x = x_axis(*limits([low, high], log), log)
    heights = [score.value for own in found.values() for score in own.values() if score.value is not None]
    y = y_axis(*limits([*heights, *(figure.psnr for own in known.values() for figure in own.values())]))
    lines = []
    for method, own in found.items():
        places = [(x.place(level), y.place(score.value)) for level, score in own.items() if score.value is not None]
        style = styles[method.slug]
        marks = "".join(marker(style.shape, *place) for place in places)
        lines.append(Line(method, style, path(places), marks, tuple(own.get(level) for level in levels)))
    beside = []
    for ((title, source), figures), shape in zip(known.items(), itertools.cycle(_SHAPES), strict=False):
        places = [(x.place(level), y.place(figure.psnr)) for level, figure in figures.items()]
        style = Style("grey", shape, "1 3")
        marks = "".join(marker(shape, *place) for place in places)
        psnr = tuple(figures[level].psnr if level in figures else None for level in levels)
        beside.append(Published(title, source, style, path(places), marks, psnr))
    ticks = tuple(Tick(round(x.place(level), 1), short(level)) for level in levels) if len(levels) <= 8 else x.ticks
    title = re.sub(rf", {re.escape(name)} [^ ,]+", "", next(iter(levels.values())).title)
    shown = tuple(short(level) for level in levels)
    return Sweep(title, name, shown, tuple(levels.values()), tuple(lines), tuple(beside), log, ticks, y.ticks)


def _known(scores: Scores, levels: Mapping[float, Noise]) -> dict[tuple[str, str], dict[float, Figure]]:
    """The literature's figures by title and source, then level, where a run has one test set, which it has whole."""
    found: dict[tuple[str, str], dict[float, Figure]] = {}
    for level, noise in levels.items():
        sets = scores.datasets(noise)
        if len(sets) == 1 and scores.protocols[0] == "standard":
            for figure in comparable(scores, noise, sets[0]):
                found.setdefault((figure.title, figure.source), {})[level] = figure
    return found
