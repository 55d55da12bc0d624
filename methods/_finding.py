"""Finding the methods: each file of the folder is tried on its own, so that a bad one costs that method alone."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import json
import pkgutil
import re
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import noise
from methods._api import KNOWLEDGE, Applicability, Method, Training
from methods._functions import method_of_function
from methods._tags import GROUPS
from noise import faults
from noise.plugins import imported

#: What a slug may be: it is a part of file names, on every file system.
SLUG = re.compile(r"[a-z0-9+_-]{1,60}")
#: What `--methods` takes for something else.
RESERVED = tuple(GROUPS)
#: What a method tells of itself.
_TOLD = ("title", "paper", "assumptions")
#: What these files raise has words of its own.
_OURS = tuple(str(Path(__file__).with_name(name)) for name in ("_finding.py", "_functions.py", "_outside.py"))


@dataclass(frozen=True)
class Found:
    """What is in the folder: methods with their default settings, and of the other files what is wrong, both by slug."""

    methods: dict[str, Method]
    broken: dict[str, str]


@cache
def find(path: tuple[str, ...]) -> Found:
    """Try every module of these folders whose name has no leading "_"."""
    found = Found({}, {})
    for module in pkgutil.iter_modules(path):
        if module.name.startswith("_"):
            continue
        slug = module.name.replace("_", "-")
        file = Path(getattr(module.module_finder, "path", "methods")) / module.name
        file = file / "__init__.py" if module.ispkg else file.with_name(f"{module.name}.py")
        try:
            method = _load(module.name, file, slug, found.methods)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever a file does when it is imported
            found.broken[slug] = in_words(error, file, f"methods/{file.name if not module.ispkg else module.name}")
        else:
            found.methods[slug] = method
    return found


def answers(method: Method, model: noise.NoiseModel) -> tuple[Applicability, bool]:
    """Whether a method can be run on a noise model here, and whether it is to be given A^-1 y there.

    It is what it says itself (`stated`), unless the package that it needs is missing. Raises as `stated` does.
    """
    if method.package and importlib.util.find_spec(method.package) is None:
        words = f"the package {method.package} is not installed: pip install 'denoisebench[{method.package}]'"
        return Applicability("no", words), False
    return stated(method, model)


def stated(method: Method, model: noise.NoiseModel) -> tuple[Applicability, bool]:
    """Whether a method suits a noise model, and whether it is to be given A^-1 y there, by its own words.

    Raises TypeError or ValueError where it gives no such answer, and whatever the method's own code raises.
    """
    answer = method.applicable(model)
    if not isinstance(answer, Applicability):
        raise TypeError(f"applicable() gave {answer!r} for {model.slug}: expected an Applicability")
    if not _is_utf8(answer.reason):
        raise ValueError(f"reason {answer.reason!r}: expected text")
    if answer.verdict == "no":
        return answer, False
    wanted = method.wants_decorrelated(model)
    if not isinstance(wanted, bool) or (wanted and model.decorrelated() is None):
        raise TypeError(f"wants_decorrelated() gave {wanted!r} for {model.slug}: expected True where there is A^-1 y, or False")
    return answer, wanted


def _load(name: str, file: Path, slug: str, others: dict[str, Method]) -> Method:
    """The one method of a module, after a look at all that it says of itself."""
    refuse_name(slug)
    if slug in others:
        raise ValueError(f"another file has the method {slug!r}: expected one file a method")
    with imported():
        module = importlib.import_module(f"methods.{name}")
    return method_in(module, file, slug)


def refuse_name(slug: str, whose: str = "the file's") -> None:
    """Raise ValueError where a file, or what else is `whose`, could name no method so."""
    if not SLUG.fullmatch(slug):
        signs = "_" if whose == "the file's" else "-"
        raise ValueError(f"{whose} name is the method's: expected at most 60 of a-z, 0-9 and {signs}, no capitals")
    if slug in RESERVED:
        raise ValueError(f"{whose} name is the method's, and {slug!r} is a group of methods: expected another name")


def method_in(module: ModuleType, file: Path, slug: str, functions: bool = False) -> Method:
    """The one method of a module: its subclass of Method, or with `functions`, where there is none, its `denoise`:
    a function, or whatever is called as one.

    Raises TypeError or ValueError where there is none, are two, or what it says of itself is not what the suite expects.
    """
    kinds = dict.fromkeys(kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Method))
    own = [kind for kind in kinds if kind.__module__ == module.__name__]
    function = vars(module).get("denoise")
    if functions and not own and callable(function) and not isinstance(function, type):
        method = method_of_function(function, slug, module.__name__)
        check(method)
        return method
    if len(own) != 1:
        places = "".join(f", {kind.__name__} in line {_line_of(file, kind.__name__)}" for kind in own)
        other = " and no function denoise" if functions and not own else ""
        raise TypeError(f"defines {len(own)} subclasses of Method{places}{other}: expected exactly one")
    method = made(own[0])
    check(method)
    return method


def made(kind: type[Method]) -> Method:
    """An instance with the default settings. Raises TypeError where the class has none of some, or no settings."""
    if "__dataclass_fields__" not in vars(kind):
        told = [name for name, hint in inspect.get_annotations(kind).items() if "ClassVar" not in str(hint)]
        if told:
            raise TypeError(f"{kind.__name__} is no dataclass, so {told[0]} is no setting: expected @dataclass(frozen=True)")
    for owner in kind.__mro__[: kind.__mro__.index(Method)]:
        hints = inspect.get_annotations(owner)
        if bare := next((item.name for item in fields(kind) if item.name in vars(owner) and item.name not in hints), None):
            raise TypeError(f"{bare} is set without its type, and so without effect: expected `{bare}: TYPE = ...`")
    needed = [item.name for item in fields(kind) if item.default is MISSING and item.default_factory is MISSING]
    if needed:
        raise TypeError(f"the setting {needed[0]!r} has no default: expected one for each")
    return kind()


def check(method: Method) -> None:
    """Raise TypeError or ValueError where run.json, the tables or the report could not tell of the method."""
    for name in _TOLD:
        told = getattr(method, name, None)
        if not isinstance(told, str) or not told.strip() or not _is_utf8(told):
            raise TypeError(f"{name} is {'missing' if told is None else repr(told)}: expected text")
    for name, words in (("applicable", "(model), giving an Applicability"), ("denoise", "(network, y, model, generator)")):
        if getattr(type(method), name) is getattr(Method, name):
            raise TypeError(f"{name} is missing: expected {name}{words}")
    for name in ("supervised", "in_all", "one_image"):
        if not isinstance(getattr(method, name), bool):
            raise TypeError(f"{name} is {getattr(method, name)!r}: expected True or False")
    if not isinstance(method.package, str):
        raise TypeError(f"package is {method.package!r}: expected the name of a package, or ''")
    if not isinstance(method.knows, tuple) or not set(method.knows) <= set(KNOWLEDGE):
        raise TypeError(f"knows is {method.knows!r}: expected a tuple of {', '.join(KNOWLEDGE)}")
    if method.supervised and method.pairs:
        raise TypeError("it is supervised and knows a second draw: expected one of the two")
    if method.one_image and (method.trains or type(getattr(method, "steps", None)) is not int):
        raise TypeError("it trains on one image: expected a whole number as its field `steps`, and no loss")
    if not isinstance(method.training, Training):
        raise TypeError(f"training is {method.training!r}: expected a Training")
    if type(method.subsampling) is not int or method.subsampling < 1:
        raise TypeError(f"subsampling is {method.subsampling!r}: expected a whole number from 1")
    if not isinstance(method.tunable, dict):
        raise TypeError(f"tunable is {method.tunable!r}: expected names of settings, each with a tuple of the values to try")
    for name, values in method.tunable.items():
        if not _is_choice(name, values):
            raise TypeError(f"tunable has {name!r}: {values!r}: expected a setting's name with a tuple of the values to try")
        if not _is_setting(method, name):
            raise TypeError(f"tunable names {name!r}: expected one of its settings, such as training.patch")
    published = method.as_published()
    if type(published) is not type(method):
        raise TypeError(f"as_published() gave {published!r}: expected the method itself, or one with other settings")
    for each in (method, published):
        try:
            json.dumps(asdict(each), ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise TypeError(f"its settings: {error}: expected numbers, text and dataclasses of them") from None
        if not isinstance(learns := each.learns(), str):
            raise TypeError(f"learns() gave {learns!r}: expected text")
    for model in noise.catalogue():
        stated(method, model)


def _is_choice(name: object, values: object) -> bool:
    """Whether it is a setting's name with values to try."""
    of_kinds = isinstance(values, tuple) and all(type(value) in (int, float, bool, str, type(None)) for value in values)
    return isinstance(name, str) and of_kinds and bool(values)


def _is_setting(settings: object, name: str) -> bool:
    """Whether there is a setting of that name, "training.patch" a nested one."""
    first, _, rest = name.partition(".")
    there = is_dataclass(settings) and first in [item.name for item in fields(settings)]
    return there and (not rest or _is_setting(getattr(settings, first), rest))


def _is_utf8(text: str) -> bool:
    """Whether it can be written to a file."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def in_words(error: BaseException, file: Path, name: str) -> str:
    """One line: the file, the line in it, and what is wrong."""
    return faults.in_words(error, file, name, _OURS)


def _line_of(file: Path, name: str) -> int | str:
    """The line in which a file defines a class."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return next((node.lineno for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == name), "?")
