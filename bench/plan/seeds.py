"""Seeds: one hash a purpose, so that no two uses share random numbers and none depends on the order of work."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def seed_of(*purpose: object) -> int:
    """A seed in [0, 2^63) that depends on the words of `purpose` alone."""
    digest = hashlib.sha256("\0".join(str(word) for word in purpose).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator_of(*purpose: object, device: str | torch.device = "cpu") -> torch.Generator:
    """A torch generator on `device`, seeded by `seed_of`."""
    return torch.Generator(device).manual_seed(seed_of(*purpose))


def seed_globals(*purpose: object) -> None:
    """Seed the global generators of torch, NumPy and Python by `seed_of`.

    The suite draws from none of them. A method that does is reproducible all the same, whatever ran before in its process.
    """
    seed = seed_of("global", *purpose)
    torch.default_generator.manual_seed(seed)  # torch.manual_seed also looks for other devices, for a hundred times as long
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


@contextmanager
def globals_kept() -> Iterator[None]:
    """Put back at the end the states of these generators, and what a method may set for its whole process.

    What comes next is to begin as it would alone.
    """
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    kind, threads, grad, errors = torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled(), np.geterr()
    try:
        yield
    finally:
        torch.set_default_dtype(kind)
        torch.set_num_threads(threads)
        torch.set_grad_enabled(grad)
        np.seterr(**errors)
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])
        random.setstate(states[2])
