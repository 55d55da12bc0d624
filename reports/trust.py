"""Why the numbers can be believed, or not: settings, versions, data, and everything that went wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reports.model import Cell, Run
from reports.tables import STATUS_TEXT, Scores
from reports.untrusted import mapping, sequence, text, texts, whole

_SETTING_ORDER = ("preset", "recipe", "data", "seeds", "device", "threads", "methods", "noise")


@dataclass(frozen=True)
class Setting:
    """A resolved setting and its unit."""

    name: str
    value: str
    unit: str


@dataclass(frozen=True)
class DataSet:
    """One set of images: how many of how many, how they were cropped, and the hash that pins them."""

    name: str
    role: str
    images: str
    crop: str
    sha256: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Trouble:
    """A cell that ended without a score."""

    title: str
    status: str
    message: str
    traceback: str


@dataclass(frozen=True)
class Warned:
    """A warning and the cells that gave it."""

    text: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Trust:
    """The whole section; empty tuples and texts where run.json is silent."""

    command: str
    started: str
    ended: str
    git: str
    settings: tuple[Setting, ...]
    fields: tuple[Setting, ...]
    methods: tuple[tuple[str, str, str, str], ...]  # title, paper, assumptions, settings
    versions: tuple[tuple[str, str], ...]
    hardware: tuple[tuple[str, str], ...]
    datasets: tuple[DataSet, ...]
    separation: str
    troubles: tuple[Trouble, ...]
    pending: tuple[str, ...]
    warnings: tuple[Warned, ...]
    guards: tuple[tuple[str, str, str], ...]  # guard, cell, share of the values; the most frequent first
    notes: tuple[str, ...]
    decorrelated: tuple[str, ...]


def trust(scores: Scores) -> Trust:
    """Everything of the last section, in the order that it is shown."""
    run = scores.run
    settings = mapping(run.info.get("settings"))
    units = {name: text(unit) for name, unit in mapping(run.info.get("units")).items()}
    general = [name for name in _SETTING_ORDER if name in settings]
    general += [name for name in settings if name not in (*_SETTING_ORDER, "fields", "data_sha256")]
    return Trust(
        command=text(run.info.get("command")),
        started=text(run.info.get("started")),
        ended=max((cell.finished for cell in run.cells), default=""),
        git=text(run.info.get("git")),
        settings=tuple(Setting(name, _value(settings[name]), units.get(name, "")) for name in general),
        fields=tuple(
            Setting(name, _value(value), units.get(name, "")) for name, value in mapping(settings.get("fields")).items()
        ),
        methods=tuple((m.title, m.paper, m.assumptions, _pairs(m.settings)) for m in run.methods if m.described),
        versions=_named(run.info.get("versions")),
        hardware=_named(run.info.get("hardware")),
        datasets=tuple(_dataset(mapping(entry)) for entry in sequence(mapping(run.info.get("data")).get("sets"))),
        separation=text(mapping(run.info.get("data")).get("separation")),
        troubles=tuple(_troubles(scores)),
        pending=tuple(_pending(scores)),
        warnings=_warnings(run),
        guards=_guards(run),
        notes=texts(run.info.get("notes")),
        decorrelated=tuple(_where(cell) for cell in run.cells if cell.decorrelated),
    )


def _value(value: object) -> str:
    return ", ".join(map(text, value)) if isinstance(value, list) else text(value, "none")


def _pairs(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {_value(value)}" for name, value in settings.items())


def _named(value: object) -> tuple[tuple[str, str], ...]:
    return tuple((name, text(item, "none")) for name, item in mapping(value).items())


def _dataset(entry: Mapping[str, Any]) -> DataSet:
    images, of = whole(entry.get("images"), -1), whole(entry.get("of"), -1)
    count = "n/a" if images < 0 else str(images) if of in (-1, images) else f"{images} of {of}"
    crop = whole(entry.get("crop"))
    place = "one crop of" if entry.get("role") == "training" else "centre"
    return DataSet(
        name=text(entry.get("name")),
        role=text(entry.get("role")),
        images=count,
        crop=f"{place} {crop}\u00d7{crop}" if crop > 0 else "whole images",
        sha256=text(entry.get("sha256")),
        names=texts(entry.get("names")),
    )


def _where(cell: Cell) -> str:
    return f"No. {cell.noise_no} {cell.noise}, {cell.method}, seed {cell.seed}"


def _troubles(scores: Scores) -> list[Trouble]:
    """Cells that the table or their own file call failed or timed out, in the table's order."""
    table = scores.run.table
    rows = table[table["status"].isin(["failed", "timeout"])].drop_duplicates(["noise", "method", "seed"])
    found = {(row.noise, row.method, row.seed): (row.noise_no, row.status) for row in rows.itertuples(index=False)}
    for cell in scores.run.cells:
        if cell.status in ("failed", "timeout"):
            found.setdefault((cell.noise, cell.method, cell.seed), (cell.noise_no, cell.status))
    troubles = []
    for (noise, method, seed), (number, status) in found.items():
        cell_file = scores.run.cell(noise, method, seed)
        message = cell_file.message if cell_file else ""
        troubles.append(
            Trouble(
                title=f"No. {number} {noise}, {method}, seed {seed}",
                status=STATUS_TEXT[status],
                message=message or "no message was stored",
                traceback=cell_file.traceback if cell_file else "",
            )
        )
    return troubles


def _pending(scores: Scores) -> list[str]:
    table = scores.run.table
    rows = table[table["status"] == "pending"].drop_duplicates(["noise", "method", "seed"])
    return [f"No. {row.noise_no} {row.noise}, {row.method}, seed {row.seed}" for row in rows.itertuples(index=False)]


def _warnings(run: Run) -> tuple[Warned, ...]:
    found: dict[str, list[str]] = {}
    for cell in run.cells:
        for warning in cell.warnings:
            found.setdefault(warning, []).append(_where(cell))
    return tuple(Warned(warning, tuple(cells)) for warning, cells in found.items())


def _guards(run: Run) -> tuple[tuple[str, str, str], ...]:
    found = [(share, name, _where(cell)) for cell in run.cells for name, share in cell.guards.items()]
    return tuple((name, where, percent(share)) for share, name, where in sorted(found, key=lambda row: (-row[0], row[1:])))


def percent(share: float) -> str:
    """A share to two digits, and no more than four decimals."""
    value = 100 * share
    return "below 0.0001 %" if value < 1e-4 else f"{value:.{max(0, min(4, 1 - math.floor(math.log10(value))))}f} %"
