"""Faults planted in how a method denoises: the contract catches each, by the check that is for it."""

from __future__ import annotations

import gc
import os
import random

import numpy as np
import pytest
import torch

import methods
from bench.contract import denoising
from bench.contract.contract import on_noise, through_the_harness
from bench.contract.samples import make_case, unseen
from noise import shared
from tests.helpers.planted import MODEL, Honest, Plain, faults, planted


def test_depends_on_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    # grey levels that no two processes share
    method = planted(denoise=lambda self, network, y, model, generator: y / 2 + os.getpid() / 1000)
    other = os.getpid() + 1

    def elsewhere(method):
        def ask():
            with monkeypatch.context() as patched:
                patched.setattr(os, "getpid", lambda: other)
                return denoising.denoised(unseen(method, MODEL)).numpy()

        return ask

    assert "another worker's result differs by" in denoising.same_elsewhere(unseen(method, MODEL), elsewhere(method))
    assert denoising.same_elsewhere(unseen(Plain(), MODEL), elsewhere(Plain())) == ""


def test_depends_on_what_ran_before() -> None:
    count = [0]

    def denoise(self, network, y, model, generator):
        count[0] += 1
        return y / 2 + count[0]

    found = faults(planted(denoise=denoise))
    assert list(found) == ["after other images"] and "by 3 grey levels: expected an equal one" in found["after other images"]


def test_answers_with_what_it_made_of_an_earlier_image() -> None:
    results = {}
    found = faults(planted(denoise=lambda self, network, y, model, generator: results.setdefault(y.shape, y / 2)))
    assert "two images of one size gave one result" in found["after other images"]


@pytest.mark.parametrize("filled", ["value", "input"])
def test_leaves_the_edge_of_odd_sizes(filled: str) -> None:
    def denoise(self, network, y, model, generator):
        result = torch.zeros_like(y) if filled == "value" else y.clone()
        height, width = (size - size % 8 for size in y.shape[-2:])
        result[..., :height, :width] = y[..., :height, :width] / 2
        return result

    words = {"value": "the last row of 33x47 is one value, 0", "input": "the last row of 33x47 is the input's"}[filled]
    assert faults(planted(denoise=denoise)) == {"odd sizes": f"{words}: expected it denoised as the rest"}


@pytest.mark.parametrize("crash", [False, True])
def test_ignores_odd_sizes(crash: bool) -> None:
    def denoise(self, network, y, model, generator):
        height, width = (size - size % 2 for size in y.shape[-2:])
        other = y if crash else y[..., :height, :width]
        small = other[..., ::2, ::2] + other[..., 1::2, 1::2]
        return torch.nn.functional.interpolate(small / 2, scale_factor=2)

    found = faults(planted(denoise=denoise))
    assert list(found) == ["odd sizes"]
    assert ("RuntimeError" if crash else "(1, 3, 32, 46): expected (1, 3, 33, 47)") in found["odd sizes"]


def test_returns_the_input() -> None:
    method = planted(denoise=lambda self, network, y, model, generator: y)
    assert faults(method) == {"another image": "denoise gave its input: expected another image"}


def test_does_not_beat_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.contract import contract as module

    monkeypatch.setattr(module, "elsewhere", lambda method, model: lambda: denoising.denoised(unseen(method, model)).numpy())
    worse = planted(denoise=lambda self, network, y, model, generator: y + 1)
    better = planted(denoise=lambda self, network, y, model, generator: torch.nn.functional.avg_pool2d(y, 3, 1, 1))
    found = {each.check: each for each in through_the_harness(worse, MODEL)}
    assert "dB, on gaussian by the quick preset: expected more than the input" in found["beats the input"].fault
    found = {each.check: each for each in through_the_harness(better, MODEL)}
    assert not any(each.fault for each in found.values()) and "no training" in found["cost"].told


def test_trains_on_the_image_and_does_not_say_so() -> None:
    def denoise(self, network, y, model, generator):
        weight = torch.full((3, 3, 3, 3), 1 / 27, requires_grad=True)
        with torch.enable_grad():
            loss = (torch.nn.functional.conv2d(y, weight, padding=1) - y).square().mean()
        (slope,) = torch.autograd.grad(loss, weight)
        return torch.nn.functional.conv2d(y, weight - 1e-6 * slope, padding=1).detach()

    notes = {found.check: found.note for found in on_noise(planted(denoise=denoise), [MODEL]) if found.note}
    assert "one_image = True" in notes["learns"]
    assert not any(found.check == "learns" for found in on_noise(Honest(), [MODEL]))


KEPT = {
    "itself": lambda y: y,
    "copy": lambda y: y.clone(),
    "array": lambda y: y.numpy().copy(),
    "scaled": lambda y: {"image": y[0].permute(1, 2, 0).numpy() / 255},
    "bytes": lambda y: y.numpy().tobytes(),
    "wider bytes": lambda y: y.double().numpy().tobytes(),
    "stored bytes": lambda y: y.clamp(0, 255).byte().numpy().tobytes(),
    "lists": lambda y: y.tolist(),
    "channel": lambda y: y[:, 1].clone(),
    "mean": lambda y: y.mean(dim=1),
}


