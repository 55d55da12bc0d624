"""What the words on the command line mean: settings, methods, noise models, times, numbers, and the defaults."""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, fields, replace
from hashlib import sha256
from pathlib import Path

import psutil
import torch

import methods
import noise
from bench.data.levels import parse_white
from bench.errors import UsageError, one_line
from bench.executors.gpus import visible_gpus
from bench.executors.place import EXECUTORS, SLURM, Place
from bench.plan.recipes import RECIPES, model_of, models_of, named_method
from bench.plan.settings import COLOURS, EQUAL, PRESETS, Settings, get_preset, in_budget
from noise import expressions
from noise.names import nearest

#: What `--methods` takes.
METHODS_HELP = (
    "slugs, with settings or without (neighbor2neighbor(gamma=2)), tags (knows:nothing, learns:image; `list methods` shows "
    f"them) and groups ({'; '.join(f'{name}: {words}' for name, words in methods.GROUPS.items())}); "
    "the noisy input is always there"
)

#: What `--noise` takes.
NOISE_HELP = "noise models by number, range, slug or expression, such as gaussian(sigma=15|50); docs/noise.md has the grammar"
#: Settings that there were not always: where they are so, the names of run directories are as before.
_SINCE = (("colour", "auto"), ("white", "auto"))

#: Bytes of a data folder's name in that of a run directory; of a longer one its beginning and a hash.
_LONGEST_NAME = 100


def parse_settings(options: argparse.Namespace) -> Settings:
    """The settings that the options ask for. Raises UsageError."""
    seeds = whole_number("--seeds", options.seeds)
    threads = whole_number("--threads", options.threads)
    recipe = options.recipe
    if recipe not in RECIPES:
        raise UsageError(f"--recipe {recipe!r}: expected {' or '.join(RECIPES)}{nearest(recipe, RECIPES)}")
    equal = options.equal or ("steps" if recipe == "paper" else "compute")
    if equal not in EQUAL:
        raise UsageError(f"--equal {equal!r}: expected {' or '.join(EQUAL)}{nearest(equal, EQUAL)}")
    named = parse_variants(options.methods, recipe)
    if options.colour not in COLOURS:
        raise UsageError(f"--colour {options.colour!r}: expected {', '.join(COLOURS)}{nearest(options.colour, COLOURS)}")
    parse_white(options.white)
    if any(text.partition("=")[0] == "colours" for text in options.set):
        raise UsageError("--set colours: is decided by the images: expected --colour grey or --colour rgb")
    preset = get_preset(options.preset, [*options.set, *["self_ensemble=true"] * options.self_ensemble], recipe)
    return Settings(
        preset_name=options.preset,
        preset=preset,
        recipe=recipe,
        equal=equal,
        data=options.data,
        seeds=seeds,
        device=parse_device(options.device, elsewhere=options.executor != "local"),
        threads=threads,
        methods=tuple(in_budget(method, preset) for method in named.values()),
        noise=parse_noise(options.noise, recipe),
        names=tuple(named) if any("(" in name for name in named) else (),
        colour=options.colour,
        white=options.white,
    )


def parse_tuning(options: argparse.Namespace) -> tuple[Settings, Place, Path]:
    """The settings, place and folder of a tuning, which has one method. Raises UsageError."""
    fixed: dict[str, object] = {"recipe": "best", "equal": "compute", "seeds": "1", "self_ensemble": False}
    elsewhere: dict[str, object] = {"executor": "local", "ray_address": None, "slurm": []}
    slug = options.methods.strip()
    if "," in slug or "(" in slug or slug in methods.GROUPS or slug in methods.TAGS:
        raise UsageError(f"{options.methods!r}: expected one method, of {', '.join(methods.catalogue())}")
    options = argparse.Namespace(**vars(options) | fixed | elsewhere)
    settings = parse_settings(options)
    settings = replace(settings, methods=tuple(method for method in settings.methods if method.slug == slug))
    name = f"tune-{settings.methods[0].slug}-{settings.preset_name}-{Path(settings.data).name}"
    return settings, parse_place(options, settings), options.out or Path("runs") / name


def parse_methods(text: str, recipe: str = "best") -> tuple[methods.Method, ...]:
    """The methods of `parse_variants`, without their names."""
    return tuple(parse_variants(text, recipe).values())


