"""Data sets: which images are test, training and validation images, read and checked before any work.

A folder DIR of data sets holds `DIR/<test set>/` and `DIR/train/<training set>/`. The embedded `sample` is a handful of
photographs from inside the scikit-image and matplotlib packages. Nothing here depends on a seed.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from bench import separation
from bench.errors import UsageError, nearest
from bench.images import (
    Pixels,
    centre_crop,
    decode,
    hashed_crop,
    image_files,
    image_name,
    image_size,
    list_images,
    name_hash,
    one_line,
    problem,
    read_bytes,
)

Role = Literal["test", "training", "validation"]

SAMPLE = "sample"
#: The paper's Kodak, derived from the full images: centre crops of 500x500, cut to a multiple of 32 at their centre.
#: (So 480x480 about the centre. Of a landscape image the first is rows 6-505 and columns 134-633, counted from 0.)
KODAK, KODAK_CROPS, KODAK_SIDE = "kodak24", "kodak24-500", 480
#: The training set that validation images come from, where it is there.
FIRST_TRAINING = "bsds432"
#: Images kept out of training for validation, however few of them a run looks at.
HELD_OUT = 24
#: Least side (pixels) of a test or validation image; training images need a whole patch.
LEAST = 16

_LAYOUT = "DIR/<test set>/ and DIR/train/<training set>/ with images, such as kodak24/ and train/bsds432/"
_SAMPLES: dict[Role, tuple[str, ...]] = {
    "test": ("astronaut.png", "chelsea.png"),
    "training": ("coffee.png", "motorcycle_left.png", "rocket.jpg"),
    "validation": ("grace_hopper.jpg",),
}


@dataclass(frozen=True, eq=False)
class Image:
    """One image: its data set, its name there (file name without ending) and its pixels, (H, W, 3) uint8, read-only."""

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
    """

    name: str
    role: Role
    images: tuple[Image, ...]
    of: int
    crop: int | None
    sha256: str


@dataclass(frozen=True)
class Data:
    """All images of a run, and one sentence on the check that test and training images are apart."""

    test: tuple[ImageSet, ...]
    training: tuple[ImageSet, ...]
    validation: ImageSet
    separation: str


@dataclass(frozen=True)
class _Options:
    """The keywords of `load`, None for no limit."""

    test_sets: tuple[str, ...] = ()
    test_images: int | None = None
    test_crop: int | None = None
    training_crop: int | None = None
    validation_images: int = HELD_OUT
    validation_crop: int | None = None
    patch: int = 1


@dataclass(frozen=True)
class _Planned:
    """An image set before it is read. `side`: centre cut before all else; `least`: smallest side allowed, pixels."""

    name: str
    role: Role
    paths: tuple[Path, ...]
    of: int
    crop: int | None = None
    side: int | None = None
    least: int = LEAST


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
    options = _Options(
        test_sets=tuple(test_sets),
        test_images=test_images or None,
        test_crop=test_crop or None,
        training_crop=training_crop or None,
        validation_images=validation_images,
        validation_crop=validation_crop or None,
        patch=patch,
    )
    return _read(_plan(source, options), by_pixels=source == SAMPLE)


def describe(source: str) -> list[tuple[str, Role, int, str]]:
    """The image sets of a source as (name, role, number of images, sizes in words: '18 at 768x512, 6 at 512x768').

    Reads headers alone. Raises UsageError as `load` does for the layout and for files that are no images.
    """
    return [(p.name, p.role, len(p.paths), _sizes(p)) for p in _plan(source, _Options())]


def _plan(source: str, options: _Options) -> list[_Planned]:
    if source == SAMPLE:
        return _plan_sample(options)
    root = Path(os.path.expanduser(source))
    return _plan_tests(root, options) + _plan_training(root / "train", options)


def _plan_sample(options: _Options) -> list[_Planned]:
    for name in options.test_sets:
        if name != SAMPLE:
            raise UsageError(f"no test set {one_line(name)!r} in the embedded images; expected {SAMPLE!r}, or a folder")
    tests, training, validation = (tuple(_sample_file(name) for name in names) for names in _SAMPLES.values())
    looked_at = validation[: options.validation_images]
    return [
        _Planned(SAMPLE, "test", tests[: options.test_images], len(tests), options.test_crop),
        _Planned(SAMPLE, "training", training, len(training), least=options.patch),
        _Planned(SAMPLE, "validation", looked_at, len(validation), options.validation_crop),
    ]


def _sample_file(name: str) -> Path:
    """A photograph inside an installed package. (Asking scikit-image for it by function might download it.)"""
    package, folder = ("matplotlib", "mpl-data/sample_data") if name == "grace_hopper.jpg" else ("skimage", "data")
    spec = find_spec(package)
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / folder / name).is_file():
            return Path(place) / folder / name
    raise UsageError(f"the installed package {package} has no {folder}/{name}; expected it for the data set {SAMPLE!r}")


def _plan_tests(root: Path, options: _Options) -> list[_Planned]:
    folders = {folder.name: folder for folder in _folders(root) if folder.name != "train"}
    if KODAK in folders:
        folders.setdefault(KODAK_CROPS, folders[KODAK])
    if not folders:
        raise problem(root, "holds no test set", _LAYOUT)
    for name in options.test_sets:
        if name not in folders:
            raise problem(root, f"no test set {name!r}{nearest(name, folders)}", f"one of {', '.join(sorted(folders))}")
    planned = []
    for name in dict.fromkeys(options.test_sets) or sorted(folders):
        paths = tuple(list_images(folders[name]))
        side = KODAK_SIDE if name == KODAK_CROPS else None
        used = paths[: options.test_images]
        planned.append(_Planned(name, "test", used, len(paths), options.test_crop, side, side or LEAST))
    return planned


