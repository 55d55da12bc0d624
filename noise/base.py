"""What a base is: the noise N(x) before the convolution A and the Gaussian noise added last; one file each in `noise/`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from types import MappingProxyType
from typing import ClassVar

import torch

#: Sizes of a parameter that is not 0: beyond them, float32 and draws of counts overflow, or nothing is left of the noise.
LEAST, MOST = 1e-9, 1e9


@dataclass(frozen=True)
class Parameter:
    """A parameter of a noise model: its default and its limits.

    Parameters
    ----------
    default : float
    above : float
        What it must exceed.
    below : float
        What it must stay under.
    or_equal : bool
        It may also equal `above`, which leaves its noise out.
    """

    default: float
    above: float = 0.0
    below: float = math.inf
    or_equal: bool = False

    def allows(self, value: object) -> bool:
        """Whether it is a finite number within the limits, and 0 or of a size from `LEAST` to `MOST`."""
        if not isinstance(value, Real) or isinstance(value, bool):
            return False
        if value != 0 and not LEAST <= abs(float(value)) <= MOST:
            return False
        return self.above < float(value) < self.below or (self.or_equal and float(value) == self.above)

    @property
    def limits(self) -> str:
        """What is expected, in words: "above 0, below 1, of a size from 1e-09 to 1e+09"."""
        least = f"{self.above:g} or above" if self.or_equal else f"above {self.above:g}"
        most = "" if self.below == math.inf else f", below {self.below:g}"
        return f"{least}{most}, of a size from {LEAST:g} to {MOST:g}"


@dataclass(frozen=True)
class Base:
    """Base of all bases of noise, z = N(x). A subclass is a frozen dataclass whose fields fix the law p(z | x).

    One file in `noise/` defines one such class with a `title`; the file's name, with "-" for "_", is its slug. Images are
    (..., H, W) tensors of grey levels, float32 or float64, on any device; what comes out is as what goes in.

    A subclass defines `sample` and `variance`. Where the law has a density, it defines `score` and `solve`, and
    `stein_kernel` where that is known: what is not defined is not there, and the methods that need it say so.
    """

    #: For readers: "Gamma".
    title: ClassVar[str]
    #: The parameters of `of`, by name.
    parameters: ClassVar[Mapping[str, Parameter]] = MappingProxyType({})
    slug: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        """Name the base by its file, in whichever process the file is imported."""
        super().__init_subclass__()
        cls.slug = cls.__module__.rpartition(".")[2].replace("_", "-")

    @property
    def formula(self) -> tuple[str, str]:
        """z, and the law in it, for readers: ("η ⊙ x", "η ~ Gamma(α, α)")."""
        return "N(x)", f"N: {self.title}"

    @property
    def independent(self) -> bool:
        """Whether the pixels of z are independent given x."""
        return True

    @property
    def signal_dependent(self) -> bool:
        """Whether the law of z - x depends on x."""
        return True

    @property
    def exponential_family(self) -> bool:
        """Whether p(z | x) has the form of the paper's Eq. 1, so that Tweedie's formula holds."""
        return False

    @property
    def shot(self) -> bool:
        """Whether E[z | x] = x and Var[z | x] = g x, so that `variance` of z has the mean Var[z | x]: noise of counts."""
        return False

    @property
    def proportional(self) -> bool:
        """Whether E[z | x] = g x, g of `mean_gain`."""
        return True

    @property
    def mean_gain(self) -> float:
        """g of E[z | x] = g x; where the mean is not `proportional`, the g that it comes to for bright x."""
        return 1.0

    @property
    def kept(self) -> float:
        """Where noise erases: the share of the values that are x itself, the others being 0. 1: it does not erase."""
        return 1.0

    @classmethod
    def of(cls, **parameters: float) -> Base:
        """The base with these `parameters`; the default takes them for its fields."""
        return cls(**parameters)

    def sample(self, x: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """A draw of z for the clean image x (grey levels, >= 0 where the noise is not additive)."""
        raise NotImplementedError

    def mean(self, x: torch.Tensor) -> torch.Tensor:
        """E[z | x], in grey levels."""
        return self.mean_gain * x

    def variance(self, x: torch.Tensor) -> torch.Tensor:
        """Var[z | x], in squared grey levels."""
        raise NotImplementedError

    def score(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """The gradient of log p(z | x) by z, for x > 0 (per grey level)."""
        raise NotImplementedError(f"{self.slug}: p(z | x) has no score")

    def log_density(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """log p(z | x) up to what does not depend on z: what the contract holds `score` against. It may be left out."""
        raise NotImplementedError

    def solve(self, z: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        """The x with `score(x, z)` = s, guarded where there is none: finite for every finite z and s."""
        raise NotImplementedError(f"{self.slug}: Eq. 7 has no solution")

    def solve_paper(self, z: torch.Tensor, s: torch.Tensor, iterations: int) -> torch.Tensor:
        """The paper's algorithm for that, unguarded, where it has one; the default is `solve`."""
        return self.solve(z, s)

    def split(self, z: torch.Tensor, share: float, generator: torch.Generator | None = None) -> torch.Tensor:
        """z1 with the mean x and independent given x of (z - (1 - share) z1) / share, which has the mean x as well.

        Parameters
        ----------
        share : float
            Of the information that z has, what goes to the other part, in (0, 1).
        """
        raise NotImplementedError(f"{self.slug}: no split into independent parts is known")

    def noise_gain(self, kernel: tuple[tuple[float, ...], ...]) -> float:
        """Standard deviation of A (z - E z) for z - E z of standard deviation 1, A of that kernel."""
        return math.sqrt(sum(value * value for row in kernel for value in row))

    def stein_kernel(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """t(z) with E[(z - E z) f(z) | x] = E[t(z) f'(z) | x] for every smooth f (squared grey levels)."""
        raise NotImplementedError(f"{self.slug}: no kernel for Stein's lemma is known")

    @property
    def additive(self) -> bool:
        """Whether z - x is Gaussian, of mean 0, and A acts on it alone: a subclass of `noise.additive.Additive`."""
        return False

    @property
    def has_score(self) -> bool:
        """Whether p(z | x) has a score, and Eq. 7 a solution."""
        return type(self).score is not Base.score and type(self).solve is not Base.solve

    @property
    def has_split(self) -> bool:
        """Whether z can be split into independent parts."""
        return type(self).split is not Base.split

    @property
    def has_kernel(self) -> bool:
        """Whether noise for Stein's lemma can be drawn."""
        return type(self).stein_kernel is not Base.stein_kernel
