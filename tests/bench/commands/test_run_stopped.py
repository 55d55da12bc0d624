"""Runs that are stopped, by a signal or at the end of their budget, and go on by the same command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil
import pytest

import reports
from bench.commands.run import reserve
from tests.helpers.harness import ROOT, bench, finish, here, start, tiny

pytestmark = pytest.mark.slow(90)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_stops_cleanly_and_goes_on(number: signal.Signals, tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = ("run", "--methods", "supervised,score-solver", "--noise", "1-4", *tiny("steps=20"), "--out", out)
    process = start(*arguments)
    while process.poll() is None and not list(out.glob("cells/*.json")):
        time.sleep(0.02)
    process.send_signal(number)
    status, _, error = finish(process)
    assert status == 130
    assert "the same command goes on from there" in error
    assert len(error.strip().splitlines()) == 1
    assert (out / "report.html").exists()
    frame = pd.read_parquet(out / "results.parquet")
    assert "pending" in set(frame.status)
    status, output, error = here(*arguments)
    assert (status, error) == (0, ""), output


def test_a_directory_that_goes_away_ends_the_run(tmp_path: Path) -> None:
    out, there = tmp_path / "run", tmp_path / "moved"
    arguments = ("run", "--methods", "noisy,supervised", "--noise", "1-2", *tiny("steps=2000"), "--workers", "1", "--out")
    process = start(*arguments, out)
    while process.poll() is None and not list(out.glob("cells/*.json")):
        time.sleep(0.02)
    out.rename(there)
    status, _, error = finish(process)
    assert status == 2 and error.count("\n") == 1
    assert f"{out}: was moved or removed while the run worked in it" in error
    status, output, _ = here(*arguments, there, "--dry-run")
    assert status == 0 and "1 of 4 jobs were done before" in output


def test_budget_stops_a_run_that_goes_on_later(tmp_path: Path) -> None:
    out = tmp_path / "run"
    methods = ("--methods", "supervised,score-solver")
    arguments = ("run", "--noise", "1-4", *methods, *tiny("steps=40"), "--workers", "1", "--out", out)
    status, output, error = bench(*arguments, "--budget", "5s")
    assert status == 130, output
    assert "the budget is spent" in error and len(error.strip().splitlines()) == 1
    assert "pending" in set(pd.read_parquet(out / "results.parquet").status)
    status, output, error = here(*arguments, "--budget", "1h")
    assert (status, error) == (0, ""), output
    assert "pending" not in set(pd.read_parquet(out / "results.parquet").status)


#: Ways to start the command, which come to the same.
MODULE, SCRIPT = ["-m", "bench"], ["-c", "import sys; from bench.__main__ import main; sys.exit(main())"]


def after(seconds: float) -> Callable[[psutil.Process, Path], bool]:
    def moment(process: psutil.Process, out: Path) -> bool:
        time.sleep(seconds)
        return True

    return moment


def workers_import(process: psutil.Process, out: Path) -> bool:
    with suppress(psutil.Error):
        return any("spawn_main" in " ".join(child.cmdline()) for child in process.children())
    return False


def cells_are_done(process: psutil.Process, out: Path) -> bool:
    return len(list(out.glob("cells/*.json"))) > 2


def of_group(group: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


@pytest.mark.parametrize(
    ("started", "moment", "number", "times"),
    [
        (MODULE, after(0.3), signal.SIGINT, 1),
        (SCRIPT, after(0.6), signal.SIGTERM, 1),
        (SCRIPT, after(1.0), signal.SIGINT, 100),
        (MODULE, workers_import, signal.SIGINT, 1),
        (MODULE, workers_import, signal.SIGTERM, 1),
        (MODULE, cells_are_done, signal.SIGINT, 100),
        (MODULE, cells_are_done, signal.SIGHUP, 2),
    ],
)
def test_a_terminal_interrupts_all_processes_at_any_moment(
    started: list[str], moment: Callable[[psutil.Process, Path], bool], number: signal.Signals, times: int, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    words = ["run", "--methods", "paper", "--noise", "1-4", *tiny("steps=10"), "--workers", "2", "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, *started, *words], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        start_new_session=True, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # which nohup has it ignore
    )  # fmt: skip
    while process.poll() is None and not moment(psutil.Process(process.pid), out):
        time.sleep(0.01)
    for _ in range(times):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        time.sleep(0.01)
    status, _, error = finish(process, 60)
    assert status == 130, error
    assert error.startswith(f"denoisebench: interrupted ({number.name})") and error.count("\n") == 1
    deadline = time.monotonic() + 10
    while of_group(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert of_group(process.pid) == []
    if out.exists():
        table = pd.read_csv(out / "results.csv")
        done = [path.stem for path in out.glob("cells/*.json") if json.loads(path.read_text())["status"] == "done"]
        assert len(table[table.status == "done"].groupby(["noise", "method"])) == len(done)
        assert (out / "report.html").stat().st_mtime_ns >= (out / "results.csv").stat().st_mtime_ns
        assert not (out / ".holder.json").exists()


def test_a_signal_while_the_last_report_is_written_lets_it_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, written = reports.write, []

    def interrupted(directory: Path) -> Path:
        os.kill(os.getpid(), signal.SIGINT)
        written.append(write(directory))
        return written[-1]

    monkeypatch.setattr(reports, "write", interrupted)
    out = tmp_path / "run"
    status, _, error = here("run", "--methods", "noisy", "--noise", "1", *tiny(), "--workers", "1", "--out", out)
    assert status == 130 and "interrupted (SIGINT); all finished cells are stored" in error
    assert written[-1:] == [out / "report.html"] and (out / "report.html").exists()


def test_the_end_of_a_budget_has_more_time_for_more_cells() -> None:
    assert reserve(10, 8) < 1.1 and reserve(3600, 8) == pytest.approx(15, abs=0.1)
    assert reserve(3600, 10_000) > 15 + 2 * 10  # seconds that their report takes here, and as much for slower machines
    assert all(reserve(budget, 100_000) < budget / 2 for budget in (1, 10, 100, 10_000))
