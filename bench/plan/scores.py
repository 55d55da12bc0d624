"""What a result is scored by: the metrics, and the most that one of them is."""

from __future__ import annotations

#: What every test image of a cell is scored by (`bench.cells.metrics`), in the order of the tables.
METRICS = ("psnr", "ssim", "psnr_paper", "ssim_paper")
#: What images of measured noise are scored by, beside these or in their place (`bench.cells.truthless`).
TRUTHLESS = ("umse", "umse_error", "frc", "lag_rows", "lag_columns")
#: No PSNR is more, in dB: an exact result, or one nearer than this, counts as so much, in whatever is made of scores. A result
#: that is as near as 8 bits can tell has 58.9 dB (a mean squared error of 1/12), so nothing that can be seen is lost, and an
#: image without structure, which many methods meet exactly, does not decide a mean.
MOST_DECIBELS = 60.0
#: The paper's protocol cuts images to a multiple of this (pixels), and has no score for one with a shorter side.
PAPER_MULTIPLE = 32
