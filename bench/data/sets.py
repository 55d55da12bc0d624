"""Data sets: which images are test, training and validation images, read and checked before any work.

A folder DIR of data sets holds `DIR/<test set>/` and `DIR/train/<training set>/`. The embedded `sample` is a handful of
photographs from inside the scikit-image and matplotlib packages. Nothing here depends on a seed.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.data.apart import overlap, separation
from bench.data.apart.twice import learnt_twice
from bench.data.colour import channels_for, made_grey
from bench.data.frames import Source, list_sources, size_of
from bench.data.layout import HELD_OUT, LEAST, SAMPLE, SAMPLE_FILES, Options, Planned, Role, plan, plan_tests
from bench.data.left_out import left_out
from bench.data.levels import white_levels, white_words
from bench.data.measured import CLEAN, NOISY, SECOND, MeasuredSet, beside_of, find_measured
from bench.data.reading import (
    Found,
    Image,
    ImageSet,
    in_channels,
    in_levels,
    largest_of,
    pixels_of,
    read_set,
    refuse_problems,
)
from bench.errors import UsageError

__all__ = ["Data", "Image", "ImageSet", "describe", "load", "load_tests", "unused"]


@dataclass(frozen=True)
class Data:
    """All images of a run, one sentence on the check that test and training images are apart, and which test images are not.

    `remarks` are sentences on what a user may not expect, for the console and run.json. `repeated` holds the (data set, name)
    of test images that are near duplicates of each other, a group for each picture. The full photographs and centres of Kodak,
    which are the same files, are in none for that alone. `channels` is how many all images have, 3 or 1. `white`
    are the white levels of values of more than 8 bits, by kind; empty where all have 8. `measured` are sets of measured noise,
    which are apart from all else.
    """

    test: tuple[ImageSet, ...]
    training: tuple[ImageSet, ...]
    validation: ImageSet
    separation: str
    remarks: tuple[str, ...] = ()
    repeated: tuple[tuple[tuple[str, str], ...], ...] = ()
    channels: int = 3
    white: Mapping[str, float] = field(default_factory=dict)
    measured: tuple[MeasuredSet, ...] = ()

    @property
    def sets(self) -> tuple[ImageSet, ...]:
        """All sets that there are."""
        validation = (self.validation,) if self.validation.images else ()
        return (*self.test, *self.training, *validation, *(each.images for each in self.measured))

    @property
    def whites(self) -> dict[str, float]:
        """All white levels: by kind, and of measured noise by set and kind."""
        own = {f"{each.name} {kind}": level for each in self.measured for kind, level in each.white.items()}
        return {**self.white, **own}


def of_measured(measured: Sequence[MeasuredSet]) -> Data:
    """Sets of measured noise alone."""
    nothing = ImageSet("", "validation", (), 0, None, "")
    channels = max((each.channels for each in measured), default=3)
    apart = "Of measured noise, each cell's reason tells what its network has learnt from."
    return Data((), (), nothing, apart, channels=channels, measured=tuple(measured))


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
    white: str = "auto",
    parts: bool = True,
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
    white : str
        The white level of images of more than 8 bits: "auto", or a number (`bench.data.levels`).
    parts : bool
        Whether parts of the test images are looked for in the training set, as whole ones are: once a run is enough.

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
    data = _read(planned, by_pixels=source == SAMPLE, colour=colour, white=white, parts=parts)
    return replace(data, remarks=(*_left_out(source, planned), *_taken_as_clean(data.test), *data.remarks))


def load_tests(
    source: str,
    *,
    test_sets: Sequence[str] = (),
    test_images: int | None = None,
    test_crop: int | None = None,
    colour: str = "rgb",
    white: str = "auto",
) -> tuple[ImageSet, ...]:
    """The test sets of a source alone, whatever training images it has or lacks. Keywords and errors are those of `load`."""
    options = Options(
        test_sets=tuple(unicodedata.normalize("NFC", name) for name in test_sets),
        test_images=test_images or None,
        test_crop=test_crop or None,
    )
    found = Found()
    read = [read_set(p, source == SAMPLE, found) for p in plan_tests(source, options)]
    refuse_problems([found])
    levels = white_levels(white, found.extent.largest)
    sets = [in_levels(chosen, levels, found) for chosen in read]
    return tuple(in_channels(chosen, channels_for(colour, pixels_of(sets))) for chosen in sets)


def _taken_as_clean(tests: Sequence[ImageSet]) -> list[str]:
    """A sentence, or none, on folders of measured noise that lie where test sets do."""
    kinds = [chosen.name for chosen in tests if chosen.name in (NOISY, CLEAN, SECOND)]
    if NOISY not in kinds:
        return []
    several = f"are {len(kinds)} test sets" if len(kinds) > 1 else "is a test set"
    return [
        f"{' and '.join(f'{kind}/' for kind in kinds)} {several} here, of images taken to have no noise: those of measured "
        f"noise lie in a folder of their own, DIR/<set>/{NOISY}/ (--noise <set>)."
    ]


def describe(source: str) -> list[tuple[str, Role, int, str]]:
    """The image sets of a source as (name, role, number of images, sizes in words: '18 at 768x512, 6 at 512x768').

    Reads headers alone. Raises UsageError as `load` does for the layout and for files that are no images. Sets of measured
    noise need no others beside them.
    """
    measured = find_measured(source)
    found = [(p.name, p.role, len(p.paths), _sizes(p)) for p in _planned(source)]
    for name, folder in measured.items():
        noisy = Planned(name, "measured", tuple(list_sources(folder / NOISY)), 0)
        beside = " and ".join(beside_of(folder))
        found.append((name, noisy.role, len(noisy.paths), f"{_sizes(noisy)}{f', with {beside}' if beside else ''}"))
    return found


def unused(source: str) -> list[str]:
    """Sentences on what lies there and is not used by a run with all test sets. Raises UsageError as `describe` does."""
    return _left_out(source, _planned(source))


def _planned(source: str) -> list[Planned]:
    """The sets that noise is added to; where there are sets of measured noise, all of them or some may be missing."""
    for planner in (plan, plan_tests):
        try:
            return planner(source, Options())
        except UsageError:
            if not find_measured(source):
                raise
    return []


def _left_out(source: str, planned: Sequence[Planned]) -> list[str]:
    if source == SAMPLE:
        return []
    folders = [source.path.parent for p in planned for source in p.paths]
    folders += [path for folder in find_measured(source).values() for path in folder.iterdir() if path.is_dir()]
    return left_out(Path(os.path.expanduser(source)), folders)


def _read(planned: list[Planned], by_pixels: bool, colour: str, white: str, parts: bool) -> Data:
    found = {role: Found(label="" if role == "test" else "train/", parts=parts) for role in ("test", "training")}
    sets = [read_set(p, by_pixels, found["test" if p.role == "test" else "training"]) for p in planned]
    refuse_problems(found.values())
    tests, others = found["test"], found["training"]
    sentence = separation.check(tests.prints.values(), others.prints.values())
    sentence += f"; {overlap.check(tests.numbers, others.squares)}" if parts else ""
    levels = white_levels(white, largest_of(found.values()))
    sets = [in_levels(chosen, levels, found["test" if chosen.role == "test" else "training"]) for chosen in sets]
    test, training, validation = (tuple(s for s in sets if s.role == role) for role in SAMPLE_FILES)
    channels = channels_for(colour, pixels_of(test))
    remarks = [*_as_stored([*tests.turned, *others.turned]), *white_words(white, levels, [tests.extent, others.extent])]
    if parts:  # not for workers, who tell nobody
        remarks += learnt_twice(others.prints, {path for p in planned if p.role == "validation" for path in p.paths})
    if channels == 1 and (told := made_grey(pixels_of(test), pixels_of(training))):
        remarks.append(told)
    test, training, validation = (
        tuple(in_channels(chosen, channels) for chosen in sets) for sets in (test, training, validation)
    )
    return Data(test, training, validation[0], sentence, tuple(remarks), _repeated(planned, tests.prints), channels, levels)


def _as_stored(turned: list[str]) -> tuple[str, ...]:
    """A sentence on images with a tag that asks viewers to turn them."""
    if not turned:
        return ()
    those = f"{len(turned)} images have" if len(turned) > 1 else "1 image has"
    return (f"{those} a tag to be turned or mirrored when shown ({turned[0]}): read as stored, not turned.",)


def _repeated(planned: list[Planned], prints: dict[Source, separation.Fingerprint]) -> tuple[tuple[tuple[str, str], ...], ...]:
    places: dict[Source, list[tuple[str, str]]] = {}
    for p in planned:
        for path in p.paths if p.role == "test" else ():
            places.setdefault(path, []).append((p.name, path.name))
    paths = list(prints)
    return tuple(
        tuple(place for index in group for place in places[paths[index]]) for group in separation.repeats(prints.values())
    )


def _sizes(p: Planned) -> str:
    if p.side:
        return f"{len(p.paths)} at {p.side}x{p.side}"
    counts = Counter(size_of(path) for path in p.paths)
    if len(counts) <= 3:
        return ", ".join(f"{n} at {width}x{height}" for (width, height), n in counts.most_common())
    (w0, h0), (w1, h1) = (pick(counts, key=lambda s: s[0] * s[1]) for pick in (min, max))
    return f"{w0}x{h0} to {w1}x{h1}"
