"""Workers that need not import: forked from a process that has what they need, where how they start is not what is tested.

A spawned one, as the suite starts them, takes two to three seconds of CPU time to import torch and the rest. Runs in processes
of their own (`harness.start`) spawn theirs.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from functools import cache
from multiprocessing import forkserver
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pebble import ProcessPool

from bench.executors import local

#: What a worker imports for a job of any method; torch's compiler is imported with the first optimiser.
_NEEDED = ["bench.executors.local", "torch._dynamo", "skimage.metrics._structural_similarity", "skimage.restoration._denoise"]


@contextmanager
def quick_workers() -> Iterator[None]:
    """Meanwhile the local executor's workers of this process are forked, where that can be done (not on Windows)."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        yield
        return
    _start_server()
    with patch.object(local, "ProcessPool", _pool):
        yield


def _pool(*, context: Any, initargs: tuple[Any, ...], **others: Any) -> ProcessPool:
    """The executor's pool. Its worker's parent is the server, and is not watched."""
    settings, _, *rest = initargs
    return ProcessPool(context=multiprocessing.get_context("forkserver"), initargs=(settings, None, *rest), **others)


@cache
def _start_server() -> None:
    """Once a process, in the folder of this process's sources, so that it has these and none that are installed."""
    multiprocessing.set_forkserver_preload(_NEEDED)
    with chdir(Path(local.__file__).parents[2]):
        forkserver.ensure_running()
