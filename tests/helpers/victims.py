"""Whom a test can kill, and what the run directory tells of them."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

#: The environment variable by which a launch's processes are known, whoever their parent is.
MARK = "DENOISEBENCH_CAMPAIGN"


def workers_of(parent: int, out: Path) -> list[int]:
    """Processes that work for the parent: its spawned children, and those that tell of a cell in hand."""
    found = set()
    try:
        for child in psutil.Process(parent).children(recursive=True):
            if any("spawn_main" in word for word in child.cmdline()):
                found.add(child.pid)
    except psutil.Error:
        pass
    found |= {note["pid"] for note in notes(out)}
    return sorted(found - {parent})


def notes(out: Path) -> Iterator[dict]:
    """What the workers that are there say of the cells that they have in hand."""
    for path in out.glob("progress/[!.]*.json"):
        try:
            note = json.loads(path.read_text(encoding="utf-8"))
        except OSError:  # it ended in this moment
            continue
        if psutil.pid_exists(note["pid"]):
            yield note


def kill_worker(out: Path) -> None:
    """Kill the worker that trains now."""
    while True:
        for note in notes(out):
            try:
                os.kill(note["pid"], signal.SIGKILL)
                return
            except ProcessLookupError:  # it ended in this moment
                continue
        time.sleep(0.02)


def phase_of(out: Path, victim: int, parent: bool) -> str:
    """What the victim is doing, in words."""
    if parent:
        return "" if (out / "run.json").exists() else "starting"
    note = next((note for note in notes(out) if note["pid"] == victim), None)
    return f"{note['cell']} {note['phase']} {100 * note['share']:.0f} %" if note else "starting, or between two cells"


def wait_for_write(out: Path, seconds: float = 2.0) -> bool:
    """Until a file is being written that is no note of progress; whether that came to pass."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if any(path.parent.name != "progress" for path in out.rglob(".*.tmp")):
            return True
        time.sleep(0.001)
    return False


def records(out: Path) -> dict[str, dict]:
    """The cells' records that are there, by the cells' names."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in out.glob("cells/[!.]*.json")}


def killed_twice(record: dict) -> bool:
    """A cell whose worker was killed twice is given up by design, until --retry. (Ray does not tell what a worker died of.)"""
    return record["message"] in ("the worker was killed by SIGKILL", "the worker died before it had begun", "the worker died")


def marked(mark: str) -> Iterator[psutil.Process]:
    """The processes of the launch of that mark that are left."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except psutil.Error:
            continue
