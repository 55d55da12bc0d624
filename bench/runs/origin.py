"""What a cell's numbers come from: settings, parameters, training key, and the code that computes them.

A record, and a file of weights, belongs to all of that: where some of it has changed since, it is no longer of the run.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from bench.files.json_files import read_again
from bench.files.writing import set_aside
from bench.plan.cells import Cell
from bench.plan.measured import Measured
from bench.runs import store
from methods import Method
from noise import NoiseModel

#: The suite's own modules that bear on weights, and on what is made of them.
_TRAINING = (
    "bench.plan.seeds", "bench.training.budget", "bench.training.fused", "bench.training.gather", "bench.training.loop",
    "bench.training.networks", "bench.training.operations", "bench.training.patches", "bench.training.steps",
)  # fmt: skip
#: Those by which files become pixels.
_PIXELS = (
    "bench.data.colour", "bench.data.formats", "bench.data.frames", "bench.data.images", "bench.data.levels",
    "bench.data.reading", "bench.data.tiff",
)  # fmt: skip
#: And those by which sets of measured noise do, and are dealt out.
_MEASURED = ("bench.data.halves", "bench.data.measured", "bench.data.partners")
_CENTRE = ("bench.cells.centre",)  # of methods on one image, which may be given the centre of each
#: Where the suite's modules are, and Python's; and folders that are above those of installed packages.
_ELSEWHERE = (
    *(Path(__file__).parents[2] / name for name in ("bench", "methods", "noise", "reports")),
    *(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")),
)
_INSTALLED = {"site-packages", "dist-packages"}
_EVALUATION = ("bench.cells.denoising", "bench.cells.metrics", "bench.plan.scores", "bench.plan.seeds")


def made_of(cell: Cell) -> dict[str, Any]:
    """What decides a cell's numbers, as its record tells it: method settings, noise parameters, key, code by module."""
    trained = (*_TRAINING, "bench.training.tiles") if cell.key else ()
    cut = _CENTRE if cell.method.one_image else ()
    measured = ("bench.cells.truthless", *_MEASURED) if isinstance(cell.model, Measured) else ()
    suite = {*trained, *_EVALUATION, *_PIXELS, *cut, *measured}
    modules = {*_method_modules(cell.method), *_noise_modules(cell.model), *suite}
    told = {"key": cell.key, "method": asdict(cell.method), "noise": cell.model.parameters, "code": _digests(modules)}
    return read_again(told)


def training_code(cell: Cell) -> dict[str, str]:
    """The code that decides the weights of a cell's network, by module: cells that share it agree in this."""
    kind = type(cell.method)
    law = cell.seen.model if cell.seen is not None else cell.model
    deciding = {kind.loss.__module__, *([kind.make_network.__module__] if cell.method.own_network else [])}
    measured = _MEASURED if isinstance(cell.model, Measured) else ()
    of_method = {name for module in deciding for name in _of_method(module)}
    return _digests({*of_method, *_noise_modules(law), *_TRAINING, *_PIXELS, *measured})


def changed_code(before: object, now: Mapping[str, str]) -> list[str]:
    """The modules whose code is another one than then; of those alone that both tell of."""
    told = before if isinstance(before, dict) else {}
    return sorted(name for name in told.keys() & now.keys() if told[name] != now[name])


