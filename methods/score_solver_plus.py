"""The score solver, corrected in bands of frequencies by Stein's unbiased estimate of the risk. Our own; no further training.

Stein, "Estimation of the Mean of a Multivariate Normal Distribution", Annals of Statistics 1981; Ramani, Blu, Unser,
"Monte-Carlo SURE", IEEE TIP 2008 (the probe).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from methods._api import Applicability, Network, derived
from methods._bands import combined
from methods._score import ScoreMethod, unsolvable
from noise import NoiseModel, guards


@dataclass(frozen=True)
class ScoreSolverPlus(ScoreMethod):
    """Adds up the score solver's image h(y) and the unbiased estimate u of x, with two gains for each band of frequencies.

    The solution of Eq. 7 errs in ways that depend on the frequency. At low ones it is biased, since Eq. 7 puts f(x, E[n]) for
    E[f(x, n)], while y itself has its mean right and little noise there. At high ones, where A passes least, the error of the
    learnt score is amplified by A^-1. Nor does it err alike in brightness and in colours, which differ far less from pixel to
    pixel. So x is estimated as G1 H + G2 U in the frequency domain, U of u = `NoiseModel.unbiased`(y), with E[u | x] = x, and
    G1, G2 real and constant in each annulus of frequencies of the brightness, and in each of the two differences of colours.
    The risk E |G1 H + G2 U - X|^2 is least where

        [ <H, H>  <H, U> ] [G1]   [ <H, X> ]
        [ <U, H>  <U, U> ] [G2] = [ <U, X> ],      <P, Q> = sum over the annulus of Re(P conj Q).

    The right-hand side needs no clean image. With n = u - x,

        <U, X> = <U, U> - E <N, N>,     <H, X> = <H, U> - E <H, N>,     E <H, N> = E <dh(b), N_b>,

    the last by Stein's lemma: dh(b) is the derivative of h at y in the direction of b, and N_b what the linear map y -> u makes
    of b, a random noise with the covariance of y given x. For Gaussian noise any such b will do. For another law b's variance
    at a pixel is Stein's kernel of that law there (`NoiseModel.stein_noise`), which knows the law's skewness: large where the
    noise may still be larger. Both expectations are taken from one draw of b, the derivative from a finite difference, and
    h(y) stands for x in the law of b.

    Parameters
    ----------
    bands : int
        Annuli from frequency 0 to the corner, their widths growing with the frequency; fewer for images of less than 16
        pixels a band, and none below 32: these are left as they are solved.
    step : float
        Of the finite difference (in units of b).
    prior : float
        Coefficients whose noise holds the gains of an annulus to G1 = 1, G2 = 0, which matters where it has few.

    Notes
    -----
    A parametric bootstrap for E <H, N>, with h(y) for the clean image and a new draw of its noise, was worse wherever it was
    measured (docs/recipes.md). The transform is the cosine transform, to which an image goes on as its mirror image: by the
    Fourier transform opposite edges leak into each other. Where A is in y, it is the Fourier transform all the same, in which
    the inverse of A has single frequencies of much noise; the cosine transform spreads them, which costs 0.06 dB on No. 16.
    """

    bands: int = 12
    step: float = 0.05
    prior: float = 10.0

    title = "Score solver +"
    paper = "of this project: Xie et al. (2023) with Stein's risk estimate in bands of frequencies"
    assumptions = "noise of known law, Eq. 7 solvable"

    def applicable(self, model: NoiseModel) -> Applicability:
        if answer := unsolvable(model):
            return answer
        if not model.traits.proportional:
            return Applicability("no", "E[y|x] is not x times a gain: no linear estimate of x is unbiased")
        if not model.traits.kernel:
            return Applicability("no", "no kernel for Stein's lemma is known for this law")
        return Applicability("yes", "p(y|x) is known, Eq. 7 can be solved, and the noise has a known covariance")

    def denoise_assuming(
        self, network: Network, y: torch.Tensor, trained: NoiseModel, assumed: NoiseModel, generator: torch.Generator
    ) -> torch.Tensor:
        solved = super().denoise_assuming(network, y, trained, assumed, generator)
        probe = assumed.stein_noise(solved.clamp(0, 255), y, derived(generator, "probe of score-solver-plus"))
        with guards.paused():
            moved = super().denoise_assuming(network, y + self.step * probe, trained, assumed, generator)
        bands = min(self.bands, min(y.shape[-2:]) // 16 - 1)
        if bands < 1:
            return solved
        return combined(
            solved, assumed.unbiased(y), (moved - solved) / self.step, assumed.unbiased(probe),
            bands=bands, prior=self.prior, periodic=assumed.convolution is not None,
        )  # fmt: skip
