"""Bad input, told in one clear line."""

from __future__ import annotations

import sys

from noise import faults


class UsageError(Exception):
    """The user asked for what cannot be: the message is one line that names the value and what was expected.

    The command line prints it and exits with status 2, before any work.
    """


def one_line(text: object) -> str:
    """`text` on one line that is safe to print: white space joined, unprintable characters as '?'."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(str(text).split()))


def not_text() -> str:
    """What is wrong with a name that cannot be written as UTF-8: the name itself, or the encoding that Python takes it for."""
    encoding = sys.getfilesystemencoding()
    if encoding == "utf-8":
        return "is not valid UTF-8"
    return f"is no text in {encoding}, which this locale asks for (PYTHONUTF8=1 has UTF-8 instead)"


def fault_of(error: BaseException) -> str:
    """The error's kind, and its text, on one line that is safe to print, whatever other people's code made it of."""
    return one_line(faults.told(error))
