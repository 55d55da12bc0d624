"""Training patches: drawn at random from noisy images that are themselves drawn once."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from bench.data.formats import Pixels
from bench.data.measured import Shot
from bench.data.sets import Image
from bench.files.short_names import short_name
from bench.plan.seeds import generator_of
from bench.training.gather import gathered, packed
from bench.training.shared_images import shared_images
from noise import Decorrelated, NoiseModel


@dataclass(frozen=True)
class Patches:
    """Fixed noisy images on the training device, and their clean ones where a method may see them.

    Parameters
    ----------
    noisy, clean : list of Tensor
        (C, H, W) grey levels each, as the network sees them, float32 (clean: also uint8); `clean` is empty for
        unsupervised methods. On a GPU they are `packed`.
    second : list of Tensor
        A second noisy draw of each; empty unless the method knows it, in which case `clean` is.
    """

    noisy: list[torch.Tensor]
    clean: list[torch.Tensor]
    second: list[torch.Tensor] = field(default_factory=list)

    @cached_property
    def _sides(self) -> npt.NDArray[np.int64]:
        """(n, 2): height and width of each image. To ask hundreds of tensors takes longer than the draw."""
        return np.array([image.shape[-2:] for image in self.noisy])

    def draw(self, seed: int, step: int, count: int, size: int, flips: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
        """`count` patches (count, C, size, size) for that step, which depend on `seed` and `step` alone.

        Places are uniform over all images' pixels (an image is drawn in proportion to its number of places). With `flips`
        each patch is turned and mirrored into one of its 8 positions. Beside the noisy patches those of `clean`, or of
        `second`; None where there is neither.
        """
        rng = np.random.default_rng([seed, step])
        places = (self._sides - size + 1).prod(axis=1)
        chosen = rng.choice(len(places), count, p=places / places.sum())
        where = rng.random((count, 2))
        turns = rng.integers(8, size=count)
        corners = (where * (self._sides[chosen] - size + 1)).astype(np.int64)
        pixels = turned_pixels(size, self.noisy[0].device)

        def cut(images: list[torch.Tensor]) -> torch.Tensor:
            if pixels.device.type != "cpu":
                return gathered(images, chosen, corners, turns if flips else np.zeros_like(turns), size, pixels)
            picks = zip(chosen.tolist(), corners.tolist(), strict=True)
            pieces = torch.stack([images[i][..., top : top + size, left : left + size] for i, (top, left) in picks])
            if not flips:
                return pieces
            places = pixels[torch.from_numpy(turns)][:, None].expand(-1, pieces.shape[1], -1)
            return pieces.flatten(2).gather(2, places).view_as(pieces)

        others = self.clean or self.second
        return cut(self.noisy), cut(others).float() if others else None


@cache
def turned_pixels(size: int, device: torch.device) -> torch.Tensor:
    """(8, size * size): for each position, which pixel of the patch is where."""
    pixels = torch.arange(size**2).view(size, size)
    return torch.stack([turned(pixels, turn).flatten() for turn in range(8)]).to(device)


def turned(image: torch.Tensor, turn: int) -> torch.Tensor:
    """The image in one of its 8 positions: `turn` modulo 4 quarter turns, and mirrored from 4 on."""
    image = torch.rot90(image, turn % 4, (-2, -1))
    return image.flip(-1) if turn >= 4 else image


def turned_back(image: torch.Tensor, turn: int) -> torch.Tensor:
    """The inverse of `turned`."""
    return torch.rot90(image.flip(-1) if turn >= 4 else image, -(turn % 4), (-2, -1))


def as_tensor(image: Image, device: str | torch.device = "cpu") -> torch.Tensor:
    """Pixels as a (C, H, W) float32 tensor of grey levels."""
    return channels_first(image.pixels, device)


def channels_first(pixels: Pixels, device: str | torch.device = "cpu") -> torch.Tensor:
    """(H, W, C) pixels as a (C, H, W) float32 tensor."""
    return torch.tensor(pixels, device=device).permute(2, 0, 1).float().contiguous()


def as_bytes(image: Image) -> torch.Tensor:
    """Pixels as a (C, H, W) tensor, uint8 where they are: a view of the image, not to be written to."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it cannot be written to
        return torch.from_numpy(image.pixels).permute(2, 0, 1)


