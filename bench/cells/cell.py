"""Doing a job in a worker: train or load, denoise, score, store."""

from __future__ import annotations

import errno
import time
import traceback
import warnings
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import torch
from torch import nn

from bench.cells.centre import centre, denoise_centre
from bench.cells.crops import file_stems, keep_crops
from bench.cells.denoising import Report, denoise, noisy_image
from bench.cells.memory import peak_memory_mib, reset_peak_memory
from bench.cells.scoring import scoring
from bench.cells.trained import network_for, parts_of, trained_network
from bench.errors import fault_of
from bench.plan.cells import Cell, Entry, Job
from bench.plan.seeds import globals_kept
from bench.plan.settings import Preset, crop_of, own_steps
from bench.runs import store
from bench.runs.inputs import Run
from bench.runs.origin import made_of
from bench.runs.record import inputs_of, settings_record
from bench.training.operations import watch
from methods import Method
from noise import faults, guards, shared

#: Share of the values from which on a guarded solve is worth a warning.
_MANY = 0.01


def do_job(run: Run, job: Job, report: Report) -> None:
    """Do the cells of a job that have no record yet. A fault becomes the record of the cells that it hits.

    A training that fails is not tried again for the other cells of the job, which need the same network.
    """
    broken: BaseException | None = None
    settings = settings_record(run.settings, run.data)
    for cell in job.cells:
        if store.read_cell(run.directory, cell.entry) is not None:
            continue
        own = run.of(cell.model)
        made = made_of(cell)  # now: the files may be changed while it is done
        started = datetime.now(UTC)
        clock = time.perf_counter()
        reset_peak_memory()
        outcome: dict[str, Any] = {}
        with globals_kept(), shared.kept(), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:  # whatever a method does wrong is its cell's own affair
                if broken is not None:
                    raise broken
                try:
                    network, outcome["training"] = trained_network(own, cell, report)
                except BaseException as error:
                    broken = error
                    raise
                outcome |= {"status": "done", **do_cell(own, cell, network, report)}
            except (KeyboardInterrupt, SystemExit):
                raise  # this process is to end
            except BaseException as error:
                if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                    raise  # no fault of the cell: it is to be done when there is room
                outcome |= failure(error)
        record = blank_record(cell.entry) | {"inputs": inputs_of(settings, cell.model), "made_of": made} | outcome
        record["warnings"] = [*record["warnings"], *faults.messages(caught)]
        record |= {
            "seconds": time.perf_counter() - clock,
            "peak_memory_mib": peak_memory_mib(),
            "started": started.isoformat(timespec="seconds"),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        store.write_cell(run.directory, cell.entry, record)


def do_cell(run: Run, cell: Cell, network: nn.Module, report: Report) -> dict[str, Any]:
    """Denoise every test image, score and keep crops; returns the record's contents."""
    device, preset = torch.device(run.settings.device), run.settings.preset
    ensemble, side = preset.self_ensemble, crop_of(cell.method, preset)
    network.eval()
    rows, crops, problems, seconds, pixels, values = [], [], [], 0.0, 0, 0
    acted: Counter[str] = Counter()
    fed = 0  # pixels

    def note(shape: torch.Size) -> None:
        nonlocal fed
        fed += shape.numel() // preset.colours

    counting = [watch(each, note) for each in parts_of(network)]
    images = [(chosen, image) for chosen in run.data.test for image in chosen.images]
    stems = file_stems(image for _, image in images)
    with scoring(beside=device.type == "cuda") as scored:
        for index, (chosen, image) in enumerate(images):
            report(cell, "denoising", index / len(images))
            whole, noisy = noisy_image(image, cell.model, cell.seed)
            clean, noisy, fitting = centre(whole, side), noisy.to(device), network_for(network, image)
            clock = time.perf_counter()
            with guards.count() as counts:
                if side:
                    denoised = denoise_centre(fitting, cell, noisy, image, ensemble, side)
                else:
                    denoised = denoise(fitting, cell, noisy, image, ensemble)
            seconds += time.perf_counter() - clock
            pixels += clean.shape[-1] * clean.shape[-2]
            values += clean.numel() * (8 if ensemble else 1)
            acted.update(counts)
            scores = scored(image, denoised, clean, noisy, side)
            if not denoised.isfinite().all():
                bad = int((~denoised.isfinite()).sum())
                problems.append(f"{image.dataset}/{image.name}: {bad} values of the denoised image are not finite")
            cut = {"crop": side} if clean.shape != whole.shape else {}
            rows.append((image, scores, cut))
            if cell.seed == 0 and any(image is kept for kept in chosen.images[: preset.crops]):
                stem = stems[image.dataset, image.name]
                crops.append(keep_crops(run.directory, cell.entry, image, stem, denoised, whole, preset.one_image_crop))
    for handle in counting:
        handle.remove()
    shares = {name: acted[name] / values for name in sorted(acted)}
    many = [f"{name} {100 * share:.1f} %" for name, share in shares.items() if share > _MANY]
    if many:
        problems.append(f"Eq. 7 had to be guarded on more than 1 % of the values: {', '.join(many)}.")
    return {
        "denoise_seconds": seconds,
        "megapixels": pixels / 1e6,
        "passes": fed / pixels if pixels else None,
        "one_image": one_image(cell.method, preset),
        "guards": shares,
        "rows": [{"dataset": image.dataset, "image": image.name, **scores(), **cut} for image, scores, cut in rows],
        "crops": crops,
        "warnings": problems,
    }


def one_image(method: Method, preset: Preset) -> dict[str, Any] | None:
    """What a method on one image was given of the steps that it asks for, and of each image; None for others."""
    if not method.one_image:
        return None
    crop = crop_of(method, preset)
    return {"steps": own_steps(method), "share": preset.one_image_steps, "crop": crop or None}


def blank_record(entry: Entry) -> dict[str, Any]:
    """A cell's record before anything has come of it."""
    return (
        {"schema": 1}
        | {key: value for key, value in asdict(entry).items() if key != "key"}
        | {
            "status": "failed",
            "inputs": None,
            "made_of": None,
            "training": None,
            "denoise_seconds": None,
            "megapixels": None,
            "passes": None,
            "one_image": None,
            "seconds": None,
            "peak_memory_mib": None,
            "started": None,
            "finished": None,
            "guards": {},
            "rows": [],
            "crops": [],
            "warnings": [],
            "message": None,
            "traceback": None,
        }
    )


def failure(error: BaseException) -> dict[str, Any]:
    """The part of a record that tells of an error."""
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return {"status": "failed", "message": fault_of(error), "traceback": "".join(lines)}
