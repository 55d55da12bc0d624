"""Methods from outside of this folder: from a file of any place, and from installed packages.

An instance of such a method is sent to other processes with the place that it comes from, and found there again: a worker need
not be told of it beforehand, wherever it runs.
"""

from __future__ import annotations

import copyreg
import hashlib
import importlib.util
import os
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal

from methods._api import Method
from methods._finding import Found, check, in_words, method_in, refuse_name
from methods._functions import method_of_function

#: Packages name their methods here: name = "module:Class", or "module:function".
GROUP = "denoisebench.methods"


@dataclass(frozen=True)
class Origin:
    """Where a method comes from.

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


_ORIGINS: dict[type[Method], Origin] = {}


def origin(method: Method) -> Origin | None:
    """Where a method from outside comes from; None for one of this folder."""
    return _ORIGINS.get(type(method))


@cache
def load_file(path: str) -> Method:
    """The method of a file: its one subclass of Method, or its function `denoise`, as `FunctionMethod` calls it.

    Parameters
    ----------
    path : str
        An absolute one. Its name is the method's, as in this folder.

    Raises
    ------
    ValueError
        One line with the file, and what is wrong with it.
    """
    file = Path(path)
    name = (
        f"methods.{file.stem}"  # so that it may import what the methods of this folder do, and its code is looked at as theirs
    )
    try:
        if file.suffix != ".py" or file.stem.startswith("_"):
            raise ValueError("the file's name is the method's: expected NAME.py")
        slug = file.stem.replace("_", "-")
        refuse_name(slug)
        if name in sys.modules:
            raise ValueError(f"there is a method {slug!r} already: expected another name of the file")
        source = file.read_bytes()
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            with redirect_stdout(sys.stderr):  # standard output may be a table that a program reads
                exec(compile(source, path, "exec", dont_inherit=True), vars(module))  # what was hashed, and no stale bytecode
            method = method_in(module, file, slug, functions=True)
        except BaseException:
            del sys.modules[name]
            raise
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}: expected a Python file") from None
    except (Exception, SystemExit) as error:  # whatever a file does when it is imported
        raise ValueError(in_words(error, file, path)) from None
    _settle(method, Origin("file", path, hashlib.sha256(source).hexdigest()))
    return method


def forget_file(path: str) -> None:
    """Have the file be read anew when it is next asked for."""
    sys.modules.pop(f"methods.{Path(path).stem}", None)
    load_file.cache_clear()


@cache
def find_packaged(taken: frozenset[str]) -> Found:
    """The methods of installed packages, by name; one whose name is among those taken is broken, as is what fails to load."""
    found = Found({}, {})
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        told = f"{_package(point)}, {GROUP} {point.name!r}"
        if point.name in taken or point.name in found.methods:
            # in no catalogue: a word that asks for the name means the other method
            found.broken[told] = f"{told}: there is a method of that name already: expected another"
            continue
        try:
            found.methods[point.name] = load_packaged(point.name, point.value)
        except ValueError as error:
            found.broken[point.name] = str(error)
    return found


@cache
def load_packaged(name: str, value: str | None = None) -> Method:
    """The method of that entry point. Raises ValueError, one line, where there is none, or it is no usable method."""
    points = [point for point in entry_points(group=GROUP, name=name) if value in (None, point.value)]
    if not points:
        raise ValueError(f"no installed package has a method {name!r}: expected one with an entry point in {GROUP}")
    point = points[0]
    told = f"{_package(point)}, {GROUP} {name!r}"
    file = Path(told)  # until it is known
    try:
        refuse_name(name)
        with redirect_stdout(sys.stderr):
            thing = point.load()
        file = Path(getattr(sys.modules.get(point.module), "__file__", None) or told)
        method = _method_of(thing, name, point.module)
        check(method)
    except (Exception, SystemExit) as error:
        raise ValueError(in_words(error, file, told)) from None
    _settle(method, Origin("package", name, f"{_package(point)}, {point.value}"))
    return method


def _method_of(thing: Any, name: str, module: str) -> Method:
    """What an entry point names, as a method of that name."""
    if not isinstance(thing, type):
        return method_of_function(thing, name, module)
    if not issubclass(thing, Method):
        raise TypeError(f"{thing.__qualname__} is no Method: expected a subclass of it, or a function")
    if thing in _ORIGINS and _ORIGINS[thing].where != name:
        raise TypeError(f"{thing.__qualname__} is the method {_ORIGINS[thing].where!r} already: expected a class a method")
    thing.slug = name
    return thing()


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "a package"


def _settle(method: Method, origin: Origin) -> None:
    """Have the method's instances travel with their origin."""
    _ORIGINS[type(method)] = origin
    copyreg.pickle(type(method), _reduced)


def _reduced(method: Method) -> tuple[Any, tuple[str, str], dict[str, Any]]:
    """How `pickle` takes a method from outside apart: settings follow their class, which the file must be loaded for."""
    place = _ORIGINS[type(method)]
    return _blank, (place.kind, place.where), dict(vars(method))


def _blank(kind: str, where: str) -> Method:
    """An instance of the method from there, whose settings are still to be put in."""
    method = load_file(where) if kind == "file" else load_packaged(where)
    return object.__new__(type(method))


def absolute(path: str | os.PathLike[str]) -> str:
    """The path as other processes find it, whatever their working directory."""
    return os.path.abspath(path)
