"""deepinv's losses, to compare ours with (https://deepinv.github.io)."""

from __future__ import annotations

import importlib.util
from functools import cache
from types import ModuleType

import pytest
import torch

#: Operators of torchvision that its import declares more of, whether they are there or not.
_DECLARED = ("nms", "qnms")


@cache
def _operators() -> torch.library.Library | None:
    """What deepinv's import of torchvision lacks beside a torch for CPUs: PyPI's has its operators compiled for GPUs.

    Then it finds two that it needs the names of; no loss uses them. The library that names them must be kept.
    """
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in _DECLARED:
            library.define(f"{name}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
        return library
    return None


def deepinv() -> ModuleType:
    """deepinv, and with it `deepinv.loss`; skips the test where it is not installed."""
    if importlib.util.find_spec("deepinv") is None:
        pytest.skip("deepinv is not installed")
    _operators()
    import deepinv

    return deepinv
