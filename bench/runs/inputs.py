"""A run as its workers see it: directory, settings, and the images that the settings ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from bench.data.halves import ALL
from bench.data.layout import KODAK_CROPS
from bench.data.left_out import left_out_of_set
from bench.data.measured import CLEAN, NOISY, SECOND, MeasuredSet, find_measured, load_measured, load_noisy
from bench.data.sets import Data, describe, load, of_measured
from bench.errors import UsageError, one_line
from bench.files.json_files import read_json
from bench.plan.measured import Measured, Told, settings_for, with_law
from bench.plan.settings import PRESETS, Settings
from bench.runs.measuring import MOST, told_of
from bench.runs.record import settings_record
from noise import NoiseModel


def load_data(settings: Settings, again: bool = False) -> Data:
    """Read and check the images that the settings ask for; `again`, without what takes long. Raises UsageError."""
    preset = settings.preset
    names = dict.fromkeys(model.told.name for model in settings.noise if isinstance(model, Measured))
    measured = load_measured(
        settings.data,
        tuple(names),
        test_images=preset.test_images,
        test_crop=preset.test_crop,
        patch=preset.patch if any(method.trains for method in settings.methods) else 1,
        colour=settings.colour,
        white=settings.white,
    )
    others = None if names and all(isinstance(model, Measured) for model in settings.noise) else _load_others(settings, again)
    there = find_measured(settings.data) if names else {}
    unread = [words for name in names for words in left_out_of_set(there[name], (NOISY, CLEAN, SECOND))]
    data = of_measured(measured) if others is None else replace(others, measured=measured)
    copies = [tuple((each.name, name) for name in group) for each in measured for group in each.repeated]
    return replace(data, remarks=(*data.remarks, *unread), repeated=(*data.repeated, *copies))


def _load_others(settings: Settings, again: bool) -> Data:
    """The images that noise is added to."""
    preset = settings.preset
    wanted, unwanted = preset.test_sets, list[str]()
    if wanted == PRESETS[settings.preset_name].test_sets:  # a preset's own choice is of the sets that are there
        there = {name for name, role, _, _ in describe(settings.data) if role == "test"}
        wanted = tuple(name for name in wanted if name in there)
        unwanted = sorted(there - {*wanted, KODAK_CROPS}) if wanted else []
    data = load(
        settings.data,
        test_sets=wanted,
        test_images=preset.test_images,
        test_crop=preset.test_crop,
        training_crop=preset.training_crop,
        validation_images=preset.validation_images,
        validation_crop=preset.validation_crop,
        patch=preset.patch,
        colour=settings.colour,
        white=settings.white,
        parts=not again,
    )
    if not settings.test:
        return replace(data, test=())
    if not unwanted:
        return data
    told = (
        f"Test sets that the preset {settings.preset_name} leaves out: {', '.join(unwanted)} (--set test_sets=... names any)."
    )
    return replace(data, remarks=(one_line(told), *data.remarks))


def settled(settings: Settings, data: Data) -> Settings:
    """The settings with what the images decide of them: how many channels there are, and the laws of measured noise."""
    told = {each.name: told_of(each, _whole(settings, each)) for each in data.measured}
    return replace(settings, preset=replace(settings.preset, colours=data.channels), noise=_with_laws(settings.noise, told))


def with_laws(models: Sequence[NoiseModel], source: str, colour: str = "auto", white: str = "auto") -> tuple[NoiseModel, ...]:
    """The rows, those of measured noise with the laws of their sets, which are in the folder `source`. Raises UsageError."""
    names = dict.fromkeys(model.told.name for model in models if isinstance(model, Measured))
    sets = load_measured(source, tuple(names), colour=colour, white=white)
    return _with_laws(models, {each.name: told_of(each, each) for each in sets})


def _with_laws(models: Sequence[NoiseModel], told: Mapping[str, Told]) -> tuple[NoiseModel, ...]:
    return tuple(with_law(row, told[row.told.name]) if isinstance(row, Measured) else row for row in models)


def _whole(settings: Settings, measured: MeasuredSet) -> MeasuredSet:
    """All of a set, or what its law is estimated from, whatever part of it the run has: the law does not depend on that."""
    if not measured.images.cut and len(measured.images.images) == measured.images.of:
        return measured
    return load_noisy(settings.data, measured.name, MOST, settings.colour, settings.white, measured.white)


def training_sum(data: Data) -> str:
    """The training images' part of a training key."""
    images = " ".join(f"{chosen.name} {chosen.sha256} {chosen.crop}" for chosen in data.training)
    return f"{images} white {sorted(data.white.items())}" if data.white else images


def images_for(settings: Settings, data: Data, model: NoiseModel, half: int = ALL) -> tuple[Settings, Data]:
    """The settings and images that a cell of that row has; see `Run.of`."""
    if not isinstance(model, Measured):
        return settings, data
    own = next(each for each in data.measured if each.name == model.told.name)
    tests = replace(own.images, role="test", images=tuple(shot for shot in own.shots if half in (ALL, shot.half)))
    learnt = own.learnt_from(3 - half if half else ALL)
    alone = of_measured((own,))
    return settings_for(settings, model), replace(alone, test=(tests,), training=(learnt,))


@dataclass(frozen=True)
class Run:
    """What a worker needs to know of the run."""

    directory: Path
    settings: Settings
    data: Data

    def of(self, model: NoiseModel, half: int = ALL) -> Run:
        """The run as a cell of that row has it: of measured noise with the images of its set alone.

        With a half, 1 or 2, they are those that its network is tested on; it learns from the others.
        """
        settings, data = images_for(self.settings, self.data, model, half)
        return replace(self, settings=settings, data=data)


@cache
def run_again(directory: Path, settings: Settings) -> Run:
    """A run as another process than its first sees it: with the images read again, once a process.

    Raises UsageError where they are not those that run.json tells of.
    """
    run = Run(directory, settings, load_data(settings, again=True))
    asked = (read_json(directory / "run.json") or {}).get("settings", {}).get("data_sha256")
    if asked is not None and asked != settings_record(settings, run.data)["data_sha256"]:
        raise UsageError(f"{settings.data}: the images are not those that the run began with: expected the same")
    return run
