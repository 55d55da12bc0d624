"""The convolution A of the paper's Table 1: circular, per channel, through the FFT."""

from __future__ import annotations

import math
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
        inverse to exist, and well away to be of use (`invertible`); the paper's lies in [0.2, 1].

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
        return self._filter(image, "A")

    def adjoint(self, image: torch.Tensor) -> torch.Tensor:
        """A^T x (equal to A x for a kernel that is symmetric about its centre, as the paper's is)."""
        return self._filter(image, "A^T")

    def inverse(self, image: torch.Tensor) -> torch.Tensor:
        """A^-1 x. Raises ValueError where the frequency response falls to 0."""
        return self._filter(image, "A^-1")

    def inverse_adjoint(self, image: torch.Tensor) -> torch.Tensor:
        """(A^T)^-1 x. Raises ValueError where the frequency response falls to 0."""
        return self._filter(image, "A^-T")

    def wiener(self, image: torch.Tensor, signal: torch.Tensor, noise: float) -> torch.Tensor:
        """The best linear estimate of x from A x + n, x and n white.

        Parameters
        ----------
        image : Tensor
            A x + n, (..., H, W).
        signal : Tensor
            Variance of x, one a channel (..., 1, 1), >= 0.
        noise : float
            Variance of n, > 0.
        """
        height, width = image.shape[-2:]
        dtype = torch.complex128 if image.dtype == torch.float64 else torch.complex64
        response = _response(self.kernel, "A", height, width, dtype, image.device)
        gain = signal * response.conj() / (signal * response.abs() ** 2 + noise)
        return torch.fft.irfft2(torch.fft.rfft2(image) * gain, s=(height, width))

    def response(self, height: int, width: int) -> torch.Tensor:
        """Frequency response, (height, width // 2 + 1), complex128, in the layout of `torch.fft.rfft2`."""
        return _response(self.kernel, "A", height, width, torch.complex128, torch.device("cpu"))

    @property
    def invertible(self) -> bool:
        """Whether A^-1 is of use: A passes at every frequency at least 1 % of what it passes at most."""
        return _invertible(self.kernel)

    def noise_gain(self) -> float:
        """Standard deviation of A n for white n of standard deviation 1 (the kernel's Euclidean norm)."""
        return math.sqrt(sum(value * value for row in self.kernel for value in row))

    def _filter(self, image: torch.Tensor, operator: str) -> torch.Tensor:
        height, width = image.shape[-2:]
        dtype = torch.complex128 if image.dtype == torch.float64 else torch.complex64
        response = _response(self.kernel, operator, height, width, dtype, image.device)
        return torch.fft.irfft2(torch.fft.rfft2(image) * response, s=(height, width))


#: A^-1 is of use where it amplifies no frequency more than this, beside the one that it amplifies least.
_MOST = 100.0


@lru_cache(maxsize=64)
def _invertible(kernel: tuple[tuple[float, ...], ...]) -> bool:
    # a side that 2, 3, 4 and 5 divide has the frequencies at which short kernels are 0
    response = _response(kernel, "A", 240, 240, torch.complex128, torch.device("cpu")).abs()
    return float(response.min()) * _MOST >= float(response.max())


# a run sees a handful of image sizes, each thousands of times; kept on the device, so that no step waits for a copy
@lru_cache(maxsize=64)
def _response(
    kernel: tuple[tuple[float, ...], ...], operator: str, height: int, width: int, dtype: torch.dtype, device: torch.device
) -> torch.Tensor:
    rows, columns = len(kernel), len(kernel[0])
    # inference mode would leave a cached tensor that no later gradient may pass through
    with torch.inference_mode(False):
        padded = torch.zeros(height, width, dtype=torch.float64, device="cpu")
        for i in range(rows):
            for j in range(columns):
                padded[(i - rows // 2) % height, (j - columns // 2) % width] += kernel[i][j]
        response = torch.fft.rfft2(padded)
        if operator in ("A^-1", "A^-T"):
            least = float(response.abs().min())
            if least < 1e-6 * float(padded.norm()):
                size = f"kernel {kernel}" if rows * columns < 10 else f"kernel of {rows} rows by {columns} columns"
                raise ValueError(f"{size} has no inverse: its frequency response falls to {least:.1e}")
            response = response.reciprocal()
        if operator in ("A^T", "A^-T"):
            response = response.conj().resolve_conj()
        return response.to(device, dtype)
