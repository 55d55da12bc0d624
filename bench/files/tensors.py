"""Files of tensors: safetensors with a hash of their contents, so that a flipped bit is told from a number."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open

from bench.errors import one_line
from bench.files.writing import write_atomically


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor], about: Mapping[str, str]) -> None:
    """Store tensors with a header of words, by an atomic rename."""
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    metadata = {**about, "sha256": _sha256(stored, about)}
    write_atomically(path, lambda temporary: safetensors.torch.save_file(stored, temporary, metadata=metadata))


def read_tensors(path: Path, key: str) -> tuple[dict[str, torch.Tensor], dict[str, str]] | None:
    """The tensors and words of a file whose words have that "key"; None where there is no such file.

    Raises ValueError, with the reason, for a file that is not as `write_tensors` left it, or has another key.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            about = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, RuntimeError, ValueError) as error:
        raise ValueError(one_line(error)) from error
    expected = about.pop("sha256", None)
    if expected is None:
        raise ValueError("it has no hash")
    if expected != _sha256(tensors, about):
        raise ValueError("its hash is another one than its contents have")
    if about.get("key") != key:
        raise ValueError(f"its key is {about.get('key')!r}")
    return tensors, about


def _sha256(tensors: Mapping[str, torch.Tensor], about: Mapping[str, str]) -> str:
    digest = hashlib.sha256(repr(sorted(about.items())).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(repr((name, str(tensor.dtype), tuple(tensor.shape))).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
