"""What every base of noise owes, held against closed forms and against itself: each check with what was found."""

from __future__ import annotations

import math
import pickle
from collections.abc import Iterator

import torch

from bench.contract.contract import Finding, checked
from noise import Base

#: Clean grey levels that noise is tried on.
LEVELS = (10.0, 90.0, 230.0)
#: Draws of a pixel, and how many standard errors a mean may be off (one in 1.7 million by chance).
_DRAWS, _ERRORS = 40_000, 5.0


def contract(kind: type[Base], **parameters: float) -> Iterator[Finding]:
    """Every check of a base with these parameters, and its defaults for the others."""
    values = {name: parameter.default for name, parameter in kind.parameters.items()} | parameters
    base = kind.of(**values)
    yield Finding("registers", told=f"{base.slug}: {base.title}, {base}")
    yield checked("sent and hashed", lambda: _sent(base), told="pickled and read again it is the same")
    yield checked("samples", lambda: _samples(base), told="the image's shape and dtype, for one image and several")
    yield checked("generator", lambda: _generator(base), told="the same numbers by the same seed, no others drawn")
    yield checked("input kept", lambda: _kept(base), told="the clean image is as before")
    yield checked("mean, variance", lambda: _moments(base), told=f"as stated, at {', '.join(f'{x:g}' for x in LEVELS)}")
    told = "none between neighbours" if base.independent else "not asked for"
    yield checked("correlation", lambda: _correlation(base), told=told)
    if base.has_score:
        yield checked("score", lambda: _score(base), told="the derivative of log_density" if _has_density(base) else "finite")
        yield checked("solve", lambda: _solves(base), told="x from the score at x")
        yield checked("guards", lambda: _guards(base), told="finite for scores and images that no law gives")
    if base.has_kernel and not base.additive:
        yield checked("Stein's lemma", lambda: _stein(base), told="E[(z - E z) f(z)] = E[t f'(z)] for f of z and z^2")
    if base.has_split:
        yield checked("split", lambda: _split(base), told="two parts of mean x, not correlated")


def _drawn(base: Base, level: float, shape: tuple[int, ...] = (_DRAWS, 1, 2, 2)) -> tuple[torch.Tensor, torch.Tensor]:
    """Flat images and their noisy ones, float64; each image's noise is its own."""
    x = torch.full(shape, level, dtype=torch.float64)
    return x, base.sample(x, torch.Generator().manual_seed(1))


def _off(values: torch.Tensor, expected: float | torch.Tensor) -> float:
    """How many standard errors the mean of independent values is off."""
    difference = values - expected
    error = float(difference.std()) / math.sqrt(difference.numel())
    mean = abs(float(difference.mean()))
    return mean / error if error > 0 else (0.0 if mean < 1e-9 * (1 + float(values.abs().max())) else math.inf)


def _sent(base: Base) -> str:
    again = pickle.loads(pickle.dumps(base))
    if again != base or hash(again) != hash(base) or again.slug != base.slug:
        return f"pickled and read again it is {again}: expected {base}"
    return ""


def _samples(base: Base) -> str:
    for shape in ((3, 17, 20), (2, 1, 16, 33)):
        for dtype in (torch.float32, torch.float64):
            y = base.sample(torch.full(shape, 50, dtype=dtype), torch.Generator().manual_seed(0))
            if y.shape != shape or y.dtype != dtype or not bool(y.isfinite().all()):
                return f"of {shape} in {dtype} it made {tuple(y.shape)} in {y.dtype}: expected the same, finite"
    return ""


