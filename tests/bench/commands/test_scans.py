"""Entries of robustness.json that were measured on a cell which has been made anew: left out, with one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import reports
from bench.cells.cell import blank_record
from bench.commands.scans import current_entries, joined
from bench.plan.cells import Entry
from bench.runs import store
from tests.helpers.run_fixture import make_run

CELL = Entry(1, "gaussian", "score-solver", 0, "yes", "test", "k", False)
MADE: dict[str, Any] = {"key": "k", "method": {"a": 1}, "noise": {"sigma": 25.0}, "code": {"noise.model": "1", "gone": "2"}}
SAID = "The robustness of score-solver on No. 1 was measured before its cell was made anew: left out; measure it again."


def entry(**told: Any) -> dict[str, Any]:
    return {"noise_no": 1, "noise": "gaussian", "method": "score-solver", "seed": 0, **told}


@pytest.mark.parametrize(
    ("then", "current"),
    [
        (MADE, True),
        (None, True),  # older ones do not tell
        (MADE | {"code": {"noise.model": "1", "new": "3"}}, True),
        (MADE | {"code": {"noise.model": "0"}}, False),
        (MADE | {"noise": {"sigma": 24.0}}, False),
        (MADE | {"key": "other"}, False),
    ],
)
def test_an_entry_belongs_to_its_cell(then: Any, current: bool, tmp_path: Path) -> None:
    store.write_cell(tmp_path, CELL, blank_record(CELL) | {"status": "done", "made_of": MADE})
    told = {"models": [entry(made_of=then), entry(noise_no=2, noise="gaussian-conv")]}
    kept, sentences = current_entries(told, tmp_path, [CELL])
    assert [found["noise_no"] for found in kept] == ([1, 2] if current else [2])
    assert sentences == ([] if current else [SAID])
    assert [found["noise_no"] for found in joined(kept, [entry(new=1)])] == [1, 2]


def test_the_report_leaves_it_out_too(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", noises=("gaussian",), images=1, crops=0)
    loaded = reports.load(run)
    cell = next(cell for cell in loaded.cells if cell.method != "noisy")
    path = next((run / "cells").glob(f"*{cell.method}--s{cell.seed}*"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"made_of": MADE}))
    point = {"rate": 0.1, "mean": 20.0, "std": 0.1, "min": 19.0, "max": 21.0}
    for then, shown in ((MADE, True), (MADE | {"key": "other"}, False)):
        told = entry(
            method=cell.method, seed=cell.seed, psnr=21.0, made_of=then, series=[{"varied": ["sigma"], "points": [point]}]
        )
        (run / "robustness.json").write_text(json.dumps({"schema": 1, "models": [told]}))
        page = reports.render(reports.load(run))
        assert ('id="robustness"' in page) == shown
        assert ("was measured before its cell was made anew" in page) != shown
