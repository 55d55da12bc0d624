"""Doing a job in this process: complete records, shared weights, faults that stay with their cell, test noise."""

import math
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

import methods
import noise
from bench.cells.crops import CROP, detailed_window
from bench.cells.denoising import noisy_image, validation_psnr
from bench.plan.cells import make_cells
from bench.plan.seeds import generator_of
from bench.training.patches import as_tensor
from tests.helpers.stub_methods import do, raising, stub

IMAGES = [("odd", "a"), ("odd", "b"), ("even", "a")]
RECORD = {
    "schema", "noise_no", "noise", "method", "seed", "status", "applicability", "reason", "decorrelated", "training",
    "denoise_seconds", "megapixels", "seconds", "peak_memory_mib", "started", "finished", "guards", "rows", "crops", "warnings",
    "inputs", "made_of", "passes", "one_image", "message", "traceback", "sha256",
}  # fmt: skip
TRAINING = {
    "key", "reused", "seconds", "steps", "patches", "parameters", "flops_per_pixel", "loss", "validation", "final_loss",
    "peak_memory_mib", "faults", "code", "operations", "budget_operations", "passes_with_gradient", "passes_without_gradient",
    "pixels", "patch", "patches_per_step", "window",
}  # fmt: skip


@pytest.mark.slow(2)
def test_records_are_complete(make_run):
    run = make_run(noise_=("gaussian", "gaussian-conv", "rayleigh-conv", "poisson+gaussian"))
    records = do(run)
    assert len(records) == 8 + 8 + 7 + 6
    for (slug, method, seed), record in records.items():
        assert set(record) == RECORD
        assert (record["schema"], record["noise"], record["method"], record["seed"]) == (1, slug, method, seed)
        assert (record["status"], record["message"], record["traceback"]) == ("done", None, None)
        assert record["noise_no"] == noise.get(slug).number
        assert [(row["dataset"], row["image"]) for row in record["rows"]] == IMAGES
        for row in record["rows"]:
            assert set(row) == {"dataset", "image", "psnr", "ssim", "psnr_paper", "ssim_paper"}
            assert 0 < row["psnr"] < 60 and -1 <= row["ssim"] <= 1
        assert record["megapixels"] == pytest.approx((2 * 33 * 35 + 32 * 32) / 1e6)
        assert 0 < record["denoise_seconds"] <= record["seconds"] and record["peak_memory_mib"] > 1
        assert "T" in record["started"] and record["started"].endswith("+00:00") and record["started"] <= record["finished"]
        training = record["training"]
        assert (training is None) == (method == "noisy")
        if training:
            assert set(training) == TRAINING and training["key"] in {p.stem for p in (run.directory / "weights").iterdir()}
            # of a smaller patch so many more; one of Neighbor2Neighbor costs 7 / 3 of one of supervised training
            patch = methods.get(method).training.patch ** 2 * (7 / 3 if method.startswith("neighbor2neighbor") else 1)
            steps = round(3 / patch)
            assert (training["steps"], training["patches"]) == (steps, 2 * steps)
            assert [step for step, _ in training["loss"]] == list(range(1, steps + 1))
            assert [step for step, _ in training["validation"]] == [-(-steps // 2), steps]
            assert training["final_loss"] == training["loss"][-1][1] and math.isfinite(training["validation"][0][1])
    assert records["rayleigh-conv", "supervised", 0]["decorrelated"]
    assert not records["rayleigh-conv", "noisy", 0]["decorrelated"]


def test_crops_are_kept(make_run):
    run = make_run(methods_=("noisy",), noise_=("gaussian",), seeds=2)
    records = do(run)
    crops = records["gaussian", "noisy", 0]["crops"]
    assert [(crop["dataset"], crop["image"]) for crop in crops] == [("odd", "a"), ("even", "a")]
    assert records["gaussian", "noisy", 1]["crops"] == []  # one seed is enough to look at
    clean, noisy = noisy_image(run.data.test[0].images[0], noise.get(1), 0)
    crop = crops[0]
    assert crop["size"] == min(CROP, 33)  # the whole of a smaller image's side, and no more than there is
    window = np.s_[:, crop["top"] : crop["top"] + crop["size"], crop["left"] : crop["left"] + crop["size"]]
    for name, expected in (("clean", clean), ("file", noisy)):
        with Image.open(run.directory / crop[name]) as picture:
            pixels = torch.tensor(np.asarray(picture)).permute(2, 0, 1)
        assert torch.equal(pixels.float(), expected.clamp(0, 255).round()[window])


def test_detailed_window():
    clean = torch.full((3, 200, 300), 90.0)
    clean[:, 64:128, 160:224] += 50 * torch.randn(3, 64, 64)
    assert detailed_window(clean, 64) == (64, 160)
    assert detailed_window(torch.zeros(3, 64, 64), 64) == (0, 0)


def test_cells_with_a_record_are_left_alone_and_the_others_come_out_the_same(make_run):
    run = make_run(methods_=("noisy", "supervised", "score-solver"), noise_=("gaussian", "gaussian-conv"))
    first = do(run)
    files = sorted((run.directory / "cells").iterdir())
    before = {path.name: path.read_bytes() for path in files}
    for name in ("01-gaussian--supervised--s0.json", "02-gaussian-conv--score-solver--s0.json"):
        (run.directory / "cells" / name).unlink()
    (next(iter((run.directory / "weights").glob(first["gaussian", "supervised", 0]["training"]["key"] + "*")))).unlink()
    second = do(run)
    assert {name: record["rows"] for name, record in second.items()} == {name: r["rows"] for name, r in first.items()}
    changed = [path.name for path in files if path.read_bytes() != before[path.name]]
    assert set(changed) <= {"01-gaussian--supervised--s0.json", "02-gaussian-conv--score-solver--s0.json"}
    assert not second["gaussian", "supervised", 0]["training"]["reused"]
    assert second["gaussian", "supervised", 0]["training"]["loss"] == first["gaussian", "supervised", 0]["training"]["loss"]
    assert second["gaussian-conv", "score-solver", 0]["training"]["reused"]


A_COLUMN_LESS = "denoise returned a tensor of shape (1, 3, 33, 34): expected a tensor of shape (1, 3, 33, 35)"
NO_TENSOR = "denoise returned NoneType: expected a tensor of shape (1, 3, 33, 35)"
TWO_IMAGES = "denoise returned a tensor of shape (2, 3, 33, 35): expected a tensor of shape (1, 3, 33, 35)"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (stub(loss=raising(ArithmeticError("no\nloss today"))), "ArithmeticError: no loss today"),
        (
            stub(loss=lambda network, batch: network(batch.noisy).exp().mean() / 0),
            "NonFiniteLoss: the loss is inf at step 1 of 3",
        ),
        (stub(raising(IndexError("35 columns"))), "IndexError: 35 columns"),
        (stub(lambda network, *_: network(0)), "RuntimeError: this method has no loss, so it has no network"),
        (stub(lambda network, y, generator: y[..., :-1], inverse=True), f"TypeError: {A_COLUMN_LESS}"),
        (stub(lambda network, y, generator: torch.cat([y, y])), f"TypeError: {TWO_IMAGES}"),
        (stub(lambda *_: None, inverse=True), f"TypeError: {NO_TENSOR}"),
    ],
)
def test_fault_stays_with_its_cell(kind, said, make_run, with_methods):
    with_methods(bad=kind)
    records = do(make_run(methods_=("bad", "noisy"), noise_=("gaussian", "gamma-conv")))
    for slug in ("gaussian", "gamma-conv"):
        record = records[slug, "bad", 0]
        assert set(record) == RECORD
        assert record["status"] == "failed" and record["message"] == said
        assert record["traceback"].startswith("Traceback (most") and said.partition(":")[0] in record["traceback"]
        assert record["rows"] == record["crops"] == [] and record["finished"] >= record["started"]
        assert records[slug, "noisy", 0]["status"] == "done"


