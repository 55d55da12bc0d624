"""run.json: what was asked, with what, on what."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import tomllib
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import torch

import methods
from bench.data.sets import Data, ImageSet
from bench.errors import UsageError
from bench.files.shapes import fits_as_far_as_there, maybe
from bench.plan.cells import Entry, count_trainings, entry_of, matrix, shared
from bench.plan.recipes import RECIPES, method_of, model_of, models_of
from bench.plan.settings import EQUAL, UNTOLD, Preset, Settings, get_preset, in_budget, units
from bench.plan.variants import title_of
from bench.runs import store
from bench.runs.laws import kernels_from, measured_rows, noise_record, of_row
from bench.runs.notes import notes
from methods import Method, origin
from noise import NoiseModel

#: Settings that say which cells a run has, and where its images lie; the others decide their numbers.
WHICH_CELLS = ("methods", "noise", "seeds", "data")

#: What is relied on in run.json, beside its plan.
_RUN: dict[str, Any] = {
    "settings": {"fields": dict, "data_sha256": dict},
    "methods": [{"slug": str, "settings": dict}],
    "noise": [{"number": int, "slug": str, "parameters": dict}],
    "matrix": [{"noise_no": int, "noise": str, "method": str}],
    "notes": [str],
    "versions": maybe(dict),
    "hardware": maybe(dict),
}

_PACKAGES = ("torch", "numpy", "scipy", "pandas", "pillow", "scikit-image", "safetensors", "pebble")


#: What of the repository makes the numbers and the report.
_SOURCES = ("bench", "methods", "noise", "reports")


def settings_record(settings: Settings, data: Data) -> dict[str, Any]:
    """All that decides the numbers, as it stands in run.json; a resumed run must agree in every key."""
    white = {"white": data.whites} if data.whites else {}  # runs of 8 bits have none
    return white | {
        "preset": settings.preset_name,
        "recipe": settings.recipe,
        "equal": settings.equal,
        "data": settings.data,
        "seeds": settings.seeds,
        "device": settings.device,
        "threads": settings.threads,
        "methods": list(settings.named),
        "noise": [model.slug for model in settings.noise],
        "fields": fields_record(settings.preset),
        "data_sha256": {f"{chosen.role} {chosen.name}": chosen.sha256 for chosen in data.sets},
    }


def fields_record(preset: Preset) -> dict[str, Any]:
    """The fields of a preset; of `UNTOLD` only those that have other values, as runs from before had none."""
    told = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(preset).items()}
    return {key: value for key, value in told.items() if UNTOLD.get(key) != value}


def inputs_of(settings: dict[str, Any], model: NoiseModel) -> str:
    """Hash of the settings in a run.json that bear on the numbers of that noise model's cells, whatever the run's others."""
    return inputs_sha256(of_row(settings, model))


def inputs_sha256(settings: dict[str, Any]) -> str:
    """The same of all images that the settings name: of runs without measured noise, which have one lot of images."""
    own = {name: value for name, value in settings.items() if name not in WHICH_CELLS}
    return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()


def read_plan(directory: Path) -> tuple[dict[str, Any], list[Entry]]:
    """What is in a run directory's run.json, and the cells planned there. Raises UsageError where there is none."""
    record = store.read_run(directory)
    if record is not None and not fits_as_far_as_there(record, _RUN):
        raise UsageError(f"{directory}/run.json: is no run's: expected one written by this version")
    if record is None:
        why = "run.json is missing or damaged" if os.path.exists(directory) else "there is no such folder"
        raise UsageError(f"{directory}: holds no run ({why}): expected a run directory")
    try:
        entries = [entry_of(told) for told in record["plan"]]
    except (KeyError, TypeError, ValueError):
        raise UsageError(f"{directory}/run.json: has no readable plan: expected one written by this version") from None
    return record, entries


def settings_from_record(record: dict[str, Any], entries: Sequence[Entry]) -> Settings:
    """The settings of a run from its run.json, with the methods and noise models of these entries.

    Raises UsageError where they are missing or no run can have them. The run may have other methods, which are not here.
    """
    chosen, models = (dict.fromkeys(getattr(entry, name) for entry in entries) for name in ("method", "noise"))
    try:
        told = record["settings"]
        if not (set(chosen) <= set(told["methods"]) and set(models) <= set(told["noise"])):
            raise ValueError(told)
        texts = {
            name: ",".join(map(str, value)) if isinstance(value, list) else value for name, value in told["fields"].items()
        }
        rows = measured_rows(record)
        preset = get_preset(told["preset"], [f"{name}={value}" for name, value in texts.items()], told["recipe"])
        settings = Settings(
            preset_name=told["preset"],
            preset=preset,
            recipe=told["recipe"],
            equal=told.get("equal", "steps"),  # runs from before it was told
            data=str(told["data"]),
            seeds=int(told["seeds"]),
            device=told["device"],
            threads=int(told["threads"]),
            methods=tuple(in_budget(method_of(slug, told["recipe"]), preset) for slug in chosen),
            noise=tuple(rows.get(slug) or model_of(slug, told["recipe"], kernels_from(record)) for slug in models),
            names=tuple(chosen) if any("(" in name for name in chosen) else (),
            colour="grey" if preset.colours == 1 else "rgb",
            white=_white_of(told.get("white", {})),
        )
        if (
            settings.recipe not in RECIPES
            or settings.equal not in EQUAL
            or settings.device not in ("cpu", "cuda")
            or min(settings.seeds, settings.threads) < 1
        ):
            raise ValueError(settings)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UsageError("run.json has no readable settings: expected one written by this version") from None
    except UsageError as error:
        raise UsageError(f"run.json: {error}") from None
    return settings


