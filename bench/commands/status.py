"""The `status` command: where a run stands, from its files alone, which may be another machine's and read-only."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.errors import UsageError
from bench.files.json_files import finite
from bench.plan.cells import Entry
from bench.runs import store
from bench.runs.lock import BEAT, MISSED, Holder, holder_path, read_holder
from bench.runs.progress import Note, State, as_table, duration, read_notes, seconds_left, states, training_left
from bench.runs.record import read_plan

#: Seconds without a word after which a worker may be dead.
STALE = 120.0


@dataclass(frozen=True)
class Standing:
    """Where a run stands.

    Parameters
    ----------
    states : mapping
        Of each cell, by name.
    messages : mapping
        Why cells ended otherwise than done, by name.
    notes : sequence of Note
        What the workers said last.
    stale : frozenset of str
        Cells whose worker said nothing for a long time, or whose run is gone.
    damaged : sequence of str
        Cells whose file is not whole; they will be done again.
    holder : Holder or None
        The process that works in the directory, or did until a sudden end.
    age : float
        Seconds since its last sign of life.
    seconds_left : float or None
        Time that the rest takes one worker, by the time that finished cells took; None where they cannot tell.
    """

    entries: Sequence[Entry]
    states: Mapping[str, State]
    messages: Mapping[str, str]
    notes: Sequence[Note]
    stale: frozenset[str]
    damaged: Sequence[str]
    holder: Holder | None
    age: float
    seconds_left: float | None

    @property
    def counts(self) -> Counter[str]:
        """Number of cells by status."""
        return Counter(state.status for state in self.states.values())

    @property
    def at_work(self) -> int:
        """Number of workers that are heard of."""
        return len(self.notes) - len(self.stale)

    @property
    def works(self) -> bool:
        """Whether the holder is there: as its machine says if that is this one, else by its signs of life."""
        return self.holder is not None and _works(self.holder, self.age)


def _works(holder: Holder, age: float) -> bool:
    return age <= MISSED * BEAT if holder.alive is None else holder.alive


def standing(directory: Path) -> Standing:
    """Where the run in the directory stands. Raises UsageError where there is none, or it cannot be read."""
    _, entries = read_plan(directory)
    try:
        there = store.cell_names(directory)
        records = {entry.name: store.read_cell(directory, entry) for entry in entries if entry.name in there}
        notes = read_notes(directory)
        holder = read_holder(directory)
        age = max(0.0, time.time() - holder_path(directory).stat().st_mtime) if holder else 0.0
    except OSError as error:
        raise UsageError(f"{directory}: cannot be read: {error.strerror or error}") from None
    waiting = {name: note for name, note in notes.items() if records.get(name) is None}
    gone = holder is not None and not _works(holder, age)
    stale = frozenset(name for name, note in waiting.items() if gone or note.age > STALE)
    found = states(entries, records, {name: note for name, note in waiting.items() if name not in stale})
    return Standing(
        entries=entries,
        states=found,
        messages={
            name: str(record.get("message")) for name, record in records.items() if record and record.get("status") != "done"
        },
        notes=list(waiting.values()),
        stale=stale,
        damaged=[name for name, record in records.items() if record is None],
        holder=holder,
        age=age,
        seconds_left=seconds_left(entries, records, found),
    )


def print_status(directory: Path, console: Console, as_json: bool = False) -> None:
    """Print where a run stands, in words or as JSON. Raises UsageError where there is no run."""
    now = standing(directory)
    if as_json:
        print(json.dumps(finite(_plain(now)), indent=1))
        return
    console.print(as_table(now.entries, now.states))
    console.print(", ".join(f"{count} {status}" for status, count in now.counts.items()), soft_wrap=True)
    for name, message in now.messages.items():
        console.print(f"{name}: {message}", soft_wrap=True)
    for name in now.damaged:
        console.print(f"{name}: its file is damaged, it will be done again", soft_wrap=True)
    for note in now.notes:
        words = f"{note.cell}: {note.text}, {duration(note.age)} ago"
        console.print(words + (": its worker may be dead" if note.cell in now.stale else ""), soft_wrap=True)
    left = any(not state.final for state in now.states.values())
    if now.holder is not None or left:
        console.print(_holder_words(now), soft_wrap=True)
    if left:
        console.print(_left_words(now), soft_wrap=True)


def _holder_words(now: Standing) -> str:
    if now.holder is None:
        return "no process works in it"
    if now.works:
        told = "" if now.holder.alive else f", by its sign of life {duration(now.age)} ago"
        return f"{now.holder} works in it{told}"
    if now.holder.alive is None:
        return f"{now.holder} gave its last sign of life {duration(now.age)} ago: it may be dead"
    return f"{now.holder} is gone: the same command goes on from there"


def _left_words(now: Standing) -> str:
    if now.seconds_left is None:
        words = "time left: not known before a cell of each kind is done"
        left = training_left(note for note in now.notes if note.cell not in now.stale)
        return f"{words}; of the training in hand about {duration(left)}" if left is not None else words
    workers = max(1, now.at_work)
    words = f"about {duration(now.seconds_left / workers)} left"
    return f"{words} with {workers} workers" if workers > 1 else f"{words} with one worker"


def _plain(now: Standing) -> dict[str, Any]:
    """What `status --json` prints."""
    holder = None
    if now.holder is not None:
        holder = {"pid": now.holder.pid, "host": now.holder.host, "age": now.age, "works": now.works}
    return {
        "counts": dict(now.counts),
        "cells": [
            {"cell": name, "status": state.status, "text": state.text, "message": now.messages.get(name)}
            for name, state in now.states.items()
        ],
        "running": [asdict(note) | {"stale": note.cell in now.stale} for note in now.notes],
        "damaged": list(now.damaged),
        "holder": holder,
        "workers": now.at_work,
        "seconds_left": now.seconds_left,
    }
