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
        The law of the noise y - x, or that before A, depends on x (for additive noise: its standard deviation).
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
    base_independent : bool
        Given x, the pixels of N(x) are independent.
    proportional : bool
        E[N(x)] = g x with a known g.
    score : bool
        p(y | x) has a score, and Eq. 7 a solution (for a mixture as the paper's Algorithm 5 has it).
    kernel : bool
        Noise for Stein's lemma can be drawn.
    splits : bool
        N(x), seen through A^-1 where A is there, can be split into two parts that are independent given x.
    erasing : bool
        Values of N(x) are 0 by chance, and x else; nothing is added to them.
    shot : bool
        E[N(x)] = x and Var[N(x)] = g x, so that N(x) tells its variance without bias.
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
    base_independent: bool = True
    proportional: bool = True
    score: bool = True
    kernel: bool = True
    splits: bool = False
    erasing: bool = False
    shot: bool = False
