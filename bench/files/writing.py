"""Writing files: each appears by an atomic rename, complete or not at all."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Have `write` make a file beside `path`, sync it, and rename it to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def set_aside(directory: Path, path: Path) -> str:
    """Move a file or folder that cannot be used out of the way, below DIR/set-aside; returns its new name there."""
    place = directory / "set-aside"
    place.mkdir(exist_ok=True)
    stem = path.relative_to(directory).as_posix().replace("/", "--")
    names = (stem if not number else f"{stem}.{number}" for number in itertools.count())
    new = next(place / name for name in names if not (place / name).exists())
    path.rename(new)
    return new.relative_to(directory).as_posix()
