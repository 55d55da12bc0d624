"""The `test-noise` command: does a base of noise keep the contract?"""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Console

import noise
from bench.commands.check_method import print_findings
from bench.contract.contract import Finding
from bench.contract.noises import contract
from bench.errors import UsageError
from noise.names import nearest


def check_noise(word: str, console: Console) -> int:
    """Check the base of that name, or of that file, and print a line a check; returns 1 where a fault was found, else 0.

    Raises UsageError where there is no such base, or no such file.
    """
    if not (word.endswith(".py") or os.sep in word):
        known = noise.bases()
        if word in noise.broken():
            return print_findings([Finding("registers", noise.broken()[word])], word, console)
        if word not in known:
            raise UsageError(f"unknown noise {word!r}{nearest(word, known)}: expected a file, or of {', '.join(known)}")
        return print_findings(contract(known[word]), word, console)
    if not Path(word).is_file():
        raise UsageError(f"{word}: there is no such file: expected a Python file with a base of noise")
    try:
        with noise.with_files([word]):
            base = list(noise.bases().values())[-1]
            return print_findings(contract(base), base.slug, console)
    except ValueError as error:
        return print_findings([Finding("registers", str(error))], word, console)
