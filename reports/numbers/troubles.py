"""What went wrong in a run: cells without a score, values that are not finite, warnings, and guards that acted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from reports.numbers.tables import STATUS_TEXT
from reports.read.model import Cell, Run
from reports.style.words import counted


@dataclass(frozen=True)
class Failure:
    """An end without a score, and the cells that came to it."""

    status: str
    message: str
    traceback: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Warned:
    """A warning and the cells that gave it."""

    text: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Guarded:
    """A guard of a solver, and the cells where it acted with the share of their values; the most first."""

    name: str
    most: str
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Troubles:
    """All of it; empty where all went well."""

    failures: tuple[Failure, ...]
    failed: int  # cells
    pending: tuple[str, ...]
    not_finite: tuple[tuple[str, str], ...]  # cell, how many of its scores
    warnings: tuple[Warned, ...]
    guards: tuple[Guarded, ...]

    @property
    def guarded(self) -> int:
        """Cells in which a guard acted."""
        return len({cell for guard in self.guards for cell, _ in guard.cells})


def troubles(run: Run) -> Troubles:
    """What the table and the cells' own files tell."""
    failures = _failures(run)
    pending = run.table[run.table["status"] == "pending"].drop_duplicates(["noise", "method", "seed"])
    return Troubles(
        failures=failures,
        failed=sum(len(failure.cells) for failure in failures),
        pending=tuple(where(row.noise_no, row.noise, row.method, row.seed) for row in pending.itertuples(index=False)),
        not_finite=tuple(_not_finite(run.table)),
        warnings=_warnings(run),
        guards=_guards(run),
    )


def where(noise_no: object, noise: object, method: object, seed: object) -> str:
    """A cell by name."""
    number = f"No. {noise_no} " if noise_no else ""
    return f"{number}{noise}, {method}, seed {seed}"


def _where(cell: Cell) -> str:
    return where(cell.noise_no, cell.noise, cell.method, cell.seed)


def _failures(run: Run) -> tuple[Failure, ...]:
    """Cells that the table or their own file call failed or out of time, in the table's order, equal ends together."""
    rows = run.table[run.table["status"].isin(["failed", "timeout"])].drop_duplicates(["noise", "method", "seed"])
    found = {(row.noise, row.method, row.seed): (row.noise_no, row.status) for row in rows.itertuples(index=False)}
    for cell in run.cells:
        if cell.status in ("failed", "timeout"):
            found.setdefault((cell.noise, cell.method, cell.seed), (cell.noise_no, cell.status))
    ends: dict[tuple[str, str, str], list[str]] = {}
    for (noise, method, seed), (number, status) in found.items():
        own = run.cell(noise, method, seed)
        end = STATUS_TEXT[status], (own.message if own else "") or "no message was stored", own.traceback if own else ""
        ends.setdefault(end, []).append(where(number, noise, method, seed))
    return tuple(Failure(*end, tuple(cells)) for end, cells in ends.items())


def _not_finite(table: pd.DataFrame) -> list[tuple[str, str]]:
    done = table[(table["status"] == "done") & (table["metric"] != "")]
    counts = done.groupby(["noise_no", "noise", "method", "seed"], sort=False)["value"].agg(["size", "count"])
    return [
        (where(*key), f"{size - finite} of {counted(size, 'score')}")
        for key, size, finite in counts.itertuples()
        if finite < size
    ]


def _warnings(run: Run) -> tuple[Warned, ...]:
    found: dict[str, list[str]] = {}
    for cell in run.cells:
        for warning in cell.warnings:
            found.setdefault(warning, []).append(_where(cell))
    return tuple(Warned(warning, tuple(cells)) for warning, cells in found.items())


def _guards(run: Run) -> tuple[Guarded, ...]:
    found: dict[str, list[tuple[float, str]]] = {}
    for cell in run.cells:
        for name, share in cell.guards.items():
            found.setdefault(name, []).append((share, _where(cell)))
    for cells in found.values():
        cells.sort(key=lambda pair: (-pair[0], pair[1]))
    return tuple(
        Guarded(name, percent(cells[0][0]), tuple((place, percent(share)) for share, place in cells))
        for name, cells in sorted(found.items(), key=lambda item: (-item[1][0][0], item[0]))
    )


def percent(share: float) -> str:
    """A share to two digits, and no more than four decimals."""
    value = 100 * share
    return "below 0.0001 %" if value < 1e-4 else f"{value:.{max(0, min(4, 1 - math.floor(math.log10(value))))}f} %"
