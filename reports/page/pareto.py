"""What quality costs: mean PSNR against training and denoising time, and the methods that no other beats in both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from reports.numbers.cost import Cost, costs
from reports.numbers.kinds import kind_of
from reports.numbers.tables import DIGITS, OVERALL, PROTOCOLS, Scores
from reports.page.plots import Tick, limits, marker, path, short, x_axis, y_axis
from reports.read.model import NOISY, Method, Noise
from reports.style.colour import Style

#: Kinds of methods that are drawn for comparison: they are given more than a noisy image of each scene.
_BESIDE = frozenset({"reference", "second", "weights"})
_MARK = 4.5  # half a marker (pixels): larger than a curve's, since there are few
_INDENT = 36.0  # room for the methods without a training (pixels)


@dataclass(frozen=True)
class Row:
    """One method: its PSNR, its times, and whether it is on the front of either."""

    method: Method
    psnr: float  # dB
    cost: Cost
    training_front: bool
    denoise_front: bool


@dataclass(frozen=True)
class Mark:
    """One method in a plot."""

    title: str
    style: Style
    path: str


@dataclass(frozen=True)
class Plot:
    """PSNR against one of the times, on a logarithmic axis."""

    name: str
    words: str  # all that is drawn, for those who do not see it
    marks: tuple[Mark, ...]
    front: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class Tradeoff:
    """Both plots and the numbers in them: means and medians over the same noise models for every method."""

    noises: tuple[Noise, ...]
    rows: tuple[Row, ...]
    plots: tuple[Plot, ...]
    left_out: tuple[str, ...]  # titles of methods that have not all of these noise models


@dataclass(frozen=True)
class Tradeoffs:
    """Over the noise models that most methods share, over all noise models, and over each."""

    protocol: str
    methods: int  # that have a complete score and a time on any noise model
    shared: Tradeoff | None  # of as many methods as have a noise model in common, those with the most noise models first
    whole: Tradeoff | None  # the methods that have all noise models; None where that says nothing new
    each: tuple[Tradeoff, ...]
    cut: tuple[str, ...]  # titles of the methods that were scored on crops, and are in no figure


def tradeoffs(scores: Scores, styles: Mapping[str, Style]) -> Tradeoffs:
    """The noisy input and crops are left out; a method counts where every image and seed of it is there and finite."""
    protocol = scores.protocols[0]
    psnrs: dict[str, dict[str, float]] = {}  # method -> noise model -> dB
    timed = {cost.method.slug for cost in costs(scores)}
    for method in scores.methods:
        for noise in scores.noises:
            score = scores.score(noise, method, OVERALL, PROTOCOLS[protocol][0])
            there = method.slug in timed and method.slug != NOISY and not scores.crop(noise, method)
            if there and score.complete and score.value is not None:
                psnrs.setdefault(method.slug, {})[noise.slug] = score.value

    def over(noises: Iterable[Noise]) -> Tradeoff | None:
        return _tradeoff(scores, styles, psnrs, tuple(noises))

    common = _common(psnrs)
    shared = over(noise for noise in scores.noises if noise.slug in common)
    whole = over(scores.noises)
    each = tuple(found for noise in scores.noises if (found := over([noise])))
    return Tradeoffs(
        protocol=protocol,
        methods=len(psnrs),
        shared=shared,
        whole=whole if whole and (shared is None or shared.noises != whole.noises) else None,
        each=each if len(scores.noises) > 1 else (),
        cut=tuple(m.title for m in scores.methods if any(scores.crop(noise, m) for noise in scores.noises)),
    )


def _common(psnrs: Mapping[str, Mapping[str, float]]) -> set[str]:
    """Noise models that the methods share; where all share none, without those that have the fewest."""
    common: set[str] = set()
    for found in sorted(psnrs.values(), key=len, reverse=True):  # of equally many the first of the run
        common = common & set(found) or common or set(found)
    return common


def pareto_front(points: Sequence[tuple[float | None, float]]) -> list[bool]:
    """Of (cost, gain) pairs, those than which no other is both as cheap and as good, and better in one of the two.

    A pair whose cost is not known is not on the front, and beats none.
    """
    known = [(cost, gain) for cost, gain in points if cost is not None]
    return [
        cost is not None and not any(c <= cost and g >= gain and (c < cost or g > gain) for c, g in known)
        for cost, gain in points
    ]


def _tradeoff(
    scores: Scores, styles: Mapping[str, Style], psnrs: Mapping[str, Mapping[str, float]], noises: tuple[Noise, ...]
) -> Tradeoff | None:
    """Of the methods that have all of these noise models."""
    slugs = [noise.slug for noise in noises]
    found = [cost for cost in costs(scores, slugs) if slugs and all(slug in psnrs.get(cost.method.slug, {}) for slug in slugs)]
    if not found:
        return None
    means = [sum(psnrs[cost.method.slug][slug] for slug in slugs) / len(slugs) for cost in found]
    training, denoising = [_training(cost) for cost in found], [cost.denoise_seconds.rounded for cost in found]

    def front(seconds: Sequence[float | None]) -> list[bool]:
        """Among those that compete; what prints alike is alike, as a front should not hang on what nobody can measure."""
        own = [time if kind_of(cost.method).key not in _BESIDE else None for cost, time in zip(found, seconds, strict=True)]
        return pareto_front([(time, round(mean, DIGITS["psnr"])) for time, mean in zip(own, means, strict=True)])

    fronts = front(training), front(denoising)
    rows = tuple(Row(cost.method, mean, cost, *ends) for cost, mean, *ends in zip(found, means, *fronts, strict=True))
    there = {cost.method.slug for cost in found}
    left_out = tuple(method.title for method in scores.methods if method.slug in psnrs and method.slug not in there)
    plots = (
        _plot("Training time of a network", list(zip(rows, training, fronts[0], strict=True)), styles),
        _plot("Denoising time of a megapixel", list(zip(rows, denoising, fronts[1], strict=True)), styles),
    )
    return Tradeoff(noises, rows, tuple(plot for plot in plots if plot), left_out)


def _training(cost: Cost) -> float | None:
    """Seconds a network; 0 where the method trains none."""
    return cost.training_seconds.rounded if cost.trained else 0.0


def _plot(name: str, rows: Sequence[tuple[Row, float | None, bool]], styles: Mapping[str, Style]) -> Plot | None:
    known = [(row, seconds, front) for row, seconds, front in rows if seconds is not None and seconds >= 0]
    times = [seconds for _, seconds, _ in known if seconds > 0]
    if not known:
        return None
    free = any(seconds == 0 for _, seconds, _ in known)
    x = x_axis(*limits(times or [1.0], log=True), log=True, indent=_INDENT if free else 0.0)
    y = y_axis(*limits([row.psnr for row, _, _ in known]))
    none = x.start - 0.55 * _INDENT

    def place(row: Row, seconds: float) -> tuple[float, float]:
        return x.place(seconds) if seconds > 0 else none, y.place(row.psnr)

    marks, words = [], []
    for row, seconds, front in known:
        told = f"{row.method.title}: {row.psnr:.2f} dB, {f'{short(seconds)} s' if seconds > 0 else 'none'}"
        words.append(told + (", on the front" if front else ""))
        style = styles[row.method.slug]
        marks.append(Mark(words[-1], style, marker(style.shape, *place(row, seconds), _MARK)))
    front_places = sorted(place(row, seconds) for row, seconds, front in known if front)
    return Plot(
        name=name,
        words="; ".join(words),
        marks=tuple(marks),
        front=_steps(front_places, x.end),
        x_ticks=(*([Tick(round(none, 1), "none")] if free else []), *(x.ticks if times else ())),
        y_ticks=y.ticks,
    )


def _steps(places: Sequence[tuple[float, float]], end: float) -> str:
    """The best PSNR that no more than so much time buys: level up to the next on the front, then up to it."""
    if not places:
        return ""
    corners = [places[0]]
    for here, after in pairwise(places):
        corners += [(after[0], here[1]), after]
    return path([*corners, (end, places[-1][1])])
