"""Bad input, told in one clear line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UsageError(Exception):
    """The user asked for what cannot be: the message is one line that names the value and what was expected.

    The command line prints it and exits with status 2, before any work.
    """


def nearest(name: str, known: Iterable[str]) -> str:
    """ " (nearest: xyz)" for the most similar known name, or "" where none is similar."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.4)
    return f" (nearest: {close[0]})" if close else ""
