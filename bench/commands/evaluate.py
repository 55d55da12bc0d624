"""`bench.evaluate`: any function of an image, scored on every noise model in one call, beside the methods of a run."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import track

import methods
import noise as noise_models
from bench.cells.denoising import denoise, noisy_image
from bench.cells.metrics import as_stored, psnr, ssim
from bench.cells.trained import NoNetwork
from bench.commands.against import Against, read_against
from bench.commands.differences import differences
from bench.commands.names import from_files, parse_rows
from bench.contract.denoising import unscaled
from bench.data.layout import KODAK_CROPS, Options, plan_tests
from bench.data.levels import parse_white
from bench.data.measured import CLEAN, load_measured
from bench.data.sets import Image, ImageSet, load_tests
from bench.errors import UsageError, one_line
from bench.files.json_files import read_again
from bench.plan.cells import Cell, Entry
from bench.plan.measured import Measured, answer_to
from bench.plan.seeds import globals_kept
from bench.plan.settings import COLOURS
from bench.runs.inputs import with_laws
from bench.runs.laws import measured_rows, noise_record
from noise import shared

#: Without a run, images are cut to this side (pixels), as the quick preset does.
CROP = 256
#: Images a set: with fewer than ten there is no interval.
IMAGES = 12

Noise = str | int | noise_models.NoiseModel


def evaluate(
    function: Callable[..., Any] | methods.Method | str | os.PathLike[str],
    name: str | None = None,
    noise: Noise | Iterable[Noise] = "all",
    data: str | os.PathLike[str] | None = None,
    against: str | os.PathLike[str] | None = None,
    *,
    images: int = IMAGES,
    seed: int = 0,
    progress: bool = False,
    colour: str | None = None,
    white: str | float | None = None,
) -> pd.DataFrame:
    """Denoise test images by a function, and score it as the suite scores its methods. Nothing is written.

    Parameters
    ----------
    function : callable, Method or str
        Takes an image, (H, W, C) float32 grey levels, unclipped, and returns one of the same shape; C is 3, or 1 where the
        images are grey. Where it takes a second argument, it is given the noise model. Or a method that is not trained, its
        slug, or the .py file of a method or of a function `denoise`.
    name : str, optional
        What it is called, in `attrs` of the result; the function's own name, or the method's, by default. The random numbers
        that a function may draw depend on it.
    noise : str, int, NoiseModel, or several
        As `--noise` has them: "all", "1,5-8", a slug, an expression, a number, a set of measured noise with clean images.
    data : path, optional
        "sample", or a folder of test sets; by default the run's, and "sample" without a run.
    against : path, optional
        A run directory. Images are cut as the run cut them, and where they are the run's own, so is their noise.
    images : int
        So many of each set, the first by name; 0: all.
    seed : int
        Of the noise: one of the run's.
    progress : bool
        Show it on standard error.
    colour : str, optional
        "auto", "grey" or "rgb", as `--colour` has them; by default the run's, and "auto" without a run.
    white : str or float, optional
        The white level of images of more than 8 bits, as `--white` has it; by default the run's, and "auto" without a run.

    Returns
    -------
    DataFrame
        A row for each noise model and test set: `psnr` (dB) and `ssim` by the standard protocol, means over the images;
        `noisy`, the PSNR of the input; `images`, how many there were. `applicability` and `reason` are the method's answer.
        For every method of the run `minus SLUG`, the mean over the images that both have of the PSNR of the function less
        that of the method, on the same noisy images, and `minus SLUG, low` and `, high`, the 95 % bootstrap interval of
        that mean (nan with fewer than ten images). Methods that the run gave the centres of its images alone are left out.

        A result that is not finite has no score, and one on a scale of 0 to 1 a bad one: a warning says so.

    Raises
    ------
    UsageError
        One line, for what cannot be evaluated: no function, unknown names, no such images, no image in common with the run.
    Exception
        What the function itself raises, with a note that names noise model and image.

    Notes
    -----
    The interval is over images. It says nothing of how far another training of a method would be.
    """
    if name is not None and not (isinstance(name, str) and name.isprintable()):
        raise UsageError(f"name={name!r}: expected text")
    if type(seed) is not int or seed < 0:
        raise UsageError(f"seed={seed!r}: expected a whole number from 0")
    if type(images) is not int or images < 0:
        raise UsageError(f"images={images!r}: expected a whole number, 0 for all")
    method = _method(function, name)
    run = None if against is None else read_against(Path(str(against)))
    source = str(data) if data is not None else run.data if run else "sample"
    if run and data is None and source != "sample" and not Path(source).is_dir():
        raise UsageError(f"{against}: the images of the run, {source}, are not here: expected data=, the folder that has them")
    usual = (run.colour, run.white) if run else ("auto", "auto")
    asked = (usual[0] if colour is None else colour, usual[1] if white is None else str(white))
    if asked[0] not in COLOURS or (run and asked[0] != run.colour):
        raise UsageError(f"colour={colour!r}: expected {f'{run.colour}, as the run' if run else ', '.join(COLOURS)}")
    parse_white(asked[1])
    told = measured_rows(dict(run.info)) if run else {}
    models = [
        told.get(model.slug) or with_laws((model,), source, *asked)[0]
        for model in _models(noise, run.recipe if run else "best", source)
    ]
    added = [model for model in models if not isinstance(model, Measured)]
    chosen = _images(source, run, images, *asked) if added else []
    rows = []
    tasks = [(model, tests) for model in added for tests in chosen]
    tasks += [(model, _shots(model, source, run, images, *asked)) for model in models if isinstance(model, Measured)]
    shown = track(tasks, method.slug, console=Console(stderr=True), transient=True, disable=not progress)
    for model, tests in shown:
        rows.append(_row(method, model, tests, seed, run))
    frame = pd.DataFrame(rows)
    if run is not None and not any(column.startswith("minus ") for column in frame):
        raise UsageError(f"{against}: has no result of these images and noise models with seed {seed}: expected some in common")
    frame.attrs["name"] = name or method.slug
    return frame


def _method(function: Callable[..., Any] | methods.Method | str | os.PathLike[str], name: str | None) -> methods.Method:
    if isinstance(function, os.PathLike) or (isinstance(function, str) and function.endswith(".py")):
        file = Path(function)
        with from_files([file]):
            method = methods.get(file.stem.replace("_", "-"))
    elif isinstance(function, str):
        known = methods.catalogue()
        if function not in known:
            raise UsageError(f"unknown method {function!r}: expected a function, NAME.py, or of {', '.join(known)}")
        method = known[function]
    elif isinstance(function, methods.Method):
        method = function
    else:
        try:
            word = name or getattr(function, "__name__", None) or type(function).__name__
            method = methods.method_of_function(function, word, getattr(function, "__module__", None) or "__main__")
        except TypeError as error:
            raise UsageError(one_line(error)) from None
    if method.trains:
        raise UsageError(f"{method.slug} is trained: expected a function, or a run with --methods {method.slug}")
    return method


def _models(noise: Noise | Iterable[Noise], recipe: str, source: str) -> list[noise_models.NoiseModel]:
    several = [noise] if isinstance(noise, (str, int, noise_models.NoiseModel)) else noise
    if not isinstance(several, Iterable) or not (several := list(several)):
        raise UsageError(f"noise={noise!r}: expected what --noise takes, a NoiseModel, or several of these")
    found: list[noise_models.NoiseModel] = []
    for each in several:
        found += [each] if isinstance(each, noise_models.NoiseModel) else parse_rows(str(each), recipe, source)
    return list({(model.slug, str(model.parameters)): model for model in found}.values())


def _images(source: str, run: Against | None, images: int, colour: str, white: str) -> list[ImageSet]:
    """The test sets; with a run those that it has, cut as there. `sha256` is that of the run's images, all of them."""
    if run is None:
        found = load_tests(source, test_images=images, test_crop=CROP, colour=colour, white=white)
        return [tests for tests in found if tests.name != KODAK_CROPS]
    there = {planned.name for planned in plan_tests(source, Options())}
    wanted = [name for name in run.sets if name in there]
    found = load_tests(source, test_sets=wanted, test_images=run.limit, test_crop=run.crop, colour=colour, white=white)
    return [replace(tests, images=tests.images[: images or None]) for tests in found]


