"""Files in methods/ that are no usable method: each costs that method alone, in one line that names the file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import methods
import noise
from bench.errors import UsageError
from bench.plan.cells import make_cells, matrix
from tests.helpers.harness import bench, copy_sources, here, several, tiny
from tests.methods.test_contract import MEDIAN

HEAD = "from dataclasses import dataclass\nfrom methods import Applicability, Method\n"
YES = 'Applicability("yes", "needs nothing")'

MAD = "    from methods import Training\n    training: Training = Training(patch=-1.0)\n"

LOSS = "    def loss(self, network, batch): ...\n"

#: File name, text, line in the file (0: none), words of the message.
BAD = {
    "syntax": ("mine.py", "import torch\n\ndef broken(:\n    pass\n", 3, ["SyntaxError"]),
    "indentation": ("mine.py", "class A:\npass\n", 2, ["IndentationError"]),
    "null bytes": ("mine.py", "x = 1\0\n", 0, ["null bytes"]),
    "missing import": ("mine.py", "import torch\nimport ksvd_of_nobody\n", 2, ["No module named 'ksvd_of_nobody'"]),
    "missing name": ("mine.py", "from methods import Methods\n", 1, ["cannot import name 'Methods'"]),
    "no method": ("mine.py", HEAD, 0, ["defines 0 subclasses of Method", "expected exactly one"]),
    "two methods": ("mine.py", MEDIAN + "class Other(Median): ...\n", 0, ["defines 2", "Median in line 6", "Other in line 16"]),
    "exception": ("mine.py", "\n\nraise RuntimeError('no GPU\\nat all')\n", 3, ["RuntimeError: no GPU at all"]),
    "mute exception": ("mine.py", "raise type('E', (Exception,), {'__str__': lambda s: 1 / 0})()\n", 1, ["line 1: E"]),
    "no end": ("mine.py", "def f():\n    return f()\nf()\n", 2, ["RecursionError"]),
    "no text": ("mine.py", "x = '\udcff'\n", 0, ["SyntaxError"]),
    "exit": ("mine.py", "import sys\nsys.exit(3)\n", 2, ["SystemExit: 3"]),
    "quiet exit": ("mine.py", "raise SystemExit\n", 1, ["SystemExit"]),
    "upper case": ("KSVD.py", MEDIAN, 0, ["the file's name", "a-z, 0-9 and _, no capitals"]),
    "a space": ("my median.py", MEDIAN, 0, ["the file's name"]),
    "other letters": ("größe.py", MEDIAN, 0, ["the file's name"]),
    "all": ("all.py", MEDIAN, 0, ["the file's name", "'all' is a group of methods"]),
    "title that is no text": ("mine.py", MEDIAN.replace('"Median",', r'"\ud800",'), 0, ["title is '\\ud800'"]),
    "reason that is no text": ("mine.py", MEDIAN.replace('"needs nothing"', r'"\ud800"'), 0, [r"reason '\ud800'"]),
    "setting that is no text": ("mine.py", MEDIAN.replace("int = 3", r"str = '\ud800'"), 0, ["its settings"]),
    "no recipe": ("mine.py", MEDIAN + "    def as_published(self): ...\n", 0, ["as_published() gave None"]),
    "fault in a recipe": ("mine.py", MEDIAN + "    def as_published(self):\n        return self.x\n", 17, ["no attribute 'x'"]),
    "learns": ("mine.py", MEDIAN + LOSS + "    def learns(self):\n        return 3\n", 0, ["learns() gave 3"]),
    "fault in learns": ("mine.py", MEDIAN + LOSS + "    def learns(self):\n        return self.x\n", 18, ["no attribute 'x'"]),
    "fault in learns, untrained": (
        "mine.py", MEDIAN + "    def learns(self):\n        return 1 / 0\n", 17, ["ZeroDivisionError"],
    ),
    "setting without type": (
        "mine.py", MEDIAN + "    from methods import Training\n    training = Training(learning_rate=0.1)\n", 0,
        ["training is set without its type", "expected `training: TYPE = ...`"],
    ),
    "long": ("m" * 61 + ".py", MEDIAN, 0, ["the file's name", "at most 60"]),
    "verdict": ("mine.py", MEDIAN.replace('"yes"', '"Yes"'), 12, ["verdict 'Yes'", "yes, indirect, infeasible, no"]),
    "reason": ("mine.py", MEDIAN.replace('"needs nothing"', "5"), 12, ["reason 5", "expected words"]),
    "no reason": ("mine.py", MEDIAN.replace('"needs nothing"', '""'), 12, ["reason ''"]),
    "no answer": ("mine.py", MEDIAN.replace(YES, "'yes'"), 0, ["applicable() gave 'yes'", "expected an Applicability"]),
    "no title": ("mine.py", MEDIAN.replace("title, paper", "name, paper"), 0, ["title is missing", "expected text"]),
    "title": ("mine.py", MEDIAN.replace('"Median",', "3,"), 0, ["title is 3", "expected text"]),
    "supervised": ("mine.py", MEDIAN.replace("size: int", "supervised = 'no'\n    size: int"), 0, ["supervised is 'no'"]),
    "no denoise": ("mine.py", MEDIAN.replace("def denoise", "def other"), 0, ["denoise is missing: expected denoise(network"]),
    "no applicable": ("mine.py", MEDIAN.replace("def applicable", "def other"), 0, ["applicable is missing"]),
    "no dataclass": ("mine.py", MEDIAN.replace("@dataclass(frozen=True)\n", ""), 0, ["no dataclass, so size is no setting"]),
    "infinite": ("mine.py", MEDIAN.replace("int = 3", "float = float('inf')"), 0, ["its settings", "expected numbers"]),
    "tunable name": ("mine.py", MEDIAN + "    tunable = {'sise': (1, 2)}\n", 0, ["tunable names 'sise'", "expected one of"]),
    "required setting": ("mine.py", MEDIAN.replace("size: int = 3", "size: int"), 0, ["'size'"]),
    "odd setting": ("mine.py", MEDIAN.replace("int = 3", "object = object"), 0, ["its settings", "expected numbers, text"]),
    "no frozen class": ("mine.py", MEDIAN.replace("(frozen=True)", ""), 0, ["non-frozen"]),
    "fault in applicable": ("mine.py", MEDIAN.replace(YES, "model.colour"), 12, ["AttributeError", "colour"]),
    "A^-1 y": ("mine.py", MEDIAN + "    def wants_decorrelated(self, model):\n        return 1\n", 0, ["gave 1"]),
    "training": ("mine.py", MEDIAN + "    training: float = 2.0\n", 0, ["training is 2.0", "expected a Training"]),
    "factor": ("mine.py", MEDIAN + MAD, 17, ["training.patch is -1.0"]),
    "subsampling": ("mine.py", MEDIAN + "    subsampling = 1.5\n", 0, ["subsampling is 1.5", "expected a whole number"]),
    "tunable": ("mine.py", MEDIAN + "    tunable = ['size']\n", 0, ["tunable is ['size']", "expected names of settings"]),
    "tunable value": ("mine.py", MEDIAN + "    tunable = {'size': 3}\n", 0, ["tunable has 'size': 3: expected"]),
    "tunable without values": ("mine.py", MEDIAN + "    tunable = {'size': ()}\n", 0, ["tunable has 'size': (): expected"]),
    "A^-1 y of none": ("mine.py", MEDIAN + "    def wants_decorrelated(self, model):\n        return True\n", 0, ["gave True"]),
}  # fmt: skip


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):  # type: ignore[no-untyped-def]
    """A folder whose files are looked at beside those of methods/."""
    before = set(sys.modules)
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("methods."):
            del sys.modules[name]
            vars(methods).pop(name.removeprefix("methods."), None)


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_costs_its_method_alone(folder: Path, case: str) -> None:
    name, text, line, words = BAD[case]
    (folder / name).write_bytes(text.encode(errors="surrogateescape"))
    (folder / "zz_good.py").write_text(MEDIAN)
    assert list(methods.catalogue.__wrapped__()) == [*methods.catalogue(), "zz-good"]
    ((slug, reason),) = methods.broken().items()
    assert slug == name.removesuffix(".py").replace("_", "-")
    assert reason.startswith(f"methods/{name}, line {line}: " if line else f"methods/{name}")
    assert all(word in reason for word in words), reason
    assert len(reason.splitlines()) == 1 and len(reason) < 400


def test_a_fault_in_another_file_is_told_with_both_places(folder: Path) -> None:
    (folder / "_shared.py").write_text("x = 1\ny = (\n")
    (folder / "mine.py").write_text("import torch\nfrom methods import _shared\n")
    (reason,) = methods.broken().values()
    assert reason.startswith("methods/mine.py, line 2: SyntaxError") and "_shared.py, line 2" in reason


def test_two_files_of_one_slug(folder: Path) -> None:
    for name in ("my-median.py", "my_median.py"):
        (folder / name).write_text(MEDIAN)
    (reason,) = methods.broken().values()
    assert "another file has the method 'my-median'" in reason
    assert "my-median" in methods.catalogue.__wrapped__()


def test_what_a_file_prints_does_not_go_to_standard_output(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "loud.py").write_text("print('hello')\n" + MEDIAN)
    assert "loud" in methods.catalogue.__wrapped__()
    assert capsys.readouterr() == ("", "hello\n")


def test_an_interrupt_is_no_fault_of_a_file(folder: Path) -> None:
    (folder / "mine.py").write_text("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        methods.catalogue.__wrapped__()


def test_a_method_that_gives_no_answer_under_a_recipe_is_refused(with_methods, make_settings) -> None:  # type: ignore[no-untyped-def]
    from tests.helpers.stub_methods import Stub

    class Odd(Stub):
        def applicable(self, model):  # type: ignore[no-untyped-def]
            return "yes" if model.parameters.get("extra_sigma") else super().applicable(model)

    with_methods(odd=Odd)
    assert make_cells(make_settings(methods_=("odd",), noise_=("gamma",)), "images")
    for call in (
        lambda: make_cells(make_settings(methods_=("odd",), noise_=("gamma",), recipe="paper"), "images"),
        lambda: matrix([noise.get("gamma", extra_sigma=5.0)], [Odd()]),
    ):
        with pytest.raises(UsageError, match=r"method odd, asked about gamma: TypeError: applicable\(\) gave 'yes'"):
            call()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with two bad files and one good one in methods/."""
    root = tmp_path_factory.mktemp("source")
    copy_sources(root)
    (root / "methods" / "bad.py").write_text("import torch\ndef broken(:\n")
    (root / "methods" / "KSVD.py").write_text(MEDIAN)
    (root / "methods" / "median.py").write_text(MEDIAN)
    return root


