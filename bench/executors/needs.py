"""How much memory a run takes on this machine: of each worker its own, and of all workers together.

An estimate, from what the network keeps of a small image: features grow with the pixels.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from bench.cells.blocks import LARGE
from bench.data.sets import Data
from bench.errors import UsageError
from bench.executors.place import Place
from bench.plan.settings import Preset, Settings
from bench.training.budget import most_pixels, own_side
from bench.training.networks import UNet, count_parameters, make_network, network_of
from bench.training.tiles import AT_ONCE

#: A process with the libraries, before any work (measured: 0.35 GiB; with what allocators keep).
BASE = 450 * 2**20

#: Weights, their average, gradient, and AdamW's two moments.
_COPIES = 5

#: Side of the image that is tried (pixels).
_SIDE = 32

#: Bytes a pixel of a test image of three channels beside the network's: noisy, denoised and clean ones, and what SSIM in
#: double precision makes of them (measured on 1024x1024: 244 of the noisy image, 282 of supervised; 406 of score-solver-plus,
#: between 800x800 and 1600x1600).
_IMAGE_BYTES = 420

#: The same of an image that is denoised in blocks and scored in strips (measured on 4000x3000: 58 of the noisy image,
#: 83 of neighbor2neighbor and recorrupted, 130 of score-solver).
_LARGE_IMAGE_BYTES = 130

#: Noise models at work at a time, about: each has its noisy training images in one file for all workers.
_FILES = 2


@dataclass(frozen=True)
class Needs:
    """Memory (bytes): of a worker its own, and what all workers share."""

    worker: int
    shared: int

    def workers_within(self, available: int) -> int:
        """How many workers fit; 0 where not even one does."""
        return max(0, (available - self.shared) // self.worker)


def needs_of(settings: Settings, data: Data) -> Needs:
    """What a run takes where it computes on CPUs."""
    preset = settings.preset
    measured = [each.images for each in data.measured]
    beside = sum(len(each.beside) * image.pixels.nbytes for each in data.measured for image in each.shots)
    pixels = beside + sum(image.pixels.nbytes for chosen in data.sets for image in chosen.images)
    tested = [image.pixels[..., 0].size for chosen in (*data.test, data.validation, *measured) for image in chosen.images]
    draws = 2 if any(method.pairs for method in settings.methods) else 1
    shared = 4 * draws * sum(image.pixels.size for chosen in data.training for image in chosen.images)
    trained = [method for method in settings.methods if method.trains]
    sharing, largest = [method for method in trained if not method.own_network], max(tested, default=0)
    fed = max((most_pixels(preset, method, settings.equal) for method in sharing), default=0)
    side = max((own_side(preset, method) for method in sharing), default=0)
    work = work_bytes(make_network(preset), preset, fed, largest, max(AT_ONCE, side**2))
    for method in trained:
        if method.own_network:
            with suppress(Exception):  # a method's own code: its cells will tell
                own = network_of(method, preset)
                own_work = work_bytes(own, preset, most_pixels(preset, method, settings.equal), largest, largest)
                work = max(work, own_work)
    return Needs(BASE + pixels + work, _FILES * shared)


def work_bytes(network: nn.Module, preset: Preset, fed: int, tested: int, at_once: int) -> int:
    """What a worker takes at most: in a step that `fed` pixels go through, or with an image of `tested` pixels, in tiles."""
    return max(training_bytes(network, preset, fed), evaluation_bytes(network, tested, at_once, preset.colours))


def training_bytes(network: nn.Module, preset: Preset, pixels: int) -> int:
    """What a step keeps: the tensors that its backward pass wants, and what the optimiser holds of each weight.

    Parameters
    ----------
    pixels : int
        That go through the network in a step.
    """
    saved = 0

    def count(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal saved
        saved += 0 if isinstance(tensor, nn.Parameter) else tensor.nbytes
        return tensor

    with saved_tensors_hooks(count, lambda tensor: tensor):
        network(torch.zeros(1, preset.colours, _SIDE, _SIDE))
    return saved * pixels // preset.accumulate // _SIDE**2 + 4 * _COPIES * count_parameters(network)


def evaluation_bytes(network: nn.Module, pixels: int, at_once: int, colours: int = 3) -> int:
    """What denoising and scoring an image of so many pixels takes, of which the network sees `at_once`, in tiles.

    Of a pass: the features that wait for the way up, and those at work.
    """
    kept, largest = 0, 0

    def count(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal kept, largest
        kept += output.nbytes if module in waiting else 0
        largest = max(largest, output.nbytes + sum(tensor.nbytes for tensor in inputs))

    waiting = {network.stem, *network.down} if isinstance(network, UNet) else set[nn.Module]()
    hooks = [module.register_forward_hook(count) for module in network.modules()]
    with torch.no_grad():
        network(torch.zeros(1, colours, _SIDE, _SIDE))
    for hook in hooks:
        hook.remove()
    passed = (kept + 2 * largest) * min(pixels, at_once) // _SIDE**2
    image = _IMAGE_BYTES * pixels
    if pixels > max(LARGE, at_once):
        image = max(_IMAGE_BYTES * LARGE, _LARGE_IMAGE_BYTES * pixels)
    return passed + image * colours // 3 + 4 * 2 * count_parameters(network)


def available_bytes(limits: Path = Path("/sys/fs/cgroup")) -> int:
    """Memory that is free: on this machine, and within the limit of the container, where there is one (Linux)."""
    free = int(psutil.virtual_memory().available)
    try:
        most, taken = (int((limits / name).read_text()) for name in ("memory.max", "memory.current"))
    except (OSError, ValueError):  # "max": no limit
        return free
    return max(0, min(free, most - taken))


def fitted(place: Place, settings: Settings, data: Data, available: int | None = None) -> tuple[Place, str]:
    """The place with no more workers than memory has room for, where their number was not asked for; and a sentence, or "".

    Parameters
    ----------
    available : int or None
        Bytes that are free; None: ask the system.

    Raises
    ------
    UsageError
        Where not even one worker fits.
    """
    if place.executor != "local" or settings.device != "cpu" or place.workers is None:
        return place, ""
    needs, free = needs_of(settings, data), available_bytes() if available is None else available
    fit = needs.workers_within(free)
    told = (
        f"a worker takes about {_gib(needs.worker)} of memory, the training images {_gib(needs.shared)}, {_gib(free)} are free"
    )
    if fit < 1:
        raise UsageError(f"--preset {settings.preset_name}: {told}: expected smaller settings or images, or more memory")
    if place.workers <= fit:
        return place, ""
    if place.fixed:
        return place, f"{place.workers} workers may be too many: {told}. {fit} would fit."
    return replace(place, workers=fit), f"{fit} of {place.workers} workers, for want of memory: {told}."


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
