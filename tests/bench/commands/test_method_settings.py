"""Settings of methods that are asked for on the command line: those that a method cannot work with are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cli import main
from tests.helpers.harness import tiny


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        ("noisier2noise(alpha=0)", "values that denoise gave are not finite"),
        ("sure(step=0)", "loss gave nan"),
        ("wavelets(wavelet=none-such)", "Unknown wavelet name 'none-such'"),
        ("noise2void(square=2)", "is invalid for input of size"),
        ("wavelets(wavelet=haar)", ""),
        ("neighbor2neighbor(gamma=1)", ""),
    ],
)
def test_settings_that_a_method_cannot_work_with_are_refused_before_any_work(
    method: str, fault: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status = main(["run", "--methods", method, "--noise", "1", *tiny(), "--dry-run", "--out", str(tmp_path / "run")])
    error = capsys.readouterr().err
    assert (status, error.count("\n")) == ((2, 1) if fault else (0, 0))
    assert fault in error and (not fault or error.startswith(f"denoisebench: --methods '{method}': "))
    assert not (tmp_path / "run").exists()
