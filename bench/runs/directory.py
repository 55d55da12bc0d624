"""A run directory before work: whose it is, and what in it cannot be trusted."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.errors import UsageError
from bench.files.json_files import read_again
from bench.files.writing import set_aside
from bench.plan.cells import Entry, count_trainings
from bench.plan.settings import Settings
from bench.runs import store
from bench.runs.record import inputs_of, inputs_sha256
from bench.training.networks import count_parameters, make_network
from bench.training.shared_images import folder_of

#: What runs put into their directories; anything else in them is left alone.
FOLDERS = ("cells", "weights", "checkpoints", "crops", "progress")
#: Beside them.
FILES = ("results.csv", "results.parquet", "run.json", "robustness.json", "report.html")


def refuse_in_the_way(directory: Path) -> None:
    """Raise UsageError for a folder where runs put a file of their own, and for a file where they put a folder."""
    for name in FILES:
        if (directory / name).is_dir():
            raise UsageError(f"{directory / name}: is a folder: expected nothing, or a file, where a run writes its own")
    for name in FOLDERS:
        if (directory / name).exists() and not (directory / name).is_dir():
            raise UsageError(f"{directory / name}: is no folder: expected nothing, or a folder, where a run keeps its own")


def sweep(directory: Path) -> None:
    """Remove the workers' notes, the images that they shared, and what killed processes left half written."""
    for folder in (directory / "progress", folder_of(directory)):
        shutil.rmtree(folder, ignore_errors=True)
    halves = [*directory.glob(".*.tmp"), *directory.glob(".report.html.*.part")]
    for path in halves + [path for name in FOLDERS for path in (directory / name).rglob(".*.tmp")]:
        path.unlink(missing_ok=True)


def tidy(directory: Path, entries: Sequence[Entry]) -> list[str]:
    """Sweep, and set aside what cannot be trusted; returns sentences on that.

    Records of cells must be whole, by their hash, and of the run; their crops as they say. Weights are checked when used.
    """
    sweep(directory)
    known = {store.cell_path(directory, entry): entry for entry in entries}
    sentences = []
    for path in sorted((directory / "cells").glob("*")):
        entry = known.get(path)
        record = store.read_cell(directory, entry) if entry else None
        reason = "is no cell of this run" if entry is None else "is damaged" if record is None else bad_crop(directory, record)
        if reason:
            name = set_aside(directory, path)
            sentences.append(f"cells/{path.name} {reason}: moved to {name}" + (", and done again." if entry else "."))
    return sentences


def bad_crop(directory: Path, record: dict[str, Any]) -> str:
    """What is wrong with the crops of a record; "" where nothing is."""
    for crop in record.get("crops", []):
        for file, sha256 in (("file", "sha256"), ("clean", "clean_sha256")):
            if not crop.get(file) and file == "clean":  # of measured noise
                continue
            path = directory / str(crop.get(file))
            if not path.resolve().is_relative_to((directory / "crops").resolve()):
                return "names a crop outside of crops/"
            if not path.is_file():
                return f"lacks its crop {crop[file]}"
            if hashlib.sha256(path.read_bytes()).hexdigest() != crop.get(sha256):
                return f"has a damaged crop, {crop[file]}"
    return ""


def open_directory(directory: Path, record: dict[str, Any], settings: Settings, entries: Sequence[Entry]) -> list[str]:
    """Begin a run in the directory, or check that the run in it is this one; returns sentences on what was damaged.

    A damaged run.json is set aside and written anew, where the records of the cells say that they are of these settings.

    Raises
    ------
    UsageError
        Where it holds something else, a run with other settings (the difference is named), or cannot be written.
    """
    record = read_again(record)  # a tuple among a method's settings is a list in the file
    try:
        before = store.read_run(directory)
        if before is None:
            _refuse_unknown(directory, record, settings, entries)
        else:
            refuse_other(directory, before, record)
        network = make_network(settings.preset)
        need = 4 * count_parameters(network) * count_trainings(entries) + 2**16 * len(entries) + 2**24
        free = shutil.disk_usage(directory).free
        if before is None and free < need:
            raise UsageError(f"{directory}: {free / 2**20:.0f} MiB of disk are free: expected at least {need / 2**20:.0f} MiB")
        sentences = []
        if before is None:
            if (directory / "run.json").exists():
                name = set_aside(directory, directory / "run.json")
                sentences.append(f"run.json is damaged: moved to {name}, and written anew.")
            store.write_run(directory, record)
        elif not os.access(directory, os.W_OK):
            raise UsageError(f"{directory}: cannot be written")
        else:
            pending = {entry.name for entry in entries if entry.applicability != "no"} - store.cell_names(directory)
            told = _elsewhere(before, record) if pending else []
            sentences += told
            if (now := _completed(before, record, told)) != before:
                store.write_run(directory, now)
    except OSError as error:
        raise UsageError(f"{directory}: cannot be used as a run directory: {error.strerror or error}") from None
    return sentences