def parse_variants(text: str, recipe: str = "best") -> dict[str, methods.Method]:
    """The methods that slugs, with settings or without, groups and tags stand for, by name; `noisy` always among them.

    In the catalogue's order; of one method as they are given, each once. Raises UsageError.
    """
    there = methods.catalogue()
    expected = f"expected {', '.join(methods.GROUPS)}, a tag such as knows:nothing, or of {', '.join(there)}"
    words = [each for word in expressions_of("--methods", text) for each in _each_method(word)]
    if not words:
        raise UsageError(f"--methods {text!r} names no method: {expected}")
    for whole in words:
        word = whole.partition("(")[0].strip()
        if word in methods.TAGS and not any(word in methods.tags(method) for method in there.values()):
            raise UsageError(f"--methods {word!r}: no method has this tag: {expected}")
        known = (*there, *methods.GROUPS, *methods.TAGS)
        if word not in known and (reason := _broken(word)):
            raise UsageError(f"method {word!r}: {reason}")
        if word not in known:
            raise UsageError(f"unknown method {word!r}{nearest(word, known)}: {expected}")
    plain = methods.chosen([word for word in words if "(" not in word], there)
    named = [named_method(word, recipe) for word in (*plain, *(word for word in words if "(" in word))]
    order = list(there)
    return dict(sorted(named, key=lambda pair: order.index(pair[1].slug)))


def expressions_of(option: str, text: str) -> list[str]:
    """The words of a list, whose commas inside of parentheses are theirs. Raises UsageError."""
    try:
        return [word for word in expressions.split(text, ",") if word]
    except ValueError as error:
        raise UsageError(f"{option} {one_line(error)}") from None


def _each_method(word: str) -> list[str]:
    """The words without sweeps that one stands for. Raises UsageError."""
    name = word.partition("(")[0].strip()
    if name != word and (name in methods.GROUPS or name in methods.TAGS):
        raise UsageError(f"--methods {word!r}: {name} stands for several methods: expected settings of one")
    try:
        return expressions.each(word) if "(" in word else [word]
    except ValueError as error:
        raise UsageError(f"--methods {one_line(error)}") from None


def _broken(word: str) -> str:
    """What is wrong with the file of a method of that name, in any case and with - or _; "" where there is no such file."""
    reasons = {slug.casefold(): reason for slug, reason in methods.broken().items()}
    return reasons.get(word.casefold().replace("_", "-"), "")


def parse_noise(text: str, recipe: str = "best") -> tuple[noise.NoiseModel, ...]:
    """Noise models, each once: those of Table 1 in its order, then the others as they are given. Raises UsageError."""
    chosen: dict[str, noise.NoiseModel] = {}
    for word in expressions_of("--noise", text) or [""]:
        if word == "all":
            chosen |= {model.slug: model for model in models_of(recipe)}
        elif match := re.fullmatch(r"(\d{1,9})-(\d{1,9})", word):
            first, last = int(match[1]), int(match[2])
            if not 1 <= first <= last <= 16:
                raise UsageError(f"--noise {word!r}: expected a range within 1-16")
            models = [model_of(number, recipe) for number in range(first, last + 1)]
            chosen |= {model.slug: model for model in models}
        else:
            try:
                models = [model_of(each, recipe) for each in (expressions.each(word) if "(" in word else [word])]
            except ValueError as error:
                raise UsageError(f"--noise {text!r}: {one_line(error)}") from None
            chosen |= {model.slug: model for model in models}
    return tuple(sorted(chosen.values(), key=lambda model: model.number or math.inf))


def parse_duration(option: str, text: str | None) -> float | None:
    """Seconds of "90", "90s", "30m" or "1.5h"; None of None. Raises UsageError."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)([smh]?)", text, re.ASCII)
    if match is None or float(match[1]) == 0:
        raise UsageError(f"{option} {text!r}: expected a time such as 90s, 30m or 1.5h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def parse_device(text: str, elsewhere: bool = False) -> str:
    """cpu or cuda. Raises UsageError for a GPU that is not there, where the work is not done elsewhere."""
    if text not in ("auto", "cpu", "cuda"):
        raise UsageError(f"--device {text!r}: expected auto, cpu or cuda{nearest(text, ('auto', 'cpu', 'cuda'))}")
    if text == "cuda" and not elsewhere and not torch.cuda.is_available():
        raise UsageError("--device cuda: PyTorch finds no GPU on this machine: expected auto or cpu")
    return ("cuda" if torch.cuda.is_available() else "cpu") if text == "auto" else text


def whole_number(option: str, text: str) -> int:
    """The number that an option is given, 1 to 10000. Raises UsageError."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= 10_000:
        raise UsageError(f"{option} {text}: expected a whole number from 1 to 10000")
    return number


def parse_place(options: argparse.Namespace, settings: Settings) -> Place:
    """Where the cells are to be done. Raises UsageError."""
    executor, address = options.executor, options.ray_address
    if executor not in EXECUTORS:
        raise UsageError(f"--executor {executor!r}: expected {', '.join(EXECUTORS)}{nearest(executor, EXECUTORS)}")
    package = EXECUTORS[executor]
    if package is not None and importlib.util.find_spec(package) is None:
        raise UsageError(f"--executor {executor}: {package} is not installed: expected pip install 'denoisebench[{executor}]'")
    for option, given, needed in (("--ray-address", address, "ray"), ("--slurm", options.slurm, "slurm")):
        if given and executor != needed:
            raise UsageError(f"{option}: does not go with --executor {executor}: expected --executor {needed}")
    if address is not None and address != "auto" and not re.fullmatch(r"[\w.-]+:\d{1,5}|\[[\da-fA-F:]+\]:\d{1,5}", address):
        raise UsageError(f"--ray-address {address!r}: expected auto, or HOST:PORT such as head.example:6379")
    share, slurm = parse_share(options.gpu_share, settings), parse_slurm(options.slurm)
    if executor == "slurm" and share < 1:
        raise UsageError(f"--gpu-share {share:g}: Slurm shares out its GPUs itself: expected --slurm gres=shard:N")
    if options.workers is not None:
        workers: int | None = whole_number("--workers", options.workers)
    elif executor == "slurm":
        raise UsageError("--executor slurm: expected --workers N, how many tasks may run at a time")
    else:
        workers = None if address else default_workers(settings, share)
    return Place(executor, workers, address, share, slurm, fixed=options.workers is not None)


