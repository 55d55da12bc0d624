"""The contract of bases of noise: what is right passes, and each fault is found."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from bench.contract.noises import faults
from noise import Base, Parameter


@dataclass(frozen=True)
class Mine(Base):
    """Additive Laplace noise, which is right, to be broken below."""

    size: float
    title = "Laplace"
    parameters = {"size": Parameter(10.0)}  # noqa: RUF012
    signal_dependent = False

    def sample(self, x, generator=None):  # type: ignore[no-untyped-def]
        first, second = torch.rand((2, *x.shape), generator=generator, dtype=x.dtype).clamp(min=1e-12).log()
        return x + self.size * (first - second)

    def variance(self, x):  # type: ignore[no-untyped-def]
        return torch.full_like(x, 2 * self.size**2)

    def stein_kernel(self, x, z):  # type: ignore[no-untyped-def]
        return self.size * (self.size + (z - x).abs())


def score(self, x, z):  # type: ignore[no-untyped-def]
    return 1 / z - z / x**2


def solve(self, z, s):  # type: ignore[no-untyped-def]
    return (z / (1 / z - s)).sqrt()


WRONG = {
    "mean, variance: at 10 the mean is": {"sample": lambda self, x, generator=None: Mine(self.size).sample(x, generator) + 1},
    "mean, variance: at 10 mean() is": {"mean": lambda self, x: x + 1e-3},
    "mean, variance: at 10 the variance": {"variance": lambda self, x: torch.full_like(x, 2.2 * self.size**2)},
    "mean, variance: at 10 mean() is not x, or variance()": {"shot": True},
    "generator: twice": {"sample": lambda self, x, generator=None: Mine(self.size).sample(x)},
    "generator: by generators of two": {"sample": lambda self, x, generator=None: x.clone()},
    "samples: of": {"sample": lambda self, x, generator=None: Mine(self.size).sample(x.float(), generator)},
    "input kept: ": {"sample": lambda self, x, generator=None: x.add_(Mine(self.size).sample(0 * x, generator))},
    "correlation: ": {"sample": lambda self, x, generator=None: x + Mine(self.size).sample(0 * x, generator)[..., :1]},
    "Stein's lemma: at 10": {"stein_kernel": lambda self, x, z: self.size * (2 * self.size + z - x)},
    "split: at 10 the parts": {"split": lambda self, z, share, generator=None: z.clone()},
    "solve: from the score": {"score": score, "solve": lambda self, z, s: 1.001 * solve(self, z, s)},
    "guards: solve gives nan": {"score": score, "solve": solve},
    "score: it is up to": {"score": score, "solve": solve, "log_density": lambda self, x, z: z.log() - 0.51 * (z / x) ** 2},
    "sent and hashed: ": {"__reduce__": None},
}


def test_the_contract_passes_what_is_right() -> None:
    assert faults(Mine) == []


@pytest.mark.parametrize("fault", WRONG)
def test_the_contract_finds_what_is_wrong(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = dict(WRONG[fault])
    if "__reduce__" in changed:
        changed["__reduce__"] = lambda self: (lambda: self, ())
    broken = dataclass(frozen=True)(type("Broken", (Mine,), changed | {"__module__": __name__}))
    if "__reduce__" not in changed:
        monkeypatch.setitem(globals(), "Broken", broken)  # where pickle finds it
    assert any(told.startswith(fault) for told in faults(broken)), faults(broken)
