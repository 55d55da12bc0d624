"""What the local executor makes of the run that the clusters are given."""

from __future__ import annotations

import pytest

from tests.helpers.clusters import ARGUMENTS
from tests.helpers.harness import here


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What the local executor makes of it."""
    out = tmp_path_factory.mktemp("local") / "run"
    status, output, error = here(*ARGUMENTS, "--executor", "local", "--workers", "1", "--out", out)
    assert (status, error) == (0, ""), output
    return (out / "results.parquet").read_bytes()
