"""What all code of a process shares, and other people's code may set: seen, and put back."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import torch


def _set_deterministic(state: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(state[0], warn_only=state[1])


def _set_benchmark(on: bool) -> None:
    torch.backends.cudnn.benchmark = on


def _flushes() -> bool:
    """Whether numbers too small for full precision become 0 here: PyTorch does not tell."""
    return not bool((torch.full((), 1e-38, dtype=torch.float32, device="cpu") * 0.01).item())


def _directory() -> str | None:
    """The working directory; None where it is gone."""
    with suppress(OSError):
        return os.getcwd()
    return None


def _go_back(directory: str | None) -> None:
    if directory is not None:
        os.chdir(directory)


#: Each by name: how it is read, and how it is set. Random generators are apart: they move with every number that is drawn.
SHARED: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {
    "torch's default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "torch's default device": (torch.get_default_device, torch.set_default_device),
    "torch's number of threads": (torch.get_num_threads, torch.set_num_threads),
    "whether gradients are recorded": (torch.is_grad_enabled, torch.set_grad_enabled),
    "torch's deterministic mode": (
        lambda: (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()),
        _set_deterministic,
    ),
    "torch's precision of float32 products": (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    "torch's flushing of denormal numbers": (_flushes, torch.set_flush_denormal),
    "torch's detection of anomalies": (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    "cuDNN's benchmark mode": (lambda: torch.backends.cudnn.benchmark, _set_benchmark),
    "NumPy's treatment of errors": (np.geterr, lambda errors: np.seterr(**errors)),
    "the collection of garbage": (gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
    "the working directory": (_directory, _go_back),
}


def states() -> dict[str, Any]:
    """What each of them is now."""
    return {name: read() for name, (read, _) in SHARED.items()}


@contextmanager
def kept() -> Iterator[None]:
    """Put each of them back at the end, whatever was done meanwhile."""
    before = states()
    try:
        yield
    finally:
        for name, (read, write) in SHARED.items():
            if read() != before[name]:
                write(before[name])
