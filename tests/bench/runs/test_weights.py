"""Weights on disk: what is written comes back, and nothing else is taken for it."""

import math

import pytest
import safetensors.torch
import torch

from bench.files.tensors import write_tensors
from bench.runs.weights import read_weights, write_weights


def test_weights_come_back_with_their_record(tmp_path, tiny_network):
    record = {"loss": [(1, 0.5), (2, math.nan)], "steps": 2}
    network = tiny_network(seed=1).to(memory_format=torch.channels_last)
    write_weights(tmp_path, "k1", network, record)
    other = tiny_network(seed=2)
    assert read_weights(tmp_path, "k1", other) == {"loss": [[1, 0.5], [2, None]], "steps": 2}
    for one, two in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)
    y = torch.rand(1, 3, 8, 8)
    assert torch.equal(other(y), tiny_network(seed=1)(y))
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["k1.safetensors"]


def test_weights_that_are_not_there(tmp_path, tiny_network):
    assert read_weights(tmp_path, "k1", tiny_network()) is None


def spoil(kind, path, tiny_network):
    good = path.read_bytes()
    tensors = safetensors.torch.load(good)
    if kind == "cut short":
        path.write_bytes(good[: len(good) // 2])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "not weights":
        path.write_bytes(b"<html>" * 1000)
    elif kind == "another network":
        write_weights(path.parent.parent, path.stem, tiny_network(channels=12), {})
    elif kind == "another key":
        write_weights(path.parent.parent, "k2", tiny_network(), {})
        path.with_name("k2.safetensors").rename(path)
    elif kind == "no record":
        write_tensors(path, tensors, {"key": path.stem})
    elif kind == "one bit":
        path.write_bytes(good[:-9] + bytes([good[-9] ^ 16]) + good[-8:])
    elif kind == "another record":
        path.write_bytes(good.replace(b"steps", b"stepz"))
    elif kind == "no metadata":
        safetensors.torch.save_file(tensors, path)
    else:
        path.unlink()
        path.mkdir()


@pytest.mark.parametrize(
    "kind",
    [
        *("cut short", "empty", "not weights", "another network", "another key", "no record", "no metadata", "folder"),
        *("one bit", "another record"),
    ],
)
def test_foreign_weights_are_refused_in_one_line(kind, tmp_path, tiny_network):
    write_weights(tmp_path, "k1", tiny_network(), {"steps": 3})
    spoil(kind, tmp_path / "weights" / "k1.safetensors", tiny_network)
    with pytest.raises((ValueError, OSError)) as caught:
        read_weights(tmp_path, "k1", tiny_network())
    assert str(caught.value) and "\n" not in str(caught.value)
