"""Checks that take a method through the harness: another process, a training by the quick preset, its cost."""

from __future__ import annotations

import gc
import multiprocessing
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.cells.cell import do_job
from bench.contract.samples import denoised, shortened, unseen
from bench.plan.cells import make_cells, make_jobs
from bench.plan.settings import PRESETS, Preset, Settings
from bench.runs import store
from bench.runs.inputs import Run, load_data
from methods import Method
from noise import NoiseModel

#: The quick preset on smaller images, none of which is stored.
QUICK = replace(PRESETS["quick"], test_crop=128, validation_crop=64, checks=1, crops=0)

#: Of a method that trains on each image: the side of the images (pixels), and the most steps.
SIDE, STEPS = 64, 300

#: Seconds that another process may take to begin, and to denoise a small image.
PATIENCE = 300.0


def elsewhere(method: Method, model: NoiseModel) -> Callable[[], np.ndarray]:
    """Has a new process denoise what `unseen` makes of these."""

    def ask() -> np.ndarray:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            return pool.submit(_denoised, method, model, torch.get_num_threads()).result(timeout=PATIENCE)

    return ask


def _denoised(method: Method, model: NoiseModel, threads: int) -> np.ndarray:
    gc.enable()  # off while things were imported
    torch.set_num_threads(threads)
    return denoised(unseen(method, model)).numpy()


@dataclass(frozen=True)
class Outcome:
    """What came of a method on the sample images.

    Parameters
    ----------
    psnr, noisy : float
        Mean over the images, of the results and of the input (dB).
    words : str
        How it was trained, and what it cost.
    reduced : bool
        It had fewer steps on each image than it asks for.
    fault : str
        What it failed with, or "".
    """

    psnr: float
    noisy: float
    words: str
    reduced: bool
    fault: str = ""


def tried(method: Method, model: NoiseModel, preset: Preset = QUICK) -> Outcome:
    """Train the method by the preset on the sample, as a run does, and denoise the test images."""
    own = shortened(method, STEPS)
    preset = replace(preset, test_crop=SIDE) if method.one_image else preset
    settings = Settings(
        "quick", preset, "best", "compute", "sample", 1, "cpu", torch.get_num_threads(), (_noisy(), own), (model,)
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder), settings, load_data(settings))
        cells = make_cells(settings, "contract")
        for job in make_jobs(cells):
            do_job(run, job, lambda cell, doing, share: None)
        noisy, record = (store.read_cell(run.directory, cell.entry) or {} for cell in cells)
    if record.get("status") != "done":
        return Outcome(np.nan, np.nan, "", own != method, str(record.get("message")))
    words = f"{vars(own)['steps']} steps on each image here; {_cost(record)}" if own.one_image else _cost(record)
    return Outcome(_psnr(record), _psnr(noisy), words, own != method)


def _noisy() -> Method:
    from methods.noisy import Noisy

    return Noisy()


def _psnr(record: dict[str, Any]) -> float:
    """Mean of a record's rows (dB); nan where one is not finite."""
    return float(np.mean([np.nan if row["psnr"] is None else row["psnr"] for row in record["rows"]]))


def _cost(record: dict[str, Any]) -> str:
    """What it took, in words."""
    training = record.get("training")
    per_megapixel = record["denoise_seconds"] / record["megapixels"]
    if training is None:
        return f"no training on a set; {per_megapixel:.3g} s a megapixel"
    words = f"{record['passes']:.3g} passes of the network at test, {per_megapixel:.3g} s a megapixel"
    side, with_gradient, without = (training[name] for name in ("patch", "passes_with_gradient", "passes_without_gradient"))
    share = training["operations"] / training["budget_operations"]
    return (
        f"{training['steps']} steps of {training['patches_per_step']} patches of {side}x{side}, {share:.0%} of the budget, "
        f"{training['seconds']:.0f} s; a patch takes {with_gradient:.3g} passes with gradient, {without:.3g} without; {words}"
    )
