"""Learning the score of noisy images, shared by Noise2Score and the score solver.

Lim, Courville, Pal, Huang, "AR-DAE: Towards Unbiased Neural Entropy Gradient Estimation", ICML 2020,
https://arxiv.org/abs/2006.05164; Xie et al. (2023), Eq. 18.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch

from methods._api import Applicability, Batch, Method, Network, Training, local_mean
from noise import NoiseModel


@dataclass(frozen=True)
class ScoreMatching:
    """Minimises E |u + sigma_a s(y + sigma_a u)|^2: s is then the score of y + sigma_a u, u standard normal.

    Parameters
    ----------
    first_sigma : float
        sigma_a at the beginning (grey levels).
    last_sigma : float
        sigma_a at the end, approached geometrically (grey levels). The score that is used is that of
        y + last_sigma u, and the solvers count it.
    window : int
        Side of the neighbourhood whose mean says how large the noise is (pixels, odd).
    antithetic : bool
        Use half of the patches, each with u and with -u: as many passes of the network, and a part of the loss's noise that
        grows as 1 / sigma_a cancels.

    Notes
    -----
    The network's output is the score times the standard deviation of y + sigma_a u, which the noise model states for the
    brightness around each pixel, and the loss is that of Eq. 18 times the square of the same. Both are functions of the
    network's input alone, so the minimiser is still the score. Without them, noise that grows with x makes the score of dark
    pixels, which hardly matter to the image, outweigh all others: Gamma noise was 1.4 dB worse at `quick`.

    So a network belongs to the law that it was trained on: where that law's parameters are corrected afterwards, `score` still
    takes the trained one, and `NoiseModel.solve` of the corrected one takes the score.

    sigma_a ends at 3 grey levels, not near 0 as in the paper: the variance of the loss grows as 1 / sigma_a^2, and sigma_a
    is counted when solving.
    """

    first_sigma: float = 8.0
    last_sigma: float = 3.0
    window: int = 5
    antithetic: bool = True

    @property
    def counted_sigma(self) -> float:
        """sigma_a that belongs to the score (grey levels)."""
        return self.last_sigma

    def sigma(self, progress: float) -> float:
        """sigma_a where a share `progress` of the training is done (grey levels)."""
        return self.first_sigma * (self.last_sigma / self.first_sigma) ** progress

    def loss(self, network: Network, batch: Batch) -> torch.Tensor:
        """Eq. 18 times (std / sigma_a)^2."""
        sigma = self.sigma(batch.progress)
        noisy, u = self._perturbation(batch)
        y = noisy + sigma * u
        return (self._std(y, batch.model, sigma) / sigma * u + network(y)).square().mean()

    def _perturbation(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Noisy patches and the u of each, as many as the batch has."""
        if not self.antithetic:
            return batch.noisy, batch.normal(batch.noisy)
        pairs = len(batch.noisy) // 2  # of an odd number of patches, one goes without its partner
        noisy = batch.noisy[: len(batch.noisy) - pairs]
        u = batch.normal(noisy)
        return torch.cat([noisy, noisy[:pairs]]), torch.cat([u, -u[:pairs]])

    def score(self, network: Network, y: torch.Tensor, model: NoiseModel) -> torch.Tensor:
        """The learnt score of y + last_sigma u at y (per grey level); `model` is the law of the training."""
        return network(y) / self._std(y, model, self.last_sigma)

    def _std(self, y: torch.Tensor, model: NoiseModel, sigma: float) -> torch.Tensor:
        """Standard deviation of the noise in y, from the mean around each pixel (grey levels, the shape of y)."""
        x = local_mean(y, self.window) / model.mean_gain
        return (model.std(x.clamp(min=1)).square() + sigma**2).sqrt()


