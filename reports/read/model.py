"""What a report is made of: a run directory's content after reading, every field of a known type."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

COLUMNS = (
    *("noise_no", "noise", "method", "seed", "status", "applicability", "reason"),
    *("dataset", "image", "metric", "value"),
)
#: May be missing: older tables have none. 0: the value is of the whole image; else of its centre of that side (pixels).
CROP = "crop"
NOISY = "noisy"  # the input itself: the reference row, never a competitor


@dataclass(frozen=True)
class Method:
    """A method as run.json names it; a bare table gives its slug only."""

    slug: str
    title: str
    paper: str = ""
    assumptions: str = ""
    knows: tuple[str, ...] | None = None  # None: it does not say
    supervised: bool = False
    trains: bool = True
    learns_from: str = ""  # nothing | set | image; "": it does not say
    tags: tuple[str, ...] = ()  # none: it does not say
    card: Mapping[str, Any] = field(default_factory=dict, hash=False)
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def described(self) -> bool:
        """Whether there is more to say about it than its name."""
        return bool(self.paper or self.assumptions or self.settings)

    @property
    def competes(self) -> bool:
        """Whether it is among those that bold, underline and the winner are chosen from."""
        return not self.supervised and self.slug != NOISY


@dataclass(frozen=True)
class Noise:
    """A noise model as run.json names it; `number` is its row in the paper's Table 1, or 0."""

    number: int
    slug: str
    title: str
    formula: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict, hash=False)
    measured: Mapping[str, Any] = field(default_factory=dict, hash=False)  # of a set of real images: what is told of it

    @property
    def no(self) -> str:
        """No. 7, or nothing."""
        return f"No. {self.number}" if self.number else ""

    @property
    def label(self) -> str:
        """No. 7 Poisson; Poisson, lam 0.05."""
        return f"{self.no} {self.title}".strip()

    @property
    def has_truth(self) -> bool:
        """Whether there are clean images: what has none, measured noise, stands in its own section alone."""
        beside = self.measured.get("beside")
        return not self.measured or (isinstance(beside, (list, tuple)) and "clean" in beside)

    @property
    def order(self) -> float:
        """Table 1 comes first, in its order."""
        return self.number or math.inf


@dataclass(frozen=True)
class Verdict:
    """Whether a method can be applied to a noise model, and why."""

    applicability: str  # yes | indirect | infeasible | no
    reason: str


@dataclass(frozen=True)
class Training:
    """What training a cell's network took, and its curves."""

    key: str
    reused: bool
    seconds: float | None
    steps: float | None
    parameters: float | None
    peak_memory_mib: float | None
    loss: tuple[tuple[float, float], ...]
    validation: tuple[tuple[float, float], ...]
    flops_per_pixel: float | None = None  # of one forward pass, multiply-adds counted as 2
    operations: float | None = None  # floating-point, of the whole training
    budget_operations: float | None = None  # those of supervised training at the run's preset
    passes_with_gradient: float | None = None  # over a step's patches, in units of their area
    passes_without_gradient: float | None = None
    pixels: float | None = None  # that went through the network with gradient, of the whole training
    patch: float | None = None  # side (pixels)
    patches_per_step: float | None = None


@dataclass(frozen=True)
class Crop:
    """One crop of a denoised test image; `file` and `clean` are paths inside the run directory."""

    dataset: str
    image: str
    file: str
    clean: str


@dataclass(frozen=True)
class Cell:
    """One file of cells/."""

    noise_no: int
    noise: str
    method: str
    seed: int
    status: str
    applicability: str
    reason: str
    decorrelated: bool
    training: Training | None
    denoise_seconds: float | None
    megapixels: float | None
    seconds: float | None
    peak_memory_mib: float | None
    finished: str
    rows: tuple[Mapping[str, Any], ...]
    crops: tuple[Crop, ...]
    warnings: tuple[str, ...]
    message: str
    traceback: str
    steps_share: float | None = None  # of a method on one image: of the steps that it asks for
    passes: float | None = None  # of the network over a test image, mean
    guards: Mapping[str, float] = field(default_factory=dict, hash=False)
    made_of: Mapping[str, Any] = field(default_factory=dict, hash=False)  # settings, parameters, training key, code


@dataclass(frozen=True)
class Run:
    """A run directory that was read. `problems` says, in words, what was missing or damaged.

    `repeated`: (data set, image) of each test image that is a near duplicate of others -> that of the first of them.
    """

    directory: Path
    info: Mapping[str, Any]
    table: pd.DataFrame
    methods: tuple[Method, ...]
    noises: tuple[Noise, ...]
    verdicts: Mapping[tuple[str, str], Verdict]
    datasets: tuple[str, ...]
    cells: tuple[Cell, ...]
    problems: tuple[str, ...]
    robustness: Mapping[str, Any] = field(default_factory=dict, hash=False)
    repeated: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict, hash=False)

    @cached_property
    def _cell_of(self) -> dict[tuple[str, str, int], Cell]:
        return {(cell.noise, cell.method, cell.seed): cell for cell in self.cells}

    def cell(self, noise: str, method: str, seed: int) -> Cell | None:
        """The cell's file, where there is one."""
        return self._cell_of.get((noise, method, seed))
