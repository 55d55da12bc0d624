"""What every method owes, whatever it is: all that `methods/` holds is tested, against all noise models."""

import dataclasses
import random
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import methods
import noise
from bench.contract.training import left_out
from bench.training.networks import UNet
from tests.helpers.quick import quick

METHODS = tuple(methods.catalogue().values())
MODELS = noise.catalogue()
TRAINED = [method for method in METHODS if method.trains]
RUNNABLE = [
    (quick(method), model)
    for method in METHODS
    for model in (MODELS[::5] if method.one_image else MODELS)  # which know nothing of the noise
    if methods.answers(method, model)[0].verdict != "no"
]


def every(things, pairs=False):
    ids = [f"{method.slug}-{model.slug}" for method, model in things] if pairs else [method.slug for method in things]
    return pytest.mark.parametrize("method, model" if pairs else "method", things, ids=ids)


def clean_image(*shape, seed=0):
    return torch.randint(256, shape, generator=torch.Generator().manual_seed(seed)).float()


def as_seen(method, model, x, generator):
    """The law, image and clean image that the harness hands to the method."""
    y = model.sample(x, generator)
    seen = model.decorrelated() if method.wants_decorrelated(model) else None
    return (model, y, x) if seen is None else (seen.model, seen.forward(y), seen.forward_clean(x))


