"""GPUs of this machine, assigned to workers: each knows its own, and none is fought over."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import torch


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


def dealt_out(gpus: Sequence[str], workers: int) -> list[str | None]:
    """The GPU of each of the workers, in turn; None where there is no GPU."""
    return [gpus[index % len(gpus)] if gpus else None for index in range(workers)]


def confine(gpu: str | None, share: float) -> None:
    """Have this process use that GPU alone (None: the one it was given), and no more than the share of its memory.

    To be called before anything else is done on a GPU.
    """
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    if share < 1:
        torch.cuda.set_per_process_memory_fraction(share)
