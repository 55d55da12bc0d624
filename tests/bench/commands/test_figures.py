"""`python -m bench report DIR --figures OUT`: only its own names are written, and bad usage is one line before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cli import main
from tests.helpers.run_fixture import make_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run", noises=("gaussian",), methods=("noisy", "supervised", "score-solver"), images=1, side=16)


def test_figures_are_written_beside_what_is_there(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "figures"
    out.mkdir(parents=True)
    (out / "mine.pdf").write_text("mine")
    (out / "distance.pdf").write_text("old")
    before = sorted(run.rglob("*"))
    assert main(["report", str(run), "--figures", str(out)]) == 0
    printed = capsys.readouterr().out.splitlines()
    names = ["crops-01-gaussian", "distance", "cost-training", "cost-denoising"]
    assert [line.partition(":")[0] for line in printed[: len(names)]] == [f"{out / name}.pdf, .png" for name in names]
    assert printed[len(names) :] == [
        "Left out: levels: no noise model was run at several levels",
        "Left out: robustness: the run has no robustness.json, which `python -m bench robustness` writes",
    ]
    made = [f"{name}.{form}" for name in names for form in ("pdf", "png")]
    assert sorted(path.name for path in out.iterdir()) == sorted([*made, "mine.pdf"])
    assert (out / "mine.pdf").read_text() == "mine" and (out / "distance.pdf").read_bytes().startswith(b"%PDF")
    assert sorted(run.rglob("*")) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["{run}/run.json"], ["{run}/run.json: is no folder"]),
        (["-"], ["--figures -: is no folder"]),
        (["{run}"], ["--figures {run}: is what"]),
        (["{run}/cells"], ["--figures {run}/cells: is what"]),
        (["{run}/run.json/x"], ["--figures {run}/run.json/x"]),
        (["{run}/../taken"], ["distance.png in it is a folder"]),
        (["{run}/f", "--format", "csv"], ["--figures {run}/f: writes figures alone: expected no --format beside it"]),
        (["{run}/f", "--output", "x"], ["expected no --output"]),
        (["{run}/f", "--open"], ["expected no --open"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_bad_usage_is_one_line(
    options: list[str], words: list[str], run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken" / "distance.png").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    assert main(["report", str(run), "--figures", *(option.format(run=run) for option in options)]) == 2
    out, error = capsys.readouterr()
    assert out == "" and error.count("\n") == 1
    assert all(word.format(run=run) in error for word in words), error
    assert sorted(tmp_path.rglob("*")) == before


def test_no_run_leaves_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / "none"), "--figures", str(tmp_path / "out")]) == 2
    assert "no such run directory" in capsys.readouterr().err and not (tmp_path / "out").exists()
