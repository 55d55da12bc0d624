"""What a function's scores differ from those of a run by: the columns "minus SLUG" of `bench.evaluate`."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from bench.errors import UsageError
from reports.numbers.pairs import interval

#: How far the PSNR of a noisy image may be from the run's (dB): it is the same image, but for the last digits.
_SAME = 1e-3


def differences(scores: pd.DataFrame, run: pd.DataFrame, where: str) -> dict[str, float]:
    """Of a function's scores (columns psnr, noisy; dB) to those of each method of a run, on the images that both have.

    Raises UsageError where the noisy images, `where`, are not the run's.
    """
    if "noisy" in run:
        apart = (scores["noisy"] - run["noisy"]).abs().max()
        if apart > _SAME:
            raise UsageError(
                f"{where}: the noisy images are not the run's, their PSNR differs by {apart:.3f} dB: expected the versions of "
                "torch and of the suite that the run was made with"
            )
    found: dict[str, float] = {}
    for slug in run.columns:
        each = (scores["psnr"] - run[slug]).reindex(scores.index).to_numpy()
        each = each[np.isfinite(each)]
        ends = interval(each) if len(each) else None
        found[f"minus {slug}"] = float(each.mean()) if len(each) else math.nan
        found[f"minus {slug}, low"], found[f"minus {slug}, high"] = ends or (math.nan, math.nan)
    return found
