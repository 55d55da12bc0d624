"""`tune`: three lines and a table, a file with every trial, and the same again when it goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from bench.commands.tune import arm_of, folder_of, sentence, table_of, words_of
from bench.plan.cells import make_cells
from bench.plan.settings import Settings
from tests.helpers.harness import copy_sources, here, several, tiny

#: A method of a user's own, with a setting of its own: the residual is scaled.
OWN = """
from dataclasses import dataclass
from methods import Applicability, Method, estimate, mean_squared

@dataclass(frozen=True)
class Own(Method):
    shrink: float = 1.0

    title = paper = assumptions = "mine"
    supervised = True
    tunable = Method.tunable | {"shrink": (0.5, 1.0)}

    def applicable(self, model):
        return Applicability("yes" if model.traits.additive else "no", "mine")

    def loss(self, network, batch):
        return mean_squared(self.denoise(network, batch.noisy, batch.model, None) - batch.clean)

    def denoise(self, network, y, model, generator):
        return self.shrink * estimate(network, y)
"""


@pytest.mark.slow(20)
def test_a_method_of_ones_own_is_tuned_and_goes_on(tmp_path: Path) -> None:
    root, out = tmp_path / "source", tmp_path / "tuned"
    copy_sources(root)
    (root / "methods" / "own.py").write_text(OWN, encoding="utf-8")
    command = ("tune", "own", "--noise", "1", "--trials", "2", "--preset", "quick", *tiny(), "--workers", "1", "--out", out)
    (first, again, refused) = several(command, command, (*command, "--set", "steps=5"), root=root)
    status, printed, error = first
    assert (status, error) == (0, "")
    lines = [line for line in printed.splitlines() if line.strip()]
    assert lines[0].startswith("own: 2 trials at a quarter of the compute of quick on gaussian")
    assert [word in lines[1] for word in ("shrink", "training.patch", "gaussian", "mean, dB")] == [True] * 4
    assert lines[-1] == str(out / "tune.json") and len(lines) in (7, 9)  # two or four rows, a rule, three sentences, the head
    told = json.loads((out / "tune.json").read_text())
    assert [len(arm["psnr"]) for arm in told["trials"]] == [1, 1] and len(told["full"]) in (0, 2)
    assert "rows" not in told and not any((out / "trials-default").glob("results*"))
    record = json.loads(next((out / "trials-default" / "cells").glob("*own*")).read_text())
    assert record["rows"] == [] and record["training"]["steps"] == 1
    assert again == first  # nothing was trained again, and the file says the same
    assert json.loads((out / "tune.json").read_text()) == told
    assert told["settings"]["fields"]["steps"] == 4 and told["settings"]["data_sha256"] and "data" not in told["settings"]
    assert refused == (
        2,
        "",
        f"denoisebench: {out}: holds another tuning: steps is 4 there and 5 now; expected another --out\n",
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("noisy",), "noisy is not trained: expected a method with a loss"),
        (("all",), "expected one method"),
        (("supervized",), "unknown method 'supervized'"),
        (("noisier2noise", "--noise", "1,5"), "noisier2noise on gamma: the noise is not additive"),
        (("supervised", "--trials", "0"), "--trials"),
    ],
)
def test_bad_words_are_one_line_before_any_work(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    status, out, error = here("tune", *words, "--out", tmp_path / "tuned")
    assert status == 2 and said in error and out == "" and error.count("\n") == 1
    assert not (tmp_path / "tuned").exists()


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    status, _, error = here("tune", "supervised", "--out", tmp_path)
    assert status == 2 and "holds files but no tune.json" in error
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("name", ["letter.txt", "letter.txt/below"])
def test_a_folder_that_cannot_be_one_is_told(name: str, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    status, _, error = here("tune", "supervised", *tiny(), "--out", tmp_path / name)
    assert status == 2 and "cannot be used for a tuning: Not a directory" in error


def test_trials_without_a_finite_score_have_failed(make_settings: Callable[..., Settings]) -> None:
    """JSON has null in the place of nan."""
    settings = make_settings(methods_=("supervised",), noise_=("gaussian", "gamma"))
    cells = [cell for cell in make_cells(settings, "images") if cell.key]
    records = [
        {"status": "done", "training": {"validation": [[4, psnr]], "operations": 1.0, "patch": 96, "steps": 3}}
        for psnr in (28.0, None)
    ]
    arm = arm_of(settings, {"training.clip": 2.0}, list(zip(cells, records, strict=True)))
    assert arm["failed"] == "05-gamma--supervised--s0: its validation images have no finite PSNR"
    assert arm["mean"] is None and arm["psnr"]["01-gaussian--supervised--s0"] == 28.0


def test_with_more_trials_another_may_be_the_best() -> None:
    """Its trainings at full compute are not those of the best before; the default's are."""
    few, more = folder_of("full", {"training.patch": 0.5}), folder_of("full", {"training.patch": 0.75})
    assert few != more and few == folder_of("full", {"training.patch": 0.5}) and few.startswith("full-")
    assert (folder_of("full", {}), folder_of("trials", {})) == ("full-default", "trials-default")


@pytest.mark.parametrize(("value", "words"), [(2.0, "2"), (1e3, "1000"), (True, "True"), (None, "None"), ("wide", "wide")])
def test_values_of_any_kind_are_told(value: object, words: str) -> None:
    assert words_of({"mode": value}) == f"mode={words}"


def told_of(gain: float | None, spread: float | None, replaces: bool) -> dict[str, object]:
    arm = {"values": {}, "failed": None, "noise": {"gaussian": 28.0}, "mean": 28.0}
    better = arm | {"values": {"gamma": 2.0}, "noise": {"gaussian": 28.5}, "mean": 28.5}
    broken = arm | {"values": {"gamma": 4.0}, "failed": "it fell", "noise": {}, "mean": None}
    return {
        "tunable": {"gamma": [1, 2, 4]}, "default": {"gamma": 1.0}, "noise": ["gaussian"], "trials": [arm, better, broken],
        "full": [], "best": {"gamma": 2.0}, "gain": gain, "spread": spread, "replaces": replaces,
    }  # fmt: skip


def test_the_table_has_every_trial(capsys: pytest.CaptureFixture[str]) -> None:
    Console(width=120).print(table_of(told_of(0.4, 0.1, True)))
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith(" trial")]
    assert rows == [
        ["trial", "0", "1", "28.00", "28.00"], ["trial", "1", "2", "28.50", "28.50", "+0.50"],
        ["trial", "2", "4", "failed", "failed"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("gain", "spread", "replaces", "words"),
    [
        (0.4, 0.1, True, "gamma=2: +0.40 dB at full compute; twice the spread of the seeds is 0.20 dB: replaces the default"),
        (0.1, 0.1, False, "does not replace the default"),
        (None, None, False, "A training failed: the default stays."),
    ],
)
def test_what_came_of_it_is_said(gain: float | None, spread: float | None, replaces: bool, words: str) -> None:
    assert words in sentence(told_of(gain, spread, replaces))
