"""A run as its workers see it: directory, settings, and the images that the settings ask for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from bench.data.layout import KODAK_CROPS
from bench.data.sets import Data, describe, load
from bench.errors import UsageError, one_line
from bench.files.json_files import read_json
from bench.plan.settings import PRESETS, Settings
from bench.runs.record import settings_record


def load_data(settings: Settings) -> Data:
    """Read and check the images that the settings ask for. Raises UsageError."""
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
    """The settings with what the images decide of them: how many channels there are."""
    return replace(settings, preset=replace(settings.preset, colours=data.channels))


def training_sum(data: Data) -> str:
    """The training images' part of a training key."""
    images = " ".join(f"{chosen.name} {chosen.sha256} {chosen.crop}" for chosen in data.training)
    return f"{images} white {sorted(data.white.items())}" if data.white else images


@dataclass(frozen=True)
class Run:
    """What a worker needs to know of the run."""

    directory: Path
    settings: Settings
    data: Data


@cache
def run_again(directory: Path, settings: Settings) -> Run:
    """A run as another process than its first sees it: with the images read again, once a process.

    Raises UsageError where they are not those that run.json tells of.
    """
    run = Run(directory, settings, load_data(settings))
    asked = (read_json(directory / "run.json") or {}).get("settings", {}).get("data_sha256")
    if asked is not None and asked != settings_record(settings, run.data)["data_sha256"]:
        raise UsageError(f"{settings.data}: the images are not those that the run began with: expected the same")
    return run
