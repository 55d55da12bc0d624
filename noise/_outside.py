"""Bases from outside of this folder: from a file of any place, and from installed packages.

An instance of such a base is sent to other processes with the place that it comes from, and found there again: a worker need
not be told of it beforehand, wherever it runs.
"""

from __future__ import annotations

import copyreg
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from noise._finding import OURS, Found, base_in, check, refuse_name
from noise.base import Base
from noise.faults import in_words
from noise.plugins import Origin, executed, imported, package_of, packaged, point_of, words_of

#: Packages name their bases here: name = "module:Class".
GROUP = "denoisebench.noise"


_ORIGINS: dict[type[Base], Origin] = {}
#: Bases of files that are asked for here, or came from another process, by slug.
FILES: dict[str, type[Base]] = {}


def origin(base: Base) -> Origin | None:
    """Where a base from outside comes from; None for one of this folder."""
    return _ORIGINS.get(type(base))


@contextmanager
def with_files(paths: Iterable[str | os.PathLike[str]]) -> Iterator[None]:
    """Have the bases of these files, wherever they are, among `noise.bases` meanwhile.

    Raises ValueError, one line, for a file that is no usable base, and for one whose name something here has already.
    """
    added: list[str] = []
    try:
        for path in dict.fromkeys(os.path.abspath(path) for path in paths):
            load_file(path)
            added.append(path)
        yield
    finally:
        for path in added:
            forget_file(path)


@cache
def load_file(path: str) -> type[Base]:
    """The base of a file, which is among `noise.bases` from then on.

    Parameters
    ----------
    path : str
        An absolute one. Its name is the base's, as in this folder.

    Raises
    ------
    ValueError
        One line with the file, and what is wrong with it.
    """
    file = Path(path)
    name, slug = f"noise.{file.stem}", file.stem.replace("_", "-")  # its code is looked at as that of the bases here
    try:
        if file.suffix != ".py" or file.stem.startswith("_"):
            raise ValueError("the file's name is the base's: expected NAME.py")
        refuse_name(slug)
        if name in sys.modules or importlib.util.find_spec(name) is not None or slug in _packaged_names():
            raise ValueError(f"there is a base, or a module, {slug!r} already: expected another name of the file")
        with executed(file, name) as (module, version):
            base = base_in(module, file)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}: expected a Python file") from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a file does when it is imported
        raise ValueError(in_words(error, file, path, OURS)) from None
    _settle(base, Origin("file", path, version))
    FILES[base.slug] = base
    return base


def forget_file(path: str) -> None:
    """Have the file be read anew when it is next asked for."""
    stem = Path(path).stem
    sys.modules.pop(f"noise.{stem}", None)
    FILES.pop(stem.replace("_", "-"), None)
    load_file.cache_clear()


@cache
def find_packaged(taken: frozenset[str]) -> Found:
    """The bases of installed packages, by name; one whose name is among those taken is broken, as is what fails to load."""
    return Found(*packaged(GROUP, "base", taken, load_packaged))


@cache
def load_packaged(name: str, value: str | None = None) -> type[Base]:
    """The base of that entry point. Raises ValueError, one line, where there is none, or it is no usable base."""
    point = point_of(GROUP, "base of noise", name, value)
    told = words_of(point)
    file = Path(told)  # until it is known
    try:
        refuse_name(name)
        with imported():
            base = point.load()
        file = Path(getattr(sys.modules.get(point.module), "__file__", None) or told)
        if not isinstance(base, type) or not issubclass(base, Base):
            raise TypeError(f"{point.value} is no Base: expected a subclass of it")
        if base in _ORIGINS and _ORIGINS[base].where != name:
            raise TypeError(f"{base.__qualname__} is the base {_ORIGINS[base].where!r} already: expected a class a base")
        base.slug = name
        check(base)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise ValueError(in_words(error, file, told, OURS)) from None
    _settle(base, Origin("package", name, f"{package_of(point)}, {point.value}"))
    return base


def _packaged_names() -> set[str]:
    return {point.name for point in entry_points(group=GROUP)}


def _settle(base: type[Base], place: Origin) -> None:
    """Have the base's instances travel with their origin."""
    _ORIGINS[base] = place
    copyreg.pickle(base, _reduced)


def _reduced(base: Base) -> tuple[Any, tuple[str, str], dict[str, Any]]:
    """How `pickle` takes a base from outside apart: its fields follow its class, which the file must be loaded for."""
    place = _ORIGINS[type(base)]
    return _blank, (place.kind, place.where), dict(vars(base))


def _blank(kind: str, where: str) -> Base:
    """An instance of the base from there, whose fields are still to be put in."""
    return object.__new__(load_file(where) if kind == "file" else load_packaged(where))
