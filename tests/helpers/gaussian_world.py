"""A world in which posterior means, scores and losses have closed forms, for the tests of methods."""

import torch

import noise
from methods import Batch

#: The Gaussian world: x ~ N(MEAN, SPREAD^2) in each pixel, y = x + N(0, SIGMA^2).
MEAN, SPREAD, SIGMA = 120.0, 40.0, 25.0


def gaussian_world(shape, seeded, seed=0):
    """x and y in float64."""
    generator = seeded(seed)
    x = MEAN + SPREAD * torch.randn(shape, generator=generator, dtype=torch.float64)
    return x, x + SIGMA * torch.randn(shape, generator=generator, dtype=torch.float64)


def batch_of(y, generator, progress=0.5, model=None, clean=None):
    return Batch(y, clean, model or noise.get(1), progress, generator)