def _plan_training(root: Path, options: _Options) -> list[_Planned]:
    sets = {folder.name: tuple(list_images(folder)) for folder in _folders(root)}
    if not sets:
        raise problem(root, "holds no training set", _LAYOUT)
    first = FIRST_TRAINING if FIRST_TRAINING in sets else min(sets)
    if len(sets[first]) < 2:
        raise problem(root / first, "1 image", "at least 2, one of them for validation")
    held, looked_at = _held_out(sets[first], options.validation_images)
    planned = []
    for name in sorted(sets):
        paths = tuple(path for path in sets[name] if name != first or path not in held)
        planned.append(_Planned(name, "training", paths, len(sets[name]), options.training_crop, least=options.patch))
    validation = _Planned(first, "validation", looked_at, len(held), options.validation_crop, least=options.patch)
    return [*planned, validation]


def _held_out(paths: tuple[Path, ...], wanted: int) -> tuple[frozenset[Path], tuple[Path, ...]]:
    """The images kept out of training, and those of them that are looked at (sorted by name)."""
    number = max(wanted, HELD_OUT)
    if len(paths) < 2 * number:
        number = wanted if len(paths) >= 2 * wanted else max(1, len(paths) // 4)
    held = sorted(paths, key=lambda path: name_hash(image_name(path)))[:number]
    return frozenset(held), tuple(path for path in paths if path in held[:wanted])


def _folders(root: Path) -> list[Path]:
    """Sub-folders that hold images, by name, hidden ones left out."""
    try:
        inside = sorted(path for path in root.iterdir() if not path.name.startswith(".") and path.is_dir())
    except OSError as error:
        raise problem(root, f"cannot be read: {error.strerror or error}", _LAYOUT) from None
    return [path for path in inside if image_files(path)]


def _read(planned: list[_Planned], by_pixels: bool) -> Data:
    problems: list[str] = []
    prints: dict[bool, dict[Path, separation.Fingerprint]] = {True: {}, False: {}}
    sets = [_read_set(p, by_pixels, prints[p.role == "test"], problems) for p in planned]
    if problems:
        rest = len(problems) - 1
        raise UsageError(problems[0] + (f" (and {rest} more such problem{'s' if rest > 1 else ''})" if rest else ""))
    sentence = separation.check(prints[True].values(), prints[False].values())
    test, training, validation = (tuple(s for s in sets if s.role == role) for role in _SAMPLES)
    return Data(test, training, validation[0], sentence)


def _read_set(p: _Planned, by_pixels: bool, prints: dict[Path, separation.Fingerprint], problems: list[str]) -> ImageSet:
    """Read one set; add the whole images' fingerprints to `prints` and what is wrong with files to `problems`."""
    images = []
    digest = hashlib.sha256()
    for path in p.paths:
        try:
            data = read_bytes(path)
            pixels = decode(data, path)
            _check_size(p, path, pixels)
        except UsageError as error:
            problems.append(str(error))
            continue
        name = image_name(path)
        content = repr(pixels.shape).encode() + pixels.tobytes() if by_pixels else data
        digest.update(hashlib.sha256(name.encode()).digest() + hashlib.sha256(content).digest())
        if path not in prints:  # kodak24 and kodak24-500 are the same files
            label = f"{'' if p.role == 'test' else 'train/'}{p.name}/{name}"
            prints[path] = separation.fingerprint(one_line(label), pixels)
        images.append(Image(p.name, name, _crop(p, name, pixels)))
    return ImageSet(p.name, p.role, tuple(images), p.of, p.crop, digest.hexdigest())


def _check_size(p: _Planned, path: Path, pixels: Pixels) -> None:
    height, width, _ = pixels.shape
    if min(height, width) < p.least:
        if p.side:
            need = f"for the {p.side}x{p.side} centres of {p.name}"
        else:
            need = "for a test image" if p.role == "test" else "for a patch"
        raise problem(path, f"{width}x{height} pixels, too small {need}", f"at least {p.least}x{p.least}")


def _crop(p: _Planned, name: str, pixels: Pixels) -> Pixels:
    """The part that is used, read-only and without the rest in memory."""
    if p.side:
        pixels = centre_crop(pixels, p.side)
    if p.crop:
        pixels = hashed_crop(pixels, p.crop, name) if p.role == "training" else centre_crop(pixels, p.crop)
    pixels = pixels.copy()
    pixels.setflags(write=False)
    return pixels


def _sizes(p: _Planned) -> str:
    if p.side:
        return f"{len(p.paths)} at {p.side}x{p.side}"
    counts = Counter(image_size(path) for path in p.paths)
    if len(counts) <= 3:
        return ", ".join(f"{n} at {width}x{height}" for (width, height), n in counts.most_common())
    (w0, h0), (w1, h1) = (pick(counts, key=lambda s: s[0] * s[1]) for pick in (min, max))
    return f"{w0}x{h0} to {w1}x{h1}"
