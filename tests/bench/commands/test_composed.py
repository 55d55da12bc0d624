"""A run of noise by expression and of variants of methods, through to the report."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import bench
import noise
from bench.cli import main
from bench.errors import UsageError
from tests.bench.test_cli import refused
from tests.helpers.harness import here, tiny
from tests.reports.page.test_render import Page

NOISES = ["gaussian", "gaussian(sigma=50)", "poisson(conv=KERNEL)"]
METHODS = ["noisy", "neighbor2neighbor(gamma=1)", "score-solver", "score-solver(iterations=10)"]


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    root = tmp_path_factory.mktemp("composed")
    (root / "kernel.csv").write_text("0.1,0.8,0.1")
    noises = f"gaussian(sigma=50|5e1), poisson(lam=0.2, conv={root / 'kernel.csv'}),1,gaussian(sigma=25)"
    chosen = ["score-solver(iterations=10)", "neighbor2neighbor(gamma=1)", "score-solver"]
    small = tiny("crops=1", "training_crop=48", "validation_images=1")
    words = ["--noise", noises, "--methods", ",".join(chosen), *small, "--workers", "1", "--out", str(root / "run")]
    assert here("run", *words)[0] == 0
    return words


@pytest.fixture
def run(options: list[str]) -> Path:
    return Path(options[-1])


@pytest.mark.slow(4)
def test_rows_are_the_models_and_variants_by_name(run: Path) -> None:
    info, table = json.loads((run / "run.json").read_text()), pd.read_parquet(run / "results.parquet")
    kernel = next(told["slug"] for told in info["noise"] if "kernel" in told)
    names = [name.replace("poisson(conv=KERNEL)", kernel) for name in NOISES]
    assert list(dict.fromkeys(table["noise"])) == [told["slug"] for told in info["noise"]] == names
    assert list(dict.fromkeys(table["method"])) == info["settings"]["methods"] == METHODS
    assert list(dict.fromkeys(table["noise_no"])) == [1, 0] and table["noise_no"].dtype == "int64"
    assert set(table["status"]) == {"done"}
    variant = next(told for told in info["methods"] if told["slug"] == "neighbor2neighbor(gamma=1)")
    assert (variant["variant_of"], variant["title"]) == ("neighbor2neighbor", "Neighbor2Neighbor, gamma 1")
    assert variant["settings"]["gamma"] == 1.0
    keys = {(entry["noise"], entry["method"]): entry["key"] for entry in info["plan"]}
    assert len({key for key in keys.values() if key}) == 2 * len(NOISES)
    assert (run / "cells" / "01-gaussian--noisy--s0.json").exists()
    assert (run / "cells" / "gaussian(sigma=50)--score-solver(iterations=10)--s0.json").exists()
    noisy = table[(table["method"] == "noisy") & (table["metric"] == "psnr")].groupby("noise")["value"].mean()
    assert noisy["gaussian"] > noisy["gaussian(sigma=50)"] + 4


@pytest.mark.slow(4)
def test_the_report_shows_titles_and_the_sweep(run: Path) -> None:
    page = (run / "report.html").read_text(encoding="utf-8")
    text = Page(page).text
    assert "Gaussian, sigma 50" in text and "Score solver, iterations 10" in text and "No. 0" not in page
    assert "Levels of the noise" in text and "PSNR against sigma, Gaussian." in page
    assert page.count('id="levels"') == 1


@pytest.mark.slow(4)
def test_the_same_words_do_nothing_again_and_robustness_finds_the_names(options: list[str], run: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (run / "cells").iterdir()}
    assert here("run", *options)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in (run / "cells").iterdir()} == before
    status, told, error = here("status", run)
    assert status == 0 and "gaussian(sigma=50)" in told and " 0 gaussian" not in told, error
    kernel = options[1].split("conv=")[1].split(")")[0]
    for law in ("gaussian(sigma=50)", f"poisson(conv={kernel})"):
        words = ("--noise", law, "--method", "score-solver(iterations=10)", "--rates", "0,0.1", "--draws", "1")
        assert main(["robustness", str(run), *words]) == 0
    found = json.loads((run / "robustness.json").read_text())["models"]
    assert [entry["noise_no"] for entry in found] == [0, 0] and len({entry["noise"] for entry in found}) == 2


@pytest.mark.slow(4)
def test_a_function_is_scored_beside_them(run: Path) -> None:
    frame = bench.evaluate(lambda image: image, name="same", noise="gaussian(sigma=50|9)", against=run)  # type: ignore[operator]
    assert list(frame["noise"]) == ["gaussian(sigma=50)", "gaussian(sigma=9)"] and list(frame["noise_no"]) == [0, 0]
    assert frame["minus noisy"][0] == pytest.approx(0, abs=1e-5) and pd.isna(frame["minus noisy"][1])
    with pytest.raises(UsageError, match="above 0"):
        bench.evaluate(lambda image: image, noise="gaussian(sigma=-1)")  # type: ignore[operator]


@pytest.mark.parametrize(
    ("option", "text", "expected"),
    [
        ("--noise", "gaussian(sigma=50", "not closed"),
        ("--noise", "gausian(sigma=50)", "nearest: gaussian"),
        ("--noise", "gaussian(sigma=15|)", "missing beside |"),
        ("--noise", "gaussian(sigma=15||25)", "missing beside |"),
        ("--noise", f"gaussian(sigma={'|'.join(['1'] * 1001)})", "at most 1000"),
        ("--noise", "poisson(lam=1e400)", "above 0"),
        ("--noise", "poisson(conv=nowhere.npy)", "no such file"),
        ("--noise", "(1-3)", "expected a name"),
        ("--methods", "neighbor2neighbor(gamma=2", "not closed"),
        ("--methods", "neighbor2neighbor(gama=2)", "nearest: gamma"),
        ("--methods", "knows:nothing(gamma=2)", "stands for several"),
    ],
)
def test_bad_words_are_one_line_before_any_work(
    option: str, text: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refused(capsys, "run", option, text, "--out", str(tmp_path / "out"))
    assert expected in error and not (tmp_path / "out").exists()


def test_tuning_takes_no_variant(capsys: pytest.CaptureFixture[str]) -> None:
    assert "expected one method" in refused(capsys, "tune", "neighbor2neighbor(gamma=1)")


def test_lists_and_names_of_table_1_stay() -> None:
    assert [model.slug for model in noise.catalogue()] == list(noise.names.TABLE)
