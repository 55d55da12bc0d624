"""Expressions: names with settings in parentheses, as `--noise` and `--methods` take them. Nothing in them is evaluated.

    list        expression, expression, ...
    expression  term + term + ...
    term        name, or name(setting=value, ...), each with a suffix after it or not (`-conv`)
    value       a number, a word, a path, 'text in quotes', or a term of its own: gauss(1.0)
    sweep       value|value|...: an expression for each value; of several sweeps every combination

Blanks around names and values do not count. All functions here take and return text, and raise ValueError, one line, for
what is no expression.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

#: Expressions that the sweeps of one may stand for.
MOST = 1000
#: Characters of an expression.
LONGEST = 10_000

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_SUFFIX = re.compile(r"(?:-[a-z]+)*")


@dataclass(frozen=True)
class Term:
    """name(setting=value, ...)suffix.

    Parameters
    ----------
    settings : tuple of pairs
        (name, value), in the order given; each value as it was written, without blanks around it, still with its sweep.
    suffix : str
        What follows the parentheses: "-conv", or "".
    """

    name: str
    settings: tuple[tuple[str, str], ...] = ()
    suffix: str = ""

    def __str__(self) -> str:
        inside = ",".join(f"{name}={value}" for name, value in self.settings)
        return f"{self.name}({inside}){self.suffix}" if inside else f"{self.name}{self.suffix}"


def split(text: str, separator: str) -> list[str]:
    """The parts of the text between separators that are outside of all parentheses and quotes, without blanks around them."""
    if len(text) > LONGEST:
        raise ValueError(f"{text[:40]!r}...: {len(text)} characters: expected at most {LONGEST}")
    parts, start, depth, quote = [], 0, 0, ""
    for place, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign == "(":
            depth += 1
        elif sign == ")":
            depth -= 1
            if depth < 0:
                raise ValueError(f"{text!r}: a closing parenthesis too many: expected name(setting=value)")
        elif sign == separator and not depth:
            parts.append(text[start:place].strip())
            start = place + 1
    if depth or quote:
        raise ValueError(f"{text!r}: {'a quote' if quote else 'a parenthesis'} is not closed: expected name(setting=value)")
    return [*parts, text[start:].strip()]


def term(text: str) -> Term:
    """The term that a text is."""
    before, opening, rest = text.strip().partition("(")
    inside, closing, suffix = rest.rpartition(")")
    name, suffix = before.strip(), suffix.strip()
    if not _NAME.fullmatch(name) or (opening and (not closing or not _SUFFIX.fullmatch(suffix))):
        raise ValueError(f"{text!r}: expected a name, or name(setting=value)")
    found: dict[str, str] = {}
    for part in split(inside, ",") if inside.strip() else ():
        key, equals, value = (word.strip() for word in part.partition("="))
        if not equals or not _NAME.fullmatch(key) or not value:
            raise ValueError(f"{text!r}: {part!r}: expected setting=value")
        if key in found:
            raise ValueError(f"{text!r}: {key} is there twice: expected each setting once")
        found[key] = value
    return Term(name, tuple(found.items()), suffix)


def terms(text: str) -> list[Term]:
    """The terms of one expression, between its +."""
    return [term(part) for part in split(text, "+")]


def each(text: str) -> list[str]:
    """The expressions without sweeps that one stands for, the last sweep varying fastest."""
    wholes = [[str(one) for one in _swept(term(part))] for part in split(text, "+")]
    if math.prod(map(len, wholes)) > MOST:
        raise ValueError(f"{text!r}: expected at most {MOST} combinations")
    return ["+".join(chosen) for chosen in itertools.product(*wholes)]


def _swept(whole: Term) -> Iterator[Term]:
    choices = [[(name, value) for value in split(values, "|")] for name, values in whole.settings]
    if not all(value for sweep in choices for _, value in sweep):
        raise ValueError(f"{str(whole)!r}: a value is missing beside |: expected value|value")
    if math.prod(map(len, choices)) > MOST:
        raise ValueError(f"{str(whole)!r}: expected at most {MOST} combinations")
    return (Term(whole.name, settings, whole.suffix) for settings in itertools.product(*choices))


def number(text: str) -> float:
    """A finite number, written as Python writes floats."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{text!r}: expected a finite number")
    return value


def written(value: float) -> str:
    """The number in the shortest form that means it: 50, 0.05, 1e-05."""
    return str(int(value)) if abs(value) < 1e15 and value == int(value) else repr(float(value))


def unquoted(text: str) -> str:
    """The text without the quotes around it."""
    return text[1:-1] if len(text) > 1 and text[0] in "'\"" and text[-1] == text[0] else text


def canonical(name: str, settings: Iterable[tuple[str, str]], suffix: str = "") -> str:
    """The term with its settings sorted by name."""
    return str(Term(name, tuple(sorted(settings)), suffix))


def without_convolution(text: str) -> str:
    """An expression without `-conv` and `conv=...`, for what A is taken from."""
    first, *others = terms(text)
    settings = tuple((name, value) for name, value in first.settings if name != "conv")
    bare = Term(first.name.removesuffix("-conv"), settings, first.suffix.removesuffix("-conv"))
    return "+".join(map(str, [bare, *others]))
