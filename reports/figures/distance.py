"""How far each method is from supervised training, noise model by noise model."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from reports.figures.look import TWO, Drawing, chart, cut, drawn, key, ticked
from reports.numbers.summary import difference_to_supervised
from reports.numbers.tables import OVERALL, PROTOCOLS, Scores, signed
from reports.read.model import Method, Noise
from reports.style.colour import ON_PAPER, Style

#: The axis shows this share of the distances, and at least so many dB; what is farther stands at its edge with its number.
_SHOWN, _LEAST = 0.9, 1.5
#: Between the first and the last method of a noise model, in rows.
_SPREAD = 0.64

_Gaps = dict[Noise, dict[str, float]]


def distance(scores: Scores, styles: Mapping[str, Style]) -> tuple[list[Drawing], list[str]]:
    """One figure; none where nothing can be held against supervised training."""
    gaps: _Gaps = {}
    metric = PROTOCOLS[scores.protocols[0]][0]
    for noise in scores.noises:
        whole = [method for method in scores.methods if not scores.crop(noise, method)]
        told = difference_to_supervised(whole, scores.row(noise, OVERALL, metric))
        own = {m.slug: value for m in whole if m.competes and (value := told.get(m.slug)) is not None}
        if own:
            gaps[noise] = own
    methods = [method for method in scores.methods if any(method.slug in own for own in gaps.values())]
    if not gaps:
        return [], ["distance: no noise model has both a supervised and an unsupervised score of every image"]
    words = f"mean PSNR over the data sets minus that of supervised training, {scores.protocols[0]} protocol"
    return [Drawing("distance", words, lambda: _figure(gaps, methods, styles))], []


def _figure(gaps: _Gaps, methods: list[Method], styles: Mapping[str, Style]) -> Figure:
    figure, axes = chart(TWO, 0.2 * len(gaps) + 0.2 * (1 + len(methods) // 4) + 0.6)
    every = sorted(value for own in gaps.values() for value in own.values())
    low = min(-_LEAST, every[round((1 - _SHOWN) * (len(every) - 1))])
    low, high = 1.1 * low, max(0.2, 1.15 * every[-1])
    edge = low - 0.045 * (high - low)
    places = {noise: place for place, noise in enumerate(gaps)}
    for place in places.values():
        axes.axhline(place, color="#d9dce1", linewidth=0.5, zorder=0)
    axes.axvline(0, color=ON_PAPER["ink"], linewidth=0.8, zorder=1)
    far: dict[Noise, list[float]] = {}
    for index, method in enumerate(methods):
        # each a little above the next, so that none covers another
        down = _SPREAD * (index / (len(methods) - 1) - 0.5) if len(methods) > 1 else 0.0
        points = [(gaps[noise][method.slug], place + down) for noise, place in places.items() if method.slug in gaps[noise]]
        shown = [(max(value, edge) if value < low else value, place) for value, place in points]
        axes.plot(
            *zip(*shown, strict=True),
            label=cut(method.title),
            zorder=3,
            clip_on=False,
            **drawn(styles[method.slug], line=False),
        )
        for noise in places:
            if gaps[noise].get(method.slug, 0.0) < low:
                far.setdefault(noise, []).append(gaps[noise][method.slug])
    for noise, values in far.items():
        told = ", ".join(signed(value, 1) for value in sorted(values))
        axes.annotate(
            told, (low, places[noise]), (2, 0), textcoords="offset points", va="center", fontsize=6.5, zorder=2,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )  # fmt: skip
    if far:
        axes.axvline((edge + low) / 2, color="#5b6068", linewidth=0.6, linestyle=(0, (1, 2)), zorder=1)
    ticked(axes, "y", places.values(), [cut(f"{noise.number or ''} {noise.title}".strip(), 40) for noise in places])
    axes.set_ylim(len(places) - 0.4, -0.6)
    axes.set_xlim(edge if far else low, high)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("PSNR \u2212 PSNR of supervised training (dB)")
    key(figure, axes, TWO)
    return figure
