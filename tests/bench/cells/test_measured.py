"""Cells of measured noise, done in this process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import methods
from bench.cells.cell import do_job
from bench.data.measured import Shot
from bench.plan.cells import Job, make_cells, make_jobs
from bench.plan.measured import measured
from bench.plan.scores import METRICS, TRUTHLESS
from bench.plan.settings import Settings, get_preset
from bench.runs import store
from bench.runs.directory import bad_crop
from bench.runs.inputs import Run, load_data, settled, training_sum
from bench.runs.weights import weights_path
from tests.helpers.data_sets import fill
from tests.helpers.harness import TINY


def _ran(root: Path, *slugs: str) -> tuple[Run, dict[tuple[str, str], dict]]:
    preset = get_preset("quick", [*TINY, "test_images=0", "crops=1"])
    rows = (measured("mine"), measured("mine", "halves"))
    chosen = tuple(methods.get(slug) for slug in slugs)
    settings = Settings("quick", preset, "best", "compute", str(root), 1, "cpu", 1, chosen, rows)
    data = load_data(settings)
    run = Run(root / "run", settled(settings, data), data)
    cells = make_cells(run.settings, training_sum(data))
    for job in make_jobs(cells):
        do_job(run, job, lambda *_: None)
    return run, {(cell.entry.noise, cell.entry.method): store.read_cell(run.directory, cell.entry) or {} for cell in cells}


@pytest.mark.slow(8)
def test_cells_learn_from_what_they_may_and_are_scored_by_what_there_is(tmp_path: Path) -> None:
    for kind in ("noisy", "clean", "second"):
        fill(tmp_path / "mine" / kind, ["a_1", "a_2", "b_1"], height=48, width=48)
    run, records = _ran(tmp_path, "noisy", "supervised", "neighbor2neighbor", "noise2noise")
    assert {record.get("status") for record in records.values()} == {"done"}, [r.get("message") for r in records.values()]
    for (row, slug), record in records.items():
        assert len(record["rows"]) == 3
        assert all(set(each) == {"dataset", "image", *METRICS, *TRUTHLESS} for each in record["rows"])
        halves = slug in ("supervised", "noise2noise") or (slug, row) == ("neighbor2neighbor", "mine(learn=halves)")
        assert ("halves" in (record["training"] or {})) is halves
    weights = {path.stem for path in (run.directory / "weights").iterdir()}
    key = records["mine", "supervised"]["training"]["key"]
    assert {f"{key}-1", f"{key}-2"} <= weights and len(weights) == 7
    assert records["mine", "supervised"]["rows"] == records["mine(learn=halves)", "supervised"]["rows"]
    # as a run that was killed in the middle of a second half leaves it
    (cell,) = (
        c for c in make_cells(run.settings, training_sum(run.data)) if (c.entry.noise, c.entry.method) == ("mine", "supervised")
    )
    weights_path(run.directory, f"{key}-2").unlink()
    store.cell_path(run.directory, cell.entry).unlink()
    do_job(run, Job((cell,)), lambda *_: None)
    again = store.read_cell(run.directory, cell.entry) or {}
    assert again["rows"] == records["mine", "supervised"]["rows"]
    assert [half["reused"] for half in again["training"]["halves"]] == [True, False] and not again["training"]["reused"]


def test_the_half_that_is_tested_is_not_learnt_from(tmp_path: Path) -> None:
    fill(tmp_path / "mine" / "noisy", ["a_1", "a_2", "b_1"], height=48, width=48)
    run, records = _ran(tmp_path, "noisy")
    model = run.settings.noise[1]
    for half in (1, 2):
        own = run.of(model, half)
        tested, learnt = ({image.name for s in sets for image in s.images} for sets in (own.data.test, own.data.training))
        assert not tested & learnt and tested | learnt == {"a_1", "a_2", "b_1"}
        assert all(isinstance(image, Shot) and image.half == half for s in own.data.test for image in s.images)
    record = records["mine", "noisy"]
    assert set(record["rows"][0]) == {"dataset", "image", *TRUTHLESS[-2:]}
    assert record["crops"][0]["clean"] == "" and bad_crop(run.directory, record) == ""
    assert json.loads(json.dumps(record)) == record
