"""Crops without a browser: the order of the images, pictures stored once, and files that are missing or damaged."""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from html import unescape
from pathlib import Path
from statistics import fmean

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import reports
from reports.numbers.ranking import Ranking, landmarks, ranking
from reports.numbers.tables import Scores
from reports.page import crops as crops_page
from reports.page import overview, pictures
from reports.page.crops import ERROR_COLOURS, Gallery, galleries
from reports.read.load import load
from tests.helpers.harness import ROOT
from tests.helpers.run_fixture import HOSTILE, METHODS, make_run

FEW = ("gaussian", "gaussian-conv", "rayleigh")


def text_of(directory: Path) -> str:
    html = reports.write(directory).read_text(encoding="utf-8")
    section = html[html.index('<section id="crops"') : html.index('<section id="curves"')]
    return " ".join(unescape(re.sub(r"<[^>]+>", "", section)).split())


def only_gallery(directory: Path) -> Gallery:
    (gallery,) = galleries(Scores(load(directory)))
    return gallery


def placed(gallery: Gallery) -> list[tuple[str, str]]:
    return [(strip.place, strip.image) for strip in gallery.strips]


def spread(differences: dict[int, float]):  # type: ignore[no-untyped-def]
    """Scores in which the score solver is that many dB from supervised, by image; the other methods are worse on all."""

    def value(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float:
        base = 30.0 + 0.25 * image
        return base if method == "supervised" else base + (differences[image] if method == "score-solver" else -9.0)

    return value


def test_the_ranking_is_that_of_a_plain_computation_from_the_table(tmp_path: Path) -> None:
    counts = {"kodak24": 4, "cset9": 2, "cbsd68": 3}
    make_run(tmp_path, noises=("gaussian", "gamma"), seeds=2, datasets=tuple(counts), images=counts, crops=0)
    table = pd.read_parquet(tmp_path / "results.parquet")
    generator = random.Random(5)
    table["value"] = [value + generator.gauss(0, 1.5) for value in table["value"]]
    # two of the photographs are in two data sets, as in the paper's own
    table["image"] = table["image"].replace({"cset9-01": "kodak-01", "cset9-02": "kodak-03"})
    table.to_parquet(tmp_path / "results.parquet", index=False)
    scores = Scores(load(tmp_path))
    for noise in scores.noises:
        rows = table[(table["noise"] == noise.slug) & (table["metric"] == "psnr") & (table["status"] == "done")]
        means = {m: fmean(part["value"].mean() for _, part in rows[rows["method"] == m].groupby("dataset")) for m in METHODS[2:]
                 if (rows["method"] == m).any()}  # fmt: skip
        best = max(means, key=lambda m: means[m])
        psnr = {(r.method, r.dataset, r.image, r.seed): r.value for r in rows.itertuples()}
        over_seeds = {
            key: fmean(psnr[best, *key, seed] - psnr["supervised", *key, seed] for seed in (0, 1))
            for key in {(dataset, image) for _, dataset, image, _ in psnr}
        }
        photographs = defaultdict(list)
        for (_, image), difference in over_seeds.items():
            photographs[image].append(difference)
        expected = sorted(((fmean(values), image) for image, values in photographs.items()), reverse=True)

        found = ranking(scores, noise)
        assert isinstance(found, Ranking)
        assert (found.method.slug, found.reference.slug, found.seeds) == (best, "supervised", 2)
        assert [item.image for item in found.images] == [image for _, image in expected]
        assert np.allclose([item.difference for item in found.images], [mean for mean, _ in expected], atol=1e-9)
        assert [item.rank for item in found.images] == list(range(1, 8))  # 9 images, 7 photographs
        assert found.find("cset9", "kodak-03") == found.find("kodak24", "kodak-03") is not None
        assert [item.image for _, item in found.named] == [expected[0][1], expected[3][1], expected[6][1]]


def test_without_supervised_the_noisy_input_is_the_reference_and_without_either_nothing_is_ranked(tmp_path: Path) -> None:
    def ranked(name: str, *methods: str) -> Ranking | str:
        make_run(tmp_path / name, noises=FEW[:1], methods=methods, crops=0)
        scores = Scores(load(tmp_path / name))
        return ranking(scores, scores.noises[0])

    found = ranked("noisy", "noisy", "noise2score", "score-solver")
    assert isinstance(found, Ranking)
    assert found.reference.slug == "noisy"
    assert "no unsupervised method" in str(ranked("trained", "noisy", "supervised"))
    assert "neither a supervised method nor the noisy input" in str(ranked("alone", "score-solver"))


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, {}), (1, {}), (2, {0: "best", 1: "worst"}), (3, {0: "best", 1: "median", 2: "worst"}),
     (4, {0: "best", 1: "median", 3: "worst"}), (9, {0: "best", 4: "median", 8: "worst"})],
)  # fmt: skip
def test_landmarks(count: int, expected: dict[int, str]) -> None:
    assert landmarks(count) == expected


