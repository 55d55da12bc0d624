"""What counts once, in tests and in `compare`, and what an exact result counts as."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon

from reports.numbers.pairs import interval, pairs
from tests.helpers.run_fixture import make_run
from tests.reports.numbers.test_compare import cli, compared, of, only_row, save
from tests.reports.numbers.test_significance import CSET9, KODAK, only, table


def test_near_duplicates_count_as_one_photograph() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.normal(30, 1, 24), rng.normal(30, 1, 24)
    values = table({"a": list(a), "b": list(b)})
    repeated = {("mine", f"i{index:03d}"): ("mine", f"i{index // 2 * 2:03d}") for index in range(24)}
    ((pair,),) = pairs(values, ["a", "b"], repeated=repeated).values()
    single = (a - b).reshape(12, 2).mean(axis=1)
    assert pair.images == 12
    assert pair.difference == pytest.approx(single.mean())
    assert pair.interval == pytest.approx(interval(single))
    assert pair.p == pytest.approx(wilcoxon(single, method="exact").pvalue)
    twelve = {("mine", f"i{index:03d}"): ("mine", "i000") for index in range(24)}
    ((pair,),) = pairs(values, ["a", "b"], repeated=twelve).values()
    assert (pair.images, pair.p, pair.verdict) == (1, None, "few")


def test_near_duplicates_in_other_sets_join_a_kodak_photograph() -> None:
    """The copy in a folder of one's own, and the same name in CSet9, are one photograph."""
    sets = [("kodak24", KODAK), ("cset9", CSET9), ("own", ["copy", "other"])]
    values = pd.concat(
        table({"a": [31.0] * len(names), "b": [30.0] * len(names)}, dataset=name, names=names) for name, names in sets
    )
    assert only(values).images == 24 + 5 + 2
    repeated = dict.fromkeys([("kodak24", "kodim01"), ("cset9", "kodim01"), ("own", "copy")], ("kodak24", "kodim01"))
    ((pair,),) = pairs(values, ["a", "b"], repeated=repeated).values()
    assert pair.images == 24 + 5 + 1


def test_near_duplicates_count_once_in_a_comparison(tmp_path: Path) -> None:
    """Twelve copies of one picture are no twelve photographs; the other run, an older one, does not know of them."""

    def value(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float:
        return 30.0 + (0.5 if number == 1 else 1.0) * image

    a, b = (
        make_run(tmp_path / name, noises=("gaussian",), datasets=("mine",), images=12, crops=0, value=value) for name in "ab"
    )
    assert {row.images for row in compared(a, b).rows} == {12}
    info = json.loads((b / "run.json").read_text())
    info["data"]["repeated"] = [[["mine", f"mine-{index:02d}"] for index in range(1, 13)]]
    (b / "run.json").write_text(json.dumps(info))
    for pair in ((a, b), (b, a)):
        found = compared(*pair)
        assert {row.images for row in found.rows} == {1}
        assert {row.mean_a for row in found.rows if row.metric == "psnr"} == {30.0 + 0.5 * 5.5}


def test_an_exact_result_counts_in_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An older table leaves it empty, beside an SSIM of 1; a newer one has 60 dB."""
    rows = [(*row[:5], metric, value) for row in of({"x": 0.0}) for metric, value in (("psnr", None), ("ssim", 1.0))]
    old = save(tmp_path / "old.parquet", rows + of({"y": 30.0}))
    new = save(tmp_path / "new.parquet", [(*row[:6], 60.0 if row[5] == "psnr" else row[6]) for row in rows] + of({"y": 30.0}))
    status, out, _ = cli(capsys, old, new)
    assert status == 0 and "Identical: all 3 values" in out
    other = save(tmp_path / "other.parquet", of({"x": 31.0, "y": 30.0}))
    row = only_row(compared(old, other))
    assert (row.images, row.mean_a, row.mean_b) == (2, 45.0, 30.5)
    assert "an exact result counts as 60 dB" in cli(capsys, old, other)[1]
