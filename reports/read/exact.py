"""What an exact result counts as: one number, wherever scores are read."""

from __future__ import annotations

import numpy as np
import pandas as pd

#: No PSNR is more (dB), that of an exact result included: the suite's own limit, which also holds for tables made otherwise.
MOST_PSNR = 60.0
#: So near 1 is the SSIM of a result that is exact.
_NEAR = 1e-9
_PAIRS = (("psnr", "ssim"), ("psnr_paper", "ssim_paper"))
_PLACE = ["noise", "method", "seed", "dataset", "image"]


def counted(table: pd.DataFrame) -> pd.DataFrame:
    """The long table with no PSNR above MOST_PSNR, and with it where older runs left an exact result's PSNR empty.

    These are told from results that are not finite by their SSIM, which is 1.
    """
    value = table["value"].to_numpy(copy=True)
    for psnr, ssim in _PAIRS:
        of_psnr = (table["metric"] == psnr).to_numpy()
        value[of_psnr] = np.minimum(value[of_psnr], MOST_PSNR)
        empty = of_psnr & np.isnan(value) & (table["status"] == "done").to_numpy()
        if empty.any():
            perfect = table.loc[(table["metric"] == ssim) & ((table["value"] - 1).abs() < _NEAR), _PLACE]
            exact = pd.MultiIndex.from_frame(table.loc[empty, _PLACE]).isin(pd.MultiIndex.from_frame(perfect))
            value[np.flatnonzero(empty)[exact]] = MOST_PSNR
    return table.assign(value=value)
