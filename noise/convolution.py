"""The convolution A of the paper's Table 1: circular, per channel, through the FFT."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch

#: The paper's Eq. 19.
PAPER_KERNEL = ((0.05, 0.1, 0.05), (0.1, 0.4, 0.1), (0.05, 0.1, 0.05))


@dataclass(frozen=True)
class Convolution:
    """A circular convolution of each channel with a small odd-sized kernel.

    Every method maps images (..., H, W) to the same shape, dtype and device, for any H and W (a kernel larger
    than the image wraps around).

    Parameters
    ----------
    kernel : tuple of rows
        Odd height and width, finite values; ValueError otherwise. Its frequency response must stay away from 0 for the
        inverse to exist; the paper's lies in [0.2, 1].

    References
    ----------
    Xie et al. (2023), Eq. 19. The paper does not say that A is circular; its released code applies it through the FFT.
    """

    kernel: tuple[tuple[float, ...], ...] = PAPER_KERNEL

    def __post_init__(self) -> None:
        rows, columns = len(self.kernel), len(self.kernel[0]) if self.kernel else 0
        if rows % 2 == 0 or columns % 2 == 0:
            raise ValueError(f"kernel of {rows} rows by {columns} columns: expected an odd number of each")
        if any(len(row) != columns for row in self.kernel):
            raise ValueError(f"kernel rows of {[len(row) for row in self.kernel]} values: expected one length")
        if not all(math.isfinite(value) for row in self.kernel for value in row):
            raise ValueError(f"kernel {self.kernel}: expected finite numbers")

    def apply(self, image: torch.Tensor) -> torch.Tensor:
        """A x."""
        return self._filter(image, lambda response: response)

    def adjoint(self, image: torch.Tensor) -> torch.Tensor:
        """A^T x (equal to A x for a kernel that is symmetric about its centre, as the paper's is)."""
        return self._filter(image, torch.conj)

    def inverse(self, image: torch.Tensor) -> torch.Tensor:
        """A^-1 x; ValueError where a frequency of images of this size does not pass A."""
        return self._filter(image, self._reciprocal)

    def inverse_adjoint(self, image: torch.Tensor) -> torch.Tensor:
        """(A^T)^-1 x."""
        return self._filter(image, lambda response: torch.conj(self._reciprocal(response)))

    def response(self, height: int, width: int) -> torch.Tensor:
        """Frequency response, (height, width // 2 + 1), complex128, in the layout of `torch.fft.rfft2`."""
        return _response(self.kernel, height, width)

    def noise_gain(self) -> float:
        """Standard deviation of A n for white n of standard deviation 1 (the kernel's Euclidean norm)."""
        return math.sqrt(sum(value * value for row in self.kernel for value in row))

    def _reciprocal(self, response: torch.Tensor) -> torch.Tensor:
        least = float(response.abs().min())
        if least < 1e-6 * self.noise_gain():
            raise ValueError(f"kernel {self.kernel} has no inverse: its frequency response falls to {least:.1e}")
        return response.reciprocal()

    def _filter(self, image: torch.Tensor, transform: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        height, width = image.shape[-2:]
        complex_dtype = torch.complex128 if image.dtype == torch.float64 else torch.complex64
        response = transform(self.response(height, width)).to(image.device, complex_dtype)
        spectrum = torch.fft.rfft2(image) * response
        return torch.fft.irfft2(spectrum, s=(height, width))


@lru_cache(maxsize=32)  # an evaluation sees a handful of image sizes, each hundreds of times
def _response(kernel: tuple[tuple[float, ...], ...], height: int, width: int) -> torch.Tensor:
    rows, columns = len(kernel), len(kernel[0])
    # Inference mode would leave a cached tensor that no later gradient may pass through.
    with torch.inference_mode(False):
        padded = torch.zeros(height, width, dtype=torch.float64, device="cpu")
        for i in range(rows):
            for j in range(columns):
                padded[(i - rows // 2) % height, (j - columns // 2) % width] += kernel[i][j]
        return torch.fft.rfft2(padded)
