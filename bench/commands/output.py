"""Files that a command is asked for: one behaviour for all formats."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from bench.errors import UsageError
from bench.files.writing import write_atomically
from bench.runs.directory import FILES, FOLDERS

#: What means standard output, as a path.
STANDARD = Path("-")

_STANDARD = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


def is_standard(target: Path | None) -> bool:
    """Whether the path means standard output."""
    return str(target) in _STANDARD


def refuse_own(option: str, target: Path, inputs: Iterable[Path], allowed: str = "") -> None:
    """Raise UsageError where an output would replace what a run consists of; `allowed` is the one of its files that may be."""
    if is_standard(target):
        return
    real = target.resolve()
    for path in inputs:
        given = path.resolve()
        folder = given.parent if given.is_file() and (given.parent / "run.json").exists() else given  # a run's table
        own = {given, folder, *(folder / name for name in FILES if name != allowed)}
        if real in own or any(real.is_relative_to(folder / name) for name in FOLDERS):
            raise UsageError(f"{option} {target}: is what {path} is read from, or its report: expected another file")


def write_output(option: str, target: Path, write: Callable[[Path], object], own_encoding: bool = False) -> None:
    """Have `write` make a file of UTF-8 text, and put it where the user wants it.

    A link is followed, a file replaced in one step; what is no file, such as a named pipe, is written to. On standard output
    characters that its encoding lacks are replaced; with `own_encoding`, for text that itself says that it is UTF-8, it is
    switched to that.

    Raises UsageError, which names the option, where the target cannot be written.
    """
    try:
        _write_output(target, write, own_encoding)
    except OSError as error:
        raise UsageError(f"{option} {target}: cannot be written: {error.strerror or error}; expected another file") from None


def _write_output(target: Path, write: Callable[[Path], object], own_encoding: bool) -> None:
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
