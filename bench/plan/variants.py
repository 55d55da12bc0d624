"""Variants of a method: the method with other settings than its defaults, under a name that tells them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from bench.errors import UsageError, one_line
from methods import Method
from noise import expressions
from noise.names import nearest

_WORDS: dict[str, Any] = {"true": True, "false": False, "none": None}


def variant(method: Method, text: str) -> tuple[str, Method]:
    """The method with the settings that "slug(setting=value, ...)" tells, and its canonical name.

    Parameters
    ----------
    method : Method
        The one of that slug, with its default settings.
    text : str
        Nested settings have a dot, "training.patch"; values are numbers, true, false, none, or text. The name has them sorted,
        without those that are the defaults.

    Raises
    ------
    UsageError
        For settings that it has not, values that it cannot have, and what is no such text.
    """
    try:
        told = expressions.term(text)
        if told.suffix:
            raise ValueError(f"{told.suffix!r}: expected nothing after the parentheses")
        values = {name: _value(value, value_of(method, name)) for name, value in told.settings}
        for name, value in values.items():
            _refuse_out_of_range(method, name, value)
        if not method.trains and (name := next((name for name in values if name.split(".")[0] == "training"), "")):
            raise ValueError(f"{name}: it is not trained")
        found = with_settings(method, values)
        found.learns()
    except (AttributeError, TypeError, ValueError) as error:
        wrong = one_line(error)
        how = "" if "expected" in wrong else f": expected {method.slug}(setting=value)"
        raise UsageError(f"--methods {text!r}: {wrong}{how}") from None
    changed = [(name, value_of(found, name)) for name in values if value_of(found, name) != value_of(method, name)]
    return expressions.canonical(method.slug, [(name, _written(value)) for name, value in changed]), found


def title_of(method: Method, name: str) -> str:
    """The method's title for readers, with the settings that its name tells: "Neighbor2Neighbor, gamma 2"."""
    settings = expressions.term(name).settings
    return ", ".join([method.title, *(f"{key} {value}" for key, value in settings)])


def value_of(method: Any, name: str) -> Any:
    """What a setting is, "training.patch" a nested one. Raises AttributeError where there is none, with the nearest."""
    value = method
    for part in name.split("."):
        _refuse_unknown(value, part)
        value = getattr(value, part)
    return value


def with_settings(method: Method, values: Mapping[str, Any]) -> Method:
    """The method with other settings. Raises AttributeError, TypeError or ValueError for one that it has not, or refuses."""
    for name, value in values.items():
        method = _with(method, name.split("."), value)
    return method


def _refuse_unknown(settings: Any, name: str) -> None:
    known = [item.name for item in fields(settings)] if is_dataclass(settings) else []
    if name not in known:
        raise AttributeError(f"there is no setting {name!r}{nearest(name, known)}")


def _with(settings: Any, path: Sequence[str], value: Any) -> Any:
    first, *rest = path
    _refuse_unknown(settings, first)
    before = getattr(settings, first)
    return replace(settings, **{first: _with(before, rest, value) if rest else _like(before, value, first)})


def _like(before: Any, value: Any, name: str) -> Any:
    """The value as the setting's default is written: 2 for 2.0 and the other way; of another kind raises TypeError."""
    kind = type(before)
    if before is None or value is None or type(value) is kind:
        return value
    if {kind, type(value)} == {int, float} and kind(value) == value:
        return kind(value)
    raise TypeError(f"{name} is {value!r}, and {before!r} by default: expected {kind.__name__}")


def _value(text: str, before: Any) -> Any:
    """The value that a text means, for a setting that was `before`: text stays text where text is wanted."""
    word = expressions.unquoted(text)
    if not re.fullmatch(r"[A-Za-z0-9+_.-]+", word):
        raise ValueError(f"{text!r}: expected a number, true, false, none, or letters and digits")
    if word != text or isinstance(before, str):
        return word
    if word.lower() in _WORDS:
        return _WORDS[word.lower()]
    try:
        value = expressions.number(word)
    except ValueError:
        if re.fullmatch("[+-]?(nan|inf(inity)?|[0-9].*)", word.lower()):
            raise
        return word
    return int(value) if value == int(value) and not isinstance(before, float) else value


def _refuse_out_of_range(method: Method, name: str, value: Any) -> None:
    """Raise ValueError for none where the setting is always something, and for numbers below what any setting may be.

    That is 0, and 1 for whole numbers that are above 0 by default, or what `tunable` has.
    """
    *path, last = name.split(".")
    owner = value_of(method, ".".join(path)) if path else method
    before, kind = getattr(owner, last), next(str(item.type) for item in fields(owner) if item.name == last)
    if value is None and "None" not in kind:
        raise ValueError(f"{name} is none, and {before!r} by default: expected {type(before).__name__}")
    tried = [each for each in method.tunable.get(name, ()) if type(each) in (int, float)]
    least = min([1 if type(before) is int and before > 0 else 0, *tried])
    if type(value) in (int, float) and (type(before) not in (int, float) or before >= 0) and value < least:
        raise ValueError(f"{name} is {value:g}: expected a number from {least} on")


def _written(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return expressions.written(value) if isinstance(value, (int, float)) else str(value)
