"""Trainings that are cut off go on to the very weights of those that were not."""

import copy
import dataclasses

import pytest
import torch

import methods
import noise
from bench.plan.settings import Preset
from bench.training.checkpoint import checkpoint_path, read_checkpoint, write_checkpoint
from bench.training.loop import train
from bench.training.networks import make_network
from bench.training.patches import make_patches

PRESET = Preset(
    channels=4, multipliers=(1, 2), blocks=1, attention=True,
    steps=23, patches=4, patch=16, learning_rate=2e-3, warmup=3, weight_decay=0.1, ema=0.6, clip=0.05, checks=3,
)  # fmt: skip


class Killed(Exception):
    pass


@pytest.fixture
def patches(random_images):
    return make_patches(random_images("train", ("a", "b"), 24, 20), noise.get(5), None, 0, False, "cpu")


def start(patches, keep=lambda checkpoint: None, checkpoint=None, every_seconds=0.0, preset=PRESET):
    torch.manual_seed(11)
    network = make_network(preset)
    with torch.no_grad():
        network.head[-1].weight.normal_(std=0.02)
    seen = []
    average, curves = train(
        network, methods.get("score-solver"), noise.get(5), patches, preset, "seed", torch.device("cpu"),
        lambda share, loss: seen.append(share), lambda average: float(average.stem.weight.double().sum()),
        keep, checkpoint, every_seconds,
    )  # fmt: skip
    return network.state_dict(), average.state_dict(), curves, seen


def killed_after(step, directory):
    """Keeps every checkpoint on disk, and dies with the one after `step` steps."""

    def keep(checkpoint):
        write_checkpoint(directory, "k", checkpoint)
        if checkpoint.step == step:
            raise Killed

    return keep


@pytest.mark.parametrize("steps", [(1,), (7,), (8,), (22,), (3, 4, 5, 17)])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_resumed_training_is_the_undisturbed_one_bit_for_bit(steps, accumulate, patches, tmp_path):
    preset = dataclasses.replace(PRESET, accumulate=accumulate)
    network, average, curves, _ = start(patches, preset=preset, every_seconds=1e9)
    for step in steps:
        with pytest.raises(Killed):
            start(patches, killed_after(step, tmp_path), read_checkpoint(tmp_path, "k"), preset=preset)
    resumed = start(patches, checkpoint=read_checkpoint(tmp_path, "k"), preset=preset)
    for name in network:
        assert torch.equal(resumed[0][name], network[name]), name
        assert torch.equal(resumed[1][name], average[name]), name
    assert (resumed[2].loss, resumed[2].validation) == (curves.loss, curves.validation)
    assert resumed[3] == [(step + 1) / 23 for step in range(steps[-1], 23)]  # nothing was done twice


def test_keeping_checkpoints_changes_nothing(patches):
    kept = []
    disturbed, undisturbed = start(patches, kept.append), start(patches, every_seconds=1e9)
    assert [checkpoint.step for checkpoint in kept] == list(range(1, 23))
    assert all(torch.equal(disturbed[1][name], undisturbed[1][name]) for name in undisturbed[1])
    assert [checkpoint.recorded for checkpoint in kept[:2]] == [1, 2]


def test_a_checkpoint_does_not_change_with_the_training(patches):
    copies = []
    kept = []
    start(patches, lambda checkpoint: (kept.append(checkpoint), copies.append(copy.deepcopy(checkpoint))))
    assert all(
        torch.equal(one.tensors[name], two.tensors[name]) for one, two in zip(kept, copies, strict=True) for name in one.tensors
    )
    assert [len(checkpoint.loss) for checkpoint in kept] == [checkpoint.step for checkpoint in kept]


def test_seconds_add_up(patches):
    kept = []
    start(patches, kept.append)
    later = dataclasses.replace(kept[9], seconds=1000.0)
    assert 1000.0 < start(patches, checkpoint=later, every_seconds=1e9)[2].seconds < 1100.0


def test_what_is_read_is_what_was_written(patches, tmp_path):
    assert read_checkpoint(tmp_path, "k") is None
    kept = []
    start(patches, kept.append)
    write_checkpoint(tmp_path, "k", kept[4])
    write_checkpoint(tmp_path, "k", kept[8])
    found = read_checkpoint(tmp_path, "k")
    assert {**vars(found), "tensors": None} == {**vars(kept[8]), "tensors": None}
    assert found.tensors.keys() == kept[8].tensors.keys()
    assert all(torch.equal(found.tensors[name], kept[8].tensors[name]) for name in found.tensors)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["k.safetensors"]


@pytest.mark.parametrize("kind", ["cut short", "one bit", "another key", "not tensors"])
def test_damaged_checkpoints_are_told(kind, patches, tmp_path):
    kept = []
    start(patches, kept.append)
    write_checkpoint(tmp_path, "k", kept[4])
    path = checkpoint_path(tmp_path, "k")
    good = path.read_bytes()
    if kind == "cut short":
        path.write_bytes(good[:-100])
    elif kind == "one bit":
        path.write_bytes(good[:-9] + bytes([good[-9] ^ 1]) + good[-8:])
    elif kind == "not tensors":
        path.write_bytes(b"{}" * 50)
    else:
        path.rename(checkpoint_path(tmp_path, "other"))
    with pytest.raises(ValueError, match=r"^.+$") as caught:
        read_checkpoint(tmp_path, "other" if kind == "another key" else "k")
    assert "\n" not in str(caught.value)
