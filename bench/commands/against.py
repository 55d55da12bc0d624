"""A run that is held against: its images, how they are cut, and what its methods reached on each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

import reports
from bench.data.sets import ImageSet
from bench.errors import UsageError, one_line
from bench.files.shapes import fits
from bench.runs.record import read_plan, set_record, settings_from_record


@dataclass(frozen=True)
class Against:
    """Of a run, what results are compared by.

    Parameters
    ----------
    psnr : Mapping
        (noise slug, data set, image) -> method -> dB, of the seed that is asked for.
    """

    info: Mapping[str, Any]
    data: str
    recipe: str
    sets: tuple[str, ...]
    crop: int
    limit: int
    table: pd.DataFrame
    colour: str
    white: str

    def psnr(self, noise: str, dataset: str, seed: int) -> pd.DataFrame:
        """A row an image, a column a method."""
        table = self.table
        part = table[(table["noise"] == noise) & (table["dataset"] == dataset) & (table["seed"] == seed)]
        return part.pivot_table(index="image", columns="method", values="value", sort=False)

    def has(self, tests: ImageSet) -> bool:
        """Whether these are the run's own images."""
        wanted = set_record(tests)
        return any(
            all(told.get(name) == wanted[name] for name in ("role", "name", "sha256", "crop")) for told in _sets(self.info)
        )


def read_against(directory: Path) -> Against:
    """Raises UsageError where it holds no run with a table."""
    info, _ = read_plan(directory)
    settings = settings_from_record(info, [])
    try:
        table = reports.load(directory).table
    except (ValueError, OSError) as error:
        raise UsageError(one_line(error)) from None
    table = table[(table["metric"] == "psnr") & (table["status"] == "done") & (table["crop"] == 0)]
    preset = settings.preset
    sets = tuple(str(told.get("name")) for told in _sets(info) if told.get("role") == "test")
    limits = (preset.test_crop, preset.test_images)
    return Against(info, settings.data, settings.recipe, sets, *limits, table, settings.colour, settings.white)


def _sets(info: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The image sets that a run.json tells of."""
    data = info.get("data")
    return data["sets"] if isinstance(data, dict) and fits(data.get("sets"), [dict]) else []