@pytest.mark.parametrize("how", KEPT)
def test_keeps_a_test_image(how: str) -> None:
    kept = []

    def denoise(self, network, y, model, generator):
        kept[:] = [KEPT[how](y)]
        return y / 2

    assert faults(planted(denoise=denoise)) == {"nothing kept": denoising._KEPT}

    def function(image):
        kept[:] = [image]
        return image / 2

    assert faults(methods.method_of_function(function, "mine", __name__)) == {"nothing kept": denoising._KEPT}
    assert faults(methods.method_of_function(lambda image: image / 2, "mine", __name__)) == {}


STATES = {
    "torch's default dtype": lambda: torch.set_default_dtype(
        torch.float64 if torch.get_default_dtype() == torch.float32 else torch.float32
    ),
    "torch's number of threads": lambda: torch.set_num_threads(3 - torch.get_num_threads()),
    "whether gradients are recorded": lambda: torch.set_grad_enabled(not torch.is_grad_enabled()),
    "torch's deterministic mode": lambda: torch.use_deterministic_algorithms(not torch.are_deterministic_algorithms_enabled()),
    "torch's precision of float32 products": lambda: torch.set_float32_matmul_precision(
        "high" if torch.get_float32_matmul_precision() == "highest" else "highest"
    ),
    "torch's flushing of denormal numbers": lambda: torch.set_flush_denormal(not shared._flushes()),
    "NumPy's treatment of errors": lambda: np.seterr(all="raise" if np.geterr()["divide"] == "warn" else "warn"),
    "torch's global generator": lambda: torch.rand(1),
    "NumPy's global generator": lambda: np.random.random(),
    "Python's global generator": lambda: random.random(),
}


@pytest.mark.parametrize("name", STATES)
def test_changes_global_state(name: str) -> None:
    def denoise(self, network, y, model, generator):
        STATES[name]()
        return (y / 2).float()

    def loss(self, network, batch):
        STATES[name]()
        return Honest.loss(self, network, batch).float()

    before = torch.get_default_dtype(), torch.get_num_threads(), np.geterr()
    told = denoising.globals_as_before(make_case(planted(denoise=denoise), MODEL))
    assert told.startswith(f"{name} changed: expected what all methods share as it was")
    assert (torch.get_default_dtype(), torch.get_num_threads(), np.geterr()) == before
    if "generator" in name:
        assert name in faults(planted(Honest, loss=loss))["repeatable loss"]


#: As a method would that is the first to say so, and says the same each time.
LASTING = {
    "torch's default dtype": lambda: torch.set_default_dtype(torch.float64),
    "torch's number of threads": lambda: torch.set_num_threads(3),
    "whether gradients are recorded": lambda: torch.set_grad_enabled(True),
    "torch's detection of anomalies": lambda: torch.autograd.set_detect_anomaly(True),
    "cuDNN's benchmark mode": lambda: setattr(torch.backends.cudnn, "benchmark", True),
    "NumPy's treatment of errors": lambda: np.seterr(all="raise"),
    "the collection of garbage": gc.disable,
    "the working directory": lambda: os.chdir("/"),
}


@pytest.mark.parametrize("name", LASTING)
def test_changes_global_state_once_and_for_all(name: str) -> None:
    def denoise(self, network, y, model, generator):
        LASTING[name]()
        return (y / 2).float()

    before = shared.states()
    found = faults(planted(denoise=denoise))
    assert list(found) == ["global state"] and found["global state"].startswith(f"{name} changed: expected")
    assert shared.states() == before


def test_a_function_may_draw_from_global_generators() -> None:
    method = methods.method_of_function(lambda image: image + np.random.normal(size=image.shape), "mine", __name__)
    notes = {found.check: found.note for found in on_noise(method, [MODEL]) if found.note}
    assert faults(method) == {} and "the suite seeds for each image" in notes["global state"]


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (lambda y: y.double() / 2, "denoise gave float64: expected float32"),
        (lambda y: y.mean(dim=1, keepdim=True), "denoise gave an image of shape (1, 1, 32, 32): expected (1, 3, 32, 32)"),
        (lambda y: y[0] / 2, "denoise gave an image of shape (3, 32, 32): expected (1, 3, 32, 32)"),
        (lambda y: torch.where(y > 230, torch.inf, y), "values that denoise gave are not finite: expected finite ones"),
        (lambda y: y / 2 + torch.nan, "3072 of 3072 values that denoise gave are not finite"),
        (lambda y: None, "denoise gave NoneType: expected a tensor"),
        (lambda y: y.clamp(0, 255) / 255, "denoise gave values from 0 to 1: expected grey levels, nominally 0 to 255"),
    ],
    ids=["wrong dtype", "wrong channel count", "no batch", "infinite", "nan", "nothing", "scaled"],
)
def test_no_image_as_expected(result, words: str) -> None:
    found = faults(planted(denoise=lambda self, network, y, model, generator: result(y)))
    assert list(found) == ["results"] and words in found["results"]
