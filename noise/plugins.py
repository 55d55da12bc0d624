"""The way in for other people's code, bases of noise and methods alike: a file run as a module, and entry points."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Literal, TypeVar

from noise import shared

T = TypeVar("T")


@dataclass(frozen=True)
class Origin:
    """Where a method, or a base of noise, comes from.

    Parameters
    ----------
    kind : "file" or "package"
    where : str
        The file's absolute path; the name of a package's entry point.
    version : str
        The sha256 of the file; the package with its version, and what its entry point names.
    """

    kind: Literal["file", "package"]
    where: str
    version: str


@contextmanager
def imported() -> Iterator[None]:
    """While other people's modules are run: what they set for the whole process is put back, and what they print is no output.

    Standard output may be a table that a program reads.
    """
    with redirect_stdout(sys.stderr), shared.kept():
        yield


@contextmanager
def executed(file: Path, name: str) -> Iterator[tuple[ModuleType, str]]:
    """The file, run as the module of that name, and the sha256 of what was run; no such module where anything fails.

    Raises OSError where it is no regular file or cannot be read, and whatever its code raises.
    """
    if file.exists() and not file.is_file():  # to open a pipe may take for ever
        raise OSError(f"is {'a folder' if file.is_dir() else 'no regular file'}")
    source = file.read_bytes()
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with imported():
            exec(compile(source, file, "exec", dont_inherit=True), vars(module))  # what was hashed, and no stale bytecode
        yield module, hashlib.sha256(source).hexdigest()
    except BaseException:
        del sys.modules[name]
        raise


def packaged(
    group: str, what: str, taken: Collection[str], load: Callable[[str, str], T]
) -> tuple[dict[str, T], dict[str, str]]:
    """What the entry points of a group give, by name, and what is wrong with the others.

    One whose name is among those taken is broken, as is what fails to load: `load` is given name and value, and raises
    ValueError, one line.
    """
    found: dict[str, T] = {}
    broken: dict[str, str] = {}
    for point in sorted(entry_points(group=group), key=lambda point: (point.name, point.value)):
        told = words_of(point)
        if point.name in taken or point.name in found:
            # under no name that can be asked for: the name means the other one
            broken[told] = f"{told}: there is a {what} of that name already: expected another"
            continue
        try:
            found[point.name] = load(point.name, point.value)
        except ValueError as error:
            broken[point.name] = str(error)
    return found, broken


def point_of(group: str, what: str, name: str, value: str | None) -> EntryPoint:
    """The entry point of that name, and value where it is told. Raises ValueError, one line, where there is none."""
    points = [point for point in entry_points(group=group, name=name) if value in (None, point.value)]
    if not points:
        raise ValueError(f"no installed package has a {what} {name!r}: expected one with an entry point in {group}")
    return points[0]


def package_of(point: EntryPoint) -> str:
    """The package of an entry point, with its version."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else "a package"


def words_of(point: EntryPoint) -> str:
    """An entry point, for readers of an error."""
    return f"{package_of(point)}, {point.group} {point.name!r}"
