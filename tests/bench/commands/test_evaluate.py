"""`bench.evaluate`: a function scored in one call, and beside the methods of a run."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Picture

import bench
import methods
import noise
from bench.cells.denoising import noisy_image
from bench.cells.metrics import score
from bench.commands import evaluate as module
from bench.data.measured import MeasuredSet
from bench.data.sets import load_tests
from bench.errors import UsageError
from bench.plan.cells import Entry, make_cells
from bench.plan.measured import Told, measured
from bench.runs import inputs, store
from bench.runs.directory import open_directory
from bench.runs.inputs import Run, load_data, settled
from bench.runs.record import run_record
from tests.helpers.data_sets import fill
from tests.helpers.harness import ROOT, here, tiny
from tests.helpers.stub_methods import do, stub


def half(image: np.ndarray) -> np.ndarray:
    """Half way to grey."""
    return 64 + image / 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven test images in one set and two in another, and two for training."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for place, count in (("mine", 11), ("few", 2), ("train/own", 2)):
        (root / place).mkdir(parents=True)
        for index in range(count):
            smooth = np.kron(rng.integers(256, size=(5, 5, 3)), np.ones((8, 8, 1))).astype(np.uint8)
            Picture.fromarray(smooth[:36, :33]).save(root / place / f"im{index:02d}.png")
    return root


@pytest.fixture
def run(folder: Path, tmp_path: Path, make_settings, with_methods) -> Path:  # type: ignore[no-untyped-def]
    """A run of the noisy input, of a shift by 3 grey levels, and of a method that fails, with two seeds."""

    def fails(network, y, generator):  # type: ignore[no-untyped-def]
        raise RuntimeError("no")

    with_methods(shifted=stub(lambda network, y, generator: y + 3), failing=stub(fails))
    settings = make_settings(methods_=("noisy", "shifted", "failing"), noise_=("gaussian", "rayleigh"), seeds=2)
    settings = dataclasses.replace(settings, preset_name="quick", data=str(folder))
    planned = Run(tmp_path / "run", settings, load_data(settings))
    entries = [cell.entry for cell in make_cells(settings, "images")]
    planned.directory.mkdir()
    return _done(planned, entries)


def _done(planned: Run, entries: list[Entry]) -> Path:
    """The run's directory, with all of its cells done in this process."""
    open_directory(planned.directory, run_record(planned.settings, planned.data, entries, "test"), planned.settings, entries)
    do(planned)
    records = [store.read_cell(planned.directory, entry) for entry in entries]
    store.write_table(planned.directory, store.table(entries, records))
    return planned.directory


def test_scores_are_those_of_the_suite(folder: Path) -> None:
    frame = bench.evaluate(half, name="half", noise=["1", noise.get(9)], data=folder)  # type: ignore[operator]
    assert list(frame["noise"]) == ["gaussian"] * 2 + ["rayleigh"] * 2 and list(frame["dataset"]) == ["few", "mine"] * 2
    assert list(frame["images"]) == [2, 11] * 2 and frame.attrs["name"] == "half"
    for index, (model, tests) in enumerate(
        (model, tests) for model in (noise.get(1), noise.get(9)) for tests in load_tests(str(folder))
    ):
        pairs = [noisy_image(image, model, 0) for image in tests.images]
        for column, images in (("psnr", [64 + y / 2 for _, y in pairs]), ("noisy", [y for _, y in pairs])):
            wanted = np.mean([score(image, clean)["psnr"] for image, (clean, _) in zip(images, pairs, strict=True)])
            assert frame[column][index] == pytest.approx(wanted, abs=1e-5)
        wanted = np.mean([score(64 + y / 2, clean)["ssim"] for clean, y in pairs])
        assert frame["ssim"][index] == pytest.approx(wanted, abs=1e-9)


def test_differences_are_paired_on_the_runs_own_noise(folder: Path, run: Path) -> None:
    frame = bench.evaluate(lambda image: image + 3, noise="1,2,9", against=run, seed=1)  # type: ignore[operator]
    measured = frame.dropna(subset=["minus shifted"])
    assert list(measured["noise"]) == ["gaussian", "gaussian", "rayleigh", "rayleigh"]
    assert np.allclose(measured["minus shifted"], 0, atol=1e-5)
    assert np.allclose(measured["minus noisy"], measured["psnr"] - measured["noisy"], atol=1e-5)
    mine = measured[measured["dataset"] == "mine"]
    assert (mine["minus noisy, low"] < mine["minus noisy"]).all() and (mine["minus noisy"] < mine["minus noisy, high"]).all()
    assert measured[measured["dataset"] == "few"]["minus noisy, low"].isna().all()
    assert "minus failing" not in frame


