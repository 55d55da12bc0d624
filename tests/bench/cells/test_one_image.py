"""Methods on one image: their share of steps, the centre that they are given, and what is told of both."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest
import torch
from PIL import Image

import noise
from bench.cells.centre import centre
from bench.cells.denoising import noisy_image
from bench.commands import estimate
from bench.errors import UsageError
from bench.plan.cells import make_cells, make_jobs
from bench.plan.keys import training_key
from bench.plan.settings import PRESETS, get_preset, in_budget
from bench.runs import store
from bench.runs.notes import notes
from bench.runs.origin import is_of_run
from bench.runs.progress import states
from bench.runs.record import run_record, settings_record
from tests.conftest import TINY
from tests.helpers.stub_methods import do, stub, stub_on_one_image

LIMITED = dataclasses.replace(TINY, one_image_steps=0.1, one_image_crop=16)


@pytest.fixture
def run_of(make_run, with_methods):
    """Makes a run of the noisy input and a method on one image, which returns what it is given or `denoise` of it."""

    def make(preset=LIMITED, noise_=("gaussian",), denoise=None, inverse=False):
        kind = stub_on_one_image(denoise)
        if inverse:
            kind.wants_decorrelated = lambda self, model: True
        with_methods(lonely=kind)
        run = make_run(methods_=("noisy", "lonely"), noise_=noise_, preset=preset)
        chosen = (run.settings.methods[0], in_budget(kind(), preset))
        return dataclasses.replace(run, settings=dataclasses.replace(run.settings, methods=chosen))

    return make


def psnr_of_centre(image, side, slug="gaussian"):
    """By hand: 8 bits, peak 255."""
    clean, noisy = (each.numpy().astype(float) for each in noisy_image(image, noise.get(slug), 0))
    height, width = clean.shape[-2:]
    top, left = (height - side) // 2, (width - side) // 2
    window = np.s_[:, top : top + side, left : left + side]
    error = np.clip(noisy[window], 0, 255).round() - clean[window]
    return 10 * np.log10(255**2 / np.mean(error**2))


def test_scores_are_of_the_centre_of_the_same_noisy_image_and_the_record_says_so(run_of):
    run = run_of()
    records = do(run)
    lonely, noisy = records["gaussian", "lonely", 0], records["gaussian", "noisy", 0]
    assert lonely["one_image"] == {"steps": 3, "share": 0.1, "crop": 16} and noisy["one_image"] is None
    assert lonely["made_of"]["method"]["steps"] == 3
    assert lonely["megapixels"] == pytest.approx(3 * 16**2 / 1e6)
    images = [image for chosen in run.data.test for image in chosen.images]
    found = {(row["dataset"], row["image"]): row for row in lonely["rows"]}
    for image in images:
        row = found[image.dataset, image.name]
        assert row["crop"] == 16 and row["psnr"] == pytest.approx(psnr_of_centre(image, 16), abs=1e-4)
    assert not any("crop" in row for row in noisy["rows"])
    cells = make_cells(run.settings, "images")
    entries = [cell.entry for cell in cells]
    table = store.table(entries, [records[entry.noise, entry.method, entry.seed] for entry in entries])
    assert table.groupby("method")["crop"].unique().map(list).to_dict() == {"lonely": [16], "noisy": [0]}
    assert is_of_run(lonely, run_record(run.settings, run.data, entries, ""))
    shown = states(entries, {entry.name: records[entry.noise, entry.method, entry.seed] for entry in entries}, {})
    assert ["(16x16 crops)" in shown[entry.name].text for entry in entries] == [False, True]


def test_a_centre_that_is_the_whole_image_is_no_crop(run_of):
    records = do(run_of(preset=dataclasses.replace(LIMITED, one_image_crop=35)))
    assert not any("crop" in row for row in records["gaussian", "lonely", 0]["rows"])


def test_what_is_decorrelated_is_the_whole_image(run_of):
    seen = []

    def denoise(network, y, generator):
        seen.append(y[0].clone())
        return y

    run = run_of(noise_=("gamma-conv",), denoise=denoise, inverse=True)
    assert do(run)["gamma-conv", "lonely", 0]["decorrelated"]
    model = noise.get("gamma-conv")
    images = [image for chosen in run.data.test for image in chosen.images]
    for image, given in zip(images, seen, strict=True):
        whole = model.decorrelated().forward(noisy_image(image, model, 0)[1][None])[0]
        top, left = ((size - 16) // 2 for size in whole.shape[-2:])
        assert torch.equal(given, whole[:, top : top + 16, left : left + 16])


def test_pictures_of_all_methods_are_of_one_window(run_of):
    run = run_of()
    records = do(run)
    crops = [records["gaussian", method, 0]["crops"] for method in ("noisy", "lonely")]
    assert len(crops[0]) == 2 and [{**crop, "file": "", "sha256": ""} for crop in crops[0]] == [
        {**crop, "file": "", "sha256": ""} for crop in crops[1]
    ]
    for own, other in zip(*crops, strict=True):  # the method returns its input
        pictures = [np.array(Image.open(run.directory / crop["file"])) for crop in (own, other)]
        assert np.array_equal(*pictures) and pictures[0].shape == (16, 16, 3)
        pixels = next(image for chosen in run.data.test for image in chosen.images if image.dataset == own["dataset"]).pixels
        clean = np.array(Image.open(run.directory / own["clean"]))
        assert np.array_equal(clean, pixels[own["top"] : own["top"] + 16, own["left"] : own["left"] + 16])
        assert hashlib.sha256((run.directory / own["clean"]).read_bytes()).hexdigest() == own["clean_sha256"]


def test_a_reader_is_told_once(run_of):
    run = run_of()
    told = [note for note in notes(run.settings, run.data) if "lonely" in note]
    assert len(told) == 1 and "centre 16x16" in told[0] and "0.1 of their own steps" in told[0]
    unlimited = dataclasses.replace(run.settings, preset=TINY)
    assert not any("lonely" in note for note in notes(unlimited, run.data))


def test_the_estimate_counts_centres_and_steps(run_of):
    calls = []
    run = run_of(denoise=lambda network, y, generator: y)
    (cell,) = [cell for cell in make_cells(run.settings, "images") if cell.entry.method == "lonely"]
    costs = {"lonely": estimate.Cost(0.0, 0.0, 2.0)}
    (job,) = make_jobs([cell])
    assert estimate.job_seconds(job, costs, run.settings, run.data) == 2.0 * 3 * 16**2

    class Counting(type(cell.method)):
        def denoise(self, network, y, model, generator):
            calls.append(self.steps)
            return y

    found, faults = estimate.measure(
        run.settings, run.data, [dataclasses.replace(cell, method=dataclasses.replace(Counting(), steps=10**6))]
    )
    assert not faults and found["lonely"].pixel > 0 and max(calls) <= 1 + estimate.MOST_STEPS  # a million are never run


def test_the_time_of_many_steps_follows_from_a_few():
    tried = []

    def seconds(steps):
        tried.append(steps)
        return 5.0 + 0.25 * steps

    assert estimate._of_steps(seconds, 10**4) == pytest.approx(5.0 + 0.25 * 10**4, rel=1e-12)
    assert max(tried) <= 65 and 0.25 * (max(tried) - 1) > 5.25 / 2  # what is done once does not hide the steps


def test_shares_of_steps():
    kind = stub_on_one_image(steps=1999)
    for name, steps in (("quick", 200), ("small", 1999), ("standard", 1999), ("paper", 1999)):
        assert in_budget(kind(), PRESETS[name]).steps == steps
        assert PRESETS[name].one_image_crop == (128 if name == "quick" else 0)
    assert in_budget(kind(steps=2), PRESETS["quick"]).steps == 1
    other = stub()()
    assert in_budget(other, PRESETS["quick"]) is other


def test_settings_tell_the_limits_where_there_are_some_and_no_training_depends_on_them(make_run):
    limited, free = (make_run(methods_=("noisy", "supervised"), noise_=("gaussian",), preset=p) for p in (LIMITED, TINY))
    fields = settings_record(limited.settings, limited.data)["fields"]
    assert (fields["one_image_steps"], fields["one_image_crop"]) == (0.1, 16)
    assert not {"one_image_steps", "one_image_crop"} & set(settings_record(free.settings, free.data)["fields"])
    keys = {training_key(run.settings, noise.get(1), run.settings.methods[1], 0, "images") for run in (limited, free)}
    assert len(keys) == 1


@pytest.mark.parametrize("words", [["one_image_crop=8"], ["one_image_steps=0"], ["one_image_crop=-1"]])
def test_limits_that_cannot_be(words):
    with pytest.raises(UsageError, match=words[0].partition("=")[0]):
        get_preset("small", words)


def test_centre():
    image = torch.arange(30.0).view(1, 5, 6)
    assert torch.equal(centre(image, 2), image[:, 1:3, 2:4])
    assert torch.equal(centre(image, 5), image[:, :, :5]) and centre(image, 0) is image