def make_patches(
    images: Sequence[Image],
    model: NoiseModel,
    seen: Decorrelated | None,
    seed: int,
    supervised: bool,
    device: str | torch.device,
    folder: Path | None = None,
    pairs: bool = False,
) -> Patches:
    """Draw the one noisy image of every training image, and put what the network sees on the device.

    The noise is a function of (law, data set, image name, seed) alone. Images of measured noise have theirs.

    Parameters
    ----------
    seen : Decorrelated or None
        Feed A^-1 y. Its noise is then drawn for the decorrelated law itself, which gives the same numbers as A^-1 of
        the correlated draw, and makes equal laws train on equal images.
    folder : Path or None
        Where workers on a CPU share what they draw (`bench.training.shared_images`); None: each draws its own.
    pairs : bool
        Draw a second noisy image of each, for methods that know it.
    """
    shots = [image for image in images if isinstance(image, Shot)]
    if shots:
        return _measured(shots, seen, supervised, device, pairs)
    law = seen.model if seen else model
    place = folder if torch.device(device).type == "cpu" else None

    def seen_clean(image: Image) -> torch.Tensor:
        return as_tensor(image) if seen is None else seen.forward_clean(as_tensor(image))

    def drawn(image: Image, *which: str) -> torch.Tensor:
        purpose = ("training noise", law.law, image.dataset, image.name, seed, *which)
        return law.sample(seen_clean(image), generator_of(*purpose))

    noisy = _on(device, shared_images(place, shared_name(model, seen, seed), images, drawn))
    if pairs:
        name = f"second--{shared_name(model, seen, seed)}"
        again = shared_images(place, name, images, lambda image: drawn(image, "second"))
        return Patches(noisy, [], _on(device, again))
    if not supervised:
        return Patches(noisy, [])
    if seen is None or seen.same_image:  # a quarter of the memory, and exact; on a CPU the pixels themselves
        return Patches(noisy, _on(device, [as_bytes(image) for image in images]))
    sharpened = shared_images(place, f"clean--{shared_name(model, seen, seed)}", images, seen_clean)
    return Patches(noisy, _on(device, sharpened))


def _measured(
    shots: Sequence[Shot], seen: Decorrelated | None, supervised: bool, device: str | torch.device, pairs: bool
) -> Patches:
    """Measured noise is not drawn: the noisy images are there, and what a method may see beside them."""

    def given(pixels: Pixels | None, convolve: Callable[[torch.Tensor], torch.Tensor] | None) -> torch.Tensor:
        assert pixels is not None  # the method would not apply
        found = channels_first(pixels)
        return found if convolve is None else convolve(found)

    forward, forward_clean = (None, None) if seen is None else (seen.forward, seen.forward_clean)
    return Patches(
        _on(device, [given(shot.pixels, forward) for shot in shots]),
        _on(device, [given(shot.clean, forward_clean) for shot in shots] if supervised else []),
        _on(device, [given(shot.second, forward) for shot in shots] if pairs else []),
    )


def _on(device: str | torch.device, images: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """The images on the device; in one tensor where `draw` gathers patches from them."""
    there = [image.to(device) for image in images]
    return there if torch.device(device).type == "cpu" else packed(there)


def shared_name(model: NoiseModel, seen: Decorrelated | None, seed: int) -> str:
    """What the file of a noise model's noisy training images is called."""
    law = seen.model if seen else model
    view = "" if seen is None or seen.same_image else str(seen.convolution)
    digest = hashlib.sha256(repr((law.law, view)).encode()).hexdigest()[:12]
    return f"{short_name(law.slug)}--s{seed}--{digest}"
