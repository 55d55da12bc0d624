"""Methods from outside of this folder: from a file of any place, and from installed packages.

An instance of such a method is sent to other processes with the place that it comes from, and found there again: a worker need
not be told of it beforehand, wherever it runs.
"""

from __future__ import annotations

import copyreg
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

from methods._api import Method
from methods._finding import Found, check, in_words, made, method_in, refuse_name
from methods._functions import method_of_function
from noise.plugins import Origin, executed, imported, package_of, packaged, point_of, words_of

#: Packages name their methods here: name = "module:Class", or "module:function".
GROUP = "denoisebench.methods"


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
        with executed(file, name) as (module, version):
            method = method_in(module, file, slug, functions=True)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}: expected a Python file") from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a file does when it is imported
        raise ValueError(in_words(error, file, path)) from None
    _settle(method, Origin("file", path, version))
    return method


def forget_file(path: str) -> None:
    """Have the file be read anew when it is next asked for."""
    sys.modules.pop(f"methods.{Path(path).stem}", None)
    load_file.cache_clear()


@cache
def find_packaged(taken: frozenset[str]) -> Found:
    """The methods of installed packages, by name; one whose name is among those taken is broken, as is what fails to load."""
    return Found(*packaged(GROUP, "method", taken, load_packaged))


@cache
def load_packaged(name: str, value: str | None = None) -> Method:
    """The method of that entry point. Raises ValueError, one line, where there is none, or it is no usable method."""
    point = point_of(GROUP, "method", name, value)
    told = words_of(point)
    file = Path(told)  # until it is known
    try:
        refuse_name(name, "the entry point's")
        with imported():
            thing = point.load()
        file = Path(getattr(sys.modules.get(point.module), "__file__", None) or told)
        method = _method_of(thing, name, point.module)
        check(method)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise ValueError(in_words(error, file, told)) from None
    _settle(method, Origin("package", name, f"{package_of(point)}, {point.value}"))
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
    return made(thing)


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
