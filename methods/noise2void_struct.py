"""Noise2Void given what the score solver is given: A, by A^-1 or a blind spot that fits it, and the gain. Our own variant.

Broaddus, Krull, Weigert, Schmidt, Myers, "Removing Structured Noise with Self-Supervised Blind-Spot Networks", ISBI 2020.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from methods._api import Applicability, Batch, Method, Network
from methods._independent import given_gain, without_gain
from methods._masks import image_of, mean_squared_at, spots, without_squares
from noise import NoiseModel


@dataclass(frozen=True)
class Noise2VoidStruct(Method):
    """Minimises E |B f(y') - y / g|^2 over pixels that y' hides with those around them, whose noise A correlates with theirs.

    g is the gain of biased noise (E[y | x] = g B x); B is A where that blurs the image, and else 1.

    Parameters
    ----------
    share : float
        Of the pixels of each channel, those that are hidden on their own, where the noise is independent (in (0, 1)).
    share_of_squares : float
        The same where the pixels around them are hidden as well.
    window : int
        Of what Noise2Void calls so, beyond the square (pixels, odd, > 1).
    whole : bool
        Hide a square as large as the correlation, 5 x 5 for a 3x3 kernel A; False: one as large as the kernel.
    decorrelate : bool
        Be given A^-1 y wherever that leaves noise independent between pixels (Nos. 2, 4, 6, 8, 10).

    Notes
    -----
    structN2V hides a row or column, for noise along lines, and predicts y; the square, A^-1, the gain and B are ours.

    On Nos. 12, 14 and 16, less than 1 % of the noise's variance can be predicted from outside of 3 x 3 pixels, at least 18 %
    from outside of one. But what is hidden is lost: after 480 steps of `quick` on the sample's test images No. 12 had 25.8 dB
    with 5 x 5, 26.5 with 3 x 3, and 27.2 by Noise2Void, whose assumptions do not hold there; No. 2 had 27.2 with 5 x 5, 29.8
    with A^-1 y.
    """

    share: float = 0.15
    share_of_squares: float = 0.01
    window: int = 11
    whole: bool = False
    decorrelate: bool = True

    title = "Noise2Void, given A and gain (ours)"
    paper = "of this project: Broaddus et al. (ISBI 2020), with a square that fits A, on y divided by the gain of the noise"
    assumptions = "noise correlated by a known A at most, E[y|x] = g x or g A x with known g"
    knows = ("kernel", "gain")
    in_all = False
    tunable = Method.tunable | {"share": (0.015, 0.05, 0.15), "share_of_squares": (0.003, 0.01, 0.03), "whole": (False, True)}

    def wants_decorrelated(self, model: NoiseModel) -> bool:
        return self.decorrelate and model.decorrelated() is not None

    def applicable(self, model: NoiseModel) -> Applicability:
        if model.traits.base_unbiased and (model.traits.independent or super().wants_decorrelated(model)):
            return Applicability("no", "Noise2Void itself sees noise that is independent between pixels and unbiased")
        if not model.traits.base_independent:
            return Applicability(
                "infeasible", "the noise is correlated farther than the pixels that are hidden: trained all the same"
            )
        square = self._square(model)
        hidden = f"{square} x {square} pixels hide {'all' if self.whole else 'nearly all'} that A correlates with one"
        return given_gain(self, model) or Applicability("yes", hidden)

    def loss(self, network: Network, batch: Batch) -> torch.Tensor:
        model, y, square = batch.model, without_gain(batch).noisy, self._square(batch.model)
        # what A takes from beyond a patch is not known
        mask = spots(y, self.share if square == 1 else self.share_of_squares, batch.generator, margin=_reach(model))
        image = image_of(network, without_squares(y, mask, square, self.window, batch.generator), square)
        if model.convolution is not None and not model.traits.additive:
            image = model.convolution.apply(image)
        return mean_squared_at(mask, image - y)

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        return image_of(network, y / model.mean_gain, self._square(model))

    def _square(self, model: NoiseModel) -> int:
        """Side of what is hidden around a pixel (pixels)."""
        return 1 + (4 if self.whole else 2) * _reach(model)


def _reach(model: NoiseModel) -> int:
    """How far A reaches (pixels): 0 without A, 1 for a 3x3 kernel; its noise is correlated twice as far."""
    if model.convolution is None:
        return 0
    kernel = model.convolution.kernel
    return max(len(kernel), len(kernel[0])) // 2