def _white_of(told: dict[str, Any]) -> str:
    """What to ask for to have these white levels again: "auto" where floats and whole numbers have their own, or none has."""
    levels = {float(level) for level in told.values()}
    return repr(levels.pop()) if len(levels) == 1 else "auto"


def run_record(settings: Settings, data: Data, entries: Sequence[Entry], command: str) -> dict[str, Any]:
    """The contents of run.json."""
    models = [*models_of(settings.recipe), *(model for model in settings.noise if not model.number)]
    return {
        "schema": 1,
        "command": command,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": settings_record(settings, data),
        "units": units(),
        "methods": [method_record(method, name) for name, method in settings.named.items()],
        "noise": [noise_record(model) for model in settings.noise],
        "matrix": matrix(models, settings.methods, tuple(settings.named)),
        "plan": [asdict(entry) for entry in entries],
        "data": {
            "sets": [set_record(chosen) for chosen in data.sets],
            "separation": data.separation,
            "repeated": [[list(place) for place in group] for group in data.repeated],
        },
        "cells": sum(entry.applicability != "no" for entry in entries),
        "trainings": count_trainings(entries),
        "shared": shared(entries),
        "versions": versions(),
        "hardware": hardware(),
        "git": git_revision(),
        "notes": notes(settings, data),
    }


def method_record(method: Method, name: str = "") -> dict[str, Any]:
    """What run.json tells of a method, and the report with it: all that does not depend on a noise model.

    Of one from outside of the suite also the file, or the package, that it is from; of a variant, whose `name` is not its slug,
    the slug of what it is a variant of.
    """
    name = name or method.slug
    card = methods.card(method, methods.catalogue().values())
    place = origin(method)
    told: dict[str, Any] = {} if place is None else {"origin": asdict(place)}
    if name != method.slug:
        told["variant_of"] = method.slug
    return told | {
        "slug": name,
        "title": title_of(method, name),
        "paper": method.paper,
        "assumptions": method.assumptions,
        "knows": list(card.knows),
        "learns_from": method.learns_from,
        "tags": list(card.tags),
        "supervised": method.supervised,
        "trains": method.trains,
        "settings": asdict(method),
        "card": {
            "year": card.year,
            "url": card.url,
            "does": card.does,
            "learns_from": card.learns_from,
            "costs": card.costs,
            "departs": list(card.departs),
            "caveats": list(card.caveats),
        },
    }


def described(told: dict[str, Any]) -> dict[str, Any]:
    """A method as a run.json tells of it, with what older code did not tell, where there is a method of that name here."""
    method = methods.catalogue().get(str(told.get("variant_of") or told.get("slug")))
    return method_record(method, str(told.get("slug"))) | told if method else told


def set_record(chosen: ImageSet) -> dict[str, Any]:
    return {
        "name": chosen.name,
        "role": chosen.role,
        "images": len(chosen.images),
        "of": chosen.of,
        "crop": chosen.crop,
        "cut": chosen.cut,
        "sha256": chosen.sha256,
        "names": [image.name for image in chosen.images],
    }


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that bear on the numbers."""
    found = {"python": platform.python_version()}
    for package in ("denoisebench", *_PACKAGES):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def hardware() -> dict[str, Any]:
    """The machine, in plain words."""
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "cpu": cpu_name(),
        "cores": len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def git_revision(root: Path = Path(__file__).parents[2]) -> str | None:
    """Short hash of the commit of the sources at `root`, with "+" where the suite's packages were changed since.

    None where `root` is no repository of this project: an installed package may lie in the environment of another one.
    """

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=root, env=alone, capture_output=True, encoding="utf-8", timeout=10, check=True
        ).stdout.rstrip("\n")  # fmt: skip

    # variables such as GIT_DIR, which a hook sets, would lead to another repository
    alone = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | {"GIT_OPTIONAL_LOCKS": "0"}
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
        if project.get("name") != "denoisebench" or not os.path.samefile(git("rev-parse", "--show-toplevel"), root):
            return None
        git("ls-files", "--error-unmatch", "bench/runs/record.py")
        # whatever the user's git leaves out of its answers: a method that is ignored makes numbers, too
        status = git("status", "--porcelain", "--untracked-files=all", "--ignored", "--", *_SOURCES).splitlines()
        changed = any(not line.startswith("!!") or line.endswith((".py", '.py"')) for line in status)
        return git("rev-parse", "--short", "HEAD") + "+" * changed
    except (OSError, ValueError, AttributeError, subprocess.SubprocessError):
        return None
