"""Data sets: which images are test, training and validation images, read and checked before any work.

A folder DIR of data sets holds `DIR/<test set>/` and `DIR/train/<training set>/`. The embedded `sample` is a handful of
photographs from inside the scikit-image and matplotlib packages. Nothing here depends on a seed.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.data import separation
from bench.data.colour import channels_for, made_grey, with_channels
from bench.data.images import Pixels, centre_crop, decode_noting, hashed_crop, image_name, image_size, problem, read_bytes
from bench.data.layout import HELD_OUT, LEAST, SAMPLE, SAMPLE_FILES, Options, Planned, Role, plan, plan_tests
from bench.data.left_out import left_out
from bench.errors import UsageError, one_line


@dataclass(frozen=True, eq=False)
class Image:
    """One image: its data set, its name there (file name without ending) and its pixels, (H, W, C) uint8, read-only.

    C is 3, or 1 where the run's images are grey.
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


@dataclass(frozen=True)
class Data:
    """All images of a run, one sentence on the check that test and training images are apart, and which test images are not.

    `remarks` are sentences on what a user may not expect, for the console and run.json. `repeated` holds the (data set, name)
    of test images that are near duplicates of each other, a group for each picture. The full photographs and centres of Kodak,
    which are the same files, are in none for that alone. `channels` is how many all images have, 3 or 1.
    """

    test: tuple[ImageSet, ...]
    training: tuple[ImageSet, ...]
    validation: ImageSet
    separation: str
    remarks: tuple[str, ...] = ()
    repeated: tuple[tuple[tuple[str, str], ...], ...] = ()
    channels: int = 3


def load(
    source: str,
    *,
    test_sets: Sequence[str] = (),
    test_images: int | None = None,
    test_crop: int | None = None,
    training_crop: int | None = None,
    validation_images: int = HELD_OUT,
    validation_crop: int | None = None,
    patch: int = 64,
    colour: str = "rgb",
) -> Data:
    """Read, check and split the images of a run.

    Parameters
    ----------
    source : str
        "sample", or a folder of data sets.
    test_sets : sequence of str
        Names of the test sets wanted, in this order; empty: all.
    test_images : int or None
        The first so many images of each test set, by name; None or 0 (here and for the crops): no limit.
    test_crop, validation_crop : int or None
        Centre crop to at most this side (pixels); a smaller side is kept whole.
    training_crop : int or None
        Each training image gives one crop of at most this side (pixels), at a place that a hash of its name chooses;
        no limit: whole images. The three training images of `sample` are always whole.
    validation_images : int
        So many images of the first training set (bsds432 where there): those with the smallest sha256 of the name. 24
        are kept out of training even where fewer are looked at, so that no setting trains on another's validation
        images. A set of fewer than 48 gives up only those looked at, and a quarter at most where they are over half.
    patch : int
        Side of a training patch (pixels).
    colour : str
        "grey", "rgb", or "auto", as `bench.data.colour.channels_for` has it.

    Raises
    ------
    UsageError
        One line with the first problem found: layout, names, unreadable or unsuitable files, images too small (and how
        many more problems of these two kinds), test images in the training set.
    """
    for option, value, least, unit in (
        ("test_images", test_images, 1, "image"),
        ("validation_images", validation_images, 0, "images"),
        ("test_crop", test_crop, LEAST, "pixels"),
        ("validation_crop", validation_crop, LEAST, "pixels"),
        ("training_crop", training_crop, patch, "pixels, one patch"),
    ):
        if value and value < least:
            raise UsageError(f"{option} is {value}; expected at least {least} {unit}")
    options = Options(
        test_sets=tuple(unicodedata.normalize("NFC", name) for name in test_sets),
        test_images=test_images or None,
        test_crop=test_crop or None,
        training_crop=training_crop or None,
        validation_images=validation_images,
        validation_crop=validation_crop or None,
        patch=patch,
    )
    planned = plan(source, options)
    data = _read(planned, by_pixels=source == SAMPLE, colour=colour)
    return replace(data, remarks=(*_left_out(source, planned), *data.remarks))


def load_tests(
    source: str,
    *,
    test_sets: Sequence[str] = (),
    test_images: int | None = None,
    test_crop: int | None = None,
    colour: str = "rgb",
) -> tuple[ImageSet, ...]:
    """The test sets of a source alone, whatever training images it has or lacks. Keywords and errors are those of `load`."""
    options = Options(
        test_sets=tuple(unicodedata.normalize("NFC", name) for name in test_sets),
        test_images=test_images or None,
        test_crop=test_crop or None,
    )
    problems: list[str] = []
    sets = tuple(_read_set(p, source == SAMPLE, {}, problems, []) for p in plan_tests(source, options))
    if problems:
        raise UsageError(problems[0])
    return tuple(_with_channels(chosen, channels_for(colour, _pixels(sets))) for chosen in sets)


def describe(source: str) -> list[tuple[str, Role, int, str]]:
    """The image sets of a source as (name, role, number of images, sizes in words: '18 at 768x512, 6 at 512x768').

    Reads headers alone. Raises UsageError as `load` does for the layout and for files that are no images.
    """
    return [(p.name, p.role, len(p.paths), _sizes(p)) for p in plan(source, Options())]


def unused(source: str) -> list[str]:
    """Sentences on what lies there and is not used by a run with all test sets. Raises UsageError as `describe` does."""
    return _left_out(source, plan(source, Options()))


