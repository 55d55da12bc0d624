"""`compare`: paired differences against a merge of one's own, intervals against theory, and what cannot be paired."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import reports
from bench.cli import main
from reports.numbers.compare import POOLED, Comparison, Row, compare
from reports.numbers.pairs import interval
from tests.helpers.run_fixture import HOSTILE, make_run

COLUMNS = ["noise_no", "noise", "method", "seed", "status", "applicability", "reason", "dataset", "image", "metric", "value"]
FEW = ("gaussian", "gaussian-conv", "rayleigh")
KODAK = tuple(f"kodim{number:02d}" for number in range(1, 25))
CSET9 = ("F16", "baboon", "house", "kodim01", "kodim02", "kodim03", "kodim12", "lena", "peppers")


def save(path: Path, rows: list[tuple[str, str, int, str, str, str, float | None]]) -> Path:
    """A bare results table: noise, method, seed, data set, image, metric, value."""
    frame = pd.DataFrame([(1, n, m, s, "done", "yes", "", d, i, k, v) for n, m, s, d, i, k, v in rows], columns=COLUMNS)
    frame.to_parquet(path, index=False)
    return path


def of(images: dict[str, float | None], *, seed: int = 0, dataset: str = "mine", method: str = "score-solver") -> list:
    """Rows of one cell's PSNR."""
    return [("gaussian", method, seed, dataset, image, "psnr", value) for image, value in images.items()]


def compared(a: Path, b: Path) -> Comparison:
    return compare(reports.load(a), reports.load(b))


def only_row(comparison: Comparison) -> Row:
    (row,) = comparison.pooled("psnr")
    return row


