"""The network of a cell: from the run directory, from a checkpoint, or trained now."""

from __future__ import annotations

import errno
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.cells.denoising import Report, validation_psnr
from bench.cells.memory import peak_memory_mib
from bench.data.measured import Shot
from bench.data.sets import Image
from bench.errors import one_line
from bench.files.writing import set_aside
from bench.plan.cells import Cell
from bench.plan.keys import half_keys
from bench.plan.measured import Measured
from bench.plan.seeds import seed_of
from bench.plan.settings import Preset
from bench.runs.inputs import Run
from bench.runs.origin import changed_code, training_code
from bench.runs.weights import read_weights, weights_path, write_weights
from bench.training.budget import schedule
from bench.training.checkpoint import Checkpoint, checkpoint_path, read_checkpoint, write_checkpoint
from bench.training.loop import NonFiniteLoss, train
from bench.training.networks import count_parameters, network_of, set_window
from bench.training.operations import flops_per_pixel
from bench.training.patches import make_patches
from bench.training.shared_images import folder_of


def trained_network(run: Run, cell: Cell, report: Report) -> tuple[nn.Module, dict[str, Any] | None]:
    """The network of the cell's training key, from the run directory or trained now, and the training's record.

    A file of weights that is damaged, or another network's, is set aside with a warning, and the network trained anew.
    """
    if cell.key is None:
        return NoNetwork(), None
    if isinstance(cell.model, Measured) and cell.model.crosses(cell.method):
        return _both_halves(run, cell, cell.model, report)
    return _network(run, cell, report)


def _both_halves(run: Run, cell: Cell, model: Measured, report: Report) -> tuple[nn.Module, dict[str, Any]]:
    """Two networks, each for the half that it has not learnt from, and one record; their keys are `half_keys`."""
    found = []
    for half, key in enumerate(half_keys(str(cell.key)), 1):
        entry = replace(cell.entry, key=key)
        found.append(_network(run.of(model, half), replace(cell, entry=entry), report))
    (one, first), (two, second) = found
    assert first is not None and second is not None
    both = {"key": cell.key, "reused": first["reused"] and second["reused"], "halves": [first, second]}
    both |= {name: first[name] + second[name] for name in ("seconds", "operations", "pixels")}
    return Halves(one, two), {**first, **both, "faults": [*first["faults"], *second["faults"]]}


def _network(run: Run, cell: Cell, report: Report) -> tuple[nn.Module, dict[str, Any]]:
    """The network of one training."""
    assert cell.key is not None
    network = _untrained(cell, run.settings.preset, run.settings.device)
    path = weights_path(run.directory, cell.key)
    try:
        record = read_weights(run.directory, cell.key, network)
    except (ValueError, OSError) as error:
        _set_aside(run, path, f"was damaged ({one_line(error)})")
        record = None
    if record is not None and (changed := changed_code(record.get("code"), training_code(cell))):
        _set_aside(run, path, f"was trained by other code ({', '.join(changed)} changed since)")
        network, record = _untrained(cell, run.settings.preset, run.settings.device), None
    reused = record is not None
    if record is None:
        network, record = _train(run, cell, report)
        write_weights(run.directory, cell.key, network, record)
        checkpoint_path(run.directory, cell.key).unlink(missing_ok=True)
    set_window(network, record.get("window"))
    for fault in record.get("faults", []):
        warnings.warn(fault, stacklevel=1)
    return network, {"key": cell.key, "reused": reused, **record}


