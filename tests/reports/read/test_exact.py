"""Tables of older runs: an exact result's PSNR is empty there, and counts as it does now."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

import reports
from bench.plan.scores import MOST_DECIBELS
from reports.numbers.tables import OVERALL, PROTOCOL_TEXT, Scores
from reports.read.exact import MOST_PSNR
from tests.helpers.run_fixture import make_run


def older(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float | None:
    """The first image is met exactly by all but one method, which has a nan there."""
    if image:
        return 30.0 if metric.startswith("psnr") else 0.9
    if method == "noise2score":
        return None
    return None if metric.startswith("psnr") else 1.0


def test_the_limit_is_that_of_the_suite() -> None:
    assert MOST_PSNR == MOST_DECIBELS
    assert all("at most 60 dB, that of an exact result" in words for words in PROTOCOL_TEXT.values())


@pytest.mark.parametrize("source", ["results.parquet", "results.csv", "cells"])
def test_an_exact_result_is_told_by_its_ssim(tmp_path: Path, source: str) -> None:
    make_run(tmp_path, noises=("gaussian",), datasets=("mine",), images=3, crops=0, value=older)
    for name in ("results.parquet", "results.csv"):
        if name != source:
            (tmp_path / name).unlink()
    run = reports.load(tmp_path)
    scores = Scores(run)
    for metric in ("psnr", "psnr_paper"):
        row = scores.row(scores.noises[0], OVERALL, metric)
        assert row["score-solver"].value == row["noisy"].value == pytest.approx((60 + 30 + 30) / 3)
        assert row["score-solver"].complete and row["score-solver"].mark == "best"
        assert row["noise2score"].value == 30.0 and not row["noise2score"].complete and not row["noise2score"].mark


def test_no_psnr_is_more(tmp_path: Path) -> None:
    def value(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float:
        return (math.inf, 89.0, 59.5)[image] if metric.startswith("psnr") else (1.0, 0.9999, 0.999)[image]

    make_run(tmp_path, noises=("gaussian",), datasets=("mine",), images=3, crops=0, value=value)
    table = reports.load(tmp_path).table
    found = table[table["metric"] == "psnr"].groupby("image")["value"].unique()
    assert [list(values) for values in found] == [[60.0], [60.0], [59.5]]
    assert table.loc[table["metric"] == "ssim", "value"].max() == 1.0


def test_near_duplicates_of_a_file_that_is_not_trusted(tmp_path: Path) -> None:
    make_run(tmp_path, noises=("gaussian",), datasets=("mine",), images=3, crops=0)
    info = json.loads((tmp_path / "run.json").read_text())
    info["data"]["repeated"] = [[["mine", "a"], ["mine"], 3, None, ["mine", "b"]], "x", [], {"mine": "c"}, [["mine", 7]]]
    (tmp_path / "run.json").write_text(json.dumps(info))
    assert reports.load(tmp_path).repeated == {
        ("mine", "a"): ("mine", "a"),
        ("mine", "b"): ("mine", "a"),
        ("mine", "7"): ("mine", "7"),
    }
    assert reports.write(tmp_path).exists()
