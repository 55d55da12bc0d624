"""In what two runs' run.json differ: settings first, then software and hardware."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reports.read.untrusted import mapping, plain, sequence, text

_ABSENT = "none"


@dataclass(frozen=True)
class Difference:
    """A name, and its value in either run."""

    name: str
    a: str
    b: str


def setting_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Settings, preset fields, data, and the parameters of the noise models and methods that both have."""
    return _differing(_settings(a), _settings(b)) + _differing(*_shared(a, b))


def environment_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Revision of the source, hardware, versions."""
    return _differing(_environment(a), _environment(b))


def code_differences(a: Mapping[str, str], b: Mapping[str, str]) -> tuple[Difference, ...]:
    """Modules that both tell of, and whose code differs."""
    both = [name for name in a if name in b]
    return _differing({f"code of {name}": a[name] for name in both}, {f"code of {name}": b[name] for name in both})


def _settings(info: Mapping[str, Any]) -> dict[str, Any]:
    settings = mapping(info.get("settings"))
    flat = {name: value for name, value in settings.items() if name not in ("fields", "data_sha256")}
    flat |= mapping(settings.get("fields"))
    return flat | {f"SHA-256 of {name}": text(value)[:12] for name, value in mapping(settings.get("data_sha256")).items()}


def _shared(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters of what both runs have: the rest is said by the lists of methods and noise models."""
    found: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for key, values in (("noise", "parameters"), ("methods", "settings")):
        entries = [{text(e.get("slug")): mapping(e.get(values)) for e in map(mapping, sequence(i.get(key)))} for i in (a, b)]
        for slug in entries[0]:
            if slug in entries[1]:
                for flat, own in zip(found, entries, strict=True):
                    flat |= {f"{slug}: {name}": value for name, value in own[slug].items()}
    return found


def _environment(info: Mapping[str, Any]) -> dict[str, Any]:
    return {"git": info.get("git")} | dict(mapping(info.get("hardware"))) | dict(mapping(info.get("versions")))


def _differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Difference, ...]:
    found = []
    for name in dict.fromkeys((*a, *b)):
        one, other = a.get(name), b.get(name)
        # 5 and 5.0 are the same setting, 1 and true are not.
        if one != other or isinstance(one, bool) != isinstance(other, bool):
            found.append(Difference(_line(name), _line(one), _line(other)))
    return tuple(found)


def _line(value: object) -> str:
    if value is None:
        return _ABSENT
    shown = ", ".join(plain(item) for item in value) if isinstance(value, list) else plain(value)
    return " ".join(text(shown).split()) or _ABSENT
