"""The `merge` command: runs of equal settings become one; what two of them hold both must agree."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Any

from rich.console import Console

import methods
import reports
from bench.commands.merged_files import Part, fill
from bench.commands.scans import current_entries, place_of
from bench.errors import UsageError
from bench.files.json_files import read_json
from bench.plan.cells import Entry, count_trainings, shared
from bench.plan.scores import METRICS
from bench.runs import store
from bench.runs.directory import bad_crop, differing, differing_choices, differing_makers
from bench.runs.laws import joined, of_both
from bench.runs.lock import refuse_bytes
from bench.runs.origin import changed_code, code_of, is_of_run
from bench.runs.record import WHICH_CELLS, described, read_plan

_Plan = tuple[Path, dict[str, Any], list[Entry]]  # directory, run.json, cells

#: Relative difference up to which two numbers are the same: processors of another make differ in the last digits of a float32
#: (1e-7 of the PSNR of Rayleigh noise). Networks trained on them differ by more than that, and are refused.
_LAST_DIGITS = 1e-6

#: What counts where a cell is in several runs.
_BEST_FIRST = ("done", "failed", "timeout")


def merge(directories: Sequence[Path], out: Path, console: Console) -> None:
    """Join the runs into the new directory `out`, with its own table and report. It appears when it is whole.

    A cell of several runs is taken once: done rather than failed, failed rather than pending.

    Raises
    ------
    UsageError
        Where a directory holds no run, `out` is not new, settings differ (they are named), or two runs have other numbers for
        the same cell (it and they are named).
    """
    if len({directory.resolve() for directory in directories}) < len(directories):
        raise UsageError(f"merge of {', '.join(map(str, directories))}: a directory is named twice; expected different ones")
    plans = [(directory, *read_plan(directory)) for directory in directories]
    for directory, info, _ in plans:
        _deciding(directory, info)
    for one, other in combinations(plans, 2):
        _refuse_different(one, other)
    refuse_bytes(out)
    if os.path.exists(out) and (not out.is_dir() or any(out.iterdir())):  # of a name that is too long the end tells
        raise UsageError(f"{out}: is there already: expected a new or empty folder for --out")
    damaged: list[str] = []
    parts = [_part(*plan, damaged) for plan in plans]
    entries = _sorted(entry for part in parts for entry in part.entries.values())
    chosen = {entry.name: source for entry in entries if (source := _source(entry, parts)) is not None}
    scans = _robustness(parts, damaged)
    try:
        place = out.resolve()
        place.parent.mkdir(parents=True, exist_ok=True)
        whole = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}.", suffix=".tmp"))
        try:
            fill(whole, parts, entries, chosen, scans, _joined(parts, entries))
            whole.chmod(0o755)
            os.replace(whole, place)
        finally:
            shutil.rmtree(whole, ignore_errors=True)
        reports.write(place)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror or error}") from None
    for sentence in damaged:
        console.print(sentence, soft_wrap=True)
    console.print(f"{len(entries)} cells in {out}", soft_wrap=True)


def _part(directory: Path, info: dict[str, Any], entries: list[Entry], damaged: list[str]) -> Part:
    there, records = store.cell_names(directory), {}
    for entry in entries:
        if entry.name in there:
            record = store.read_cell(directory, entry)
            if record is None:
                damaged.append(f"{directory}/cells/{entry.name}.json is damaged: left out.")
            elif not is_of_run(record, info):
                told = "was made with other settings than its run.json tells"
                damaged.append(f"{directory}/cells/{entry.name}.json {told}: left out.")
            else:
                records[entry.name] = record
    return Part(directory, info, {entry.name: entry for entry in entries}, records)


def _refuse_different(one: _Plan, other: _Plan) -> None:
    """Raise UsageError where settings differ: the runs', or those of a method or noise model that both have."""
    (first, old, entries), (second, new, others) = one, other
    found = [*differing(*of_both(_deciding(first, old), _deciding(second, new))), *differing_choices(old, new)]
    known = {entry.name: entry for entry in entries}
    for entry in others:
        if entry.name in known:  # the reason is in words, which may change where nothing else does
            found += differing(asdict(known[entry.name]) | {"reason": ""}, asdict(entry) | {"reason": ""}, entry.name)
    if found:
        name, before, after = found[0]
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise UsageError(f"{name} is {before} in {first} and {after} in {second}{more}: expected runs of equal settings")


