"""A method that brings a network of its own: what is trained, charged, stored and gone on with."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

import methods
import noise
from bench.cells.trained import trained_network
from bench.executors.needs import needs_of
from bench.plan.cells import make_cells
from bench.runs.origin import training_code
from bench.runs.weights import weights_path
from bench.training.budget import cost_of, schedule, supervised_cost
from bench.training.checkpoint import Checkpoint
from bench.training.loop import train
from bench.training.networks import UNet, network_of
from tests.conftest import TINY
from tests.helpers.stub_methods import do, stub


class Small(nn.Module):
    """One convolution, normalised by statistics that it keeps; and a weight that nothing reaches."""

    def __init__(self, channels):
        super().__init__()
        self.convolution = nn.Conv2d(3, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.head = nn.Conv2d(channels, 3, 1)
        self.idle = nn.Parameter(torch.ones(3))

    def forward(self, y):
        return self.head(self.norm(self.convolution((y - 127.5) / 127.5)))


def loss(network, batch):
    return network(batch.noisy).sub(0.01 * batch.noisy).square().mean()


def own(make=lambda self, preset: Small(preset.channels)):
    kind = stub(lambda network, y, generator: 100 * network(y), loss)
    kind.make_network = make
    return kind


@pytest.fixture
def run(make_run, with_methods):
    with_methods(own=own(), shared=stub(lambda network, y, generator: 100 * network(y), loss))
    return make_run(methods_=("own", "shared"), noise_=("gaussian",))


def test_its_network_is_trained_stored_and_read_again(run) -> None:
    record = do(run)["gaussian", "own", 0]
    assert record["status"] == "done", record["message"]
    assert record["training"]["parameters"] == sum(p.numel() for p in Small(TINY.channels).parameters())
    cell = make_cells(run.settings, "images")[0]
    assert weights_path(run.directory, cell.key).is_file()
    network, again = trained_network(run, cell, lambda cell, doing, share: None)
    assert again["reused"] and isinstance(network, Small)
    assert network.norm.num_batches_tracked == record["training"]["steps"] and network.norm.running_mean.any()


def test_it_is_charged_its_own_operations_within_the_budget_of_the_shared_one(run) -> None:
    mine, shared = make_cells(run.settings, "images")
    preset = run.settings.preset
    cost = cost_of(mine.method, mine.model, preset, preset.patch)
    # a multiply-add counts as two; the first convolution needs no gradient of its input
    by_hand = 2 * preset.patch**2 * preset.channels * (2 * 3 * 9 + 3 * 3)
    assert cost.operations == by_hand
    planned = schedule(run.settings, mine, run.data)
    assert planned.budget == preset.steps * preset.patches * supervised_cost(preset)
    assert planned.operations == pytest.approx(planned.budget, rel=by_hand * planned.preset.patches / planned.budget)
    assert schedule(run.settings, shared, run.data).cost.operations == supervised_cost(preset)


def test_its_key_is_another_one(run) -> None:
    mine, shared = make_cells(run.settings, "images")
    kind = own(type(mine.method).make_network)
    kind.slug = "own"
    alike = dataclasses.replace(run.settings, methods=(kind(),))
    assert mine.key != shared.key
    assert make_cells(alike, "images")[0].key == mine.key
    assert __name__ in training_code(mine) and __name__ in training_code(dataclasses.replace(mine, method=kind()))


def test_the_default_is_the_shared_network() -> None:
    assert isinstance(network_of(methods.get("supervised"), TINY), UNet)
    assert not methods.get("supervised").own_network


@pytest.mark.parametrize("made", [3, nn.Identity(), nn.Conv2d(3, 3, 1).requires_grad_(False)], ids=str)
def test_what_cannot_be_trained_is_refused(made) -> None:
    with pytest.raises(TypeError, match=r"make_network returned .*: expected a torch\.nn\.Module with weights, or None"):
        network_of(own(lambda self, preset: made)(), TINY)


def test_memory_is_asked_for_it_and_a_fault_in_it_costs_its_cells_alone(make_run, with_methods) -> None:
    def broken(self, preset):
        raise RuntimeError("no network")

    with_methods(large=own(lambda self, preset: Small(512)), broken=own(broken))
    large = make_run(methods_=("large",), noise_=("gaussian",))
    bad = make_run(methods_=("broken",), noise_=("gaussian",))
    assert needs_of(large.settings, large.data).worker > needs_of(bad.settings, bad.data).worker + 2**20
    record = do(bad)["gaussian", "broken", 0]
    assert record["status"] == "failed" and "no network" in record["message"]


def test_a_training_goes_on_to_the_same_weights_and_statistics(run, seeded) -> None:
    images = [torch.rand(3, 24, 24, generator=seeded(0)) * 255]
    from bench.training.patches import Patches

    kept: list[Checkpoint] = []

    def trained(checkpoint=None, every=1e9):
        torch.manual_seed(0)
        network = Small(4)
        preset = dataclasses.replace(TINY, steps=6)
        report, validate = (lambda share, loss: None), (lambda average: 0.0)
        patches = Patches(images, [])
        return train(
            network, own()(), noise.get(1), patches, preset, "seed", torch.device("cpu"), report, validate, kept.append,
            checkpoint, every,
        )[0].state_dict()  # fmt: skip

    whole = trained(every=0.0)
    resumed = trained(kept[2])
    assert whole.keys() == resumed.keys() and all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert whole["norm.num_batches_tracked"] == 6 and torch.equal(whole["idle"], torch.ones(3))
