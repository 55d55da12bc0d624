"""The `robustness` command: what inexact parameters of the noise model cost (the paper's Figure 2). Nothing is trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import nn

import methods
import noise
import reports
from bench.cells.denoising import noisy_image
from bench.cells.metrics import as_stored, psnr
from bench.commands.disturbance import disturbances
from bench.commands.scannable import entries_of, refuse_method
from bench.commands.scans import current_entries, joined
from bench.data.sets import Image
from bench.errors import UsageError, one_line
from bench.files.json_files import read_again, read_json, write_json
from bench.files.shapes import fits, number
from bench.plan.cells import Cell, resolved
from bench.plan.seeds import generator_of
from bench.plan.settings import Settings
from bench.runs import store
from bench.runs.directory import differing
from bench.runs.inputs import Run, load_data
from bench.runs.laws import MEASURED, kernels_from
from bench.runs.origin import made_of, outdated
from bench.runs.record import read_plan, settings_from_record, settings_record
from bench.runs.weights import read_weights, weights_path
from bench.training.networks import network_of, set_window
from bench.training.patches import turned, turned_back

#: How far the PSNR of an image may be from the run's own (dB): other hardware rounds otherwise, other code differs more.
_TOLERANCE = 0.01


def robustness(
    directory: Path,
    noises: str,
    rates: Sequence[float],
    draws: int,
    method_slug: str,
    console: Console,
    data: str | None = None,
) -> None:
    """Solve again with disturbed noise models and the run's networks; store robustness.json, print it, renew the report.

    Parameters
    ----------
    noises : str
        Noise models of the run, as `--noise` has them.
    data : str, optional
        Where the run's images are now, if not where they were.

    Raises
    ------
    UsageError
        Before any solving, where the directory holds no such run, network or images; and where solving with the true
        parameters does not give the run's own PSNR.
    """
    record, plan = read_plan(directory)
    refuse_method(method_slug, record)
    entries = entries_of(directory, record, plan, noises, method_slug)
    settings, kernels = settings_from_record(record, entries), kernels_from(record)
    run = _run(directory, settings, record, data)
    path = directory / "robustness.json"
    found = []
    before, sentences = current_entries(read_json(path), directory, plan)
    for sentence in sentences:
        console.print(sentence, soft_wrap=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(settings.threads)
    try:
        for entry in entries:
            cell = resolved(entry, settings.recipe, kernels)
            if reason := outdated(store.read_cell(directory, entry) or {}, cell):
                raise UsageError(f"{directory}: {entry.name} was made {reason}: expected the run's command again before this")
            found.append(_measured(run, cell, rates, draws, console))
            write_json(path, {"schema": 1, "models": joined(before, found)})
        _print(found, console)
        console.print(str(reports.write(directory)), soft_wrap=True)
    except (ValueError, OSError) as error:
        raise UsageError(one_line(error)) from None
    finally:
        torch.set_num_threads(threads)


def _device(settings: Settings) -> torch.device:
    return torch.device(settings.device if torch.cuda.is_available() else "cpu")


def _run(directory: Path, settings: Settings, record: dict[str, Any], data: str | None) -> Run:
    """The run with its images, read again and compared with those that it used."""
    told = record["settings"].get("data_sha256", {})
    before = {name: sha256 for name, sha256 in told.items() if not name.startswith(MEASURED)}
    tests = tuple(name.removeprefix("test ") for name in before if name.startswith("test "))
    settings = replace(settings, data=data or settings.data, preset=replace(settings.preset, test_sets=tests))
    images = load_data(settings)
    found = differing(before, settings_record(settings, images)["data_sha256"], "data_sha256")
    if found:
        name, old, new = found[0]
        raise UsageError(
            f"{settings.data}: {name} is {old} in the run and {new} here: expected the run's images (--data DIR says where)"
        )
    return Run(directory, settings, images)


def _measured(run: Run, cell: Cell, rates: Sequence[float], draws: int, console: Console) -> dict[str, Any]:
    """What robustness.json holds of one noise model."""
    model = cell.model
    network = network_of(cell.method, run.settings.preset, _device(run.settings))
    try:
        set_window(network, (read_weights(run.directory, str(cell.key), network) or {}).get("window"))
    except (ValueError, OSError) as error:
        path = weights_path(run.directory, str(cell.key))
        raise UsageError(f"{path} does not hold the weights of {cell.name} ({error})") from None
    network.eval()
    points = disturbances(model, rates, draws)
    tried = [model, *(disturbed for point in points for disturbed in point.models)]
    own = {
        (row["dataset"], row["image"]): row.get("psnr")
        for row in (store.read_cell(run.directory, cell.entry) or {}).get("rows", [])
    }
    sets = []  # PSNR of each set's images by each of the models tried
    asked = {"tried": [law.parameters for law in tried]} | made_of(cell)
    kept = _Kept(run.directory / f"robustness--{cell.name}.part.json", asked, len(tried))
    for chosen in run.data.test:
        found, words = [], f"{f'No. {model.number}' if model.number else model.slug} on {chosen.name}"
        for image in track(chosen.images, words, console=console, transient=True, disable=not console.is_terminal):
            found.append(kept.or_solved(image, partial(solve_all, run, network, tried, cell, image)))
            _check(cell, image, own.get((image.dataset, image.name)), found[-1][0])
        sets.append(np.mean(found, axis=0))
        console.print(f"{words}: {sets[-1][0]:.2f} dB with the exact parameters, mean of {len(found)} images", soft_wrap=True)
    kept.path.unlink(missing_ok=True)
    exact, *rest = np.mean(sets, axis=0)
    series: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for point in points:
        values, rest = np.array(rest[: len(point.models)]), rest[len(point.models) :]
        series.setdefault(point.varied, []).append(
            {
                "rate": point.rate,
                "psnr": values.tolist(),
                "mean": float(values.mean()),
                "std": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
                "min": float(values.min()),
                "max": float(values.max()),
                "cost": float(exact - values.mean()),
                "factors": point.factors,
            }
        )
    return {
        "noise_no": model.number,
        "noise": model.slug,
        "method": cell.entry.method,
        "seed": cell.seed,
        "parameters": model.parameters,
        "draws": draws,
        "images": sum(len(chosen.images) for chosen in run.data.test),
        "psnr": float(exact),
        "made_of": made_of(cell),
        "series": [{"varied": list(varied), "points": found} for varied, found in series.items()],
    }


class _Kept:
    """What is solved already of a noise model, on disk: a scan that was stopped goes on with the next image."""

    def __init__(self, path: Path, asked: dict[str, Any], count: int) -> None:
        self.path, self.asked = path, read_again(asked)
        told = read_json(path) or {}
        fits_here = told.get("asked") == self.asked and fits(told.get("psnr"), dict)
        values = told["psnr"] if fits_here else {}
        self.psnr = {name: row for name, row in values.items() if fits(row, [number]) and len(row) == count}

    def or_solved(self, image: Image, solve: Callable[[], list[float]]) -> list[float]:
        """The PSNR by each model tried, kept from before or solved now."""
        name = f"{image.dataset}/{image.name}"
        if name not in self.psnr:
            self.psnr[name] = solve()
            write_json(self.path, {"asked": self.asked, "psnr": self.psnr})
        return [math.nan if value is None else value for value in self.psnr[name]]


@torch.no_grad()
def solve_all(
    run: Run,
    network: nn.Module,
    tried: Sequence[noise.NoiseModel],
    cell: Cell,
    image: Image,
) -> list[float]:
    """PSNR (dB, standard protocol) of one image with the noise of the cell's model, solved by each of the models tried.

    The score is that of the network, which belongs to the cell's model; all else takes another's parameters, and the random
    numbers that the run's own result was made with.
    """
    method, ensemble = cell.method, run.settings.preset.self_ensemble
    assert isinstance(method, methods.ScoreMethod)
    clean, noisy = noisy_image(image, cell.model, cell.seed)
    seen = cell.seen
    law, y = (cell.model, noisy) if seen is None else (seen.model, seen.forward(noisy))
    y = y.to(_device(run.settings))[None]
    positions = [turned(y, turn) for turn in range(8 if ensemble else 1)]
    networks = [_known_at(position, network) for position in positions]

    def solved(assumed: noise.NoiseModel) -> torch.Tensor:
        generator = generator_of("denoising", cell.name, image.dataset, image.name, device=y.device)
        results = [
            turned_back(method.denoise_assuming(known, position, law, assumed, generator), turn)
            for turn, (position, known) in enumerate(zip(positions, networks, strict=True))
        ]
        return torch.stack(results).mean(dim=0)

    values = []
    for disturbed in tried:
        other = disturbed.decorrelated() if seen is not None else None
        x = solved(disturbed) if other is None else other.backward(solved(other.model))
        finite = bool(x.isfinite().all())
        values.append(psnr(as_stored(x[0].float().cpu(), clean), clean, 255.0) if finite else math.nan)
    return values


def _known_at(y: torch.Tensor, network: methods.Network) -> methods.Network:
    """The network, its output at y computed once: all disturbed models begin there."""
    output = network(y)
    return lambda image: output if image is y else network(image)


def _check(cell: Cell, image: Image, own: float | None, now: float) -> None:
    before = math.nan if own is None else own
    if not (abs(now - before) <= _TOLERANCE or (math.isnan(now) and math.isnan(before))):
        raise UsageError(
            f"{cell.name}: {image.dataset}/{image.name} has {before:.3f} dB in the run, {now:.3f} dB now: expected the same; "
            "the method or the weights have changed since"
        )


def _print(entries: Sequence[dict[str, Any]], console: Console) -> None:
    """Cost against the exact parameters: mean and standard deviation over the draws."""
    rates = list(dict.fromkeys(point["rate"] for entry in entries for point in entry["series"][0]["points"]))
    table = Table(
        "noise model", "disturbed", "exact, dB", *(f"r={rate:g}" for rate in rates), box=box.SIMPLE_HEAD, pad_edge=False
    )
    for entry in entries:
        for series in entry["series"]:
            costs = (f"{point['cost']:.2f} ± {point['std']:.2f}" for point in series["points"])
            name = f"{entry['noise_no'] or '':>2} {entry['noise']}"
            table.add_row(name, " ".join(series["varied"]), f"{entry['psnr']:.2f}", *costs)
    console.print(table)
    console.print(
        "Loss of PSNR in dB, mean and standard deviation over the draws; the paper: about 1 dB at r=0.1", soft_wrap=True
    )
