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
    """

    title = "Noise2Score"
    paper = "Kim & Ye, Noise2Score, NeurIPS 2021"
    assumptions = "noise of a known exponential family"

    def applicable(self, model: NoiseModel) -> Applicability:
        if model.traits.exponential_family:
            through = " (that of A^-1 y)" if model.traits.convolved and not model.traits.additive else ""
            return Applicability("yes", f"p(y|x){through} is of an exponential family, so Tweedie's formula holds")
        return Applicability("no", "p(y|x) is of no exponential family, so Tweedie's formula does not hold")
