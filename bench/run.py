"""The `run` command: plan, check, execute, keep the table and the report up to date."""

from __future__ import annotations

import os
import shutil
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

import methods
import noise
import reports
from bench import pool, store
from bench.data import Data, describe, load
from bench.denoising import Run
from bench.errors import UsageError
from bench.networks import count_parameters, make_network
from bench.patches import make_patches
from bench.plan import Cell, Settings, count_trainings, make_cells, make_jobs, shared
from bench.progress import Display, duration
from bench.record import run_record
from bench.settings import PRESETS
from bench.training import train

#: Least seconds between two renderings of the report; a slow rendering waits longer, so that it costs at most a tenth.
REFRESH = 20.0


def load_data(settings: Settings) -> Data:
    """Read and check the images that the settings ask for. Raises UsageError."""
    preset = settings.preset
    wanted = preset.test_sets
    if wanted == PRESETS[settings.preset_name].test_sets:  # a preset's own choice is of the sets that are there
        there = {name for name, role, _, _ in describe(settings.data) if role == "test"}
        wanted = tuple(name for name in wanted if name in there)
    return load(
        settings.data,
        test_sets=wanted,
        test_images=preset.test_images,
        test_crop=preset.test_crop,
        training_crop=preset.training_crop,
        validation_images=preset.validation_images,
        validation_crop=preset.validation_crop,
        patch=preset.patch,
    )


def training_sum(data: Data) -> str:
    """The training images' part of a training key."""
    return " ".join(f"{chosen.name} {chosen.sha256} {chosen.crop}" for chosen in data.training)


def run(
    settings: Settings,
    directory: Path,
    workers: int,
    command: str,
    console: Console,
    retry: Sequence[str] = (),
    budget: float | None = None,
) -> int:
    """Do every cell that has no record yet; returns the exit status (0, or 1 where a cell failed).

    Parameters
    ----------
    retry : sequence of str
        Statuses of cells to do again.
    budget : float or None
        Seconds after which to stop; cells that would not end before are not begun.

    Raises
    ------
    UsageError
        Before any work, for data or a directory that cannot be used.
    pool.Interrupted
        On SIGINT, SIGTERM and the end of the budget; everything finished is stored, and the same command goes on from there.
    """
    deadline = None if budget is None else time.monotonic() + budget
    data = load_data(settings)
    cells = make_cells(settings, training_sum(data))
    open_directory(directory, run_record(settings, data, cells, command), settings, cells)
    forget(directory, cells, retry)
    shutil.rmtree(directory / "progress", ignore_errors=True)
    jobs = make_jobs(cells)
    records = Records(directory, cells)
    todo = [job for job in jobs if any(records.now[cell.name] is None for cell in job.cells)]
    console.print(
        f"{len(cells)} cells, {count_trainings(cells)} trainings; {len(jobs) - len(todo)} of {len(jobs)} jobs were done "
        f"before. {workers} worker{'s' * (workers > 1)} of {settings.threads} thread{'s' * (settings.threads > 1)}. "
        f"Results in {directory}",
        soft_wrap=True,
    )  # fmt: skip
    refreshed = spent = 0.0
    with Display(directory, cells, console) as display:

        def look() -> None:
            nonlocal refreshed, spent
            changed = records.update()
            display.show(records.in_order())
            if changed and time.monotonic() - refreshed > max(REFRESH, 10 * spent):
                began = time.monotonic()
                publish(directory, cells, records.in_order(), console)
                refreshed = time.monotonic()
                spent = refreshed - began

        look()
        try:
            pool.execute(Run(directory, settings, data), todo, workers, look, deadline)
        finally:
            records.update()
            publish(directory, cells, records.in_order(), console)
            shutil.rmtree(directory / "progress", ignore_errors=True)
    failed = [cell.name for cell in cells if store.status_of(cell, records.now[cell.name]) in ("failed", "timeout")]
    for name in failed:
        record = records.now[name] or {}
        console.print(f"{name}: {record.get('status')}: {record.get('message')}", soft_wrap=True)
    console.print(f"{directory / 'report.html'}", soft_wrap=True)
    return 1 if failed else 0


class Records:
    """The cells' records, read as they appear."""

    def __init__(self, directory: Path, cells: Sequence[Cell]) -> None:
        self.directory, self.cells = directory, cells
        self.now: dict[str, dict[str, Any] | None] = dict.fromkeys((cell.name for cell in cells), None)
        self.update()

    def update(self) -> bool:
        """Read what is new; whether anything was."""
        changed = False
        for cell in self.cells:
            if self.now[cell.name] is None and cell.applicability != "no":
                self.now[cell.name] = store.read_cell(self.directory, cell)
                changed |= self.now[cell.name] is not None
        return changed

    def in_order(self) -> list[dict[str, Any] | None]:
        return [self.now[cell.name] for cell in self.cells]


def publish(directory: Path, cells: Sequence[Cell], records: Sequence[dict[str, Any] | None], console: Console) -> None:
    """Bring results.parquet, results.csv and report.html up to date. A fault of the report does not stop a run."""
    store.write_table(directory, store.table(cells, records))
    try:
        reports.write(directory)
    except Exception:
        console.print(f"the report could not be written:\n{traceback.format_exc()}", soft_wrap=True)


