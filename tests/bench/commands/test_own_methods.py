"""`new-method` writes a method that works, and `test-method` says of any method whether it keeps the contract."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from rich.console import Console

import methods
from bench.commands.check_method import check
from bench.commands.new_method import new_method
from bench.errors import UsageError
from tests.helpers.harness import here
from tests.methods.test_contract import MEDIAN


def write(name: str, path: Path | None) -> str:
    console = Console(width=160, record=True, file=None, quiet=False)
    with console.capture() as captured:
        new_method(name, path, console)
    return captured.get()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_written_works_and_says_what_to_do(folder: Path) -> None:
    told = write("outside-spot", None)
    assert {path.name for path in folder.iterdir()} == {"outside_spot.py", "test_outside_spot.py"}
    for line in ("bench test-method outside_spot.py", "--method-file outside_spot.py --methods outside-spot,supervised"):
        assert line in told
    console = Console(width=200)
    with methods.with_files([folder / "outside_spot.py"]), console.capture() as captured:
        method = methods.get("outside-spot")
        status = check(method, console, whole=False)
    assert status == 0, captured.get()
    assert method.title == "Outside spot" and type(method).__name__ == "OutsideSpot"
    text = (folder / "test_outside_spot.py").read_text()
    assert not any(word in text for word in ("TITLE", "CLASS", "FIXTURE", "IMPORTS", "NAME", "FILE"))
    compile(text, "test", "exec")
    for line in (text + (folder / "outside_spot.py").read_text()).splitlines():
        assert len(line) <= 128


def test_its_test_passes(folder: Path) -> None:
    write("outside-spot", Path("deep/outside_spot.py"))
    names: dict[str, object] = {"__file__": str(folder / "deep" / "test_outside_spot.py")}
    exec((folder / "deep" / "test_outside_spot.py").read_text(), names)
    with methods.with_files([folder / "deep" / "outside_spot.py"]):
        names["test_hidden_pixels_hold_a_neighbours_values"](methods.get("outside-spot"))  # type: ignore[operator]


def test_inside_of_the_suite_the_test_goes_to_its_tests(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "methods").mkdir()
    monkeypatch.setattr(methods, "__file__", str(folder / "methods" / "__init__.py"))
    told = write("outside-spot", Path("methods/outside_spot.py"))
    text = (folder / "tests" / "methods" / "test_outside_spot.py").read_text()
    assert 'return methods.get("outside-spot")' in text and "with_files" not in text and "Path" not in text
    assert "bench test-method outside-spot" in told and "--method-file" not in told


@pytest.mark.parametrize(
    ("name", "path", "words"),
    [
        ("Mine", None, "expected a name of at most 60 of a-z"),
        ("all", None, "expected a name"),
        ("1st", None, "that begins with a letter"),
        ("a+b", None, "expected a name of a-z, 0-9 and -"),
        ("supervised", None, "there is a method of that name: expected another"),
        ("score_solver", None, "there is a method of that name"),
        ("mine", "other.py", "--path other.py: the file's name is the method's: expected .../mine.py"),
        ("mine", "there/mine.py", "there/mine.py: is there already: expected another name, or --path"),
        ("mine", "tested/mine.py", "tested/test_mine.py: is there already"),
        ("mine", "file/mine.py", "file: cannot be written"),
    ],
)
def test_nothing_is_written_where_something_is_in_the_way(folder: Path, name: str, path: str | None, words: str) -> None:
    for place in ("there/mine.py", "tested/test_mine.py", "file"):
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / place).write_text("mine")
    before = sorted(folder.rglob("*"))
    with pytest.raises(UsageError) as caught:
        write(name, None if path is None else Path(path))
    assert words in str(caught.value)
    assert sorted(folder.rglob("*")) == before and (folder / "there" / "mine.py").read_text() == "mine"


def test_the_command_line_knows_both(folder: Path) -> None:
    status, out, error = here("new-method", "outside-spot", "--path", folder / "outside_spot.py")
    assert (status, error) == (0, "") and len(out.splitlines()) == 4
    status, out, error = here("new-method", "outside-spot", "--path", folder / "outside_spot.py")
    assert (status, out) == (2, "") and "is there already" in error


@pytest.mark.parametrize("name", ["random", "torch", "noise", "applicability", "noise-model"])
def test_a_name_that_python_knows_is_refused(name: str, folder: Path) -> None:
    before = sorted(folder.iterdir())
    status, out, error = here("new-method", name, "--path", folder / f"{name.replace('-', '_')}.py")
    assert (status, out) == (2, "") and f"new-method '{name}'" in error and "expected another name" in error
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("word", "words"),
    [("supervise", "unknown method 'supervise' (nearest: supervised)"), ("no/such.py", "no/such.py: there is no such file")],
)
def test_a_method_that_is_not_there(word: str, words: str) -> None:
    status, out, error = here("test-method", word)
    assert (status, out) == (2, "") and words in error and error.count("\n") == 1


def test_a_file_that_is_no_method_has_a_fault(folder: Path) -> None:
    (folder / "outside_bad.py").write_text(MEDIAN.replace('"yes"', '"maybe"'))
    status, out, error = here("test-method", "outside_bad.py")
    assert status == 1 and error == ""
    first, last = out.splitlines()
    assert first.startswith("fault  registers") and "verdict 'maybe': expected yes, indirect, infeasible, no" in first
    assert last == "outside_bad.py: 1 check, 1 fault"


@pytest.mark.slow(8)
def test_every_check_is_told_in_a_line(folder: Path) -> None:
    """A file that lies anywhere, in a worker of its own, too."""
    (folder / "outside_mean.py").write_text(
        "from scipy.ndimage import uniform_filter\n\n\ndef denoise(image):\n    return uniform_filter(image, (3, 3, 0))\n"
    )
    status, out, error = here("test-method", "outside_mean.py")
    assert (status, error) == (0, ""), out
    told = {line[7:25].strip(): line for line in out.splitlines()}
    assert told["another worker"].startswith("ok") and told["beats the input"].startswith("ok")
    assert "no training" in told["cost"] and out.splitlines()[-1].endswith("checks, no faults")
    (folder / "outside_mean.py").write_text("import os\n\n\ndef denoise(image):\n    return image / 2 + os.getpid() % 997\n")
    status, out, error = here("test-method", "outside_mean.py")
    assert status == 1 and "fault  another worker" in out and "fault  beats the input" in out
    assert not any(name.startswith("methods.outside") for name in sys.modules)
