"""The `merge` command: runs of equal settings with different cells become one."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

import reports
from bench import store
from bench.directory import differing
from bench.errors import UsageError
from bench.listing import read_plan
from bench.plan import Cell, count_trainings, shared

#: Settings that runs to be merged may differ in: which cells they are of.
_OWN = ("methods", "noise", "seeds", "data")


def merge(directories: list[Path], out: Path, console: Console) -> None:
    """Join the runs into the new directory `out`, with its own table and report.

    Raises
    ------
    UsageError
        Where a directory holds no run, settings differ (they are named), two runs hold the same cell, or `out` is not new.
    """
    once = {directory.resolve(): directory for directory in directories}
    if len(once) < len(directories):
        raise UsageError(f"merge of {', '.join(map(str, directories))}: a directory is named twice; expected different ones")
    plans = {directory: read_plan(directory) for directory in directories}
    records = {directory: store.read_json(directory / "run.json") or {} for directory in directories}
    first = directories[0]
    for directory in directories[1:]:
        _refuse_different(first, records[first], directory, records[directory])
    _refuse_overlap(plans)
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out}: is there already: expected a new or empty folder for --out")

    cells = _sorted([cell for plan in plans.values() for cell in plan], records)
    try:
        for directory in directories:
            for folder in ("cells", "crops", "weights"):
                if (directory / folder).is_dir():
                    shutil.copytree(directory / folder, out / folder, dirs_exist_ok=True)
        store.write_json(out / "run.json", _joined(records, cells))
        found = [store.read_cell(out, cell) for cell in cells]
        store.write_table(out, store.table(cells, found))
        reports.write(out)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror or error}") from None
    console.print(f"{len(cells)} cells in {out}", soft_wrap=True)


def _refuse_different(one: Path, first: dict[str, Any], other: Path, second: dict[str, Any]) -> None:
    def relevant(record: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in record.get("settings", {}).items() if key not in _OWN}

    found = differing(relevant(first), relevant(second))
    if found:
        name, old, new = found[0]
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise UsageError(f"{name} is {old} in {one} and {new} in {other}{more}: expected runs of equal settings")


def _refuse_overlap(plans: dict[Path, list[Cell]]) -> None:
    owner: dict[str, Path] = {}
    for directory, cells in plans.items():
        for cell in cells:
            if cell.name in owner and cell.method != "noisy" and cell.applicability != "no":
                raise UsageError(f"{cell.name} is in {owner[cell.name]} and in {directory}: expected runs with different cells")
            owner.setdefault(cell.name, directory)


def _sorted(cells: list[Cell], records: dict[Path, dict[str, Any]]) -> list[Cell]:
    """Each cell once, in the order of a table."""
    order = {slug: index for index, slug in enumerate(_union(records, "methods", "slug"))}
    once = {cell.name: cell for cell in cells}
    return sorted(once.values(), key=lambda cell: (cell.noise_no, order.get(cell.method, 0), cell.seed))


def _union(records: dict[Path, dict[str, Any]], key: str, name: str) -> dict[Any, dict[str, Any]]:
    """The entries of a list in each run.json, by name, each once."""
    return {entry[name]: entry for record in records.values() for entry in record.get(key, [])}


def _joined(records: dict[Path, dict[str, Any]], cells: list[Cell]) -> dict[str, Any]:
    """run.json of the merged run: the first's, with what is of all runs joined."""
    first = next(iter(records.values()))
    noises = sorted(_union(records, "noise", "number").values(), key=lambda entry: entry["number"])
    matrix = {(row["noise_no"], row["method"]): row for record in records.values() for row in record.get("matrix", [])}
    settings = first["settings"] | {
        "methods": list(_union(records, "methods", "slug")),
        "noise": [entry["slug"] for entry in noises],
        "seeds": max(cell.seed for cell in cells) + 1,
    }
    return first | {
        "command": " ; ".join(str(record.get("command")) for record in records.values()),
        "settings": settings,
        "methods": list(_union(records, "methods", "slug").values()),
        "noise": noises,
        "matrix": list(matrix.values()),
        "plan": [asdict(cell) for cell in cells],
        "cells": sum(cell.applicability != "no" for cell in cells),
        "trainings": count_trainings(cells),
        "shared": shared(cells),
        "notes": list(dict.fromkeys(note for record in records.values() for note in record.get("notes", []))),
    }
