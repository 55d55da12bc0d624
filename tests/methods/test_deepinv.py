"""The losses of deepinv on the same tensors, where its definitions and ours coincide: to 1e-5.

R2R and SURE are compared in their own tests. deepinv's score loss takes one random sigma an image in training; out of training
it takes the one that it is given, as the released code of the paper does.
"""

import dataclasses

import pytest
import torch

import methods
from methods._api import UNIT, estimate
from methods._score import PaperScoreMatching
from tests.helpers.deepinv_losses import deepinv
from tests.helpers.gaussian_world import batch_of, gaussian_world


@pytest.mark.parametrize("gamma", [1.0, 2.0])
def test_neighbor2neighbor_is_deepinvs(gamma, seeded, tiny_network, monkeypatch):
    """On the same cells' pixels."""
    loss_of = deepinv().loss.Neighbor2Neighbor
    method, network = methods.get("neighbor2neighbor"), tiny_network().double()
    y = gaussian_world((2, 3, 16, 18), seeded)[1]
    first, second = method._pair(y, seeded(3))
    masks = [torch.nn.functional.one_hot(index.flatten(), 4).flatten().bool() for index in (first, second)]
    monkeypatch.setattr(loss_of, "generate_mask_pair", staticmethod(lambda image: masks))
    theirs = loss_of(gamma=gamma)(y, None, lambda image, physics: estimate(network, image))
    batch = batch_of(y, seeded(3), progress=gamma / 2)
    ours = dataclasses.replace(method, gamma=2.0).loss(network, batch)
    assert ours.item() == pytest.approx(theirs.item() / UNIT**2, rel=1e-5)


@pytest.mark.parametrize("progress", [0.0, 0.5])
def test_the_papers_score_loss_is_deepinvs(progress, seeded, tiny_network):
    """With its random numbers: y in units of the range, and those of torch's global generator."""
    package = deepinv()
    matching, network = PaperScoreMatching(), tiny_network().double()
    y = gaussian_world((2, 3, 16, 18), seeded)[1]
    batch = batch_of(y, seeded(4), progress=progress)
    unit = matching._range(batch.model)
    loss = package.loss.ScoreLoss(delta=(matching.sigma(progress), 1.0))
    score = loss.adapt_model(lambda image, physics: network(unit * image)).eval()
    with torch.random.fork_rng():
        torch.manual_seed(seeded(4).initial_seed())
        score(y / unit, package.physics.Denoising(package.physics.GaussianNoise(0.1)), update_parameters=True)
    assert matching.loss(network, batch).item() == pytest.approx(loss(score).item(), rel=1e-5)
