"""The methods: one file each, found by being here.

A package of denoisebench.

>>> import methods
>>> methods.get("score-solver").applicable(noise.get(12)).verdict
'yes'
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from methods._api import Applicability, Batch, Method, Network, Verdict, estimate, mean_squared
from methods._score import ScoreMethod

__all__ = [
    "Applicability",
    "Batch",
    "Method",
    "Network",
    "ScoreMethod",
    "Verdict",
    "catalogue",
    "estimate",
    "get",
    "mean_squared",
]

#: Methods of the paper come first, in the order of its Table 1, after the noisy input; then ours; others follow by name.
_FIRST = ("noisy", "supervised", "noisier2noise", "neighbor2neighbor", "noise2score", "score-solver", "score-solver-plus")


@cache
def catalogue() -> dict[str, Method]:
    """All methods with their default settings, by slug: every module of this folder whose name has no leading "_".

    Raises
    ------
    TypeError
        If a module does not define exactly one subclass of `Method`.
    """
    found = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("_"):
            continue
        names = vars(importlib.import_module(f"{__name__}.{module.name}")).values()
        own = [
            kind
            for kind in names
            if isinstance(kind, type) and issubclass(kind, Method) and kind.__module__ == f"{__name__}.{module.name}"
        ]
        if len(own) != 1:
            raise TypeError(f"methods/{module.name}.py defines {len(own)} subclasses of Method: expected exactly one")
        found[own[0].slug] = own[0]()
    order = {slug: index for index, slug in enumerate(_FIRST)}
    return dict(sorted(found.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))


def get(slug: str) -> Method:
    """The method of that slug, with its default settings. Raises KeyError for an unknown one."""
    return catalogue()[slug]
