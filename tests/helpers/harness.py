"""What the tests of whole runs share: the smallest run there is, in a process of its own."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from bench.cli import main
from tests.helpers.quick_workers import quick_workers

ROOT = Path(__file__).parents[2]

#: Settings under which a training takes a tenth of a second.
TINY = (
    "channels=4", "multipliers=1,2", "steps=4", "patches=2", "patch=16", "checks=1",
    "test_crop=64", "test_images=1", "validation_crop=32",
)  # fmt: skip


def tiny(*assignments: str) -> list[str]:
    """The options that make a run tiny, with further assignments."""
    return [word for assignment in (*TINY, *assignments) for word in ("--set", assignment)]


def copy_sources(root: Path) -> None:
    """A copy of the packages, for methods that only a test has, with what Python has compiled of them."""
    for folder in ("bench", "methods", "noise", "reports"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("*.pyc.*"))  # that are being written


def start(*arguments: str | Path, root: Path = ROOT, **variables: str) -> subprocess.Popen[str]:
    """Start `python -m bench` with the sources of `root`, and with further environment variables."""
    environment = os.environ | {"PYTHONPATH": str(root), "COLUMNS": "200"} | variables
    command = [sys.executable, "-m", "bench", *map(str, arguments)]
    return subprocess.Popen(command, cwd=root, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[str], timeout: float = 300) -> tuple[int, str, str]:
    """Exit status, standard output and standard error."""
    out, error = process.communicate(timeout=timeout)
    return process.returncode, out, error


def here(*arguments: str | Path) -> tuple[int, str, str]:
    """Run the command in this process; exit status, standard output, standard error. Workers are processes all the same."""
    with quick_workers(), redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as error:
        status = main([str(argument) for argument in arguments])
    return status, out.getvalue(), error.getvalue()


_SEVERAL = """
import contextlib, io, json, sys
from bench.cli import main
from tests.helpers.quick_workers import quick_workers

found = []
for words in json.load(sys.stdin):
    with quick_workers(), contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as error:
        status = main(words)
    found.append((status, out.getvalue(), error.getvalue()))
json.dump(found, sys.stdout)
"""


def several(*commands: tuple[str | Path, ...], root: Path) -> list[tuple[int, str, str]]:
    """Run commands with the sources of `root`, one after the other in one process: what `bench` returns, of each."""
    words = json.dumps([[str(word) for word in command] for command in commands])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(root), str(ROOT))), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-c", _SEVERAL], cwd=root, env=environment, input=words, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return [(status, out, error) for status, out, error in json.loads(done.stdout)]


def bench(*arguments: str | Path, root: Path = ROOT) -> tuple[int, str, str]:
    """Run `python -m bench` to its end, in a process of its own."""
    return finish(start(*arguments, root=root))
