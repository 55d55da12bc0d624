"""The methods: one file each, found by being here.

A package of denoisebench.

>>> import methods
>>> methods.get("score-solver").applicable(noise.get(12)).verdict
'yes'
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache

from methods._api import (
    KNOWLEDGE,
    Applicability,
    Batch,
    Method,
    Network,
    Training,
    Verdict,
    derived,
    estimate,
    local_mean,
    mean_squared,
)
from methods._cards import Card, card, numbered
from methods._finding import Found, answers, find, refuse_name
from methods._functions import FunctionMethod, method_of_function
from methods._outside import Origin, absolute, find_packaged, forget_file, load_file, origin
from methods._score import ScoreMethod
from methods._tags import GROUPS, TAGS, chosen, known, tags

__all__ = [
    "GROUPS",
    "KNOWLEDGE",
    "TAGS",
    "Applicability",
    "Batch",
    "Card",
    "FunctionMethod",
    "Method",
    "Network",
    "Origin",
    "ScoreMethod",
    "Training",
    "Verdict",
    "answers",
    "broken",
    "card",
    "catalogue",
    "chosen",
    "derived",
    "estimate",
    "get",
    "known",
    "local_mean",
    "mean_squared",
    "method_of_function",
    "numbered",
    "origin",
    "refuse_name",
    "tags",
    "with_files",
]

#: Methods of the paper come first, in the order of its Table 1, after the noisy input, each with our variants of it, and
#: what comes of it, behind it; others follow by name.
_FIRST = (
    "noisy", "supervised", "noisier2noise", "recorrupted", "neighbor2neighbor", "neighbor2neighbor-unbiased", "noise2score",
    "score-solver", "score-solver-plus",
)  # fmt: skip


@cache
def catalogue() -> dict[str, Method]:
    """All methods with their default settings, by slug: every module of this folder whose name has no leading "_".

    Then those of installed packages, and those of files, while `with_files` adds them. What is no method is left out; `broken`
    tells of it.
    """
    found = find(tuple(__path__)).methods
    order = {slug: index for index, slug in enumerate(_FIRST)}
    own = dict(sorted(found.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))
    return own | _packaged().methods


def broken() -> dict[str, str]:
    """What `catalogue` had to leave out, by slug: one line that names the file, or the package, and what is wrong."""
    return find(tuple(__path__)).broken | _packaged().broken


def get(slug: str) -> Method:
    """The method of that slug, with its default settings. Raises KeyError for an unknown one."""
    return catalogue()[slug]


@contextmanager
def with_files(paths: Iterable[str | os.PathLike[str]]) -> Iterator[None]:
    """Have the methods of these files, wherever they are, in the catalogue meanwhile.

    Raises ValueError, one line, for a file that is no usable method, and for one whose name a method has already.
    """
    added: dict[str, str] = {}
    there = catalogue()
    try:
        for path in dict.fromkeys(absolute(path) for path in paths):
            slug = os.path.basename(path).removesuffix(".py").replace("_", "-")
            if slug in there or slug in broken():
                whose = there.get(slug) and origin(there[slug])
                of = f" of the package {whose.version}" if whose and whose.kind == "package" else ""
                raise ValueError(f"{path}: there is a method {slug!r}{of} already: expected another name of the file")
            there[slug] = load_file(path)
            added[slug] = path
        yield
    finally:
        for slug, path in added.items():
            del there[slug]
            forget_file(path)


def _packaged() -> Found:
    folder = find(tuple(__path__))
    return find_packaged(frozenset(folder.methods) | frozenset(folder.broken))
