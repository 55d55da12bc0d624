"""PSNR against what it costs, with the front: the methods that no other beats in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from reports.figures.look import ONE, TWO, Drawing, chart, cut, drawn, key, ticked
from reports.numbers.tables import Scores
from reports.page.pareto import Row, Tradeoff, tradeoffs
from reports.page.plots import log_ticks, short
from reports.style.colour import ON_PAPER, Style
from reports.style.words import numbered

#: More methods than this need two columns for their names.
_NARROW = 12
#: Points nearer than this (dB, and as a ratio of times) lie on top of each other: those below are drawn larger.
_NEAR, _RATIO = 0.02, 1.06
_KINDS = (
    ("training", "training time of a network (s)"),
    ("denoising", "denoising time of a megapixel (s)"),
)


def tradeoff(scores: Scores, styles: Mapping[str, Style]) -> tuple[list[Drawing], list[str]]:
    """Training and denoising times, over the noise models that most methods share."""
    found = tradeoffs(scores, styles)
    over = found.shared or found.whole
    drawings, left_out = [], []
    for kind, words in _KINDS:
        name = f"cost-{kind}"
        points = _points(over, kind) if over else []
        if over is None or not points:
            left_out.append(f"{name}: no method has both a complete score and a time")
            continue
        if not any(seconds for _, seconds, _ in points):
            left_out.append(f"{name}: no method took any time")
            continue
        told = f"mean PSNR over {numbered(over.noises)}, {found.protocol} protocol, against the median {words}"
        drawings.append(Drawing(name, told, lambda points=points, words=words: _figure(points, words, styles)))  # type: ignore[misc]
        if over.left_out:
            left_out.append(f"{name}: without {', '.join(over.left_out)}, which lack some of these noise models")
    return drawings, left_out


def _points(over: Tradeoff, kind: str) -> list[tuple[Row, float, bool]]:
    """(row, seconds, whether it is on the front) of what has a time; 0 s where there is no training."""
    found = []
    for row in over.rows:
        seconds, front = row.cost.denoise_seconds.rounded, row.denoise_front
        if kind == "training":
            seconds, front = row.cost.training_seconds.rounded if row.cost.trained else 0.0, row.training_front
        if seconds is not None and seconds >= 0:
            found.append((row, seconds, front))
    return found


def _figure(points: Sequence[tuple[Row, float, bool]], words: str, styles: Mapping[str, Style]) -> Figure:
    width = ONE if len(points) <= _NARROW else TWO
    figure, axes = chart(width, 2.9 if width == ONE else 3.4)
    times = [seconds for _, seconds, _ in points if seconds > 0] or [1.0]
    low, high = min(times) / 1.3, max(times) * 1.3
    free = any(seconds == 0 for _, seconds, _ in points)
    none = low / (high / low) ** 0.12  # where methods without a training stand
    axes.set_xscale("log")
    front = sorted((seconds or none, row.psnr) for row, seconds, there in points if there)
    if front:
        xs, ys = zip(*front, strict=True)
        axes.step(
            [*xs, high], [*ys, ys[-1]], where="post", color=ON_PAPER["ink"], linewidth=0.8, linestyle=(0, (3, 2)), zorder=1
        )
    for index, (row, seconds, _) in enumerate(points):
        covered = sum(_near((row.psnr, seconds), (other.psnr, after)) for other, after, _ in points[index + 1 :])
        axes.plot(
            [seconds or none], [row.psnr], label=cut(row.method.title), zorder=3, markersize=5.5 + 3 * covered,
            **drawn(styles[row.method.slug], line=False),
        )  # fmt: skip
    values = [value for value in log_ticks(low, high) if low <= value <= high]
    ticked(axes, "x", [*([none] if free else []), *values], [*(["none"] if free else []), *map(short, values)])
    axes.set_xlim(none / (high / low) ** 0.08 if free else low, high)
    axes.set_xlabel(words)
    axes.set_ylabel("PSNR (dB)")
    key(figure, axes, width)
    return figure


def _near(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two points, (dB, seconds), cover each other."""
    (first, low), (second, high) = one, other
    return abs(first - second) < _NEAR and max(low, high) <= _RATIO * min(low, high)