def _left_out(source: str, planned: Sequence[Planned]) -> list[str]:
    folders = [path.parent for p in planned for path in p.paths]
    return [] if source == SAMPLE else left_out(Path(os.path.expanduser(source)), folders)


def _read(planned: list[Planned], by_pixels: bool, colour: str) -> Data:
    problems: list[str] = []
    prints: dict[bool, dict[Path, separation.Fingerprint]] = {True: {}, False: {}}
    turned: list[str] = []
    sets = [_read_set(p, by_pixels, prints[p.role == "test"], problems, turned) for p in planned]
    if problems:
        rest = len(problems) - 1
        raise UsageError(problems[0] + (f" (and {rest} more such problem{'s' if rest > 1 else ''})" if rest else ""))
    sentence = separation.check(prints[True].values(), prints[False].values())
    test, training, validation = (tuple(s for s in sets if s.role == role) for role in SAMPLE_FILES)
    channels = channels_for(colour, _pixels(test))
    remarks = list(_as_stored(list(dict.fromkeys(turned))))
    if channels == 1 and (told := made_grey(_pixels(test), _pixels(training))):
        remarks.append(told)
    test, training, validation = (
        tuple(_with_channels(chosen, channels) for chosen in sets) for sets in (test, training, validation)
    )
    repeated = _repeated(planned, prints[True])
    return Data(test, training, validation[0], sentence, tuple(remarks), repeated, channels)


def _pixels(sets: Sequence[ImageSet]) -> list[Pixels]:
    return [image.pixels for chosen in sets for image in chosen.images]


def _with_channels(chosen: ImageSet, channels: int) -> ImageSet:
    """The set with images of so many channels, read-only as before."""
    images = []
    for image in chosen.images:
        pixels = with_channels(image.pixels, channels)
        pixels.setflags(write=False)
        images.append(replace(image, pixels=pixels))
    return replace(chosen, images=tuple(images))


def _as_stored(turned: list[str]) -> tuple[str, ...]:
    """A sentence on images with a tag that asks viewers to turn them."""
    if not turned:
        return ()
    those = f"{len(turned)} images have" if len(turned) > 1 else "1 image has"
    return (f"{those} a tag to be turned or mirrored when shown ({turned[0]}): read as stored, not turned.",)


def _repeated(planned: list[Planned], prints: dict[Path, separation.Fingerprint]) -> tuple[tuple[tuple[str, str], ...], ...]:
    places: dict[Path, list[tuple[str, str]]] = {}
    for p in planned:
        for path in p.paths if p.role == "test" else ():
            places.setdefault(path, []).append((p.name, image_name(path)))
    paths = list(prints)
    return tuple(
        tuple(place for index in group for place in places[paths[index]]) for group in separation.repeats(prints.values())
    )


def _read_set(
    p: Planned, by_pixels: bool, prints: dict[Path, separation.Fingerprint], problems: list[str], turned: list[str]
) -> ImageSet:
    """Read one set; add the whole images' fingerprints to `prints`, what is wrong with files to `problems`, and the labels of
    those with a tag on their orientation to `turned`."""
    images, cut = [], 0
    digest = hashlib.sha256()
    for path in p.paths:
        try:
            data = read_bytes(path)
            pixels, tagged = decode_noting(data, path)
            _check_size(p, path, pixels)
        except UsageError as error:
            problems.append(str(error))
            continue
        name = image_name(path)
        content = repr(pixels.shape).encode() + pixels.tobytes() if by_pixels else data
        digest.update(hashlib.sha256(name.encode()).digest() + hashlib.sha256(content).digest())
        if path not in prints:  # kodak24 and kodak24-500 are the same files
            label = one_line(f"{'' if p.role == 'test' else 'train/'}{p.name}/{name}")
            prints[path] = separation.fingerprint(label, pixels)
            turned += [label] if tagged else []
        kept = _crop(p, name, pixels)
        cut += kept.shape[:2] != tuple(min(size, p.side or size) for size in pixels.shape[:2])
        images.append(Image(p.name, name, kept))
    return ImageSet(p.name, p.role, tuple(images), p.of, p.crop, digest.hexdigest(), cut)


def _check_size(p: Planned, path: Path, pixels: Pixels) -> None:
    height, width, _ = pixels.shape
    if min(height, width) < p.least:
        if p.side:
            need = f"for the {p.side}x{p.side} centres of {p.name}"
        else:
            need = "for a test image" if p.role == "test" else "for a patch"
        raise problem(path, f"{width}x{height} pixels, too small {need}", f"at least {p.least}x{p.least}")


def _crop(p: Planned, name: str, pixels: Pixels) -> Pixels:
    """The part that is used, read-only and without the rest in memory."""
    if p.side:
        pixels = centre_crop(pixels, p.side)
    if p.crop:
        pixels = hashed_crop(pixels, p.crop, name) if p.role == "training" else centre_crop(pixels, p.crop)
    pixels = pixels.copy()
    pixels.setflags(write=False)
    return pixels


def _sizes(p: Planned) -> str:
    if p.side:
        return f"{len(p.paths)} at {p.side}x{p.side}"
    counts = Counter(image_size(path) for path in p.paths)
    if len(counts) <= 3:
        return ", ".join(f"{n} at {width}x{height}" for (width, height), n in counts.most_common())
    (w0, h0), (w1, h1) = (pick(counts, key=lambda s: s[0] * s[1]) for pick in (min, max))
    return f"{w0}x{h0} to {w1}x{h1}"
