"""The entries of robustness.json, which several calls of `robustness` and `merge` put together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.plan.cells import Entry
from bench.runs import store
from reports.read.scans import is_current, outdated_words


def known_entries(told: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The entries of a robustness.json that say which noise model they are of."""
    models = told.get("models") if told else None
    found = models if isinstance(models, list) else []
    return [entry for entry in found if isinstance(entry, dict) and isinstance(entry.get("noise_no"), int)]


def current_entries(
    told: dict[str, Any] | None, directory: Path, plan: Sequence[Entry]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The entries whose cells are still those that they were measured on, and a sentence on each other one."""
    cells = {(entry.noise, entry.method, entry.seed): entry for entry in plan}
    kept, sentences = [], []
    for found in known_entries(told):
        cell = cells.get((str(found.get("noise")), str(found.get("method")), found.get("seed", 0)))
        record = store.read_cell(directory, cell) if cell else None
        if is_current(found, (record or {}).get("made_of")):
            kept.append(found)
        else:
            sentences.append(outdated_words(found))
    return kept, sentences


def joined(before: Sequence[dict[str, Any]], entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The new entries and the old ones of other noise models and methods, in order."""
    found = {place_of(entry): entry for entry in [*before, *entries]}
    return [found[key] for key in sorted(found)]


def place_of(entry: dict[str, Any]) -> tuple[float, str, str]:
    """What an entry is of: noise model and method, Table 1 first."""
    return entry["noise_no"] or math.inf, str(entry.get("noise")), str(entry.get("method"))