def make_batch(method, model, progress=0.5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    law, y, x = as_seen(method, model, clean_image(3, 3, 16, 16), generator)
    y = y.contiguous(memory_format=torch.channels_last)  # as the training loop hands it over
    second = law.sample(x, generator) if method.pairs else None
    return methods.Batch(y, x if method.supervised else None, law, progress, generator, second)


def global_random_state():
    return torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate()


def forbidden(y):
    raise AssertionError("a method without a loss has no network to call")


@every(METHODS)
def test_describes_itself(method):
    for text in (method.title, method.paper, method.assumptions):
        assert isinstance(text, str) and text.strip()
    assert isinstance(method.supervised, bool) and isinstance(method.in_all, bool)
    assert type(method).__dataclass_params__.frozen
    assert len(type(method).__doc__) > 10 and not type(method).__doc__.startswith(type(method).__name__ + "(")


@every(TRAINED)
def test_networks_are_shared_by_all_that_the_loss_depends_on(method):
    model = next(model for model in MODELS if methods.answers(method, model)[0].verdict != "no")
    assert left_out(method, model) == ""


@every(METHODS)
def test_settings_have_defaults_and_cannot_be_changed(method):
    assert type(method)() == method
    for field in dataclasses.fields(method):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(method, field.name, getattr(method, field.name))


def test_slugs_are_the_names_of_the_files():
    files = {path.stem for path in Path(methods.__file__).parent.glob("*.py") if not path.stem.startswith("_")}
    assert set(methods.catalogue()) == {name.replace("_", "-") for name in files}
    for slug, method in methods.catalogue().items():
        assert slug == method.slug == type(method).__module__.removeprefix("methods.").replace("_", "-")
        assert methods.get(slug) is method


def test_order_is_the_papers_then_by_name():
    first = ["noisy", "supervised", "noisier2noise", "neighbor2neighbor", "noise2score", "score-solver"]
    slugs = list(methods.catalogue())
    behind = {  # each behind the method that it is a variant of, or comes of
        "recorrupted": "noisier2noise", "neighbor2neighbor-unbiased": "neighbor2neighbor", "score-solver-plus": "score-solver",
    }  # fmt: skip
    assert [slug for slug in slugs if slug in first] == first
    assert all(slugs.index(slug) - 1 == slugs.index(other) for slug, other in behind.items())
    rest = [slug for slug in slugs if slug not in (*first, *behind)]
    assert slugs[len(slugs) - len(rest) :] == sorted(rest)


@every(METHODS)
def test_answers_for_all_noise_models(method):
    for model in MODELS:
        answer = method.applicable(model)
        assert answer.verdict in ("yes", "indirect", "infeasible", "no")
        assert isinstance(answer.reason, str) and answer.reason.strip()
        assert answer == method.applicable(model) == type(method)().applicable(noise.get(model.slug))


@every(METHODS)
def test_decorrelation_is_wanted_only_where_it_is_offered(method):
    for model in (*MODELS, noise.get(6, extra_sigma=5)):
        wanted = method.wants_decorrelated(model)
        assert isinstance(wanted, bool)
        assert not wanted or model.decorrelated() is not None
        assert method.applicable(model).verdict != "indirect" or wanted  # "indirect" is: through A^-1 y


@every([pair for pair in RUNNABLE if pair[0].trains], pairs=True)
@pytest.mark.parametrize("progress", [0.0, 0.99])
def test_loss(method, model, progress, tiny_network):
    network = tiny_network()
    batch = make_batch(method, model, progress)
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    noisy, clean = batch.noisy.clone(), None if batch.clean is None else batch.clean.clone()
    before = global_random_state()
    loss = method.loss(network, batch)
    assert loss.shape == () and loss.dtype == torch.float32 and loss.isfinite()
    assert torch.equal(batch.noisy, noisy) and (clean is None or torch.equal(batch.clean, clean))
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())

    loss.backward()
    gradients = [parameter.grad for parameter in network.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
    assert all(gradient.any() for gradient in (network.head[-1].weight.grad, network.stem.weight.grad))
    again = method.loss(network, make_batch(method, model, progress))
    assert torch.equal(again, loss)
    assert global_random_state() == before


@every(TRAINED)
def test_only_supervised_methods_look_at_clean_images(method, tiny_network):
    batch = make_batch(method, MODELS[0])
    other = dataclasses.replace(batch, clean=clean_image(3, 3, 16, 16, seed=5))
    first, second = (
        method.loss(tiny_network(), dataclasses.replace(b, generator=torch.Generator().manual_seed(1))) for b in (batch, other)
    )
    assert torch.equal(first, second) != method.supervised


def leaves(settings):
    """Every dataclass that differs from this one in a single number, dataclasses inside it included."""
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            others = list(leaves(value))
        elif isinstance(value, bool):
            others = [not value]
        elif isinstance(value, int):
            others = [value + 1]
        else:
            others = [0.75 * value or 0.25] if isinstance(value, float) else []
        yield from (dataclasses.replace(settings, **{field.name: other}) for other in others)


@every(TRAINED)
def test_learns_names_every_setting_that_bears_on_the_weights(method, tiny_network):
    assert isinstance(method.learns(), str) and method.learns() == type(method)().learns()
    network = tiny_network()
    for other in leaves(method):
        if other.learns() != method.learns():
            continue  # trained apart: nothing to check
        for model in (MODELS[0], MODELS[5]):  # trained once for both: then the two must be the same training
            if method.applicable(model).verdict != "no":
                assert other.wants_decorrelated(model) == method.wants_decorrelated(model)
                mine, its = (m.loss(network, make_batch(m, model, 0.5)) for m in (method, other))
                assert torch.equal(mine, its), other


def test_methods_that_learn_the_same_compute_the_same_loss(tiny_network):
    network = tiny_network()
    groups = {}
    for method in TRAINED:
        groups.setdefault(method.learns(), []).append(method)
    for first, *others in groups.values():
        for other in others:
            assert other.supervised == first.supervised
            for model in MODELS:
                if "no" not in (first.applicable(model).verdict, other.applicable(model).verdict):
                    assert other.wants_decorrelated(model) == first.wants_decorrelated(model)
                    losses = [m.loss(network, make_batch(m, model)) for m in (first, other)]
                    assert torch.equal(*losses), (first.slug, other.slug)


@every(RUNNABLE, pairs=True)
@pytest.mark.parametrize("size", [(16, 16), (33, 47), (17, 16)], ids=str)
@torch.no_grad()
def test_denoise(method, model, size, tiny_network):
    network = tiny_network().eval() if method.trains else forbidden
    law, y, _ = as_seen(method, model, clean_image(1, 3, *size), torch.Generator().manual_seed(0))
    kept = y.clone()
    before = global_random_state()
    denoised = method.denoise(network, y, law, torch.Generator().manual_seed(1))
    assert denoised.shape == kept.shape and denoised.dtype == torch.float32 and denoised.isfinite().all()
    assert torch.equal(y, kept)
    again = method.denoise(network, kept, law, torch.Generator().manual_seed(1))
    assert torch.equal(again, denoised)
    assert global_random_state() == before


FIRST = list({method.slug: (method, model) for method, model in reversed(RUNNABLE)}.values())[::-1]


@every(FIRST, pairs=True)
def test_grey(method, model):
    """One channel: a loss, and an image, of a network of one channel."""
    network = UNet(4, (1, 2), 1, attention=False, colours=1) if method.trains else forbidden
    law, y, x = as_seen(method, model, clean_image(2, 1, 16, 18), torch.Generator().manual_seed(0))
    if method.trains:
        second = law.sample(x, torch.Generator().manual_seed(2)) if method.pairs else None
        own = torch.Generator().manual_seed(1)
        batch = methods.Batch(
            y[..., :16], x[..., :16] if method.supervised else None, law, 0.5, own, None if second is None else second[..., :16]
        )
        loss = method.loss(network, batch)
        loss.backward()
        assert loss.isfinite() and network.stem.weight.grad is not None
    with torch.no_grad():
        denoised = method.denoise(network, y[:1], law, torch.Generator().manual_seed(1))
    assert denoised.shape == (1, 1, 16, 18) and denoised.dtype == torch.float32 and denoised.isfinite().all()


def add_module(monkeypatch, folder, name, text):
    (folder / f"{name}.py").write_text(text)
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(folder)])
    monkeypatch.delitem(sys.modules, f"methods.{name}", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


MEDIAN = """
from dataclasses import dataclass
from methods import Applicability, Method

@dataclass(frozen=True)
class Median(Method):
    '''The median of 3x3 pixels.'''
    size: int = 3
    title, paper, assumptions = "Median", "none", "none"

    def applicable(self, model):
        return Applicability("yes", "needs nothing")

    def denoise(self, network, y, model, generator):
        return y
"""


def test_new_file_is_found(monkeypatch, tmp_path):
    add_module(monkeypatch, tmp_path, "a_median", MEDIAN)
    found = methods.catalogue.__wrapped__()
    assert "a-median" in found and [slug for slug in found if slug != "a-median"] == list(methods.catalogue())
    assert found["a-median"].slug == "a-median" and not found["a-median"].trains
    del sys.modules["methods.a_median"]


@pytest.mark.parametrize(
    ("text", "number"), [("", 0), ("from methods.noisy import Noisy\n", 0), (MEDIAN + "class Other(Median): ...\n", 2)]
)
def test_file_with_no_method_or_two_is_left_out(monkeypatch, tmp_path, text, number):
    add_module(monkeypatch, tmp_path, "strange", text)
    assert methods.catalogue.__wrapped__() == methods.catalogue()
    (reason,) = methods.broken().values()
    assert re.search(rf"methods/strange\.py: defines {number} subclasses of Method.*: expected exactly one", reason)
    del sys.modules["methods.strange"]


def test_unknown_slug():
    with pytest.raises(KeyError):
        methods.get("neighbour2neighbour")
