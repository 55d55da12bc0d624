"""The script that measures speed at scale runs; what it measures is no test's business."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.helpers.harness import ROOT


@pytest.mark.slow(11)
def test_overhead_is_measured() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.scaling", "overhead"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert "processor time of the scheduler" in found.stdout and not found.stderr, found.stderr
