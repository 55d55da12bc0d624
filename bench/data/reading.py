"""Reading the images of a set, and what is found on the way: problems, fingerprints, how far values reach."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench.data.apart import overlap, separation
from bench.data.colour import with_channels
from bench.data.formats import Pixels
from bench.data.frames import Array, Source, read
from bench.data.images import centre_crop, hashed_crop, problem
from bench.data.layout import Planned, Role
from bench.data.levels import Extent, in_grey_levels
from bench.errors import UsageError, one_line


@dataclass(frozen=True, eq=False)
class Image:
    """One image: its data set, its name there (file name without ending, and page) and its pixels, (H, W, C), read-only.

    C is 3, or 1 where the run's images are grey. They are grey levels in [0, 255]: uint8, or float32 of more than 8 bits.
    """

    dataset: str
    name: str
    pixels: Pixels


@dataclass(frozen=True)
class ImageSet:
    """Images with one role.

    Parameters
    ----------
    name : str
    role : "test", "training" or "validation"
    images : tuple of Image
        Sorted by name, cropped.
    of : int
        Images there were to choose from, before any limit.
    crop : int or None
        Largest side after the crop that was asked for (pixels); None: not asked for.
    sha256 : str
        Over the names and file bytes of `images` in order (sample: the decoded pixels), before any crop.
    cut : int
        Images that the crop made smaller.
    """

    name: str
    role: Role
    images: tuple[Image, ...]
    of: int
    crop: int | None
    sha256: str
    cut: int = 0


@dataclass
class Found:
    """What is found while sets are read that are compared with each other: those for tests, or the others.

    Attributes
    ----------
    label : str
        What is put before a set's name.
    problems : list of str
        What is wrong with files.
    prints : dict
        The whole images' fingerprints.
    parts : bool
        Whether parts of images are to be compared, too.
    numbers, squares : list
        What `bench.data.apart.overlap` needs for that: of whole test images, and of the others.
    turned : list of str
        Labels of images with a tag on their orientation.
    extent : Extent
        How far values of more than 8 bits reach.
    """

    label: str = ""
    problems: list[str] = field(default_factory=list)
    prints: dict[Source, separation.Fingerprint] = field(default_factory=dict)
    parts: bool = False
    numbers: list[tuple[str, Array]] = field(default_factory=list)
    squares: list[overlap.Squares] = field(default_factory=list)
    turned: list[str] = field(default_factory=list)
    extent: Extent = field(default_factory=Extent)

    def label_of(self, dataset: str, name: str) -> str:
        """What an image is called in a sentence."""
        return one_line(f"{self.label}{dataset}/{name}")


def refuse_problems(found: Iterable[Found]) -> None:
    """Raise UsageError where something is wrong with a file: the first, and how many more."""
    problems = [words for each in found for words in each.problems]
    rest = len(problems) - 1
    if problems:
        raise UsageError(problems[0] + (f" (and {rest} more such problem{'s' if rest > 1 else ''})" if rest else ""))


def read_set(p: Planned, by_pixels: bool, found: Found) -> ImageSet:
    """One set, its values as they are stored, and its images cropped. `by_pixels`: its hash is not over bytes of files."""
    images, cut = [], 0
    digest = hashlib.sha256()
    for source in p.paths:
        try:
            pixels, content, tagged = read(source)
            _check_size(p, source, pixels)
        except UsageError as error:
            found.problems.append(str(error))
            continue
        name = source.name
        content = repr(pixels.shape).encode() + pixels.tobytes() if by_pixels else content
        digest.update(hashlib.sha256(name.encode()).digest() + hashlib.sha256(content).digest())
        if source not in found.prints:  # kodak24 and kodak24-500 are the same files
            label = found.label_of(p.name, name)
            found.prints[source] = separation.fingerprint(label, pixels)
            if found.parts and p.role == "test":
                found.numbers.append((label, overlap.numbers_of(pixels)))
            elif found.parts:
                found.squares.append(overlap.squares_of(label, pixels))
            found.extent.note(label, pixels)
            found.turned += [label] if tagged else []
        kept = _crop(p, name, pixels)
        cut += kept.shape[:2] != tuple(min(size, p.side or size) for size in pixels.shape[:2])
        images.append(Image(p.name, name, kept))
    return ImageSet(p.name, p.role, tuple(images), p.of, p.crop, digest.hexdigest(), cut)


def _check_size(p: Planned, source: Source, pixels: Array) -> None:
    height, width, _ = pixels.shape
    if min(height, width) < p.least:
        if p.side:
            need = f"for the {p.side}x{p.side} centres of {p.name}"
        else:
            need = "for a test image" if p.role == "test" else "for a patch"
        raise problem(source, f"{width}x{height} pixels, too small {need}", f"at least {p.least}x{p.least}")


def _crop(p: Planned, name: str, pixels: Array) -> Array:
    """The part that is used, read-only and without the rest in memory."""
    if p.side:
        pixels = centre_crop(pixels, p.side)
    if p.crop:
        pixels = hashed_crop(pixels, p.crop, name) if p.role == "training" else centre_crop(pixels, p.crop)
    return _read_only(pixels.copy())


def _read_only(pixels: Array) -> Array:
    pixels.setflags(write=False)
    return pixels


def largest_of(found: Iterable[Found]) -> dict[str, tuple[float, str]]:
    """The largest value of each kind of more than 8 bits, and its image, of all that was read."""
    largest: dict[str, tuple[float, str]] = {}
    for each in found:
        for kind, there in each.extent.largest.items():
            largest[kind] = max(largest.get(kind, there), there, key=lambda known: known[0])
    return largest


def in_levels(chosen: ImageSet, white: Mapping[str, float], found: Found) -> ImageSet:
    """The set with images in grey levels: those of more than 8 bits by their white level."""
    return _changed(chosen, lambda image: in_grey_levels(found.label_of(*_place(image)), image.pixels, white, found.extent))


def in_channels(chosen: ImageSet, channels: int) -> ImageSet:
    """The set with images of so many channels."""
    return _changed(chosen, lambda image: with_channels(image.pixels, channels))


def _changed(chosen: ImageSet, change: Callable[[Image], Pixels]) -> ImageSet:
    return replace(chosen, images=tuple(replace(image, pixels=_read_only(change(image))) for image in chosen.images))


def _place(image: Image) -> tuple[str, str]:
    return image.dataset, image.name


def pixels_of(sets: Sequence[ImageSet]) -> list[Pixels]:
    """The pixels of all images."""
    return [image.pixels for chosen in sets for image in chosen.images]
