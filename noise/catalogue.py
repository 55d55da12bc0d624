"""The 16 noise models of the paper's Table 1, with its parameters as corrected by its released code, and others composed of the
same parts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from noise import expressions
from noise._finding import Found, find
from noise._outside import FILES, find_packaged
from noise.base import Base
from noise.composition import parsed
from noise.kernels import Rows
from noise.model import NoiseModel
from noise.names import TABLE, nearest

_FOLDER = Path(__file__).parent


def bases() -> dict[str, type[Base]]:
    """The bases of noise, by slug: every module of this folder that is one, then those of installed packages, and of files,
    while `with_files` adds them. What is none is left out; `broken` tells of it.
    """
    return {**find(_FOLDER).bases, **_packaged().bases, **FILES}


def broken() -> dict[str, str]:
    """What `bases` had to leave out, by slug: one line that names the file, or the package, and what is wrong."""
    return find(_FOLDER).broken | _packaged().broken


def _packaged() -> Found:
    here = find(_FOLDER)
    return find_packaged(frozenset(here.bases) | frozenset(here.broken))


def catalogue() -> tuple[NoiseModel, ...]:
    """The 16 noise models with their default parameters, in the order of the paper's Table 1."""
    return tuple(get(slug) for slug in TABLE)


def get(name: int | str, *, kernels: Mapping[str, Rows] | None = None, **parameters: float) -> NoiseModel:
    """A noise model by its number in Table 1 (14 or "14"), its slug ("poisson-conv+gaussian"), or an expression.

    Parameters
    ----------
    name : int or str
        An expression, such as "poisson(lam=0.05)-conv+gaussian(sigma=5)", is named by its canonical form: parameters
        sorted, those at their defaults left out. One that has the parameters of a row of Table 1 is that row.
    kernels : mapping, optional
        Rows of kernels, by the names that expressions have for those that came from files ("kernel-0123456789ab").
    **parameters : float
        Replace the defaults, and what an expression tells; the name stays. They are the keys of the model's `parameters`:
        `sigma` (Gaussian standard deviation, grey levels), `a` and `b` (affine standard deviation a x + b, grey levels),
        `alpha` (Gamma shape, above 1), `lam` (Poisson counts a grey level), `scale` (Rayleigh), `extra_sigma` (standard
        deviation of Gaussian noise added to Nos. 5-10, grey levels). All must be positive; `a` and `extra_sigma` may be 0.

    Raises
    ------
    ValueError
        For an unknown model or parameter (with the nearest valid name), a value out of range, or what is no expression.
    """
    word = str(name).strip()
    if re.fullmatch(r"[1-9]\d?", word, re.ASCII) and int(word) <= len(TABLE):
        word = TABLE[int(word) - 1]
    first = re.match(r"[\w-]*", word)
    if first and (reason := broken().get(first[0].removesuffix("-conv"))):
        raise ValueError(f"noise {word!r}: {reason}")
    if re.fullmatch(r"[\w.+-]*", word) and word not in TABLE and not _is_composed(word):
        raise ValueError(f"unknown noise model {name!r}: expected 1 to 16 or a slug{nearest(word, [*TABLE, *bases()])}")
    composition, told = parsed(word, bases(), kernels)
    return composition.make(composition.slug(told), composition.title(told), told | parameters)


def varied(model: NoiseModel, **parameters: float) -> NoiseModel:
    """The same noise model with some of its parameters replaced. Raises ValueError as `get` does."""
    return get(model.slug, kernels=kernels_of(model), **(model.parameters | parameters))


def kernels_of(model: NoiseModel) -> dict[str, Rows]:
    """The kernel of a model that has one from a file, by its name: what `get` needs beside the slug."""
    told = dict(expressions.terms(model.slug)[0].settings).get("conv", "")
    return {told: model.convolution.kernel} if told.startswith("kernel-") and model.convolution is not None else {}


def _is_composed(word: str) -> bool:
    """Whether a word without parentheses is a kind of noise, convolved or not, with Gaussian noise or not."""
    return word.removesuffix("+gaussian").removesuffix("-conv") in bases()
