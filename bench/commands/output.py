"""Files that a command is asked for: one behaviour for all formats."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.files.writing import write_atomically

#: What means standard output, as a path.
STANDARD = Path("-")

_STANDARD = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


def is_standard(target: Path | None) -> bool:
    """Whether the path means standard output."""
    return str(target) in _STANDARD


def write_output(target: Path, write: Callable[[Path], object], own_encoding: bool = False) -> None:
    """Have `write` make a file of UTF-8 text, and put it where the user wants it.

    A link is followed, a file replaced in one step; what is no file, such as a named pipe, is written to. On standard output
    characters that its encoding lacks are replaced; with `own_encoding`, for text that itself says that it is UTF-8, it is
    switched to that.

    Raises OSError where the target cannot be written.
    """
    standard = is_standard(target)
    if not standard and (target.is_file() or not target.exists()):
        write_atomically(Path(os.path.realpath(target)), write)
        return
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "output"
        write(made)
        if standard:
            if own_encoding and hasattr(sys.stdout, "reconfigure"):
                sys.stdout.reconfigure(encoding="utf-8")
            sys.stdout.write(made.read_bytes().decode("utf-8"))
        else:
            with target.open("wb") as file:
                file.write(made.read_bytes())
