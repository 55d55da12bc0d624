"""Noisier2Noise: predict the noisy image from a noisier one.

Moran, Schmidt, Zhong, Coady, "Noisier2Noise: Learning to Denoise from Unpaired Noisy Data", CVPR 2020,
https://arxiv.org/abs/1910.11908.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from methods._api import Applicability, Batch, Method, Network, derived, estimate, local_mean, mean_squared
from noise import NoiseModel
from noise.gaussian import Gaussian


@dataclass(frozen=True)
class Noisier2Noise(Method):
    """With z = y + alpha m, m a second draw of the noise: E[y | z] = (alpha^2 E[x | z] + z) / (1 + alpha^2).

    Parameters
    ----------
    alpha : float
        Size of the second noise in units of the first (dimensionless, > 0).
    draws : int
        Images z whose results are averaged at test.
    predicts_clean : bool
        The network's image is that of E[x | z]; False, as published: of E[y | z].
    residual : bool
        Add the network's output to z; False: the output is the image.
    window : int
        Side of the neighbourhood whose mean says how large the noise is (pixels, odd); 1: the noisy pixel itself.

    Notes
    -----
    The network predicts the clean image, from which E[y | z] = (alpha^2 E[x | z] + z) / (1 + alpha^2) follows, and that is
    compared with y. This is the loss |f(y + alpha m) - (y - m / alpha)|^2 of Recorrupted-to-Recorrupted (Pang et al., CVPR
    2021), with its mean over draws at test. It has the minimiser of the published loss |f(z) - y|^2, whose correction
    (1 + alpha^2) / alpha^2 multiplies errors of f; at a small budget it was 0.9 dB better on No. 1.

    Where the standard deviation depends on x (Nos. 3, 4), the second noise needs it: it is evaluated at the mean around each
    noisy pixel, limited to [0, 255], as the score methods do. At the noisy pixel itself the second noise would follow the
    first, to which it is to be exchangeable: 0.78 dB worse on No. 3. The clean image is not used.
    """

    alpha: float = 0.5
    draws: int = 8
    predicts_clean: bool = True
    residual: bool = True
    window: int = 5

    assumptions = "additive noise of known law"
    knows = ("law",)
    tunable = Method.tunable | {"alpha": (0.35, 0.5, 0.7, 1.0)}

    @property
    def title(self) -> str:  # type: ignore[override]  # the loss decides what it may be called
        """The name of tables: which of the two losses it is."""
        return "Noisier2Noise (R2R loss)" if self.predicts_clean else "Noisier2Noise"

    @property
    def paper(self) -> str:  # type: ignore[override]
        """The same in full."""
        own = ", by the loss of Pang et al., Recorrupted-to-Recorrupted, CVPR 2021" if self.predicts_clean else ""
        return f"Moran et al., Noisier2Noise, CVPR 2020{own}"

    def as_published(self) -> Noisier2Noise:
        return replace(self, predicts_clean=False, residual=False, window=1)

    def applicable(self, model: NoiseModel) -> Applicability:
        if model.traits.additive:
            return Applicability("yes", "the noise is additive, so a second draw of it can be added")
        return Applicability("no", "the noise is not additive: a second draw of it cannot be added to the first")

    def loss(self, network: Network, batch: Batch) -> torch.Tensor:
        z = self._noisier(batch.noisy, batch.model, batch.generator)
        image = estimate(network, z, residual=self.residual)
        if not self.predicts_clean:
            return mean_squared(image - batch.noisy)
        share = self.alpha**2 / (1 + self.alpha**2)
        return mean_squared(image + (z - batch.noisy) / share - z)

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        own = derived(generator, "second noise of noisier2noise")
        return torch.stack([self._one(network, self._noisier(y, model, own)) for _ in range(self.draws)]).mean(dim=0)

    def _one(self, network: Network, z: torch.Tensor) -> torch.Tensor:
        """E[x | z]."""
        image = estimate(network, z, residual=self.residual)
        return image if self.predicts_clean else ((1 + self.alpha**2) * image - z) / self.alpha**2

    def _noisier(self, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        assert isinstance(model.base, Gaussian)
        return y + self.alpha * model.base.noise(local_mean(y, self.window).clamp(0, 255), generator)
