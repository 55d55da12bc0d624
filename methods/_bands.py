"""Two estimates of an image added up with the gains that Stein's estimate of the risk gives each band of frequencies.

`score_solver_plus` has the formulas.
"""

from __future__ import annotations

import math

import torch

#: Brightness and two differences of colours, orthonormal: images have far less power in these, and noise as much.
_OPPONENT = torch.tensor([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / torch.tensor([3, 2, 6]).sqrt()[:, None]


def combined(
    solved: torch.Tensor, unbiased: torch.Tensor, derivative: torch.Tensor, noise: torch.Tensor,
    *, bands: int, prior: float, periodic: bool,
) -> torch.Tensor:  # fmt: skip
    """G1 H + G2 U back in the image domain, (1, C, H, W); at frequency 0 it is U.

    Parameters
    ----------
    solved, unbiased : Tensor
        h(y) and u, (1, C, H, W). Of three channels, brightness has gains of its own, and the differences of colours have.
    derivative, noise : Tensor
        dh(b) and what the linear map y -> u makes of b, of the same shape.
    bands : int
        Annuli of frequencies, above 0.
    prior : float
        Coefficients whose noise holds the gains to G1 = 1, G2 = 0.
    periodic : bool
        By the Fourier transform, to which opposite edges are neighbours; else by the cosine transform.
    """
    height, width = solved.shape[-2:]
    index, weights = annuli(height, width, bands, periodic)
    index, weights = index.to(solved.device), weights.to(solved.device)
    weights[0, 0] = 0  # frequency 0 is in no band

    def spectrum(image: torch.Tensor, axis: torch.Tensor) -> torch.Tensor:
        one = torch.tensordot(axis.to(image), image[0], dims=1).double()
        return torch.fft.rfft2(one, norm="ortho") if periodic else cosines(one)

    def total(values: torch.Tensor) -> torch.Tensor:
        sums = torch.zeros(bands, dtype=torch.float64, device=index.device)
        return sums.index_add_(0, index.flatten(), (values * weights).flatten())

    def inner(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        return total((p * q.conj()).real)

    result = torch.zeros_like(solved)
    for group in (_OPPONENT[:1], _OPPONENT[1:]) if solved.shape[1] == 3 else (torch.eye(solved.shape[1]),):
        products = torch.zeros(5, bands, dtype=torch.float64, device=index.device)
        for axis in group:  # one by one: the spectra of a large image are large
            h, u, d, n = (spectrum(image, axis) for image in (solved, unbiased, derivative, noise))
            products += torch.stack([inner(h, h), inner(h, u), inner(u, u), inner(d, n), inner(n, n)])
        hh, hu, uu, dn, nn = products
        count = total(torch.ones_like(weights)) * len(group)
        # a hundredth of a grey level keeps the gains of an image without any noise from 0 / 0
        held = prior * nn / count + 1e-4 * count
        hx, ux, hh, uu = hu - dn + held, uu - nn, hh + held, uu + held
        determinant = hh * uu - hu * hu
        g1, g2 = ((hx * uu - ux * hu) / determinant)[index], ((ux * hh - hx * hu) / determinant)[index]
        g1[0, 0], g2[0, 0] = 0, 1
        for axis in group:
            mixed = g1 * spectrum(solved, axis) + g2 * spectrum(unbiased, axis)
            image = torch.fft.irfft2(mixed, s=(height, width), norm="ortho") if periodic else from_cosines(mixed)
            result[0] += axis.to(result)[:, None, None] * image.to(result)
    return result


def annuli(height: int, width: int, count: int, periodic: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Number of the annulus of each frequency, from 0 to count - 1, and how many coefficients of the transform it stands for.

    Of `torch.fft.rfft2`, (height, width // 2 + 1), if periodic; else of `cosines`, (height, width).
    """
    if periodic:
        rows, columns = torch.fft.fftfreq(height), torch.fft.rfftfreq(width)
    else:
        rows, columns = (torch.arange(side) / (2 * side) for side in (height, width))
    share = torch.hypot(rows[:, None], columns).div(0.5**0.5).sqrt()  # 0 to 1, narrower rings at low frequencies
    weights = torch.ones(share.shape, dtype=torch.float64)
    if periodic:  # frequencies that rfft2 leaves out are the mirror images of those it keeps
        weights[:, 1 : (width + 1) // 2] = 2
    return (share * count).long().clamp(max=count - 1), weights


def cosines(image: torch.Tensor) -> torch.Tensor:
    """Orthonormal DCT-II along the last two dimensions (Makhoul, IEEE TASSP 1980): as of an image beside its mirror images."""
    for _ in range(2):
        length = image.shape[-1]
        found = torch.fft.fft(torch.cat([image[..., ::2], image[..., 1::2].flip(-1)], dim=-1))
        image = ((found * _turns(length, image)).real * _scale(length, image)).transpose(-1, -2)
    return image


def from_cosines(coefficients: torch.Tensor) -> torch.Tensor:
    """The image that has these `cosines`."""
    for _ in range(2):
        length = coefficients.shape[-1]
        real = coefficients / _scale(length, coefficients)
        behind = torch.cat([torch.zeros_like(real[..., :1]), real[..., 1:].flip(-1)], dim=-1)
        mixed = torch.fft.ifft(torch.complex(real, -behind) * _turns(length, real).conj()).real
        image = torch.empty_like(mixed)
        image[..., ::2], image[..., 1::2] = mixed[..., : (length + 1) // 2], mixed[..., (length + 1) // 2 :].flip(-1)
        coefficients = image.transpose(-1, -2)
    return coefficients


def _turns(length: int, like: torch.Tensor) -> torch.Tensor:
    angle = torch.arange(length, dtype=like.dtype, device=like.device) * (-math.pi / (2 * length))
    return torch.polar(torch.ones_like(angle), angle)


def _scale(length: int, like: torch.Tensor) -> torch.Tensor:
    scale = torch.full((length,), math.sqrt(2 / length), dtype=like.dtype, device=like.device)
    scale[0] = math.sqrt(1 / length)
    return scale
