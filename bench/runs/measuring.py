"""What can be told of the noise in a set of real images: its law, as methods that need one are given it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.data.measured import MeasuredSet, evenly
from bench.estimation.estimating import Picture, Untellable, estimate
from bench.plan.measured import Told

#: Images that a set's law is estimated from, at most, evenly over their names.
MOST = 12


def told_of(measured: MeasuredSet, whole: MeasuredSet) -> Told:
    """What a row of measured noise is told of its set, whose law is that of the `whole` one, or of `MOST` images of it."""
    chosen = evenly(whole.shots, MOST)
    told = Told(measured.name, measured.images.sha256, measured.beside, measured.channels, measured.halves)
    try:
        found = estimate(
            [Picture(shot.name, np.asarray(shot.pixels, np.float32), measured.end, measured.compressed) for shot in chosen]
        )
    except Untellable as why:
        return replace(told, sureness=str(why))
    return replace(told, expression=found.law.expression, sd=found.sd, sureness=found.sureness, doubts=found.doubts)
