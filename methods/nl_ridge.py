"""NL-Ridge: each group of similar patches is combined linearly, with the weights of least risk.

Herbreteau, Kervrann, "Towards a Unified View of Unsupervised Non-Local Methods for Image Denoising: the NL-Ridge Approach",
ICIP 2022, https://arxiv.org/abs/2203.00570.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from methods._api import Applicability, Method, Network, local_mean
from methods._stabilise import deblurred
from noise import NoiseModel

#: Orthonormal, so that white noise stays white: brightness, red against blue, green against both.
_OPPONENT = ((3**-0.5, 3**-0.5, 3**-0.5), (2**-0.5, 0.0, -(2**-0.5)), (6**-0.5, -2 * 6**-0.5, 6**-0.5))
_SETS = (0, 1, 1)  # the two of colour share their weights
_AT_ONCE = 2**25  # floats of the largest tensor in work: 128 MB


@dataclass(frozen=True)
class NLRidge(Method):
    """X' = T Y for a group Y of k similar patches (its rows), T of least risk E |T Y - X|^2 given what is known of X.

    First T = I - (1 + a) D (Y Y^T + a D)^-1 from Y alone (a = 0: the minimiser of Stein's unbiased estimate of the risk), then,
    with groups found again on that image, T = X X^T (X X^T + D)^-1 for its patches X. D is the mean of N N^T, N the noise.

    Parameters
    ----------
    patch : int
        Side of a patch (pixels).
    first, second : int
        Patches of a group in the first and in the later passes.
    window : int
        Side of the square of positions that similar patches are looked for in (pixels, odd).
    stride : int
        From one reference patch to the next (pixels).
    alpha : float
        a above (dimensionless, >= 0).
    error : float
        Of `deblurred`, where A blurs the image (Nos. 12, 14, 16).
    passes : int
        The first pass, and so many less one of the second kind, each with the image of the one before.

    Notes
    -----
    The paper has grey images and noise of one level, D = n sigma^2 I for patches of n pixels. Departures, ours:

    - Colour: similar patches are found by all channels; brightness has weights of its own, the two channels of colour have
      theirs together. Patches of all channels with one set of weights were 1.6 dB worse on four training photographs
      (No. 1), three sets 0.1 dB.
    - A third pass: 0.06 dB better (No. 1, the same photographs).
    - D holds the sum of the variances of a patch's pixels, which the noise model tells for the brightness around a pixel (first
      pass) and of the first estimate (second). Where A correlates the noise, it has entries for patches that overlap, or
      nearly: y needs no A^-1. Where A blurs the image, too, it is undone after that (`deblurred`): 29.1 dB on No. 12 (same
      photographs), A^-1 itself 28.4, A x left as it is 27.9.
    """

    patch: int = 9
    first: int = 18
    second: int = 90
    window: int = 37
    stride: int = 4
    alpha: float = 0.05
    error: float = 0.03
    passes: int = 3

    title = "NL-Ridge"
    paper = "Herbreteau and Kervrann, NL-Ridge, ICIP 2022"
    assumptions = "noise of known law, with few pixels correlated; similar patches in one image"
    knows = ("law",)
    in_all = False

    def applicable(self, model: NoiseModel) -> Applicability:
        traits = model.traits
        if not traits.base_independent:
            return Applicability("infeasible", "the noise is correlated farther than is counted: denoised all the same")
        if not traits.proportional:
            return Applicability("infeasible", "the noise is biased, and not by a gain: E[y|x] is found in place of x")
        if traits.convolved and not traits.additive:
            if self.wants_decorrelated(model):
                return Applicability("indirect", "the noise of A^-1 y is independent, its variance is known")
            return Applicability("yes", "the covariance of the noise is known; A x is found, and A undone after it")
        if traits.convolved:
            return Applicability("yes", "the covariance of the noise is known, within and between patches")
        return Applicability("yes", "the noise is independent, its variance is known")

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        return deblurred(torch.stack([self._one(image, model) for image in y]), model, self.error)

    def _one(self, y: torch.Tensor, model: NoiseModel) -> torch.Tensor:
        """One image, (C, H, W)."""
        height, width = y.shape[-2:]
        down, right = (max(self.patch - size, -(size - self.patch) % self.stride) for size in (height, width))
        y = F.pad(y, [0, right, 0, down], mode="replicate")  # reference patches reach the last row and column
        turn = y.new_tensor(_OPPONENT) if len(y) == 3 else torch.eye(len(y), dtype=y.dtype, device=y.device)

        def variance(image: torch.Tensor) -> torch.Tensor:
            """That of the turned channels where the mean of y is this image."""
            return torch.einsum("dc,chw->dhw", turn.square(), model.std(image.clamp(min=0) / model.mean_gain).square())

        noise, noisy = Correlation.of(model, y), torch.einsum("dc,chw->dhw", turn, y)
        result = self._pass(noisy, noisy, variance(local_mean(y[None], 5)[0]), noise, first=True)
        for _ in range(self.passes - 1):
            mean = torch.einsum("dc,dhw->chw", turn, result)
            result = self._pass(noisy, result, variance(mean), noise, first=False)
        return torch.einsum("dc,dhw->chw", turn, result)[:, :height, :width] / model.mean_gain

    def _pass(
        self, y: torch.Tensor, guide: torch.Tensor, variance: torch.Tensor, noise: Correlation, first: bool
    ) -> torch.Tensor:
        """All groups of patches that are similar in `guide` combined, and the patches put back: (C, H, W)."""
        channels, height, width = y.shape
        patch, alpha = self.patch, self.alpha if first else 0.0
        corners = self._groups(guide, self.first if first else self.second)
        pixels = torch.arange(height * width, device=y.device).view(height, width)[:patch, :patch].flatten()
        sets = torch.tensor(_SETS if channels == 3 else [0] * channels, device=y.device)
        levels = F.avg_pool2d(variance[None], patch, stride=1)[0] * patch**2  # sums over the patch with that corner
        levels = F.pad(levels, [0, patch - 1, 0, patch - 1]).flatten(1)
        y, guide = y.flatten(1), guide.flatten(1)
        total, weights = torch.zeros_like(y), torch.zeros_like(y)
        for group in corners.split(max(1, _AT_ONCE // 8 // (channels * corners.shape[1] * len(pixels)))):
            index = group[..., None] + pixels
            noisy = y[:, index]
            known = noisy if first else guide[:, index]
            covariance = _pooled(noise.between(group, levels[:, group], width, len(pixels)), sets)
            square = _pooled(known @ known.mT, sets)
            combine = least_risk(square if first else square + covariance, covariance, alpha)[sets]
            weight = 1 / combine.square().sum(dim=-1).clamp(min=1e-6)
            total.index_add_(1, index.flatten(), (weight[..., None] * (combine @ noisy)).flatten(1))
            weights.index_add_(1, group.flatten(), weight.flatten(1))
        # a pixel's weight is the sum of those of the patches that hold it
        spread = F.pad(weights.view(channels, height, width), [patch - 1, 0, patch - 1, 0])
        return total.view(channels, height, width) / (F.avg_pool2d(spread[None], patch, stride=1)[0] * patch**2)

    def _groups(self, guide: torch.Tensor, size: int) -> torch.Tensor:
        """Flat index of the upper left pixels of each reference's most similar patches, (references, size)."""
        height, width = guide.shape[-2:]
        reach, patch, stride = self.window // 2, self.patch, self.stride
        size = min(size, (min(reach, height - patch) + 1) * (min(reach, width - patch) + 1))  # what a corner has
        shifts = [(down, right) for down in range(-reach, reach + 1) for right in range(-reach, reach + 1)]
        moved = torch.tensor([down * width + right for down, right in shifts], device=guide.device)
        around = F.pad(guide, [reach] * 4, value=torch.inf)  # no patch reaches over the edge
        columns = (width - patch) // stride + 1
        band = max(1, _AT_ONCE // (len(shifts) * columns)) * stride  # rows of reference patches at once, in pixels
        found = []
        for top in range(0, height - patch + 1, band):
            part = guide[:, top : top + band - stride + patch]
            distances = [
                F.avg_pool2d(_unlikeness(part, around, top + reach + down, reach + right), patch, stride)
                for down, right in shifts
            ]
            nearest = torch.cat(distances).flatten(1).T.contiguous().topk(size, largest=False, sorted=False).indices
            rows = torch.arange(len(nearest) // columns, device=guide.device) * stride + top
            corner = rows[:, None] * width + torch.arange(columns, device=guide.device) * stride
            found.append(corner.flatten()[:, None] + moved[nearest])
        return torch.cat(found)


@dataclass(frozen=True)
class Correlation:
    """How the noise of one pixel goes with that of another.

    Parameters
    ----------
    table : Tensor
        Correlation of the part that A colours, by the distance in rows and columns, (2 r + 1, 2 r + 1), 0 at its rim.
    white : float
        Variance of what is added after A (grey levels^2).
    """

    table: torch.Tensor
    white: float

    @classmethod
    def of(cls, model: NoiseModel, y: torch.Tensor) -> Correlation:
        """That of a noise model, as a tensor like y."""
        if model.convolution is None:
            return cls(F.pad(y.new_ones(1, 1), [1] * 4), 0.0)
        kernel = y.new_tensor(model.convolution.kernel)[None, None]
        table = F.conv2d(F.pad(kernel, [kernel.shape[-1] - 1] * 2 + [kernel.shape[-2] - 1] * 2), kernel)[0, 0]
        return cls(F.pad(table / table.max(), [1] * 4), model.gaussian**2)

    def between(self, corners: torch.Tensor, levels: torch.Tensor, width: int, pixels: int) -> torch.Tensor:
        """Mean of N N^T for groups of patches with these corners (G, k) and sums of variances (C, G, k): (C, G, k, k)."""
        reach = len(self.table) // 2
        down, right = (
            (at[:, :, None] - at[:, None]).clamp(-reach, reach) + reach for at in (corners // width, corners % width)
        )
        coloured = (levels - pixels * self.white).clamp(min=0).sqrt()
        own = torch.diag_embed(torch.full_like(levels, pixels * self.white))
        return self.table[down, right] * coloured[..., :, None] * coloured[..., None, :] + own


def least_risk(square: torch.Tensor, noise: torch.Tensor, alpha: float) -> torch.Tensor:
    """T = I - (1 + alpha) D (S + alpha D)^-1 for S (..., k, k), D (..., k, k).

    With S = Y Y^T this is the first pass, with S = X X^T + D and alpha 0 the second: I - D S^-1 = X X^T (X X^T + D)^-1. In
    float64, with 1e-6 of its mean diagonal added to S: patches of one brightness make it nearly singular, black ones
    altogether.
    """
    square, noise = square.double(), noise.double()
    one = torch.eye(square.shape[-1], dtype=square.dtype, device=square.device)
    jitter = 1e-6 * square.diagonal(dim1=-2, dim2=-1).mean(dim=-1) + 1e-6
    factor = torch.linalg.cholesky_ex(square + alpha * noise + jitter[..., None, None] * one).L
    return (one - (1 + alpha) * noise @ torch.cholesky_inverse(factor)).float()


def _pooled(each: torch.Tensor, sets: torch.Tensor) -> torch.Tensor:
    """Sums of the channels of each set: (C, G, k, k) to (sets, G, k, k)."""
    return each.new_zeros(int(sets.max()) + 1, *each.shape[1:]).index_add_(0, sets, each)


def _unlikeness(part: torch.Tensor, around: torch.Tensor, top: int, left: int) -> torch.Tensor:
    """Squared difference of each pixel of `part` from that of `around` so much further down and right, (1, H, W)."""
    other = around[:, top : top + part.shape[-2], left : left + part.shape[-1]]
    return (part - other).square().sum(dim=0, keepdim=True)
