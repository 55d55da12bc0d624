"""Faults planted in how a method learns, and in what it says of itself: the contract catches each."""

from __future__ import annotations

import dataclasses
import random
import threading

import pytest
import torch

import methods
from bench.contract.contract import contract, on_noise
from methods import Applicability
from tests.helpers.planted import MODEL, Honest, Plain, faults, planted


@pytest.mark.parametrize("method", [Honest(), Plain()], ids=["trained", "untrained"])
def test_an_honest_method_has_no_fault(method) -> None:
    found = list(contract(method, whole=False))
    assert [each for each in found if each.fault] == []
    assert len(found) >= 10 + 5 * method.trains and all(each.told or each.note for each in found)


@pytest.mark.parametrize("name", ["clean", "second"])
def test_reads_clean_images(name: str) -> None:
    """Or a second draw: where the batch has none, or where it has one all the same."""

    def needs(self, network, batch):
        return methods.mean_squared(methods.estimate(network, batch.noisy) - getattr(batch, name))

    def looks(self, network, batch):
        other = getattr(batch, name)
        return Honest.loss(self, network, batch) if other is None else needs(self, network, batch)

    declared = "supervised = True" if name == "clean" else 'knows = ("second",)'
    for loss, words in ((needs, f"loss fails without batch.{name}"), (looks, f"the loss depends on batch.{name}")):
        told = faults(planted(Honest, loss=loss))["declared"]
        assert told == f"{words}: expected {declared}, or a loss that does without"
    known = {"supervised": True} if name == "clean" else {"knows": ("second",)}
    assert faults(planted(Honest, loss=needs, **known)) == {}


def test_changes_its_input() -> None:
    found = faults(planted(denoise=lambda self, network, y, model, generator: y.mul_(0.5)))
    assert "denoise wrote to the noisy image" in found["input kept"]

    def loss(self, network, batch):
        batch.noisy.clamp_(0, 255)
        return Honest.loss(self, network, batch)

    assert faults(planted(Honest, loss=loss)) == {"gradient": "loss wrote to batch.noisy: expected it as it was"}

    def denoise(self, network, y, model, generator):
        next(network.parameters()).mul_(1.01)
        return methods.estimate(network, y)

    assert "denoise changed the network's stem.weight" in faults(planted(Honest, denoise=denoise))["input kept"]


@pytest.mark.parametrize("named", [True, False])
def test_shares_a_network_that_learns_something_else(named: bool) -> None:
    """By a setting of the loss that `learns` leaves out; one of `denoise` alone may be."""

    @dataclasses.dataclass(frozen=True)
    class Two(Honest):
        """Has a setting of the loss, and one of the result."""

        size: float = 10.0
        rounds: int = 1

        def learns(self):
            return f"two {self.size if named else ''}"

        def loss(self, network, batch):
            half = batch.noisy + self.size * batch.normal(batch.noisy)
            return methods.mean_squared(methods.estimate(network, half) - batch.noisy)

    told = "the loss depends on size, which learns() leaves out: expected it there, or networks are mixed up"
    assert faults(Two()) == ({} if named else {"shared networks": told})


def test_says_how_gradients_are_allowed_and_where_it_failed() -> None:
    def untaught(self, network, y, model, generator):
        (y.mean() * torch.zeros(())).backward()
        return y

    told = faults(planted(Plain, denoise=untaught))["results"]
    assert "test_faults.py, line" in told and told.endswith("with torch.enable_grad()")
    asked = faults(planted(Plain, denoise=lambda self, network, y, model, generator: network(y)))["results"]
    assert "has no loss" in asked and "test_faults.py, line" in asked


def test_makes_passes_that_no_cost_tells_of() -> None:
    def hidden(self, network, y, model, generator):
        return (methods.estimate(network, y) + methods.estimate(network.forward, y)) / 2

    def told(self, network, y, model, generator):
        return (methods.estimate(network, y) + methods.estimate(network, y.flip(-1)).flip(-1)) / 2

    def loss(self, network, batch):
        return Honest.loss(self, network, batch) + 0 * network.forward(batch.noisy).mean()

    def part(self, network, y, model, generator):
        layer = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)][-1]
        for _ in range(2):
            layer(y.new_zeros(1, layer.in_channels, *y.shape[-2:]))
        return methods.estimate(network, y)

    words = "makes 2 passes of the network, 1 of them as network(...): expected every one so"
    assert faults(planted(Honest, denoise=part)) == {"passes": f"denoise {words.replace('2', '3', 1)}"}
    assert faults(planted(Honest, denoise=hidden)) == {"passes": f"denoise {words}"}
    assert faults(planted(Honest, loss=loss)) == {"passes": f"loss {words}"}
    found = {each.check: each.told for each in on_noise(planted(Honest, denoise=told), [MODEL])}
    assert found["passes"] == "2 at test, 1 in a step"

    def thinned(self, network, batch):
        y = batch.noisy[..., 1::3, 1::3]  # of sides that the network pads
        return methods.mean_squared(methods.estimate(network, y.flip(-1)) - y)

    assert faults(planted(Honest, loss=thinned)) == {}


