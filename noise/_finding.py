"""Finding the bases: each file of the folder is tried on its own, so that a bad one costs that base alone."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from noise.base import Base, Parameter
from noise.faults import in_words
from noise.plugins import imported

#: What a base's slug may be: "+" and a last "-conv" are of the grammar of noise models.
SLUG = re.compile(r"(?!.*-conv$)[a-z][a-z0-9-]{0,39}")
#: What `--noise` takes for something else.
RESERVED = ("all", "conv")
#: Modules of this folder that are no base, beside those whose names begin with "_".
HELPERS = (
    "additive", "base", "catalogue", "checks", "composition", "convolution", "expressions", "faults", "guards", "kernels",
    "model", "names", "plugins", "shared", "traits",
)  # fmt: skip
#: What these files raise has words of its own.
OURS = tuple(str(Path(__file__).with_name(name)) for name in ("_finding.py", "_outside.py"))


@dataclass(frozen=True)
class Found:
    """Bases, and of the other files what is wrong, both by slug."""

    bases: dict[str, type[Base]]
    broken: dict[str, str]


@cache
def find(folder: Path) -> Found:
    """Try every module of this folder that is no helper."""
    found = Found({}, {})
    for module in pkgutil.iter_modules([str(folder)]):
        if module.name.startswith("_") or module.name in HELPERS:
            continue
        slug, file = module.name.replace("_", "-"), folder / f"{module.name}.py"
        try:
            refuse_name(slug)
            with imported():
                base = base_in(importlib.import_module(f"noise.{module.name}"), file)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever a file does when it is imported
            found.broken[slug] = in_words(error, file, f"noise/{file.name}", OURS)
        else:
            found.bases[slug] = base
    return found


def refuse_name(slug: str) -> None:
    """Raise ValueError where a file of that name could be no base's."""
    if not SLUG.fullmatch(slug):
        raise ValueError("the file's name is the base's: expected at most 40 of a-z, 0-9 and _, a letter first, no _conv last")
    if slug in RESERVED:
        raise ValueError(f"the file's name is the base's, and --noise takes {slug!r} for something else: expected another name")


def base_in(module: ModuleType, file: Path) -> type[Base]:
    """The one base of a module: its subclass of Base that has a `title` of its own.

    Raises TypeError or ValueError where there is none, are two, or what it says of itself is not what the suite expects.
    """
    kinds = dict.fromkeys(kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Base))
    own = [kind for kind in kinds if kind.__module__ == module.__name__ and "title" in vars(kind)]
    if len(own) != 1:
        places = "".join(f", {kind.__name__} in line {_line_of(file, kind.__name__)}" for kind in own)
        raise TypeError(f"defines {len(own)} subclasses of Base with a title{places}: expected exactly one")
    check(own[0])
    return own[0]


def check(kind: type[Base]) -> None:
    """Raise TypeError or ValueError where the tables could not tell of the base, or its defaults make none."""
    if not isinstance(kind.title, str) or not kind.title.strip():
        raise TypeError(f"title is {kind.title!r}: expected text")
    if not isinstance(kind.parameters, dict) or not all(map(_is_parameter, kind.parameters.items())):
        raise TypeError(f"parameters is {kind.parameters!r}: expected a dict of names, each with a Parameter")
    taken = {"added_sigma", "extra_sigma", "conv"} & set(kind.parameters)
    if taken:
        raise ValueError(f"a parameter named {min(taken)}: expected another name, as noise models have that beside the base's")
    for name, parameter in kind.parameters.items():
        if not parameter.allows(parameter.default):
            raise ValueError(f"{name}={parameter.default!r} is the default: expected a finite number, {parameter.limits}")
    base = kind.of(**{name: parameter.default for name, parameter in kind.parameters.items()})
    if not isinstance(base, Base) or hash(base) != hash(base):
        raise TypeError(f"of() gave {base!r}: expected a Base")
    if len(base.formula) != 2 or not all(isinstance(part, str) for part in base.formula):
        raise TypeError(f"formula is {base.formula!r}: expected two texts, z and the law in it")


def _is_parameter(item: tuple[object, object]) -> bool:
    """Whether it is a parameter's name with its Parameter."""
    name, parameter = item
    return isinstance(name, str) and re.fullmatch("[a-z][a-z0-9_]*", name) is not None and isinstance(parameter, Parameter)


def _line_of(file: Path, name: str) -> int | str:
    """The line in which a file defines a class."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return next((node.lineno for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == name), "?")
