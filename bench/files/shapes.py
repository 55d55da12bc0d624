"""Whether JSON that was read from disk has the shape that is relied on."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

#: A type; a test of the value; [shape of all items]; {key that must be there: shape of its value}.
Shape = type | Callable[[Any], bool] | list[Any] | dict[str, Any]


def fits(value: Any, shape: Shape) -> bool:
    """Whether the value has the shape. True and False are no numbers."""
    if isinstance(shape, dict):
        return isinstance(value, dict) and all(key in value and fits(value[key], inner) for key, inner in shape.items())
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(item, shape[0]) for item in value)
    return type(value) is shape if isinstance(shape, type) else shape(value)


def fits_as_far_as_there(value: dict[str, Any], shape: dict[str, Any]) -> bool:
    """Whether those of the keys that are there fit."""
    return all(fits(value[key], inner) for key, inner in shape.items() if key in value)


def number(value: Any) -> bool:
    """A finite number, or null, which stands for one that is not."""
    if value is None or type(value) is int:
        return value is None or abs(value) < 2**63
    return type(value) is float and math.isfinite(value)


def maybe(shape: Shape) -> Shape:
    """The shape, or null."""
    return lambda value: value is None or fits(value, shape)