def _deciding(directory: Path, info: dict[str, Any]) -> dict[str, Any]:
    """The settings that must agree."""
    settings = info.get("settings")
    if not isinstance(settings, dict):
        raise UsageError(f"{directory}/run.json: has no readable settings: expected one written by this version")
    return {key: value for key, value in settings.items() if key not in WHICH_CELLS}


def _source(entry: Entry, parts: Sequence[Part]) -> Part | None:
    """The part to take a cell's record from; None for one still to do. Raises UsageError where numbers differ."""
    holders = [part for part in parts if entry.name in part.records]
    done = [part for part in holders if part.records[entry.name].get("status") == "done"]
    for part in done[1:]:
        _refuse_other_numbers(entry, done[0], part)
    if len(holders) < 2:
        return holders[0] if holders else None

    def rank(part: Part) -> tuple[int, bool]:
        record = part.records[entry.name]
        status = store.status_of(entry, record)
        place = _BEST_FIRST.index(status) if status in _BEST_FIRST else len(_BEST_FIRST)
        return place, bool(bad_crop(part.directory, record))

    return min(holders, key=rank)


def _refuse_other_numbers(entry: Entry, one: Part, other: Part) -> None:
    first, second = (_scores(part.records[entry.name]) for part in (one, other))
    for place in dict.fromkeys([*first, *second]):
        old, new = first.get(place, "not there"), second.get(place, "not there")
        if not _same(old, new):
            dataset, image, metric = place
            raise UsageError(
                f"{entry.name}: {metric} of {dataset}/{image} is {old} in {one.directory} and {new} in {other.directory}, with "
                "equal settings: expected equal numbers; one of them is damaged, or was computed otherwise"
            )


def _same(old: object, new: object) -> bool:
    if isinstance(old, float) and isinstance(new, float):
        return math.isclose(old, new, rel_tol=_LAST_DIGITS)
    return old == new


def _scores(record: dict[str, Any]) -> dict[tuple[str, str, str], float | None]:
    """(data set, image, metric) -> value."""
    return {(row["dataset"], row["image"], metric): row.get(metric) for row in record.get("rows", []) for metric in METRICS}


def _robustness(parts: Sequence[Part], damaged: list[str]) -> list[dict[str, Any]]:
    """The current entries of all robustness.json, each noise model and method once. Raises UsageError where two differ."""
    found: dict[tuple[float, str, str], tuple[Path, dict[str, Any]]] = {}
    for part in parts:
        path = part.directory / "robustness.json"
        told = read_json(path) or {}
        if path.exists() and not isinstance(told.get("models"), list):
            damaged.append(f"{path} is damaged: left out.")
            continue
        entries, stale = current_entries(told, part.directory, list(part.entries.values()))
        damaged += stale
        for entry in entries:
            key = place_of(entry)
            where, before = found.setdefault(key, (part.directory, entry))
            place = f"No. {entry['noise_no']}" if entry["noise_no"] else key[1]
            differences = differing(_tree(before), _tree(entry), f"robustness of {key[2]} on {place}")
            if differences:
                name, old, new = differences[0]
                raise UsageError(f"{name} is {old} in {where} and {new} in {part.directory}: expected equal measurements")
    return [found[key][1] for key in sorted(found)]


def _tree(value: Any) -> Any:
    """The value with lists as dictionaries by index, so that a difference is found in its place."""
    if isinstance(value, dict):
        return {key: _tree(item) for key, item in value.items()}
    return {str(index): _tree(item) for index, item in enumerate(value)} if isinstance(value, list) else value


