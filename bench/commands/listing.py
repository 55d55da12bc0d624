"""The commands that only print: list, matrix."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from string import ascii_lowercase
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

import methods
import noise
from bench.commands.cards import as_lines, as_page, card_of
from bench.commands.names import parse_variants
from bench.data.sets import describe, unused
from bench.errors import UsageError, one_line
from bench.plan.cells import matrix
from noise.names import TABLE, nearest

_MARKS = {"yes": "✓", "indirect": "✓*", "infeasible": "×*", "no": "×"}


def whole_matrix(models: Sequence[noise.NoiseModel] = (), wanted: str = "everything") -> list[dict[str, Any]]:
    """The applicability of the methods that `--methods` names to these noise models, or those of Table 1.

    `noisy`, which is everywhere, is left out beside others.

    Raises UsageError for an unknown method.
    """
    everyone = parse_variants(wanted)
    named = {name: method for name, method in everyone.items() if method.slug != "noisy"} or everyone
    return matrix(models or noise.catalogue(), list(named.values()), list(named))


def tell_broken() -> None:
    """A line on standard error for each file in methods/ or noise/ that is no usable method, or base, and is left out."""
    for reason in (*methods.broken().values(), *noise.broken().values()):
        print(f"denoisebench: {one_line(reason)} (left out)", file=sys.stderr)


def print_matrix(console: Console, models: Sequence[noise.NoiseModel], wanted: str = "everything") -> None:
    """The applicability matrix with its legend, then the reasons. Raises UsageError as `whole_matrix` does."""
    rows = whole_matrix(models, wanted)
    slugs = list(dict.fromkeys(row["method"] for row in rows))
    marks = {(row["noise"], row["method"]): _MARKS[row["applicability"]] for row in rows}
    letters = iter(ascii_lowercase)  # for those that are none of the sixteen
    heads = {model.slug: str(model.number or next(letters, "–")) for model in models}
    table = _table("method", *heads.values())
    table.padding = (0, 0, 0, 0)  # so that 80 columns have room for the sixteen
    for slug in slugs:
        table.add_row(slug, *(marks[model, slug] for model in heads))
    console.print(table)
    console.print(", ".join(f"{head} {model}" for model, head in heads.items()), soft_wrap=not console.is_terminal)
    legend = "✓ applies   ✓* through A^-1 y   ×* its assumptions fail, trained all the same   × cannot be run"
    console.print(legend, soft_wrap=True)
    for slug in slugs:
        reasons: dict[tuple[str, str], list[str]] = {}
        for row in rows:
            if row["method"] == slug:
                reasons.setdefault((row["applicability"], row["reason"]), []).append(str(row["noise_no"] or row["noise"]))
        console.print(f"\n{slug}", style="bold", soft_wrap=True)
        for (answer, reason), numbers in reasons.items():
            console.print(f"  {answer} on {', '.join(numbers)}: {reason}", soft_wrap=True)


def list_things(
    what: str, data: str, console: Console, name: str | None = None, cards: bool = False, against: str | None = None
) -> None:
    """Print the methods (the card of one, or all as Markdown), noise models or data sets. Raises UsageError for other words."""
    kinds = ("methods", "noise", "data")
    if what not in kinds:
        raise UsageError(f"list {what!r}: expected methods, noise or data{nearest(what, kinds)}")
    if what != "methods" and (name or cards):
        raise UsageError(f"list {what} {name or '--cards'}: expected list methods {name or '--cards'}")
    if name and cards:
        raise UsageError(f"list methods {name} --cards: expected one of the two")
    if against is not None and not cards:
        raise UsageError(f"--against {against}: expected list methods --cards --against {against}")
    if what != "data":
        tell_broken()
    if cards:
        print(as_page(methods.catalogue().values(), against), end="")
        return
    if name:
        for line in as_lines(card_of(name)):
            console.print(line, soft_wrap=not console.is_terminal)
        return
    if what == "methods":
        table = _table("method", "title", "tags", "assumes")
        for slug, method in methods.catalogue().items():
            table.add_row(slug, method.title, " ".join(methods.tags(method)), method.assumptions)
    elif what == "noise":
        table = _table("No.", "noise model", "formula", "parameters")
        others = [noise.get(slug) for slug in noise.bases() if slug not in TABLE]
        for model in (*noise.catalogue(), *others):
            values = ", ".join(f"{name}={value:g}" for name, value in model.parameters.items())
            table.add_row(str(model.number or "–"), model.slug, model.formula, values)
    else:
        table = _table("data set", "role", "images", "sizes")
        for name, role, count, sizes in describe(data):
            table.add_row(name, role, str(count), sizes)
    console.print(table)
    for sentence in unused(data) if what == "data" else ():
        console.print(sentence, soft_wrap=True)


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(Text(column), overflow="fold", no_wrap=index == 0)
    return table
