"""What a process shares is put back, also where it cannot all be read."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from noise import shared


def test_a_working_directory_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with shared.kept():
        torch.set_default_dtype(torch.float64)
    assert torch.get_default_dtype() == torch.float32
    monkeypatch.chdir(tmp_path)
