"""Faults of a file that others wrote, in one line."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Collection, Iterable
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
    text = text_of(error)
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename) == file:
        lines, text = [error.lineno], error.msg
    place = f", line {lines[-1]}" if lines and lines[-1] else ""
    worded = frames[-1].filename in ours and not isinstance(error, SyntaxError)
    kind = "" if worded else type(error).__name__
    words = _joined(kind, text)
    return f"{name}{place}: {words if len(words) <= _SHOWN else words[: _SHOWN - 1] + '…'}"


def told(error: BaseException) -> str:
    """One line: the error's kind, and its text, where it has any and its own code gives it."""
    return _joined(type(error).__name__, text_of(error))


def messages(caught: Iterable[warnings.WarningMessage]) -> list[str]:
    """The texts of warnings, each once, sorted."""
    return sorted({text_of(each.message) for each in caught if isinstance(each.message, Warning)})


def _joined(kind: str, text: str) -> str:
    return " ".join(f"{kind}: {text}".removeprefix(": ").removesuffix(": ").split())


def text_of(error: BaseException) -> str:
    """The error's text; '' where its own code fails to give it."""
    try:
        return str(error)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return ""
