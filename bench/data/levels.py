"""What the values of images of more than 8 bits mean: the white level, which becomes 255 grey levels.

Images of 8 bits are in grey levels already, and stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import UsageError

#: White levels that images of whole numbers are taken to have: those of cameras of 8, 10, 12, 14 and 16 bits.
WHOLE = tuple(2**bits - 1 for bits in (8, 10, 12, 14, 16))


@dataclass
class Extent:
    """How far the values reach that have no white level of their own, by kind: "integers" and "floats".

    Attributes
    ----------
    largest : dict
        Kind to (largest value, label of its image).
    below, above : dict
        Label of an image to how many of its values were set to 0, or to the white level.
    """

    largest: dict[str, tuple[float, str]] = field(default_factory=dict)
    below: dict[str, int] = field(default_factory=dict)
    above: dict[str, int] = field(default_factory=dict)

    def note(self, label: str, pixels: npt.NDArray[Any]) -> None:
        """Take an image into account, as it is stored."""
        if pixels.dtype == np.uint8:
            return
        found = (float(pixels.max()), label)
        self.largest[kind_of(pixels)] = max(self.largest.get(kind_of(pixels), found), found, key=lambda each: each[0])


def kind_of(pixels: npt.NDArray[Any]) -> str:
    return "floats" if pixels.dtype.kind == "f" else "integers"


def parse_white(text: str) -> float | None:
    """The level that `--white` names; None for auto. Raises UsageError."""
    if text == "auto":
        return None
    try:
        level = float(text)
    except ValueError:
        level = math.nan
    if not 1e-30 <= level <= 1e30:
        raise UsageError(f"--white {text!r}: expected auto, or a number above 0 such as 4095 or 1.0")
    return level


def white_levels(asked: str, all_largest: Mapping[str, tuple[float, str]]) -> dict[str, float]:
    """The white level of each kind of values that there is.

    With "auto" it is one for all images of a run: for whole numbers the smallest of `WHOLE` that holds them all, for floats 1.

    Raises
    ------
    UsageError
        Where auto has none: whole numbers above 65535, floats above 1, nothing above 0.
    """
    level = parse_white(asked)
    found = {}
    for kind, (largest, label) in all_largest.items():
        usual = 1.0 if kind == "floats" else float(next((white for white in WHOLE if white >= largest), 0))
        if level is None and (not usual or largest > usual):
            most = "1" if kind == "floats" else str(WHOLE[-1])
            raise UsageError(f"{label}: {kind} up to {largest:.10g}; expected at most {most}, or --white LEVEL")
        if largest <= 0:
            raise UsageError(f"{label}: {kind} up to {largest:g}; expected an image with values above 0")
        found[kind] = level or usual
    return found


def unclipped(pixels: npt.NDArray[Any], white: Mapping[str, float]) -> npt.NDArray[Any]:
    """An image in grey levels, neither clipped nor rounded, which would change its noise: uint8 as it is, others float32."""
    if pixels.dtype == np.uint8:
        return pixels
    return (pixels.astype(np.float64) * (255 / white[kind_of(pixels)])).astype(np.float32)


def in_grey_levels(label: str, pixels: npt.NDArray[Any], white: Mapping[str, float], extent: Extent) -> npt.NDArray[Any]:
    """An image in grey levels: uint8 as it is, others float32, divided by the white level, times 255.

    They are not rounded. Values below 0, and above the white level, are set to these, and counted in `extent`: the standard
    deviation of noise that depends on the signal has no meaning below 0, and a result is scored within [0, 255].
    """
    if pixels.dtype == np.uint8:
        return pixels
    level = white[kind_of(pixels)]
    if below := int((pixels < 0).sum()):
        extent.below[label] = below
    if above := int((pixels > level).sum()):
        extent.above[label] = above
    return np.clip(unclipped(pixels, white), 0, 255)


def white_words(asked: str, white: Mapping[str, float], extents: Sequence[Extent]) -> list[str]:
    """Sentences on what was made of values of more than 8 bits; none where there are none."""
    words = []
    for kind, level in white.items():
        largest, label = max(extent.largest[kind] for extent in extents if kind in extent.largest)
        rule = "as asked for" if asked != "auto" else "1 for floats" if kind == "floats" else _rule(level)
        words.append(
            f"White level of {kind} beyond 8 bits: {level:g} ({rule}; the largest is {largest:g}, in {label}). It becomes 255 "
            "grey levels."
        )
    below = {label: number for extent in extents for label, number in extent.below.items()}
    above = {label: number for extent in extents for label, number in extent.above.items()}
    for counts, told in ((below, "below 0 are set to 0"), (above, "above the white level are set to it")):
        if counts:
            first = next(iter(counts))
            words.append(f"{sum(counts.values())} values in {len(counts)} images {told} (the first in {first}).")
    return words


def _rule(level: float) -> str:
    return f"the smallest of {', '.join(map(str, WHOLE[:-1]))} and {WHOLE[-1]} that holds them"