@dataclass(frozen=True)
class PaperScoreMatching:
    """Eq. 18 as the paper's released code trains it: the output is the score, sigma_a goes down to nearly 0.

    Parameters
    ----------
    first_sigma, last_sigma : float
        sigma_a at the beginning and at the end, in units of half the range of grey levels (127.5) for additive noise and
        of the whole range (255) otherwise; linear in between, in 100 stairs.

    Notes
    -----
    The released code also scales the network's input differently, y / 255 for the noise models that are not additive. That
    shifts the input by a constant and halves it, and is not repeated here.
    """

    first_sigma: float = 0.05
    last_sigma: float = 1e-6

    #: The paper neglects sigma_a when solving.
    counted_sigma = 0.0

    def sigma(self, progress: float) -> float:
        """sigma_a where a share `progress` of the training is done (units of the range)."""
        return self.first_sigma + (self.last_sigma - self.first_sigma) * min(1.0, int(100 * progress) / 99)

    def loss(self, network: Network, batch: Batch) -> torch.Tensor:
        """Eq. 18."""
        sigma = self.sigma(batch.progress)
        u = batch.normal(batch.noisy)
        return (sigma * network(batch.noisy + sigma * self._range(batch.model) * u) + u).square().mean()

    def score(self, network: Network, y: torch.Tensor, model: NoiseModel) -> torch.Tensor:
        """The learnt score at y (per grey level)."""
        return network(y) / self._range(model)

    @staticmethod
    def _range(model: NoiseModel) -> float:
        return 127.5 if model.traits.additive else 255.0


def unsolvable(model: NoiseModel) -> Applicability | None:
    """Why Eq. 7 cannot be solved for x; None where it can."""
    traits = model.traits
    if not traits.score:
        return Applicability("no", "p(y|x) has no score that tells x: there is no Eq. 7 to solve")
    if not (traits.additive or traits.invertible):
        return Applicability("no", "Eq. 7 is solved by A^-1, and A has no inverse of use")
    return None


@dataclass(frozen=True)
class ScoreMethod(Method):
    """Base of the methods that solve an equation for x given the learnt score; they share its network.

    Parameters
    ----------
    matching : ScoreMatching or PaperScoreMatching
        How the score is learnt.
    iterations : int or None
        None solves accurately and guarded; a number runs the paper's algorithms (see `NoiseModel.solve`).
    decorrelate : bool
        Be given A^-1 y wherever that leaves noise independent between pixels (Nos. 2, 4, 6, 8, 10). The score holds A^-1
        twice, so that learning it for y is badly conditioned.
    """

    matching: ScoreMatching | PaperScoreMatching = ScoreMatching()
    iterations: int | None = None
    decorrelate: bool = True
    training: Training = Training(learning_rate=4.0, patch=0.5)

    knows: ClassVar[tuple[str, ...]] = ("law",)
    capturable: ClassVar[bool] = True
    tunable = Method.tunable | {"matching.first_sigma": (8.0, 10.0, 15.0), "matching.last_sigma": (3.0, 5.0)}

    def as_published(self) -> Self:
        return replace(self, training=Training(), matching=PaperScoreMatching(), iterations=10, decorrelate=False)

    def wants_decorrelated(self, model: NoiseModel) -> bool:
        return self.decorrelate and model.decorrelated() is not None

    def learns(self) -> str:
        return f"{self.matching} decorrelate={self.decorrelate}"

    def loss(self, network: Network, batch: Batch) -> torch.Tensor:
        return self.matching.loss(network, batch)

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        return self.denoise_assuming(network, y, model, model, generator)

    def denoise_assuming(
        self, network: Network, y: torch.Tensor, trained: NoiseModel, assumed: NoiseModel, generator: torch.Generator
    ) -> torch.Tensor:
        """`denoise` where the noise's parameters were corrected after the training.

        Parameters
        ----------
        trained : NoiseModel
            The law that the network has learnt the score of; nothing but the score takes it.
        assumed : NoiseModel
            What y is taken to follow, with other parameters.
        """
        return self.solve(y, self.matching.score(network, y, trained), assumed)

    def solve(self, y: torch.Tensor, score: torch.Tensor, model: NoiseModel) -> torch.Tensor:
        """The clean image given the score of y; `model` may have other parameters than the score was learnt with."""
        return model.solve(y, score, iterations=self.iterations, sigma_a=self.matching.counted_sigma)
