"""What the noise models take: refused in words before anything is computed."""

from __future__ import annotations

import torch


def refuse_other_types(*images: torch.Tensor) -> None:
    """Raise TypeError for tensors that are neither float32 nor float64: noise would be rounded, or roots lose their digits."""
    for image in images:
        if image.dtype not in (torch.float32, torch.float64):
            raise TypeError(f"image of {image.dtype}: expected grey levels as float32 or float64 (x.float())")


def refuse_negative(x: torch.Tensor, slug: str) -> None:
    """Raise ValueError for a clean image with values below 0."""
    if bool((x < 0).any()):
        raise ValueError(f"image with a value of {float(x.min()):g}: expected grey levels from 0 on for {slug}")


def refuse_unlike(y: torch.Tensor, s: torch.Tensor) -> None:
    """Raise ValueError for a noisy image and a score of two shapes."""
    if y.shape != s.shape:
        raise ValueError(f"noisy image of shape {tuple(y.shape)}, score of {tuple(s.shape)}: expected one shape")


def refuse_no_inverse(invertible: bool, slug: str) -> None:
    """Raise NotImplementedError where A^-1 is needed and of no use."""
    if not invertible:
        raise NotImplementedError(f"{slug}: A^-1 amplifies some frequencies more than 100-fold: nothing is solved by it")
