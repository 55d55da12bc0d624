"""Two estimates of an image added up with the gains that Stein's estimate of the risk gives each band of frequencies.

`score_solver_plus` has the formulas.
"""

from __future__ import annotations

import torch


def combined(
    solved: torch.Tensor, unbiased: torch.Tensor, derivative: torch.Tensor, noise: torch.Tensor,
    *, bands: int, ridge: float, mirror: bool,
) -> torch.Tensor:  # fmt: skip
    """G1 H + G2 U back in the image domain, (1, C, H, W).

    Parameters
    ----------
    solved, unbiased : Tensor
        h(y) and u, (1, C, H, W).
    derivative, noise : Tensor
        dh(b) and what the linear map y -> u makes of b, of the same shape.
    bands : int
        Annuli of frequencies.
    ridge : float
        Share by which <H, H> and <U, U> are raised.
    mirror : bool
        Continue each image by its mirror images, so that opposite edges do not leak into each other.
    """
    height, width = ((1 + mirror) * side for side in solved.shape[-2:])
    index = annuli(height, width, bands).to(solved.device)

    def spectrum(image: torch.Tensor, channel: int) -> torch.Tensor:
        one = image[0, channel].double()
        return torch.fft.rfft2(mirrored(one) if mirror else one)

    def inner(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        # frequencies that rfft2 leaves out are the mirror images of those it keeps
        product = (p * q.conj()).real
        product[:, 1 : (width + 1) // 2] *= 2
        sums = torch.zeros(bands, dtype=product.dtype, device=product.device)
        return sums.index_add_(0, index.flatten(), product.flatten())

    products = []
    for channel in range(solved.shape[1]):  # one by one: the spectra of a large image are large
        h, u, d, n = (spectrum(image, channel) for image in (solved, unbiased, derivative, noise))
        products.append(torch.stack([inner(h, h), inner(h, u), inner(u, u), inner(d, n), inner(n, n)]))
    hh, hu, uu, dn, nn = torch.stack(products).sum(dim=0)
    hx, ux = hu - dn, uu - nn
    # the power of a hundredth of a grey level keeps the gains of an image without any from 0 / 0
    floor = 1e-4 * height * width * solved.shape[1] * inner(torch.ones_like(h), torch.ones_like(h))
    hh, uu = hh * (1 + ridge) + floor, uu * (1 + ridge) + floor
    determinant = hh * uu - hu * hu
    g1, g2 = ((hx * uu - ux * hu) / determinant)[index], ((ux * hh - hx * hu) / determinant)[index]
    result = torch.empty_like(solved)
    for channel in range(solved.shape[1]):
        mixed = g1 * spectrum(solved, channel) + g2 * spectrum(unbiased, channel)
        result[0, channel] = torch.fft.irfft2(mixed, s=(height, width))[: solved.shape[-2], : solved.shape[-1]]
    return result


def mirrored(image: torch.Tensor) -> torch.Tensor:
    """An image (H, W) with its mirror images, (2 H, 2 W): periodic without a jump, as the DCT takes images."""
    wide = torch.cat([image, image.flip(-1)], dim=-1)
    return torch.cat([wide, wide.flip(-2)], dim=-2)


def annuli(height: int, width: int, count: int) -> torch.Tensor:
    """Number of the annulus of each frequency of `torch.fft.rfft2`, (height, width // 2 + 1), from 0 to count - 1."""
    rows, columns = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None]
    share = torch.hypot(rows, columns).div(0.5**0.5).sqrt()  # 0 to 1, narrower rings at low frequencies
    return (share * count).long().clamp(max=count - 1)
