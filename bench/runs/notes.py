"""What a reader of the results must know, in sentences: for run.json and its report, and for the console before any work."""

from __future__ import annotations

from collections.abc import Sequence

from bench.data.content import is_blank, is_grey
from bench.data.measured import MeasuredSet
from bench.data.sets import Data, Image, ImageSet
from bench.errors import one_line
from bench.plan.measured import Measured, law_given
from bench.plan.scores import MOST_DECIBELS, PAPER_MULTIPLE
from bench.plan.settings import Settings

#: Sets that share photographs under the same names, which has a sentence of its own.
_KODAK = frozenset({"kodak24", "kodak24-500", "cset9"})
#: Images, and groups of them, that a sentence names.
_NAMED = 3


def notes(settings: Settings, data: Data) -> list[str]:
    """All sentences for run.json."""
    tested = (*data.test, *(each.images for each in data.measured))
    words = [sentence for chosen in tested if (sentence := _limits(chosen))]
    words += [*cautions(data), *estimates(settings)]
    if data.channels == 1:
        words.append("Grey: all images, networks and scores have one channel.")
    if settings.preset.self_ensemble:
        words.append("Self-ensemble: every result is the mean over the 8 flips and turns of the image, at 8 times the cost.")
    if "quick" in settings.preset_name:
        words.append("The quick preset trains for seconds: it shows the whole matrix, not what the methods can reach.")
    words += _one_image(settings)
    if {"kodak24", "cset9"} <= {chosen.name for chosen in data.test}:
        words.append("kodim01, kodim02, kodim03 and kodim12 are in both kodak24 and cset9: the two are not independent.")
    words += [
        "Neighbor2Neighbor is run as in the paper, on y with its gain: neighbor2neighbor-unbiased, which is not of the paper, "
        "divides by the known gain on Nos. 9, 10, 15 and 16. On Nos. 2 and 4 A^-1 would make the noise independent between "
        "pixels; on No. 2 (small, validation images) it gains little: 28.85 dB on A^-1 y, 28.58 on y; score solver 32.66.",
    ]
    return words


def cautions(data: Data) -> list[str]:
    """Those on what is not used or not as expected, and on odd images that are used all the same.

    These are near duplicates among the test images, blank ones, grey ones, and test images that are too small for the paper.
    """
    test, training = ([image for chosen in sets for image in chosen.images] for sets in (data.test, data.training))
    shots = [shot for each in data.measured for shot in each.shots]
    sentences = [_repeated(data, len(test) + len(shots)), *map(_leaks, data.measured)]
    sentences += [_blank("test", test), _blank("training", training)]
    sentences += [_grey(test, training)] if data.channels == 3 else []
    sentences.append(_small([*test, *(shot for shot in shots if shot.clean is not None)]))
    for each in data.measured:
        sentences += each.remarks
        sentences += [_blank("noisy", each.shots, bool(each.white)), _blank("clean", _clean(each))]
    return [*data.remarks, *(sentence for sentence in sentences if sentence)]


def estimates(settings: Settings) -> list[str]:
    """What is estimated of each set of measured noise."""
    rows = {model.told.name: model for model in settings.noise if isinstance(model, Measured)}
    return [one_line(_estimate(row)) for row in rows.values()]


def _estimate(row: Measured) -> str:
    told = row.told
    if not told.expression:
        return f"The law of the noise of {told.name} cannot be told from its noisy images: {told.sureness}."
    law = f"{told.expression} ({'; '.join([told.sureness, *told.doubts])})"
    given = "" if law_given(row) == told.expression else f" Methods are given {law_given(row)}."
    return f"The law of the noise of {told.name}, estimated from its noisy images: {law}.{given}"


def _limits(chosen: ImageSet) -> str:
    """Which part of a test set was scored; "" where it was the whole."""
    limits = []
    if len(chosen.images) < chosen.of:
        limits.append(f"the first {len(chosen.images)} of {chosen.of} images by name")
    if chosen.crop and chosen.cut:
        some = "" if chosen.cut == len(chosen.images) else f" where they are larger ({chosen.cut} of {len(chosen.images)})"
        owner = "their" if limits or some else "the"
        limits.append(f"{owner} centre {chosen.crop}x{chosen.crop}{some}")
    return f"Scores on {chosen.name} are of {', '.join(limits)}: not comparable with scores of the whole set." if limits else ""


