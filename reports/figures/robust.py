"""PSNR against the disturbance of the noise model's parameters (the paper's Figure 2)."""

from __future__ import annotations

from matplotlib.figure import Figure

from reports.figures.look import ONE, Drawing, chart, drawn, file_name, ticked
from reports.page.robustness import Measured, measured
from reports.read.model import Noise, Run
from reports.style.colour import ON_PAPER


def robust(run: Run) -> tuple[list[Drawing], list[str]]:
    """A figure for each noise model of robustness.json."""
    drawings = []
    for found in measured(run):
        noise = next((noise for noise in run.noises if noise.slug == found.noise), Noise(0, found.noise, found.noise))
        method = next((method.title for method in run.methods if method.slug == found.method), found.method)
        words = f"{noise.label}, {method}: mean PSNR over the draws, standard protocol, and one standard deviation"
        drawings.append(Drawing(file_name("robustness", noise), words, lambda found=found: _figure(found)))  # type: ignore[misc]
    why = "robustness: the run has no robustness.json, which `python -m bench robustness` writes"
    if run.robustness:
        why = "robustness: robustness.json holds nothing that can be read, or that is still of this run"
    return drawings, [] if drawings else [why]


def _figure(found: Measured) -> Figure:
    figure, axes = chart(ONE, 2.2)
    for title, style, points in found.series:
        rates, means = [point.rate for point in points], [point.mean for point in points]
        low, high = ([point.mean + sign * point.std for point in points] for sign in (-1, 1))
        axes.fill_between(rates, low, high, color=ON_PAPER[style.hue], alpha=0.13, linewidth=0)
        axes.plot(rates, means, label=title, **drawn(style))
    ticked(axes, "x", sorted({point.rate for *_, points in found.series for point in points}))
    axes.set_xlabel("relative error of the parameters (standard deviation)")
    axes.set_ylabel("PSNR (dB)")
    axes.legend(loc="lower left", frameon=True, facecolor="white", framealpha=0.8, edgecolor="none")
    return figure