def _elsewhere(before: dict[str, Any], record: dict[str, Any]) -> list[str]:
    """A sentence where a run goes on with, or on, something else than it was begun with."""
    told = [f"{name} {new}, not {old}" for name, old, new in differing_makers(before, record) if "not set" not in (old, new)]
    return [f"Cells of a later start were made with {', '.join(told)}."] if told else []


def _completed(before: dict[str, Any], record: dict[str, Any], later: Sequence[str]) -> dict[str, Any]:
    """run.json with what it lacks: cells, where it was merged of some parts of this run, and what older code did not tell.

    And with where methods and noise from outside are now: a file may have been moved, or changed. And with what is to be
    told of this `later` start.
    """
    now = dict(before)
    for kind in ("methods", "noise"):
        places = {told["slug"]: told["origin"] for told in record[kind] if "origin" in told}
        if places:
            told = now.get(kind, [])
            now[kind] = [each | {"origin": places[each["slug"]]} if each["slug"] in places else each for each in told]
    if len(before.get("plan", record["plan"])) != len(record["plan"]):
        now |= {name: record[name] for name in ("plan", "cells", "trainings", "shared")}
    if any("tags" not in method for method in before.get("methods", [])):
        told = {method.get("slug"): method for method in before["methods"]}
        now |= {"methods": [method | told.get(method["slug"], {}) for method in record["methods"]]}
    more = list(later)
    if "repeated" not in (before.get("data") or {}):
        now |= {"data": record["data"]}
        more = [*record["notes"], *more]
    return now | {"notes": list(dict.fromkeys([*before.get("notes", []), *more]))} if more else now


def _refuse_unknown(directory: Path, record: dict[str, Any], settings: Settings, entries: Sequence[Entry]) -> None:
    """Raise UsageError where, without a run.json to tell, there are results that may be of other settings.

    Records of measured noise were of all images of their run, before they were of those of their row.
    """
    whole, there = inputs_sha256(record["settings"]), store.cell_names(directory)
    inputs = {model.slug: (whole, inputs_of(record["settings"], model)) for model in settings.noise}
    for entry in entries:
        found = store.read_cell(directory, entry) if entry.name in there else None
        if found is None or found.get("status") != "done":
            continue
        if found.get("inputs") not in inputs[entry.noise] or (found.get("training") or {}).get("key") != entry.key:
            raise UsageError(
                f"{directory}/run.json: is damaged or gone, and cells/{entry.name}.json is not of the settings asked for now: "
                "expected the settings that the run was started with, or another --out"
            )


def refuse_other(directory: Path, before: dict[str, Any], record: dict[str, Any]) -> None:
    """Raise UsageError where the settings of two run.json differ, naming what does."""
    found = [*differing(_unordered(before.get("settings")), _unordered(record["settings"])), *differing_choices(before, record)]
    differences = [
        f"{name} is {old} there and {new} now"
        for name, old, new in found
        if name != "data"  # the same images from another place are the same
    ]
    if differences:
        more = f" (and {len(differences) - 3} more)" if len(differences) > 3 else ""
        raise UsageError(
            f"{directory}: holds a run with other settings: {'; '.join(differences[:3])}{more}; expected the same settings, "
            "or another --out"
        )


def _unordered(settings: Any) -> Any:
    """The settings with the noise models in one order, whichever they were asked for, or merged, in."""
    models = settings.get("noise") if isinstance(settings, dict) else None
    return {**settings, "noise": sorted(map(str, models))} if isinstance(models, list) else settings


def differing(old: Any, new: Any, name: str = "") -> list[tuple[str, str, str]]:
    """(name, old, new) of every setting that differs between two nested dictionaries."""
    if isinstance(old, dict) and isinstance(new, dict):
        prefix = f"{name}." if name and name != "fields" else ""
        found = []
        for key in dict.fromkeys([*old, *new]):
            found += differing(old.get(key, "not set"), new.get(key, "not set"), prefix + key)
        return found
    return [] if old == new else [(name or "settings", _short(old), _short(new))]


def differing_choices(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The same of the settings of methods, and the parameters of noise models, that two run.json both have."""
    found = []
    for key, value in (("methods", "settings"), ("noise", "parameters")):
        before, now = ({entry["slug"]: entry.get(value) for entry in info.get(key, [])} for info in (old, new))
        for slug in now:
            found += differing(before[slug], now[slug], slug) if slug in before else []
    return found


def differing_makers(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The same of the commit, the versions and the machine that two run.json tell, but for the size of its memory."""
    then, now = ({name: side.get(name) for name in ("git", "versions", "hardware")} for side in (old, new))
    return [each for each in differing(then, now) if each[0] != "hardware.memory_gib"]


def _short(value: Any) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def forget(directory: Path, entries: Sequence[Entry], retry: Sequence[str]) -> None:
    """Remove the records of cells with one of these statuses, so that they are done again."""
    for entry in entries if retry else ():
        record = store.read_cell(directory, entry)
        if record is not None and record.get("status") in retry:
            store.cell_path(directory, entry).unlink()
