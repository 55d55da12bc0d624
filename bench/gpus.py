"""GPUs of this machine, assigned to workers: each knows its own, and none is fought over."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from filelock import FileLock, Timeout

_held: list[FileLock] = []  # till the process ends


def visible_gpus(count: int | None = None, environment: Mapping[str, str] = os.environ) -> list[str]:
    """The GPUs that this process may use, by the names that CUDA_VISIBLE_DEVICES knows them by.

    Parameters
    ----------
    count : int or None
        How many CUDA counts; None: ask it.
    """
    found = torch.cuda.device_count() if count is None else count
    named = [name.strip() for name in environment.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return (named or [str(index) for index in range(found)])[:found]


def slots(gpus: Sequence[str], workers: int) -> list[str]:
    """The GPU of each of the workers, in turn; none where there is no GPU."""
    return [gpus[index % len(gpus)] for index in range(workers)] if gpus else []


def take_slot(folder: Path, gpus: Sequence[str]) -> str:
    """The GPU of the first slot that is free, kept from other processes till this one ends, however it does.

    Parameters
    ----------
    folder : Path
        Where the slots' locks are, on a disk of this machine.
    gpus : sequence of str
        The GPU of each slot; as many as there are workers at a time, so that one is free or about to be.
    """
    while True:
        for index, gpu in enumerate(gpus):
            lock = FileLock(folder / f"{index}.lock", timeout=0, is_singleton=False)
            try:
                lock.acquire()
            except Timeout:
                continue
            _held.append(lock)
            return gpu
        time.sleep(0.05)  # the worker that this one follows is about to be gone


def confine(gpu: str | None, share: float) -> None:
    """Have this process use that GPU alone (None: the one it was given), and no more than the share of its memory.

    To be called before anything else is done on a GPU.
    """
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    if share < 1:
        torch.cuda.set_per_process_memory_fraction(share)
