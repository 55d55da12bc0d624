"""Methods on noise beyond Table 1: what each says of it, that it says so by traits alone, and that it runs where it says so."""

from __future__ import annotations

import pytest
import torch

import methods
import noise
from bench.contract import denoising
from bench.contract.samples import make_batch, make_case, small_network
from methods._stabilise import stabiliser
from methods.noisier2noise import Noisier2Noise
from methods.recorrupted import Recorrupted

#: y: yes, i: through A^-1, f: infeasible, .: no. In the order of the bases.
ORDER = ("bernoulli", "rician", "speckle", "log-normal", "uniform", "rows", "rows+gaussian", "bernoulli-conv", "uniform-conv")
VERDICTS = {
    "supervised": "yyyyyyyyy",
    "noisier2noise": "y...yyyii",
    "recorrupted": ".....yy..",
    "neighbor2neighbor": "ffyyyfffi",
    "neighbor2neighbor-unbiased": "y......i.",
    "noise2score": "..yy.....",
    "score-solver": ".yyy.....",
    "score-solver-plus": "..yy.....",
    "noise2noise": "ffyyyyyfi",
    "noise2void": "ffyyyfffi",
    "noise2void-struct": "y....ffi.",
    "nl-ridge": "yfyyyffii",
    "wavelets": "fyyyyfffi",
    "sure": ".....yy..",
    "unsure": ".....ff..",
    "unsure-score": ".........",
}
MODELS = {slug: noise.get(slug) for slug in (*ORDER, "rician+gaussian", "log-normal-conv+gaussian", "rows-conv")}


@pytest.mark.parametrize("slug", VERDICTS)
def test_verdicts(slug: str) -> None:
    letters = {"yes": "y", "indirect": "i", "infeasible": "f", "no": "."}
    found = [methods.answers(methods.get(slug), MODELS[name])[0].verdict for name in ORDER]
    assert "".join(letters[verdict] for verdict in found) == VERDICTS[slug]


@pytest.mark.parametrize("slug", [slug for slug in methods.catalogue() if slug != "noisy"])
def test_a_method_runs_where_it_says_so(slug: str) -> None:
    method = methods.get(slug)
    chosen = ["uniform"] if method.one_image else MODELS  # those ask for no law
    for name in chosen:
        model = MODELS[name]
        if methods.answers(method, model)[0].verdict == "no":
            continue
        case = make_case(method, model, size=(24, 17))
        assert denoising.result(case) == "", name
        if method.trains:
            loss = method.loss(small_network(method), make_batch(method, model))
            assert bool(loss.isfinite()) and loss.requires_grad, name


def flat(level: float, side: int = 64) -> torch.Tensor:
    return torch.full((1, 3, side, side), level)


def given(image):  # type: ignore[no-untyped-def]
    """A network that makes `estimate` give this function of its input."""
    return lambda z: (image(z) - z) / 25


def test_noisier2noise_finds_what_was_erased() -> None:
    """On a flat image E[y | z] is known: level p / (1 + p) where z is 0."""
    model, x = noise.get("bernoulli(keep=0.4)"), flat(120.0, 200)
    y = model.sample(x, torch.Generator().manual_seed(0))
    z = Noisier2Noise()._noisier(y, model, torch.Generator().manual_seed(1))
    assert bool((z[y == 0] == 0).all())
    assert float(y[z == 0].mean()) == pytest.approx(120 * 0.4 / 1.4, rel=0.02)
    assert bool((y[z != 0] == 120).all())
    network = given(lambda z: torch.where(z == 0, 120 * 0.4 / 1.4, z))
    found = Noisier2Noise().denoise(network, y, model, torch.Generator().manual_seed(2))
    torch.testing.assert_close(found, x, rtol=1e-5, atol=0)


def test_noisier2noise_takes_uniform_noise_twice() -> None:
    """Of two draws of one law, each is half of their sum on average: E[y | z] = (x + z) / 2 on a flat image."""
    model, x = noise.get("uniform+gaussian(sigma=3)"), flat(100.0, 200)
    y = model.sample(x, torch.Generator().manual_seed(0))
    z = Noisier2Noise()._noisier(y, model, torch.Generator().manual_seed(1))
    bright = z > 120
    assert float(y[bright].mean()) == pytest.approx(float((100 + z[bright]).mean()) / 2, rel=0.005)
    found = Noisier2Noise().denoise(given(lambda z: (100 + z) / 2), y, model, torch.Generator().manual_seed(2))
    torch.testing.assert_close(found, x, rtol=1e-4, atol=0)


def test_recorrupted_splits_row_noise() -> None:
    model, x = noise.get("rows+gaussian"), torch.full((1, 1, 40_000, 2), 100.0)
    y = model.sample(x, torch.Generator().manual_seed(0))
    first, second = (part - 100 for part in Recorrupted()._split(y, model, torch.Generator().manual_seed(1)))
    products = (first * second).mean(dim=-1).flatten()
    assert abs(float(products.mean())) < 4 * float(products.std()) / len(products) ** 0.5
    assert abs(float((first[..., 0] * second[..., 1]).mean())) < 0.03 * float(first.std() * second.std())


@pytest.mark.parametrize("x", [15.0, 100.0, 240.0])
def test_rician_noise_is_stabilised_and_brought_back_without_bias(x: float) -> None:
    found = stabiliser(noise.get("rician"))
    z = found.forward(noise.get("rician").sample(flat(x, 256), torch.Generator().manual_seed(3)))
    assert float(z.std()) == pytest.approx(found.sigma, rel=0.1 if x < 50 else 0.02)
    assert float(found.backward(z.double().mean())) == pytest.approx(x, abs=0.5)
