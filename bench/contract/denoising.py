"""Checks of how a method denoises. Each returns what is wrong, with what was expected, or "" where nothing is."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from functools import partial
from types import FunctionType, ModuleType

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.contract.samples import SEEDED, Case, asked, denoised, global_states
from bench.plan.seeds import globals_kept, seed_globals
from bench.training.operations import watch
from methods import Method
from noise import shared

#: How many times the passes that are counted may really be made, for want of a better count.
_ROOM = 1.01

#: Correlation with a noisy image above which an array is that image; its noise alone keeps other images below.
_SAME = 0.9999

#: Things that are looked at for such arrays.
_MOST = 100_000


def result(case: Case) -> str:
    """An image of the same shape, float32, finite."""
    found = denoised(case)
    if not isinstance(found, torch.Tensor):
        return f"denoise gave {type(found).__name__}: expected a tensor"
    if found.shape != case.y.shape:
        return f"denoise gave an image of shape {tuple(found.shape)}: expected {tuple(case.y.shape)}"
    if found.dtype != torch.float32:
        return f"denoise gave {str(found.dtype).removeprefix('torch.')}: expected float32"
    if words := unscaled(found):  # of images of 20 to 235
        return f"denoise gave {words}"
    bad = int((~found.isfinite()).sum())
    return f"{bad} of {found.numel()} values that denoise gave are not finite: expected finite ones" if bad else ""


def unscaled(image: torch.Tensor) -> str:
    """What to say of values on a scale of 0 to 1, or of -1 to 1; "" of grey levels."""
    if not image.abs().max() <= 2:
        return ""
    return f"values from {image.min():.3g} to {image.max():.3g}: expected grey levels, nominally 0 to 255"


def edges(odd: Case, even: Case) -> str:
    """An image of odd sides is denoised to its last row and column, as far as one of even sides is."""
    size = "x".join(map(str, odd.y.shape[-2:]))
    (result, y), (usual, usual_y) = ((denoised(case), case.y) for case in (odd, even))
    for name, dim in (("row", -2), ("column", -1)):
        line, before, middle = result.select(dim, -1), y.select(dim, -1), result.select(dim, result.shape[dim] // 2)
        if bool((line == line[..., :1]).all()) and not bool((middle == middle[..., :1]).all()):
            return f"the last {name} of {size} is one value, {float(line.flatten()[0]):g}: expected it denoised as the rest"
        if torch.equal(line, before) and not torch.equal(usual.select(dim, -1), usual_y.select(dim, -1)):
            return f"the last {name} of {size} is the input's: expected it denoised as the rest"
    return ""


def other_than_input(case: Case) -> str:
    """Something is done to the image."""
    return "denoise gave its input: expected another image" if torch.equal(denoised(case), case.y) else ""


def input_kept(case: Case) -> str:
    """The noisy image and the network are as before."""
    y, weights = case.y.clone(), {name: value.clone() for name, value in case.network.state_dict().items()}
    denoised(case, y)
    if not torch.equal(y, case.y):
        return "denoise wrote to the noisy image: expected it as it was (y.clone() is a copy)"
    if any(module.training for module in case.network.modules()):
        return "denoise put the network into training mode: expected network.eval(), as it was"
    changed = [name for name, value in case.network.state_dict().items() if not torch.equal(value, weights[name])]
    return f"denoise changed the network's {changed[0]}: expected its weights as they were" if changed else ""


def globals_as_before(case: Case, seeded: bool = True) -> str:
    """What all of a process share is as before; with `seeded`, the global generators are, too."""
    with torch.no_grad():
        return changed_by(lambda: asked(case, case.y.clone()), seeded)


def changed_by(work: Callable[[], object], seeded: bool = True) -> str:
    """What some work changes for its whole process, which is put right again."""
    with globals_kept(), shared.kept():
        early = shared.states()
        work()  # what is drawn once, at the first time, is nobody's loss; what is set then, stays so
        late = shared.states()
        seed_globals("contract")
        before = global_states()
        work()
        after = global_states()
    left = () if seeded else SEEDED
    changed = {name for name in early if early[name] != late[name]} | {name for name in before if before[name] != after[name]}
    found = [name for name in before if name in changed and name not in left]
    if not found:
        return ""
    hint = " (numbers from the generator that it is given)" if found[0] in SEEDED else ""
    return f"{', '.join(found)} changed: expected what all methods share as it was{hint}"


def same_again(case: Case, alike: Case, other: Case) -> str:
    """The same image gives the same result, whatever was denoised before; `alike`, of its size, gives another."""
    first = denoised(case)
    if torch.equal(first, denoised(alike)):
        return "two images of one size gave one result: expected each its own, whatever was denoised before"
    with globals_kept():
        torch.rand(7), np.random.random(7)
    denoised(other, seed=5)
    again = denoised(case)
    if torch.equal(first, again):
        return ""
    apart = _largest(first, again)
    return f"the same image gave another result after others, by {apart:.3g} grey levels: expected an equal one"


def nothing_kept(case: Case) -> str:
    """No test image is kept from one call to the next, nor a copy of it, or of a channel; parts of it are not looked for."""
    values = (case.y + 20 * torch.randn(case.y.shape, generator=torch.Generator().manual_seed(0))).numpy().copy()
    denoised(case, torch.from_numpy(values.copy()))
    return _KEPT if _held(values, case.method) else ""


#: What bytes of an image may hold.
_TYPES = (np.float64, np.float32, np.float16, np.uint16, np.uint8)
_KEPT = "the noisy image is still held after denoise: expected nothing kept from one image to the next"


def _held(values: np.ndarray, method: Method) -> bool:
    """Whether anywhere a tensor, or within the method's reach an array or bytes, has these values.

    In this order or with channels last, and on any scale.
    """
    gc.collect()
    reached = list(_within_reach(method))
    there = [thing for thing in (*gc.get_objects(), *reached) if type(thing) in (torch.Tensor, np.ndarray, bytes)]
    there += [np.array(thing) for thing in reached if type(thing) is list and _nested(thing) >= 2]
    channels = [*values[0], values[0].mean(axis=0)]
    orders = [values.ravel(), np.moveaxis(values, 1, -1).ravel(), *(channel.ravel() for channel in channels)]
    orders += [order.clip(0, 255) for order in orders]  # as it would be stored
    found = (numbers for thing in there for count in (values.size, orders[-1].size) for numbers in _numbers(thing, count))
    return any(_alike(numbers, order) for numbers in found for order in orders if len(order) == len(numbers))


def _nested(thing: object) -> int:
    """How many lists deep its first number lies; 0 where there is none."""
    depth = 0
    while isinstance(thing, list) and thing:
        thing, depth = thing[0], depth + 1
    return depth if isinstance(thing, (int, float)) else 0


def _within_reach(method: Method) -> Iterator[object]:
    """What the method's class and module hold, and what these hold in turn, but for other modules' classes and functions."""
    module = type(method).__module__
    seen: set[int] = set()
    ahead: list[object] = [method, type(method), *vars(type(method)).values()]
    first = set(map(id, ahead))
    while ahead and len(seen) < _MOST:
        thing = ahead.pop()
        other = isinstance(thing, (type, FunctionType)) and thing.__module__ != module and id(thing) not in first
        if id(thing) not in seen and not other and not isinstance(thing, ModuleType):
            seen.add(id(thing))
            ahead += gc.get_referents(thing)
            yield thing


def _numbers(thing: torch.Tensor | np.ndarray | bytes, count: int) -> Iterator[np.ndarray]:
    """The numbers in it, where there are so many; of bytes, by each type of so many."""
    if isinstance(thing, bytes):
        yield from (np.frombuffer(thing, kind) for kind in _TYPES if len(thing) == np.dtype(kind).itemsize * count)
    elif isinstance(thing, torch.Tensor):
        if thing.numel() == count:
            yield thing.detach().cpu().float().numpy().ravel()
    elif thing.size == count and thing.dtype.kind in "fiu":
        yield thing.ravel()


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether they are equal, but for scale, shift and rounding."""
    if not np.isfinite(one).all() or one.std() == 0:
        return False
    return bool(np.corrcoef(one, other)[0, 1] > _SAME)


