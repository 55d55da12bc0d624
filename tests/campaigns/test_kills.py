"""A short campaign of kills, and a training that is killed midway: the same weights as if nothing had happened."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import safetensors.torch
import torch

from bench.training.checkpoint import read_checkpoint
from tests.campaigns.campaign import campaign, frequent_checkpoints
from tests.helpers.harness import bench, finish, here, start, tiny
from tests.helpers.victims import kill_worker, records

pytestmark = pytest.mark.slow(55)


def test_a_campaign_of_kills(tmp_path: Path) -> None:
    lines: list[str] = []
    assert campaign(tmp_path, 5, seed=2, say=lines.append, noise="1", steps=15) == [], "\n".join(lines)
    assert "5 kills" in lines[-2] and "No finished cell was done again or lost" in lines[-1]


def test_a_training_killed_midway_ends_at_the_undisturbed_weights_bit_for_bit(tmp_path: Path) -> None:
    out, source = tmp_path / "run", frequent_checkpoints(tmp_path / "source")
    arguments = ("run", "--noise", "14", "--methods", "score-solver", *tiny("steps=75", "checks=3"), "--workers", "1")
    process = start(*arguments, "--out", out, root=source)
    while not (kept := list(out.glob("checkpoints/[!.]*"))):
        assert process.poll() is None
        time.sleep(0.02)
    kill_worker(out)
    process.kill()
    finish(process)
    checkpoint = read_checkpoint(out, kept[0].stem)
    assert checkpoint is not None and 0 < checkpoint.step < 300
    assert bench(*arguments, "--out", out, root=source)[0] == 0
    assert here(*arguments, "--out", tmp_path / "undisturbed")[0] == 0
    assert (out / "results.csv").read_bytes() == (tmp_path / "undisturbed" / "results.csv").read_bytes()
    one, two = (
        safetensors.torch.load_file(directory / "weights" / kept[0].name) for directory in (out, tmp_path / "undisturbed")
    )
    assert one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)
    (training,) = (record["training"] for record in records(out).values() if record["training"])
    assert training["loss"][: len(checkpoint.loss)] == [list(point) for point in checkpoint.loss]