def test_values_that_are_not_finite_are_told(make_run, with_methods):
    def spoil(network, y, generator):
        y = y.clone()
        y[0, 0, :2, 0] = math.nan
        return y

    with_methods(bad=stub(spoil))
    record = do(make_run(methods_=("bad",), noise_=("gaussian",)))["gaussian", "bad", 0]
    assert record["status"] == "done"
    assert record["warnings"] == [f"{d}/{i}: 2 values of the denoised image are not finite" for d, i in IMAGES]
    assert all(row[metric] is None for row in record["rows"] for metric in ("psnr", "ssim", "psnr_paper", "ssim_paper"))


def test_warnings_of_a_method_are_kept_once(make_run, with_methods):
    def warn(network, y, generator):
        warnings.warn("careful", stacklevel=1)
        return y

    with_methods(odd=stub(warn))
    record = do(make_run(methods_=("odd",), noise_=("gaussian",)))["gaussian", "odd", 0]
    assert record["warnings"] == ["careful"] and record["status"] == "done"


def test_interruption_leaves_no_record(make_run, with_methods):
    with_methods(stop=stub(raising(KeyboardInterrupt())))
    run = make_run(methods_=("stop",), noise_=("gaussian",))
    with pytest.raises(KeyboardInterrupt):
        do(run)
    assert not (run.directory / "cells").exists()


