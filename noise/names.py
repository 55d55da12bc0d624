"""Names that were meant: the nearest of those that are known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """ " (nearest: xyz)" for the most similar known name, or "" where none is similar."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.4)
    return f" (nearest: {close[0]})" if close else ""
