"""From an image to the law of its noise: choose blocks and kernel in turns, then judge between laws, by bootstrap too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import scipy  # its submodules are imported when they are used: `stats` takes half a second

from bench.estimation.blocks import (
    SLOW,
    Blocks,
    Moments,
    flattest,
    joined,
    make_blocks,
    moments,
    shared_by_channels,
    structure_free,
)  # fmt: skip
from bench.estimation.curves import Fit, View, fit
from bench.estimation.kernels import CLASS_ORDER, PAIRS, kernel
from bench.estimation.laws import Law, candidates, refitted

#: Blocks to begin with, the quantile of what noise alone has that is kept after it, and the share that is kept at least.
_FIRST, _QUANTILE, _LEAST = 0.1, 0.8, 0.03
#: Blocks to begin with where an image is small; half as many after that.
_FEWEST = 600
#: Standard deviations of Gaussian kernels that are tried (pixels).
_WIDTHS = tuple(float(width) for width in np.arange(4, 17) / 10)
#: Misfit by the number of what is fitted above which no law holds. (Simulated noise on photographs: mostly below 0.7.)
DOUBTFUL = 1.5
#: Draws of the bootstrap; laws that it compares, at most.
DRAWS, COMPARED = 40, 4

#: The class of each coefficient that tells structure.
_SLOW_CLASSES = [PAIRS.index((min(u, v), max(u, v))) for u, v in np.argwhere(SLOW)]


@dataclass(frozen=True)
class Mode:
    """How blocks are read.

    Parameters
    ----------
    common : bool
        Take away what three channels have in common.
    texture : bool
        Allow each bin of brightness a texture.
    all_classes : bool
        Fit the slow frequencies, too, which hold most of widely correlated noise, and more structure.
    """

    common: bool
    texture: bool
    all_classes: bool

    def view(self, found: Moments, weights: npt.NDArray[np.floating] | None = None) -> View:
        """What of the moments is fitted."""
        classes = (0 if self.all_classes else 3) < CLASS_ORDER
        return View(found.means(weights), classes, self.texture)


#: Colour whose channels have noise of their own; any colour; one channel.
_COLOUR, _COLOUR_ALL, _PLAIN = Mode(True, False, False), Mode(True, False, True), Mode(False, False, True)
_ONE, _ONE_ALL = Mode(False, True, False), Mode(False, False, True)


@dataclass(frozen=True)
class Judgement:
    """The laws of the noise, the best first.

    Parameters
    ----------
    laws : sequence of Law
        At most `COMPARED`, one for each family.
    shares : dict
        How often each family came first in the bootstrap.
    intervals : dict
        Of the first law's parameters, and of "sd", the root-mean-square standard deviation: 2.5 and 97.5 % of the bootstrap.
    strain : float
        The first law's misfit by the number of what is fitted; above `DOUBTFUL` no law holds.
    shared : float
        Correlation of the channels' noise, 0 for one channel.
    view : View
        What was fitted.
    """

    laws: Sequence[Law]
    shares: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    strain: float
    shared: float
    view: View


def judge(images: Sequence[npt.NDArray[np.floating]]) -> Judgement | None:
    """The law of noise that the images share; None where they have too few blocks that tell.

    Parameters
    ----------
    images : sequence of (C, H, W)
        One or three channels each, 8 pixels or more each way.
    """
    blocks = [make_blocks(image) for image in images]
    colour = all(len(block.coefficients) == 3 for block in blocks)
    if not colour:
        return _first_that_fits(blocks, (_ONE, _ONE_ALL))
    best = _first_that_fits(blocks, (_COLOUR, _COLOUR_ALL))
    if best is not None and best.strain < DOUBTFUL and not best.shared:
        return best
    # noise that the channels share is taken for texture above, and texture for such noise here
    plain = _attempt(blocks, _PLAIN)
    if best is None or (plain is not None and (plain.strain < best.strain or best.strain > DOUBTFUL)):
        return plain
    return replace(best, shared=0.0)


def _first_that_fits(blocks: Sequence[Blocks], modes: Sequence[Mode]) -> Judgement | None:
    """What the first mode says in which a law holds; where none does, the least strained."""
    best: Judgement | None = None
    for mode in modes:
        found = _attempt(blocks, mode)
        if found is not None and (best is None or found.strain < best.strain):
            best = found
        if best is not None and best.strain < DOUBTFUL:
            break
    return best


def _attempt(blocks: Sequence[Blocks], mode: Mode) -> Judgement | None:
    parts, shares = [], []
    for block in blocks:
        if not len(block.square):
            continue
        chosen = flattest(block, max(_FIRST, min(1.0, _FEWEST / len(block.square))))
        for _ in range(2):
            view = mode.view(moments(block, chosen, mode.common))
            if len(view.means.count) == 0:
                break
            chosen = _reselected(block, _best_kernel(view))
        shares.append(shared_by_channels(block, chosen) if len(block.coefficients) == 3 else (0.0, 0.0))
        parts.append(moments(block, chosen, mode.common))
    if not parts:
        return None
    whole = joined(parts)
    view = mode.view(whole)
    if len(view.means.count) == 0:
        return None
    laws = _by_family(candidates(view, ["", "A", _best_width(view)]))
    if not laws:
        return None
    flat, last = np.mean(shares, axis=0)
    shared = float(flat) if flat > 0.2 and flat > 0.7 * last else 0.0
    strain = laws[0].misfit / (view.power.size / 4 + len(view.means.count))
    return Judgement(laws, *_bootstrap(whole, mode, laws), strain, shared, view)


def _best_kernel(view: View) -> Fit:
    """The kernel that suits a curve of any kind best, with white noise added after it."""
    names: tuple[str | float, ...] = ("", "A", _best_width(view))
    tried = [fit(view, "any", name, name != "") for name in names]
    return min(tried, key=lambda found: found.misfit)


def _best_width(view: View) -> float:
    """The Gaussian kernel that suits best (pixels, two digits)."""

    def misfit(width: float) -> float:
        return fit(view, "any", round(width, 2), True).misfit

    start = min(_WIDTHS, key=misfit)
    return round(
        float(
            scipy.optimize.minimize_scalar(
                misfit, bounds=(max(start - 0.1, _WIDTHS[0]), start + 0.1), method="bounded", options={"xatol": 0.01}
            ).x
        ),
        2,
    )


def _reselected(block: Blocks, found: Fit) -> npt.NDArray[np.bool_]:
    """The blocks whose slow coefficients are as noise of that variance alone would have them."""
    variance = found.variance(block.brightness)[..., None] * kernel(found.kernel).gains[_SLOW_CLASSES] + found.added
    limit = scipy.stats.chi2.ppf(_QUANTILE, variance.shape[-1] * len(block.coefficients))
    return structure_free(block, variance, float(limit), max(_LEAST, min(1.0, _FEWEST / 2 / len(block.square))))


def _by_family(laws: Sequence[Law]) -> list[Law]:
    """The best law of each family, at most `COMPARED`."""
    first: dict[str, Law] = {}
    for law in laws:
        first.setdefault(law.family, law)
    return list(first.values())[:COMPARED]


def _bootstrap(whole: Moments, mode: Mode, laws: Sequence[Law]) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """How often each law is first where squares of the image are drawn with replacement; intervals of the first's values."""
    rng = np.random.default_rng(0)
    squares = len(whole.count)
    wins: Counter[str] = Counter()
    values: list[dict[str, float]] = []
    for _ in range(DRAWS):
        view = mode.view(whole, rng.multinomial(squares, np.full(squares, 1 / squares)).astype(float))
        if len(view.means.count) == 0:
            continue
        again = [law for law in (refitted(view, law) for law in laws) if law is not None]
        if not again:
            continue
        wins[min(again, key=lambda law: law.misfit).family] += 1
        if again[0].family == laws[0].family:
            values.append(again[0].parameters | {"sd": rms(again[0], view)})
    total = max(1, wins.total())
    names = values[0] if values else {}
    low_high = {name: np.quantile([value[name] for value in values], (0.025, 0.975)) for name in names}
    shares = {law.family: wins[law.family] / total for law in laws}
    return shares, {name: (float(low), float(high)) for name, (low, high) in low_high.items()}


def rms(law: Law, view: View) -> float:
    """Root-mean-square standard deviation of a pixel's noise over the brightness of the blocks (grey levels)."""
    return float(np.sqrt(np.average(law.fit.pixel(view.means.brightness), weights=view.means.count)))
