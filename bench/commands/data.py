"""The command `data`: list, fetch and verify the public data sets."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from bench.commands.arguments import output_of, path_of
from bench.commands.parser import Parser
from bench.data.public.catalogue import PublicSet, catalogue, check, choose, folder_of
from bench.data.public.fetching import DOWNLOADS, Outcome, fetch
from bench.errors import UsageError, one_line

_SHOWN = 6  # file names or troubles in a message
#: What is said where it is stopped before its end.
_KEPT = "what was downloaded is kept, {}the same command goes on from there"


def add_data(parser: argparse.ArgumentParser) -> None:
    """The words of the command."""
    actions = parser.add_subparsers(required=True, metavar="list|fetch|verify", dest="action", parser_class=Parser)

    text = "The sets, their licences and sources, and how many of their images a folder has."
    sub = actions.add_parser("list", help=text, description=text)
    sub.add_argument("directory", nargs="?", type=path_of, default="data", metavar="DIR", help="data sets (default: data)")

    text = "Download what is missing; the same command goes on where it broke off. Exit status 1: something is still missing."
    sub = actions.add_parser("fetch", help=text, description=text)
    sub.set_defaults(kept=_KEPT)
    sub.add_argument("sets", nargs="*", metavar="SET", help="kodak24, cset9, cbsd68, bsds432, div2k (default: all)")
    sub.add_argument(
        "--to", dest="directory", type=output_of, default="data", metavar="DIR", help="folder of data sets (default: data)"
    )
    sub.add_argument("--mirror", action="append", default=[], metavar="URL", help="try URL/kodak24/kodim01.png ... first")

    text = "Check every file by its sha256. Exit status 1: something is missing, damaged or extra."
    sub = actions.add_parser("verify", help=text, description=text)
    sub.add_argument("directory", nargs="?", type=path_of, default="data", metavar="DIR", help="data sets (default: data)")
    sub.add_argument("sets", nargs="*", metavar="SET", help="sets that must be there (default: those that are)")


def data(options: argparse.Namespace, console: Console, given: list[str]) -> int:
    """Do what the words ask for; returns the exit status."""
    if options.action == "list":
        return list_sets(str(options.directory), console)
    if options.action == "fetch":
        return fetch_sets(options.sets, str(options.directory), options.mirror, console)
    return verify_sets(options.sets, str(options.directory), console)


def list_sets(directory: str, console: Console) -> int:
    """Print the public sets, and how many of their images DIR has, by sha256. Returns 0."""
    root = folder_of(directory)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("data set", "role", "images", "MiB", "sizes", "licence", "from", f"in {one_line(root)}"):
        table.add_column(column, overflow="fold", no_wrap=column == "data set")
    for public in catalogue():
        state = check(public, root)
        wrong = f", {len(state.damaged)} damaged" * bool(state.damaged) + f", {len(state.extra)} extra" * bool(state.extra)
        there = f"{len(state.good)} of {len(public.sums)}{wrong}"
        about = (str(len(public.sums)), f"{public.megabytes:g}", public.sizes, public.licence, public.home)
        table.add_row(public.name, public.role, *about, there)
    console.print(table)
    return 0


def fetch_sets(words: Sequence[str], directory: str, mirrors: Sequence[str], console: Console) -> int:
    """Complete the named sets (all where none is named) below DIR. Returns 0, or 1 where images are still missing.

    Raises UsageError for an unknown set, a mirror without http or https, and a folder that cannot be written to.
    """
    sets, root = choose(words, catalogue()), folder_of(directory)
    for mirror in mirrors:
        if not re.match(r"https?://[\w.\[]", mirror):
            raise UsageError(f"--mirror {one_line(mirror)!r}: expected an http or https address")
    try:
        root.mkdir(parents=True, exist_ok=True)
        (root / DOWNLOADS).mkdir(exist_ok=True)
    except OSError as error:
        raise UsageError(f"{one_line(root)}: cannot be written to ({error.strerror}): expected a folder for data") from None
    failed = 0
    for public in sets:
        with console.status(public.name) as status:
            outcome = fetch(public, root, mirrors=mirrors, say=status.update)
        _tell(public, outcome, root, console)
        failed += bool(outcome.state.missing or outcome.state.damaged)
    return 1 if failed else 0


def _tell(public: PublicSet, outcome: Outcome, root: Path, console: Console) -> None:
    """Print what became of a set, and how to get by hand what is missing."""
    lacking = sorted((*outcome.state.missing, *outcome.state.damaged))
    total = len(public.sums)
    console.print(f"{public.name}: {total - len(lacking)} of {total} images in {root / public.folder}", soft_wrap=True)
    for trouble in outcome.troubles:
        console.print(f"  {trouble}", soft_wrap=True)
    if outcome.state.extra:
        console.print(f"  not part of the set: {_some(outcome.state.extra)}", soft_wrap=True)
    if not lacking:
        return
    console.print(f"  missing: {_some(lacking)}", soft_wrap=True)
    again = f"python -m bench data fetch {public.name} --to {root}"
    lines = (
        "  to get them by hand, put",
        f"    - these images, from {public.home}, into {root / public.folder}/ (under any names)",
        f"    - or one of these archives, not unpacked, into {root / DOWNLOADS}/: {', '.join(public.archives)}",
        f"  and run again: {again}",
    )
    console.print("\n".join(lines), soft_wrap=True)


def verify_sets(words: Sequence[str], directory: str, console: Console) -> int:
    """Check every file of the named sets below DIR; where none is named, of those whose folder is there.

    Returns 0 where all are as published, 1 where a file is missing, damaged or extra, or where there is no set at all.
    Raises UsageError for an unknown set and where there is no DIR.
    """
    sets, root = choose(words, catalogue()), folder_of(directory)
    if not root.exists():
        raise UsageError(f"{one_line(root)}: is not there; expected a folder of data sets (python -m bench data fetch)")
    wrong, seen = 0, 0
    for public in sets:
        folder = root / public.folder
        if not words and not folder.is_dir():
            console.print(f"{public.name}: not there", soft_wrap=True)
            continue
        state = check(public, root)
        seen, wrong = seen + 1, wrong + (not state.whole)
        console.print(f"{public.name}: {len(state.good)} of {len(public.sums)} images as published", soft_wrap=True)
        for kind, names in (("missing", state.missing), ("damaged", state.damaged), ("extra", state.extra)):
            for name in names:
                console.print(f"  {kind}: {one_line(folder / name)}", soft_wrap=True)
    return 1 if wrong or not seen else 0


def _some(names: Sequence[str]) -> str:
    """All of a few names, or the first and the last of many with their number."""
    if len(names) <= _SHOWN:
        return ", ".join(names)
    return f"{', '.join(names[: _SHOWN - 1])} ... {names[-1]} ({len(names)} files)"
