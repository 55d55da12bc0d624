"""Runs that are stopped, by a signal or at the end of their budget, and go on by the same command."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.helpers.harness import bench, finish, start, tiny

pytestmark = pytest.mark.slow(56)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_stops_cleanly_and_goes_on(number: signal.Signals, tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = ("run", "--noise", "1-4", *tiny("steps=40"), "--out", out)
    process = start(*arguments)
    while process.poll() is None and len(list(out.glob("cells/*.json"))) < 3:
        time.sleep(0.02)
    process.send_signal(number)
    status, _, error = finish(process)
    assert status == 130
    assert "the same command goes on from there" in error
    assert len(error.strip().splitlines()) == 1
    assert (out / "report.html").exists()
    frame = pd.read_parquet(out / "results.parquet")
    assert "pending" in set(frame.status)
    status, output, error = bench(*arguments)
    assert (status, error) == (0, ""), output


def test_budget_stops_a_run_that_goes_on_later(tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = ("run", "--noise", "1-4", *tiny("steps=150"), "--workers", "1", "--out", out)
    status, output, error = bench(*arguments, "--budget", "10s")
    assert status == 130, output
    assert "the budget is spent" in error and len(error.strip().splitlines()) == 1
    assert "pending" in set(pd.read_parquet(out / "results.parquet").status)
    status, output, error = bench(*arguments, "--budget", "1h")
    assert (status, error) == (0, ""), output
    assert "pending" not in set(pd.read_parquet(out / "results.parquet").status)
