"""Noise2Score: Tweedie's formula with a learnt score.

Kim, Ye, "Noise2Score: Tweedie's Approach to Self-Supervised Image Denoising without Clean Images", NeurIPS 2021,
https://arxiv.org/abs/2106.07009.
"""

from __future__ import annotations

from dataclasses import dataclass

from methods._api import Applicability
from methods._score import ScoreMethod
from noise import NoiseModel


@dataclass(frozen=True)
class Noise2Score(ScoreMethod):
    """Denoises by Tweedie's formula, which for an exponential family is the solution of the paper's Eq. 5.

    Eqs. 5 and 7 are then the same equation, so the results equal the score solver's by construction.

    Notes
    -----
    The learnt score is that of y + sigma_a u (`ScoreMatching`). On Nos. 1 and 2 Tweedie's formula holds for that, too, with
    sigma_a^2 added to the variance. On Nos. 5 to 8 the sum is of no exponential family: there the equation is that of a
    mixture, the paper's Algorithm 5, which becomes Tweedie's formula as sigma_a goes to 0. Without sigma_a counted the row
    would have 0.02 to 0.03 dB less on Nos. 5 and 7 (networks of `quick`).
    """

    title = "Noise2Score"
    paper = "Kim & Ye, Noise2Score, NeurIPS 2021"
    assumptions = "noise of a known exponential family (solved with sigma_a counted: on Nos. 5-8 by Xie et al.'s Algorithm 5)"

    def applicable(self, model: NoiseModel) -> Applicability:
        if model.traits.exponential_family:
            through = " (that of A^-1 y)" if model.traits.convolved and not model.traits.additive else ""
            return Applicability("yes", f"p(y|x){through} is of an exponential family, so Tweedie's formula holds")
        if not model.traits.score:
            return Applicability("no", "p(y|x) has no score that tells x, so there is no formula of Tweedie's")
        if not (model.traits.additive or model.traits.invertible):
            return Applicability("no", "Tweedie's formula takes A^-1, and A has no inverse of use")
        return Applicability("no", "p(y|x) is of no exponential family, so Tweedie's formula does not hold")