def test_images_that_are_not_the_runs_are_not_compared(folder: Path, run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    Picture.fromarray(np.zeros((36, 33, 3), np.uint8)).save(other / "mine" / "im03.png")
    frame = bench.evaluate(half, noise=1, data=other, against=run)  # type: ignore[operator]
    assert list(frame["dataset"][frame["minus noisy"].notna()]) == ["few"]
    changed = bench.evaluate(half, noise=[1, noise.get(9, scale=2.0)], data=folder, against=run, images=1)  # type: ignore[operator]
    assert list(changed["minus noisy"].isna()) == [False, False, True, True]
    for seed, told in ((7, "has no result of these images and noise models with seed 7"),):
        with pytest.raises(UsageError, match=told):
            bench.evaluate(half, noise=1, data=folder, against=run, seed=seed)  # type: ignore[operator]


def test_noise_of_another_version_is_refused(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "noisy_image", lambda image, model, seed: noisy_image(image, model, seed + 1))
    with pytest.raises(UsageError, match=r"gaussian on few: the noisy images are not the run's, their PSNR differs by"):
        bench.evaluate(half, noise=1, against=run)  # type: ignore[operator]


def test_a_function_may_be_given_the_model_and_a_method_may_be_named(folder: Path) -> None:
    told = []

    def knowing(image: np.ndarray, model: noise.NoiseModel) -> np.ndarray:
        told.append(model.slug)
        return image

    frame = bench.evaluate(knowing, noise="1,5", data=folder, images=1)  # type: ignore[operator]
    assert set(told) == {"gaussian", "gamma"} and np.allclose(frame["psnr"], frame["noisy"])
    frame = bench.evaluate("noisy", noise=2, data=folder, images=1)  # type: ignore[operator]
    assert np.allclose(frame["psnr"], frame["noisy"], atol=1e-4)


def test_a_method_that_does_not_apply_and_results_that_are_not_finite(folder: Path, with_methods) -> None:  # type: ignore[no-untyped-def]
    kind = stub(lambda network, y, generator: y * torch.nan)
    kind.applicable = lambda self, model: methods.Applicability("no" if model.number == 2 else "yes", "of a test")
    with_methods(nothing=kind)
    with pytest.warns(UserWarning, match="nothing on gaussian, .*: the result is not finite: it has no score"):
        frame = bench.evaluate("nothing", noise="1-2", data=folder, images=1)  # type: ignore[operator]
    assert frame["psnr"].isna().all() and list(frame["applicability"]) == ["yes", "yes", "no", "no"]


def test_a_file_is_scored_as_its_function_is_and_a_method_may_be_given_a_name(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "half_way.py"
    file.write_text("def denoise(image, model):\n    return 64 + image / 2\n")
    of_file = bench.evaluate(file, noise=1, data=folder, images=1)  # type: ignore[operator]
    assert of_file.attrs["name"] == "half-way" and "half-way" not in methods.catalogue()
    assert of_file.equals(bench.evaluate(str(file), noise=1, data=folder, images=1))  # type: ignore[operator]
    assert of_file["psnr"].equals(bench.evaluate(half, noise=1, data=folder, images=1)["psnr"])  # type: ignore[operator]
    assert bench.evaluate("noisy", "as it is", 1, folder, images=1).attrs["name"] == "as it is"  # type: ignore[operator]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: bench.evaluate(3), "3 is no function"),
        (lambda: bench.evaluate(half, noise="17"), "expected"),
        (lambda: bench.evaluate(half, data="/nowhere"), "/nowhere"),
        (lambda: bench.evaluate(half, images=-1), "images=-1: expected a whole number"),
        (lambda: bench.evaluate(half, against="/nowhere"), "/nowhere: holds no run (there is no such folder)"),
        (lambda: bench.evaluate(half, against=5), "5: holds no run"),
        (lambda: bench.evaluate(half, name=5), "name=5: expected text"),
        (lambda: bench.evaluate(half, noise=1.5), "noise=1.5: expected what --noise takes"),
        (lambda: bench.evaluate(half, noise=[]), r"noise=[]: expected"),
        (lambda: bench.evaluate(half, seed="x"), "seed='x': expected a whole number from 0"),
        (lambda: bench.evaluate("supervised"), "supervised is trained: expected a function"),
        (lambda: bench.evaluate("supervise"), "unknown method 'supervise'"),
        (lambda: bench.evaluate(half, name="\ud800"), r"name='\ud800': expected text"),
        (lambda: bench.evaluate(half, colour=""), "colour='': expected auto, grey, rgb"),
        (lambda: bench.evaluate(half, white=0), "'0': expected auto, or a number above 0"),
        (lambda: bench.evaluate("nowhere.py"), "nowhere.py: No such file"),
    ],
)
def test_what_cannot_be_evaluated_is_told_in_a_line(call, told: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError) as caught:
        call()
    assert told in str(caught.value) and len(str(caught.value).splitlines()) == 1


