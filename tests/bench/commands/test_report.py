"""`python -m bench report`: a page or tables, to a file or to standard output."""

from __future__ import annotations

import shutil
import webbrowser
from pathlib import Path

import pytest

import reports
from bench.cli import main
from tests.helpers.run_fixture import make_run

FORMS = ("latex", "markdown", "csv")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run", noises=("gaussian", "gamma"), images=1, crops=0)


def test_the_page_is_written_and_its_path_printed(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run)]) == 0
    assert capsys.readouterr().out == f"{run / 'report.html'}\n"
    elsewhere = tmp_path / "new" / "page.html"
    assert main(["report", str(run), "--output", str(elsewhere)]) == 0
    assert capsys.readouterr().out == f"{elsewhere}\n"
    assert elsewhere.read_bytes() == (run / "report.html").read_bytes()


@pytest.mark.parametrize("form", FORMS)
def test_tables_go_to_standard_output_or_a_file(
    form: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = reports.export(reports.load(run), form)
    assert main(["report", str(run), "--format", form]) == 0
    assert capsys.readouterr().out == expected
    file = tmp_path / "tables"
    assert main(["report", str(run), "--format", form, "--output", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}\n"
    assert file.read_bytes().decode() == expected
    assert not (run / "report.html").exists()


@pytest.mark.parametrize("works", [True, False])
def test_the_page_is_opened(
    works: bool, run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or works)
    assert main(["report", str(run), "--open"]) == 0
    out, error = capsys.readouterr()
    assert out == f"{run / 'report.html'}\n"
    assert opened == [(run / "report.html").as_uri()]
    assert ("no browser" in error) != works


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--format", "latx"], ["'latx'", "nearest: latex"]),
        (["--format", "md"], ["'md'", "html, latex, markdown, csv"]),
        (["--format", "csv", "--open"], ["--open", "csv"]),
        (["--format", "csv", "--output", "{run}"], ["{run}"]),
        (["--output", "{run}"], ["{run}"]),
    ],
    ids=" ".join,
)
def test_bad_usage_is_one_line(options: list[str], words: list[str], run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(run.rglob("*"))
    assert main(["report", str(run), *(option.format(run=run) for option in options)]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    assert all(word.format(run=run) in error for word in words), error
    assert sorted(run.rglob("*")) == before


@pytest.mark.parametrize("given", ["", "results.csv"])
@pytest.mark.parametrize(
    "name", ["results.csv", "results.parquet", "run.json", "robustness.json", "cells/new.json", "crops/clean/x.png", "link"]
)
def test_what_a_run_consists_of_is_not_written_over(
    name: str, given: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "link").symlink_to(run / "results.csv")
    target = tmp_path / name if name == "link" else run / name
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    for form in ("html", "csv"):
        assert main(["report", str(run / given), "--format", form, "--output", str(target)]) == 2
        assert f"--output {target}: is what " in capsys.readouterr().err
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_run_s_page_is_for_pages_and_other_names_are_free(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run), "--output", str(run / "report.html")]) == 0
    assert main(["report", str(run), "--format", "csv", "--output", str(run / "report.html")]) == 2
    for _ in range(2):
        assert main(["report", str(run), "--format", "csv", "--output", str(run / "tables.csv")]) == 0


def test_a_missing_run_json_is_told(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(run, tmp_path / "bare")
    (tmp_path / "bare" / "run.json").unlink()
    assert main(["report", str(tmp_path / "bare"), "--format", "csv"]) == 0
    assert capsys.readouterr().err == f"denoisebench: {tmp_path / 'bare'}: run.json is missing: its settings are unknown\n"


@pytest.mark.parametrize("form", FORMS)
def test_a_directory_without_a_run(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path), "--format", form]) == 2
    assert str(tmp_path) in capsys.readouterr().err
