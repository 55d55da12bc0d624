"""Training patches: drawn at random from noisy images that are themselves drawn once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bench.data.sets import Image
from bench.plan.seeds import generator_of
from noise import Decorrelated, NoiseModel


@dataclass(frozen=True)
class Patches:
    """Fixed noisy images on the training device, and their clean ones where a method may see them.

    Parameters
    ----------
    noisy, clean : list of Tensor
        (3, H, W) grey levels each, as the network sees them, float32 (clean: also uint8); `clean` is empty for
        unsupervised methods.
    """

    noisy: list[torch.Tensor]
    clean: list[torch.Tensor]

    def draw(self, seed: int, step: int, count: int, size: int, flips: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
        """`count` patches (count, 3, size, size) for that step, which depend on `seed` and `step` alone.

        Places are uniform over all images' pixels (an image is drawn in proportion to its number of places). With `flips`
        each patch is turned and mirrored into one of its 8 positions.
        """
        rng = np.random.default_rng([seed, step])
        places = np.array([(y.shape[-2] - size + 1) * (y.shape[-1] - size + 1) for y in self.noisy])
        chosen = rng.choice(len(places), count, p=places / places.sum())
        corners = rng.random((count, 2))
        turns = rng.integers(8, size=count) if flips else np.zeros(count, dtype=int)
        picks = list(zip(chosen.tolist(), corners.tolist(), turns.tolist(), strict=True))
        noisy = torch.stack([_cut(self.noisy[i], corner, turn, size) for i, corner, turn in picks])
        if not self.clean:
            return noisy, None
        return noisy, torch.stack([_cut(self.clean[i], corner, turn, size) for i, corner, turn in picks]).float()


def _cut(image: torch.Tensor, corner: list[float], turn: int, size: int) -> torch.Tensor:
    top = int(corner[0] * (image.shape[-2] - size + 1))
    left = int(corner[1] * (image.shape[-1] - size + 1))
    patch = image[..., top : top + size, left : left + size]
    return turned(patch, turn)


def turned(image: torch.Tensor, turn: int) -> torch.Tensor:
    """The image in one of its 8 positions: `turn` modulo 4 quarter turns, and mirrored from 4 on."""
    image = torch.rot90(image, turn % 4, (-2, -1))
    return image.flip(-1) if turn >= 4 else image


def turned_back(image: torch.Tensor, turn: int) -> torch.Tensor:
    """The inverse of `turned`."""
    return torch.rot90(image.flip(-1) if turn >= 4 else image, -(turn % 4), (-2, -1))


def as_tensor(image: Image, device: str | torch.device = "cpu") -> torch.Tensor:
    """Pixels as a (3, H, W) float32 tensor of grey levels."""
    return torch.tensor(image.pixels, device=device).permute(2, 0, 1).float().contiguous()


def make_patches(
    images: Sequence[Image],
    model: NoiseModel,
    seen: Decorrelated | None,
    seed: int,
    supervised: bool,
    device: str | torch.device,
) -> Patches:
    """Draw the one noisy image of every training image, and put what the network sees on the device.

    The noise is a function of (law, data set, image name, seed) alone.

    Parameters
    ----------
    seen : Decorrelated or None
        Feed A^-1 y. Its noise is then drawn for the decorrelated law itself, which gives the same numbers as A^-1 of
        the correlated draw, and makes equal laws train on equal images.
    """
    law = seen.model if seen else model
    noisy, clean = [], []
    for image in images:
        x = as_tensor(image)
        if seen is not None:
            x = seen.forward_clean(x)
        generator = generator_of("training noise", law.law, image.dataset, image.name, seed)
        noisy.append(law.sample(x, generator).to(device))
        if supervised:
            whole = seen is None or seen.same_image
            clean.append((x.to(torch.uint8) if whole else x).to(device))  # a quarter of the memory, and exact
    return Patches(noisy, clean)
