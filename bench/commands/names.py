"""Which methods and noise models the words on the command line name."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import methods
import noise
from bench.data.measured import NAME, NOISY, find_measured
from bench.errors import UsageError, one_line
from bench.plan.measured import measured, measured_of
from bench.plan.recipes import model_of, models_of, named_method
from noise import expressions
from noise.names import TABLE, nearest

#: What `--methods` takes.
METHODS_HELP = (
    "slugs, with settings or without (neighbor2neighbor(gamma=1)), tags (knows:nothing, learns:image; `list methods` shows "
    f"them) and groups ({'; '.join(f'{name}: {words}' for name, words in methods.GROUPS.items())}); "
    "the noisy input is always there"
)

#: The word of `--noise` for all sets of measured noise.
REAL = "real"
#: Sets that a refusal names, at most.
MOST = 12
#: What `--noise` takes.
NOISE_HELP = (
    "noise models by number, range, slug or expression, such as gaussian(sigma=15|50), docs/noise.md has the grammar; sets of "
    "measured noise by name, or real for all of them, docs/measured-noise.md"
)


def parse_methods(text: str, recipe: str = "best") -> tuple[methods.Method, ...]:
    """The methods of `parse_variants`, without their names."""
    return tuple(parse_variants(text, recipe).values())


def parse_variants(text: str, recipe: str = "best") -> dict[str, methods.Method]:
    """The methods that slugs, with settings or without, groups and tags stand for, by name; `noisy` always among them.

    In the catalogue's order; of one method as they are given, each once. Raises UsageError.
    """
    there = methods.catalogue()
    expected = f"expected {', '.join(methods.GROUPS)}, a tag such as knows:nothing, or of {', '.join(there)}"
    words = [each for word in expressions_of("--methods", text) for each in _each_method(word)]
    if not words:
        raise UsageError(f"--methods {text!r} names no method: {expected}")
    for whole in words:
        word = whole.partition("(")[0].strip()
        if word in methods.TAGS and not any(word in methods.tags(method) for method in there.values()):
            raise UsageError(f"--methods {word!r}: no method has this tag: {expected}")
        known = (*there, *methods.GROUPS, *methods.TAGS)
        if word not in known and (reason := _broken(word)):
            raise UsageError(f"method {word!r}: {reason}")
        if word not in known:
            raise UsageError(f"unknown method {word!r}{_by_file(word) or nearest(word, known)}: {expected}")
    plain = methods.chosen([word for word in words if "(" not in word], there)
    named = [named_method(word, recipe) for word in (*plain, *(word for word in words if "(" in word))]
    order = list(there)
    return dict(sorted(named, key=lambda pair: order.index(pair[1].slug)))


def expressions_of(option: str, text: str) -> list[str]:
    """The words of a list, whose commas inside of parentheses are theirs. Raises UsageError."""
    try:
        return [word for word in expressions.split(text, ",") if word]
    except ValueError as error:
        raise UsageError(f"{option} {one_line(error)}") from None


def _each_method(word: str) -> list[str]:
    """The words without sweeps that one stands for. Raises UsageError."""
    name = word.partition("(")[0].strip()
    if name != word and (name in methods.GROUPS or name in methods.TAGS):
        raise UsageError(f"--methods {word!r}: {name} stands for several methods: expected settings of one")
    try:
        return expressions.each(word) if "(" in word else [word]
    except ValueError as error:
        raise UsageError(f"--methods {one_line(error)}") from None


def _by_file(word: str) -> str:
    """That there is a file of that name, which nobody has asked for; "" where there is none."""
    file = f"{word.replace('-', '_')}.py"
    return f" (--method-file {file} would bring it)" if os.path.isfile(file) else ""  # of names of any length


def _broken(word: str) -> str:
    """What is wrong with the file of a method of that name, in any case and with - or _; "" where there is no such file."""
    reasons = {slug.casefold(): reason for slug, reason in methods.broken().items()}
    return reasons.get(word.casefold().replace("_", "-"), "")


def parse_noise(text: str, recipe: str = "best", sets: Sequence[str] = ()) -> tuple[noise.NoiseModel, ...]:
    """Noise models, each once: those of Table 1 in its order, then the others as they are given. Raises UsageError.

    `sets` are the sets of measured noise that there are, which come after all models of noise of the same name.
    """
    chosen: dict[str, noise.NoiseModel] = {}
    for word in expressions_of("--noise", text) or [""]:
        if word == "all":
            chosen |= {model.slug: model for model in models_of(recipe)}
        elif word == REAL:
            if not sets:
                raise UsageError(f"--noise {word}: there is no set of measured noise: expected DIR/<set>/noisy/ in --data DIR")
            for name in sets:
                _refuse_name(name, REAL)
            chosen |= {name: measured(name) for name in sets}
        elif word in sets and not NAME.fullmatch(word):
            _refuse_name(word, word)
        elif (row := measured_of(word, [name for name in sets if name not in noise.bases()])) is not None:
            chosen[row.slug] = row
        elif match := re.fullmatch(r"(\d{1,9})-(\d{1,9})", word):
            first, last = int(match[1]), int(match[2])
            if not 1 <= first <= last <= 16:
                raise UsageError(f"--noise {word!r}: expected a range within 1-16")
            models = [model_of(number, recipe) for number in range(first, last + 1)]
            chosen |= {model.slug: model for model in models}
        else:
            try:
                models = [model_of(each, recipe) for each in (expressions.each(word) if "(" in word else [word])]
            except ValueError as error:
                known = f"; or of the sets {', '.join(sets[:MOST])}{' ...' * (len(sets) > MOST)}" if sets else ""
                raise UsageError(f"--noise {text!r}: {one_line(error)}{known}") from None
            chosen |= {model.slug: model for model in models}
    return tuple(sorted(chosen.values(), key=lambda model: model.number or math.inf))


def parse_rows(text: str, recipe: str, source: str) -> tuple[noise.NoiseModel, ...]:
    """`parse_noise` with the sets of measured noise in a folder of data sets. Raises UsageError."""
    sets = find_measured(source)
    try:
        return parse_noise(text, recipe, tuple(sets))
    except UsageError:
        for word in expressions_of("--noise", text):
            folder = Path(source).expanduser() / word
            if NAME.fullmatch(word) and word not in sets and word not in noise.bases() and folder.is_dir():
                raise UsageError(
                    f"--noise {word!r}: {one_line(folder)} is no set of measured noise: expected images in {NOISY}/ there"
                ) from None
        raise


def _refuse_name(name: str, asked: str) -> None:
    """Raise UsageError for a set of measured noise whose name can be none of a row: it is no plain word, or means something."""
    if not NAME.fullmatch(name):
        raise UsageError(f"--noise {asked}: the set {name!r} is no row: expected a name of at most 40 of a-z, 0-9, _ and -")
    if name in noise.bases() or name in TABLE or name in ("all", REAL) or re.fullmatch(r"\d+(-\d+)?", name):
        raise UsageError(
            f"--noise {asked}: the set {name!r} is called as something else that --noise takes: expected another name"
        )


@contextmanager
def from_files(paths: Iterable[Path], noise_paths: Iterable[Path] = ()) -> Iterator[None]:
    """Have `--method-file` and `--noise-file` add methods, and bases of noise, to those that are known meanwhile.

    Raises UsageError for a file without a usable one.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(noise.with_files(noise_paths))
            stack.enter_context(methods.with_files(paths))
        except ValueError as error:
            raise UsageError(one_line(error)) from None
        yield