def _generator(base: Base) -> str:
    x, state = torch.full((1, 3, 16, 16), 90.0), torch.get_rng_state()
    first, again, other = (base.sample(x, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    if not torch.equal(first, again):
        return "twice by generators of one seed, it gave two images: expected one"
    if torch.equal(first, other):
        return "by generators of two seeds, it gave the same image: expected another"
    if not torch.equal(state, torch.get_rng_state()):
        return "it drew from the global generator: expected the one that it is given"
    return ""


def _kept(base: Base) -> str:
    x = torch.full((1, 3, 16, 16), 90.0)
    base.sample(x, torch.Generator().manual_seed(0)).add_(1)
    return "" if bool((x == 90).all()) else "the clean image is changed, or part of the result: expected a tensor of its own"


def _moments(base: Base) -> str:
    for level in LEVELS:
        x, y = _drawn(base, level)
        x, y = x[:, 0, 0, 0], y[:, 0, 0, 0]
        mean, variance = base.mean(x), base.variance(x)
        if _off(y, mean) > _ERRORS:
            return f"at {level:g} the mean is {float(y.mean()):.6g}, and mean() says {float(mean[0]):.6g}"
        if base.proportional and not torch.allclose(mean, base.mean_gain * x):
            return f"at {level:g} mean() is {float(mean[0]):.6g}: expected mean_gain * x = {base.mean_gain * level:.6g}"
        if _off((y - mean) ** 2, variance) > _ERRORS:
            return f"at {level:g} the variance is {float(y.var()):.6g}, and variance() says {float(variance[0]):.6g}"
        if base.shot and not (torch.allclose(mean, x) and torch.allclose(base.variance(2 * x), 2 * variance)):
            return f"at {level:g} mean() is not x, or variance() no multiple of it: expected `shot` to be False"
    return ""


def _correlation(base: Base) -> str:
    x, y = _drawn(base, LEVELS[1])
    n = (y - base.mean(x))[:, 0]
    for name, other in (("right", n[:, 0, 1]), ("below", n[:, 1, 0])):
        if base.independent and _off(n[:, 0, 0] * other, 0.0) > _ERRORS:
            return f"the noise of a pixel and that of the one {name} are correlated: expected `independent` to be False"
    return ""


def _points(base: Base) -> tuple[torch.Tensor, torch.Tensor]:
    """Clean values, and noisy ones of theirs."""
    x = torch.linspace(1, 250, 300, dtype=torch.float64).view(1, 1, 15, 20)
    return x, base.sample(x, torch.Generator().manual_seed(2))


def _has_density(base: Base) -> bool:
    return type(base).log_density is not Base.log_density


def _score(base: Base) -> str:
    x, z = _points(base)
    found = base.score(x, z)
    if found.shape != x.shape or (not _has_density(base) and not bool(found.isfinite().all())):
        return f"the score is not finite, or of shape {tuple(found.shape)}: expected {tuple(x.shape)}"
    if not _has_density(base):
        return ""
    z.requires_grad_(True)
    expected = torch.autograd.grad(base.log_density(x, z).sum(), z)[0]
    off = float(((found - expected).abs() / (1e-3 + expected.abs())).max())
    return "" if off < 1e-6 else f"it is up to {off:.2g} (relative) off the derivative of log_density: expected less than 1e-6"


def _solves(base: Base) -> str:
    x, z = _points(base)
    found = base.solve(z, base.score(x, z))
    off = float(((found - x).abs() / x).max())
    return "" if off < 1e-5 else f"from the score at x it finds x up to {off:.2g} (relative) off: expected less than 1e-5"


def _guards(base: Base) -> str:
    for dtype in (torch.float32, torch.float64):
        values = torch.tensor([-1e6, -300.0, -1.0, -1e-3, 0.0, 1e-3, 1.0, 100.0, 300.0, 1e6], dtype=dtype)
        z, s = (each.contiguous() for each in torch.meshgrid(values, values, indexing="ij"))
        found = base.solve(z, s)
        if not bool(found.isfinite().all()):
            at = int((~found.isfinite()).flatten().nonzero()[0])
            return f"solve gives {float(found.flatten()[at])} for z = {z.flatten()[at]:g}, s = {s.flatten()[at]:g} ({dtype})"
    return ""


def _stein(base: Base) -> str:
    for level in LEVELS:
        x, z = (each[:, 0, 0, 0] for each in _drawn(base, level))
        n = z - base.mean(x)
        off = _off(n * n**2 - 2 * base.stein_kernel(x, z) * n, 0.0)
        direct = _off(n**2 - base.stein_kernel(x, z), 0.0)
        if max(off, direct) > _ERRORS:
            return (
                f"at {level:g} it does not hold for f = {'n' if direct > _ERRORS else 'n^2'} (by {max(off, direct):.3g} errors)"
            )
    return ""


def _split(base: Base) -> str:
    share = 0.2
    for level in LEVELS:
        x, z = (each[:, 0, 0, 0] for each in _drawn(base, level))
        first = base.split(z, share, torch.Generator().manual_seed(3))
        second = (z - (1 - share) * first) / share
        for part in (first, second):
            if _off(part, base.mean(x)) > _ERRORS:
                return f"at {level:g} a part has the mean {float(part.mean()):.6g}: expected {float(base.mean(x)[0]):.6g}"
        if _off((first - base.mean(x)) * (second - base.mean(x)), 0.0) > _ERRORS:
            return f"at {level:g} the parts are correlated: expected independent ones"
    return ""


def faults(kind: type[Base], **parameters: float) -> list[str]:
    """The faults of a base, each a sentence; none for one that keeps the contract."""
    return [f"{found.check}: {found.fault}" for found in contract(kind, **parameters) if found.fault]
