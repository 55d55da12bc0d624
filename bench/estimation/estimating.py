"""What is told of the noise in images: its law as an expression, how sure that is, and what makes it doubtful."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.estimation.blocks import Means
from bench.estimation.judging import DOUBTFUL, Judgement, judge, rms
from bench.estimation.kernels import CLASS_SIZE
from bench.estimation.laws import Law

#: Smallest side of an image that has enough blocks (pixels).
LEAST = 32
#: Laws this close in misfit to the first, or first in that share of the bootstrap, cannot be told from it.
MARGIN, RIVAL_SHARE = 10.0, 0.1
#: Share of the values at the lowest or highest level from which an image counts as clipped there, and how many times as many
#: as at the next level.
_CLIPPED, _SPIKE = 0.002, 3.0
#: Median, in steps between levels, below which an image holds counts.
_FEW = 4.0
#: Grey levels beyond which moments are no numbers of 32 bits any more.
_MOST_LEVEL = 1e9


class Untellable(Exception):
    """Nothing can be told of the noise: why, in words."""


@dataclass(frozen=True)
class Picture:
    """An image as it is read.

    Parameters
    ----------
    name : str
    values : ndarray, (H, W, C), C 1 or 3
        Grey levels.
    white : float or None
        The level (grey levels) at which the file's values end; None for values without an end.
    compressed : bool
        The file's format loses detail (JPEG).
    """

    name: str
    values: npt.NDArray[np.floating]
    white: float | None = None
    compressed: bool = False


@dataclass(frozen=True)
class Estimate:
    """The law of noise.

    Parameters
    ----------
    law : Law
        The first answer.
    rivals : tuple of Law
        What cannot be told from it.
    sd : float
        Root-mean-square standard deviation over the blocks that were measured (grey levels): the law's, or where that is
        doubtful what the blocks show themselves, about their means.
    judgement : Judgement
        What stands behind it: intervals, shares of the bootstrap, the moments.
    doubts : tuple of str
        Why the law is doubtful; empty where it is not.
    """

    law: Law
    rivals: tuple[Law, ...]
    sd: float
    judgement: Judgement
    doubts: tuple[str, ...]

    @property
    def sureness(self) -> str:
        """How sure the law is, in words."""
        if self.doubts:
            return "law doubtful"
        if self.rivals:
            return f"cannot tell {self.law.family} from {' or '.join(law.family for law in self.rivals)}"
        share = self.judgement.shares.get(self.law.family, 0.0)
        return f"first in {share:.0%} of the bootstrap, by far the best fit"


def estimate(pictures: Sequence[Picture]) -> Estimate:
    """The law that the noise of the images has, taken to be one.

    Raises
    ------
    Untellable
        For images that are too small, constant, on an odd scale, or clipped nearly everywhere.
    """
    usable = [_usable(picture) for picture in pictures]
    doubts = _joined([told for _, told in usable])
    images = [values for values, _ in usable]
    found = judge(images)
    if found is None:
        raise Untellable("no block of it varies without structure")
    if found.strain > DOUBTFUL:
        doubts.append(f"no law of the suite fits (misfit {found.strain:.1f}, expected below {DOUBTFUL:g})")
    if found.shared:
        doubts.append(f"the channels' noise is correlated ({found.shared:.2f}), as a camera's processing leaves it")
    law, *others = found.laws
    rivals = [
        other for other in others if other.misfit < law.misfit + MARGIN or found.shares.get(other.family, 0.0) >= RIVAL_SHARE
    ]
    sd = measured(found.view.means) if doubts else rms(law, found.view)
    return Estimate(law, tuple(rivals), sd, found, tuple(doubts))


def measured(means: Means) -> float:
    """Root-mean-square standard deviation of the blocks about their means, whatever the law (grey levels)."""
    return float(np.sqrt(means.count @ (means.power @ CLASS_SIZE) / CLASS_SIZE.sum() / means.count.sum()))


def _joined(told: Sequence[Mapping[str, str]]) -> list[str]:
    """Doubts of one image as they are, of several by how many have them."""
    if len(told) == 1:
        return [f"{share}{doubt}" for doubt, share in told[0].items()]
    counts = Counter(doubt for each in told for doubt in each)
    return [f"{doubt} in {count} of {len(told)} images" for doubt, count in counts.items()]


def _usable(picture: Picture) -> tuple[npt.NDArray[np.floating], dict[str, str]]:
    """The values (C, H, W), NaN where clipping or a constant part hides the noise; why the law is doubtful, and how much."""
    values = np.moveaxis(picture.values, 2, 0).astype(np.float32)
    height, width = values.shape[1:]
    if min(height, width) < LEAST:
        raise Untellable(f"{width}x{height} pixels: too small, expected at least {LEAST}x{LEAST}")
    if len(values) == 3 and np.array_equal(values[0], values[1]) and np.array_equal(values[0], values[2]):
        values = values[:1]
    if (most := float(np.abs(values).max())) > _MOST_LEVEL:
        raise Untellable(f"values up to {most:.3g} grey levels: expected a white level near the brightest that matters")
    if np.ptp(values) == 0:
        raise Untellable("it is constant")
    doubts = {"JPEG loses detail and noise with it": ""} if picture.compressed else {}
    hidden = _constant(values)
    for level, told in _clipped(values[~hidden], picture.white):
        doubts[f"values are clipped at {told}"] = f"{(values == level).mean():.1%} of the "
        hidden |= values == level
    values[hidden] = np.nan
    return values, doubts


def _clipped(values: npt.NDArray[np.floating], white: float | None) -> list[tuple[float, str]]:
    """Levels that values pile up at, with words for them."""
    found: list[tuple[float, str]] = []
    levels, counts = np.unique(values, return_counts=True)
    if white is None or len(levels) < 3:
        return found
    # few counts a pixel: their zeros are no clipping
    counted = np.median(values) < _FEW * np.diff(levels).min()
    for end, beside, expected, told in ((0, 1, 0.0, "black"), (-1, -2, white, "white")):
        piled = counts[end] > max(_CLIPPED * values.size, _SPIKE * counts[beside])
        if levels[end] == np.float32(expected) and piled and not (counted and told == "black"):
            found.append((float(levels[end]), told))
    return found


def _constant(values: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """Pixels that equal all of the eight around them: masked parts, which hold no noise."""
    same = np.ones(values.shape, dtype=bool)
    for axis in (1, 2):
        step = np.diff(values, axis=axis) == 0
        pad = [(0, 0)] * 3
        pad[axis] = (1, 0)
        before = np.pad(step, pad, constant_values=True)
        pad[axis] = (0, 1)
        same &= before & np.pad(step, pad, constant_values=True)
    return same