def _train(run: Run, cell: Cell, report: Report) -> tuple[nn.Module, dict[str, Any]]:
    """Train, going on from a checkpoint where there is one; returns the averaged network and the record.

    A loss that is not finite starts the training again at half the rate, once; a GPU that is out of memory starts it again
    with the steps' patches in more parts. Both start from the beginning: then the weights do not depend on where the
    last checkpoint happened to be.
    """
    assert cell.key is not None
    device, seen = torch.device(run.settings.device), cell.seen
    training_images = [image for chosen in run.data.training for image in chosen.images]
    report(cell, "drawing noise", 0.0)
    patches = make_patches(
        training_images, cell.model, seen, cell.seed, cell.method.supervised, device, folder_of(run.directory),
        cell.method.pairs,
    )  # fmt: skip
    planned = schedule(run.settings, cell, run.data)
    preset = planned.preset
    code = training_code(cell)
    checkpoint = _checkpoint(run, cell.key, code)
    if checkpoint is not None:
        preset = replace(preset, learning_rate=checkpoint.learning_rate, accumulate=checkpoint.accumulate)
    while True:
        network = _untrained(cell, preset, run.settings.device)
        set_window(network, planned.window)
        try:
            average, curves = train(
                network,
                cell.method,
                seen.model if seen else cell.model,
                patches,
                preset,
                cell.key,
                device,
                lambda share, loss: report(cell, "training", share),
                lambda average: validation_psnr(run, cell, average),
                lambda checkpoint: _keep(run, cell, checkpoint, code),
                checkpoint,
            )
            break
        except Exception as error:  # whoever tries again, this loop or the user with the fault mended, starts afresh
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                raise  # no fault of the training: with space, it goes on from its checkpoint
            checkpoint_path(run.directory, cell.key).unlink(missing_ok=True)
            preset, checkpoint = _gentler(preset, planned.preset, error), None
    return average, {
        "seconds": curves.seconds,
        "steps": preset.steps,
        "patches": preset.steps * preset.patches,
        "parameters": count_parameters(network),
        "flops_per_pixel": flops_per_pixel(network, preset.patch, preset.colours),
        "patch": preset.patch,
        "patches_per_step": preset.patches,
        "window": planned.window,
        "operations": planned.operations,
        "budget_operations": planned.budget,
        "passes_with_gradient": planned.cost.with_gradient,
        "passes_without_gradient": planned.cost.without_gradient,
        "pixels": round(preset.steps * preset.patches * preset.patch**2 * planned.cost.with_gradient),
        "loss": curves.loss,
        "validation": curves.validation if run.data.validation.images else [],
        "final_loss": curves.loss[-1][1],
        "peak_memory_mib": peak_memory_mib(),
        "faults": _faults(preset, planned.preset),
        "code": code,
    }


def _untrained(cell: Cell, preset: Preset, device: str) -> nn.Module:
    """The network as a training of the cell's key starts with it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of("weights", cell.key))
        return network_of(cell.method, preset, torch.device(device))


def _checkpoint(run: Run, key: str, code: Mapping[str, str]) -> Checkpoint | None:
    """The checkpoint to go on from; one that is damaged, or that other code wrote, is set aside."""
    try:
        found = read_checkpoint(run.directory, key)
    except (ValueError, OSError) as error:
        _set_aside(run, checkpoint_path(run.directory, key), f"was damaged ({one_line(error)})")
        return None
    if found is not None and (changed := changed_code(found.code, code)):
        reason = f"was written by other code ({', '.join(changed)} changed since)"
        _set_aside(run, checkpoint_path(run.directory, key), reason)
        return None
    return found


def _keep(run: Run, cell: Cell, checkpoint: Checkpoint, code: Mapping[str, str]) -> None:
    try:
        write_checkpoint(run.directory, str(cell.key), replace(checkpoint, code=code))
    except OSError as error:  # it costs time after a kill, not the training
        warnings.warn(f"No checkpoint could be written: {error.strerror or error}.", stacklevel=1)


def _gentler(preset: Preset, asked: Preset, error: Exception) -> Preset:
    """What to try again with after a fault; raises it again where there is nothing left to try."""
    if isinstance(error, torch.OutOfMemoryError):
        if preset.accumulate >= preset.patches:
            raise error
        torch.cuda.empty_cache()
        return replace(preset, accumulate=min(preset.patches, 2 * preset.accumulate))
    if not isinstance(error, NonFiniteLoss) or preset.learning_rate < asked.learning_rate:
        raise error
    return replace(preset, learning_rate=preset.learning_rate / 2)


def _faults(preset: Preset, asked: Preset) -> list[str]:
    """What a training that ended well had to change, in words."""
    words = []
    if preset.learning_rate != asked.learning_rate:
        words.append(
            f"The loss was not finite at a learning rate of {asked.learning_rate:g}: trained again at {preset.learning_rate:g}."
        )
    if preset.accumulate != asked.accumulate:
        words.append(f"The GPU was out of memory: a step's patches were split into {preset.accumulate} parts.")
    return words


def _set_aside(run: Run, path: Path, reason: str) -> None:
    name = set_aside(run.directory, path)
    warnings.warn(f"{path.relative_to(run.directory)} {reason}: moved to {name}, and trained anew.", stacklevel=1)


class Halves(nn.Module):
    """The networks of a cross-fitting: the first is for the images of the first half, and has learnt from the second."""

    def __init__(self, one: nn.Module, two: nn.Module) -> None:
        super().__init__()
        self.of = nn.ModuleList([one, two])


def parts_of(network: nn.Module) -> list[nn.Module]:
    """The networks that it is made of."""
    return list(network.of) if isinstance(network, Halves) else [network]


def network_for(network: nn.Module, image: Image) -> nn.Module:
    """The one that is to denoise the image."""
    return network.of[image.half - 1] if isinstance(network, Halves) and isinstance(image, Shot) else network


class NoNetwork(nn.Module):
    """Given to methods that are not trained."""

    def forward(self, y: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("this method has no loss, so it has no network")
