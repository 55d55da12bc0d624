"""The `test-method` command: does a method keep the contract? And what a run asks of settings before any work."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from rich.console import Console

import methods
from bench.contract.contract import Finding, contract, unusable
from bench.errors import UsageError, one_line
from noise.names import nearest


def check_method(word: str, console: Console) -> int:
    """Check the method of that name, or of that file, and print a line a check; returns 1 where a fault was found, else 0.

    Raises UsageError where there is no such method, or no such file.
    """
    if not (word.endswith(".py") or os.sep in word):
        known = methods.catalogue()
        if word in methods.broken():
            return print_findings([Finding("registers", methods.broken()[word])], word, console)
        if word not in known:
            raise UsageError(f"unknown method {word!r}{nearest(word, known)}: expected a file, or of {', '.join(known)}")
        return check(known[word], console)
    if not Path(word).is_file():
        raise UsageError(f"{word}: there is no such file: expected a Python file with a method")
    try:
        with methods.with_files([word]):
            return check(list(methods.catalogue().values())[-1], console)
    except ValueError as error:
        return print_findings([Finding("registers", str(error))], word, console)


def refuse_settings(named: Mapping[str, methods.Method]) -> None:
    """Raise UsageError for a method that works with its own settings, and not with those that its name tells of."""
    for name, method in named.items():
        usual = methods.catalogue().get(method.slug)
        if usual is not None and name != method.slug and (fault := unusable(method)) and not unusable(usual):
            raise UsageError(f"--methods {name!r}: {fault}")


def check(method: methods.Method, console: Console, whole: bool = True) -> int:
    """Check a method, on one thread, and print; returns the exit status."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return print_findings(contract(method, whole), method.slug, console)
    finally:
        torch.set_num_threads(threads)


def print_findings(findings: Iterable[Finding], word: str, console: Console) -> int:
    """Print a line a check, and a total; returns 1 where a fault was found, else 0."""
    count = faults = 0
    for found in findings:
        count, faults = count + 1, faults + bool(found.fault)
        state = "fault" if found.fault else "note" if found.note else "ok"
        style = {"fault": "red", "note": "yellow", "ok": "green"}[state]
        text = one_line(found.fault or found.note or found.told)
        console.print(f"{state:<5}  {found.check:<18} {text}".rstrip(), style=style if state != "ok" else None, soft_wrap=True)
    total = f"{count} check{'s' * (count != 1)}"
    console.print(f"{word}: {total}, {faults or 'no'} fault{'s' * (faults != 1)}", soft_wrap=True)
    return 1 if faults else 0
