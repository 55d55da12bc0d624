"""The score solver: learn the score of noisy images, then solve for the clean one.

Xie, Yuan, Dong, Li, "Unsupervised Image Denoising with Score Function", NeurIPS 2023, https://arxiv.org/abs/2304.08384.
"""

from __future__ import annotations

from dataclasses import dataclass

from methods._api import Applicability
from methods._score import ScoreMethod, unsolvable
from noise import NoiseModel


@dataclass(frozen=True)
class ScoreSolver(ScoreMethod):
    """Solves s(y) = grad_y log p(y | x) for x (Eq. 7), s the learnt score.

    Notes
    -----
    The paper runs its iterations ten times and neglects that s belongs to y + sigma_a u. Here Eq. 7 is solved to convergence
    and sigma_a is counted (see `NoiseModel.solve`).
    """

    title = "Score solver"
    paper = "Xie et al., Unsupervised Image Denoising with Score Function, NeurIPS 2023"
    assumptions = "noise of known law, Eq. 7 solvable"

    def applicable(self, model: NoiseModel) -> Applicability:
        return unsolvable(model) or Applicability("yes", "p(y|x) is known and Eq. 7 can be solved")
