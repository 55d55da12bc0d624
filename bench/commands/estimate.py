"""The `--dry-run` of a run: what it would do, and an estimate of its time and memory from a few measured steps."""

from __future__ import annotations

import heapq
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import torch
from rich.console import Console

from bench.cells.denoising import denoise, noisy_image
from bench.cells.metrics import score
from bench.commands.arguments import usable_cores
from bench.data.measured import Shot
from bench.data.sets import Data, ImageSet
from bench.errors import fault_of
from bench.executors.gpus import visible_gpus
from bench.executors.needs import available_bytes, fitted, needs_of
from bench.executors.place import Place
from bench.files.json_files import read_again
from bench.plan.cells import Cell, Job, count_trainings, make_cells, make_jobs, shared
from bench.plan.measured import Measured, settings_for
from bench.plan.seeds import globals_kept
from bench.plan.settings import Settings, crop_of, own_steps, with_own_steps
from bench.runs import store
from bench.runs.directory import refuse_other
from bench.runs.inputs import images_for, load_data, settled, training_sum
from bench.runs.lock import refuse_strange
from bench.runs.notes import cautions, estimates
from bench.runs.origin import outdated
from bench.runs.progress import duration
from bench.runs.record import run_record
from bench.training.budget import schedule
from bench.training.loop import train
from bench.training.networks import network_of
from bench.training.patches import make_patches

#: Seconds until a process has imported all it needs, and those of the last table and report.
START, END = 3.0, 1.5

#: Steps that are tried of a method's training, images whose noise is drawn for them, side of the image to denoise (pixels),
#: and seconds after which no further method is tried: it then counts as those before.
STEPS, IMAGES, SIDE, PATIENCE = 4, 4, 128, 20.0

#: Side of the image for methods that train on it (pixels), and about how many steps are tried at most.
SIDE_ALONE, MOST_STEPS = 64, 64


@dataclass(frozen=True)
class Cost:
    """Seconds that a method takes one undisturbed worker: all steps of a training, a pixel's noise there, a pixel at test."""

    steps: float
    noise: float
    pixel: float


def dry_run(settings: Settings, directory: Path, place: Place, console: Console, retry: Sequence[str] = ()) -> None:
    """Print what a run would do, and an estimate of its time and memory; what is done in the directory counts as done.

    Raises UsageError as the run would, for images or settings other than those of a run that is there.
    """
    refuse_strange(directory)
    clock = time.perf_counter()
    data = load_data(settings)
    loading = time.perf_counter() - clock
    settings = settled(settings, data)  # the workers are told the laws of measured noise
    once = time.perf_counter() - clock
    place, shortage = fitted(place, settings, data)
    for sentence in [*cautions(data), *estimates(settings), *([shortage] if shortage else [])]:
        console.print(sentence, soft_wrap=True)
    cells = make_cells(settings, training_sum(data))
    entries = [cell.entry for cell in cells]
    console.print(f"{'cell':<52} {'applicable':<11} {'given':<8} training", soft_wrap=True)
    for entry in entries:
        given = "" if entry.applicability == "no" else "A^-1 y" if entry.decorrelated else "y"
        line = f"{entry.name:<52} {entry.applicability:<11} {given:<8} {(entry.key or '-')[:8]}"
        console.print(line, soft_wrap=True)
    for line in shared(entries):
        console.print(f"shared: {line}", soft_wrap=True)
    running = sum(entry.applicability != "no" for entry in entries)
    of_each = [images_for(settings, data, model)[1].test for model in settings.noise]
    counts = sorted({sum(len(chosen.images) for chosen in tests) for tests in of_each})
    test = f"{'' if len(counts) == 1 else f'{counts[0]} to '}{counts[-1]} test image{'s' * (counts[-1] != 1)}"
    every = make_jobs(cells)
    if (before := store.read_run(directory)) is not None:
        refuse_other(directory, before, read_again(run_record(settings, data, entries, "")))
    jobs = [job for job in every if not all(_is_done(directory, cell, retry) for cell in job.cells)]
    done = f"{len(every) - len(jobs)} of {len(every)} jobs were done before. " if len(jobs) < len(every) else ""
    workers = max(1, min(place.workers or 1, len(jobs)))
    few = "" if workers == (place.workers or 1) else f" (there {'is 1 job' if len(jobs) == 1 else f'are {len(jobs)} jobs'})"
    if settings.device == "cuda" and not torch.cuda.is_available():
        needed = "unknown, there is no GPU here to try a step on"
    else:
        costs, faults = measure(settings, data, cells)
        for words, fault in faults.items():
            console.print(f"{words} failed when it was tried, and is not in the time: {fault}", soft_wrap=True)
        known = [job for job in jobs if _tried_as(job.cells[0], settings) not in faults]
        one = [
            job_seconds(
                job,
                {cell.entry.method: costs[_tried_as(cell, settings)] for cell in job.cells},
                *images_for(settings, data, job.cells[0].model),
            )
            for job in known
        ]
        needed = duration(once + START + makespan(one, workers, loading, crowding(settings, place, workers)) + END)
    memory = memory_words(settings, data, workers, place)
    console.print(
        f"{len(entries)} cells, {running} of them to run, {count_trainings(entries)} trainings, {test} each. "
        f"{done}"
        f"Estimated time with {workers} worker{'s' * (workers != 1)}{few}: {needed}. {memory}"
        f"Would write to {directory}",
        soft_wrap=True,
    )  # fmt: skip


