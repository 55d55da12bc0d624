"""What a run consists of: its cells, what each needs trained, and which trainings they share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bench.errors import UsageError, fault_of
from bench.files.short_names import short_name
from bench.plan.keys import training_key
from bench.plan.measured import Measured, answer_to, settings_for
from bench.plan.recipes import Kernels, method_of, model_of
from bench.plan.settings import Settings
from methods import Applicability, Method
from noise import Decorrelated, NoiseModel


@dataclass(frozen=True)
class Entry:
    """A cell by its names, as run.json, its record and the table tell of it: enough to read a run, not to do it.

    Parameters
    ----------
    noise_no : int
        Row of Table 1; 0 for noise that is none of them.
    noise, method : str
        Canonical names: slugs, with settings in parentheses where they are not the defaults.
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
        """Name of the cell's file, without ending: 07-poisson--supervised--s0, poisson(lam=0.05)--supervised--s0."""
        number = f"{self.noise_no:02d}-" if self.noise_no else ""
        return f"{number}{short_name(self.noise)}--{short_name(self.method)}--s{self.seed}"

    @property
    def noise_label(self) -> str:
        """The noise model for a line of a table: " 7 poisson", "   poisson(lam=0.05)"."""
        return f"{self.noise_no or '':>2} {self.noise}"


#: No part of a path, whatever stands in the parentheses.
_NAME = re.compile(r"[a-z0-9+_-]{1,60}(?:\([A-Za-z0-9+_.,=()-]{1,1000}\)[a-z0-9+_-]{0,60}){0,2}")


def entry_of(told: dict[str, Any]) -> Entry:
    """An entry as run.json tells it. Raises ValueError or TypeError where it is none; its names are safe parts of a path."""
    entry = Entry(**told)
    words = (entry.noise, entry.method, entry.key or "none")
    if not (
        type(entry.noise_no) is int
        and type(entry.seed) is int
        and 0 <= entry.noise_no <= 99
        and 0 <= entry.seed < 10_000
        and all(isinstance(word, str) and _NAME.fullmatch(word) for word in words)
        and entry.applicability in ("yes", "indirect", "infeasible", "no")
        and isinstance(entry.reason, str)
        and isinstance(entry.decorrelated, bool)
    ):
        raise ValueError(told)
    return entry


@dataclass(frozen=True)
class Cell:
    """One noise model x method x seed, with all that it takes to do it.

    Parameters
    ----------
    entry : Entry
        Its names.
    model : NoiseModel
        The law of y given x, with its parameters.
    method : Method
        The method, with its settings.
    """

    entry: Entry
    model: NoiseModel
    method: Method

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def seed(self) -> int:
        return self.entry.seed

    @property
    def key(self) -> str | None:
        return self.entry.key

    @cached_property
    def seen(self) -> Decorrelated | None:
        """How the method sees y where it is given A^-1 y; None where it is given y."""
        return self.model.decorrelated() if self.entry.decorrelated else None


def resolved(entry: Entry, recipe: str, kernels: Kernels | None = None) -> Cell:
    """The cell of an entry, its names looked up. Raises ValueError or KeyError for a name that is not known here."""
    return Cell(entry, model_of(entry.noise, recipe, kernels), method_of(entry.method, recipe))


@dataclass(frozen=True)
class Job:
    """Cells that one worker does, one after the other, with one network."""

    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        return self.cells[0].name


def matrix(models: Sequence[NoiseModel], methods: Sequence[Method], names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The applicability of each method to each noise model, with reasons; `names` of the methods where not their slugs."""
    return [
        {
            "noise_no": model.number,
            "noise": model.slug,
            "method": name,
            "applicability": answer.verdict,
            "reason": answer.reason,
        }
        for model in models
        for name, method in zip(names or [method.slug for method in methods], methods, strict=True)
        for answer, _ in [_answer(method, model)]
    ]


def make_cells(settings: Settings, training_sha256: str) -> list[Cell]:
    """All cells in the order of the table, those that are not applicable too."""
    cells = []
    for model in settings.noise:
        own = settings_for(settings, model)
        images = "" if isinstance(model, Measured) else training_sha256  # of measured noise, its law tells of them
        for name, method in settings.named.items():
            answer, decorrelated = _answer(method, model)
            runs = answer.verdict != "no"
            for seed in range(settings.seeds):
                key = training_key(own, model, method, seed, images) if runs and method.trains else None
                names = (model.number, model.slug, name, seed)
                entry = Entry(*names, answer.verdict, answer.reason, key, decorrelated)
                cells.append(Cell(entry, model, method))
    return cells


def _answer(method: Method, model: NoiseModel) -> tuple[Applicability, bool]:
    """`answer_to`, whose errors become a UsageError: the catalogue asked before, but not with each recipe."""
    try:
        return answer_to(method, model)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a method's own code
        told = fault_of(error)
        raise UsageError(f"method {method.slug}, asked about {model.slug}: {told}: expected an Applicability") from None


def make_jobs(cells: Sequence[Cell]) -> list[Job]:
    """Group the cells that can run into jobs, in order: those with one training key together."""
    whole = {cell.entry: cell for cell in cells}
    return [Job(tuple(whole[entry] for entry in group)) for group in _together([cell.entry for cell in cells])]


def _together(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Those that can run, in order: those with one training key together."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.applicability != "no":
            groups.setdefault(entry.key or entry.name, []).append(entry)
    return list(groups.values())


def count_trainings(entries: Sequence[Entry]) -> int:
    """Number of networks to train."""
    return len({entry.key for entry in entries if entry.key})


def shared(entries: Sequence[Entry]) -> list[str]:
    """In words, which cells use the training of another."""
    return [
        f"{entry.method} on {entry.noise} uses the training of {first.method} on {first.noise}"
        for first, *others in _together(entries)
        for entry in others
    ]
