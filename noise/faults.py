"""Faults of a file that others wrote, in one line."""

from __future__ import annotations

import traceback
from collections.abc import Collection
from pathlib import Path

_SHOWN = 200  # characters of a message


def in_words(error: BaseException, file: Path, name: str, ours: Collection[str]) -> str:
    """One line: the file, the line in it, and what is wrong.

    Parameters
    ----------
    file : Path
        The file at fault, as tracebacks have it.
    name : str
        What to call it.
    ours : collection of str
        Files of the suite whose own errors have words enough; of all others the error's kind is told, too.
    """
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename) == file]
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename) == file:
        lines, text = [error.lineno], error.msg
    else:
        try:
            text = str(error)
        except Exception:  # the file's own code, too
            text = ""
    place = f", line {lines[-1]}" if lines and lines[-1] else ""
    worded = frames[-1].filename in ours and not isinstance(error, SyntaxError)
    kind = "" if worded else type(error).__name__
    words = " ".join(f"{kind}: {text}".removeprefix(": ").removesuffix(": ").split())
    return f"{name}{place}: {words if len(words) <= _SHOWN else words[: _SHOWN - 1] + '…'}"
