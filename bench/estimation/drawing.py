"""The plot of an estimate: the curve of standard deviation over brightness, and the spectrum that tells correlation."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.errors import UsageError
from bench.estimation.estimating import Estimate
from bench.estimation.kernels import PAIRS, kernel

#: Endings of the files that matplotlib is asked for.
ENDINGS = (".pdf", ".png", ".svg")


def refuse_target(target: Path) -> None:
    """Raise UsageError for a file whose ending is none of `ENDINGS`, and for a folder."""
    if target.is_dir():
        raise UsageError(f"--plot {target}: is a folder; expected a file")
    if target.suffix.lower() not in ENDINGS:
        raise UsageError(f"--plot {target}: expected a file ending in {', '.join(ENDINGS)}")


def draw(found: Estimate, title: str, target: Path, ending: str) -> None:
    """Write the plot to the target, in the format of the ending. Raises OSError."""
    from matplotlib.figure import Figure  # slow to import

    fit, view = found.law.fit, found.judgement.view
    means = view.means
    power, frequency = view.power, np.array([np.hypot(u, v) / 16 for u, v in PAIRS])[view.classes]
    expected = fit.variance(means.brightness)[:, None] * kernel(fit.kernel).gains[view.classes] + fit.added
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    figure.suptitle(f"{title}: {found.law.expression}" + (" (law doubtful)" if found.doubts else ""), fontsize=10)
    left, right = figure.subplots(1, 2)
    ratio = np.maximum((power / expected).mean(1), 0)
    error = np.sqrt((2 / view.means.samples[:, view.classes]).mean(1) / power.shape[1]) / 2
    left.errorbar(means.brightness, np.sqrt(ratio * fit.pixel(means.brightness)), fmt="o", ms=4, color="#0072b2",
                  yerr=2 * error * np.sqrt(fit.pixel(means.brightness)), label="measured")  # fmt: skip
    line = np.linspace(min(0, means.brightness.min()), means.brightness.max(), 200)
    left.plot(line, np.sqrt(np.maximum(fit.pixel(line), 0)), color="#d55e00", label="law")
    left.set(xlabel="brightness (grey levels)", ylabel="standard deviation (grey levels)", ylim=(0, None))
    weights = means.count / means.count.sum()
    order = np.argsort(frequency, kind="stable")
    right.plot(frequency, weights @ power, "o", ms=4, color="#0072b2", label="measured")
    right.plot(frequency[order], (weights @ expected)[order], color="#d55e00", label="law")
    right.set(xlabel="frequency (cycles a pixel)", ylabel="power (squared grey levels)", ylim=(0, None))
    left.legend(frameon=False)
    figure.savefig(target, format=ending.removeprefix(".").lower(), dpi=150)
