"""The run directory: every file appears by an atomic rename, complete or not at all."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import math
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image as PillowImage

from bench.cells.metrics import METRICS
from bench.files.shapes import fits_as_far_as_there, maybe, number
from bench.plan.cells import Cell

COLUMNS = (
    "noise_no", "noise", "method", "seed", "status", "applicability", "reason", "dataset", "image", "metric", "value",
)  # fmt: skip

#: What is relied on in the record of a cell.
_RECORD: dict[str, Any] = {
    "status": str,
    "training": maybe(dict),
    "seconds": number,
    "rows": [{"dataset": str, "image": str, **dict.fromkeys(METRICS, number)}],
    "crops": [dict.fromkeys(("dataset", "image", "file", "sha256", "clean", "clean_sha256"), str)],
}


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Have `write` make a file beside `path`, sync it, and rename it to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    text = json.dumps(finite(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in the file, or None where there is no such file or it does not hold a JSON object."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def finite(value: Any) -> Any:
    """The value with null in the place of nan and infinities, which JSON has not."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def set_aside(directory: Path, path: Path) -> str:
    """Move a file or folder that cannot be used out of the way, below DIR/set-aside; returns its new name there."""
    place = directory / "set-aside"
    place.mkdir(exist_ok=True)
    stem = path.relative_to(directory).as_posix().replace("/", "--")
    names = (stem if not number else f"{stem}.{number}" for number in itertools.count())
    new = next(place / name for name in names if not (place / name).exists())
    path.rename(new)
    return new.relative_to(directory).as_posix()


def write_hashed(path: Path, record: dict[str, Any]) -> None:
    """Store a record with a hash of its contents."""
    record = finite(record)
    write_json(path, record | {"sha256": record_sha256(record)})


def write_run(directory: Path, record: dict[str, Any]) -> None:
    """Store run.json, with a hash of its contents."""
    write_hashed(directory / "run.json", record)


def read_run(directory: Path) -> dict[str, Any] | None:
    """What is in run.json; None where there is none, or it is not as `write_run` left it."""
    record = read_json(directory / "run.json")
    if record is None or record.get("sha256", record_sha256(record)) != record_sha256(record):  # older ones have no hash
        return None
    return record


def cell_path(directory: Path, cell: Cell) -> Path:
    return directory / "cells" / f"{cell.name}.json"


def cell_names(directory: Path) -> set[str]:
    """Names of the cells that have a file, whatever is in it: one look at the folder, however many there are."""
    try:
        with os.scandir(directory / "cells") as files:
            return {file.name.removesuffix(".json") for file in files if file.name.endswith(".json")}
    except FileNotFoundError:
        return set()


def write_cell(directory: Path, cell: Cell, record: dict[str, Any]) -> None:
    """Store the record of a cell that has finished, well or badly, with a hash of its contents."""
    write_hashed(cell_path(directory, cell), record)


def read_cell(directory: Path, cell: Cell) -> dict[str, Any] | None:
    """The record of a finished cell; None for one still to do, or whose file is not as `write_cell` left it."""
    record = read_json(cell_path(directory, cell))
    return record if record is not None and is_of(record, cell) else None


def is_of(record: dict[str, Any], cell: Cell) -> bool:
    """Whether a record read from disk is whole, and that cell's."""
    mine = all(record.get(name) == getattr(cell, name) for name in ("noise", "method", "seed"))
    return mine and record.get("sha256") == record_sha256(record) and fits_as_far_as_there(record, _RECORD)


def record_sha256(record: dict[str, Any]) -> str:
    """Of everything in a record but the hash itself."""
    rest = {key: value for key, value in record.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def write_crop(path: Path, image: torch.Tensor) -> str:
    """Store a (3, H, W) image, clipped and rounded, as a PNG; returns the file's sha256."""
    pixels = image.detach().cpu().nan_to_num(0).clamp(0, 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    picture = PillowImage.fromarray(np.ascontiguousarray(pixels))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    write_atomically(path, lambda temporary: temporary.write_bytes(buffer.getvalue()))
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def status_of(cell: Cell, record: dict[str, Any] | None) -> str:
    """done, failed, timeout, pending or not-applicable."""
    if cell.applicability == "no":
        return "not-applicable"
    return str(record.get("status", "failed")) if record else "pending"


def table(cells: Sequence[Cell], records: Sequence[dict[str, Any] | None]) -> pd.DataFrame:
    """The long table of results; a cell without values has one row, so that nothing is silently absent."""
    rows: list[tuple[Any, ...]] = []
    for cell, record in zip(cells, records, strict=True):
        status = status_of(cell, record)
        head = (cell.noise_no, cell.noise, cell.method, cell.seed, status, cell.applicability, cell.reason)
        scores = sorted(record.get("rows", []), key=lambda row: (row["dataset"], row["image"])) if record else []
        if not scores:
            rows.append((*head, None, None, None, None))
        for row in scores:
            rows += [(*head, row["dataset"], row["image"], metric, row[metric]) for metric in METRICS]
    numbers = {"value": "float64", "noise_no": "int64", "seed": "int64"}
    # text columns stay text where nothing is done yet, and all of their values are missing
    kinds = {column: numbers.get(column, "string") for column in COLUMNS}
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(kinds)


def write_table(directory: Path, frame: pd.DataFrame) -> None:
    """Store the table as results.parquet and results.csv."""
    write_atomically(directory / "results.parquet", lambda path: frame.to_parquet(path, index=False))
    write_atomically(directory / "results.csv", lambda path: frame.to_csv(path, index=False, lineterminator="\n"))
