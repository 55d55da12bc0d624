"""Entries of robustness.json: whether each still tells of its cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports.read.untrusted import mapping, text, whole


def is_current(entry: Mapping[str, Any], made_of: object) -> bool:
    """Whether what an entry was measured on is what the cell's record is made of now, as far as both tell."""
    then, now = mapping(entry.get("made_of")), mapping(made_of)
    code, other = mapping(then.get("code")), mapping(now.get("code"))
    same = all(then[name] == now[name] for name in ("key", "method", "noise") if name in then and name in now)
    return same and all(code[name] == other[name] for name in code.keys() & other.keys())


def outdated_words(entry: Mapping[str, Any]) -> str:
    """A sentence on an entry that is left out."""
    number = whole(entry.get("noise_no"))
    place = f"{text(entry.get('method'))} on {f'No. {number}' if number else text(entry.get('noise'))}"
    return f"The robustness of {place} was measured before its cell was made anew: left out; measure it again."