def parse_share(text: str, settings: Settings) -> float:
    """A share of a GPU, in (0, 1]. Raises UsageError."""
    if re.fullmatch(r"\d{1,3}(\.\d{1,9})?|\.\d{1,9}", text, re.ASCII) is None or not 0 < float(text) <= 1:
        raise UsageError(f"--gpu-share {text!r}: expected a number above 0 and up to 1, such as 0.25")
    if float(text) < 1 and settings.device != "cuda":
        raise UsageError(f"--gpu-share {text}: this run computes on {settings.device}: expected --device cuda")
    return float(text)


def parse_slurm(texts: Sequence[str]) -> dict[str, str | int]:
    """What NAME=VALUE,.. asks of Slurm. Raises UsageError."""
    found: dict[str, str | int] = {}
    for word in ",".join(texts).split(",") if texts else ():
        name, _, value = word.partition("=")
        if name not in SLURM:
            raise UsageError(f"--slurm {word!r}: expected NAME=VALUE with a name of {', '.join(SLURM)}{nearest(name, SLURM)}")
        if not re.fullmatch(r"[\w.:@&|*()\[\]-]+", value):
            raise UsageError(f"--slurm {word!r}: expected a value without spaces")
        if name == "cluster" and value not in ("slurm", "local"):
            raise UsageError(f"--slurm {word!r}: expected slurm or local{nearest(value, ('slurm', 'local'))}")
        found[name] = whole_number(f"--slurm {name}", value) if name in ("time", "memory") else value
    return found


def default_workers(settings: Settings, gpu_share: float = 1.0) -> int:
    """One worker for each core's worth of threads; on GPUs one for each share of one."""
    if settings.device == "cuda":
        return max(1, len(visible_gpus())) * int(1 / gpu_share + 1e-9)
    return max(1, usable_cores() // settings.threads)


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else psutil.cpu_count() or 1


@contextmanager
def from_files(paths: Iterable[Path], noise_paths: Iterable[Path] = ()) -> Iterator[None]:
    """Have `--method-file` and `--noise-file` add methods, and bases of noise, to those that are known meanwhile.

    Raises UsageError for a file without a usable one.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(noise.with_files(noise_paths))
            stack.enter_context(methods.with_files(paths))
        except ValueError as error:
            raise UsageError(one_line(error)) from None
        yield


def path_of(text: str) -> Path:
    """The path that a word of the command line means: `source_of`, as a path."""
    return Path(source_of(text))


def source_of(text: str) -> str:
    """The word with "~" and "~name" as home directories, as in a shell, which expands them at the start of a word alone.

    It leaves --out=~/x to us. Raises UsageError where there is no home.
    """
    words = os.path.expanduser(text)
    if words == "~" or words.startswith("~/"):
        raise UsageError(f"{text!r}: there is no home directory: expected a path without ~, or ./{text} for one of that name")
    return words


def default_directory(settings: Settings) -> Path:
    """runs/PRESET-DATA, with a hash of the other settings where they are not the default ones."""
    folder = Path(settings.data).name
    folder = "data" if folder in ("", "..") else folder
    if len(folder.encode()) > _LONGEST_NAME:
        folder = f"{folder[:20]}-{sha256(folder.encode()).hexdigest()[:6]}"
    name = f"{settings.preset_name}-{folder}"
    preset = PRESETS[settings.preset_name]
    usual = Settings(
        settings.preset_name, preset, "best", "compute", settings.data, 1, parse_device("auto"), 1,
        tuple(in_budget(method, preset) for method in parse_methods("all")), parse_noise("all"),
    )  # fmt: skip
    if settings != usual or any(methods.origin(method) for method in settings.methods):
        slugs = {"methods": tuple(settings.named), "noise": tuple(each.slug for each in settings.noise)}
        told = {item.name: getattr(settings, item.name) for item in fields(settings) if item.name != "names"} | slugs
        told["preset"] = {name: value for name, value in asdict(settings.preset).items() if name != "colours"}
        told = {word: value for word, value in told.items() if (word, value) not in _SINCE}
        name += "-" + sha256(repr(sorted(told.items())).encode()).hexdigest()[:6]
    return Path("runs") / name
