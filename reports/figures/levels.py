"""PSNR against the level of the noise, where a run holds one noise model at several levels."""

from __future__ import annotations

import re
from collections.abc import Mapping

from matplotlib.figure import Figure

from reports.figures.look import ONE, TWO, Drawing, chart, cut, drawn, key, ticked
from reports.numbers.tables import Scores
from reports.page.levels import Sweep, sweeps
from reports.read.untrusted import number
from reports.style.colour import Style

#: More methods than this need two columns for their names.
_NARROW = 12


def levels(scores: Scores, styles: Mapping[str, Style]) -> tuple[list[Drawing], list[str]]:
    """A figure for each sweep of the report."""
    drawings = []
    for sweep in sweeps(scores, styles):
        name = "levels-" + re.sub(r"[^a-z0-9.+-]+", "-", f"{sweep.title}-{sweep.parameter}".lower()).strip("-")[:80]
        words = f"{sweep.title}: mean PSNR over the data sets, {scores.protocols[0]} protocol, against {sweep.parameter}"
        sources = dict.fromkeys(known.source for known in sweep.published)
        words += f"; published: {'; '.join(sources)}" if sources else ""
        drawings.append(Drawing(name, words, lambda sweep=sweep: _figure(sweep)))  # type: ignore[misc]
    return drawings, [] if drawings else ["levels: no noise model was run at several levels"]


def _figure(sweep: Sweep) -> Figure:
    values = [number(noise.parameters[sweep.parameter]) or 0.0 for noise in sweep.noises]
    published = [known for known in sweep.published if sum(psnr is not None for psnr in known.psnr) > 1]
    width = ONE if len(sweep.lines) + len(published) <= _NARROW else TWO
    figure, axes = chart(width, 2.7 if width == ONE else 3.4)
    for line in sweep.lines:
        points = [(value, score.value) for value, score in zip(values, line.scores, strict=True) if score]
        axes.plot(*zip(*points, strict=True), label=cut(line.method.title), **drawn(line.style))
    for known in published:
        heights = [(value, psnr) for value, psnr in zip(values, known.psnr, strict=True) if psnr is not None]
        axes.plot(*zip(*heights, strict=True), label=f"{known.title}, published", **drawn(known.style))
    if sweep.log:
        axes.set_xscale("log")
    ticked(axes, "x", values if len(values) <= 8 else values[:: -(-len(values) // 8)])
    axes.set_xlabel(sweep.parameter)
    axes.set_ylabel("PSNR (dB)")
    key(figure, axes, width)
    return figure
