"""Shared by all tests: one thread, a seeded generator, a small network, a run of random images in seconds, a browser."""

import shutil

import numpy as np
import pytest
import torch

import methods
from bench.data.sets import Data, Image, ImageSet
from bench.plan.recipes import method_of, model_of, models_of
from bench.plan.settings import Preset, Settings, in_budget
from bench.runs.inputs import Run
from bench.training.networks import UNet
from tests.helpers.http_server import serve
from tests.helpers.quick import quick

#: A run of a few steps of a network of a few parameters.
TINY = Preset(
    channels=4, multipliers=(1, 2), blocks=1, attention=False,
    steps=3, patches=2, patch=16, learning_rate=1e-3, warmup=1, ema=0.5, checks=2, crops=1,
    validation_images=1, validation_crop=0,
)  # fmt: skip

#: What a run of the tests has unless told otherwise: the paper's methods, our variants of them, and one that learns from pairs.
USUAL = (
    "noisy", "supervised", "noisier2noise", "neighbor2neighbor", "neighbor2neighbor-unbiased", "noise2score", "score-solver",
    "score-solver-plus", "noise2noise",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    """Tests that drive a browser are slow; files with slow tests come first, the longest before all others.

    So two processes that take a file at a time end together.
    """
    seconds = {item.path: {} for item in items}
    for item in items:
        if "browser" in item.fixturenames and item.get_closest_marker("slow") is None:
            item.add_marker(pytest.mark.slow)
        mark = item.get_closest_marker("slow")
        if mark is not None:
            seconds[item.path][id(mark)] = mark.args[0] if mark.args else 2
    items.sort(key=lambda item: -sum(seconds[item.path].values()))


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Sums in one order, and no more cores than asked for."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def same_numbers():
    """Tests that draw from torch's global generator draw the same each time."""
    torch.manual_seed(0)


@pytest.fixture
def seeded():
    """Makes a generator with that seed."""
    return lambda seed: torch.Generator().manual_seed(seed)


@pytest.fixture
def tiny_network(seeded):
    """Makes a small U-Net whose output is not 0: all weights are disturbed."""

    def make(seed=0, channels=8, multipliers=(1, 2), blocks=1, attention=True):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = UNet(channels, multipliers, blocks, attention)
        generator = seeded(seed)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter += 0.05 * torch.randn(parameter.shape, generator=generator)
        return network

    return make


@pytest.fixture
def random_images():
    """Makes a tuple of images of random pixels, that differ between data sets and names."""

    def make(dataset, names, height=24, width=20, low=0):
        def pixels(name):
            seed = sum(map(ord, dataset + name)) + height * width
            return np.random.default_rng(seed).integers(low, 256, (height, width, 3), dtype=np.uint8)

        return tuple(Image(dataset, name, pixels(name)) for name in names)

    return make


@pytest.fixture
def make_settings():
    """Makes the settings of a run, tiny and of the usual methods on all noise models unless told otherwise."""

    def make(preset=TINY, methods_=None, noise_=None, seeds=1, device="cpu", recipe="best", threads=1, equal="compute"):
        slugs = USUAL if methods_ is None else methods_
        chosen = tuple(in_budget(quick(method_of(slug, recipe)), preset) for slug in slugs)
        models = models_of(recipe) if noise_ is None else tuple(model_of(slug, recipe) for slug in noise_)
        return Settings("tiny", preset, recipe, equal, "random", seeds, device, threads, chosen, models)

    return make


@pytest.fixture
def make_run(tmp_path, random_images, make_settings):
    """Makes a run with two test sets, one training and one validation set of random pixels."""

    def make(directory=tmp_path / "run", **settings):
        def image_set(name, role, images):
            return ImageSet(name, role, images, len(images), None, name)

        tests = (
            image_set("odd", "test", random_images("odd", ("a", "b"), 33, 35)),
            image_set("even", "test", random_images("even", ("a",), 32, 32)),
        )
        training = image_set("train", "training", random_images("train", ("p", "q"), 40, 36))
        validation = image_set("train", "validation", random_images("train", ("v",), 32, 32))
        return Run(directory, make_settings(**settings), Data(tests, (training,), validation, "random pixels"))

    return make


@pytest.fixture
def with_methods(monkeypatch):
    """Adds methods to the catalogue for one test."""

    def add(**kinds):
        found = dict(methods.catalogue())
        for name, kind in kinds.items():
            kind.slug = name
            found[name] = kind()
        monkeypatch.setattr(methods, "catalogue", lambda: found)

    return add


@pytest.fixture
def server():
    """A web server on this machine that answers as a test tells it to."""
    running, stop = serve()
    yield running
    stop()


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window. Skips where it or Playwright is not installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright for Python is not installed")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("no Chromium on the path")
    arguments = (
        *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
        *("--disable-component-update", "--disable-sync"),
    )
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=list(arguments))
        yield chromium
        chromium.close()