def same_elsewhere(case: Case, elsewhere: Callable[[], np.ndarray]) -> str:
    """Another process gives the same result; `elsewhere` asks one."""
    mine, other = denoised(case), torch.from_numpy(elsewhere())
    if mine.shape == other.shape and torch.equal(mine, other):
        return ""
    told = f"by {_largest(mine, other):.3g} grey levels" if mine.shape == other.shape else f"in shape, {tuple(other.shape)}"
    return f"another worker's result differs {told}: expected an equal one"


def passes_counted(network: nn.Module, work: Callable[[], object], plain: torch.Tensor) -> tuple[str, float]:
    """All passes through the network are seen by what counts them; and how many there were, in units of `plain`'s area.

    A call of `network.forward`, or of a part of the network, is one that no cost tells of. The count is taken at every layer
    with weights, beside what images of the sides that were told, padded as the network pads them, bring there; the layer that
    was passed most beside that counts.
    """
    layers = [module for module in network.modules() if not list(module.children()) and list(module.parameters())]
    if not layers:
        return "", 0.0
    inner, shapes = dict.fromkeys(layers, 0), list[torch.Size]()

    def count(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        inner[module] += inputs[0].numel()

    def counts(work: Callable[[], object]) -> dict[nn.Module, int]:
        inner.update(dict.fromkeys(layers, 0))
        with globals_kept():
            work()
        return dict(inner)

    def passed(*sides: torch.Size) -> None:
        with torch.no_grad():
            for shape in sides:
                network(plain.new_zeros(shape))

    hooks = [layer.register_forward_pre_hook(count) for layer in layers]
    watching = watch(network, shapes.append)
    made = counts(work)
    watching.remove()
    asked, one = counts(partial(passed, *shapes)), counts(partial(passed, plain.shape))
    for hook in hooks:
        hook.remove()
    told = sum(shape.numel() for shape in shapes) / plain.numel()
    beyond = max(((made[layer] - asked[layer]) / one[layer] for layer in layers if one[layer]), default=0.0)
    if beyond > (_ROOM - 1) * told:
        words = f"{told + beyond:.3g} passes of the network, {told:.3g} of them as network(...)"
        return f"{words}: expected every one so", 0.0
    return "", told


def trains_here(case: Case) -> bool:
    """Whether gradients of convolutions or products are taken while an image is denoised."""
    with globals_kept(), FlopCounterMode(display=False) as counter:
        denoised(case)
    return any("backward" in str(name) for counts in counter.get_flop_counts().values() for name in counts)


def _largest(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().max())
