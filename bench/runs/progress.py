"""Where a run stands: noise models down, methods across."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bench.files.json_files import read_json
from bench.plan.cells import Entry
from bench.runs import store

_STYLES = {"done": "green", "failed": "bold red", "timeout": "red", "running": "yellow", "not-applicable": "dim"}


_NOT_FINITE = "not finite"  # in the place of a mean
#: Seeds of a cell that are shown each; more are counted.
MOST_SEEDS = 5


@dataclass(frozen=True)
class State:
    """A cell's status, what to show for it (waiting, training 40 %, 28.7 dB, failed), and the share that is done."""

    status: str
    text: str
    share: float

    @property
    def final(self) -> bool:
        return self.status not in ("pending", "running")


@dataclass(frozen=True)
class Note:
    """What a worker says of the cell that it has in hand.

    Parameters
    ----------
    share : float
        How much of the phase is done, 0 to 1.
    age : float
        Seconds since it was said.
    left : float or None
        Seconds that the phase goes on for, at its pace so far; None where nothing can be told yet.
    """

    cell: str
    phase: str
    share: float
    age: float
    left: float | None = None

    @property
    def text(self) -> str:
        return f"{self.phase} {100 * self.share:.0f} %"


def read_notes(directory: Path) -> dict[str, Note]:
    """The workers' notes, by cell."""
    found = {}
    for path in sorted((directory / "progress").glob("[!.]*.json")):
        told = read_json(path) or {}
        try:
            said = path.stat().st_mtime
            age = max(0.0, time.time() - said)
            share, left = float(told["share"]), None
            if (done := share - float(told.get("first", share))) > 0:
                left = max(0.0, (1 - share) / done * (said - float(told["since"])) - age)
            note = Note(str(told["cell"]), str(told["phase"]), share, age, left)
        except (OSError, KeyError, TypeError, ValueError):  # it ended in this moment
            continue
        found[note.cell] = note
    return found


def training_left(notes: Iterable[Note]) -> float | None:
    """Seconds until the last of the trainings in hand ends; None where none has a pace yet."""
    return max((note.left for note in notes if note.phase == "training" and note.left is not None), default=None)


def states(
    entries: Sequence[Entry],
    records: Mapping[str, dict[str, Any] | None],
    notes: Mapping[str, Note],
    before: Mapping[str, State] | None = None,
) -> dict[str, State]:
    """The state of each cell by name, from its record or a worker's note.

    Parameters
    ----------
    before : mapping, optional
        Earlier states; those that are final are taken over.
    """
    before = before or {}
    return {
        entry.name: old if (old := before.get(entry.name)) and old.final else _state(entry, records.get(entry.name), notes)
        for entry in entries
    }


def _state(entry: Entry, record: dict[str, Any] | None, notes: Mapping[str, Note]) -> State:
    status = store.status_of(entry, record)
    if status == "done" and record:
        return State("done", _mean(record), 1)
    if status == "pending" and entry.name in notes:
        note = notes[entry.name]
        return State("running", note.text, note.share / 2)
    text = {"pending": "waiting", "not-applicable": "–"}.get(status, status)
    return State(status, text, float(status != "pending"))


def unscored(record: Mapping[str, Any] | None) -> bool:
    """Whether a cell is done, and none of its results is finite."""
    return record is not None and record.get("status") == "done" and _mean(dict(record)) == _NOT_FINITE


def _mean(record: dict[str, Any]) -> str:
    """The mean PSNR; without clean images the mean uMSE, and without second shots that it is done."""
    by_set: dict[str, list[float]] = {}
    rows = record.get("rows", [])
    if rows and not any("psnr" in row for row in rows):
        errors = [row["umse"] for row in rows if isinstance(row.get("umse"), (int, float))]
        return f"uMSE {statistics.fmean(errors):.2f}" if errors else "done" if "umse" not in rows[0] else _NOT_FINITE
    for row in rows:
        if isinstance(row.get("psnr"), (int, float)):
            by_set.setdefault(row["dataset"], []).append(row["psnr"])
    if not by_set:
        return _NOT_FINITE
    mean = statistics.fmean(statistics.fmean(values) for values in by_set.values())
    finite = sum(map(len, by_set.values()))
    # it stands beside the means of other cells, which are over all images, and whole ones
    crop = max((row["crop"] for row in rows if isinstance(row.get("crop"), int)), default=0)
    told = [f"{finite} of {len(rows)} images"] * (finite < len(rows)) + [f"{crop}x{crop} crops"] * bool(crop)
    return f"{mean:.2f} dB" + (f" ({', '.join(told)})" if told else "")


