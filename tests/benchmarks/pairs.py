"""Two pieces of work timed in turn, so that what else the machine does meets both."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np


def seconds(work: Callable[[], object]) -> float:
    """Processor time of this process: others on the machine do not count."""
    clock = time.process_time()
    work()
    return time.process_time() - clock


def ratios_of(one: Callable[[], object], other: Callable[[], object], pairs: int) -> list[float]:
    """How much of the other's time one takes, so many times, after one time of each that does not count."""
    one(), other()
    return [seconds(one) / seconds(other) for _ in range(pairs)]


def images(count: int = 8, side: int = 96) -> list[Any]:
    """Images to train on, of numbers without structure."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    return [SimpleNamespace(dataset="x", name=str(index), pixels=each) for index, each in enumerate(pixels)]
