"""`merge` of runs of measured noise: each has the images of its own sets, and weights of both halves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow
from torch import nn

import methods
from bench.data.measured import load_measured
from bench.data.sets import of_measured
from bench.plan.cells import Cell, make_cells
from bench.plan.keys import half_keys
from bench.plan.measured import Told, measured, with_law
from bench.plan.settings import Settings, get_preset
from bench.runs import store
from bench.runs.directory import refuse_other
from bench.runs.inputs import training_sum
from bench.runs.record import inputs_sha256, read_plan, run_record
from bench.runs.weights import weights_path, write_weights
from tests.helpers.data_sets import fill
from tests.helpers.merging import made_up, merged, refusal, statuses


def _record(root: Path, *rows: str) -> tuple[dict[str, Any], list[Cell]]:
    sets = load_measured(str(root), rows)
    told = [Told(each.name, each.images.sha256, each.beside, each.channels, each.halves) for each in sets]
    noise = tuple(with_law(measured(each.name), each) for each in told)
    preset = replace(get_preset("quick", []), colours=max(each.channels for each in sets))
    chosen = (methods.get("noisy"), methods.get("supervised"))
    settings = Settings("quick", preset, "best", "compute", str(root), 1, "cpu", 1, chosen, noise)
    cells = make_cells(settings, training_sum(of_measured(sets)))
    return run_record(settings, of_measured(sets), [cell.entry for cell in cells], f"bench run --noise {','.join(rows)}"), cells


def _made(root: Path, *rows: str) -> Path:
    directory = root / f"run-{'-'.join(rows)}"
    info, cells = _record(root, *rows)
    store.write_run(directory, info)
    for cell in cells:
        record = made_up(directory, cell.entry, "done") | {"inputs": inputs_sha256(info["settings"])}
        store.write_cell(directory, cell.entry, record)
        for key in half_keys(cell.key) if cell.key else ():
            write_weights(directory, key, nn.Linear(2, 2), {})
    return directory


def _set(root: Path, name: str, mode: str, width: int = 64) -> None:
    for kind in ("noisy", "clean"):
        for path in fill(root / name / kind, ["a_1", "b_1"], height=64, width=width).iterdir():
            Pillow.open(path).convert(mode).save(path)


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    _set(tmp_path, "one", "RGB")
    _set(tmp_path, "two", "L")
    return tmp_path


def test_runs_of_other_sets_are_merged_with_the_weights_of_both_halves(sets: Path) -> None:
    parts = _made(sets, "one"), _made(sets, "two")
    out, _ = merged(*parts)
    info, plan = read_plan(out)
    keys = {key for entry in plan if entry.key for key in half_keys(entry.key)}
    assert len(keys) == 4 and all(weights_path(out, key).is_file() for key in keys)
    assert set(statuses(out).values()) == {"done"} and len(plan) == 4
    assert {each["name"] for each in info["data"]["sets"]} == {"one", "two"}
    refuse_other(out, info, _record(sets, "two", "one")[0])  # it goes on by one command for both, in whatever order


def test_a_set_that_has_changed_is_refused(sets: Path) -> None:
    one = _made(sets, "one", "two")
    _set(sets, "two", "L", width=80)
    assert "data_sha256.measured two" in refusal(one, _made(sets, "two"))
