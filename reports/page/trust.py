"""Why the numbers can be believed, or not: how they were measured, with what, on what, and everything that went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reports.numbers.origins import origins
from reports.numbers.troubles import Troubles, troubles, where
from reports.published.errata import Erratum, errata
from reports.read.model import Run
from reports.read.untrusted import mapping, sequence, text, texts, whole

_SETTING_ORDER = ("preset", "recipe", "data", "seeds", "device", "threads", "methods", "noise")
_HARDWARE = {"cpu": "CPU", "memory_gib": "memory, GiB", "gpu": "GPU"}


@dataclass(frozen=True)
class Setting:
    """A resolved setting and its unit."""

    name: str
    value: str
    unit: str


@dataclass(frozen=True)
class DataSet:
    """One set of images: how many of how many, how they were cropped, and the hash that pins them."""

    name: str
    role: str
    images: str
    crop: str
    sha256: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Trust:
    """The whole section; empty tuples and texts where run.json is silent."""

    notes: tuple[str, ...]
    troubles: Troubles
    errata: tuple[Erratum, ...]
    datasets: tuple[DataSet, ...]
    separation: str
    command: str
    settings: tuple[Setting, ...]
    fields: tuple[Setting, ...]
    methods: tuple[tuple[str, str, str, str], ...]  # title, paper, assumptions, settings
    decorrelated: tuple[str, ...]
    versions: tuple[tuple[str, str], ...]
    hardware: tuple[tuple[str, str], ...]
    git: str
    started: str
    ended: str


def trust(run: Run) -> Trust:
    """Everything of the last section."""
    settings = mapping(run.info.get("settings"))
    units = {name: text(unit) for name, unit in mapping(run.info.get("units")).items()}
    general = [name for name in _SETTING_ORDER if name in settings]
    general += [name for name in settings if name not in (*_SETTING_ORDER, "fields", "data_sha256")]
    return Trust(
        notes=(*texts(run.info.get("notes")), *origins(run)),
        troubles=troubles(run),
        errata=errata(run),
        datasets=tuple(_dataset(mapping(entry)) for entry in sequence(mapping(run.info.get("data")).get("sets"))),
        separation=text(mapping(run.info.get("data")).get("separation")),
        command=text(run.info.get("command")),
        settings=tuple(Setting(name, _value(settings[name]), units.get(name, "")) for name in general),
        fields=tuple(
            Setting(name, _value(value), units.get(name, "")) for name, value in mapping(settings.get("fields")).items()
        ),
        methods=tuple((m.title, m.paper, m.assumptions, _pairs(m.settings)) for m in run.methods if m.described),
        decorrelated=tuple(where(c.noise_no, c.noise, c.method, c.seed) for c in run.cells if c.decorrelated),
        versions=_named(run.info.get("versions")),
        hardware=tuple((_HARDWARE.get(name, name), value) for name, value in _named(run.info.get("hardware"))),
        git=_revision(text(run.info.get("git"))),
        started=text(run.info.get("started")),
        ended=max((cell.finished for cell in run.cells), default=""),
    )


def _value(value: object) -> str:
    return ", ".join(map(text, value)) if isinstance(value, list) else text(value, "none")


def _pairs(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {_value(value)}" for name, value in settings.items())


def _named(value: object) -> tuple[tuple[str, str], ...]:
    return tuple((name, text(item, "none")) for name, item in mapping(value).items())


def _revision(git: str) -> str:
    """A revision in words; a "+" at its end tells of changes since."""
    return f"{git.removesuffix('+')} with changes that are not committed" if git.endswith("+") else git


def _dataset(entry: Mapping[str, Any]) -> DataSet:
    images, of = whole(entry.get("images"), -1), whole(entry.get("of"), -1)
    count = "n/a" if images < 0 else str(images) if of in (-1, images) else f"{images} of {of}"
    crop = whole(entry.get("crop")) if whole(entry.get("cut"), 1) else 0  # 0 cut: no image was larger; older runs do not say
    place = "one crop of" if entry.get("role") == "training" else "centre"
    return DataSet(
        name=text(entry.get("name")),
        role=text(entry.get("role")),
        images=count,
        crop=f"{place} {crop}\u00d7{crop}" if crop > 0 else "whole images",
        sha256=text(entry.get("sha256")),
        names=texts(entry.get("names")),
    )
