"""Like with like: which methods are ranked with each other, and that a crop's score meets no whole image's."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd
import pytest

import reports
from reports.numbers.compare import compare
from reports.numbers.kinds import given_kernel, kind_of, reduced_words
from reports.numbers.pairs import pairs
from reports.numbers.ranking import ranking
from reports.numbers.significance import significance
from reports.numbers.summary import findings, heat_map
from reports.numbers.tables import OVERALL, Scores
from reports.page.pareto import tradeoffs
from reports.page.render import render
from reports.read.model import Method, Run
from reports.style.colour import styles
from tests.helpers.many_methods import MANY, make_many
from tests.helpers.run_fixture import METHODS, make_run

FEW = ("gaussian", "gamma")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return reports.load(make_many(tmp_path_factory.mktemp("many"), noises=FEW, datasets=("kodak24",), images=12, crops=0))


@pytest.fixture(scope="module")
def scores(run: Run) -> Scores:
    return Scores(run)


def method(tags: str, learns_from: str = "set", supervised: bool = False) -> Method:
    return Method("m", "M", tags=tuple(tags.split()), learns_from=learns_from, supervised=supervised)


def test_kinds() -> None:
    assert kind_of(method("knows:law learns:set")).key == kind_of(method("knows:gain learns:set")).key == "law"
    assert kind_of(method("knows:nothing learns:set")).key == "nothing"
    assert kind_of(method("knows:nothing learns:image", "image")).key == "image"
    assert kind_of(method("knows:level learns:nothing", "nothing")).key == "image"
    assert kind_of(method("knows:second learns:set")).key == "second"
    assert kind_of(method("knows:weights learns:nothing", "nothing")).key == "weights"
    assert kind_of(method("knows:clean learns:set", supervised=True)).key == "reference"
    assert kind_of(method("")).key == "any"  # an older run


def test_each_kind_has_its_best_and_second_best(scores: Scores) -> None:
    for noise in scores.noises:
        row = scores.row(noise, OVERALL, "psnr")
        for group, own in scores.ranked(noise).items():
            values = sorted({round(row[m.slug].value or 0.0, 2) for m in own}, reverse=True)
            marks = {m.slug: row[m.slug].mark for m in own}
            printed = {m.slug: round(row[m.slug].value or 0.0, 2) for m in own}
            for slug, mark in marks.items():
                place = values.index(printed[slug])
                assert mark == ("best", "second")[place] if place < 2 else mark == "", (group, slug)
        assert {row[slug].mark for slug in ("noisy", "supervised", "noise2noise")} == {""}
    keys = [(group.kind.key, group.crop) for group in scores.groups]
    assert keys == [("law", 0), ("nothing", 0), ("image", 0), ("image", 128)]


def test_a_crop_meets_no_whole_image(scores: Scores) -> None:
    lonely = {slug for slug, (_, tags) in MANY.items() if "learns:image" in tags}
    found = significance(scores)
    tested = {frozenset((pair.a, pair.b)) for row in found.rows for pair in row.pairs}
    assert all(pair <= lonely or not pair & lonely for pair in tested)
    assert frozenset(("zs-n2n", "self2self")) in tested and frozenset(("bm3d", "nl-means")) in tested
    heat = heat_map(scores, "standard", found)
    for row in heat.rows:
        for cell in row.cells:
            difference = next(view for view in cell.views if view.kind == "difference") if cell.views else None
            if cell.method.slug in lonely:
                assert difference and difference.text == "n/a"
                assert cell.state.reduced == "128×128 crop, a tenth of its iterations"
            elif difference:
                assert difference.text != "n/a" and not cell.state.reduced
    order = ranking(scores, scores.noises[0])
    assert not isinstance(order, str) and order.method.slug not in lonely
    drawn = tradeoffs(scores, styles(scores.methods))
    assert drawn.shared and not lonely & {row.method.slug for row in drawn.shared.rows}
    assert set(drawn.cut) == {MANY[slug][0] for slug in lonely}
    told = " ".join(findings(scores, found))
    assert "Not compared, as scored on crops of the images: ZS-N2N, Noise2Fast, Deep image prior and Self2Self." in told


def test_findings_name_the_best_of_each_kind(scores: Scores) -> None:
    told = findings(scores, significance(scores))
    wins = [sentence for sentence in told if sentence.startswith("Highest mean PSNR among")]
    assert [sentence.split(" among ")[1].split(" at equal")[0].split(", over")[0] for sentence in wins] == [
        "the methods that know the noise", "the methods that know nothing of the noise",
        "the methods that need one image alone", "the methods that need one image alone, 128×128 crops",
    ]  # fmt: skip
    gaps = [sentence for sentence in told if "supervised training" in sentence]
    assert len(gaps) == 3 and not any("crops" in sentence for sentence in gaps)
    assert "Noise2Noise on" not in " ".join(wins)


def test_a_method_that_is_alone_of_its_kind_wins_nothing(run: Run) -> None:
    others = {slug for slug, (_, tags) in MANY.items() if tags == "knows:nothing learns:set"} - {"neighbor2neighbor"}
    few = Scores(dataclasses.replace(run, methods=tuple(each for each in run.methods if each.slug not in others)))
    told = [sentence for sentence in findings(few, significance(few)) if sentence.startswith("Highest mean PSNR among")]
    assert len(told) == 3 and not any("know nothing of the noise" in sentence for sentence in told)


def test_one_image_methods_on_whole_images_are_ranked_with_the_classical_ones(tmp_path: Path) -> None:
    scores = Scores(reports.load(make_many(tmp_path, crop=0, share=1.0, noises=FEW[:1], images=1, crops=0)))
    (image,) = [own for group, own in scores.ranked(scores.noises[0]).items() if group.kind.key == "image"]
    assert {"zs-n2n", "bm3d"} <= {m.slug for m in image}
    assert not scores.state(scores.noises[0], image[-1]).reduced


def test_rows_on_which_untold_methods_are_given_the_inverse_are_named(tmp_path: Path) -> None:
    run = reports.load(make_many(tmp_path, noises=("gamma", "gamma-conv"), images=1, crops=0))
    words = "On No. 6 the methods that know nothing of the noise are given A⁻¹ y where it suits them, so they know A there."
    assert given_kernel(run) == words and words in render(run)
    told = dataclasses.replace(run, methods=tuple(method for method in run.methods if "knows:nothing" not in method.tags))
    assert given_kernel(told) == ""


def test_a_share_of_the_iterations_is_told_without_a_crop(tmp_path: Path) -> None:
    scores = Scores(reports.load(make_many(tmp_path, crop=0, share=0.25, noises=FEW[:1], images=1, crops=0)))
    assert scores.reduced("gaussian", "zs-n2n") == "a quarter of its iterations" and not scores.reduced("gaussian", "bm3d")
    assert reduced_words(64, 0.3) == "64×64 crop, 0.3 of its iterations" and reduced_words(0, 1.0) == ""


@pytest.mark.parametrize("source", ["results.parquet", "results.csv", "cells"])
def test_the_crop_is_known_from_every_source(tmp_path: Path, source: str) -> None:
    directory = make_many(tmp_path, noises=FEW[:1], images=1, crops=0)
    if source == "cells":
        for name in ("results.parquet", "results.csv"):
            (directory / name).unlink()
    table = reports.load(directory if source == "cells" else directory / source).table
    assert set(table[table["method"] == "zs-n2n"]["crop"]) == {128} and set(table[table["method"] == "bm3d"]["crop"]) == {0}
    assert "crop" not in set(table["metric"])


def test_an_older_run_has_one_kind_and_no_crops(tmp_path: Path) -> None:
    run = reports.load(make_run(tmp_path, noises=FEW, images=1, crops=0))
    assert [group.kind.key for group in Scores(run).groups] == ["any"] and set(run.table["crop"]) == {0}
    assert {m.slug for m in run.methods if kind_of(m).key == "any"} == set(METHODS) - {"noisy", "supervised"}


def test_two_runs_with_other_crops_are_not_paired(tmp_path: Path) -> None:
    runs = [reports.load(make_many(tmp_path / str(c), crop=c, noises=FEW[:1], images=1, crops=0)) for c in (128, 64)]
    found = compare(*runs)
    lonely = {slug for slug, (_, tags) in MANY.items() if "learns:image" in tags}
    assert {"bm3d", "score-solver"} <= {row.method for row in found.rows} <= set(MANY) - lonely
    assert any("crop (0: whole image) 128 is in A alone" in sentence for sentence in found.unpaired)


def test_pairs_that_are_not_wanted_are_not_made() -> None:
    rows = [("g", m, 0, "set", str(i), i + len(m)) for m in ("a", "bb", "ccc") for i in range(12)]
    values = pd.DataFrame(rows, columns=["noise", "method", "seed", "dataset", "image", "value"])
    found = pairs(values, ["a", "bb", "ccc"], only={frozenset(("a", "ccc"))})
    assert [(pair.a, pair.b, pair.images) for pair in found["g"]] == [("a", "ccc", 12)]
    cut = values.assign(crop=[64 if m == "bb" else 0 for _, m, *_ in rows])
    assert {(p.a, p.b): p.images for p in pairs(cut, ["a", "bb", "ccc"])["g"]} == {
        ("a", "bb"): 0,
        ("a", "ccc"): 12,
        ("bb", "ccc"): 0,
    }


def test_25_methods_are_drawn_unlike() -> None:
    every = styles([Method(slug, slug) for slug in MANY])
    assert len({(style.hue, style.shape) for style in every.values()}) == len(MANY) == 25
