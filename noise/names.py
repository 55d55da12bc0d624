"""Names: the rows of Table 1, and the nearest of those that are known to one that was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

#: The paper's Table 1, Nos. 1 to 16. A seed may depend on a slug: these never change.
TABLE = (
    *("gaussian", "gaussian-conv", "gaussian-affine", "gaussian-affine-conv"),
    *("gamma", "gamma-conv", "poisson", "poisson-conv", "rayleigh", "rayleigh-conv"),
    *("gamma+gaussian", "gamma-conv+gaussian", "poisson+gaussian", "poisson-conv+gaussian"),
    *("rayleigh+gaussian", "rayleigh-conv+gaussian"),
)


def number_of(slug: str) -> int:
    """The row of Table 1 that has this slug, 1 to 16; 0 where none has."""
    return TABLE.index(slug) + 1 if slug in TABLE else 0


def nearest(name: str, known: Iterable[str]) -> str:
    """ " (nearest: xyz)" for the most similar known name, or "" where none is similar."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.4)
    return f" (nearest: {close[0]})" if close else ""
