"""reports/ without a browser: numbers, marks, escaping, and runs of which something is missing."""

from __future__ import annotations

import ast
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

import reports
from reports.numbers.tables import Score, marked
from tests.helpers.run_fixture import HOSTILE, METHODS, NOISES, make_run

FEW = ("gaussian", "gaussian-conv", "rayleigh")
VOID = {"meta", "link", "img", "input", "br", "hr"}


class Page(HTMLParser):
    """The scores of the paper-form tables with where they stand, and all text outside style and script."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[tuple[str, dict[str, str]]] = []
        self.scores: dict[tuple[str, str, str, str], tuple[str, str, str]] = {}
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(html)
        assert not self.stack, f"not closed: {[tag for tag, _ in self.stack]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        if tag not in VOID:
            self.stack.append((tag, found))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack[-1][0] == tag, f"</{tag}> closes <{self.stack[-1][0]}>"
        self.stack.pop()

    def handle_data(self, data: str) -> None:
        tag, attrs = self.stack[-1] if self.stack else ("", {})
        if tag not in ("style", "script"):
            self.words.append(data)
        if "score" in attrs.get("class", "").split():
            near = {name: value for _, found in self.stack for name, value in found.items() if name.startswith("data-")}
            if "data-noise" in near and "data-dataset" in near:
                key = near["data-noise"], near["data-method"], near["data-dataset"], near["data-metric"]
                self.scores[key] = (data, near["data-value"], tag)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def page_of(directory: Path) -> Page:
    return Page(reports.write(directory).read_text(encoding="utf-8"))


def test_the_numbers_on_the_page_are_the_table_s(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path, noises=FEW, seeds=2, images=2))
    table = pd.read_parquet(tmp_path / "results.parquet")
    means = table[table["status"] == "done"].groupby(["noise", "method", "dataset", "metric"])["value"].mean()
    assert len(means) > 100
    for key, mean in means.items():
        shown, exact, _ = page.scores[key]
        assert float(exact) == pytest.approx(mean, rel=1e-12)
        assert shown == f"{float(exact):.{2 if key[3].startswith('psnr') else 3}f}"
    overall = means.groupby(level=["noise", "method", "metric"]).mean()
    for (noise, method, metric), mean in overall.items():
        assert float(page.scores[noise, method, "mean", metric][1]) == pytest.approx(mean, rel=1e-12)
    assert len(page.scores) == len(means) + len(overall)


def test_the_kodak_photographs_are_not_in_the_mean_twice(tmp_path: Path) -> None:
    sets = ("kodak24", "kodak24-500", "cset9")
    page = page_of(make_run(tmp_path, noises=FEW[:1], seeds=2, datasets=sets, images=2, crops=0))
    table = pd.read_parquet(tmp_path / "results.parquet").query("dataset != 'kodak24-500' and dataset != ''")
    for (method, metric), part in table.groupby(["method", "metric"]):
        assert float(page.scores["gaussian", method, "mean", metric][1]) == pytest.approx(part["value"].mean(), rel=1e-12)
        assert ("gaussian", method, "kodak24-500", metric) in page.scores
    assert "Mean over the data sets, without kodak24-500, which has the photographs of kodak24 (standard" in page.text
    assert "mean of the sets without kodak24-500" in reports.export(reports.load(tmp_path), "latex")
    alone = page_of(make_run(tmp_path / "alone", noises=FEW[:1], datasets=sets[1:], images=2, crops=0))
    assert "without kodak24-500" not in alone.text


def test_bold_and_underline_are_given_among_the_unsupervised_at_the_printed_precision(tmp_path: Path) -> None:
    psnr = {"noisy": 99.0, "supervised": 40.0, "noisier2noise": 30.001, "neighbor2neighbor": 30.004, "noise2score": 29.0}

    def value(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float:
        return psnr.get(method, 12.0) / (1 if metric.startswith("psnr") else 100)

    page = page_of(make_run(tmp_path, noises=FEW[:1], datasets=("kodak24",), images=1, value=value, crops=0))
    tags = {method: page.scores["gaussian", method, "kodak24", "psnr"][2] for method in METHODS}
    assert tags == {
        **{"noisy": "span", "supervised": "span", "noisier2noise": "b", "neighbor2neighbor": "b"},
        **{"noise2score": "u", "score-solver": "span"},
    }


def test_a_mean_that_lacks_an_image_takes_no_part_in_the_ranking() -> None:
    scores = {
        "a": Score(31.0, 2, 4, complete=False, note="4 of 5"),
        "b": Score(30.0, 2, 5, complete=True),
        "c": Score(None, 2, 0, complete=True),
    }
    assert {slug: score.mark for slug, score in marked(scores, scores).items()} == {"a": "", "b": "best", "c": ""}


def test_hostile_text_comes_out_as_text(tmp_path: Path) -> None:
    make_run(tmp_path, noises=FEW, images=1, hostile=HOSTILE, failed={(1, "supervised", 0)}, crops=1)
    html = reports.write(tmp_path).read_text(encoding="utf-8")
    page = Page(html)
    plain = " ".join(HOSTILE.split())
    assert page.text.count(plain) > 20
    assert "kodak-01" + plain in page.text  # an image's name
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)


def test_the_page_asks_for_nothing(tmp_path: Path) -> None:
    html = reports.write(make_run(tmp_path, noises=FEW, images=1)).read_text(encoding="utf-8")
    page = Page(html)
    for tag, attrs in page.tags:
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            assert re.match(r"#|data:|$", attrs.get(name, "")), f"<{tag} {name}={attrs[name][:60]}>"
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|WebSocket", html)
    policy = next(attrs["content"] for tag, attrs in page.tags if tag == "meta" and "http-equiv" in attrs)
    assert "default-src 'none'" in policy


def test_ids_are_unique_and_every_reference_has_its_place(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path, noises=FEW, images=1))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    wanted = [attrs["data-from"] for _, attrs in page.tags if "data-from" in attrs]
    assert wanted
    assert set(wanted) <= set(ids)
    anchors = {attrs["href"][1:] for tag, attrs in page.tags if tag == "a"}
    assert anchors <= set(ids)


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    make_run(tmp_path, noises=FEW, images=1)
    first = reports.write(tmp_path).read_bytes()
    assert reports.write(tmp_path).read_bytes() == first
    assert reports.write(tmp_path, tmp_path / "elsewhere" / "page.html").read_bytes() == first
    assert not list(tmp_path.glob("*.part"))


def test_a_half_done_run_says_so(tmp_path: Path) -> None:
    waiting = {(number, "score-solver", 0) for number in (1, 2, 9)}
    page = page_of(make_run(tmp_path, noises=FEW, images=1, pending=waiting, failed={(9, "supervised", 0)}, crops=0))
    assert "12 of 16 cells are finished, 1 failed" in page.text
    assert "FloatingPointError: loss is nan" in page.text
    assert "3 cells pending" in page.text


def test_failed_and_inapplicable_cells_stand_in_the_tables_with_their_reason(tmp_path: Path) -> None:
    text = page_of(make_run(tmp_path, noises=("gamma",), images=1, timeout={(5, "supervised", 0)}, crops=0)).text
    assert "out of time stopped after 1200 s" in text
    assert "— the noise is not additive" in text


def test_the_findings_are_those_of_the_scores(tmp_path: Path) -> None:
    psnr = {"noisy": 20.0, "supervised": 30.0, "noisier2noise": 19.0, "neighbor2neighbor": 28.0, "noise2score": 29.0}

    def value(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float:
        return psnr.get(method, 29.0) - (0.5 * number if method == "score-solver" else 0.0)

    text = page_of(make_run(tmp_path, noises=FEW, images=1, value=value, crops=0)).text
    assert "over 3 noise models: Noise2Score on 2 and Neighbor2Neighbor on 1." in text
    found = (
        "on average 1.33 dB below supervised training: from \u22122.00 dB on No. 9 Rayleigh to \u22121.00 dB on No. 1 Gaussian."
    )
    assert found in text
    assert "Not better than the noisy input itself, by mean PSNR: Noisier2Noise on 2 of its 2 (No. 1 and 2)." in text


def test_no_finished_cell(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path, noises=FEW, images=1, pending={(n, m, 0) for n in (1, 2, 9) for m in METHODS}))
    assert "0 of 16 cells are finished" in page.text
    assert "No unsupervised method has finished" in page.text
    assert "No crops" in page.text


@pytest.mark.parametrize("method", ["noisy", "supervised", "score-solver"])
def test_one_image_and_one_method(tmp_path: Path, method: str) -> None:
    page = page_of(make_run(tmp_path, noises=FEW[:1], methods=(method,), datasets=("kodak24",), images=1))
    assert ("gaussian", method, "kodak24", "psnr") in page.scores
    assert ("gaussian", method, "mean", "psnr") not in page.scores


def test_values_that_are_not_finite(tmp_path: Path) -> None:
    def value(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float | None:
        if method == "noise2score":
            return None
        return float("inf") if method == "score-solver" and image == 0 else 30.0

    page = page_of(make_run(tmp_path, noises=FEW[:1], value=value, crops=0))
    assert page.scores["gaussian", "noise2score", "kodak24", "psnr"][:2] == ("n/a", "")
    shown, _, tag = page.scores["gaussian", "score-solver", "kodak24", "psnr"]
    assert (shown, tag) == ("30.00", "span")  # an image is missing, so it is not ranked
    assert "kodak24: 2 of 3 values are there and finite" in page.text


@pytest.mark.parametrize("name", ["results.parquet", "results.csv"])
def test_a_bare_table(tmp_path: Path, name: str) -> None:
    make_run(tmp_path / "run", noises=FEW, images=2)
    whole = page_of(tmp_path / "run")
    (tmp_path / "bare").mkdir()
    (tmp_path / "run" / name).rename(tmp_path / "bare" / name)
    bare = page_of(tmp_path / "bare")
    assert bare.scores == whole.scores
    for words in ("run.json is missing", "No crops", "No curves", "No costs", "The settings are not known"):
        assert words in bare.text
    assert reports.render(reports.load(tmp_path / "bare" / name))


def test_without_a_table_the_cells_files_are_used(tmp_path: Path) -> None:
    make_run(tmp_path, noises=FEW, images=2, failed={(1, "supervised", 0)}, pending={(2, "supervised", 0)})
    whole = page_of(tmp_path)
    (tmp_path / "results.parquet").write_bytes(b"PAR1 not")
    (tmp_path / "results.csv").unlink()
    page = page_of(tmp_path)
    assert page.scores == whole.scores
    assert "results.parquet cannot be read" in page.text
    assert "1 cell pending" in page.text


def test_a_damaged_cell_file_costs_that_file_alone(tmp_path: Path) -> None:
    make_run(tmp_path, noises=FEW[:1], images=1)
    whole = page_of(tmp_path).scores
    files = sorted((tmp_path / "cells").iterdir())
    files[0].write_text('{"noise": ')
    files[1].write_text('["a list"]')
    files[2].write_bytes(b"\xff\xfe\x00")
    data = json.loads(files[3].read_text())
    files[3].write_text(json.dumps(data | {"training": [1], "crops": {"a": 1}, "rows": None, "warnings": 3, "seed": "x"}))
    (tmp_path / "cells" / "99-lone--surrogate--s0.json").write_text('{"noise": "\\ud800", "method": "\\u0000m", "seed": 1e999}')
    page = page_of(tmp_path)
    assert page.scores == whole
    assert "is not valid JSON" in page.text


@pytest.mark.parametrize(
    "damage", [{"settings": 3}, {"methods": "x"}, {"noise": [1, {}]}, {"data": {"sets": [None]}}, {"cells": "many"}]
)
def test_a_run_json_of_the_wrong_shape(tmp_path: Path, damage: dict[str, object]) -> None:
    make_run(tmp_path, noises=FEW[:1], images=1, crops=0)
    info = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps(info | damage))
    assert page_of(tmp_path).scores


def test_a_directory_without_a_run_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing here")
    for path in (tmp_path, tmp_path / "absent", tmp_path / "notes.txt"):
        with pytest.raises(ValueError, match="run") as caught:
            reports.write(path)
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*.html"))


def test_a_file_named_na_is_an_image_like_any_other(tmp_path: Path) -> None:
    row = "1,gaussian,noisy,0,done,yes,,kodak24,{},psnr,{}\n"
    header = "noise_no,noise,method,seed,status,applicability,reason,dataset,image,metric,value\n"
    (tmp_path / "results.csv").write_text(header + row.format("NA", 20) + row.format("null", 22))
    run = reports.load(tmp_path)
    assert list(run.table["image"]) == ["NA", "null"]
    assert page_of(tmp_path).scores["gaussian", "noisy", "kodak24", "psnr"][:2] == ("21.00", "21.0")


@pytest.mark.slow(3)
def test_a_large_table_renders(tmp_path: Path) -> None:
    methods = ("noisy", "supervised", *(f"method-{index:02d}" for index in range(14)))
    make_run(tmp_path, methods=methods, seeds=3, images=2, crops=0, points=30)
    page = page_of(tmp_path)
    assert len(page.scores) == 16 * 16 * 3 * 4


def test_the_package_imports_nothing_of_the_suite() -> None:
    for path in Path(reports.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & {"bench", "methods", "noise"}, path.name


def test_sixteen_noise_models_have_their_rows(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path, images=1, crops=0))
    assert {key[0] for key in page.scores} == set(NOISES)
