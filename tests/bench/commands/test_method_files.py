"""`--method-file` on the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import methods
from bench.plan.cells import make_cells
from bench.runs import store
from bench.runs.directory import open_directory
from bench.runs.record import run_record
from tests.helpers.harness import here, tiny
from tests.helpers.stub_methods import do
from tests.methods.test_outside import BLUR


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "outside_blur.py"
    path.write_text(BLUR)
    return path


def test_commands_know_the_method_of_a_file(file: Path, tmp_path: Path) -> None:
    status, out, error = here("matrix", "--json", "--method-file", file)
    assert (status, error) == (0, "")
    rows = [row for row in json.loads(out) if row["method"] == "outside-blur"]
    assert [row["applicability"] for row in rows] == ["yes"] * 16
    status, out, error = here("list", "methods", "--method-file", file)
    assert (status, error) == (0, "") and "outside-blur" in out
    dry = ("run", "--dry-run", "--methods", "outside-blur", "--noise", "1", *tiny(), "--method-file", file)
    status, out, error = here(*dry, "--out", tmp_path / "run")
    assert (status, error) == (0, "") and "01-gaussian--outside-blur--s0" in out
    status, out, error = here("matrix", "--json")
    assert status == 0 and "outside-blur" not in out


def test_a_method_that_leaves_the_working_directory_takes_nothing_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "outside_away.py").write_text(
        f"import os\n\ndef denoise(image):\n    os.chdir({os.sep!r})\n    return image / 2\n"
    )
    monkeypatch.chdir(tmp_path)
    arguments = ("run", "--methods", "noisy,outside-away", "--noise", "1,2", *tiny(), "--method-file", "outside_away.py")
    status, out, error = here(*arguments, "--workers", "1", "--out", "run")
    assert (status, error) == (0, ""), out
    assert len(list((tmp_path / "run" / "cells").iterdir())) == 4


@pytest.mark.parametrize("command", ["run", "matrix", "list methods", "tune mine", "robustness x"])
def test_a_file_without_a_method_is_told_in_a_line(command: str, tmp_path: Path) -> None:
    status, out, error = here(*command.split(), "--method-file", tmp_path / "mine.py")
    assert (status, out) == (2, "")
    assert error == f"denoisebench: {tmp_path}/mine.py: No such file or directory: expected a Python file\n"


def test_a_run_remembers_the_file(file: Path, make_run) -> None:  # type: ignore[no-untyped-def]
    with methods.with_files([file]):
        run = make_run(methods_=("noisy", "outside-blur"), noise_=("gaussian",))
        entries = [cell.entry for cell in make_cells(run.settings, "images")]
        record = run_record(run.settings, run.data, entries, "test")
        told = {each["slug"]: each.get("origin") for each in record["methods"]}
        place = methods.origin(methods.get("outside-blur"))
        assert place is not None
        assert told == {"noisy": None, "outside-blur": {"kind": "file", "where": str(file), "version": place.version}}
        run.directory.mkdir()
        open_directory(run.directory, record, run.settings, entries)
        made = do(run)["gaussian", "outside-blur", 0]
        assert made is not None and made["status"] == "done" and "methods.outside_blur" in made["made_of"]["code"]
    other = file.parent / "elsewhere" / file.name
    other.parent.mkdir()
    other.write_text(BLUR + "# a remark\n")
    with methods.with_files([other]):
        run = make_run(methods_=("noisy", "outside-blur"), noise_=("gaussian",))
        record = run_record(run.settings, run.data, entries, "test")
        open_directory(run.directory, record, run.settings, entries)
        (entry,) = [each["origin"] for each in (store.read_run(run.directory) or {})["methods"] if "origin" in each]
        assert entry["where"] == str(other) and entry["version"] != place.version
