"""What a method may ask of a noise model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Traits:
    """What a method may ask of a noise model; applicability is derived from these alone.

    Parameters
    ----------
    additive : bool
        y - x has mean 0 and a known Gaussian law given x.
    signal_dependent : bool
        The law of the noise depends on x (for additive noise: its standard deviation).
    independent : bool
        Given x, the pixels of y are independent.
    unbiased : bool
        E[y | x] = x.
    base_unbiased : bool
        E[N(x)] = x for the noise before A.
    exponential_family : bool
        p(y | x), or that of A^-1 y, has the form of the paper's Eq. 1.
    convolved : bool
        A is there.
    invertible : bool
        A^-1 is of use (also where there is no A).
    gaussian : float
        Standard deviation of the Gaussian noise added to A N(x) (grey levels; 0 for Nos. 1-10 without `extra_sigma`).
    """

    additive: bool
    signal_dependent: bool
    independent: bool
    unbiased: bool
    base_unbiased: bool
    exponential_family: bool
    convolved: bool
    gaussian: float
    invertible: bool = True