def _is_done(directory: Path, cell: Cell, retry: Sequence[str]) -> bool:
    """Whether a run in the directory would take the cell's record for its own."""
    record = store.read_cell(directory, cell.entry)
    return record is not None and record.get("status") not in retry and not outdated(record, cell)


def measure(settings: Settings, data: Data, cells: Sequence[Cell]) -> tuple[dict[str, Cost], dict[str, str]]:
    """What each method costs that the cells ask for, by `_tried_as`, and what was wrong with some.

    Each is tried on its first noise model.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(settings.threads)
    found: dict[str, Cost] = {}
    faults: dict[str, str] = {}
    began = time.perf_counter()
    try:
        for cell in cells:
            slug = _tried_as(cell, settings)
            if slug in found or cell.entry.applicability == "no":
                continue
            if cell.method.one_image or time.perf_counter() - began < PATIENCE:  # no other tells what these take
                try:
                    with globals_kept():
                        found[slug] = _tried(cell, *images_for(settings, data, cell.model))
                except KeyboardInterrupt:
                    raise
                except BaseException as error:  # a method's own code
                    found[slug], faults[slug] = Cost(0.0, 0.0, 0.0), fault_of(error)
            else:
                costs = list(found.values())
                found[slug] = Cost(*(max(getattr(cost, name) for cost in costs) for name in ("steps", "noise", "pixel")))
    finally:
        torch.set_num_threads(before)
    return found, faults


def _tried_as(cell: Cell, settings: Settings) -> str:
    """What a try tells the cost of: a method, in as many channels as the row has."""
    colours = settings_for(settings, cell.model).preset.colours
    return cell.entry.method if colours == settings.preset.colours else f"{cell.entry.method} (channels: {colours})"


def _tried(cell: Cell, settings: Settings, data: Data) -> Cost:
    """A few steps, and a part of an image denoised and scored."""
    preset, device = settings.preset, torch.device(settings.device)
    network = network_of(cell.method, preset, device)
    steps = noise = 0.0
    if cell.key:
        few = [image for chosen in data.training for image in chosen.images][:IMAGES]
        clocks = [time.perf_counter()]
        patches = make_patches(few, cell.model, cell.seen, cell.seed, cell.method.supervised, device, pairs=cell.method.pairs)
        noise = (time.perf_counter() - clocks[0]) / sum(image.pixels.shape[0] * image.pixels.shape[1] for image in few)
        law = cell.seen.model if cell.seen else cell.model
        own = schedule(settings, cell, data).preset
        train(
            network, cell.method, law, patches, replace(own, steps=STEPS, checks=1), "estimate", device,
            lambda share, loss: clocks.append(time.perf_counter()), lambda average: 0.0,
        )  # fmt: skip
        steps = own.steps * statistics.median(late - early for early, late in pairwise(clocks[1:]))
    network.eval()
    image, side = data.test[0].images[0], SIDE_ALONE if cell.method.one_image else SIDE
    if isinstance(image, Shot):
        image = replace(image, clean=None, second=None)
    image = replace(image, pixels=image.pixels[:side, :side])

    def seconds_a_pixel(cell: Cell) -> float:
        clock = time.perf_counter()
        clean, noisy = noisy_image(image, cell.model, cell.seed)
        score(denoise(network, cell, noisy.to(device), image, preset.self_ensemble), clean)
        return (time.perf_counter() - clock) / (clean.shape[-1] * clean.shape[-2])

    if not cell.method.one_image:
        return Cost(steps, noise, min(seconds_a_pixel(cell) for _ in range(2)))  # the first time may load libraries

    def of(few: int) -> float:
        return seconds_a_pixel(replace(cell, method=with_own_steps(cell.method, few)))

    return Cost(steps, noise, _of_steps(of, own_steps(cell.method)))


def _of_steps(seconds: Callable[[int], float], steps: int) -> float:
    """What so many steps take a method on one image, from a few: what it does once, which may be more, and what a step adds."""
    seconds(1)
    once, few = seconds(1), STEPS
    while (added := seconds(1 + few) - once) < once / 2 and few < MOST_STEPS:
        few *= 4
    return once + max(0.0, added) / few * (steps - 1)


def job_seconds(job: Job, costs: Mapping[str, Cost], settings: Settings, data: Data) -> float:
    """What a job takes one undisturbed worker: its training, with its validations, and the tests of its cells."""
    first, preset = job.cells[0], settings.preset
    cost = costs[first.entry.method]
    seconds = sum(costs[cell.entry.method].pixel * _pixels(data.test, crop_of(cell.method, preset)) for cell in job.cells)
    if first.key:
        both = isinstance(first.model, Measured) and first.model.crosses(first.method)
        seconds += cost.steps * (2 if both else 1) + cost.noise * _pixels(data.training)
        seconds += cost.pixel * preset.checks * _pixels([data.validation])
    return seconds


def _pixels(sets: Sequence[ImageSet], side: int = 0) -> int:
    """Of all images, or of their centres of that side."""
    sizes = [image.pixels.shape[:2] for chosen in sets for image in chosen.images]
    return sum(min(height, side or height) * min(width, side or width) for height, width in sizes)


def crowding(settings: Settings, place: Place, workers: int) -> float:
    """How many times longer everything takes because workers of this machine outnumber its cores, or its GPUs."""
    if place.executor != "local":
        return 1.0
    if settings.device == "cuda":
        return max(1.0, workers / max(1, len(visible_gpus())))
    return max(1.0, workers * settings.threads / usable_cores())


def makespan(seconds: Sequence[float], workers: int, loading: float, crowded: float = 1.0) -> float:
    """Seconds until the last of the jobs is done, which are taken in order, each by the worker that is free first.

    Parameters
    ----------
    seconds : sequence of float
        What each job takes one undisturbed worker.
    loading : float
        What each worker takes to read the images when it starts.
    crowded : float
        How many times longer all of it takes.
    """
    free = [START + loading] * workers
    for each in seconds:
        heapq.heapreplace(free, free[0] + each)
    return crowded * max(free, default=0.0)


def memory_words(settings: Settings, data: Data, workers: int, place: Place) -> str:
    """About how much memory the workers of this machine take, as a sentence."""
    if place.executor != "local" or settings.device != "cpu":
        return ""
    needs = needs_of(settings, data)
    needed, free = (workers * needs.worker + needs.shared) / 2**30, available_bytes() / 2**30
    short = ": expected fewer workers" if needed > free else ""
    return f"They take about {needed:.1f} GiB of memory, {free:.1f} GiB are free{short}. "
