"""Whole runs on odd images: exact results, blank, repeated and grey ones, nothing to learn from, crops that cut nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow

from reports.style.words import listed
from tests.helpers.data_sets import fill, numbered, picture
from tests.helpers.harness import here, tiny
from tests.helpers.html_tables import tables

pytestmark = pytest.mark.slow(20)

CAP = 60.0


def save(folder: Path, name: str, pixels: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(pixels).save(folder / f"{name}.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    fill(tmp_path / "data" / "mine", ["im00", "im01"])
    fill(tmp_path / "data" / "train" / "set", numbered(5))
    return tmp_path / "data"


def ran(root: Path, *words: str) -> tuple[Path, str, str, str]:
    """A run's directory, what it printed, its notes, and its report."""
    out = root.parent / "run"
    status, printed, error = here(
        "run", "--data", root, "--workers", "1", "--out", out, *tiny("test_images=0", "test_crop=256"), *words
    )
    assert (status, error) == (0, ""), printed
    notes = " ".join(json.loads((out / "run.json").read_text())["notes"])
    return out, printed, notes, (out / "report.html").read_text(encoding="utf-8")


def test_an_exact_result_counts_in_every_mean(root: Path) -> None:
    """Gamma and Poisson noise leave a black frame as it is."""
    save(root / "mine", "zz_black", np.zeros((48, 64, 3), np.uint8))
    out, printed, notes, page = ran(root, "--methods", "noisy,supervised,score-solver", "--noise", "1,5,7")
    sentence = "1 of 3 test images is blank (constant, or nearly): mine/zz_black."
    assert sentence in printed.splitlines()[0] and sentence in notes and sentence in page
    frame = pd.read_parquet(out / "results.parquet")
    assert frame["value"].notna().all() and np.isfinite(frame["value"]).all()
    of_psnr = frame[frame["metric"].str.startswith("psnr")]
    assert of_psnr["value"].max() == CAP
    black = of_psnr[(of_psnr["image"] == "zz_black") & (of_psnr["method"] == "noisy")].set_index(["noise", "metric"])["value"]
    assert {black[noise, metric] for noise in ("gamma", "poisson") for metric in ("psnr", "psnr_paper")} == {CAP}
    # By the paper's protocol too, noise of 25 grey levels, half of it clipped, has 23 dB on black.
    assert black["gaussian", "psnr_paper"] == pytest.approx(20 * np.log10(255 / (25 / np.sqrt(2))), abs=0.5)
    assert "values are there and finite" not in page and "are not finite" not in page
    means = frame[frame["metric"] == "psnr"].groupby(["noise", "method"])["value"].mean()
    numbers = {"gaussian": 1, "gamma": 5, "poisson": 7}
    worse = [str(number) for noise, number in numbers.items() if means[noise, "score-solver"] <= means[noise, "noisy"]]
    assert "7" in worse and f"Score solver on {len(worse)} of its 3 (No. {listed(worse)})" in page
    status, text, error = here("report", out, "--format", "markdown")
    assert (status, error) == (0, "") and "†" not in text
    assert f"{means['gamma', 'noisy']:.2f}" in text


def test_copies_of_a_picture_are_one_photograph(root: Path) -> None:
    for number in range(1, 12):
        save(root / "mine", f"shot{number:02d}", picture("mine/im00", 48, 64))
    out, printed, notes, page = ran(root, "--methods", "noisy,supervised,score-solver", "--noise", "1")
    sentence = "12 of 13 test images are near duplicates: mine/im00 = mine/shot01 = mine/shot02 and 9 more."
    assert sentence in printed.splitlines()[0] and sentence in notes and sentence in page
    duel = next(table for table in tables(page) if "duel" in table.attrs.get("class", ""))
    assert {row.cells[5].text for row in duel.rows[1:]} == {"2"}
    status, text, _ = here("compare", out, out, "--csv", out.parent / "rows.csv")
    assert status == 0 and "Identical" in text
    assert set(pd.read_csv(out.parent / "rows.csv")["images"]) == {2}


def test_what_is_odd_is_said_before_any_work(root: Path) -> None:
    for number, path in enumerate(sorted((root / "train" / "set").iterdir())):
        Pillow.fromarray(np.zeros((40 + number, 40, 3), np.uint8)).save(path)
    for name in ("im00", "im01"):
        save(root / "mine", name, picture(name, 48, 64)[..., 0])
    save(root / "mine", "zz", picture("zz", 48, 64))
    said = ("All 4 training images are blank", "There is nothing to learn from these images.", "2 of 3 test images are grey ")
    status, printed, error = here("run", "--data", root, "--dry-run", "--workers", "1", *tiny(), "--noise", "1")
    assert (status, error) == (0, "")
    assert all(words in " ".join(printed.splitlines()[:2]) for words in said[:2])
    _, printed, notes, page = ran(root, "--methods", "noisy,supervised", "--noise", "1")
    assert all(words in " ".join(printed.splitlines()[:2]) for words in said)
    assert all(words in notes and words in page for words in said)


def test_images_smaller_than_the_crop_are_whole(root: Path) -> None:
    _, _, notes, page = ran(root, "--methods", "noisy", "--noise", "1")
    assert "not comparable" not in notes + page and "centre" not in notes
    assert "centre 256" not in page


def test_grey_images_have_one_channel(root: Path) -> None:
    """The plain mean of the channels gains nothing, as it would if three draws were made of one."""
    for name in ("im00", "im01"):
        save(root / "mine", name, picture(name, 48, 64)[..., 0])
    out, printed, notes, page = ran(root, "--methods", "noisy,supervised,score-solver", "--noise", "1,4")
    assert "4 of 4 training images are in colour: made grey" in printed.splitlines()[0]
    assert "three independent draws" not in printed + notes + page and "scores have one channel" in notes
    assert json.loads((out / "run.json").read_text())["settings"]["fields"]["colours"] == 1
    assert {Pillow.open(path).mode for path in (out / "crops").rglob("*.png")} == {"L"}
    assert pd.read_parquet(out / "results.parquet")["value"].notna().all()
    status, _, error = here("run", "--data", root, "--out", out, *tiny("test_images=0", "test_crop=256"), "--colour", "rgb")
    assert status == 2 and "colours is 1 there and not set now" in error