def _sorted(entries: Iterator[Entry]) -> list[Entry]:
    """Each cell once, in the order of a table."""
    order = {slug: index for index, slug in enumerate(methods.catalogue())}
    once = {entry.name: entry for entry in entries}

    noises = list(dict.fromkeys(entry.noise for entry in once.values()))

    def place(entry: Entry) -> tuple[float, int, int, str, int]:
        base = order.get(entry.method.partition("(")[0], len(order))
        return entry.noise_no or math.inf, noises.index(entry.noise), base, entry.method, entry.seed

    return sorted(once.values(), key=place)


def _union(parts: Sequence[Part], key: str, name: str) -> dict[Any, dict[str, Any]]:
    """The entries of a list in each run.json, by name, each once."""
    return {entry[name]: entry for part in parts for entry in part.info.get(key, [])}


def _joined(parts: Sequence[Part], entries: Sequence[Entry]) -> dict[str, Any]:
    """run.json of the merged run: the first's, with what is of all runs joined.

    The images are the same in all; of what is told of them, older runs lack some.
    """
    first = parts[0].info
    noises = sorted(_union(parts, "noise", "slug").values(), key=lambda entry: entry["number"] or math.inf)
    there = _union(parts, "methods", "slug")
    slugs = [name for slug in methods.catalogue() for name in sorted(there) if name.partition("(")[0] == slug]
    slugs += [slug for slug in there if slug not in slugs]
    rows = {(row["noise"], row["method"]): row for part in parts for row in part.info.get("matrix", [])}
    matrix = sorted(rows.values(), key=lambda row: (row["noise_no"] or math.inf, slugs.index(row["method"])))
    settings = joined([part.info["settings"] for part in parts]) | {
        "methods": slugs,
        "noise": [entry["slug"] for entry in noises],
        "seeds": max(entry.seed for entry in entries) + 1,
    }
    return first | {
        "command": " ; ".join(str(part.info.get("command")) for part in parts),
        "started": min(str(part.info.get("started")) for part in parts),
        "settings": settings,
        "methods": [described(there[slug]) for slug in slugs],
        "noise": noises,
        "matrix": matrix,
        "plan": [asdict(entry) for entry in entries],
        "cells": sum(entry.applicability != "no" for entry in entries),
        "trainings": count_trainings(entries),
        "shared": shared(entries),
        "data": _data(parts),
        "notes": list(dict.fromkeys(note for part in parts for note in _notes(parts[0], part))),
    }


def _data(parts: Sequence[Part]) -> dict[str, Any]:
    """What is told of the images: by the part that tells most, and of sets of measured noise by any."""
    told = [data for part in parts if isinstance(data := part.info.get("data"), dict)]
    every, copies = ([each for data in told for each in data.get(name, [])] for name in ("sets", "repeated"))
    most = max(
        told, key=lambda data: (len(data), any(each.get("role") != "measured" for each in data.get("sets", []))), default={}
    )
    sets = list({(each.get("role"), each.get("name")): each for each in every}.values())
    joined = {"sets": sets} if "sets" in most else {}
    if "repeated" in most:
        joined["repeated"] = [group for i, group in enumerate(copies) if group not in copies[:i]]
    return {**most, **joined}


def _notes(first: Part, part: Part) -> list[str]:
    """The notes of a part, and one on it where it was not made where, with what, or by what code the first was."""
    told = [f"{name} {new}, not {old}" for name, old, new in differing_makers(dict(first.info), dict(part.info))]
    changed = changed_code(*(code_of(side.records.values()) for side in (first, part)))
    told += [f"other code of {', '.join(changed)}"] if changed else []
    own = list(part.info.get("notes", []))
    return [*own, f"The cells of {part.directory} were made with {', '.join(told)}."] if told else own
