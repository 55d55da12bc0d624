"""The paper's figures beside ours: copied right, paired right, and absent where nothing can be compared."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pandas as pd
import pytest

import reports
from reports.numbers.significance import significance
from reports.numbers.summary import heat_map
from reports.numbers.tables import OVERALL, Scores
from reports.published.paper import WHOLE, beside_the_paper, published
from reports.read.model import Method, Noise
from tests.helpers.harness import ROOT
from tests.helpers.run_fixture import HOSTILE, make_run

COUNTS = {"kodak24-500": 24, "cset9": 9, "cbsd68": 68}
FEW = ("gaussian", "gamma-conv", "gamma-conv+gaussian")


def ours(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float:
    """Scores whose means over images are 30.5 and more, with a pattern that tells cells apart."""
    mean = 30.5 + 0.01 * number + 0.001 * len(method) + 0.1 * len(dataset)
    psnr = mean + (image - (COUNTS.get(dataset, 3) - 1) / 2) / 10
    return psnr + (1 if metric == "psnr" else 0) if metric.startswith("psnr") else psnr / 40


def whole_run(directory: Path, **options: object) -> Path:
    datasets = options.pop("datasets", tuple(COUNTS))
    return make_run(
        directory,
        **{"noises": FEW, "datasets": datasets, "images": COUNTS, "whole": True, "value": ours, "crops": 0} | options,
    )


def page(directory: Path) -> str:
    return reports.write(directory).read_text(encoding="utf-8")


def words(html: str) -> str:
    body = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.S)
    return " ".join(re.sub(r"<[^>]*>", " ", body).replace("&#39;", "'").split())


def edited(directory: Path, **changes: object) -> Path:
    info = json.loads((directory / "run.json").read_text())
    (directory / "run.json").write_text(json.dumps(info | changes))
    return directory


@pytest.mark.parametrize(
    ("place", "figures"),
    [
        ((1, "supervised", "kodak24-500"), (32.44, 0.887)),
        ((1, "score-solver", "cbsd68"), (30.91, 0.877)),
        ((3, "score-solver", "cset9"), (27.58, 0.806)),
        ((4, "noisier2noise", "cbsd68"), (31.55, 0.896)),
        ((9, "neighbor2neighbor", "kodak24-500"), (16.55, 0.865)),
        ((12, "supervised", "kodak24-500"), (33.02, 0.882)),
        ((16, "score-solver", "cbsd68"), (30.23, 0.876)),
    ],
)
def test_figures_typed_off_the_paper(place: tuple[int, str, str], figures: tuple[float, float]) -> None:
    assert published()[place] == figures


def test_the_table_is_whole_and_is_shipped() -> None:
    cells = published()
    assert len(cells) == 147
    counts = pd.Series([method for _, method, _ in cells]).value_counts().to_dict()
    assert counts == {"supervised": 48, "score-solver": 48, "neighbor2neighbor": 39, "noisier2noise": 12}
    assert {dataset for _, _, dataset in cells} == set(WHOLE)
    assert all(14 < psnr < 36 and 0.5 < ssim < 1 for psnr, ssim in cells.values())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "paper.csv" in project["tool"]["setuptools"]["package-data"]["reports.published"]


def test_differences_are_ours_minus_the_paper_s(tmp_path: Path) -> None:
    html = page(whole_run(tmp_path))
    table = re.search(r'<table class="paper" data-noise="gaussian" data-protocol-table="paper">.*?</table>', html, re.S)
    assert table
    rows = re.findall(r'<tr class="beside" data-method="([^"]*)">(.*?)</tr>', table[0], re.S)
    assert [method for method, _ in rows] == ["supervised", "noisier2noise", "neighbor2neighbor", "score-solver"]
    supervised = dict(re.findall(r'<td data-dataset="([^"]*)">(.*?)</td>', rows[0][1], re.S))
    assert list(supervised) == [*COUNTS, "mean"]
    # Our mean on cbsd68 is 30.5 + 0.01 + 0.001 * 10 + 0.1 * 6 = 31.12 dB; the paper has 31.32. SSIM: 31.12 / 40 = 0.778.
    assert ">31.32/0.892<" in supervised["cbsd68"]
    assert ">\u22120.20/\u22120.114<" in supervised["cbsd68"]
    exact = re.search(r'data-psnr="([^"]*)" data-ssim="([^"]*)"', supervised["cbsd68"])
    assert exact
    assert [float(value) for value in exact.groups()] == pytest.approx([31.12 - 31.32, 0.778 - 0.892], abs=1e-9)
    # The mean of the sets: the paper's (32.44 + 30.27 + 31.32) / 3 = 31.34; ours 30.52 + 0.1 * (11 + 5 + 6) / 3 = 31.25.
    assert ">31.34/0.890<" in supervised["mean"]
    assert ">\u22120.09/" in supervised["mean"]
    standard = re.search(r'<table class="paper" data-noise="gaussian" data-protocol-table="standard">.*?</table>', html, re.S)
    assert standard and "beside" not in standard[0]


def test_methods_and_models_without_a_figure_have_no_row(tmp_path: Path) -> None:
    table = page(whole_run(tmp_path)).split('data-noise="gamma-conv" data-protocol-table="paper"')[1].split("</table>")[0]
    assert re.findall(r'<tr class="beside" data-method="([^"]*)"', table) == ["supervised", "score-solver"]


def test_the_heat_map_has_a_mode_for_it(tmp_path: Path) -> None:
    run = reports.load(whole_run(tmp_path, datasets=("kodak24-500", "cbsd68", "sample"), images=COUNTS | {"sample": 2}))
    scores = Scores(run)
    beside = beside_the_paper(scores)
    means = {"kodak24-500": 30.51 + 0.01 + 1.1, "cbsd68": 30.51 + 0.01 + 0.6}
    expected = ((means["kodak24-500"] - 32.44) + (means["cbsd68"] - 31.32)) / 2
    assert beside.gaps["gaussian", "supervised"] == pytest.approx(expected, abs=1e-9)
    # `sample` is in the mean of the sets that stands in the table, so that mean has no counterpart in the paper.
    assert beside.cell(Noise(1, "gaussian", ""), Method("supervised", ""), OVERALL) is None
    rows = {row.noise.slug: row for row in heat_map(scores, "paper", significance(scores), beside.gaps).rows}
    cells = {cell.method.slug: cell.views for cell in rows["gaussian"].cells}
    assert [view.kind for view in cells["supervised"]] == ["psnr", "ssim", "difference", "published"]
    assert cells["supervised"][3].text == "\u22120.51"
    assert cells["noise2score"][3].text == "n/a"
    html = page(tmp_path)
    assert 'value="published"' in html
    assert "sample: not one of them" in html


def test_the_notes_say_what_differs(tmp_path: Path) -> None:
    run = whole_run(tmp_path)
    info = json.loads((run / "run.json").read_text())
    info["settings"] |= {"equal": "compute", "fields": {"steps": 5000, "patches": 8, "patch": 64}}
    for noise in info["noise"]:
        noise["parameters"] = {"extra_sigma": 5.0}
    div2k = {"name": "div2k", "role": "training", "images": 2, "of": 2, "crop": None, "names": ["0801", "0900"]}
    info["data"]["sets"].append(div2k)
    text = words(page(edited(run, **info)))
    for expected in (
        "408 of train/bsds432, 2 of div2k; in the paper: CBSD500 and DIV2K",
        "holds the 68 test images of CBSD68",
        "those here are of its 100 validation images",
        "Here 0.701 M parameters, in the paper 68.5 M.",
        "Here 5000 steps of 8 patches of 64\u00d764, in the paper 5000 steps of 32 patches of 128\u00d7128: 6.2 % of its",
        "That is supervised training; the others have its compute.",
        "The paper's images are 256\u00d7256",
        "Here, as a part of the noisy image: the same on 6.",
        "probably a typing error",
    ):
        assert expected in text, expected


def test_the_typing_error_is_marked_where_it_stands(tmp_path: Path) -> None:
    text = "probably a typing error"
    html = page(whole_run(tmp_path / "all"))
    cell = re.search(r'<td data-dataset="kodak24-500"><span class="figure">33.02/0.882</span>(.*?)</td>', html, re.S)
    assert cell and text in cell[1]
    assert text not in page(whole_run(tmp_path / "no-kodak", datasets=("cbsd68",)))
    assert text not in page(whole_run(tmp_path / "no-12", noises=FEW[:2]))


def test_parts_of_sets_are_not_compared_and_the_page_says_why(tmp_path: Path) -> None:
    html = page(make_run(tmp_path, noises=FEW, datasets=("kodak24", "cbsd68"), images=5, crops=0))
    assert 'class="beside"' not in html
    assert 'value="published"' not in html
    assert "typing error" not in html
    sentence = "not shown beside these: none of its test sets was scored whole"
    assert f"{sentence} (kodak24: the first 5 of 24 images, centre 256\u00d7256; cbsd68: the first 5 of 24 images" in words(
        html
    )


@pytest.mark.parametrize(("crop", "images", "of"), [(256, 68, 68), (None, 67, 68), (None, 67, 67)])
def test_a_set_that_is_not_whole_in_any_way(tmp_path: Path, crop: int | None, images: int, of: int) -> None:
    run = whole_run(tmp_path, datasets=("cbsd68",), images={"cbsd68": images})
    entry = {"name": "cbsd68", "role": "test", "images": images, "of": of, "crop": crop}
    assert beside_the_paper(Scores(reports.load(edited(run, data={"sets": [entry]})))).cells == {}


def test_a_crop_that_cut_nothing_leaves_a_set_whole(tmp_path: Path) -> None:
    entry = {"name": "cbsd68", "role": "test", "images": 68, "of": 68, "crop": 500, "cut": 0}
    run = whole_run(tmp_path, datasets=("cbsd68",))
    assert beside_the_paper(Scores(reports.load(edited(run, data={"sets": [entry]})))).cells
    cropped = entry | {"cut": 1}
    assert not beside_the_paper(Scores(reports.load(edited(run, data={"sets": [cropped]})))).cells


def test_full_kodak_photographs_are_not_the_paper_s(tmp_path: Path) -> None:
    run = whole_run(tmp_path, datasets=("kodak24",), images={"kodak24": 24})
    assert "kodak24: the full photographs" in words(page(run))


def test_a_bare_table_is_taken_for_whole_images_and_says_so(tmp_path: Path) -> None:
    run = whole_run(tmp_path / "run", datasets=("cset9", "cbsd68"))
    (tmp_path / "bare").mkdir()
    (run / "results.parquet").rename(tmp_path / "bare" / "results.parquet")
    text = words(page(tmp_path / "bare"))
    assert "Taken to be whole images, which no run.json says: cset9, cbsd68." in text
    assert "here unknown" in text
    table = pd.read_parquet(tmp_path / "bare" / "results.parquet")
    table[table["image"] != "cbsd6-01"].to_parquet(tmp_path / "bare" / "results.parquet")
    assert "Not compared: cbsd68: 67 of 68 images." in words(page(tmp_path / "bare"))


def test_a_cell_that_lacks_an_image_is_not_compared(tmp_path: Path) -> None:
    def value(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float | None:
        return None if (method, image) == ("supervised", 3) else ours(number, method, seed, dataset, image, metric)

    beside = beside_the_paper(Scores(reports.load(whole_run(tmp_path, value=value))))
    assert {method for _, method in beside.gaps} == {"noisier2noise", "neighbor2neighbor", "score-solver"}


def test_without_the_paper_s_metrics_or_any_cell(tmp_path: Path) -> None:
    run = whole_run(tmp_path / "a")
    table = pd.read_parquet(run / "results.parquet")
    table[~table["metric"].str.endswith("_paper")].to_parquet(run / "results.parquet")
    assert "no score by its protocol" in words(page(run))
    waiting = {(number, method, 0) for number in (1, 6, 12) for method in ("noisy", "supervised")}
    assert page(whole_run(tmp_path / "b", methods=("noisy", "supervised"), pending=waiting))
    assert "none of its cells is among" in words(page(whole_run(tmp_path / "c", methods=("noise2score",), noises=FEW[:1])))


def test_hostile_names_beside_the_paper(tmp_path: Path) -> None:
    html = page(whole_run(tmp_path, hostile=HOSTILE))
    assert 'class="beside"' in html
    assert "<script>alert" not in html
