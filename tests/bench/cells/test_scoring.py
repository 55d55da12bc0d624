"""Scores taken beside the next image: the same as one after the other."""

import threading
from pathlib import Path

import pytest

import methods
import noise
from bench.cells import cell, scoring
from bench.cells.scoring import Scores
from bench.plan.measured import measured
from bench.plan.settings import Settings, get_preset
from bench.runs.inputs import Run, load_data, settled
from tests.helpers.data_sets import fill, numbered
from tests.helpers.harness import TINY
from tests.helpers.stub_methods import do


def test_results_come_in_order_and_two_images_are_held_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    done, threads, go_on = [], set(), threading.Event()

    def slow(image: int) -> Scores:
        go_on.wait(10)
        threads.add(threading.get_ident())
        done.append(image)
        return {"psnr": float(image)}

    monkeypatch.setattr(scoring, "scores_of", slow)
    with scoring.scoring(beside=True) as scored:
        first = scored(0)
        assert not done
        go_on.set()
        results = [first, *(scored(image) for image in range(1, 4))]
        assert done[:3] == [0, 1, 2]
    assert [result()["psnr"] for result in results] == [0, 1, 2, 3]
    assert len(threads) == 1 and threading.get_ident() not in threads


@pytest.mark.parametrize("beside", [False, True])
def test_a_fault_is_told(beside: bool) -> None:
    with scoring.scoring(beside) as scored, pytest.raises(AttributeError):
        scored(None, None, None, None, 0)()


def test_a_run_has_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, as a run on a GPU has them."""
    for kind in ("noisy", "clean", "second"):
        fill(tmp_path / "mine" / kind, numbered(3))
    fill(tmp_path / "others", numbered(3))
    fill(tmp_path / "train" / "some", ["one", "two", "three", "four", "five", "six"], height=96, width=96)
    rows = (noise.get(1), noise.get(9), measured("mine"))
    preset = get_preset("quick", [*TINY, "test_images=0"])
    settings = Settings("quick", preset, "best", "compute", str(tmp_path), 1, "cpu", 1, (methods.get("noisy"),), rows)
    data = load_data(settings)
    found = []
    for beside in (False, True):
        monkeypatch.setattr(cell, "scoring", lambda beside, chosen=beside: scoring.scoring(chosen))
        records = do(Run(tmp_path / f"run-{beside}", settled(settings, data), data))
        assert all(record["status"] == "done" and len(record["rows"]) == 3 for record in records.values())
        found.append([record["rows"] for record in records.values()])
    assert found[0] == found[1]
