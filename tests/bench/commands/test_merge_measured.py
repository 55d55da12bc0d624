"""`merge` of runs of measured noise: each has the images of its own sets, and weights of both halves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow
from torch import nn

import methods
import noise
from bench.data.measured import load_measured
from bench.data.sets import of_measured
from bench.errors import UsageError
from bench.files.json_files import read_again
from bench.plan.cells import Cell, make_cells
from bench.plan.keys import half_keys
from bench.plan.measured import Told, measured, with_law
from bench.plan.settings import Settings, get_preset
from bench.runs import store
from bench.runs.directory import open_directory, refuse_other
from bench.runs.inputs import training_sum
from bench.runs.laws import of_row
from bench.runs.record import inputs_of, inputs_sha256, read_plan, run_record
from bench.runs.weights import weights_path, write_weights
from tests.helpers.data_sets import fill
from tests.helpers.merging import made_up, merged, refusal, statuses


def _planned(root: Path, *rows: str) -> tuple[Settings, dict[str, Any], list[Cell]]:
    sets = load_measured(str(root), rows)
    told = [Told(each.name, each.images.sha256, each.beside, each.channels, each.halves) for each in sets]
    models = tuple(with_law(measured(each.name), each) for each in told)
    preset = replace(get_preset("quick", []), colours=max(each.channels for each in sets))
    chosen = (methods.get("noisy"), methods.get("supervised"))
    settings = Settings("quick", preset, "best", "compute", str(root), 1, "cpu", 1, chosen, models)
    cells = make_cells(settings, training_sum(of_measured(sets)))
    info = run_record(settings, of_measured(sets), [cell.entry for cell in cells], f"bench run --noise {','.join(rows)}")
    return settings, info, cells


def _made(root: Path, *rows: str) -> Path:
    directory = root / f"run-{'-'.join(rows)}"
    _, info, cells = _planned(root, *rows)
    store.write_run(directory, info)
    for cell in cells:
        record = made_up(directory, cell.entry, "done") | {"inputs": inputs_of(info["settings"], cell.model)}
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
    refuse_other(out, info, _planned(sets, "two", "one")[1])  # it goes on by one command for both, in whatever order


def test_a_set_that_has_changed_is_refused(sets: Path) -> None:
    one = _made(sets, "one", "two")
    _set(sets, "two", "L", width=80)
    assert "data_sha256.measured two" in refusal(one, _made(sets, "two"))


def test_a_merged_run_whose_run_json_is_lost_goes_on(sets: Path) -> None:
    out, _ = merged(_made(sets, "one"), _made(sets, "two"))
    settings, info, cells = _planned(sets, "one", "two")
    entries = [cell.entry for cell in cells]

    def reopened(**change: str) -> dict[str, Any]:
        (out / "run.json").unlink(missing_ok=True)
        for entry in entries:
            store.write_cell(out, entry, (store.read_cell(out, entry) or {}) | change)
        open_directory(out, info, settings, entries)
        return read_plan(out)[0]

    assert reopened()["settings"] == read_again(info["settings"])
    reopened(inputs=inputs_sha256(info["settings"]))  # as records told before they told of their rows alone
    with pytest.raises(UsageError, match="is not of the settings asked for now"):
        reopened(inputs=inputs_of(info["settings"] | {"device": "cuda"}, cells[0].model))


def test_a_row_tells_of_its_own_images_as_a_run_of_it_alone_does(sets: Path) -> None:
    (_, both, _), (_, one, (first, *_)), (_, two, (other, *_)) = (
        _planned(sets, *names) for names in (("one", "two"), ("one",), ("two",))
    )
    for info, model in ((one, first.model), (two, other.model)):
        assert inputs_of(both["settings"], model) == inputs_sha256(info["settings"]) == inputs_of(info["settings"], model)
    added = {
        **both["settings"],
        "data_sha256": {**both["settings"]["data_sha256"], "test odd": "1"},
        "white": {"one floats": 9.0},
    }
    assert inputs_of(added, other.model) == inputs_sha256(two["settings"])
    assert inputs_of(added, first.model) != inputs_sha256(one["settings"])  # of a white level that was not there
    assert of_row(added, noise.get("gaussian"))["data_sha256"] == {"test odd": "1"}
    assert "white" not in of_row(added, noise.get("gaussian"))
