"""Checks of how a method denoises. Each returns what is wrong, with what was expected, or "" where nothing is."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.contract.samples import SEEDED, Case, asked, denoised, global_states
from bench.plan.seeds import globals_kept, seed_globals
from bench.training.operations import watch
from methods import FunctionMethod

#: How many times the passes that are counted may really be made, for want of a better count.
_ROOM = 1.01


def result(case: Case) -> str:
    """An image of the same shape, float32, finite."""
    found = denoised(case)
    if not isinstance(found, torch.Tensor):
        return f"denoise gave {type(found).__name__}: expected a tensor"
    if found.shape != case.y.shape:
        return f"denoise gave an image of shape {tuple(found.shape)}: expected {tuple(case.y.shape)}"
    if found.dtype != torch.float32:
        return f"denoise gave {str(found.dtype).removeprefix('torch.')}: expected float32"
    bad = int((~found.isfinite()).sum())
    return f"{bad} of {found.numel()} values that denoise gave are not finite: expected finite ones" if bad else ""


def other_than_input(case: Case) -> str:
    """Something is done to the image."""
    return "denoise gave its input: expected another image" if torch.equal(denoised(case), case.y) else ""


def input_kept(case: Case) -> str:
    """The noisy image and the network are as before."""
    y, weights = case.y.clone(), {name: value.clone() for name, value in case.network.state_dict().items()}
    denoised(case, y)
    if not torch.equal(y, case.y):
        return "denoise wrote to the noisy image: expected it as it was (y.clone() is a copy)"
    changed = [name for name, value in case.network.state_dict().items() if not torch.equal(value, weights[name])]
    return f"denoise changed the network's {changed[0]}: expected its weights as they were" if changed else ""


def globals_as_before(case: Case, seeded: bool = True) -> str:
    """What all of a process share is as before; with `seeded`, the global generators are, too."""
    with torch.no_grad():
        return changed_by(lambda: asked(case, case.y.clone()), seeded)


def changed_by(work: Callable[[], object], seeded: bool = True) -> str:
    """What some work changes for its whole process, which is put right again."""
    with globals_kept():
        work()  # what is set up once, at the first time
        seed_globals("contract")
        before = global_states()
        work()
        after = global_states()
    left = () if seeded else SEEDED
    found = [name for name in before if name not in left and before[name] != after[name]]
    if not found:
        return ""
    hint = " (numbers from the generator that it is given)" if found[0] in SEEDED else ""
    return f"{', '.join(found)} changed: expected what all methods share as it was{hint}"


def same_again(case: Case, other: Case) -> str:
    """The same image gives the same result, whatever was denoised before."""
    first = denoised(case)
    with globals_kept():
        torch.rand(7), np.random.random(7)
    denoised(other, seed=5)
    again = denoised(case)
    if torch.equal(first, again):
        return ""
    apart = _largest(first, again)
    return f"the same image gave another result after others, by {apart:.3g} grey levels: expected an equal one"


def nothing_kept(case: Case) -> str:
    """No test image is kept from one call to the next."""
    if isinstance(case.method, FunctionMethod):
        image = case.y[0].permute(1, 2, 0).numpy().copy()
        kept = weakref.ref(image)
        function = type(case.method).function
        with globals_kept():
            function(image, case.law) if case.method.wants_model else function(image)
        del image
        gc.collect()
        return "" if kept() is None else _KEPT
    values = (case.y + 1.0).numpy().copy()  # which no other check has handed over
    denoised(case, torch.from_numpy(values.copy()))
    return _KEPT if _held(values) else ""


_KEPT = "the noisy image is still held after denoise: expected nothing kept from one image to the next"


def _held(values: np.ndarray) -> bool:
    """Whether there is a tensor of these values."""
    gc.collect()
    tensors = [thing for thing in gc.get_objects() if type(thing) is torch.Tensor and thing.shape == values.shape]
    return any(np.array_equal(thing.detach().cpu().numpy(), values) for thing in tensors)


def same_elsewhere(case: Case, elsewhere: Callable[[], np.ndarray]) -> str:
    """Another process gives the same result; `elsewhere` asks one."""
    mine, other = denoised(case), torch.from_numpy(elsewhere())
    if mine.shape == other.shape and torch.equal(mine, other):
        return ""
    told = f"by {_largest(mine, other):.3g} grey levels" if mine.shape == other.shape else f"in shape, {tuple(other.shape)}"
    return f"another worker's result differs {told}: expected an equal one"


def passes_counted(network: nn.Module, work: Callable[[], object], plain: torch.Tensor) -> tuple[str, float]:
    """All passes through the network are seen by what counts them; and how many there were, in units of `plain`'s area.

    A call of `network.forward`, or of a part of the network, is one that no cost tells of. The count is taken at the first
    layer with weights, whose share of a plain pass is known.
    """
    layers = [module for module in network.modules() if not list(module.children()) and list(module.parameters())]
    if not layers:
        return "", 0.0
    calls, inner = [0], [0]

    def note(pixels: int) -> None:
        calls[0] += pixels

    def count(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        inner[0] += inputs[0].numel()

    hooks = [watch(network, note), layers[0].register_forward_pre_hook(count)]
    with globals_kept(), torch.no_grad():
        network(plain)
    each = inner[0] / calls[0]
    calls[0], inner[0] = 0, 0
    with globals_kept():
        work()
    for hook in hooks:
        hook.remove()
    made, told = inner[0] / each, calls[0]
    area = plain.numel() // 3
    if made > _ROOM * told:
        return f"{made / area:.3g} passes of the network, {told / area:.3g} of them as network(...): expected every one so", 0.0
    return "", told / area


def trains_here(case: Case) -> bool:
    """Whether gradients of convolutions or products are taken while an image is denoised."""
    with globals_kept(), FlopCounterMode(display=False) as counter:
        denoised(case)
    return any("backward" in str(name) for counts in counter.get_flop_counts().values() for name in counts)


def _largest(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().max())
