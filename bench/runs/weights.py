"""Trained weights on disk, by training key, and the training's record in their header."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import nn

from bench.errors import one_line
from bench.files.json_files import finite
from bench.files.tensors import read_tensors, write_tensors


def weights_path(directory: Path, key: str) -> Path:
    return directory / "weights" / f"{key}.safetensors"


def write_weights(directory: Path, key: str, network: nn.Module, record: dict[str, Any]) -> None:
    """Store weights with the training's record in the header."""
    write_tensors(weights_path(directory, key), network.state_dict(), {"key": key, "record": json.dumps(finite(record))})


def read_weights(directory: Path, key: str, network: nn.Module) -> dict[str, Any] | None:
    """Load the weights with that key into the network; the training's record, or None where they are not there.

    ValueError, with the reason, where the file is damaged or holds something else.
    """
    found = read_tensors(weights_path(directory, key), key)
    if found is None:
        return None
    tensors, about = found
    try:
        network.load_state_dict(tensors)
        record = json.loads(about["record"])
    except (RuntimeError, KeyError, ValueError) as error:
        raise ValueError(one_line(error)) from error
    return record if isinstance(record, dict) else {}
