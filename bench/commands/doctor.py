"""The `doctor` command: can this machine run the suite?"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import psutil
import torch
from rich.console import Console

import methods
import noise
from bench.data.sets import load
from bench.errors import UsageError, one_line
from bench.plan.settings import PRESETS
from bench.runs.record import hardware, versions
from bench.training.networks import make_network

#: A run of the quick preset wants this much (GiB).
_MEMORY, _DISK = 4.0, 0.5


def doctor(console: Console) -> int:
    """Print what was found; returns 0 where nothing stands in the way, else 1."""
    problems = []
    machine = hardware()
    for package, version in versions().items():
        console.print(f"{package} {version}", soft_wrap=True)
    console.print(f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB of memory", soft_wrap=True)
    console.print(f"GPU: {machine['gpu'] or 'none'}", soft_wrap=True)

    free_memory = psutil.virtual_memory().available / 2**30
    free_disk = shutil.disk_usage(Path.cwd()).free / 2**30
    console.print(f"{free_memory:.1f} GiB of memory and {free_disk:.1f} GiB of disk are free here", soft_wrap=True)
    if free_memory < _MEMORY:
        problems.append(f"{free_memory:.1f} GiB of memory are free; expected at least {_MEMORY:g}")
    if free_disk < _DISK:
        problems.append(f"{free_disk:.1f} GiB of disk are free; expected at least {_DISK:g}")
    if not os.access(Path.cwd(), os.W_OK):
        problems.append(f"{Path.cwd()} cannot be written, and runs/ would be made there; use --out")

    try:
        sample = load("sample")
        console.print(f"sample images: {sum(len(chosen.images) for chosen in sample.test)} test images", soft_wrap=True)
    except UsageError as error:
        problems.append(str(error))
    problems += [one_line(reason) for reason in methods.broken().values()]
    console.print(f"{len(noise.catalogue())} noise models, methods: {', '.join(methods.catalogue())}", soft_wrap=True)
    console.print(f"a step of the quick preset takes {1000 * _step_seconds():.0f} ms on one thread", soft_wrap=True)

    for problem in problems:
        console.print(f"problem: {problem}", style="red", soft_wrap=True)
    if not problems:
        console.print("no problem found", style="green")
    return 1 if problems else 0


def _step_seconds() -> float:
    """Time of a forward and backward pass of the quick preset on one CPU thread: the least of four."""
    preset = PRESETS["quick"]
    network = make_network(preset)
    y = torch.full((preset.patches, 3, preset.patch, preset.patch), 100.0)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    times = []
    for _ in range(4):
        clock = time.perf_counter()
        network(y).square().mean().backward()
        times.append(time.perf_counter() - clock)
    torch.set_num_threads(before)
    return min(times)
