"""Seeds: one hash a purpose, so that no two uses share random numbers and none depends on the order of work."""

from __future__ import annotations

import hashlib

import torch


def seed_of(*purpose: object) -> int:
    """A seed in [0, 2^63) that depends on the words of `purpose` alone."""
    digest = hashlib.sha256("\0".join(str(word) for word in purpose).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator_of(*purpose: object, device: str | torch.device = "cpu") -> torch.Generator:
    """A torch generator on `device`, seeded by `seed_of`."""
    return torch.Generator(device).manual_seed(seed_of(*purpose))
