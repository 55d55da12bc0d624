"""Whole runs: the full matrix, identical tables, resuming after a kill, merging."""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest

import methods
import noise
import reports
from tests.helpers.harness import bench, finish, here, start, tiny

pytestmark = pytest.mark.slow(60)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny run of every method on every noise model, undisturbed, with two workers."""
    out = tmp_path_factory.mktemp("full") / "run"
    status, output, error = bench("run", "--methods", "all", *tiny(), "--workers", "2", "--out", out)
    assert (status, error) == (0, ""), output
    return out


#: Noise models of the parts of the whole run; the first, which is also killed and done again, is small.
PARTS = (range(1, 3), range(3, 10), range(10, 17))


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same run in parts, undisturbed, with one worker each."""
    folder = tmp_path_factory.mktemp("parts")
    for part in PARTS:
        arguments = ("run", "--noise", spelled(part), *tiny(), "--workers", "1", "--out", folder / spelled(part))
        status, output, error = here(*arguments)
        assert (status, error) == (0, ""), output
    return [folder / spelled(part) for part in PARTS]


def spelled(part: range) -> str:
    return f"{part[0]}-{part[-1]}"


def table(directory: Path) -> bytes:
    return (directory / "results.parquet").read_bytes()


def test_every_cell_has_a_status_and_scores(full: Path) -> None:
    frame = pd.read_parquet(full / "results.parquet")
    statuses = frame.groupby(["noise", "method"])["status"].unique()
    assert len(statuses) == len(noise.catalogue()) * sum(method.in_all for method in methods.catalogue().values())
    for (model, method), found in statuses.items():
        applies = methods.get(method).applicable(noise.get(model)).verdict != "no"
        assert set(found) == ({"done"} if applies else {"not-applicable"}), (model, method)
    done = frame[frame.status == "done"]
    assert done.value.notna().all()
    assert set(done.metric) == {"psnr", "ssim", "psnr_paper", "ssim_paper"}


def test_at_most_52_trainings_were_done_and_each_is_stored_once(full: Path) -> None:
    records = [json.loads(path.read_text()) for path in (full / "cells").iterdir()]
    trained = [r["training"]["key"] for r in records if r["training"] and not r["training"]["reused"]]
    assert len(trained) == len(set(trained)) <= 52
    assert {path.stem for path in (full / "weights").iterdir()} == set(trained)


def test_csv_holds_the_same_table(full: Path) -> None:
    parquet, csv = pd.read_parquet(full / "results.parquet"), pd.read_csv(full / "results.csv")
    assert list(parquet.columns) == list(csv.columns)
    assert parquet.value.equals(csv.value)


@pytest.mark.parametrize("part", range(3))
def test_one_worker_gives_the_same_table_as_two(part: int, full: Path, parts: list[Path]) -> None:
    one, two = (pd.read_parquet(directory / "results.parquet") for directory in (parts[part], full))
    assert {*one.noise} == {noise.get(number).slug for number in PARTS[part]}
    pd.testing.assert_frame_equal(one, two[two.noise.isin(one.noise)].reset_index(drop=True), check_exact=True)