@pytest.mark.parametrize("number", [1, 6, 12])
def test_test_noise_depends_on_model_set_name_and_seed_alone(number, make_run, with_methods):
    seen = {"untrained": [], "trained": []}

    def recorder(name):
        def denoise(network, y, generator):
            seen[name].append(y.clone())
            return y + torch.randn(y.shape, generator=generator)

        return denoise

    def loss(network, batch):
        return network(batch.noisy + batch.normal(batch.noisy)).square().mean()

    with_methods(untrained=stub(recorder("untrained")), trained=stub(recorder("trained"), loss))
    model = noise.get(number)
    run = make_run(methods_=("untrained", "trained"), noise_=("gaussian-affine", model.slug), seeds=2)
    do(run)
    expected = []
    for seed in range(2):
        for image in (image for chosen in run.data.test for image in chosen.images):
            generator = generator_of("test noise", model.slug, model.parameters, image.dataset, image.name, seed)
            expected.append(model.sample(as_tensor(image), generator)[None])
    assert all(torch.equal(*pair) for pair in zip(seen["untrained"][6:], expected, strict=True))
    # the trained one saw validation images as well, twice in each training
    tested = [y for y in seen["trained"] if any(y.shape == e.shape and torch.equal(y, e) for e in expected)]
    assert len(tested) == 6 and all(torch.equal(*pair) for pair in zip(tested, expected, strict=True))
    assert len({tuple(y.flatten()[:50].tolist()) for y in expected}) == 6  # all six are different draws


def test_unsupervised_methods_are_given_no_clean_image(make_run, with_methods):
    seen = []

    def loss(network, batch):
        seen.append(batch.clean)
        return network(batch.noisy).square().mean()

    with_methods(looks=stub(loss=loss), taught=stub(loss=loss, supervised=True))
    do(make_run(methods_=("looks", "taught"), noise_=("gaussian",)))
    looks, taught = seen[: len(seen) // 2], seen[len(seen) // 2 :]  # three counts of operations and three steps each
    assert looks == [None] * 6
    assert [clean.shape for clean in taught] == [(2, 3, 16, 16)] * 6


def test_validation_is_the_standard_psnr(make_run):
    run = make_run(methods_=("noisy",), noise_=("gaussian",))
    (cell,) = make_cells(run.settings, "images")
    (image,) = run.data.validation.images
    clean, noisy = noisy_image(image, noise.get(1), 0)
    error = (noisy.clamp(0, 255).round().double() - clean).square().mean()
    value = validation_psnr(run, cell, None)
    assert value == pytest.approx(10 * math.log10(255**2 / error), abs=1e-5)


def test_progress_is_reported(make_run):
    reports = []
    do(make_run(methods_=("score-solver",), noise_=("gaussian",)), lambda *report: reports.append(report))
    assert {cell.name for cell, _, _ in reports} == {"01-gaussian--score-solver--s0"}
    assert [doing for _, doing, _ in reports] == ["drawing noise", *["training"] * 12, *["denoising"] * 3]
    # three steps' compute, in patches of half the side
    assert [share for _, doing, share in reports if doing == "training"] == pytest.approx([i / 12 for i in range(1, 13)])
    assert all(0 <= share <= 1 for _, _, share in reports)
