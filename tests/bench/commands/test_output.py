"""Where outputs go: links, standard output, pipes and home directories, alike for all formats."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

import reports
from tests.helpers.harness import here
from tests.helpers.run_fixture import make_run

FORMS = ("html", "latex", "markdown", "csv")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "run", noises=("gaussian", "gamma"), images=1, crops=0)


def expected(run: Path, form: str) -> str:
    loaded = reports.load(run)
    return reports.render(loaded) if form == "html" else reports.export(loaded, form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_followed(form: str, there: bool, run: Path, tmp_path: Path) -> None:
    real, link = tmp_path / "far" / "real", tmp_path / "link"
    real.parent.mkdir()
    if there:
        real.write_text("old")
    link.symlink_to("far/real")
    assert here("report", run, "--format", form, "--output", link) == (0, f"{link}\n", "")
    assert link.is_symlink() and real.read_bytes().decode() == expected(run, form)
    assert {path.name for path in tmp_path.rglob("*")} == {"far", "real", "link"}


@pytest.mark.parametrize("form", FORMS)
def test_a_dash_is_standard_output(form: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert here("report", run, "--format", form, "--output", "-") == (0, expected(run, form), "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", FORMS)
def test_a_pipe_and_a_device_are_written_to(form: str, run: Path, tmp_path: Path) -> None:
    pipe, found = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes().decode()))
    reader.start()
    assert here("report", run, "--format", form, "--output", pipe)[0] == 0
    reader.join(30)
    assert found == [expected(run, form)] and pipe.is_fifo()
    nothing = tmp_path / "nothing"
    nothing.symlink_to(os.devnull)
    assert here("report", run, "--format", form, "--output", nothing)[0] == 0
    assert Path(os.devnull).is_char_device() and nothing.is_symlink()


def test_the_page_inside_a_run_is_replaced_where_it_is_a_link(tmp_path: Path) -> None:
    """A run directory may be another's, whose links are not to decide what is written over."""
    run = make_run(tmp_path / "run", noises=("gaussian",), images=1, crops=0)
    (tmp_path / "mine").write_text("precious")
    (run / "report.html").unlink(missing_ok=True)
    (run / "report.html").symlink_to(tmp_path / "mine")
    assert here("report", run)[0] == 0
    assert (tmp_path / "mine").read_text() == "precious" and not (run / "report.html").is_symlink()


@pytest.mark.parametrize("option", ["--csv", "--html"])
def test_comparisons(option: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("real")
    assert here("compare", run, run, option, "link")[0] == 0
    assert (tmp_path / "link").is_symlink()
    status, output, error = here("compare", run, run, option, "-")
    assert (status, output) == (0, (tmp_path / "real").read_bytes().decode())
    assert "Identical" in error  # what is told to people
    assert {path.name for path in tmp_path.iterdir()} == {"link", "real"}


def test_what_cannot_be_is_one_line(run: Path) -> None:
    for arguments in (("report", run, "--open", "--output", "-"), ("compare", run, run, "--csv", "-", "--html", "-")):
        status, output, error = here(*arguments)
        assert (status, output, error.count("\n")) == (2, "", 1) and "expected" in error


def test_home_directories(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    work.mkdir()
    home.mkdir()
    (home / "run").symlink_to(run)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(work)
    assert here("report", "~/run", "--output=~/page.html") == (0, f"{home / 'page.html'}\n", "")
    assert here("compare", "~/run", "~/run", "--csv=~/c.csv", "--html=~/c.html")[0] == 0
    assert here("status", "~/none")[2].startswith(f"denoisebench: {home / 'none'}")
    assert "there is no user nobody_of_that_name: expected a path" in here("status", "~nobody_of_that_name/run")[2]
    (work / "~nobody_of_that_name").mkdir()  # which is there
    assert "holds no run" in here("status", "~nobody_of_that_name")[2]
    (work / "~nobody_of_that_name").rmdir()
    assert str(home / "none") in here("merge", "~/none", "~/run", "--out=~/merged")[2]
    assert str(home / "none") in here("robustness", "~/none")[2]
    assert here("data", "list", "~/data")[0] == 0
    assert here("data", "verify", "~/data")[2].startswith(f"denoisebench: {home / 'data'}: is not there")
    assert here("list", "data", "--data=~/data")[2].startswith(f"denoisebench: {home / 'data'}: ")
    assert here("run", "--noise=1", "--methods=noisy", "--dry-run", "--data=~")[2].startswith(f"denoisebench: {home}: holds")
    assert f"Would write to {home / 'new'}" in here("run", "--noise=1", "--methods=noisy", "--dry-run", "--out=~/new")[1]
    assert {path.name for path in home.glob("[!.]*")} == {"run", "page.html", "c.csv", "c.html"}
    assert list(work.iterdir()) == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("target", "why"), [("folder", "Is a directory"), ("/dev/full", "No space left on device")])
def test_what_cannot_be_written_is_named(form: str, target: str, why: str, run: Path, tmp_path: Path) -> None:
    path = tmp_path / target
    if target == "folder":
        path.mkdir()
    line = f"denoisebench: --output {path}: cannot be written: {why}; expected another file\n"
    assert here("report", run, "--format", form, "--output", path) == (2, "", line)