def test_the_best_median_and_worst_come_first_and_the_others_are_folded_away(tmp_path: Path) -> None:
    differences = {0: -0.9, 1: 0.3, 2: -0.5, 3: -0.1, 4: -2.0, 5: 1.0, 6: -3.0}
    make_run(tmp_path, noises=FEW[:1], datasets=("cbsd68",), images=7, crops=5, value=spread(differences))
    order = ["cbsd6-02", "cbsd6-03", "cbsd6-05", "cbsd6-04", "cbsd6-01"]
    assert placed(only_gallery(tmp_path)) == list(zip(["best", "median", "worst", "", ""], order, strict=True))
    html = reports.write(tmp_path).read_text(encoding="utf-8")
    assert [html.index(f"<h3>{name} ") for name in order] == sorted(html.index(f"<h3>{name} ") for name in order)
    assert html.index(f"<h3>{order[2]} ") < html.index('<details class="more">') < html.index(f"<h3>{order[3]} ")
    text = text_of(tmp_path)
    assert (
        "best +1.00 dB on cbsd6-06 (cbsd68), median \u22120.50 dB on cbsd6-03 (cbsd68), worst \u22123.00 dB on cbsd6-07" in text
    )
    assert "of 7 images. Crops were stored for 5 images." in text
    assert "Best of the 5 with crops, rank 2 of 7: Score solver minus Supervised +0.30 dB." in text
    assert "Median of the 5 with crops, rank 4 of 7: Score solver minus Supervised \u22120.50 dB." in text
    assert "2 more images" in text


def test_two_images_with_crops_are_called_better_and_worse_and_one_is_called_nothing(tmp_path: Path) -> None:
    value = spread({0: -0.4, 1: -0.2, 2: 0.1})
    for crops in (1, 2):
        make_run(tmp_path / str(crops), noises=FEW[:1], datasets=("cbsd68",), images=3, crops=crops, value=value)
    assert "Better of the 2 with crops, rank 2 of 3" in text_of(tmp_path / "2")
    assert "Worse of the 2 with crops, rank 3 of 3" in text_of(tmp_path / "2")
    one = text_of(tmp_path / "1")
    assert "with crops" not in one
    assert "Crops were stored for 1 image." in one
    assert "Rank 3 of 3: Score solver minus Supervised \u22120.40 dB." in one


