"""The `tune` command: a method's settings, tried by one rule that is the same for every method."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from bench.commands.run import Records, begin
from bench.data.sets import Data
from bench.errors import UsageError
from bench.executors.execution import execute
from bench.executors.needs import fitted
from bench.executors.place import Place, start
from bench.files.json_files import read_again, read_json, write_json
from bench.plan.cells import Cell, make_cells, make_jobs
from bench.plan.seeds import seed_of
from bench.plan.settings import Settings
from bench.plan.trials import SEEDS, Values, default_values, draw_own, draw_trials, of_a_trial, verdict, with_values
from bench.process.interrupts import held_back
from bench.runs.directory import differing, sweep
from bench.runs.inputs import Run, load_data, settled, training_sum
from bench.runs.lock import in_use, refuse_bytes
from bench.runs.record import git_revision, hardware, settings_record, versions

#: The file that a tuning leaves, in its folder.
RESULT = "tune.json"


def tune(settings: Settings, trials: int, directory: Path, place: Place, command: str, console: Console) -> int:
    """Try settings of the one method of `settings`; write DIR/tune.json and print the table.

    Each trial is a run directory of its own below DIR, so that the same command goes on where it was stopped. Trials are
    judged on the validation images alone: no test image is denoised.

    Raises
    ------
    UsageError
        Before any work, for a method that cannot be tuned, or a folder that holds something else.
    """
    (method,) = settings.methods
    _refuse_folder(directory)
    drawn = draw_trials(method, trials)
    for model in settings.noise:
        if (answer := method.applicable(model)).verdict == "no":
            raise UsageError(f"{method.slug} on {model.slug}: {answer.reason}: expected other noise models")
    data = load_data(settings)
    settings = settled(settings, data)
    place, shortage = fitted(place, settings, data)
    quarter = replace(settings, preset=of_a_trial(settings.preset), seeds=1)
    full = replace(settings, preset=replace(settings.preset, checks=1), seeds=SEEDS)
    told: dict[str, Any] = {
        "schema": 1,
        "command": command,
        "method": method.slug,
        "preset": settings.preset_name,
        "equal": settings.equal,
        "noise": [model.slug for model in settings.noise],
        "settings": {name: value for name, value in settings_record(settings, data).items() if name != "data"},
        "tunable": {name: list(values) for name, values in method.tunable.items()},
        "default": default_values(method),
        "versions": versions(),
        "hardware": hardware(),
        "git": git_revision(),
        "trials": [],
        "full": [],
    }
    _open(directory, told)
    tuning = _Tuning(directory, replace(data, test=()), place, console, told)
    if shortage:
        console.print(shortage, soft_wrap=True)
    console.print(
        f"{method.slug}: {len(drawn) + len(draw_own(method, {}, trials))} trials at a quarter of the compute of "
        f"{settings.preset_name} on "
        f"{', '.join(model.slug for model in settings.noise)}, then the best and the default at all of it, {SEEDS} seeds each.",
        soft_wrap=True,
    )
    for values in drawn:
        tuning.arm("trials", quarter, values)
    for values in draw_own(method, (tuning.best() or {"values": {}})["values"], trials):
        tuning.arm("trials", quarter, values)
    told |= _decided(tuning, full)
    tuning.write()
    console.print(table_of(told))
    console.print(sentence(told), soft_wrap=True)
    console.print(str(directory / RESULT), soft_wrap=True)
    return 0 if all(arm["failed"] is None for arm in [*told["trials"], *told["full"]]) else 1


def _refuse_folder(directory: Path) -> None:
    """Raise UsageError where the folder holds something else, or cannot be used."""
    refuse_bytes(directory)
    try:
        if directory.exists() and any(directory.iterdir()) and not (directory / RESULT).exists():
            raise UsageError(f"{directory}: holds files but no {RESULT}: expected a new or empty folder for --out")
    except OSError as error:
        raise UsageError(f"{directory}: cannot be used for a tuning: {error.strerror or error}") from None


def _open(directory: Path, told: dict[str, Any]) -> None:
    """Begin a tuning in the folder, or check that the one in it is this one; it may have had more or fewer trials.

    Raises UsageError where it is another, naming what differs, or where the folder cannot be made.
    """
    before = read_json(directory / RESULT) or {}
    alike = [name for name in ("method", "settings", "tunable", "default") if name in before]
    old, new = ({name: info[name] for name in alike} for info in (before, read_again(told)))
    for name, there, now in differing(old, new):
        name = name.removeprefix("settings.").removeprefix("fields.")
        raise UsageError(f"{directory}: holds another tuning: {name} is {there} there and {now} now; expected another --out")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not before:
            write_json(directory / RESULT, told)
    except OSError as error:
        raise UsageError(f"{directory}: cannot be used for a tuning: {error.strerror or error}") from None


def _decided(tuning: _Tuning, full: Settings) -> dict[str, Any]:
    """The best of the trials, repeated beside the default, and whether it replaces that."""
    nothing: dict[str, Any] = {"best": {}, "gain": None, "spread": None, "replaces": False}
    best = tuning.best()
    if best is None or not best["values"]:
        return nothing
    tuning.arm("full", full, {})
    tuning.arm("full", full, best["values"])
    default, other = tuning.told["full"]
    if default["failed"] or other["failed"]:
        return nothing | {"best": best["values"]}
    found = verdict(default["seeds"], other["seeds"])
    return {"best": best["values"], "gain": found.gain, "spread": found.spread, "replaces": found.replaces}


def table_of(told: Mapping[str, Any]) -> Table:
    """A row for each trial, and one each for the default and the best at full compute."""
    names = list(told["tunable"])
    table = Table("training", *names, *told["noise"], "mean, dB", "to default", box=box.SIMPLE_HEAD, pad_edge=False)
    for kind, title in (("trials", "trial"), ("full", "full")):
        first = next((arm["mean"] for arm in told[kind]), None)
        for index, arm in enumerate(told[kind]):
            settings = told["default"] | arm["values"]
            name = f"{title} {index}" if kind == "trials" else f"full, {'best' if index else 'default'}"
            means = [_number(arm["noise"].get(noise)) for noise in told["noise"]]
            change = None if None in (first, arm["mean"]) or not index else arm["mean"] - first
            shown = [_value(settings[setting]) for setting in names]
            table.add_row(name, *shown, *means, _number(arm["mean"]), "" if change is None else f"{change:+.2f}")
    return table


def sentence(told: Mapping[str, Any]) -> str:
    """What came of it."""
    if told["gain"] is None:
        return (
            "The default is the best of the trials: it stays." if not told["best"] else "A training failed: the default stays."
        )
    verb = "replaces the default" if told["replaces"] else "does not replace the default"
    return (
        f"Best: {words_of(told['best'])}: {told['gain']:+.2f} dB at full compute; twice the spread of the seeds is "
        f"{2 * told['spread']:.2f} dB: {verb}."
    )


def words_of(values: Values) -> str:
    """Settings in words: "training.patch=2, gamma=1"."""
    return ", ".join(f"{name}={_value(value)}" for name, value in values.items()) or "default"


def _value(value: object) -> str:
    return f"{value:g}" if type(value) in (int, float) else str(value)


def _number(value: float | None) -> str:
    return "failed" if value is None else f"{value:.2f}"


class _Tuning:
    """The folder of a tuning, and what is told of it so far."""

    def __init__(self, directory: Path, data: Data, place: Place, console: Console, told: dict[str, Any]) -> None:
        self.directory, self.data, self.place, self.console, self.told = directory, data, place, console, told

    def write(self) -> None:
        write_json(self.directory / RESULT, self.told)

    def best(self) -> dict[str, Any] | None:
        """The best of the trials so far; None where none came to its end."""
        done = [arm for arm in self.told["trials"] if arm["failed"] is None]
        return max(done, key=lambda arm: float(arm["mean"]), default=None)

    def arm(self, kind: str, settings: Settings, values: Values) -> None:
        """Train with these settings on every noise model and seed, and take the validation PSNR down."""
        (method,) = settings.methods
        settings = replace(settings, methods=(with_values(method, values),), names=(), test=False)
        with self.console.status(f"{kind}: {words_of(values)}"):
            run = Run(self.directory / folder_of(kind, values), settings, self.data)
            records = _trained(run, self.place, self.told["command"], self.console)
        self.told[kind].append(arm_of(settings, values, records))
        self.write()


def folder_of(kind: str, values: Values) -> str:
    """The run directory of a trial, by what it sets: with more trials, their order changes, and another may be the best."""
    return f"{kind}-{seed_of(json.dumps(values, sort_keys=True)):016x}" if values else f"{kind}-default"


def arm_of(settings: Settings, values: Values, records: Sequence[tuple[Cell, Mapping[str, Any]]]) -> dict[str, Any]:
    """What tune.json holds of a trial, by the records of its cells."""
    failed = [f"{cell.name}: {record.get('message')}" for cell, record in records if record.get("status") != "done"]
    trainings = {cell: record["training"] for cell, record in records if record.get("status") == "done"}
    psnr = {cell: training["validation"][-1][1] for cell, training in trainings.items()}
    failed += [f"{cell.name}: its validation images have no finite PSNR" for cell, value in psnr.items() if value is None]
    arm: dict[str, Any] = {"values": dict(values), "failed": failed[0] if failed else None}
    arm["psnr"] = {cell.name: value for cell, value in psnr.items()}
    for name in ("operations", "patch", "steps"):
        arm[name] = {cell.name: training[name] for cell, training in trainings.items()}
    arm["noise"], arm["seeds"], arm["mean"] = {}, [], None
    if not failed:
        arm["noise"] = {
            model.slug: statistics.fmean(value for cell, value in psnr.items() if cell.model == model)
            for model in settings.noise
        }
        arm["seeds"] = [
            statistics.fmean(value for cell, value in psnr.items() if cell.seed == seed) for seed in range(settings.seeds)
        ]
        arm["mean"] = statistics.fmean(arm["seeds"])
    return arm


def _trained(run: Run, place: Place, command: str, console: Console) -> list[tuple[Cell, Mapping[str, Any]]]:
    """The records of a run's cells, which are trained where they are not yet."""
    cells = make_cells(run.settings, training_sum(run.data))
    with in_use(run.directory), held_back():
        begin(run, cells, command, console)
        records = Records(run.directory, [cell.entry for cell in cells])
        todo = [job for job in make_jobs(cells) if any(records.now[cell.name] is None for cell in job.cells)]
        try:
            execute(run, todo, lambda: start(place, run, todo), lambda: None)
        finally:
            sweep(run.directory)
    records.update()
    return [(cell, records.now[cell.name] or {}) for cell in cells]
