"""A run directory before work: whose it is, what in it cannot be trusted, and that nobody else works in it."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, SoftFileLock, Timeout

from bench import store
from bench.errors import UsageError
from bench.networks import count_parameters, make_network
from bench.plan import Cell, Settings, count_trainings

#: What runs put into their directories; anything else in them is left alone.
_FOLDERS = ("cells", "weights", "checkpoints", "crops", "progress")


@contextmanager
def in_use(directory: Path) -> Iterator[None]:
    """Hold the directory's lock. It ends with this process, however that ends; on file systems without locks a file stands
    for it, which is known as stale when the process that it names is gone from this machine.

    Raises UsageError where another process holds it, or the directory holds something else or cannot be made.
    """
    path = directory / ".lock"
    try:
        if directory.exists() and any(directory.iterdir()) and not (directory / "run.json").exists() and not path.exists():
            raise UsageError(f"{directory}: holds files but no run (run.json): expected a new or empty folder for --out")
        directory.mkdir(parents=True, exist_ok=True)
        try:
            lock = FileLock(path, timeout=0, is_singleton=False)
            lock.acquire()
        except NotImplementedError:
            lock = SoftFileLock(path.with_suffix(".softlock"), timeout=0)
            lock.acquire()
    except Timeout:
        raise UsageError(
            f"{directory}: {_holder(directory)} works in it: expected to wait for its end, or another --out"
        ) from None
    except OSError as error:
        raise UsageError(f"{directory}: cannot be used as a run directory: {error.strerror or error}") from None
    try:
        mark = {"pid": os.getpid(), "host": socket.gethostname(), "token": secrets.token_hex(8)}
        store.write_json(store.holder_path(directory), mark)
        yield
    finally:
        store.holder_path(directory).unlink(missing_ok=True)
        if not (directory / "run.json").exists():  # nothing came of it
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def _holder(directory: Path) -> str:
    holder = store.read_json(store.holder_path(directory)) or {}
    return f"process {holder.get('pid')} on {holder.get('host')}" if "pid" in holder else "another process"


def tidy(directory: Path, cells: Sequence[Cell]) -> list[str]:
    """Remove what killed processes left half written, and set aside what cannot be trusted; returns sentences on the latter.

    Records of cells must be whole, by their hash, and of the run; their crops as they say. Weights are checked when used.
    """
    shutil.rmtree(directory / "progress", ignore_errors=True)
    for folder in (directory, *(directory / name for name in _FOLDERS)):
        for path in folder.rglob(".*.tmp") if folder != directory else folder.glob(".*.tmp"):
            path.unlink(missing_ok=True)
    known = {store.cell_path(directory, cell): cell for cell in cells}
    sentences = []
    for path in sorted((directory / "cells").glob("*")):
        cell = known.get(path)
        record = store.read_cell(directory, cell) if cell else None
        reason = "is no cell of this run" if cell is None else "is damaged" if record is None else _bad_crop(directory, record)
        if reason:
            name = store.set_aside(directory, path)
            sentences.append(f"cells/{path.name} {reason}: moved to {name}" + (", and done again." if cell else "."))
    return sentences


def _bad_crop(directory: Path, record: dict[str, Any]) -> str:
    """What is wrong with the crops of a record; "" where nothing is."""
    for crop in record["crops"]:
        for file, sha256 in (("file", "sha256"), ("clean", "clean_sha256")):
            path = directory / str(crop.get(file))
            if not path.resolve().is_relative_to((directory / "crops").resolve()):
                return "names a crop outside of crops/"
            if not path.is_file():
                return f"lacks its crop {crop[file]}"
            if hashlib.sha256(path.read_bytes()).hexdigest() != crop.get(sha256):
                return f"has a damaged crop, {crop[file]}"
    return ""


def open_directory(directory: Path, record: dict[str, Any], settings: Settings, cells: Sequence[Cell]) -> None:
    """Begin a run in the directory, or check that the run in it is this one.

    Raises
    ------
    UsageError
        Where it holds something else, a run with other settings (the difference is named), or cannot be written.
    """
    try:
        before = store.read_json(directory / "run.json")
        if before is None and (directory / "run.json").exists():
            raise UsageError(f"{directory}/run.json: is damaged: expected the run's own, or another --out")
        if before is not None:
            refuse_other(directory, before, record)
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
    for cell in cells if retry else ():
        record = store.read_cell(directory, cell)
        if record is not None and record.get("status") in retry:
            store.cell_path(directory, cell).unlink()