def _one_image(settings: Settings) -> list[str]:
    """What methods on one image had less than they ask for, where they are and had."""
    preset = settings.preset
    slugs = [name for name, method in settings.named.items() if method.one_image]
    parts = [f"the centre {preset.one_image_crop}x{preset.one_image_crop} of each image"] if preset.one_image_crop else []
    parts += [f"{preset.one_image_steps:g} of their own steps"] if preset.one_image_steps != 1 else []
    if not slugs or not parts:
        return []
    alone = " Their scores are of that part, and not comparable with those of whole images." if preset.one_image_crop else ""
    return [f"Methods that train on each image alone ({', '.join(slugs)}) are given {' and '.join(parts)}.{alone}"]


def _repeated(data: Data, total: int) -> str:
    groups = [group for group in data.repeated if not _known(group)]
    if not groups:
        return ""
    shown = [" = ".join(one_line("/".join(place)) for place in group[:_NAMED]) + _more(group) for group in groups[:_NAMED]]
    return (
        f"{sum(map(len, groups))} of {total} test images are near duplicates: {'; '.join(shown)}{_more(groups)}. "
        "Those of one picture count once in tests and intervals, each in the means of the tables."
    )


def _known(group: Sequence[tuple[str, str]]) -> bool:
    return len({image for _, image in group}) == 1 and {dataset for dataset, _ in group} <= _KODAK


def _leaks(measured: MeasuredSet) -> str:
    """On a picture that is in both halves of a set of measured noise."""
    half = {shot.name: shot.half for shot in measured.shots}
    across = [group for group in measured.repeated if len({half[name] for name in group}) > 1]
    if not across:
        return ""
    return (
        f"{' = '.join(one_line(name) for name in across[0][:_NAMED])}{_more(across[0])} of {measured.name} are one picture in "
        "both halves: what learns from halves is tested on what it has learnt from. Names that differ in the last part alone, "
        "such as scene_1 and scene_2, are in one half."
    )


def _clean(measured: MeasuredSet) -> list[Image]:
    return [Image(shot.dataset, shot.name, shot.clean) for shot in measured.shots if shot.clean is not None]


def _blank(role: str, images: Sequence[Image], scaled: bool = False) -> str:
    """`scaled`: their values are scaled by a white level, which may be too high."""
    blank = [one_line(f"{image.dataset}/{image.name}") for image in images if is_blank(image.pixels)]
    if not blank:
        return ""
    every = len(blank) == len(images) > 1
    counted = f"All {len(images)} {role} images" if every else _count(len(blank), role, images)
    verb = "is" if len(blank) == 1 else "are"
    named = f"{counted} {verb} blank (constant, or nearly): {', '.join(blank[:_NAMED])}{_more(blank)}."
    if role == "noisy":
        return f"{named}{' A lower white level (--white) shows what is in dark images.' if scaled else ''}"
    if role in ("test", "clean"):
        return f"{named} They tell little of a method; an exact result counts as {MOST_DECIBELS:g} dB."
    return f"{named} There is nothing to learn from {'them' if len(blank) < len(images) else 'these images'}."


def _grey(test: Sequence[Image], training: Sequence[Image]) -> str:
    """Blank images, which have been named for that, aside."""
    counts = [
        (sum(is_grey(image.pixels) and not is_blank(image.pixels) for image in images), role, images)
        for role, images in (("test", test), ("training", training))
    ]
    told = [_count(number, role, images) for number, role, images in counts if number]
    if not told:
        return ""
    one = sum(number for number, _, _ in counts) == 1
    return (
        f"{' and '.join(told)} {'is' if one else 'are'} grey (all three channels equal, or nearly): three independent draws of "
        "the noise are made of one channel, so the mean of the channels has less noise than the model says. "
        "--colour grey gives all images one channel."
    )


def _small(images: Sequence[Image]) -> str:
    small = [one_line(f"{image.dataset}/{image.name}") for image in images if min(image.pixels.shape[:2]) < PAPER_MULTIPLE]
    if not small:
        return ""
    return (
        f"{_count(len(small), 'test', images)} {'has' if len(small) == 1 else 'have'} a side under {PAPER_MULTIPLE} pixels: "
        f"{', '.join(small[:_NAMED])}{_more(small)}. The paper's protocol has no score for that, and ranks no mean that "
        "lacks one."
    )


def _count(number: int, role: str, images: Sequence[object]) -> str:
    return f"{number} of {len(images)} {role} images"


def _more(things: Sequence[object]) -> str:
    return f" and {len(things) - _NAMED} more" if len(things) > _NAMED else ""