def test_where_not_all_fit_the_median_stays_and_the_page_says_what_was_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = spread({0: 0.5, 1: -0.5, 2: -1.5, 3: -0.7})
    make_run(tmp_path, noises=FEW[:1], datasets=("cbsd68",), images=4, crops=4, value=value)
    stored = sum(path.stat().st_size for path in (tmp_path / "crops").iterdir())
    monkeypatch.setattr(pictures, "PICTURE_BUDGET", stored * 3 // 5)
    monkeypatch.setattr(overview, "SHARE", 0.0)
    gallery = only_gallery(tmp_path)
    assert placed(gallery) == [("median", "cbsd6-02"), ("worst", "cbsd6-03")]
    assert gallery.left_out == 2
    assert "2 more images are in the run directory" in text_of(tmp_path)
    assert "Crops were stored for 4 images." in text_of(tmp_path)


def test_every_picture_is_in_the_page_once(tmp_path: Path) -> None:
    html = reports.write(make_run(tmp_path, noises=FEW, images=3, crops=3)).read_text(encoding="utf-8")
    uris = re.findall(r"data:image/png;base64,[^\"]+", html)
    assert len(uris) == len(set(uris)) == len({path.read_bytes() for path in (tmp_path / "crops").iterdir()})


def test_a_missing_crop_and_one_that_leads_outside(tmp_path: Path) -> None:
    make_run(tmp_path / "run", noises=FEW[:1], images=1, datasets=("kodak24",))
    (tmp_path / "secret.png").write_bytes(next((tmp_path / "run" / "crops").glob("*clean*")).read_bytes() + b"secret")
    next((tmp_path / "run" / "crops").glob("*supervised*")).unlink()
    cell = next((tmp_path / "run" / "cells").glob("*score-solver*"))
    data = json.loads(cell.read_text())
    data["crops"][0]["file"] = "../secret.png"
    cell.write_text(json.dumps(data))
    text = text_of(tmp_path / "run")
    assert "the crop's file is missing" in text
    assert "leads out of the run directory" in text


def test_damaged_pictures_are_named_and_take_part_in_nothing(tmp_path: Path) -> None:
    make_run(tmp_path, noises=FEW[:1], images=1, datasets=("kodak24",))

    def crop(method: str) -> Path:
        return next((tmp_path / "crops").glob(f"*--{method}--*"))

    whole = crop("supervised").read_bytes()
    crop("supervised").write_bytes(whole[: len(whole) // 2])
    flipped = bytearray(crop("noise2score").read_bytes())
    flipped[len(flipped) // 2] ^= 1
    crop("noise2score").write_bytes(bytes(flipped))
    crop("noisier2noise").write_bytes(b"GIF89a" + bytes(100))
    Image.new("RGB", (2000, 8)).save(crop("neighbor2neighbor"))
    Image.new("RGB", (32, 32)).save(crop("score-solver"))
    (strip,) = only_gallery(tmp_path).strips
    problems = {item.method.slug: item.problem for item in strip.items if item.method and item.problem}
    damaged = "the crop's file is damaged or not a PNG"
    assert problems == {
        **dict.fromkeys(("supervised", "noise2score", "noisier2noise"), damaged),
        "neighbor2neighbor": "the crop is too large to be shown",
    }
    assert [item.title for item in strip.comparable] == ["Noisy input", "Clean"]
    assert strip.has_error_maps
    assert "Not compared: the others are 64\u00d764 pixels." in text_of(tmp_path)


def test_controls_are_there_only_where_they_can_work(tmp_path: Path) -> None:
    make_run(tmp_path, noises=FEW[:1], images=1, datasets=("kodak24",))
    buttons = re.compile(r'<button type="button" class="(compare|errors)')

    def offered() -> list[str]:
        return sorted(set(buttons.findall(reports.write(tmp_path).read_text(encoding="utf-8"))))

    assert offered() == ["compare", "errors"]
    next((tmp_path / "crops").glob("clean*")).unlink()
    assert offered() == ["compare"]
    assert "No error maps of this image: the crop's file is missing." in text_of(tmp_path)
    for path in list((tmp_path / "crops").iterdir())[1:]:
        path.unlink()
    assert offered() == []
    next((tmp_path / "crops").iterdir()).unlink()
    assert offered() == []
    assert text_of(tmp_path).count("the crop's file is missing") == len(METHODS) + 1


def test_no_finished_cell_has_no_crops_and_no_dialog(tmp_path: Path) -> None:
    waiting = [(1, method, 0) for method in METHODS]
    make_run(tmp_path, noises=FEW[:1], pending=waiting)
    assert "No crops" in text_of(tmp_path)
    assert "<dialog" not in reports.write(tmp_path).read_text(encoding="utf-8")


@pytest.mark.parametrize("method", ["noisy", "supervised", "score-solver"])
def test_one_image_and_one_method(tmp_path: Path, method: str) -> None:
    text = text_of(make_run(tmp_path, noises=FEW[:1], methods=(method,), images=1, datasets=("kodak24",)))
    assert "The images are not ranked" in text
    assert "Compare two" in text  # the method and the clean crop


def test_names_come_out_as_text(tmp_path: Path) -> None:
    html = reports.write(make_run(tmp_path, noises=FEW[:1], images=3, crops=3, hostile=HOSTILE)).read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert "<img src=x" not in html


def test_the_error_maps_colours_rise_in_lightness() -> None:
    levels = np.array([int(ERROR_COLOURS[at : at + 2], 16) for at in range(0, len(ERROR_COLOURS), 2)]).reshape(256, 3) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    assert (np.diff(linear @ [0.2126, 0.7152, 0.0722]) >= -2e-3).all()


def test_images_whose_files_are_there_come_first(tmp_path: Path) -> None:
    """A run may be handed on with the crops of some images alone, as the reference results are."""
    make_run(
        tmp_path, noises=FEW[:1], datasets=("cbsd68",), images=4, crops=4, value=spread({0: 1.0, 1: 0.5, 2: -0.5, 3: -1.5})
    )
    record = json.loads(next((tmp_path / "cells").glob("*noisy*")).read_text())
    clean = {crop["image"]: crop["clean"] for crop in record["crops"]}
    files = {crop["image"]: crop["file"] for crop in record["crops"]}
    before = placed(only_gallery(tmp_path))
    assert before == [("best", "cbsd6-01"), ("median", "cbsd6-02"), ("worst", "cbsd6-04"), ("", "cbsd6-03")]
    (tmp_path / clean["cbsd6-01"]).unlink()  # of the best
    assert placed(only_gallery(tmp_path)) == [*before[1:], before[0]]
    for path in (tmp_path / "crops").iterdir():
        if path.relative_to(tmp_path).as_posix() not in (clean["cbsd6-03"], files["cbsd6-03"]):
            path.unlink()
    assert placed(only_gallery(tmp_path))[0] == ("", "cbsd6-03")


def test_the_reference_results_open_with_pictures() -> None:
    first = galleries(Scores(load(ROOT / "results" / "small")))[0].strips[0]
    assert (first.dataset, first.image) == ("kodak24", "kodim01")
    assert all(item.picture for item in first.items) and first.has_error_maps


def test_a_page_of_many_numbers_has_fewer_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path, noises=FEW, datasets=("cbsd68",), images=4, crops=4)
    whole = [len(gallery.strips) for gallery in galleries(Scores(reports.load(tmp_path)))]
    assert whole == [4] * len(FEW)
    sizes = sum(path.stat().st_size for path in (tmp_path / "crops").iterdir())
    cells = len(FEW) * len(METHODS) * 2
    monkeypatch.setattr(crops_page, "_A_ROW", 0)
    monkeypatch.setattr(crops_page, "_A_CELL", (crops_page.PAGE - sizes * 4 / 3 / 2) / cells)  # half of them fit
    fewer = [len(gallery.strips) for gallery in galleries(Scores(reports.load(tmp_path)))]
    assert 0.25 < sum(fewer) / sum(whole) < 0.6 and max(fewer) - min(fewer) <= 1
