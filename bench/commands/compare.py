"""The `compare` command: two runs, paired image by image."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

import reports
from bench.commands.output import is_standard, refuse_own, write_output
from bench.errors import UsageError, one_line
from reports.numbers.compare import POOLED, TOLERANCE, UNTRAINED, Comparison, Row, compare, outcome, write_csv
from reports.numbers.pairs import LEAST_IMAGES
from reports.numbers.retraining import RETRAINING
from reports.numbers.tables import PROTOCOLS, signed
from reports.page.comparepage import compare_page
from reports.read.exact import MOST_PSNR
from reports.read.model import Run

_LEGEND = (
    "B - A: mean over images, paired by noise model, method, seed, data set and image; a photograph that is in several sets,",
    f"or several times in one, counts once; an exact result counts as {MOST_PSNR:g} dB. Interval: 95 %, bootstrap (BCa) over",
    "images. PSNR counts for the answer:",
    f"  agree      the whole interval lies within {TOLERANCE:.2f} dB of 0, twice what retraining alone moves a network",
    f"             ({RETRAINING} dB, root mean square of six trained on two machines); for what trains nothing, {UNTRAINED} dB",
    "  B higher, B lower  all of it lies beyond that",
    "  unclear    neither: more images would tell",
    f"  too few images     fewer than {LEAST_IMAGES}",
    "Won/tied/lost: images on which B is higher, equal, lower at 2 decimals of a dB. The interval is over images, not over",
    "trainings: with one seed it tells whether these two networks differ, not whether the settings do.",
)


def print_comparison(
    first: Path, second: Path, console: Console, csv: Path | None = None, html: Path | None = None, per_set: bool = False
) -> None:
    """Compare two run directories or bare results tables; all of it goes to `csv`, and as a page to `html`.

    One of these may be standard output; what is told to people then goes to standard error.

    Raises
    ------
    UsageError
        Where one of them cannot be read, they have no value in common, or a file cannot be written.
    """
    if is_standard(csv) and is_standard(html):
        raise UsageError(f"--csv {csv} --html {html}: both go to standard output: expected a file for one of them")
    if is_standard(csv) or is_standard(html):
        console = Console(width=160, highlight=False, markup=False, stderr=True)
    a, b = _load(first), _load(second)
    for option, path in (("--csv", csv), ("--html", html)):
        if path is not None:
            refuse_own(option, path, (first, second))
    try:
        comparison = compare(a, b)
    except ValueError as error:
        raise UsageError(f"compare {first} {second}: {error}") from None
    if csv is not None:
        write_output("--csv", csv, lambda temporary: write_csv(comparison, temporary))
    if html is not None:
        page = compare_page(comparison, (a, b), (str(first), str(second)))
        write_output("--html", html, lambda temporary: temporary.write_text(page, encoding="utf-8"), own_encoding=True)
    for name, path, run in zip("AB", (first, second), (a, b), strict=True):
        console.print(f"{name}: {path}", soft_wrap=True)
        for problem in run.problems:
            console.print(f"   {' '.join(problem.split())}", soft_wrap=True)
    _print_differences(comparison, [a, b], console)
    for sentence in comparison.unpaired:
        console.print(sentence, soft_wrap=True)
    if comparison.identical:
        console.print(f"\nIdentical: all {comparison.paired} values that both have are the same.", soft_wrap=True)
    else:
        _print_rows(comparison, per_set, console)
    for words, path in (("All of it", csv), ("As a page", html)):
        if path is not None and not is_standard(path):
            console.print(f"\n{words}: {path}", soft_wrap=True)


def _load(path: Path) -> Run:
    try:
        return reports.load(path)
    except (ValueError, OSError) as error:
        raise UsageError(one_line(error)) from None


def _print_differences(comparison: Comparison, runs: list[Run], console: Console) -> None:
    unknown = [name for name, run in zip("AB", runs, strict=True) if not run.info]
    if unknown:
        console.print(f"\nSettings are unknown for {' and '.join(unknown)}, so they cannot be compared.", soft_wrap=True)
        return
    for heading, found in (("Settings", comparison.settings), ("Software and hardware", comparison.environment)):
        if not found:
            console.print(f"\n{heading}: the same", soft_wrap=True)
            continue
        console.print(f"\n{heading} that differ:", soft_wrap=True)
        table = _table("", "A", "B")
        for difference in found:
            table.add_row(*(Text(_short(value, 200)) for value in (difference.name, difference.a, difference.b)))
        console.print(table)


def _short(name: str, most: int) -> str:
    """One line of at most so many characters."""
    line = " ".join(name.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _noise(row: Row) -> str:
    """No. 7 poisson; poisson(lam=0.05), which is no row of Table 1."""
    return f"No. {row.noise_no} {_short(row.noise, 40)}" if row.noise_no else _short(row.noise, 60)


def _print_rows(comparison: Comparison, per_set: bool, console: Console) -> None:
    ssim = PROTOCOLS[comparison.protocol][1]
    others = {(row.noise, row.method, row.dataset): row for row in comparison.rows if row.metric == ssim}
    chosen = [row for row in comparison.shown if per_set or row.dataset == POOLED]
    unlike = comparison.unlike_inputs
    if unlike:
        named = ", ".join(dict.fromkeys(_noise(row) for row in unlike))
        console.print(f"\nNot the same noisy images, on {named}: other crops, images, noise or seeds.", soft_wrap=True)
    console.print(f"\nProtocol: {comparison.protocol}. PSNR in dB.", soft_wrap=True)
    columns = ("No.", "noise model", "method", *(("data set",) if per_set else ()))
    table = _table(*columns, "images", "A", "B", "B - A", "95 % interval", "won/tied/lost", "SSIM B - A", "")
    for row in chosen:
        other = others.get((row.noise, row.method, row.dataset))
        names = [row.noise, row.method, *([row.dataset or "all"] if per_set else [])]
        table.add_row(Text(str(row.noise_no or "")), *(Text(_short(name, 60)) for name in names), *_numbers(row, other))
    console.print(table)
    pooled = [row for row in chosen if row.dataset == POOLED]
    for sentence in outcome(pooled, lambda row: f"{_noise(row)}, {_short(row.method, 40)}"):
        console.print(sentence, soft_wrap=True)
    console.print()
    for line in _LEGEND:
        console.print(line, soft_wrap=True)


def _numbers(row: Row, ssim: Row | None) -> list[str]:
    def mean(value: float | None) -> str:
        return "n/a" if value is None else f"{value:.2f}"

    bounds = f"{signed(row.interval[0])} to {signed(row.interval[1])}" if row.interval else "n/a"
    return [
        str(row.images),
        mean(row.mean_a),
        mean(row.mean_b),
        "n/a" if row.difference is None else signed(row.difference),
        bounds,
        f"{row.wins}/{row.ties}/{row.losses}" if row.images else "n/a",
        "n/a" if ssim is None or ssim.difference is None else signed(ssim.difference, 3),
        row.verdict,
    ]


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        right = "images" in columns and column in ("No.", "images", "A", "B", "B - A", "SSIM B - A")
        table.add_column(Text(column), overflow="fold", justify="right" if right else "left")
    return table