def test_killed_run_goes_on_without_doing_anything_twice(parts: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "killed"
    arguments = ("run", "--noise", spelled(PARTS[0]), *tiny(), "--workers", "2", "--out", out)
    for cells in (5, 15):  # killed twice, in different places
        process = start(*arguments)
        while process.poll() is None and len(list(out.glob("cells/*.json"))) < cells:
            time.sleep(0.02)
        workers = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        finish(process)
        _, alive = psutil.wait_procs(workers, timeout=30)
        assert not alive, "workers outlive a run that was killed"
    finished = {path: path.stat().st_mtime_ns for path in out.glob("cells/*.json")}
    assert 15 <= len(finished) < len(list(parts[0].glob("cells/*.json")))
    status, output, _ = bench(*arguments)
    assert status == 0, output
    assert all(path.stat().st_mtime_ns == changed for path, changed in finished.items())
    assert table(out) == table(parts[0])


def test_finished_run_does_nothing_when_it_is_asked_for_again(full: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (full / "cells").iterdir()}
    status, output, _ = here("run", "--methods", "all", *tiny(), "--workers", "2", "--out", full)
    assert status == 0
    assert re.search(r"(\d+) of \1 jobs were done before", output)
    assert before == {path: path.stat().st_mtime_ns for path in (full / "cells").iterdir()}


def test_merged_parts_equal_the_whole(full: Path, parts: list[Path], tmp_path: Path) -> None:
    status, output, error = bench("merge", *parts, "--out", tmp_path / "merged")
    assert (status, error) == (0, ""), output
    assert table(tmp_path / "merged") == table(full)
    assert (tmp_path / "merged" / "report.html").exists()


def test_merge_refuses_what_it_cannot_join(full: Path, tmp_path: Path) -> None:
    for directories, complaint in (
        ([full, full], "named twice"),
        ([full, tmp_path], "holds no run"),
    ):
        status, _, error = here("merge", *directories, "--out", tmp_path / "merged")
        assert status == 2
        assert complaint in error
        assert not (tmp_path / "merged").exists()
    status, _, error = here("merge", full, "--out", full)
    assert status == 2
    assert "expected a new or empty folder" in error


def test_merged_copies_equal_the_whole_and_go_on_as_a_run(full: Path, tmp_path: Path) -> None:
    """Halves that overlap, one of them without weights, below each other."""
    one, other = tmp_path / "one", tmp_path / "one" / "other"
    for copy, dropped in ((one, "1[0-6]-*"), (other, "0[1-3]-*")):
        shutil.copytree(full, copy)
        for path in (copy / "cells").glob(dropped):
            path.unlink()
    shutil.rmtree(other / "weights")
    merged = other / "merged"
    status, output, error = here("merge", one, other, "--out", merged)
    assert (status, error) == (0, ""), output
    assert table(merged) == table(full)
    status, output, _ = here("run", "--methods", "all", *tiny(), "--workers", "2", "--out", merged)
    assert status == 0 and re.search(r"(\d+) of \1 jobs were done before", output), output
    assert table(merged) == table(full)


def test_runs_with_other_settings_are_neither_resumed_nor_merged(full: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in full.rglob("[!.]*")}
    status, _, error = here("run", *tiny("steps=5"), "--out", full)
    assert status == 2
    assert "steps is 4 there and 5 now" in error
    assert before == {path: path.stat().st_mtime_ns for path in full.rglob("[!.]*")}

    status, output, _ = here(
        "run", "--methods", "noisy", "--noise", "1", *tiny("steps=5"), "--workers", "1", "--out", tmp_path / "other"
    )
    assert status == 0, output
    status, _, error = here("merge", full, tmp_path / "other", "--out", tmp_path / "merged")
    assert status == 2
    assert "steps is 4" in error


def test_status_of_a_half_done_run(full: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    shutil.copytree(full, half)
    for path in (half / "cells").glob("0*"):
        path.unlink()
    status, output, _ = here("status", half)
    assert status == 0
    assert re.search(r"\b\d+ pending", output)
    assert re.search(r"\b\d+ done", output)
    status, _, error = here("report", half)
    assert status == 0, error


def test_moved_run_directory_is_still_a_run(full: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(full, moved)
    status, output, _ = here("run", *tiny(), "--out", moved)
    assert status == 0, output
    assert table(moved) == table(full)


@pytest.mark.slow(3)
def test_a_run_whose_report_cannot_be_written_does_not_end_with_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("run", "--methods", "noisy", "--noise", "1", *tiny(), "--workers", "1", "--out", tmp_path / "my run")
    report = tmp_path / "my run" / "report.html"
    with monkeypatch.context() as patched:
        patched.setattr(reports, "write", lambda directory: 1 / 0)
        status, output, _ = here(*arguments)
    assert status == 1 and "ZeroDivisionError" in output
    assert output.splitlines()[-1] == f"no report was written; python -m bench report '{report.parent}' tries again"
    report.mkdir()
    status, _, error = here(*arguments)
    assert status == 2 and f"{report}: is a folder: expected nothing, or a file" in error
    report.rmdir()
    assert here(*arguments)[0] == 0
    assert report.is_file()
