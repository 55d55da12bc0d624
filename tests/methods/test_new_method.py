"""The example of CONTRIBUTING: one new file in methods/ is enough."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.helpers.harness import ROOT, bench, copy_sources, tiny

pytestmark = pytest.mark.slow(12)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with the example as methods/median.py."""
    root = tmp_path_factory.mktemp("source")
    copy_sources(root)
    shutil.copytree(ROOT / "tests", root / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert example is not None
    assert len(example[1].splitlines()) <= 40
    (root / "methods" / "median.py").write_text(example[1], encoding="utf-8")
    return root


def test_new_method_is_in_the_matrix(source: Path) -> None:
    status, output, _ = bench("matrix", "--json", root=source)
    assert status == 0
    rows = [row for row in json.loads(output) if row["method"] == "median"]
    assert len(rows) == 16
    assert all(row["reason"] for row in rows)


def test_new_method_is_run_and_reported(source: Path, tmp_path: Path) -> None:
    status, output, error = bench("run", "--methods", "all", "--noise", "1", *tiny(), "--out", tmp_path / "run", root=source)
    assert (status, error) == (0, ""), output
    frame = pd.read_parquet(tmp_path / "run" / "results.parquet")
    median = frame[(frame.method == "median") & (frame.metric == "psnr")]
    noisy = frame[(frame.method == "noisy") & (frame.metric == "psnr")]
    assert set(median.status) == {"done"}
    assert median.value.mean() > noisy.value.mean() + 1
    assert "Median" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_new_method_is_picked_up_by_the_contract_tests(source: Path) -> None:
    command = [sys.executable, "-m", "pytest", "tests/methods/test_contract.py", "-k", "median", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, cwd=source, env=os.environ | {"PYTHONPATH": str(source)}, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= 16
