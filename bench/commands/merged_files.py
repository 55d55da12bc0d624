"""The files of a merged run: which part each is taken from."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.files.json_files import write_json
from bench.files.tensors import read_tensors
from bench.plan.cells import Entry
from bench.plan.keys import half_keys
from bench.runs import store
from bench.runs.weights import weights_path
from bench.training.checkpoint import checkpoint_path


@dataclass(frozen=True)
class Part:
    """One of the runs: its directory, run.json, cells, and the records of those that have finished, by name."""

    directory: Path
    info: dict[str, Any]
    entries: dict[str, Entry]
    records: dict[str, dict[str, Any]]


def fill(
    whole: Path,
    parts: Sequence[Part],
    entries: Sequence[Entry],
    chosen: Mapping[str, Part],
    scans: Sequence[dict[str, Any]],
    info: dict[str, Any],
) -> None:
    """Write everything but the report into the folder `whole`.

    Parameters
    ----------
    chosen : mapping
        The part that each finished cell is taken from, by the cell's name.
    scans : sequence of dict
        Entries of robustness.json.
    info : dict
        The merged run.json.
    """
    crops: set[str] = set()
    (whole / "cells").mkdir()
    for entry in entries:
        if entry.name in chosen:
            part = chosen[entry.name]
            shutil.copyfile(store.cell_path(part.directory, entry), store.cell_path(whole, entry))
            for crop in part.records[entry.name].get("crops", []):
                for name in {crop["file"], crop["clean"]} - crops:
                    crops.add(name)
                    _copy_crop(part.directory, name, whole)
    for key in dict.fromkeys(each for entry in entries if entry.key for each in (entry.key, *half_keys(entry.key))):
        if not _copy_tensors(weights_path, key, parts, whole):
            _copy_tensors(checkpoint_path, key, parts, whole)
    if scans:
        write_json(whole / "robustness.json", {"schema": 1, "models": scans})
    store.write_run(whole, info)
    records = [chosen[entry.name].records[entry.name] if entry.name in chosen else None for entry in entries]
    store.write_table(whole, store.table(entries, records))


def _copy_crop(directory: Path, name: str, whole: Path) -> None:
    """Copy a crop that a record names, if it is there and a crop: records are other people's files."""
    source, target = (directory / name).resolve(), whole / name
    if source.is_file() and all(
        path.resolve().is_relative_to((root / "crops").resolve()) for path, root in ((source, directory), (target, whole))
    ):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _copy_tensors(path_of: Callable[[Path, str], Path], key: str, parts: Sequence[Part], whole: Path) -> bool:
    """Copy the first whole file of weights, or checkpoint, with that key; whether there is one."""
    found = [path_of(part.directory, key) for part in parts if path_of(part.directory, key).is_file()]
    target = path_of(whole, key)
    # where there is no choice, whoever uses the file checks it
    source = found[0] if len(found) == 1 else next((path for path in found if _is_whole(path, key)), None)
    if source is None:
        return False
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(source, target)
    return True


def _is_whole(path: Path, key: str) -> bool:
    try:
        return read_tensors(path, key) is not None
    except (ValueError, OSError):
        return False
