"""Runs with made-up scores to be merged, and what merging them gives or says."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from rich.console import Console

from bench.cells.cell import blank_record
from bench.commands.merge import merge
from bench.errors import UsageError
from bench.plan.cells import Entry
from bench.plan.scores import METRICS
from bench.runs import store
from bench.runs.record import read_plan


def made_up(directory: Path, cell: Entry, status: str) -> dict[str, Any]:
    record = blank_record(cell) | {"status": status, "seconds": float(len(directory.name)), "message": f"in {directory.name}"}
    if status == "done":
        crop, clean = f"crops/{cell.noise}/{cell.method}.png", "crops/clean/a.png"
        sums = [store.write_crop(directory / path, torch.full((3, 4, 4), 7.0)) for path in (crop, clean)]
        value = cell.noise_no + len(cell.method) / 100 + cell.seed / 10
        record |= {
            "rows": [{"dataset": "odd", "image": image, **dict.fromkeys(METRICS, value), "ssim_paper": None} for image in "ab"],
            "crops": [
                {"dataset": "odd", "image": "a", "file": crop, "sha256": sums[0], "clean": clean, "clean_sha256": sums[1]}
            ],
            "training": {"key": cell.key, "reused": False} if cell.key else None,
        }
    return record


def change(directory: Path, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a record, with a hash that fits."""
    (cell,) = (cell for cell in read_plan(directory)[1] if cell.name == name)
    record = store.read_cell(directory, cell)
    assert record is not None
    change(record)
    store.write_cell(directory, cell, record)


def merged(*parts: Path, out: Path | None = None) -> tuple[Path, str]:
    """The merged directory and what was printed."""
    out = out or parts[0].parent / "merged"
    console = Console(record=True, width=300, file=io.StringIO())
    merge(parts, out, console)
    return out, console.export_text()


def refusal(*parts: Path) -> str:
    out = parts[0].parent / "merged"
    with pytest.raises(UsageError) as caught:
        merged(*parts, out=out)
    assert not out.exists() and not list(out.parent.glob(".merged*")) and "\n" not in str(caught.value)
    return str(caught.value)


def statuses(directory: Path) -> dict[str, str]:
    frame = pd.read_parquet(directory / "results.parquet")
    names = frame["noise"] + " " + frame["method"] + " " + frame["seed"].astype(str)
    return dict(zip(names, frame["status"], strict=True))
