"""Standard output and error that take every character, and whose reader may go."""

from __future__ import annotations

import codecs
import errno
import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO, cast

#: What a write fails with when nobody reads any more: a pipe without a reader, a terminal or a connection that has gone.
_UNREAD = (errno.EPIPE, errno.EIO, errno.ECONNRESET)

#: Stand-ins for characters that an encoding lacks, each as wide as what it stands for; for others "?".
_PLAIN = {"✓": "+", "×": "x", "–": "-", "—": "-", "−": "-", "…": ".", "·": ".", "²": "2", "’": "'"}


def _plainly(error: UnicodeError) -> tuple[str, int]:
    """An error handler of codecs."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAIN.get(character, "?") for character in error.object[error.start : error.end]), error.end


codecs.register_error("denoisebench.plainly", _plainly)


class Lasting:
    """A text stream; what is written after its reader has gone is lost, and nobody is told.

    Where it cannot be written for another reason, such as a log on a full disk, what is written from then on is lost, too, and
    `lost` is that reason: a run of hours does not end for it, and no file of its own is meant.
    """

    lost = ""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            self._let_go(error)
            return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._let_go(error)

    def close(self) -> None:
        """Nothing is closed: a method's own code may close what the whole process prints to."""
        self.flush()

    def _let_go(self, error: OSError) -> None:
        """From now on nothing is read, and nothing fails: not what is buffered, nor what others write to the same file."""
        if error.errno not in _UNREAD:
            self.lost = self.lost or str(error.strerror or error)
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, self._stream.fileno())
        os.close(nothing)


def make_lasting() -> None:
    """Have this process's standard output and error last, also those that were closed before it began."""
    _open_closed()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (for as long as the process)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding=_able(stream.encoding), errors="denoisebench.plainly")
        setattr(sys, name, cast(TextIO, Lasting(stream)))


def _able(encoding: str) -> str:
    """The encoding, or ASCII where it cannot have characters replaced, as that of host names."""
    try:
        "\u2713\n".encode(encoding, "denoisebench.plainly")
    except (UnicodeError, LookupError):
        return "ascii"
    return encoding


def _open_closed() -> None:
    """Files 0 to 2 are there, for else the next file that is opened would get such a number, and others' output."""
    number = os.open(os.devnull, os.O_RDWR)
    while number <= 2:
        os.set_inheritable(number, True)
        number = os.open(os.devnull, os.O_RDWR)
    os.close(number)


def write_out() -> bool:
    """Write what is buffered; whether all could be written that was to be."""
    sys.stdout.flush()
    if lost := getattr(sys.stdout, "lost", ""):
        print(f"denoisebench: standard output: {lost}", file=sys.stderr)
    return not lost