@pytest.mark.slow(20)
def test_every_command_that_lists_methods_goes_on_and_says_it_once(source: Path, tmp_path: Path) -> None:
    run = ("run", "--methods", "all", "--noise", "1", *tiny())
    found = several(("matrix", "--json"), ("list", "methods"), (*run, "--dry-run"), root=source)
    run = ("run", "--methods", "noisy,median", "--noise", "1", *tiny())
    found.append(bench(*run, "--workers", "1", "--out", tmp_path / "run", root=source))
    for status, out, error in found:
        assert status == 0, error
        assert "median" in out or (tmp_path / "run" / "cells" / "01-gaussian--median--s0.json").is_file()
        told = error.splitlines()
        assert len(told) == 2 and all(line.startswith("denoisebench: methods/") for line in told)
        assert sum("methods/bad.py, line 2: SyntaxError" in line for line in told) == 1
        assert sum("methods/KSVD.py: the file's name" in line for line in told) == 1
    assert "median" in json.loads((tmp_path / "run" / "run.json").read_text())["settings"]["methods"]
    status, out, error = here("status", tmp_path / "run")
    assert status == 0, error


@pytest.mark.slow(4)
def test_a_bad_file_that_is_asked_for_is_refused(source: Path, tmp_path: Path) -> None:
    words = ("bad", "KSVD", "ksvd")
    commands = [("run", "--methods", f"noisy,{word}", "--noise", "1", "--out", tmp_path / "run") for word in words]
    for word, (status, out, error) in zip(words, several(*commands, root=source), strict=True):
        assert (status, out) == (2, "") and error.count("\n") == 1
        assert f"method {word!r}: methods/{'bad' if word == 'bad' else 'KSVD'}.py" in error
        assert not (tmp_path / "run").exists()
