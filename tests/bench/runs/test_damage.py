"""Files of a run directory that are cut short or have a flipped bit: never a crash, never another number."""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import reports
from bench.cells import trained
from bench.runs import store
from bench.runs.directory import tidy
from bench.runs.inputs import Run
from bench.training.loop import train
from tests.helpers.plans import planned
from tests.helpers.stub_methods import do

METHODS = ("noisy", "supervised", "noise2score", "score-solver")

#: What is damaged: all files of a run but run.json, by pattern.
KINDS = {
    "record": "cells/*.json",
    "weights": "weights/*.safetensors",
    "checkpoint": "checkpoints/*.safetensors",
    "crop": "crops/gaussian/*.png",
    "clean crop": "crops/clean/*.png",
    "results.parquet": "results.parquet",
    "results.csv": "results.csv",
    "report": "report.html",
}


def publish(run: Run) -> bytes:
    """Do what is left of the run, in this process, as `bench run` does; returns the table."""
    cells = planned(run.settings)
    tidy(run.directory, cells)
    do(run)
    store.write_table(run.directory, store.table(cells, [store.read_cell(run.directory, cell) for cell in cells]))
    reports.write(run.directory)
    return (run.directory / "results.csv").read_bytes()


@pytest.fixture
def finished(make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> tuple[Run, bytes]:
    """A run, and its table. One training is cut off: its checkpoint is there, its weights and record are not."""
    run = make_run(methods_=METHODS, noise_=("gaussian",))
    table = publish(run)
    done = json.loads((run.directory / "cells" / "01-gaussian--supervised--s0.json").read_text())
    shutil.rmtree(run.directory / "set-aside", ignore_errors=True)
    (run.directory / "cells" / "01-gaussian--supervised--s0.json").unlink()
    (run.directory / "weights" / f"{done['training']['key']}.safetensors").unlink()

    def die(*arguments: object) -> None:
        *first, keep, checkpoint = arguments

        def kept(found: object) -> None:
            keep(found)
            raise KeyboardInterrupt

        train(*first, kept, checkpoint, 0.0)

    with monkeypatch.context() as patched:
        patched.setattr(trained, "train", die)
        with pytest.raises(KeyboardInterrupt):
            do(run)
    assert len(list((run.directory / "checkpoints").iterdir())) == 1
    return run, table


def damaged(content: bytes, dice: random.Random) -> bytes:
    if dice.random() < 0.5:
        return content[: dice.randrange(len(content))]
    changed = bytearray(content)
    changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(3)
    return bytes(changed)


@pytest.mark.slow(6)
@pytest.mark.parametrize("kind", KINDS)
def test_damage_changes_no_number(kind: str, finished: tuple[Run, bytes], tmp_path: Path) -> None:
    run, table = finished
    dice = random.Random(kind)
    for time in range(3):
        copy = dataclasses.replace(run, directory=tmp_path / f"copy{time}")
        shutil.copytree(run.directory, copy.directory)
        path = dice.choice(sorted(copy.directory.glob(KINDS[kind])))
        path.write_bytes(damaged(path.read_bytes(), dice))
        if kind == "weights":  # they are read where a cell of theirs is done again
            for record in copy.directory.glob("cells/*score*"):
                record.unlink()
        reports.write(copy.directory)  # of what is there, damaged or not
        assert publish(copy) == table
        assert not list((copy.directory / "checkpoints").iterdir())
        again = {path: path.stat().st_mtime_ns for path in copy.directory.glob("cells/*")}
        assert publish(copy) == table  # and then all is well
        assert again == {path: path.stat().st_mtime_ns for path in copy.directory.glob("cells/*")}
