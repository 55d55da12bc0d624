"""Outputs whose reader goes, whose encoding is poor, or that are closed: nothing fails for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.harness import ROOT, tiny

pytestmark = pytest.mark.slow(60)

RUN = ["run", "--methods", "supervised", "--noise", "1-4", *tiny(), "--workers", "1"]


def shell(text: str, folder: Path, *arguments: str, **variables: str) -> tuple[int, str, str]:
    """Run a line of bash, in which `bench` is the command and "$@" its arguments; exit status of `bench`, output, errors."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONIOENCODING"}  # tox sets it
    environment = inherited | {"PYTHONPATH": str(ROOT)} | variables
    line = f'bench() {{ "{sys.executable}" -m bench "$@"; }}; {text}; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(
        ["bash", "-c", line, "bash", *arguments], cwd=folder, env=environment, capture_output=True, timeout=300
    )  # fmt: skip
    return done.returncode, done.stdout.decode(errors="strict"), done.stderr.decode(errors="strict")


@pytest.mark.parametrize("text", ["bench matrix | head -1", "bench matrix --json | true", "bench --help | true"])
def test_a_reader_that_leaves(text: str, tmp_path: Path) -> None:
    status, out, error = shell(text, tmp_path)
    assert (status, error) == (0, "") and out.count("\n") <= 1


def test_a_run_goes_on_without_its_reader_and_errors(tmp_path: Path) -> None:
    status, out, error = shell('bench "$@" --out run 2> >(true) | head -1', tmp_path, *RUN)
    assert (status, out.count("\n"), error) == (0, 1, "")
    statuses = [json.loads(path.read_text())["status"] for path in (tmp_path / "run" / "cells").iterdir()]
    assert statuses == ["done"] * 8
    assert all((tmp_path / "run" / name).stat().st_size > 1000 for name in ("results.csv", "report.html"))


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_outputs(closed: str, tmp_path: Path) -> None:
    assert shell(f"bench matrix {closed}", tmp_path) == (0, "", "")
    if closed.startswith("<&-"):  # all of them: a run, too
        status, out, error = shell(f'bench "$@" --out run {closed}', tmp_path, *RUN[:4], "1", *RUN[5:])
        assert (status, out, error) == (0, "", "")
        assert (tmp_path / "run" / "report.html").read_bytes().startswith(b"<!")


def test_a_method_that_prints_needs_no_reader(tmp_path: Path) -> None:
    """A worker's output is that of the run."""
    code = (
        "import sys; from bench.process.streams import make_lasting; make_lasting(); sys.stdin.read()\n"
        "for _ in range(9): print('x' * 9999, flush=True); print('x' * 9999, file=sys.stderr, flush=True)\n"
        "sys.exit(7)"
    )
    line = f'"{sys.executable}" -c "$1" 2>&1 < <(sleep 1) | true'
    assert shell(line, tmp_path, code)[0] == 7


def test_outputs_that_somebody_closes_go_on(tmp_path: Path) -> None:
    code = (
        "import sys; from bench.process.streams import make_lasting, write_out; make_lasting()\n"
        "sys.stdout.close(); sys.stderr.close(); print('there'); print('too', file=sys.stderr); sys.exit(not write_out())"
    )
    assert shell(f'"{sys.executable}" -c "$1"', tmp_path, code) == (0, "there\n", "too\n")


def test_a_full_device_is_told() -> None:
    status, _, error = shell("bench matrix > /dev/full", ROOT)
    assert status == 1 and error.count("\n") == 1 and "Traceback" not in error


def test_a_run_goes_on_where_its_output_has_no_room(tmp_path: Path) -> None:
    """The disk that is full is not the run's."""
    status, _, error = shell('bench "$@" --out run > /dev/full', tmp_path, *RUN)
    assert (status, error) == (1, "denoisebench: standard output: No space left on device\n")
    statuses = [json.loads(path.read_text())["status"] for path in (tmp_path / "run" / "cells").iterdir()]
    assert statuses == ["done"] * 8 and (tmp_path / "run" / "report.html").exists()


def test_an_encoding_that_replaces_nothing(tmp_path: Path) -> None:
    status, out, error = shell("bench list noise", tmp_path, PYTHONIOENCODING="idna")
    assert (status, error) == (0, "") and "rayleigh" in out and out.isascii()


#: Commands in one process, with a byte of 0 after the output of each.
_ONE_BY_ONE = """
import json, sys
from bench.process.streams import make_lasting

make_lasting()
from bench.cli import main

for words in json.loads(sys.argv[1]):
    assert main(words) == 0, words
    sys.stdout.flush()
    sys.stdout.buffer.write(bytes(1))
    sys.stdout.flush()
"""


@pytest.mark.parametrize("variables", [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "cp1252"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
], ids=str)  # fmt: skip
def test_poor_encodings(variables: dict[str, str], tmp_path: Path) -> None:
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONIOENCODING"}  # tox sets it
    environment = inherited | {"PYTHONPATH": str(ROOT)} | variables

    name = "größe" if "PYTHONIOENCODING" in variables else "size"
    commands = (
        ("matrix",), ("matrix", "--json"), (*RUN[:4], "1", *RUN[5:], "--out", name), ("report", name, "--format", "markdown"),
        ("report", name, "--output", "-"),
    )  # fmt: skip
    # in one process, as each takes seconds to begin
    done = subprocess.run(
        [sys.executable, "-c", _ONE_BY_ONE, json.dumps(commands)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode(errors="replace")
    matrix, told, run, markdown, page, _ = done.stdout.split(b"\0")
    assert b"gaussian" in matrix and b"+*" in matrix  # a stand-in that is as wide as the tick
    assert len(json.loads(told)) > 50
    assert b"report.html" in run
    assert b"**" in markdown  # the best
    assert page.decode("utf-8") == (tmp_path / name / "report.html").read_text(encoding="utf-8")


def test_a_locale_that_has_no_such_letters_is_named(tmp_path: Path) -> None:
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONIOENCODING"}
    environment = inherited | {"PYTHONPATH": str(ROOT), "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "bench", "status", "größe".encode()], cwd=tmp_path, env=environment, capture_output=True
    )
    assert done.returncode == 2 and b"is no text in ascii, which this locale asks for (PYTHONUTF8=1" in done.stderr
