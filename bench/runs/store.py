"""The files of a run directory: run.json, records of cells, crops, the table."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image as PillowImage

from bench.files.json_files import read_json, record_sha256, write_hashed
from bench.files.shapes import fits, fits_as_far_as_there, maybe, number
from bench.files.writing import write_atomically
from bench.plan.cells import Entry
from bench.plan.scores import METRICS, MOST_DECIBELS, TRUTHLESS

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "noise_no", "noise", "method", "seed", "status", "applicability", "reason", "dataset", "image", "metric", "value", "crop",
)  # fmt: skip


def _is_row(value: Any) -> bool:
    """Whether it is the scores of an image: all with truth, or those without it, which only measured noise has."""
    if not fits(value, {"dataset": str, "image": str}):
        return False
    whole = all(metric in value for metric in METRICS) or TRUTHLESS[-1] in value
    return whole and all(number(value[metric]) for metric in (*METRICS, *TRUTHLESS) if metric in value)


#: What is relied on in the record of a cell.
_RECORD: dict[str, Any] = {
    "status": str,
    "training": maybe(dict),
    "made_of": maybe(dict),
    "seconds": number,
    "rows": [_is_row],
    "crops": [dict.fromkeys(("dataset", "image", "file", "sha256", "clean", "clean_sha256"), str)],
}

#: So near 1 is the SSIM of a result that is exact.
_NEAR = 1e-9


def write_run(directory: Path, record: dict[str, Any]) -> None:
    """Store run.json, with a hash of its contents."""
    write_hashed(directory / "run.json", record)


def read_run(directory: Path) -> dict[str, Any] | None:
    """What is in run.json; None where there is none, or it is not as `write_run` left it."""
    record = read_json(directory / "run.json")
    if record is None or record.get("sha256", record_sha256(record)) != record_sha256(record):  # older ones have no hash
        return None
    return record


def cell_path(directory: Path, entry: Entry) -> Path:
    return directory / "cells" / f"{entry.name}.json"


def cell_names(directory: Path) -> set[str]:
    """Names of the cells that have a file, whatever is in it: one look at the folder, however many there are."""
    try:
        with os.scandir(directory / "cells") as files:
            return {file.name.removesuffix(".json") for file in files if file.name.endswith(".json")}
    except FileNotFoundError:
        return set()


def write_cell(directory: Path, entry: Entry, record: dict[str, Any]) -> None:
    """Store the record of a cell that has finished, well or badly, with a hash of its contents."""
    write_hashed(cell_path(directory, entry), record)


def read_cell(directory: Path, entry: Entry) -> dict[str, Any] | None:
    """The record of a finished cell; None for one still to do, or whose file is not as `write_cell` left it."""
    record = read_json(cell_path(directory, entry))
    if record is None or not is_of(record, entry):
        return None
    return record | {"rows": [_counted(row) for row in record["rows"]]} if "rows" in record else record


def _counted(row: dict[str, Any]) -> dict[str, Any]:
    """A row as it counts now: older ones have null for the PSNR of an exact result, which its SSIM tells, and higher values."""
    found = dict(row)
    for psnr, ssim in (("psnr", "ssim"), ("psnr_paper", "ssim_paper")):
        if row.get(psnr) is not None:
            found[psnr] = min(row[psnr], MOST_DECIBELS)
        elif psnr in row and abs((row.get(ssim) or 0.0) - 1) < _NEAR:
            found[psnr] = MOST_DECIBELS
    return found


def is_of(record: dict[str, Any], entry: Entry) -> bool:
    """Whether a record read from disk is whole, and that cell's."""
    mine = all(record.get(name) == getattr(entry, name) for name in ("noise", "method", "seed"))
    return mine and record.get("sha256") == record_sha256(record) and fits_as_far_as_there(record, _RECORD)


def write_crop(path: Path, image: torch.Tensor) -> str:
    """Store a (C, H, W) image, clipped and rounded, as a PNG; returns the file's sha256."""
    pixels = image.detach().cpu().nan_to_num(0).clamp(0, 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    picture = PillowImage.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    write_atomically(path, lambda temporary: temporary.write_bytes(buffer.getvalue()))
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def status_of(entry: Entry, record: dict[str, Any] | None) -> str:
    """done, failed, timeout, pending or not-applicable."""
    if entry.applicability == "no":
        return "not-applicable"
    return str(record.get("status", "failed")) if record else "pending"


def table(entries: Sequence[Entry], records: Sequence[dict[str, Any] | None]) -> pd.DataFrame:
    """The long table of results; a cell without values has one row, so that nothing is silently absent."""
    rows: list[tuple[Any, ...]] = []
    for entry, record in zip(entries, records, strict=True):
        status = status_of(entry, record)
        head = (entry.noise_no, entry.noise, entry.method, entry.seed, status, entry.applicability, entry.reason)
        scores = sorted(record.get("rows", []), key=lambda row: (row["dataset"], row["image"])) if record else []
        if not scores:
            rows.append((*head, None, None, None, None, 0))
        for row in scores:
            crop = row.get("crop", 0)
            there = [metric for metric in (*METRICS, *TRUTHLESS) if metric in row]
            rows += [(*head, row["dataset"], row["image"], metric, row[metric], crop) for metric in there]
    numbers = {"value": "float64", "noise_no": "int64", "seed": "int64", "crop": "int64"}
    # text columns stay text where nothing is done yet, and all of their values are missing
    kinds = {column: numbers.get(column, "string") for column in COLUMNS}
    import pandas as pd  # not above: workers, which need no table, would take a third of a second for it

    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(kinds)


def write_table(directory: Path, frame: pd.DataFrame) -> None:
    """Store the table as results.parquet and results.csv."""
    write_atomically(directory / "results.parquet", lambda path: frame.to_parquet(path, index=False))
    write_atomically(directory / "results.csv", lambda path: frame.to_csv(path, index=False, lineterminator="\n"))
