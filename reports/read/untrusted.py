"""Values out of other people's files, brought into a type that the page can rely on. None of these ever raises."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def text(value: object, default: str = "") -> str:
    """`value` as text that can be encoded and shown: no lone surrogates, no control characters."""
    if value is None:
        return default
    if not isinstance(value, str):
        value = plain(value)
    return _CONTROL.sub("\ufffd", value.encode("utf-8", "replace").decode("utf-8"))


def plain(value: object) -> str:
    """A setting's value as a reader would write it: 0.5, true, [1, 2], name."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return str(value)


def brief(value: object) -> str:
    """A parameter for a caption: six significant digits are enough beside a table; the settings have them all."""
    return f"{value:.6g}" if isinstance(value, float) else text(value)


def number(value: object) -> float | None:
    """`value` as a finite float, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        result = float(value)
    except OverflowError:
        return None
    return result if math.isfinite(result) else None


def whole(value: object, default: int = 0) -> int:
    """`value` as an integer, else `default`."""
    result = number(value)
    return default if result is None else int(result)


def mapping(value: object) -> Mapping[str, Any]:
    """`value` if it is a mapping, else an empty one; its keys are text."""
    return {text(key): item for key, item in value.items()} if isinstance(value, Mapping) else {}


def sequence(value: object) -> tuple[Any, ...]:
    """`value` if it is a list, else an empty one."""
    return tuple(value) if isinstance(value, list | tuple) else ()


def texts(value: object) -> tuple[str, ...]:
    """A list of texts; a lone text counts as a list of one."""
    return (text(value),) if isinstance(value, str) else tuple(text(item) for item in sequence(value))


def points(value: object) -> tuple[tuple[float, float], ...]:
    """A curve, [[step, value], ...], without the points that are not finite."""
    pairs = []
    for item in sequence(value):
        pair = sequence(item)
        step, height = (number(pair[0]), number(pair[1])) if len(pair) == 2 else (None, None)
        if step is not None and height is not None:
            pairs.append((step, height))
    return tuple(sorted(pairs))
