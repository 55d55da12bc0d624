"""The network of a cell: shared, found again, gone on with, and trained again after faults."""

import dataclasses
import errno
import math

import pytest
import torch

from bench.cells import trained
from bench.runs import store
from bench.training.checkpoint import checkpoint_path, read_checkpoint
from bench.training.loop import train
from tests.helpers.plans import planned
from tests.helpers.stub_methods import do, stub


def test_shared_networks_are_trained_once(make_run, monkeypatch):
    calls, real = [], trained.train
    monkeypatch.setattr(trained, "train", lambda *args: calls.append(args) or real(*args))
    run = make_run(methods_=("neighbor2neighbor", "noise2score", "score-solver"), noise_=("gamma", "gamma-conv"))
    records = do(run)
    assert len(calls) == 2
    reused = {name: record["training"]["reused"] for name, record in records.items()}
    assert sorted(name for name, again in reused.items() if not again) == [
        ("gamma", "neighbor2neighbor", 0), ("gamma", "noise2score", 0),
    ]  # fmt: skip
    own, again = (records["gamma", method, 0] for method in ("noise2score", "score-solver"))
    assert own["rows"] == again["rows"]  # from memory and from disk, the same bits
    assert {**again["training"], "reused": False} == own["training"]


def test_network_starts_from_its_key(make_run, monkeypatch):
    """Cells of other seeds start elsewhere; what was drawn before does not matter, and nothing is drawn from it."""
    starts, real = [], trained.train
    monkeypatch.setattr(trained, "train", lambda *args: starts.append(args[0].stem.weight.clone()) or real(*args))
    records = []
    for directory in ("one", "two"):
        run = make_run(methods_=("supervised",), noise_=("gaussian",), seeds=2)
        torch.manual_seed(len(starts))
        state = torch.get_rng_state()
        records.append(do(dataclasses.replace(run, directory=run.directory / directory)))
        assert torch.equal(torch.get_rng_state(), state)
    assert [r["rows"] for r in records[0].values()] == [r["rows"] for r in records[1].values()]
    assert torch.equal(starts[0], starts[2]) and torch.equal(starts[1], starts[3]) and not torch.equal(starts[0], starts[1])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-20] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize(
    "spoil", [flip_a_bit, lambda path: path.write_bytes(b"junk"), lambda path: (path.unlink(), path.mkdir())]
)
def test_damaged_weights_are_set_aside_and_trained_anew(spoil, make_run):
    run = make_run(methods_=("supervised",), noise_=("gaussian",))
    first = do(run)["gaussian", "supervised", 0]
    path = run.directory / "weights" / f"{first['training']['key']}.safetensors"
    for time in range(2):
        spoil(path)
        (run.directory / "cells" / "01-gaussian--supervised--s0.json").unlink()
        record = do(run)["gaussian", "supervised", 0]
        assert record["status"] == "done" and record["rows"] == first["rows"] and not record["training"]["reused"]
        (warning,) = record["warnings"]
        assert f"weights/{path.name} was damaged" in warning and "set-aside/" in warning and "\n" not in warning
        assert len(list((run.directory / "set-aside").iterdir())) == time + 1


def interrupted_at(step):
    """`train`, but dying with its checkpoint of that step."""

    def start(*arguments):
        *first, keep, checkpoint = arguments

        def die(kept):
            keep(kept)
            if kept.step == step:
                raise KeyboardInterrupt

        return train(*first, die, checkpoint, 0.0)

    return start