def cli(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    status = main(["compare", *map(str, arguments)])
    return status, *capsys.readouterr()


def test_every_difference_is_that_of_a_merge(tmp_path: Path) -> None:
    def shifted(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float:
        return 30 + math.sin(number + 2 * len(method) + 3 * seed + 5 * len(dataset) + 7 * image + len(metric))

    a = make_run(tmp_path / "a", noises=FEW, seeds=2, images=12, crops=0)
    b = make_run(tmp_path / "b", noises=FEW, seeds=2, images=12, crops=0, value=shifted)
    found = {(row.noise, row.method, row.dataset, row.metric): row for row in compared(a, b).rows}
    tables = [pd.read_parquet(path / "results.parquet").query("status == 'done'") for path in (a, b)]
    keys = ["noise", "method", "seed", "dataset", "image", "metric"]
    both = tables[0].merge(tables[1], on=keys)
    both["gap"] = both["value_y"] - both["value_x"]
    places = 0
    for (noise, method, metric), cell in both.groupby(["noise", "method", "metric"]):
        for dataset, part in [(POOLED, cell), *cell.groupby("dataset")]:
            row = found[noise, method, dataset, metric]
            per_image = part.groupby(["dataset", "image"])["gap"].mean()
            half = 0.005 if metric.startswith("psnr") else 0.0005
            assert row.images == len(per_image)
            assert row.difference == pytest.approx(per_image.mean(), abs=1e-12)
            assert row.mean_b == pytest.approx(part["value_y"].mean(), abs=1e-9)
            assert (row.wins, row.losses) == ((per_image > half).sum(), (per_image < -half).sum())
            assert row.wins + row.ties + row.losses == row.images
            places += 1
    assert places == len(found) > 100


def test_the_interval_is_near_the_normal_one_for_many_images() -> None:
    differences = np.random.default_rng(3).normal(0.2, 0.5, 1500)
    half = norm.ppf(0.975) * differences.std(ddof=1) / math.sqrt(len(differences))
    low, high = interval(differences)
    assert low == pytest.approx(differences.mean() - half, abs=0.08 * half)
    assert high == pytest.approx(differences.mean() + half, abs=0.08 * half)
    assert interval(differences) == (low, high)  # no luck in it


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    samples = rng.gumbel(0, 1, (300, 24)) * 0.3  # skewed, as differences of images may be
    truth = 0.3 * np.euler_gamma
    inside = sum(low <= truth <= high for low, high in (interval(sample, resamples=999) for sample in samples))
    assert 0.89 <= inside / len(samples) <= 0.975  # 95 % less what a bootstrap of 24 loses


@pytest.mark.parametrize("last", [0.25, 0.25 + 1e-12, 3.0])
def test_differences_that_are_nearly_all_alike_have_an_interval(last: float) -> None:
    low, high = interval(np.array([0.25] * 23 + [last]))
    assert 0.25 <= low <= high <= last


@pytest.mark.parametrize(
    ("shift", "spread", "verdict"),
    [
        (0.0, 0.05, "agree"), (0.16, 0.05, "agree"), (0.5, 0.1, "B higher"), (-0.5, 0.1, "B lower"),
        (0.22, 0.1, "unclear"), (0.0, 2.0, "unclear"),
    ],
)  # fmt: skip
def test_the_answer_follows_from_the_interval(tmp_path: Path, shift: float, spread: float, verdict: str) -> None:
    base = {f"i{index:02d}": 30.0 for index in range(24)}
    wave = np.linspace(-1, 1, 24) * spread
    a = save(tmp_path / "a.parquet", of(base))
    b = save(tmp_path / "b.parquet", of({name: 30 + shift + gap for name, gap in zip(base, wave, strict=True)}))
    assert only_row(compared(a, b)).verdict == verdict


def test_few_images_get_no_interval(tmp_path: Path) -> None:
    a = save(tmp_path / "a.parquet", of({f"{index}": 30.0 for index in range(9)}))
    b = save(tmp_path / "b.parquet", of({f"{index}": 31.0 for index in range(9)}))
    row = only_row(compared(a, b))
    assert (row.verdict, row.interval, row.difference) == ("too few images", None, 1.0)


def test_a_photograph_in_two_sets_counts_once(tmp_path: Path) -> None:
    sets = {"kodak24": KODAK, "cset9": CSET9, "cbsd68": ("kodim01",)}
    rng = np.random.default_rng(0)
    gaps = {(dataset, image): rng.normal() for dataset, images in sets.items() for image in images}
    rows: dict[str, list] = {"a": [], "b": []}
    for (dataset, image), gap in gaps.items():
        rows["a"] += of({image: 30.0}, dataset=dataset)
        rows["b"] += of({image: 30.0 + gap}, dataset=dataset)
    found = compared(*(save(tmp_path / f"{name}.parquet", part) for name, part in rows.items()))
    row = only_row(found)
    assert row.images == 24 + 9 - 4 + 1  # the kodim01 of another set is another picture
    single = [gap for (dataset, image), gap in gaps.items() if dataset == "cbsd68" or (image in KODAK) != (image in CSET9)]
    twice = [(gaps["kodak24", image] + gaps["cset9", image]) / 2 for image in set(KODAK) & set(CSET9)]
    assert len(single) + len(twice) == row.images
    assert row.difference == pytest.approx(np.mean(single + twice), abs=1e-12)
    assert {r.dataset: r.images for r in found.rows} == {POOLED: 30, "kodak24": 24, "cset9": 9, "cbsd68": 1}


def test_only_common_seeds_are_paired(tmp_path: Path) -> None:
    a = save(tmp_path / "a.parquet", of({"x": 30.0}, seed=0) + of({"x": 10.0}, seed=1))
    b = save(tmp_path / "b.parquet", of({"x": 12.0}, seed=1) + of({"x": 99.0}, seed=2))
    found = compared(a, b)
    assert only_row(found).difference == 2.0
    assert found.unpaired == (
        "Of common cells, seed 0 is in A alone.",
        "Of common cells, seed 2 is in B alone.",
    )


def test_what_one_run_lacks_is_said(tmp_path: Path) -> None:
    a = save(tmp_path / "a.parquet", of({"x": 30.0, "y": 31.0}) + of({"x": 30.0}, dataset="other") + of({"x": 1.0}, method="m"))
    b = save(tmp_path / "b.parquet", of({"x": 30.5, "z": 31.0}) + of({"x": 1.0}, method="n"))
    assert compared(a, b).unpaired == (
        "1 cell(s) are done in A alone: gaussian m.",
        "1 cell(s) are done in B alone: gaussian n.",
        "Of common cells, data set other is in A alone.",
        "Of common cells, image mine/y is in A alone.",
        "Of common cells, image mine/z is in B alone.",
    )


def test_a_single_value_that_one_run_lacks_is_said(tmp_path: Path) -> None:
    """Where its cell has the seed, data set, image and metric in other rows."""
    images = {"x": 30.0, "y": 31.0}
    rows = of(images) + [(*row[:5], "ssim", 0.5) for row in of(images)] + of(images, method="m")
    a, b = save(tmp_path / "a.parquet", rows), save(tmp_path / "b.parquet", [*rows[:3], *rows[4:]])
    assert compared(a, b).unpaired == ("1 value(s) of common cells are in A alone: gaussian score-solver mine y ssim.",)
    assert compared(b, a).unpaired == ("1 value(s) of common cells are in B alone: gaussian score-solver mine y ssim.",)


def test_values_that_are_not_finite_are_left_out_and_counted(tmp_path: Path) -> None:
    good = {f"{index:02d}": 30.0 for index in range(12)}
    a = save(tmp_path / "a.parquet", of(good | {"00": None, "01": math.inf}))
    b = save(tmp_path / "b.parquet", of(good | {"02": math.nan}))
    found = compared(a, b)
    row = only_row(found)
    assert (row.images, row.difference, row.interval, row.identical) == (9, 0.0, None, False)
    assert "3 pair(s) were left out, as a value is not finite: gaussian score-solver." in found.unpaired


def test_nothing_finite_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = save(tmp_path / "a.parquet", of({"x": None}))
    b = save(tmp_path / "b.parquet", of({"x": 30.0}))
    assert only_row(compared(a, b)).verdict == "no values"
    status, out, _ = cli(capsys, a, b)
    assert status == 0
    assert "No value is finite in both." in out


def test_identical_runs_are_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def value(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float | None:
        return None if method == "noise2score" else 30.0 + image if metric.startswith("psnr") else 0.5

    run = make_run(tmp_path / "a", noises=FEW[:1], crops=0, value=value)
    count = pd.read_parquet(run / "results.parquet")["value"].notna().sum()
    status, out, error = cli(capsys, run, run / "results.csv")
    assert (status, error) == (0, "") and f"Identical: all {count} values that both have are the same." in out


def test_settings_that_differ_come_first_with_both_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = (make_run(tmp_path / name, noises=FEW, images=2, crops=0) for name in "ab")
    info = json.loads((b / "run.json").read_text())
    info["settings"]["recipe"] = "paper"
    info["settings"]["fields"] |= {"steps": 5000, "new": [1, 2]}
    info["noise"][0]["parameters"] = {"sigma": 26.0}
    info["methods"][1]["settings"] = {"alpha": 0.5, "beta": True}
    info["versions"]["torch"] = "9.9"
    info["hardware"]["gpu"] = "A GPU"
    (b / "run.json").write_text(json.dumps(info))
    found = compared(a, b)
    assert [(d.name, d.a, d.b) for d in found.settings] == [
        ("recipe", "best", "paper"),
        ("steps", "400", "5000"),
        ("new", "none", "1, 2"),
        ("gaussian: sigma", "25.0", "26.0"),
        ("supervised: beta", "none", "true"),
    ]
    assert [(d.name, d.a, d.b) for d in found.environment] == [("gpu", "none", "A GPU"), ("torch", "2.13.0", "9.9")]
    status, out, _ = cli(capsys, a, b)
    assert status == 0
    assert out.index("Settings that differ") < out.index("hardware that differ") < out.index("Identical")


def test_other_noisy_images_are_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    same = of({"x": 20.0}, method="noisy")
    a = save(tmp_path / "a.parquet", of({"x": 30.0}) + same)
    b = save(tmp_path / "b.parquet", of({"x": 31.0}) + same)
    c = save(tmp_path / "c.parquet", of({"x": 31.0}) + of({"x": 20.3}, method="noisy"))
    assert "Not the same noisy images" not in cli(capsys, a, b)[1]
    assert "Not the same noisy images, on No. 1" in cli(capsys, a, c)[1]


def test_a_table_of_the_paper_s_protocol_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("gaussian", "m", 0, "d", "x", "psnr_paper", value) for value in (30.0, 31.0)]
    a, b = save(tmp_path / "a.parquet", rows[:1]), save(tmp_path / "b.parquet", rows[1:])
    out = cli(capsys, a, b)[1]
    assert "Protocol: paper" in out
    assert "+1.00" in out


@pytest.mark.slow(1)
def test_the_csv_has_every_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = make_run(tmp_path / "a", noises=FEW, images=12, crops=0)
    b = make_run(tmp_path / "b", noises=FEW, images=12, crops=0, value=lambda n, m, s, d, i, k: 30.0 + i / 10)
    status, out, _ = cli(capsys, a, b, "--csv", tmp_path / "new" / "out.csv", "--per-set")
    assert status == 0
    assert "kodak24" in out
    table = pd.read_csv(tmp_path / "new" / "out.csv", keep_default_na=False)
    rows = compared(a, b).rows
    assert len(table) == len(rows)
    assert table["difference"].to_list() == [row.difference for row in rows]
    assert table["low"].to_list() == [row.interval[0] for row in rows if row.interval]
    assert set(table["verdict"]) <= {"B higher", "B lower", "unclear", "agree", ""}


def test_hostile_names_stay_in_their_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = HOSTILE + "\x1b[31m\n[bold]=1+1"
    rows = [of({bad: value}, dataset=bad, method=bad) for value in (30.0, 31.0)]
    rows[1] += of({"x": 1.0}, dataset=bad, method=bad + "2")
    a, b = (save(tmp_path / f"{name}.parquet", part) for name, part in zip("ab", rows, strict=True))
    status, out, _ = cli(capsys, a, b, "--per-set", "--csv", tmp_path / "c.csv")
    assert status == 0
    assert "\x1b" not in out
    assert "<script>alert(1)" in out
    whole = make_run(tmp_path / "run", noises=FEW[:1], images=2, crops=0, hostile=HOSTILE)
    assert cli(capsys, whole, whole)[0] == 0
    info = json.loads((whole / "run.json").read_text())
    for damage in ({"settings": 3}, {"noise": [1, {}], "methods": "x"}, {"hardware": [1], "versions": None}):
        (whole / "run.json").write_text(json.dumps(info | damage))
        assert cli(capsys, whole, a)[0] == 2
        assert cli(capsys, whole, whole)[0] == 0


def test_what_cannot_be_compared_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = save(tmp_path / "a.parquet", of({"x": 30.0}))
    other = save(tmp_path / "o.parquet", of({"x": 30.0}, method="other"))
    later = save(tmp_path / "l.parquet", of({"x": 30.0}, seed=7))
    mixed = save(tmp_path / "m.parquet", of({"x": 30.0}, seed=7) + of({"y": 30.0}))
    waiting = make_run(tmp_path / "w", noises=FEW[:1], methods=("noisy",), pending={(1, "noisy", 0)})
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.parquet").write_text("no table")
    for b, words in [
        (tmp_path / "absent", "no such run directory"),
        (tmp_path / "empty", "holds no run"),
        (tmp_path / "text.parquet", "holds no run"),
        (other, "no method in common: A has score-solver, B has other"),
        (later, "no seed in common: A has 0, B has 7"),
        (mixed, "no noise model, method, seed, data set and image in common"),
        (waiting, "no cell is finished"),
    ]:
        status, out, error = cli(capsys, a, b)
        assert (status, out) == (2, "")
        assert error.startswith("denoisebench: ") and error.count("\n") == 1 and words in error
    status, _, error = cli(capsys, a, a, "--csv", a)
    assert status == 2 and "is what" in error
    run = make_run(tmp_path / "run", noises=FEW[:1], images=1, crops=0)
    for given in ((run, run, "--csv", run / "results.csv"), (a, a, "--csv", tmp_path / "empty"), (a,)):
        assert cli(capsys, *given)[0] == 2
