"""What run.json, and where it is silent the table, names: methods, noise models, verdicts, data sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from reports.read.model import NOISY, Method, Noise, Verdict
from reports.read.untrusted import mapping, sequence, text, texts, whole


def methods_of(info: Mapping[str, Any], table: pd.DataFrame) -> tuple[Method, ...]:
    found: dict[str, Method] = {}
    for entry in map(mapping, sequence(info.get("methods"))):
        slug = text(entry.get("slug"))
        if slug:
            found[slug] = Method(
                slug=slug,
                title=text(entry.get("title")) or slug,
                paper=text(entry.get("paper")),
                assumptions="; ".join(texts(entry.get("assumptions"))),
                knows=texts(entry["knows"]) if "knows" in entry else None,
                supervised=entry.get("supervised") is True,
                trains=entry.get("trains", slug != NOISY) is not False,
                learns_from=text(entry.get("learns_from")),
                tags=texts(entry.get("tags")),
                card=mapping(entry.get("card")),
                settings=mapping(entry.get("settings")),
            )
    for slug in map(str, pd.unique(table["method"])):
        # Without run.json only the name can tell that a method saw clean images.
        found.setdefault(slug, Method(slug=slug, title=slug, supervised=slug == "supervised", trains=slug != NOISY))
    return tuple(found.values())


def noises_of(info: Mapping[str, Any], table: pd.DataFrame) -> tuple[Noise, ...]:
    found: dict[str, Noise] = {}
    for entry in map(mapping, sequence(info.get("noise"))):
        slug = text(entry.get("slug"))
        if slug:
            title = text(entry.get("title")) or slug
            formula, parameters = text(entry.get("formula")), mapping(entry.get("parameters"))
            found[slug] = Noise(whole(entry.get("number")), slug, title, formula, parameters, mapping(entry.get("measured")))
    for row in table[["noise_no", "noise"]].drop_duplicates("noise").itertuples(index=False):
        found.setdefault(row.noise, Noise(int(row.noise_no), row.noise, row.noise))
    return tuple(sorted(found.values(), key=lambda noise: noise.order))


def verdicts_of(info: Mapping[str, Any], table: pd.DataFrame) -> dict[tuple[str, str], Verdict]:
    found = {}
    for row in table.drop_duplicates(["noise", "method"]).itertuples(index=False):
        found[row.noise, row.method] = Verdict(row.applicability, row.reason)
    for entry in map(mapping, sequence(info.get("matrix"))):
        key = text(entry.get("noise")), text(entry.get("method"))
        found[key] = Verdict(text(entry.get("applicability")), text(entry.get("reason")))
    return found


def datasets_of(info: Mapping[str, Any], table: pd.DataFrame) -> tuple[str, ...]:
    """Test sets in the order of run.json, then those that only the table has."""
    sets = map(mapping, sequence(mapping(info.get("data")).get("sets")))
    present = [name for name in pd.unique(table["dataset"]) if name]
    named = [text(entry.get("name")) for entry in sets if entry.get("role", "test") == "test"]
    return tuple(dict.fromkeys([name for name in named if name in present] + present))
