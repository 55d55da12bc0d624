"""Bad input, told in one clear line."""

from __future__ import annotations


class UsageError(Exception):
    """The user asked for what cannot be: the message is one line that names the value and what was expected.

    The command line prints it and exits with status 2, before any work.
    """


def one_line(text: object) -> str:
    """`text` on one line that is safe to print: white space joined, unprintable characters as '?'."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(str(text).split()))
