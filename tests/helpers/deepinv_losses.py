"""deepinv's losses, to compare ours with (https://deepinv.github.io)."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from types import ModuleType
from unittest.mock import MagicMock

import pytest
import torchmetrics  # noqa: F401  # first: it asks for torchvision once

#: What deepinv imports of torchvision.
_BELOW = ("utils", "datasets", "datasets.folder", "datasets.utils", "transforms", "transforms.functional", "transforms.v2")


def _stand_in() -> dict[str, ModuleType]:
    return {name: MagicMock(name=name) for name in ("torchvision", *(f"torchvision.{below}" for below in _BELOW))}


@cache
def deepinv() -> ModuleType:
    """deepinv, and with it `deepinv.loss`; skips the test where it is not installed.

    tox installs it without torchvision, whose compiled operators beside a torch for CPUs cannot be loaded, and then neither can
    torchmetrics. Its losses need none of it: names stand in for it while deepinv is imported.
    """
    if importlib.util.find_spec("deepinv") is None:
        pytest.skip("deepinv is not installed: python -m pip install --no-deps deepinv einops h5py natsort tqdm")
    stand_in = {} if importlib.util.find_spec("torchvision") else _stand_in()
    sys.modules.update(stand_in)
    try:
        import deepinv
    finally:
        for name in stand_in:
            del sys.modules[name]
    return deepinv
