"""Checkpoints: an unfinished training on disk, from which it goes on to the same weights as if nothing had happened."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.files.tensors import read_tensors, write_tensors

_MOMENTS = ("exp_avg", "exp_avg_sq")
_KINDS = {"step": int, "learning_rate": float, "accumulate": int, "seconds": float, "recorded": int}


@dataclass(frozen=True)
class Checkpoint:
    """A training after `step` steps. Random numbers depend on the seed and the step alone, so they have no state.

    Parameters
    ----------
    learning_rate, accumulate : float, int
        As the preset has them, or as a fault made them change.
    loss, validation : list of (step, float)
        The curves so far.
    seconds : float
        Time spent so far, without validation.
    recorded : int
        The step up to which the loss is in its curve; the tensor "total" is the sum since then.
    tensors : mapping
        Weights, buffers, their average and AdamW's moments, the loss's sum and the gradient's mean norm, on the CPU.
    code : mapping or None
        The code that it was trained by, as `bench.runs.origin.training_code` tells it.
    """

    step: int
    learning_rate: float
    accumulate: int
    loss: list[tuple[int, float]]
    validation: list[tuple[int, float]]
    seconds: float
    recorded: int
    tensors: Mapping[str, torch.Tensor] = field(repr=False)
    code: Mapping[str, str] | None = None


def snapshot(
    network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer, sums: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Copies of all tensors of a training, on the CPU; `sums` are those that the loop keeps beside the optimiser."""
    found = {**sums, **dict(_tensors(network, average, optimiser))}
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in found.items()}


def restore(
    checkpoint: Checkpoint,
    network: nn.Module,
    average: nn.Module,
    optimiser: torch.optim.Optimizer,
    sums: Mapping[str, torch.Tensor],
) -> None:
    """Put the tensors back in their places, which keep their memory formats."""
    for name, parameter in network.named_parameters():
        if f"{_MOMENTS[0]}.{name}" not in checkpoint.tensors:
            continue
        moments = {moment: torch.zeros_like(parameter) for moment in _MOMENTS}
        place = parameter.device if optimiser.defaults["fused"] else "cpu"  # where the optimiser counts its steps
        optimiser.state[parameter] = {"step": torch.tensor(float(checkpoint.step), device=place), **moments}
    with torch.no_grad():
        for name, tensor in [*sums.items(), *_tensors(network, average, optimiser)]:
            tensor.copy_(checkpoint.tensors[name])


def _tensors(network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer) -> Iterator[tuple[str, torch.Tensor]]:
    for name, parameter in network.named_parameters():
        yield f"network.{name}", parameter
        for moment in _MOMENTS if parameter in optimiser.state else ():  # not of one that no loss has reached
            yield f"{moment}.{name}", optimiser.state[parameter][moment]
    for name, buffer in network.named_buffers():
        yield f"buffer.{name}", buffer
    for name, parameter in average.named_parameters():
        yield f"average.{name}", parameter


def checkpoint_path(directory: Path, key: str) -> Path:
    """Where the checkpoint of the training with that key is, while it lasts."""
    return directory / "checkpoints" / f"{key}.safetensors"


def write_checkpoint(directory: Path, key: str, checkpoint: Checkpoint) -> None:
    """Store the checkpoint in place of the one before."""
    told = {item.name: getattr(checkpoint, item.name) for item in fields(checkpoint) if item.name != "tensors"}
    write_tensors(checkpoint_path(directory, key), checkpoint.tensors, {"key": key, "checkpoint": json.dumps(told)})


def read_checkpoint(directory: Path, key: str) -> Checkpoint | None:
    """The checkpoint of the training with that key; None where there is none. ValueError for a damaged or foreign one."""
    found = read_tensors(checkpoint_path(directory, key), key)
    if found is None:
        return None
    tensors, about = found
    if "norm" not in tensors:
        raise ValueError("it is of an older version")
    try:
        told: dict[str, Any] = json.loads(about["checkpoint"])
        for name, kind in _KINDS.items():
            told[name] = kind(told[name])
        for curve in ("loss", "validation"):
            told[curve] = [(int(step), float(value)) for step, value in told[curve]]
        return Checkpoint(**told, tensors=tensors)
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"it is no checkpoint of this version: {error}") from error
