"""Reading a run directory. Whatever is missing or damaged becomes a sentence in `Run.problems`, not an exception."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reports.read.exact import counted
from reports.read.model import COLUMNS, CROP, Cell, Crop, Run, Training
from reports.read.named import datasets_of, methods_of, noises_of, verdicts_of
from reports.read.scans import is_current, outdated_words
from reports.read.spreadsheet import read_csv
from reports.read.untrusted import mapping, number, points, sequence, text, texts, whole

_TEXT_COLUMNS = [name for name in COLUMNS if name not in ("noise_no", "seed", "value")]
#: What a score is one of, in a results table.
_SCORE = ["noise", "method", "seed", "dataset", "image", "metric"]
_TABLES = ("results.parquet", "results.csv")
_MOST_CROP = 10**6  # pixels
_UNREAD = "cannot be read and was left out"


def load(directory: str | Path) -> Run:
    """Read a run directory, or a bare results.parquet or results.csv.

    Raises ValueError, one line, where there is nothing to report on.
    """
    path = Path(directory)
    if not path.exists():
        raise ValueError(f"{path}: no such run directory")
    if path.is_file() and path.suffix.lower() not in (".parquet", ".csv"):
        raise ValueError(f"{path}: neither a run directory nor a results.parquet or results.csv")
    root = path.parent if path.is_file() else path
    problems: list[str] = []
    info: Mapping[str, Any] = {}
    robustness: Mapping[str, Any] = {}
    cells: tuple[Cell, ...] = ()
    if path.is_dir():
        info = mapping(_json(root / "run.json", problems))
        cells = tuple(_cells(root / "cells", problems))
        if (root / "robustness.json").exists():
            robustness = _current(mapping(_json(root / "robustness.json", problems)), cells, problems)
    else:
        problems.append(f"Only the table {path.name} was given: settings, crops, curves and costs are unknown.")
    names = [path.name] if path.is_file() else _TABLES
    table = _first_table(root, names, problems)
    if table is None and path.is_file():
        reason = problems[-1].removeprefix(f"{path.name} {_UNREAD}: ")
        raise ValueError(f"{path}: holds no run that can be read: {reason}")
    if table is None:
        if not info and not cells:
            raise ValueError(f"{path}: holds no run (no readable run.json, results.parquet, results.csv or cells/)")
        problems.append("No results table: the scores shown are those of the cells' own files.")
        table = _table_of_cells(cells, info)
    elif cells:
        _compare(table, cells, problems)
    return Run(
        directory=root,
        info=info,
        table=table,
        methods=methods_of(info, table),
        noises=noises_of(info, table),
        verdicts=verdicts_of(info, table),
        datasets=datasets_of(info, table),
        cells=cells,
        problems=tuple(problems),
        robustness=robustness,
        repeated=_repeated(info),
    )


def _current(told: Mapping[str, Any], cells: Iterable[Cell], problems: list[str]) -> Mapping[str, Any]:
    """robustness.json without what was measured on cells that have been made anew since."""
    made = {(cell.noise, cell.method, cell.seed): cell.made_of for cell in cells}
    kept = []
    for entry in map(mapping, sequence(told.get("models"))):
        if is_current(entry, made.get((text(entry.get("noise")), text(entry.get("method")), whole(entry.get("seed"))))):
            kept.append(entry)
        else:
            problems.append(outdated_words(entry))
    return {**told, "models": kept}


def _repeated(info: Mapping[str, Any]) -> dict[tuple[str, str], tuple[str, str]]:
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for group in sequence(mapping(info.get("data")).get("repeated")):
        places = [(place[0], place[1]) for place in map(texts, sequence(group)) if len(place) == 2]
        for place in places:
            found.setdefault(place, places[0])
    return found


def _json(path: Path, problems: list[str]) -> object:
    name = path.name if path.parent.name != "cells" else f"cells/{path.name}"
    try:
        if path.exists() and not path.is_file():  # to open a pipe may take for ever
            raise OSError(0, "no regular file")
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems.append(f"{name} is missing.")
    except OSError as error:
        problems.append(f"{name} cannot be read: {error.strerror}.")
    except (ValueError, RecursionError):
        problems.append(f"{name} is not valid JSON and was left out.")
    return None


def _cells(folder: Path, problems: list[str]) -> Iterable[Cell]:
    if not folder.is_dir():
        problems.append("The folder cells/ is missing: no crops, curves, costs or messages.")
        return
    for path in sorted(folder.glob("*.json")):
        data = _json(path, problems)
        if data is None:
            continue
        cell = mapping(data)
        if not text(cell.get("noise")) or not text(cell.get("method")):
            problems.append(f"cells/{text(path.name)} names no noise model or no method and was left out.")
            continue
        yield _cell(cell)


def _cell(data: Mapping[str, Any]) -> Cell:
    return Cell(
        noise_no=whole(data.get("noise_no")),
        noise=text(data.get("noise")),
        method=text(data.get("method")),
        seed=whole(data.get("seed")),
        status=text(data.get("status"), "unknown"),
        applicability=text(data.get("applicability")),
        reason=text(data.get("reason")),
        decorrelated=data.get("decorrelated") is True,
        training=_training(data.get("training")),
        denoise_seconds=number(data.get("denoise_seconds")),
        megapixels=number(data.get("megapixels")),
        seconds=number(data.get("seconds")),
        peak_memory_mib=number(data.get("peak_memory_mib")),
        finished=text(data.get("finished")),
        rows=tuple(mapping(row) for row in sequence(data.get("rows"))),
        crops=tuple(_crop(mapping(crop)) for crop in sequence(data.get("crops"))),
        warnings=texts(data.get("warnings")),
        message=text(data.get("message")),
        traceback=text(data.get("traceback")),
        steps_share=number(mapping(data.get("one_image")).get("share")),
        passes=number(data.get("passes")),
        guards={name: share for name, value in mapping(data.get("guards")).items() if (share := number(value))},
        made_of=mapping(data.get("made_of")),
    )


def _training(value: object) -> Training | None:
    data = mapping(value)
    if not data:
        return None
    return Training(
        key=text(data.get("key")),
        reused=data.get("reused") is True,
        seconds=number(data.get("seconds")),
        steps=number(data.get("steps")),
        parameters=number(data.get("parameters")),
        peak_memory_mib=number(data.get("peak_memory_mib")),
        loss=points(data.get("loss")),
        validation=points(data.get("validation")),
        flops_per_pixel=number(data.get("flops_per_pixel")),
        operations=number(data.get("operations")),
        budget_operations=number(data.get("budget_operations")),
        passes_with_gradient=number(data.get("passes_with_gradient")),
        passes_without_gradient=number(data.get("passes_without_gradient")),
        pixels=number(data.get("pixels")),
        patch=number(data.get("patch")),
        patches_per_step=number(data.get("patches_per_step")),
    )


def _crop(data: Mapping[str, Any]) -> Crop:
    return Crop(*(text(data.get(key)) for key in ("dataset", "image", "file", "clean")))


def _first_table(root: Path, names: Iterable[str], problems: list[str]) -> pd.DataFrame | None:
    for name in names:
        path = root / name
        if not path.is_file():
            continue
        try:
            return _tidy(_read_table(path))
        except Exception as error:  # a damaged file fails in whatever way its reader happens to fail
            reason = text(str(error)).splitlines()
            problems.append(f"{name} {_UNREAD}: {reason[0] if reason else type(error).__name__}")
    return None


def _read_table(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path) if path.suffix.lower() == ".parquet" else read_csv(path)


def _tidy(table: pd.DataFrame) -> pd.DataFrame:
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise ValueError(f"columns missing: {', '.join(missing)}")
    tidy: dict[str, Any] = {}
    for name in ("noise_no", "seed"):
        tidy[name] = pd.to_numeric(table[name], errors="coerce").fillna(0).astype("int64")
    for name in _TEXT_COLUMNS:
        column = table[name]
        words = {value: "" if pd.isna(value) else text(str(value)) for value in pd.unique(column)}
        # Cleaned once for each distinct text: a long table repeats a few hundred of them.
        tidy[name] = [words.get(value, "") for value in column]
    value = pd.to_numeric(table["value"], errors="coerce").astype("float64").to_numpy()
    tidy["value"] = np.where(np.isfinite(value), value, np.nan)
    crop = table[CROP] if CROP in table.columns else pd.Series(0, index=table.index)
    tidy[CROP] = pd.to_numeric(crop, errors="coerce").fillna(0).clip(0, _MOST_CROP).astype("int64")
    found = pd.DataFrame(tidy, columns=[*COLUMNS, CROP])
    _refuse_two_values(found)
    return counted(found)


def _refuse_two_values(table: pd.DataFrame) -> None:
    """Raise ValueError where one score has two values; the same value twice does no harm."""
    score = [*_SCORE, CROP]
    values = table[table["metric"] != ""].drop_duplicates([*score, "value"])
    twice = values[values.duplicated(score, keep=False)]
    if len(twice):
        one = twice.iloc[0]
        both = twice[(twice[score] == one[score]).all(axis=1)]["value"]
        place = " ".join(str(one[name]) for name in _SCORE[:-1])
        raise ValueError(f"{one['metric']} of {place} is {both.iloc[0]:g} and {both.iloc[1]:g}: expected one value")


def _table_of_cells(cells: Iterable[Cell], info: Mapping[str, Any]) -> pd.DataFrame:
    """The long table as the cells' files and the plan in run.json tell it."""
    rows: list[dict[str, Any]] = []
    seen = set()
    for cell in cells:
        base = {name: getattr(cell, name) for name in COLUMNS[:7]}
        seen.add((cell.noise, cell.method, cell.seed))
        scores = []
        for row in cell.rows:
            place = base | {name: text(row.get(name)) for name in ("dataset", "image")} | {CROP: whole(row.get(CROP))}
            metrics = {name: number(value) for name, value in row.items() if name not in place}
            scores += [place | {"metric": name, "value": value} for name, value in metrics.items()]
        rows += scores or [base]
    for entry in _planned(info):
        if (text(entry.get("noise")), text(entry.get("method")), whole(entry.get("seed"))) not in seen:
            status = "not-applicable" if entry.get("applicability") == "no" else "pending"
            rows.append({name: entry.get(name) for name in COLUMNS[:7]} | {"status": status})
    table = _tidy(pd.DataFrame(rows, columns=[*COLUMNS, CROP], dtype=object))
    return table.sort_values(
        "noise_no", kind="stable", ignore_index=True, key=lambda numbers: numbers.where(numbers > 0, math.inf)
    )


def _planned(info: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The cells of the plan, or where there is none, the matrix with all seeds."""
    plan = [mapping(entry) for entry in sequence(info.get("plan"))]
    if plan:
        return plan
    seeds = max(1, whole(mapping(info.get("settings")).get("seeds"), 1))
    return [{**mapping(entry), "seed": seed} for entry in sequence(info.get("matrix")) for seed in range(seeds)]


def _compare(table: pd.DataFrame, cells: Iterable[Cell], problems: list[str]) -> None:
    done = table[table["status"] == "done"]
    known = set(zip(done["noise"], done["method"], done["seed"], strict=True))
    newer = sum(cell.status == "done" and (cell.noise, cell.method, cell.seed) not in known for cell in cells)
    if newer:
        problems.append(f"{newer} finished cell(s) are not in the results table yet.")