def seconds_left(
    entries: Sequence[Entry], records: Mapping[str, dict[str, Any] | None], found: Mapping[str, State]
) -> float | None:
    """Time that what is left takes one worker: for each cell the median of those like it; None where there are none."""
    took: dict[tuple[str, str], list[float]] = {}
    trained = set()
    for entry in entries:
        record = records.get(entry.name) or {}
        if record.get("status") == "done" and isinstance(record.get("seconds"), (int, float)):
            training = record.get("training") or {}
            kind = "untrained" if not training else "reused" if training.get("reused") else "trained"
            # after an interruption, a cell's own time is that since then
            seconds = max(record["seconds"], training.get("seconds") or 0.0) if kind == "trained" else record["seconds"]
            for method in (entry.method, ""):
                took.setdefault((method, kind), []).append(seconds)
            trained.add(entry.key)
    typical = {which: statistics.median(values) for which, values in took.items()}
    left = 0.0
    for entry in entries:
        state = found[entry.name]
        if not state.final:
            kind = "untrained" if entry.key is None else "reused" if entry.key in trained else "trained"
            trained.add(entry.key)
            seconds = typical.get((entry.method, kind), typical.get(("", kind)))
            if seconds is None:
                return None
            left += (1 - state.share) * seconds
    return left


def as_table(entries: Sequence[Entry], found: Mapping[str, State], caption: str = "") -> Table:
    """The matrix; several seeds of a cell stand below each other, many are counted."""
    methods = list(dict.fromkeys(entry.method for entry in entries))
    places: dict[tuple[str, str], list[State]] = {}
    for entry in entries:
        places.setdefault((entry.noise, entry.method), []).append(found[entry.name])
    table = Table(box=box.SIMPLE_HEAD, caption=caption, caption_justify="left", pad_edge=False)
    table.add_column("noise model", no_wrap=True)
    for method in methods:
        table.add_column(method, justify="right", overflow="fold")
    for noise in dict.fromkeys((entry.noise_label, entry.noise) for entry in entries):
        row = [Text(noise[0])]
        for method in methods:
            here = places.get((noise[1], method), [])
            shown = here if len(here) <= MOST_SEEDS else _counted(here)
            row.append(Text("\n").join(Text(state.text, style=_STYLES.get(state.status, "")) for state in shown))
        table.add_row(*row)
    return table


def _counted(states: Sequence[State]) -> list[State]:
    """One line a status, with the number of cells that have it."""
    numbers = Counter(state.status for state in states)
    if set(numbers) == {"not-applicable"}:
        return [states[0]]
    words = {"pending": "waiting"}
    return [State(status, f"{number} {words.get(status, status)}", 0) for status, number in numbers.items()]


def duration(seconds: float) -> str:
    """Seconds in words: 45 s, 12 min, 3.2 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Display:
    """A live matrix on a terminal; a plain line for each finished cell elsewhere."""

    def __init__(self, directory: Path, entries: Sequence[Entry], console: Console) -> None:
        self.directory, self.entries, self.console = directory, entries, console
        self.started = time.monotonic()
        self.shown: dict[str, State] = {}
        self.workers = 1
        self.training_left: float | None = None
        self.live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None

    def __enter__(self) -> Display:
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self.live:
            self.live.stop()

    def show(self, records: Mapping[str, dict[str, Any] | None]) -> None:
        """Bring the display up to date."""
        notes = read_notes(self.directory)
        found = states(self.entries, records, notes, self.shown)
        self.training_left = training_left(notes.values())
        self.workers = max(self.workers, sum(state.status == "running" for state in found.values()))
        ended = [name for name, state in found.items() if self.shown and state.final and not self.shown[name].final]
        if self.live:
            self.live.update(as_table(self.entries, found, self._summary(records, found)), refresh=True)
        elif ended:
            summary = self._summary(records, found)
            for name in ended:
                self.console.print(f"{name}: {found[name].text}  [{summary}]", soft_wrap=True)
        self.shown = found

    def _summary(self, records: Mapping[str, dict[str, Any] | None], found: Mapping[str, State]) -> str:
        """Cells finished, the time so far, and the time left for as many workers as were seen at once."""
        applicable = [state for state in found.values() if state.status != "not-applicable"]
        finished = sum(state.final for state in applicable)
        words = f"{finished} of {len(applicable)} cells, {duration(time.monotonic() - self.started)}"
        left = seconds_left(self.entries, records, found)
        if left:
            return f"{words}, about {duration(left / self.workers)} left"
        return f"{words}, about {duration(self.training_left)} left of the training in hand" if self.training_left else words