@pytest.mark.parametrize(
    ("loss", "check", "words"),
    [
        (lambda loss, network: loss.detach(), "gradient", "the loss has no gradient"),
        (lambda loss, network: 0 * loss, "gradient", "the loss has a gradient of 0"),
        (lambda loss, network: loss.expand(3), "gradient", "loss gave a tensor of shape (3,): expected a scalar tensor"),
        (lambda loss, network: float(loss.detach()), "gradient", "loss gave float: expected a scalar tensor"),
        (lambda loss, network: loss / 0, "gradient", "loss gave inf in float32: expected a finite float32"),
        (lambda loss, network: 2 * loss.detach() - loss, "loss falls", "expected it to fall"),
    ],
    ids=["detached", "zero", "no scalar", "number", "infinite", "rises"],
)
def test_a_loss_that_cannot_be_trained(loss, check: str, words: str) -> None:
    method = planted(Honest, loss=lambda self, network, batch: loss(Honest.loss(self, network, batch), network))
    assert words in faults(method)[check]


@dataclasses.dataclass(frozen=True)
class Locked(Plain):
    """Has a setting that belongs to its process."""

    lock: object = dataclasses.field(default_factory=threading.Lock)


def test_settings_that_cannot_be_pickled() -> None:
    found = {each.check: each.fault for each in contract(Locked(), whole=False)}
    assert "its settings cannot be pickled (cannot pickle '_thread.lock' object): expected numbers, text" in found["settings"]


def test_the_gradient_is_taken_by_the_loss() -> None:
    def loss(self, network, batch):
        found = Honest.loss(self, network, batch)
        found.backward(retain_graph=True)
        return found

    assert faults(planted(Honest, loss=loss)) == {
        "gradient": "loss took the gradient itself: expected loss.backward() to be left to the training loop"
    }


def test_leaves_the_network_in_training_mode() -> None:
    def denoise(self, network, y, model, generator):
        return methods.estimate(network.train(), y)

    assert "expected network.eval()" in faults(planted(Honest, denoise=denoise))["input kept"]


@pytest.mark.parametrize("value", [1.0, None], ids=["number", "nothing"])
def test_no_loss_is_told_in_one_line(value: object) -> None:
    found = faults(planted(Honest, loss=lambda self, network, batch: value))
    assert list(found) == ["gradient"] and "expected a scalar tensor" in found["gradient"]


def test_leaving_the_process_is_an_error() -> None:
    def denoise(self, network, y, model, generator):
        raise SystemExit(3)

    assert "SystemExit: 3" in faults(planted(denoise=denoise))["results"]


def test_an_error_is_told_with_its_place() -> None:
    def denoise(self, network, y, model, generator):
        raise RuntimeError("no\nGPU")

    told = faults(planted(denoise=denoise))["results"]
    assert told.startswith("gaussian: RuntimeError: no GPU (test_faults.py, line ") and told.endswith("): expected no error")


def test_answers_that_do_not_fit() -> None:
    class Fickle(Plain):
        """Another answer each time."""

        def applicable(self, model):
            return Applicability("yes", str(random.random()))

    class Nowhere(Plain):
        """Applies nowhere."""

        def applicable(self, model):
            return Applicability("no", "of a test")

    class Indirect(Plain):
        """Never asks for A^-1 y."""

        def applicable(self, model):
            return Applicability("indirect", "of a test")

    for kind, check, words in (
        (Fickle, "applicability", "asked twice about gaussian, it gave two answers"),
        (Nowhere, "simplest noise", "it can be run on no noise model here (of a test)"),
        (Indirect, "applicability", '"indirect" on gaussian, but it does not ask for A^-1 y'),
    ):
        found = {each.check: each.fault for each in contract(kind(), whole=False) if each.fault}
        assert words in found[check]


@pytest.mark.parametrize("reads", ["parameters", "law"])
def test_knows_the_level_without_a_word(reads: str) -> None:
    """By the parameters themselves, or by drawing noise of the law."""

    def level(model, like, generator):
        if reads == "parameters":
            return model.parameters["sigma"]
        return (model.sample(torch.full_like(like, 128), generator) - 128).std()

    def denoise(self, network, y, model, generator):
        return 64 + y / (2 + level(model, y, generator) / 25)

    def loss(self, network, batch):
        half = batch.noisy + level(batch.model, batch.noisy, batch.generator) * batch.normal(batch.noisy)
        return methods.mean_squared(methods.estimate(network, half) - batch.noisy)

    words = 'depends on the noise\'s sigma: expected knows = ("law",), or one that does without'
    assert faults(planted(denoise=denoise)) == {"knowledge": f"the result {words}"}
    assert faults(planted(Honest, loss=loss)) == {"knowledge": f"the loss {words}"}
    for word in ("law", "level"):
        assert faults(planted(denoise=denoise, knows=(word,))) == faults(planted(Honest, loss=loss, knows=(word,))) == {}


@pytest.mark.parametrize("word", ["gain", "kernel"])
def test_knows_the_gain_or_the_kernel_without_a_word(word: str) -> None:
    """Noise of a gain other than 1, and correlated noise, tell: the simplest noise has neither."""

    def read(model):
        if word == "gain":
            return model.mean_gain
        return 1.0 if model.convolution is None else sum(value**2 for row in model.convolution.kernel for value in row)

    def denoise(self, network, y, model, generator):
        return 64 + y / (2 * read(model))

    name = "A" if word == "kernel" else "gain"
    words = f'the result depends on the noise\'s {name}: expected knows = ("{word}",), or one that does without'
    assert faults(planted(denoise=denoise)) == {"knowledge": words}
    assert faults(planted(denoise=denoise, knows=(word,))) == {}


def test_goes_by_the_name_of_a_noise_model() -> None:
    def applicable(self, model):
        return Applicability("yes", "suits it") if model.slug == "poisson" else Applicability("no", "does not suit it")

    found = {each.check: each.fault for each in contract(planted(applicable=applicable), whole=False)}
    assert found["applicability"].startswith("it goes by the name of poisson: expected the same verdict whatever it is called")
