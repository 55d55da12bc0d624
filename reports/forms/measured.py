"""Measured noise: for each set what is known and estimated of it, and the methods' scores, with truth or without.

It has tables of its own: in the paper's form stands noise that was added, whose law and truth are known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from reports.forms.markup import latex, latex_line, markdown, markdown_line
from reports.numbers.tables import Scores, State
from reports.read.model import NOISY, Method, Noise
from reports.read.untrusted import number, text, texts

#: Metric -> heading and decimals, in the order of the table; an error stands beside its value.
_SHOWN = {
    "psnr": ("PSNR, dB", 2),
    "ssim": ("SSIM", 3),
    "umse": ("uMSE", 2),
    "frc": ("FRC", 3),
    "lag_rows": ("lag 1, down", 2),
    "lag_columns": ("lag 1, across", 2),
}
_OF_RESIDUAL = ("lag_rows", "lag_columns")


@dataclass(frozen=True)
class Line:
    """A method: for each way of learning what became of it, and its numbers in the order of the headings ("" for none)."""

    method: Method
    states: tuple[State, ...]
    numbers: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Set:
    """One set: what there is beside its noisy images, what was told of its noise, and a line for each method."""

    name: str
    beside: tuple[str, ...]
    law: str
    given: str
    sd: str
    sureness: str
    doubts: tuple[str, ...]
    ways: tuple[str, ...]
    headings: tuple[str, ...]
    lines: tuple[Line, ...]


def measured_sets(scores: Scores) -> list[Set]:
    """Every set of measured noise of the run, in the order of its rows."""
    rows: dict[str, dict[str, Noise]] = {}
    for noise in scores.noises:
        if noise.measured:
            name = text(noise.measured.get("name")) or noise.slug
            rows.setdefault(name, {})[text(noise.measured.get("learn"))] = noise
    return [_set(scores, name, ways) for name, ways in rows.items()]


def _set(scores: Scores, name: str, ways: Mapping[str, Noise]) -> Set:
    told = next(iter(ways.values())).measured
    table = scores.run.table
    table = table[table["noise"].isin([noise.slug for noise in ways.values()]) & (table["status"] == "done")]
    there = {metric for metric in _SHOWN if not table.loc[table["metric"] == metric, "value"].dropna().empty}
    metrics = [metric for metric in _SHOWN if metric in there]
    means = {key: _means(part) for key, part in table.groupby(["noise", "method"], sort=False)}
    lines = tuple(
        Line(
            method,
            tuple(scores.state(noise, method) for noise in ways.values()),
            tuple(
                tuple(means.get((noise.slug, method.slug), {}).get(metric, "") for metric in _of_method(method, metrics))
                for noise in ways.values()
            ),
        )
        for method in scores.methods
    )
    sd = number(told.get("sd"))
    return Set(
        name,
        texts(told.get("beside")),
        text(told.get("expression")),
        text(told.get("law")),
        "" if sd is None else f"{sd:.3g}",
        text(told.get("sureness")),
        texts(told.get("doubts")),
        tuple("learnt from one half, tested on the other" if way == "halves" else "learnt from the set itself" for way in ways),
        tuple(_SHOWN[metric][0] for metric in metrics),
        lines,
    )


def _of_method(method: Method, metrics: Sequence[str]) -> list[str]:
    """The metrics, those that say nothing of it as none: from the input nothing was taken away."""
    return ["" if method.slug == NOISY and metric in _OF_RESIDUAL else metric for metric in metrics]


def _means(part: pd.DataFrame) -> dict[str, str]:
    """Metric -> its mean over images and seeds, as it is printed; of uMSE with its standard error."""
    found = {}
    for metric, (_, digits) in _SHOWN.items():
        values = part.loc[part["metric"] == metric, "value"].dropna()
        if not values.empty:
            shown = f"{values.mean():.{digits}f}".replace("-", "\u2212")
            errors = part.loc[part["metric"] == f"{metric}_error", "value"].dropna()
            # images are independent, seeds are not: they share the noise
            images = max(1, part.loc[part["metric"] == metric, "image"].nunique())
            if not errors.empty:
                shown += f" \u00b1 {math.sqrt(float(errors.pow(2).mean()) / images):.{digits}f}"
            found[metric] = shown
    return found


def measured_markdown(found: Set) -> str:
    """A heading and one GitHub table."""
    start = [f"**{markdown(found.name)}**, measured noise: {markdown(_about(found))}", ""]
    columns = [f"{heading}{_of(found, way)}" for way in found.ways for heading in found.headings]
    lines = [markdown_line(["Method", *map(markdown, columns)]), markdown_line([":--", *["--:"] * len(columns)])]
    lines += [markdown_line([markdown(line.method.title), *map(markdown, _values(line))]) for line in found.lines]
    return "\n".join([*start, *lines]) + "\n"


def measured_latex(found: Set) -> str:
    r"""A `table` environment that needs \usepackage{booktabs} and no more."""
    columns = len(found.ways) * len(found.headings)
    ways = [rf"\multicolumn{{{len(found.headings)}}}{{c}}{{{latex(way)}}}" for way in found.ways]
    lines = [
        r"\begin{table}[htbp]",
        r"\centering",
        rf"\caption{{{latex(found.name)}, measured noise: {latex(_about(found))}}}",
        r"\par\smallskip\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\begin{{tabular}}{{l{'r' * columns}}}",
        r"\toprule",
        *([latex_line(["", *ways])] if len(ways) > 1 else []),
        latex_line(["Method", *map(latex, found.headings * len(found.ways))]),
        r"\midrule",
        *(latex_line([latex(line.method.title), *map(latex, _values(line))]) for line in found.lines),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _about(found: Set) -> str:
    told = f"estimated law {found.law} ({found.sureness})" if found.law else "no law could be told"
    return f"{told}; means over the images."


def _of(found: Set, way: str) -> str:
    return f" ({way})" if len(found.ways) > 1 else ""


def _values(line: Line) -> list[str]:
    """The numbers, or what stands in place of the first."""
    return [
        value or (state.words if not place else "")
        for state, numbers in zip(line.states, line.numbers, strict=True)
        for place, value in enumerate(numbers)
    ]
