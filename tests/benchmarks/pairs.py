"""Two pieces of work timed in turn, so that what else the machine does meets both."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn

import methods
import noise
from bench.plan.settings import Preset
from bench.training.loop import Report, train
from bench.training.patches import Patches


def seconds(work: Callable[[], object]) -> float:
    """Processor time of this process: others on the machine do not count."""
    clock = time.process_time()
    work()
    return time.process_time() - clock


def ratios_of(one: Callable[[], object], other: Callable[[], object], pairs: int) -> list[float]:
    """How much of the other's time one takes, so many times, after one time of each that does not count."""
    one(), other()
    return [seconds(one) / seconds(other) for _ in range(pairs)]


def train_steps(
    network: nn.Module, method: methods.Method, patches: Patches, preset: Preset, report: Report = lambda share, loss: None
) -> None:
    """The harness's training of a copy of the network on No. 1, without validation."""
    train(
        copy.deepcopy(network), method, noise.get(1), patches, preset, "benchmark", torch.device("cpu"),
        report, lambda average: 0.0,
    )  # fmt: skip


def images(count: int = 8, side: int = 96) -> list[Any]:
    """Images to train on, of numbers without structure."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    return [SimpleNamespace(dataset="x", name=str(index), pixels=each) for index, each in enumerate(pixels)]
