"""The methods: one file each, found by being here.

A package of denoisebench.

>>> import methods
>>> methods.get("score-solver").applicable(noise.get(12)).verdict
'yes'
"""

from __future__ import annotations

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
from methods._finding import answers, find
from methods._score import ScoreMethod
from methods._tags import GROUPS, TAGS, chosen, known, tags

__all__ = [
    "GROUPS",
    "KNOWLEDGE",
    "TAGS",
    "Applicability",
    "Batch",
    "Card",
    "Method",
    "Network",
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
    "numbered",
    "tags",
]

#: Methods of the paper come first, in the order of its Table 1, after the noisy input, each with our variants of it behind it;
#: others follow by name.
_FIRST = (
    "noisy", "supervised", "noisier2noise", "neighbor2neighbor", "neighbor2neighbor-unbiased", "noise2score", "score-solver",
    "score-solver-plus",
)  # fmt: skip


@cache
def catalogue() -> dict[str, Method]:
    """All methods with their default settings, by slug: every module of this folder whose name has no leading "_".

    A module that is no method is left out; `broken` tells of it.
    """
    found = find(tuple(__path__)).methods
    order = {slug: index for index, slug in enumerate(_FIRST)}
    return dict(sorted(found.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))


def broken() -> dict[str, str]:
    """The modules of this folder that `catalogue` had to leave out, by slug: one line that names the file and what is wrong."""
    return find(tuple(__path__)).broken


def get(slug: str) -> Method:
    """The method of that slug, with its default settings. Raises KeyError for an unknown one."""
    return catalogue()[slug]