def test_a_result_on_another_scale_is_warned_of_and_an_error_tells_its_image(folder: Path) -> None:
    with pytest.warns(
        UserWarning, match=r"gaussian, .*: the result has values from .*: expected grey levels, nominally 0 to 255"
    ):
        bench.evaluate(lambda image: np.clip(image / 255, 0, 1), "scaled", noise=1, data=folder, images=1)  # type: ignore[operator]
    with pytest.warns(UserWarning, match="the result is not finite: it has no score"):
        bench.evaluate(lambda image: image * np.nan, "nan", noise=1, data=folder, images=1)  # type: ignore[operator]
    with pytest.raises(ZeroDivisionError) as caught:
        bench.evaluate(lambda image: 1 / 0, "fails", noise=1, data=folder, images=1)  # type: ignore[operator]
    assert caught.value.__notes__[0].startswith("bench.evaluate: fails on gaussian, ")


def test_images_of_a_run_that_are_elsewhere(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = module.read_against
    monkeypatch.setattr(module, "read_against", lambda directory: dataclasses.replace(read(directory), data="/gone"))
    with pytest.raises(UsageError, match="the images of the run, /gone, are not here: expected data="):
        bench.evaluate(half, noise=1, against=run)  # type: ignore[operator]


def test_the_package_itself_stays_cheap() -> None:
    code = "import bench, sys; assert 'evaluate' in bench.__all__; print([n for n in ('torch', 'pandas') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        bench.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_measured_noise_is_scored_on_its_own_images_beside_a_run(tmp_path: Path, make_settings, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    def told(own: MeasuredSet, whole: MeasuredSet) -> Told:
        return Told(own.name, own.images.sha256, own.beside, own.channels, own.halves, "gaussian(sigma=5.0)", 5.0, "sure")

    monkeypatch.setattr(inputs, "told_of", told)
    for kind in ("noisy", "clean"):
        fill(tmp_path / "mine" / kind, ["a_1", "b_1"], height=64, width=64)
    (tmp_path / "bare").mkdir()
    shutil.copytree(tmp_path / "mine" / "noisy", tmp_path / "bare" / "noisy")
    about = {"data": str(tmp_path), "preset_name": "quick", "noise": (measured("mine"),)}
    settings = dataclasses.replace(make_settings(methods_=("noisy",)), **about)
    data = load_data(settings)
    planned = Run(tmp_path / "run", settled(settings, data), data)
    planned.directory.mkdir()
    _done(planned, [cell.entry for cell in make_cells(planned.settings, "")])
    frame = bench.evaluate(half, noise="mine", against=tmp_path / "run")  # type: ignore[operator]
    (row,) = frame.to_dict("records")
    assert (row["noise"], row["dataset"], row["images"]) == ("mine", "mine", 2) and row["reason"].startswith("estimated law")
    assert row["minus noisy"] == pytest.approx(row["psnr"] - row["noisy"], abs=1e-5)
    for given, told in (({"images": -1}, "images=-1"), ({"images": "x"}, "images='x'"), ({"colour": "blue"}, "colour='blue'")):
        with pytest.raises(UsageError, match=told):
            bench.evaluate(half, noise="mine", data=tmp_path, **given)  # type: ignore[operator]
    with pytest.raises(UsageError, match="has no clean/ to be scored by"):
        bench.evaluate(half, noise="bare", data=tmp_path)  # type: ignore[operator]
    status, output, _ = here("matrix", "--data", tmp_path, "--noise", "mine", "--json")
    assert status == 0 and {row["noise"] for row in json.loads(output)} == {"mine"}
    words = ("--data", tmp_path, "--noise", "mine", "--methods", "noisy", *tiny("test_images=0"))
    status, output, _ = here("run", *words, "--dry-run", "--out", tmp_path / "other")
    assert status == 0 and "2 test images each" in output and "The law of the noise of mine" in output
