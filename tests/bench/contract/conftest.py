"""The contract's checks, in less time."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from bench.contract import training


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """In which the loss must fall."""
    monkeypatch.setattr(training, "STEPS", 6)


@pytest.fixture(scope="module", autouse=True)
def nothing_else() -> Iterator[None]:
    """What other tests hold is not looked at."""
    gc.freeze()
    yield
    gc.unfreeze()
