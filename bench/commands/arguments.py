"""What the words on the command line mean: settings, times, numbers, places, and the defaults."""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from hashlib import sha256
from pathlib import Path

import psutil
import torch

import methods
from bench.commands.names import parse_methods, parse_noise, parse_rows, parse_variants
from bench.data.levels import parse_white
from bench.errors import UsageError
from bench.executors.gpus import visible_gpus
from bench.executors.place import EXECUTORS, SLURM, Place
from bench.plan.recipes import RECIPES
from bench.plan.settings import COLOURS, EQUAL, PRESETS, Settings, get_preset, in_budget
from noise.names import nearest

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
        noise=parse_rows(options.noise, recipe, options.data),
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


def path_of(text: str) -> Path:
    """The path that a word of the command line means: `source_of`, as a path."""
    return Path(source_of(text))


def output_of(text: str) -> Path:
    """`path_of` for what is to be written. Raises UsageError where its name would break the lines that tell of it."""
    if not text.isprintable():
        raise UsageError(f"{text!r}: expected a path of printable characters, for what is to be written")
    return path_of(text)


def source_of(text: str) -> str:
    """The word with "~" and "~name" as home directories, as in a shell, which expands them at the start of a word alone.

    It leaves --out=~/x to us. Raises UsageError where there is no home, or no user of that name, and for an empty word: a
    script's variable that was not set would mean the working directory.
    """
    if not text.strip():
        raise UsageError(f"{text!r}: names no file or folder: expected a path, such as . for the working directory")
    words = os.path.expanduser(text)
    if words == "~" or words.startswith("~/"):
        raise UsageError(f"{text!r}: there is no home directory: expected a path without ~, or ./{text} for one of that name")
    if words == text and (there := re.match("~[a-z_][a-z0-9_-]*(?=/|$)", text)) and not Path(text).exists():
        raise UsageError(f"{text!r}: there is no user {there[0][1:]}: expected a path, or ./{text} for one of that name")
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
