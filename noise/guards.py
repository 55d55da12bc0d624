"""Counting how often the accurate solvers had to guard: where Eq. 7 has no solution, or none that is an image.

>>> with guards.count() as counts:
...     model.solve(y, s)
>>> counts
{'gamma: score too large': 12}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

_open: ContextVar[tuple[dict[str, int], ...]] = ContextVar("open counts", default=())


@contextmanager
def count() -> Iterator[dict[str, int]]:
    """Count the values (pixels x channels) that guards changed, by the guard's name, while this context is open.

    A value that two guards changed counts under each. A guard that changed none is absent. Contexts may be nested: the
    outer one counts the inner one's too. Each thread, and each asyncio task, has its own.
    """
    counts: dict[str, int] = {}
    token = _open.set((*_open.get(), counts))
    try:
        yield counts
    finally:
        _open.reset(token)


@contextmanager
def paused() -> Iterator[None]:
    """Count nothing while this context is open: for a solve beside the one that gives the result."""
    token = _open.set(())
    try:
        yield
    finally:
        _open.reset(token)


def note(name: str, where: Callable[[], torch.Tensor]) -> None:
    """Count the values at which the boolean tensor `where()` is true, if anybody counts; otherwise it is not evaluated."""
    counters = _open.get()
    if not counters:
        return
    number = int(where().sum())
    for counts in counters if number else ():
        counts[name] = counts.get(name, 0) + number


def limited(name: str, free: torch.Tensor, limited: torch.Tensor) -> torch.Tensor:
    """Return `limited`, the guarded form of `free`, and count the values in which the two differ."""
    note(name, lambda: (free < limited) | (free > limited))
    return limited
