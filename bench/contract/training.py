"""Checks of how a method learns. Each returns what is wrong, with what was expected, or "" where nothing is."""

from __future__ import annotations

import dataclasses
from contextlib import suppress

import torch

from bench.contract.denoising import changed_by
from bench.contract.samples import PRESET, make_batch, small_network, smooth_images
from bench.plan.keys import training_key
from bench.plan.seeds import globals_kept, seed_globals
from bench.plan.settings import Settings
from methods import Batch, Method
from noise import NoiseModel, shared

#: Optimiser steps in which the loss of one batch must fall, and AdamW's rate.
STEPS, RATE = 30, 2e-3
#: Side of its patches (pixels): small, for it is passed often.
SIDE = 16


def gradient(method: Method, model: NoiseModel) -> str:
    """The loss is a finite float32 scalar, and its gradient reaches the network; it leaves weights and batch as they are."""
    network, batch = small_network(method), make_batch(method, model)
    weights = {name: value.clone() for name, value in network.named_parameters()}
    given = {name: value.clone() for name, value in vars(batch).items() if isinstance(value, torch.Tensor)}
    loss = _loss(method, network, batch)
    if any(parameter.grad is not None for parameter in network.parameters()):
        return "loss took the gradient itself: expected loss.backward() to be left to the training loop"
    if not isinstance(loss, torch.Tensor) or loss.shape != ():
        told = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, torch.Tensor) else type(loss).__name__
        return f"loss gave {told}: expected a scalar tensor"
    if not loss.isfinite() or loss.dtype != torch.float32:
        return f"loss gave {loss.item():g} in {str(loss.dtype).removeprefix('torch.')}: expected a finite float32"
    if not loss.requires_grad:
        return "the loss has no gradient: expected one with respect to the network's weights"
    loss.backward()
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    if not any(bool(each.any()) for each in gradients):
        return "the loss has a gradient of 0: expected one that moves the network's weights"
    if not all(bool(each.isfinite().all()) for each in gradients):
        return "the loss has a gradient that is not finite: expected a finite one"
    for name, value in given.items():
        if not torch.equal(getattr(batch, name), value):
            return f"loss wrote to batch.{name}: expected it as it was"
    changed = [name for name, value in network.named_parameters() if not torch.equal(value, weights[name])]
    return f"loss changed the network's {changed[0]}: expected its weights as they were" if changed else ""


def undeclared(method: Method, model: NoiseModel) -> str:
    """The loss asks for no clean images, and no second draw, unless the method says so."""
    other = smooth_images(4, (32, 32), 9)
    asked = {"clean": method.supervised, "second": method.pairs}
    more = {name: _with(make_batch(method, model), name, other) for name, there in asked.items() if not there}
    try:
        mine, again = (loss_of(method, make_batch(method, model)) for _ in range(2))
    except KeyboardInterrupt:
        raise
    except BaseException:
        for name, batch in more.items():
            with suppress(Exception):
                loss_of(method, batch)
                return f"loss fails without batch.{name}: expected {_DECLARED[name]}, or a loss that does without"
        raise
    if mine is None or mine != again:  # which other checks have words for
        return ""
    for name, batch in more.items():
        if loss_of(method, batch) != mine:
            return f"the loss depends on batch.{name}: expected {_DECLARED[name]}, or a loss that does without"
    return ""


_DECLARED = {"clean": "supervised = True", "second": 'knows = ("second",)'}


def repeatable(method: Method, model: NoiseModel) -> str:
    """The loss of a batch is a function of batch, network and generator, and changes nothing that all methods share."""
    network = small_network(method)
    first = float(_loss(method, network, make_batch(method, model)).detach())
    with globals_kept():
        torch.rand(7)
    _loss(method, network, make_batch(method, model, seed=3))
    again = float(_loss(method, network, make_batch(method, model)).detach())
    if first != again:
        told = f"the loss of one batch was {first:.6g}, and {again:.6g} after another"
        return f"{told}: expected the same, with all random numbers from batch.generator"
    return changed_by(lambda: method.loss(network, make_batch(method, model)))


def left_out(method: Method, model: NoiseModel) -> str:
    """`learns` names every setting that the loss depends on: networks are shared by what it says."""
    mine = loss_of(method, make_batch(method, model))
    for name, value in ((item.name, getattr(method, item.name)) for item in dataclasses.fields(method)):
        for other in (*method.tunable.get(name, ()), *_others(value)):
            with suppress(Exception):  # which refuses it
                changed = dataclasses.replace(method, **{name: other})
                if _key(changed, model) == _key(method, model) and loss_of(changed, make_batch(changed, model)) != mine:
                    return f"the loss depends on {name}, which learns() leaves out: expected it there, or networks are mixed up"
    return ""


def _key(method: Method, model: NoiseModel) -> str:
    settings = Settings("quick", PRESET, "best", "compute", "sample", 1, "cpu", 1, (method,), (model,))
    return training_key(settings, model, method, 0, "")


def _others(value: object) -> tuple[object, ...]:
    """Values that a setting of this value may have as well."""
    if isinstance(value, bool):
        return (not value,)
    return (2 * value, value / 2) if isinstance(value, float) else (value + 1,) if isinstance(value, int) else ()


def falls(method: Method, model: NoiseModel) -> tuple[str, str]:
    """The loss of one batch falls within `STEPS` steps; and from what to what, in words."""
    network = small_network(method, disturbed=False).train()
    optimiser = torch.optim.AdamW([each for each in network.parameters() if each.requires_grad], lr=RATE, weight_decay=0.0)
    values = []
    with globals_kept():
        for _ in range(STEPS + 1):
            loss = _loss(method, network, make_batch(method, model, side=SIDE))
            values.append(float(loss.detach()))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
    told = f"{values[0]:.4g} to {values[-1]:.4g} in {STEPS} steps"
    fell = values[-1] < values[0]
    return "" if fell else f"the loss of one batch went from {told} of AdamW: expected it to fall", told


def _with(batch: Batch, name: str, value: torch.Tensor) -> Batch:
    return dataclasses.replace(batch, clean=value) if name == "clean" else dataclasses.replace(batch, second=value)


def _loss(method: Method, network: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """As the training loop asks for it."""
    with globals_kept(), shared.kept():
        seed_globals("contract, step")
        return method.loss(network, batch)


def loss_of(method: Method, batch: Batch) -> float | None:
    """The loss of a network that nothing has changed yet, where it is a number."""
    loss = _loss(method, small_network(method), batch)
    return float(loss.detach()) if isinstance(loss, torch.Tensor) and loss.shape == () else None