def open_directory(directory: Path, record: dict[str, Any], settings: Settings, cells: Sequence[Cell]) -> None:
    """Make the run directory, or check that the run in it is this one.

    Raises
    ------
    UsageError
        Where it holds something else, a run with other settings (the difference is named), or cannot be written.
    """
    try:
        there = directory.exists() and any(directory.iterdir())
        before = store.read_json(directory / "run.json")
        if there and before is None:
            raise UsageError(f"{directory}: holds files but no run (run.json): expected a new or empty folder for --out")
        if before is not None:
            refuse_other(directory, before, record)
        directory.mkdir(parents=True, exist_ok=True)
        network = make_network(settings.preset)
        need = 4 * count_parameters(network) * count_trainings(cells) + 2**16 * len(cells) + 2**24
        free = shutil.disk_usage(directory).free
        if before is None and free < need:
            raise UsageError(f"{directory}: {free / 2**20:.0f} MiB of disk are free: expected at least {need / 2**20:.0f} MiB")
        if before is None:
            store.write_json(directory / "run.json", record)
        elif not os.access(directory, os.W_OK):
            raise UsageError(f"{directory}: cannot be written")
    except OSError as error:
        raise UsageError(f"{directory}: cannot be used as a run directory: {error.strerror or error}") from None


def refuse_other(directory: Path, before: dict[str, Any], record: dict[str, Any]) -> None:
    """Raise UsageError where the settings of two run.json differ, naming what does."""
    differences = [
        f"{name} is {old} there and {new} now"
        for name, old, new in differing(before.get("settings"), record["settings"])
        if name != "data"  # the same images from another place are the same
    ]
    if differences:
        more = f" (and {len(differences) - 3} more)" if len(differences) > 3 else ""
        raise UsageError(
            f"{directory}: holds a run with other settings: {'; '.join(differences[:3])}{more}; expected the same settings, "
            "or another --out"
        )


def differing(old: Any, new: Any, name: str = "") -> list[tuple[str, str, str]]:
    """(name, old, new) of every setting that differs between two nested dictionaries."""
    if isinstance(old, dict) and isinstance(new, dict):
        prefix = f"{name}." if name and name != "fields" else ""
        found = []
        for key in dict.fromkeys([*old, *new]):
            found += differing(old.get(key, "not set"), new.get(key, "not set"), prefix + key)
        return found
    return [] if old == new else [(name or "settings", _short(old), _short(new))]


def _short(value: Any) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def forget(directory: Path, cells: Sequence[Cell], retry: Sequence[str]) -> None:
    """Remove the records of cells with one of these statuses, so that they are done again."""
    for cell in cells:
        record = store.read_cell(directory, cell)
        if record is not None and record.get("status") in retry:
            store.cell_path(directory, cell).unlink()


def dry_run(settings: Settings, directory: Path, workers: int, console: Console) -> None:
    """Print what a run would do, and an estimate of its time from a few measured steps."""
    data = load_data(settings)
    cells = make_cells(settings, training_sum(data))
    console.print(f"{'cell':<52} {'applicable':<11} {'given':<8} training", soft_wrap=True)
    for cell in cells:
        given = "" if cell.applicability == "no" else "A^-1 y" if cell.decorrelated else "y"
        line = f"{cell.name:<52} {cell.applicability:<11} {given:<8} {(cell.key or '-')[:8]}"
        console.print(line, soft_wrap=True)
    for line in shared(cells):
        console.print(f"shared: {line}", soft_wrap=True)
    running = sum(cell.applicability != "no" for cell in cells)
    test = sum(len(chosen.images) for chosen in data.test)
    console.print(
        f"{len(cells)} cells, {running} of them to run, {count_trainings(cells)} trainings, {test} test images each. "
        f"Estimated time with {workers} workers: {duration(estimate_seconds(settings, data, cells) / workers)}. "
        f"Would write to {directory}",
        soft_wrap=True,
    )  # fmt: skip


def estimate_seconds(settings: Settings, data: Data, cells: Sequence[Cell]) -> float:
    """Rough time of all trainings and tests on one worker, from three steps of supervised training."""
    preset, device = settings.preset, torch.device(settings.device)
    before = torch.get_num_threads()
    torch.set_num_threads(settings.threads)
    try:
        few = [image for chosen in data.training for image in chosen.images][:8]
        model, method = noise.get(1), methods.get("supervised")
        patches = make_patches(few, model, None, 0, True, device)
        network = make_network(preset, device)
        clocks: list[float] = []
        short = type(preset)(**{**vars(preset), "steps": 5, "checks": 1})
        train(
            network, method, model, patches, short, "estimate", device,
            lambda share, loss: clocks.append(time.perf_counter()), lambda average: 0.0,
        )  # fmt: skip
        step = (clocks[-1] - clocks[1]) / (len(clocks) - 2)
    finally:
        torch.set_num_threads(before)
    # a pixel costs a forward and a backward pass in training, about three times the forward pass at test
    patch_pixels = preset.patches * preset.patch**2
    test_pixels = sum(image.pixels.shape[0] * image.pixels.shape[1] for chosen in data.test for image in chosen.images)
    tests = sum(bool(cell.key) for cell in cells) * test_pixels / patch_pixels / 3
    return step * (count_trainings(cells) * preset.steps + tests)
