"""The one currency: what training by a method's loss costs, and how long it may train for what supervised training costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cache, partial

import torch
from torch import nn

from bench.data.sets import Data
from bench.plan.cells import Cell
from bench.plan.seeds import generator_of, globals_kept
from bench.plan.settings import Preset, Settings, with_steps
from bench.training.networks import make_network, network_of
from bench.training.operations import count, watch
from methods import Batch, Method
from noise import NoiseModel

#: Points of a training's progress at which its loss is counted: the middles of its thirds.
_PROGRESS = (1 / 6, 1 / 2, 5 / 6)
#: Most pixels on a side of the patches that are counted: the operations of larger ones follow from these.
_SIDE = 32
#: Patches that are counted (pairs of them, for losses that draw pairs).
_PATCHES = 2


@dataclass(frozen=True)
class Cost:
    """What one patch of a training step costs.

    Parameters
    ----------
    operations : float
        Floating-point operations of all passes, with those that the gradient takes; a multiply-add counts as two.
    with_gradient, without_gradient : float
        Passes of the network, in units of the patch's area: those that the gradient goes through, and the others.
    """

    operations: float
    with_gradient: float
    without_gradient: float


@dataclass(frozen=True)
class Schedule:
    """How one cell's network is trained.

    Parameters
    ----------
    preset : Preset
        The run's preset with the steps, patches, side, rate, warm-up, averaging and clipping of this training.
    cost : Cost
        Of a patch of a step.
    budget : float
        Operations of supervised training by the run's preset.
    window : int
        Side of what the network is fed with gradient (pixels): the patch, sub-sampled.
    """

    preset: Preset
    cost: Cost
    budget: float
    window: int

    @property
    def operations(self) -> float:
        """Operations of the whole training."""
        return self.preset.steps * self.preset.patches * self.cost.operations


def schedule(settings: Settings, cell: Cell, data: Data) -> Schedule:
    """How the network of a cell is trained: at the compute of supervised training, or for as many steps.

    The patches are of the side that the method asks for, as far as the training images have it. Where a patch costs more
    than one of supervised training, a step has fewer of them, down to half as many; then there are fewer steps.

    Raises ValueError for a loss without any operations, and whatever the loss raises.
    """
    preset, method = settings.preset, cell.method
    law = cell.seen.model if cell.seen else cell.model
    smallest = min(min(image.pixels.shape[:2]) for chosen in data.training for image in chosen.images)
    same_steps = settings.equal == "steps"
    side = preset.patch if same_steps else min(own_side(preset, method), smallest - smallest % method.subsampling)
    cost = cost_of(method, law, preset, side)
    budget = preset.steps * preset.patches * supervised_cost(preset)
    factors = method.training
    own = replace(
        preset, patch=side, learning_rate=preset.learning_rate * factors.learning_rate, clip=preset.clip * factors.clip
    )
    if not same_steps:
        if not cost.operations:
            raise ValueError("no operations of its loss can be counted: expected a loss that the network takes part in")
        own = _within(own, cost.operations, budget)
    return Schedule(own, cost, budget, max(1, side // method.subsampling))


def own_side(preset: Preset, method: Method) -> int:
    """Side of the patches that a method asks for (pixels), a multiple of what it sub-samples by."""
    return method.subsampling * max(1, round(preset.patch * method.training.patch))


def most_pixels(preset: Preset, method: Method, equal: str) -> int:
    """No more pixels than these go through the network with gradient in a step."""
    if equal == "steps":
        return preset.patches * preset.patch**2
    side = own_side(preset, method) // method.subsampling
    return max(preset.patches * preset.patch**2, -(-preset.patches // 2) * side**2)


def _within(preset: Preset, operations: float, budget: float) -> Preset:
    """The preset with as many patches and steps as the budget holds."""
    affordable = budget / (preset.steps * operations)
    patches = min(preset.patches, max(-(-preset.patches // 2), round(affordable)))
    steps = max(1, round(budget / (patches * operations)))
    return replace(with_steps(preset, steps), patches=patches, accumulate=min(preset.accumulate, patches))


def cost_of(method: Method, law: NoiseModel, preset: Preset, side: int) -> Cost:
    """What a patch of that side costs a step of a method's training on noise of that law, the mean over the training.

    It is counted on few small patches where the loss takes such, as if it did alike to every pixel and every patch; else on a
    step's own.
    """
    make, colours = partial(network_of, method, preset), preset.colours
    loss = partial(_loss, method, law, colours)
    tried = side if method.own_network else _tried(side, preset, method.subsampling)  # of another one, the padding is not known
    try:
        counted = [_counted(partial(loss, _PATCHES, tried, at), make, _PATCHES, tried, side, colours) for at in _PROGRESS]
    except Exception:  # a loss that wants larger patches, or more of them
        patches = -(-preset.patches // preset.accumulate)
        counted = [_counted(partial(loss, patches, side, at), make, patches, side, side, colours) for at in _PROGRESS]
    return Cost(*(sum(getattr(cost, item.name) for cost in counted) / len(counted) for item in fields(Cost)))


@cache
def supervised_cost(preset: Preset) -> float:
    """Operations of one patch of supervised training: one pass of the network, and its gradient."""
    tried = _tried(preset.patch, preset)
    patches = torch.full((_PATCHES, preset.colours, tried, tried), 100.0)
    make = partial(make_network, preset)
    return _counted(
        lambda network: network(patches).square().mean(), make, _PATCHES, tried, preset.patch, preset.colours
    ).operations


def _tried(side: int, preset: Preset, subsampling: int = 1) -> int:
    """Side of the patches that are counted for those of `side`: smaller ones only where the network pads neither."""
    whole = 2 ** (len(preset.multipliers) - 1)
    return side if side % (subsampling * whole) else min(side, subsampling * max(_SIDE, whole))


def _loss(
    method: Method, law: NoiseModel, colours: int, patches: int, side: int, progress: float, network: nn.Module
) -> torch.Tensor:
    """The loss of a batch of noisy ramps."""
    generator = generator_of("cost", method.slug, progress)
    clean = torch.linspace(20, 235, side).expand(patches, colours, side, side).contiguous()
    noisy = law.sample(clean, generator)
    second = law.sample(clean, generator) if method.pairs else None
    return method.loss(network, Batch(noisy, clean if method.supervised else None, law, progress, generator, second))


def _counted(
    loss: Callable[[nn.Module], torch.Tensor],
    make: Callable[[], nn.Module],
    patches: int,
    tried: int,
    side: int,
    colours: int,
) -> Cost:
    """What a loss of patches of the side `tried` would cost a patch if they had the side `side`."""
    passed = {True: 0, False: 0}

    def note(shape: torch.Size) -> None:
        passed[torch.is_grad_enabled()] += shape.numel() // colours

    with globals_kept():
        network = make()
        watch(network, note)
        found = count(lambda: loss(network).backward())
    area = patches * tried**2
    return Cost(found.scaled((side / tried) ** 2) / patches, passed[True] / area, passed[False] / area)
