"""What a run consists of: its cells, what each needs trained, and which trainings they share."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import methods
import noise
from bench.plan.recipes import method_of, model_of
from bench.plan.settings import Preset

#: Fields of a preset that do not bear on the weights.
_EVALUATION_FIELDS = ("test_sets", "test_images", "test_crop", "validation_crop", "checks", "crops", "self_ensemble")


@dataclass(frozen=True)
class Settings:
    """All that decides a run's numbers."""

    preset_name: str
    preset: Preset
    recipe: str
    data: str
    seeds: int
    device: str
    threads: int
    methods: tuple[str, ...]
    noise: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """One noise model x method x seed.

    Parameters
    ----------
    key : str or None
        Training key; None for a method that is not trained.
    decorrelated : bool
        The method is given A^-1 y.
    """

    noise_no: int
    noise: str
    method: str
    seed: int
    applicability: str
    reason: str
    key: str | None
    decorrelated: bool

    @cached_property
    def name(self) -> str:
        """Name of the cell's file, without ending."""
        return f"{self.noise_no:02d}-{self.noise}--{self.method}--s{self.seed}"


def cell_of(told: dict[str, Any]) -> Cell:
    """A cell as run.json tells it. Raises ValueError or TypeError where it is none; its names are safe parts of a path."""
    cell = Cell(**told)
    words = (cell.noise, cell.method, cell.key or "none")
    if not (
        type(cell.noise_no) is int
        and type(cell.seed) is int
        and 0 <= cell.noise_no <= 99
        and 0 <= cell.seed < 10_000
        and all(isinstance(word, str) and re.fullmatch(r"[a-z0-9+_-]{1,60}", word) for word in words)
        and cell.applicability in ("yes", "indirect", "infeasible", "no")
        and isinstance(cell.reason, str)
        and isinstance(cell.decorrelated, bool)
    ):
        raise ValueError(told)
    return cell


@dataclass(frozen=True)
class Job:
    """Cells that one worker does, one after the other, with one network."""

    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        return self.cells[0].name


def matrix(slugs: Sequence[str] | None = None, recipe: str = "best") -> list[dict[str, Any]]:
    """The applicability of the methods (default: all but `noisy`) to all 16 noise models, with reasons."""
    chosen = slugs if slugs is not None else [slug for slug in methods.catalogue() if slug != "noisy"]
    rows = []
    for number in range(1, len(noise.catalogue()) + 1):
        model = model_of(number, recipe)
        for slug in chosen:
            answer = method_of(slug, recipe).applicable(model)
            rows.append(
                {
                    "noise_no": model.number,
                    "noise": model.slug,
                    "method": slug,
                    "applicability": answer.verdict,
                    "reason": answer.reason,
                }
            )
    return rows


def make_cells(settings: Settings, training_sha256: str) -> list[Cell]:
    """All cells in the order of the table, those that are not applicable too."""
    cells = []
    for slug in settings.noise:
        model = model_of(slug, settings.recipe)
        for method_slug in settings.methods:
            method = method_of(method_slug, settings.recipe)
            answer = method.applicable(model)
            decorrelated = answer.verdict != "no" and method.wants_decorrelated(model)
            for seed in range(settings.seeds):
                runs = answer.verdict != "no" and method.trains
                key = training_key(settings, model, method, seed, training_sha256) if runs else None
                cells.append(Cell(model.number, slug, method_slug, seed, answer.verdict, answer.reason, key, decorrelated))
    return cells


def training_key(settings: Settings, model: noise.NoiseModel, method: methods.Method, seed: int, training_sha256: str) -> str:
    """Hash of everything that determines a network's weights.

    What is learnt, the noise model and its parameters as the network sees them, recipe, network, training images, seed,
    and how it is computed (device, threads).
    """
    seen = model.decorrelated() if method.wants_decorrelated(model) else None
    law = model.law if seen is None else seen.model.law
    view = "x" if seen is None or seen.same_image else f"A^-1 x, {seen.convolution}"
    fields = {name: value for name, value in asdict(settings.preset).items() if name not in _EVALUATION_FIELDS}
    how = (settings.device, settings.threads)
    parts = (method.learns(), law, view, settings.recipe, sorted(fields.items()), training_sha256, seed, how)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:20]


def make_jobs(cells: Sequence[Cell]) -> list[Job]:
    """Group the cells that can run into jobs, in order: those with one training key together."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell.applicability != "no":
            groups.setdefault(cell.key or cell.name, []).append(cell)
    return [Job(tuple(group)) for group in groups.values()]


def count_trainings(cells: Sequence[Cell]) -> int:
    """Number of networks to train."""
    return len({cell.key for cell in cells if cell.key})


def shared(cells: Sequence[Cell]) -> list[str]:
    """In words, which cells use the training of another."""
    words = []
    for job in make_jobs(cells):
        first, *others = job.cells
        words += [f"{cell.method} on {cell.noise} uses the training of {first.method} on {first.noise}" for cell in others]
    return words
