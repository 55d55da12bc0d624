"""Which image files have which role: the folders of a data set directory, and the embedded `sample`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from bench.data.frames import Source, list_sources
from bench.data.images import image_files, name_hash, problem, text_of
from bench.data.left_out import count_words, left_out, misplaced
from bench.errors import UsageError, one_line
from noise.names import nearest

Role = Literal["test", "training", "validation", "measured"]

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
SAMPLE_FILES: dict[Role, tuple[str, ...]] = {
    "test": ("astronaut.png", "chelsea.png"),
    "training": ("coffee.png", "motorcycle_left.png", "rocket.jpg"),
    "validation": ("grace_hopper.jpg",),
}


@dataclass(frozen=True)
class Options:
    """The keywords of `load`, None for no limit."""

    test_sets: tuple[str, ...] = ()
    test_images: int | None = None
    test_crop: int | None = None
    training_crop: int | None = None
    validation_images: int = HELD_OUT
    validation_crop: int | None = None
    patch: int = 1


@dataclass(frozen=True)
class Planned:
    """An image set before it is read. `side`: centre cut before all else; `least`: smallest side allowed, pixels."""

    name: str
    role: Role
    paths: tuple[Source, ...]
    of: int
    crop: int | None = None
    side: int | None = None
    least: int = LEAST


def plan(source: str, options: Options) -> list[Planned]:
    """The image sets of a source, test sets first, nothing read yet.

    Raises UsageError for a layout other than that of `bench.data.sets`, unknown test sets, and folders without images.
    """
    if source == SAMPLE:
        return _plan_sample(options)
    root = Path(os.path.expanduser(source))
    return _plan_tests(root, options) + _plan_training(root / "train", options)


def plan_tests(source: str, options: Options) -> list[Planned]:
    """The test sets alone. Raises UsageError as `plan` does, but asks for no training set."""
    if source == SAMPLE:
        return [planned for planned in _plan_sample(options) if planned.role == "test"]
    return _plan_tests(Path(os.path.expanduser(source)), options)


def _plan_sample(options: Options) -> list[Planned]:
    for name in options.test_sets:
        if name != SAMPLE:
            raise UsageError(f"no test set {one_line(name)!r} in the embedded images; expected {SAMPLE!r}, or a folder")
    tests, training, validation = (tuple(_sample_file(name) for name in names) for names in SAMPLE_FILES.values())
    looked_at = validation[: options.validation_images]
    return [
        Planned(SAMPLE, "test", tests[: options.test_images], len(tests), options.test_crop),
        Planned(SAMPLE, "training", training, len(training), least=options.patch),
        Planned(SAMPLE, "validation", looked_at, len(validation), options.validation_crop),
    ]


def _sample_file(name: str) -> Source:
    """A photograph inside an installed package. (Asking scikit-image for it by function might download it.)"""
    package, folder = ("matplotlib", "mpl-data/sample_data") if name == "grace_hopper.jpg" else ("skimage", "data")
    spec = find_spec(package)
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / folder / name).is_file():
            return Source(Path(place) / folder / name)
    raise UsageError(f"the installed package {package} has no {folder}/{name}; expected it for the data set {SAMPLE!r}")


def _plan_tests(root: Path, options: Options) -> list[Planned]:
    folders = {name: folder for name, folder in _by_name(_folders(root)).items() if name != "train"}
    if KODAK in folders:
        folders.setdefault(KODAK_CROPS, folders[KODAK])
    if not folders:
        training = _folders(root / "train", missing=True)
        instead = [f"{count_words(folder)} in {folder}" for folder in misplaced(root, training)]
        instead += [words.partition(": ")[2].removesuffix(".") for words in left_out(root, training)]
        raise problem(root, f"holds no test set{f' ({instead[0]})' if instead else ''}", _LAYOUT)
    for name in options.test_sets:
        if name not in folders:
            raise problem(root, f"no test set {name!r}{nearest(name, folders)}", f"one of {', '.join(sorted(folders))}")
    planned = []
    for name in dict.fromkeys(options.test_sets) or sorted(folders):
        paths = tuple(list_sources(folders[name]))
        side = KODAK_SIDE if name == KODAK_CROPS else None
        used = paths[: options.test_images]
        planned.append(Planned(name, "test", used, len(paths), options.test_crop, side, side or LEAST))
    return planned


def _plan_training(root: Path, options: Options) -> list[Planned]:
    sets = {name: tuple(list_sources(folder)) for name, folder in _by_name(_folders(root)).items()}
    if not sets:
        raise problem(root, "holds no training set", _LAYOUT)
    first = FIRST_TRAINING if FIRST_TRAINING in sets else min(sets)
    if len(sets[first]) < 2:
        raise problem(root / first, "1 image", "at least 2, one of them for validation")
    held, looked_at = _held_out(sets[first], options.validation_images)
    planned = []
    for name in sorted(sets):
        paths = tuple(path for path in sets[name] if name != first or path not in held)
        planned.append(Planned(name, "training", paths, len(sets[name]), options.training_crop, least=options.patch))
    validation = Planned(first, "validation", looked_at, len(held), options.validation_crop, least=options.patch)
    return [*planned, validation]


def _held_out(paths: tuple[Source, ...], wanted: int) -> tuple[frozenset[Source], tuple[Source, ...]]:
    """The images kept out of training, and those of them that are looked at (sorted by name)."""
    number = max(wanted, HELD_OUT)
    if len(paths) < 2 * number:
        number = wanted if len(paths) >= 2 * wanted else max(1, len(paths) // 4)
    held = sorted(paths, key=lambda path: name_hash(path.name))[:number]
    return frozenset(held), tuple(path for path in paths if path in held[:wanted])


def _by_name(folders: list[Path]) -> dict[str, Path]:
    """The folders by their names, in one Unicode form on every file system."""
    found: dict[str, Path] = {}
    for folder in folders:
        first = found.setdefault(text_of(folder, folder.name), folder)
        if first is not folder:
            raise problem(folder, f"the name of {first} in another Unicode form", "names that differ in either form")
    return found


def _folders(root: Path, missing: bool = False) -> list[Path]:
    """Sub-folders that hold images, by name, hidden ones left out. `missing`: none of a root that is not there."""
    if missing and not root.is_dir():
        return []
    try:
        inside = sorted(path for path in root.iterdir() if not path.name.startswith(".") and path.is_dir())
    except OSError as error:
        raise problem(root, f"cannot be read: {error.strerror or error}", _LAYOUT) from None
    return [path for path in inside if image_files(path)]
