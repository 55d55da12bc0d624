"""Where a training step's time goes, by torch.profiler: `python -m tests.benchmarks.profiling quick small [--device cuda]`.

Prints a table in Markdown, a column a preset: milliseconds a step, and shares of the time that the operators themselves take.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import replace

import torch
from torch.profiler import ProfilerActivity, profile

import methods
import noise
from bench.plan.settings import PRESETS
from bench.training import fused
from bench.training.loop import train
from bench.training.networks import make_network
from bench.training.operations import count
from bench.training.patches import make_patches
from methods import Batch
from tests.benchmarks.pairs import images

STEPS = 10

#: Kinds of work, and words that are in the names of their operators; the first that fits.
KINDS = {
    "convolutions, backward": ("convolution_backward", "wgrad", "dgrad", "bprop"),
    "convolutions, forward": ("convolution", "conv", "xmma", "cudnn", "gemm", "nvjet"),
    "GroupNorm": ("group_norm", "GroupNorm", "RowwiseMoments", "ComputeFused", "ComputeInternal"),
    "SiLU": ("silu",),
    "attention": ("scaled_dot_product", "attention", "flash"),
    "optimiser": ("adamw", "Adam"),
    "copies and concatenation": ("copy", "cat", "Cat", "clone", "contiguous", "Memcpy", "Memset", "gather"),
    "pooling and upsampling": ("pool", "upsample"),
}


def kind_of(name: str) -> str:
    """The kind of work of an operator."""
    return next((kind for kind, words in KINDS.items() if any(word in name for word in words)), "the rest")


def shares(name: str, device: torch.device, slug: str = "supervised") -> tuple[float, float, dict[str, float]]:
    """Milliseconds a step, its operations (GFLOP), and the share of each kind of work."""
    method, model = methods.get(slug), noise.get(1)
    preset = replace(PRESETS[name], steps=STEPS, checks=1)
    patches = make_patches(images(side=max(96, preset.patch)), model, None, 0, method.supervised, device)
    network = make_network(preset, device)
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]

    def steps() -> float:
        found = train(network, method, model, patches, preset, "profile", device, lambda *_: None, lambda _: 0.0)[1]
        return 1000 * found.seconds / STEPS

    steps()
    each = steps()
    with profile(activities=kinds) as told:
        steps()
    times: dict[str, float] = {}
    for event in told.key_averages():
        own = event.self_device_time_total if device.type == "cuda" else event.self_cpu_time_total
        times[kind_of(event.key)] = times.get(kind_of(event.key), 0.0) + own
    noisy, clean = patches.draw(0, 0, preset.patches, preset.patch, False)
    batch = Batch(noisy, clean, model, 0.5, torch.Generator(device))
    work = count(lambda: method.loss(network, batch).backward()).scaled(1.0)
    return each, work / 1e9, {kind: time / sum(times.values()) for kind, time in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="+", choices=list(PRESETS), metavar="PRESET")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--fused", action="store_true", help="on a GPU: norms and activations in one, compiled")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    fused._WORTH = 0.0 if options.fused else math.inf  # these few steps would not be worth compiling
    found = {name: shares(name, torch.device(options.device)) for name in options.presets}
    print(f"| | {' | '.join(found)} |\n| --- |{' ---: |' * len(found)}")
    print(f"| a step (ms) | {' | '.join(f'{each:.1f}' for each, _, _ in found.values())} |")
    print(f"| its operations (GFLOP) | {' | '.join(f'{work:.1f}' for _, work, _ in found.values())} |")
    print(f"| GFLOP/s | {' | '.join(f'{1000 * work / each:.0f}' for each, work, _ in found.values())} |")
    for kind in (*KINDS, "the rest"):
        print(f"| {kind} (%) | {' | '.join(f'{100 * told.get(kind, 0.0):.1f}' for _, _, told in found.values())} |")


if __name__ == "__main__":
    main()
