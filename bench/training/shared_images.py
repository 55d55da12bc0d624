"""Noisy training images that are drawn once for all workers: a file of them below the run directory, mapped by each.

It lasts as long as some job of the run needs it. What is in it is a function of law, names and seed alone, so that it does not
matter who draws it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock

from bench.data.sets import Image

#: The file is written where the disk has room for so many of it: records and weights come first.
ROOM = 4

#: Makes the (C, H, W) float32 tensor of one image.
Draw = Callable[[Image], torch.Tensor]


def folder_of(directory: Path) -> Path:
    """Where the files of a run directory are."""
    return directory / "noisy"


def shared_images(folder: Path | None, name: str, images: Sequence[Image], draw: Draw) -> list[torch.Tensor]:
    """The images that `draw` makes, mapped from a file that all workers share; in memory where there can be none.

    Parameters
    ----------
    folder : Path or None
        Where the file is; None: in memory.
    name : str
        What the file is called; it must say all that decides what is in it, but for the images.

    Returns
    -------
    list of Tensor
        (C, H, W) float32 each, not to be written to.
    """
    if folder is None:
        return [draw(image) for image in images]
    told = repr([(image.dataset, image.name, image.pixels.shape) for image in images])
    path = folder / f"{name}--{hashlib.sha256(told.encode()).hexdigest()[:12]}.f32"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            if not path.exists():
                _wait_for_turn(stack, path)
            if not path.exists():
                _write(path, images, draw)
        return _mapped(path, images)
    except OSError:  # no room, no maps: each worker for itself, as it would without the others
        return [draw(image) for image in images]


def remove_unneeded(folder: Path, names: Collection[str]) -> None:
    """Remove the files that are called otherwise than one of these names; who has them mapped keeps them."""
    for path in folder.glob("*.f32"):
        if path.name.rpartition("--")[0] not in names:
            path.unlink(missing_ok=True)


def _wait_for_turn(stack: ExitStack, path: Path) -> None:
    """Until no other worker draws these images. Where the file system has no locks, several may draw the same."""
    with suppress(NotImplementedError, OSError):
        stack.enter_context(FileLock(path.with_suffix(".lock")))


def _write(path: Path, images: Sequence[Image], draw: Draw) -> None:
    size = 4 * sum(image.pixels.size for image in images)
    if shutil.disk_usage(path.parent).free < ROOM * size:
        raise OSError(errno.ENOSPC, "the disk has other uses for what is left of it")
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            for image in images:
                file.write(draw(image).contiguous().numpy().tobytes())
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _mapped(path: Path, images: Sequence[Image]) -> list[torch.Tensor]:
    sizes = [image.pixels.size for image in images]
    flat = np.memmap(path, dtype=np.float32, mode="r", shape=(sum(sizes),))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it cannot be written to
        parts = torch.from_numpy(flat).split(sizes)
    return [part.view(image.pixels.shape[2], *image.pixels.shape[:2]) for part, image in zip(parts, images, strict=True)]