def _shots(model: Measured, source: str, run: Against | None, images: int, colour: str, white: str) -> ImageSet:
    """The images of a set of measured noise, as the run has them, or cut as without one."""
    limit, crop = (run.limit, run.crop) if run else (images, CROP)
    name = model.told.name
    (found,) = load_measured(source, (name,), test_images=limit, test_crop=crop, colour=colour, white=white)
    if CLEAN not in found.beside:
        raise UsageError(f"noise {name!r}: {source}/{name} has no {CLEAN}/ to be scored by: expected a set that has")
    return replace(found.images, images=found.shots[: images or None])


def _row(
    method: methods.Method, model: noise_models.NoiseModel, tests: ImageSet, seed: int, run: Against | None
) -> dict[str, Any]:
    """One line of the table."""
    try:
        answer, decorrelated = answer_to(method, model)
    except Exception as error:  # a method's own code
        raise UsageError(f"{method.slug} on {model.slug}: {type(error).__name__}: {one_line(error)}") from None
    entry = Entry(model.number, model.slug, method.slug, seed, answer.verdict, answer.reason, None, decorrelated)
    scores = pd.DataFrame([_scores(Cell(entry, model, method), image) for image in tests.images])
    row: dict[str, Any] = {"noise_no": model.number, "noise": model.slug, "dataset": tests.name, "images": len(tests.images)}
    row |= {column: float(scores[column].mean(skipna=False)) for column in ("psnr", "ssim", "noisy")}
    row |= {"applicability": answer.verdict, "reason": answer.reason}
    if run is not None and run.has(tests) and read_again(noise_record(model)) in [dict(told) for told in run.info["noise"]]:
        row |= differences(scores.set_index("image"), run.psnr(model.slug, tests.name, seed), f"{model.slug} on {tests.name}")
    return row


def _scores(cell: Cell, image: Image) -> dict[str, Any]:
    clean, noisy = noisy_image(image, cell.model, cell.seed)
    before = psnr(as_stored(noisy.double(), clean), clean, 255.0)
    row = {"image": image.name, "noisy": before, "psnr": math.nan, "ssim": math.nan}
    if cell.entry.applicability == "no":
        return row
    place = f"{cell.entry.method} on {cell.model.slug}, {image.dataset}/{image.name}"
    try:
        with globals_kept(), shared.kept():
            denoised = denoise(NoNetwork(), cell, noisy, image)
    except Exception as error:  # the function's own, which its author is to see whole
        error.add_note(f"bench.evaluate: {place}")
        raise
    if not bool(denoised.isfinite().all()):
        warnings.warn(f"{place}: the result is not finite: it has no score", stacklevel=4)
        return row
    if clean.max() > 2 and (words := unscaled(denoised)):
        warnings.warn(f"{place}: the result has {words}", stacklevel=4)
    stored = as_stored(denoised.double(), clean)
    return row | {"psnr": psnr(stored, clean, 255.0), "ssim": ssim(stored, clean)}
