"""Sets of measured noise: `DIR/<set>/noisy/NAME`, with `clean/NAME`, with `second/NAME`, or with neither.

`second/` holds a further shot of each image, independent of the first and of the same law. Nothing else below the set is read.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from bench.data.apart.separation import fingerprint, repeats
from bench.data.colour import channels_for, with_channels
from bench.data.formats import Pixels
from bench.data.frames import Source, list_sources, read
from bench.data.halves import ALL, halved
from bench.data.images import centre_crop, image_files, problem, text_of
from bench.data.layout import LEAST, SAMPLE
from bench.data.levels import Extent, in_grey_levels, unclipped, white_levels, white_words
from bench.data.partners import partners_of, quieter, refuse_clean, refuse_grey, refuse_partner, unevenly_bright, unlike
from bench.data.reading import Image, ImageSet
from noise.names import nearest

#: The folders of a set.
NOISY, CLEAN, SECOND = "noisy", "clean", "second"
#: Names of sets: they are names of rows, beside those of noise models, and of files.
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
#: Folders of a folder of data sets that are no sets themselves.
NO_SETS = ("train", "downloads")
T = TypeVar("T")
#: Endings of files whose format loses detail.
JPEG = (".jpg", ".jpeg", ".jpe", ".jfif")
_LAYOUT = "DIR/<set>/noisy/ with images, and clean/ or second/ beside it or neither"


@dataclass(frozen=True, eq=False)
class Shot(Image):
    """An image as it was taken: `pixels` are the noisy ones, float32 grey levels, neither clipped nor rounded.

    Parameters
    ----------
    clean : ndarray or None
        What many shots average to, (H, W, C) grey levels in [0, 255].
    second : ndarray or None
        A further shot, as `pixels`.
    half : int
        1 or 2: which half of the set it belongs to; `ALL` where the set has no halves.
    """

    clean: Pixels | None = None
    second: Pixels | None = None
    half: int = ALL


@dataclass(frozen=True)
class MeasuredSet:
    """A set of measured noise, read.

    Parameters
    ----------
    images : ImageSet
        Of `Shot`s.
    channels : int
        1 or 3.
    white : Mapping
        White levels of values of more than 8 bits, by kind.
    end : float or None
        The level (grey levels) at which the files' values end; None for floats.
    compressed : bool
        The files' format loses detail (JPEG).
    repeated : tuple of tuple of str
        Names of images that are near duplicates, by the clean ones, or exact copies where there are none of these: what is
        alike in noisy images of other fields may be the instrument's.
    remarks : tuple of str
        Sentences on white levels, and on pairs that are hardly of one scene.
    """

    images: ImageSet
    channels: int
    white: Mapping[str, float]
    end: float | None
    compressed: bool
    repeated: tuple[tuple[str, ...], ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.images.name

    @property
    def shots(self) -> tuple[Shot, ...]:
        return tuple(image for image in self.images.images if isinstance(image, Shot))

    @property
    def beside(self) -> tuple[str, ...]:
        """What there is of each image beside the noisy one."""
        first = self.shots[0]
        return (*([CLEAN] if first.clean is not None else []), *([SECOND] if first.second is not None else []))

    @property
    def halves(self) -> bool:
        """Whether there are halves, for networks that must not be tested on what they have learnt from."""
        return self.shots[0].half != ALL

    def learnt_from(self, half: int) -> ImageSet:
        """The training images of a network: all, or those of one half."""
        chosen = tuple(shot for shot in self.shots if half in (ALL, shot.half))
        return replace(self.images, role="training", images=chosen)


def find_measured(source: str) -> dict[str, Path]:
    """The sets of measured noise in a folder of data sets, by name; none in the embedded images.

    Raises UsageError where it cannot be read, or is such a set itself.
    """
    root = Path(os.path.expanduser(source))
    if source == SAMPLE or not os.path.isdir(root):  # what is wrong with a name, the other sets tell
        return {}
    try:
        inside = sorted(path for path in root.iterdir() if not path.name.startswith(".") and path.is_dir())
        sets = [path for path in inside if path.name not in NO_SETS and (path / NOISY).is_dir() and image_files(path / NOISY)]
    except OSError as error:
        raise problem(root, f"cannot be read: {error.strerror or error}", _LAYOUT) from None
    if not sets and root / NOISY in inside and root / "train" not in inside and image_files(root / NOISY):
        own = Path(os.path.abspath(root))
        kinds = [f"{path.name}/" for path in inside if path.name in (NOISY, CLEAN, SECOND)]
        raise problem(
            root,
            f"is a set of measured noise itself, with {' and '.join(kinds)}",
            f"the folder that it lies in: --data {own.parent} --noise {own.name}",
        )
    return {text_of(path, path.name): path for path in sets}


def beside_of(folder: Path) -> tuple[str, ...]:
    """What there is beside the noisy images of the set in that folder, no image looked at."""
    return tuple(kind for kind in (CLEAN, SECOND) if (folder / kind).is_dir())


def load_measured(
    source: str,
    names: Sequence[str],
    *,
    test_images: int | None = None,
    test_crop: int | None = None,
    patch: int = 1,
    colour: str = "auto",
    white: str = "auto",
) -> tuple[MeasuredSet, ...]:
    """Read and check sets of measured noise.

    Parameters
    ----------
    test_images, test_crop : int or None
        The first so many images, and their centre of at most this side: of those that are tested and learnt from alike.
    patch : int
        Side of a training patch (pixels), which every image must have.
    colour, white : str
        As for `bench.data.sets.load`, for each set on its own.

    Raises
    ------
    UsageError
        One line: a set that is not there, partners that are missing or of another size, files that cannot be read.
    """
    if not names:
        return ()
    there, read = find_measured(source), []
    for name in names:
        if name not in there:
            known = f"one of {', '.join(there)}" if there else _LAYOUT
            raise problem(source, f"no set of measured noise {name!r}{nearest(name, there)}", known)
    for name in names:
        folder, every = there[name], list_sources(there[name] / NOISY)
        chosen = every[: test_images or None]
        kinds = {NOISY: chosen} | {kind: partners_of(folder / kind, chosen, NOISY) for kind in beside_of(folder)}
        read.append(_read(name, kinds, len(every), test_crop or None, max(LEAST, patch), colour, white))
    return tuple(read)


def load_noisy(
    source: str, name: str, most: int, colour: str, white: str, levels: Mapping[str, float] = MappingProxyType({})
) -> MeasuredSet:
    """At most so many noisy images of a set, evenly over their names, whole, and nothing that lies beside them.

    Keywords and errors are those of `load_measured`, but for a set that is not there: KeyError. `levels` are white levels that
    are known already, by kind of value; `white` gives the others.
    """
    every = list_sources(find_measured(source)[name] / NOISY)
    return _read(name, {NOISY: evenly(every, most)}, len(every), None, LEAST, colour, white, levels)


def evenly(things: Sequence[T], most: int) -> list[T]:
    """At most so many of them, the first and the last among them."""
    return [things[i] for i in np.unique(np.linspace(0, len(things) - 1, most).round().astype(int))]


def _read(
    name: str, kinds: Mapping[str, Sequence[Source]], of: int, crop: int | None, least: int, colour: str, white: str,
    known: Mapping[str, float] = MappingProxyType({}),
) -> MeasuredSet:  # fmt: skip
    chosen = kinds[NOISY]
    beside_noisy = [kind for kind in kinds if kind != NOISY]
    digest, extent = hashlib.sha256(), Extent()
    stored: dict[str, list[npt.NDArray[Any]]] = {kind: [] for kind in kinds}
    for sources in zip(*kinds.values(), strict=True):
        for kind, source in zip(kinds, sources, strict=True):
            pixels, content, _ = read(source)
            digest.update(f"{kind}/{source.name}\0".encode() + hashlib.sha256(content).digest())
            extent.note(f"{name}/{kind}/{source.name}", pixels)
            if kind != NOISY:
                refuse_partner(source, pixels, stored[NOISY][len(stored[kind])], kind == SECOND)
            elif min(pixels.shape[:2]) < least:
                height, width = pixels.shape[:2]
                raise problem(source, f"{width}x{height} pixels, too small for a patch", f"at least {least}x{least}")
            stored[kind].append(pixels)
        if CLEAN in kinds and SECOND in kinds:
            refuse_clean(sources[list(kinds).index(SECOND)], stored[SECOND][-1], stored[CLEAN][-1])
    asked = {kind: largest for kind, largest in extent.largest.items() if kind not in known}
    levels = white_levels(white, asked) | {kind: known[kind] for kind in extent.largest if kind in known}
    scaled = {kind: [unclipped(pixels, levels) for pixels in each] for kind, each in stored.items() if kind != CLEAN}
    if CLEAN in stored:
        places = [f"{name}/{CLEAN}/{source.name}" for source in kinds[CLEAN]]
        scaled[CLEAN] = [in_grey_levels(*each, levels, extent) for each in zip(places, stored[CLEAN], strict=True)]
    channels = channels_for(colour, [np.clip(pixels, 0, 255) for pixels in scaled[NOISY]])
    for kind in beside_noisy if channels == 3 else ():
        for source, pixels, noisy in zip(kinds[kind], stored[kind], stored[NOISY], strict=True):
            refuse_grey(source, pixels, noisy)
    ready = {kind: [_cropped(with_channels(pixels, channels), crop) for pixels in each] for kind, each in scaled.items()}
    halves = halved([source.name for source in chosen])
    shots = tuple(
        Shot(
            name, source.name, ready[NOISY][i],
            ready[CLEAN][i] if CLEAN in ready else None,
            ready[SECOND][i] if SECOND in ready else None,
            halves[i],
        )
        for i, source in enumerate(chosen)
    )  # fmt: skip
    cut = sum(pixels.shape[:2] != shot.pixels.shape[:2] for pixels, shot in zip(stored[NOISY], shots, strict=True))
    floats = any(pixels.dtype.kind == "f" for pixels in stored[NOISY])
    compressed = any(source.path.suffix.lower() in JPEG for source in chosen)
    images = ImageSet(name, "measured", shots, of, crop, digest.hexdigest(), cut)
    alone = CLEAN not in stored
    prints = {
        kind: [
            fingerprint(source.name, pixels, exactly=alone and kind == NOISY)
            for source, pixels in zip(chosen, each, strict=True)
        ]
        for kind, each in stored.items()
    }
    repeated = tuple(tuple(chosen[i].name for i in group) for group in repeats(prints.get(CLEAN, prints[NOISY])))
    odd = [unlike(f"{name}/{kind}", list(zip(prints[NOISY], prints[kind], strict=True))) for kind in beside_noisy]
    labels = [source.name for source in chosen]
    if SECOND in kinds:
        odd.append(quieter(f"{name}/{SECOND}", list(zip(labels, scaled[NOISY], scaled[SECOND], strict=True))))
    odd += [
        unevenly_bright(f"{name}/{kind}", list(zip(labels, scaled[NOISY], scaled[kind], strict=True))) for kind in beside_noisy
    ]
    remarks = (*white_words(white, levels, [extent]), _kept_below(name, scaled[NOISY]), *odd)
    return MeasuredSet(images, channels, levels, None if floats else 255.0, compressed, repeated, tuple(filter(None, remarks)))


def _kept_below(name: str, noisy: Sequence[npt.NDArray[Any]]) -> str:
    """A sentence on values below 0 of noisy images, which are not clipped: that would bias their noise; "" for none."""
    counts = [int((pixels < 0).sum()) for pixels in noisy]
    if not any(counts):
        return ""
    return f"{sum(counts)} values in {sum(map(bool, counts))} noisy images of {name} are below 0, and stay so."


def _cropped(pixels: npt.NDArray[Any], crop: int | None) -> npt.NDArray[Any]:
    found = (centre_crop(pixels, crop) if crop else pixels).astype(np.float32)
    found.setflags(write=False)
    return found


def thinned(counts: npt.NDArray[np.integer], share: float, seed: int) -> npt.NDArray[np.int64]:
    """A shorter exposure of photon counts: each photon is kept with the probability `share`.

    Of Poisson counts of mean m these are Poisson counts of mean share m. Of a second exposure that is longer than the first,
    it makes a second shot of the same law: share = the first one's time / the second one's.
    Raises ValueError for a share outside of (0, 1], and for values below 0.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share {share}: expected a number above 0, at most 1")
    if counts.min() < 0:
        raise ValueError(f"counts down to {counts.min()}: expected 0 or above")
    return np.random.default_rng(seed).binomial(counts, share)