@pytest.mark.parametrize("damage", [False, True])
def test_a_killed_training_goes_on_from_its_checkpoint(damage, make_run, monkeypatch, tmp_path):
    run = make_run(methods_=("score-solver",), noise_=("gaussian",))
    undisturbed = do(dataclasses.replace(run, directory=tmp_path / "other"))["gaussian", "score-solver", 0]
    (cell,) = (cell for cell in planned(run.settings) if cell.method == "score-solver")
    with monkeypatch.context() as patched:
        patched.setattr(trained, "train", interrupted_at(11))
        with pytest.raises(KeyboardInterrupt):
            do(run)
    path = checkpoint_path(run.directory, cell.key)
    assert path.exists() and store.read_cell(run.directory, cell) is None
    if damage:
        flip_a_bit(path)
    shares = []
    record = do(run, lambda cell, doing, share: shares.append(share) if doing == "training" else None)[
        "gaussian", "score-solver", 0
    ]
    assert shares == pytest.approx([i / 12 for i in range(1, 13)] if damage else [1])  # patches of half the side: 12 steps
    assert record["rows"] == undisturbed["rows"]
    assert record["training"]["loss"] == undisturbed["training"]["loss"]
    assert [("set-aside/" in warning) for warning in record["warnings"]] == [True] * damage
    assert not path.exists()


def test_a_disk_that_fills_up_in_a_training_leaves_its_checkpoint(make_run, monkeypatch):
    run = make_run(methods_=("score-solver",), noise_=("gaussian",))
    (cell,) = (cell for cell in planned(run.settings) if cell.method == "score-solver")
    monkeypatch.setattr(trained, "train", lambda *args: train(*args, 0.0))

    def full(cell, doing, share):
        if doing == "training" and share > 0.99:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        do(run, full)
    assert store.read_cell(run.directory, cell) is None
    assert read_checkpoint(run.directory, cell.key).step == 11
    shares = []
    record = do(run, lambda cell, doing, share: shares.append(share) if doing == "training" else None)
    assert shares == [1] and record["gaussian", "score-solver", 0]["status"] == "done"


def exploding(times):
    """A loss that is not a number in the last step of the first so many trainings."""
    starts = []

    def loss(network, batch):
        starts.extend([None] * (batch.progress == 0))
        value = network(batch.noisy).square().mean()
        return value * math.nan if len(starts) <= times and batch.progress > 0.6 else value

    return stub(loss=loss)


def test_a_loss_that_is_not_finite_is_tried_again_at_half_the_rate_once(make_run, with_methods, monkeypatch):
    rates = []
    monkeypatch.setattr(trained, "train", lambda *args: rates.append(args[4].learning_rate) or train(*args))
    with_methods(once=exploding(1), twice=exploding(2))
    run = make_run(methods_=("once", "twice"), noise_=("gaussian",))
    full = run.settings.preset.learning_rate
    records = do(run)
    once, twice = records["gaussian", "once", 0], records["gaussian", "twice", 0]
    assert rates == [full, full / 2] * 2
    assert once["status"] == "done" and len(once["training"]["loss"]) == 3
    (warning,) = once["warnings"]
    assert f"{full:g}" in warning and f"{full / 2:g}" in warning
    assert twice["status"] == "failed" and "nan" in twice["message"] and "NonFiniteLoss" in twice["traceback"]
    assert not any((run.directory / "checkpoints").glob("*"))


def test_out_of_gpu_memory_is_tried_again_with_smaller_parts(make_run, with_methods, monkeypatch):
    parts = []

    def short_of_memory(*arguments):
        parts.append(arguments[4].accumulate)
        if arguments[4].accumulate < least:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return train(*arguments)

    monkeypatch.setattr(trained, "train", short_of_memory)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    run = make_run(methods_=("supervised",), noise_=("gaussian",))
    assert run.settings.preset.patches == 2
    least = 2
    record = do(run)["gaussian", "supervised", 0]
    assert parts == [1, 2] and record["status"] == "done"
    assert ["2 parts" in warning for warning in record["warnings"]] == [True]
    run = make_run(methods_=("supervised",), noise_=("gamma",))
    least = 3
    record = do(run)["gamma", "supervised", 0]
    assert parts[2:] == [1, 2] and record["status"] == "failed" and "out of memory" in record["message"]


def test_a_disk_without_room_for_checkpoints_does_not_stop_a_training(make_run, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(trained, "write_checkpoint", full)
    monkeypatch.setattr(trained, "train", lambda *args: train(*args, 0.0))
    record = do(make_run(methods_=("supervised",), noise_=("gaussian",)))["gaussian", "supervised", 0]
    assert record["status"] == "done" and record["warnings"] == ["No checkpoint could be written: No space left on device."]