def code_of(records: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The code that these records were made by, by module, as far as they tell."""
    told = [record["made_of"].get("code") for record in records if isinstance(record.get("made_of"), dict)]
    return {str(name): str(digest) for code in told if isinstance(code, dict) for name, digest in code.items()}


def set_aside_changed(directory: Path, cells: Sequence[Cell]) -> list[str]:
    """Set aside the records of cells that other code, or another training, made; returns sentences on that."""
    there = store.cell_names(directory)
    reasons: dict[str, int] = {}
    silent = 0
    for cell in cells:
        record = store.read_cell(directory, cell.entry) if cell.name in there else None
        if record is None:
            continue
        reason = outdated(record, cell)
        silent += record.get("made_of") is None and not reason
        if reason:
            set_aside(directory, store.cell_path(directory, cell.entry))
            reasons[reason] = reasons.get(reason, 0) + 1
    sentences = [
        f"{_counted(count)} made {reason}: moved to set-aside/, and done again." for reason, count in sorted(reasons.items())
    ]
    if silent:
        taken = "it is" if silent == 1 else "they are"
        sentences.append(f"{_counted(silent)} made before records told by what code: taken as {taken}.")
    return sentences


def is_of_run(record: Mapping[str, Any], info: Mapping[str, Any]) -> bool:
    """Whether a record was made with the method settings and noise parameters that its run.json tells, as far as it says."""
    before = record.get("made_of")
    if not isinstance(before, dict):
        return True
    told = (("method", "methods", "settings"), ("noise", "noise", "parameters"))
    return all(
        before.get(name) == entry.get(value)
        for name, key, value in told
        for entry in info.get(key, [])
        if entry.get("slug") == record.get(name)
    )


def _counted(count: int) -> str:
    return "1 cell was" if count == 1 else f"{count} cells were"


def outdated(record: Mapping[str, Any], cell: Cell) -> str:
    """How a record was made that is not the cell's any more, as in "made by other code (...)"; "" where it still is.

    Records from before they told what made them are taken as they are, where their key is the cell's.
    """
    key = (record.get("training") or {}).get("key")
    if key is not None and key != cell.key:
        return "with another training"
    before = record.get("made_of")
    if not isinstance(before, dict):
        return ""
    now = made_of(cell)
    for name, words in (("method", "with other settings of the method"), ("noise", "with other parameters of the noise")):
        if before.get(name) != now[name]:
            return words
    changed = changed_code(before.get("code"), now["code"])
    return f"by other code ({', '.join(changed)} changed since)" if changed else ""


def _method_modules(method: Method) -> set[str]:
    """The files that a method is made of: those of its class and of what it is derived from, and what these import."""
    kinds = [kind for kind in type(method).__mro__ if issubclass(kind, Method)]
    return {name for kind in kinds for name in _of_method(kind.__module__)}


def _of_method(module: str) -> set[str]:
    """A method's module with its imports, and the modules of `noise` that these name themselves.

    Of one from outside of the suite those as well that it imports from anywhere but installed packages and Python itself.
    """
    own = _with_imports(module)
    return {*own, *(name for each in own for name in _imported(each, "noise")), *_beside(module)}


def _noise_modules(model: NoiseModel) -> set[str]:
    """The files that the law of a noise model is made of."""
    base = type(model.base).__module__
    found = {type(model).__module__, *_with_imports(base), *_beside(base)}
    if model.convolution is not None:
        found.add(type(model.convolution).__module__)
        if model.convolution != type(model.convolution)():  # what it is by default, Table 1 has
            found.add("noise.kernels")
    if model.gaussian:
        found |= _with_imports("noise.gaussian")
    return found


@cache
def _with_imports(module: str) -> frozenset[str]:
    """The module, and the modules of its package that it imports, straight or through others."""
    found, waiting = set[str](), {module}
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= _imported(name, module.partition(".")[0]) - found
    return frozenset(found)


@cache
def _beside(module: str) -> frozenset[str]:
    """Somebody's own modules that a module from outside of the suite imports, straight or through others."""
    found, waiting = set[str](), {module} if _is_own(module) else set()
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= {each for each in _named(name) if _is_own(each)} - found
    return frozenset(found)


def _is_own(module: str) -> bool:
    """Whether a module is a file of somebody's: none of the suite, of Python, or of an installed package."""
    spec = _spec(module)
    if spec is None or not spec.has_location or not spec.origin:
        return False
    file = Path(spec.origin)
    return not _INSTALLED.intersection(file.parts) and not any(file.is_relative_to(place) for place in _ELSEWHERE)


def _imported(module: str, package: str) -> set[str]:
    """The modules below a package that a module names in its import statements."""
    return {name for name in _named(module) if name.startswith(f"{package}.") and _is_module(name)}


def _named(module: str) -> set[str]:
    """What a module names in its import statements, whichever of their forms it uses: modules, and things inside of them."""
    names, parts = set[str](), [*module.split("."), *([""] if _is_package(module) else [])]
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*(parts[: -node.level] if node.level else []), *([node.module] if node.module else [])])
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return names


def _is_module(name: str) -> bool:
    """Whether there is a module of that name; else it is something inside of one."""
    return _spec(name) is not None


def _is_package(name: str) -> bool:
    found = _spec(name)
    return found is not None and found.submodule_search_locations is not None


@cache
def _spec(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None


def _digests(modules: Iterable[str]) -> dict[str, str]:
    return {name: _digest(name) for name in sorted(modules)}


@cache
def _digest(module: str) -> str:
    return hashlib.sha256(repr(_plain(_tree(module))).encode()).hexdigest()[:16]


@cache
def _tree(module: str) -> ast.Module:
    """The source of a module as this process first saw it; an empty one where there is none that can be read."""
    try:
        spec = _spec(module)
        return ast.parse(Path(str(spec.origin)).read_bytes() if spec else b"")
    except (OSError, SyntaxError, ValueError):
        return ast.parse(b"")


def _plain(node: object) -> object:
    """A syntax tree as nested tuples, without comments, docstrings and places, and alike for every version of Python."""
    if isinstance(node, ast.AST):
        fields = [(name, value) for name, value in ast.iter_fields(node) if value not in (None, []) and name != "kind"]
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            told = ast.get_docstring(node, clean=False) is not None
            fields = [(name, value[1:] if name == "body" and told else value) for name, value in fields]
        return type(node).__name__, [(name, _plain(value)) for name, value in fields]
    return [_plain(item) for item in node] if isinstance(node, list) else node
