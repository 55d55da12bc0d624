"""`compare --html`: the page's numbers against a merge of one's own, what only one run has, and a real browser."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import reports
from bench.cli import main
from reports.numbers.compare import POOLED, compare
from reports.page.comparepage import compare_page
from tests.helpers.html_tables import Row, tables
from tests.helpers.opened import Opened
from tests.helpers.run_fixture import HOSTILE, METHODS, make_run

FEW = ("gaussian", "gaussian-conv", "rayleigh")
COLUMNS = ["noise_no", "noise", "method", "seed", "status", "applicability", "reason", "dataset", "image", "metric", "value"]


def shifted(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float:
    """Scores that differ from the fixture's by more or less, noisy ones too."""
    return 30 + math.sin(number + 2 * len(method) + 3 * seed + 5 * len(dataset) + 7 * image + len(metric))


def only_some(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float:
    """The same scores in every run but the score solver's."""
    return 25.0 + image / 7 + number + (0.3 * number - 0.5 + image / 50) * (method == "score-solver")


def same_for_all(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float:
    return 25.0 + image / 7 + number


def page_of(a: Path, b: Path) -> str:
    runs = reports.load(a), reports.load(b)
    return compare_page(compare(*runs), runs, (str(a), str(b)))


def bare(path: Path, rows: list[tuple[str, str, str, str, float | None]]) -> Path:
    """A results table: noise, method, image, metric, value."""
    frame = pd.DataFrame([(1, n, m, 0, "done", "yes", "", "mine", i, k, v) for n, m, i, k, v in rows], columns=COLUMNS)
    frame.to_parquet(path, index=False)
    return path


def listings(page: str) -> dict[str, dict[tuple[str, str], Row]]:
    """Data set (POOLED: all) -> noise model and method -> row."""
    return {
        table.attrs["data-dataset"]: {(row.attrs["data-noise"], row.attrs["data-method"]): row for row in table.body()}
        for table in tables(page, "differences")
    }


def heat(page: str) -> dict[tuple[str, str], str]:
    (table,) = tables(page, "compared")
    return {
        (row.attrs["data-noise"], cell.attrs["data-method"]): cell.text.strip()
        for row in table.body()
        for cell in row.cells
        if "data-method" in cell.attrs
    }


def exact(row: Row, column: int) -> float:
    return float(row.cells[column].attrs["data-value"])


def test_every_number_is_that_of_a_merge(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", noises=FEW, seeds=2, images=12, crops=0)
    b = make_run(tmp_path / "b", noises=FEW, seeds=2, images=12, crops=0, value=shifted)
    page = page_of(a, b)
    frames = [pd.read_parquet(path / "results.parquet").query("status == 'done'") for path in (a, b)]
    both = frames[0].merge(frames[1], on=["noise", "method", "seed", "dataset", "image", "metric"])
    both["gap"] = both["value_y"] - both["value_x"]
    found, shown, places = listings(page), heat(page), 0
    for (noise, method), cell in both.groupby(["noise", "method"]):
        for dataset, part in [(POOLED, cell), *cell.groupby("dataset")]:
            row = found[dataset][noise, method]
            psnr, ssim = part.query("metric == 'psnr'"), part.query("metric == 'ssim'")
            gaps = psnr.groupby(["dataset", "image"])["gap"].mean()
            assert exact(row, 3) == pytest.approx(psnr["value_x"].mean(), abs=1e-9)
            assert exact(row, 4) == pytest.approx(psnr["value_y"].mean(), abs=1e-9)
            assert exact(row, 5) == pytest.approx(gaps.mean(), abs=1e-9)
            assert row.cells[5].text.replace("\u2212", "-") in (f"{gaps.mean():+.2f}", "0.00")
            assert exact(row, 9) == pytest.approx(ssim["gap"].mean(), abs=1e-9)
            assert row.cells[2].text == str(len(gaps))
            wins, losses = int((gaps >= 0.005).sum()), int((gaps <= -0.005).sum())
            assert row.cells[8].text == f"{wins}/{len(gaps) - wins - losses}/{losses}"
            low, high = (float(row.cells[6].attrs[f"data-{end}"]) for end in ("low", "high"))
            half = 1.96 * gaps.std() / math.sqrt(len(gaps))
            assert low < gaps.mean() < high
            assert (low, high) == pytest.approx((gaps.mean() - half, gaps.mean() + half), abs=0.5 * half)
            places += 1
        assert shown[noise, method].startswith(found[POOLED][noise, method].cells[5].text)
        assert found[POOLED][noise, method].cells[10].text in shown[noise, method]
    assert places == sum(map(len, found.values())) == 3 * sum(text != "\u2014" for text in shown.values())
    assert set(found) == {POOLED, "kodak24", "cbsd68"}


def test_an_interval_is_drawn_where_it_is(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", noises=FEW, images=12, crops=0)
    page = page_of(a, make_run(tmp_path / "b", noises=FEW, images=12, crops=0, value=shifted))
    table = next(table for table in re.findall(r"<table class=\"differences\".*?</table>", page, re.DOTALL))
    limit = float(re.search(r"Interval<small>\u2212([\d.]+) to", table)[1])
    drawn = re.findall(
        r'data-value="([-\d.e]+)">[^<]+</td><td class="num" data-low="([-\d.e]+)" data-high="([-\d.e]+)".*?'
        r'class="line" d="M([\d.]+) 7.0H([\d.]+)"/><circle cx="([\d.]+)"',
        table,
    )
    assert len(drawn) == len(re.findall("<tr data-noise", table)) > 10
    for mean, low, high, *places in drawn:
        for value, place in zip((low, high, mean), places, strict=True):
            clipped = min(max(float(value), -limit), limit)
            assert float(place) == pytest.approx(65 + 65 * clipped / limit, abs=65 * 0.03)  # the limit is printed to two digits


def test_verdicts_colours_and_sentences(tmp_path: Path) -> None:
    a, b = (
        make_run(tmp_path / name, noises=FEW, images=12, crops=0, value=value)
        for name, value in (("a", same_for_all), ("b", only_some))
    )
    page = page_of(a, b)
    shown = heat(page)
    assert shown["gaussian", "supervised"] == "0.00identical0.000"
    assert shown["rayleigh", "score-solver"].startswith("+2.31B higher")
    assert ("gaussian", "noisy") not in shown  # nothing to read in it
    assert "Not the same noisy images" not in page
    styles = dict(re.findall(r'data-method="([^"]+)" style="--psnr:([^;]+);', page.split('data-noise="rayleigh"')[1]))
    assert styles["score-solver"] == "rgba(0,114,178,0.600)"  # the largest: blue
    assert styles["supervised"].endswith(",0.000)")
    assert "largest +2.31 dB, No. 9 Rayleigh, Score solver" in page


def test_what_one_run_lacks_is_in_its_place(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", noises=FEW[:2], images=2, crops=0, failed={(1, "supervised", 0)})
    b = make_run(tmp_path / "b", noises=FEW[1:], images=2, crops=0, methods=(*METHODS, "mine"))
    page = page_of(a, b)
    shown = heat(page)
    assert (shown["gaussian", "noise2score"], shown["rayleigh", "supervised"]) == ("A only", "B only")
    assert (shown["gaussian", "supervised"], shown["gaussian-conv", "mine"]) == ("\u2014", "B only")
    assert "identical" in shown["gaussian-conv", "supervised"]
    assert "cell(s) are done in A alone" in page
    assert 'methods</code></th><td class="prose">noisy, supervised' in page  # a setting that differs


def test_settings_and_environment_that_differ(tmp_path: Path) -> None:
    a, b = (make_run(tmp_path / name, noises=FEW[:1], images=2, crops=0) for name in "ab")
    info = json.loads((b / "run.json").read_text())
    info["settings"]["fields"]["steps"] = 5000
    info["versions"]["torch"] = HOSTILE
    (b / "run.json").write_text(json.dumps(info))
    page = page_of(a, b)
    settings, environment = tables(page, "differing")
    assert [[cell.text for cell in row.cells] for row in settings.rows[1:]] == [["steps", "400", "5000"]]
    assert [[cell.text for cell in row.cells] for row in environment.rows[1:]] == [
        ["torch", "2.13.0", " ".join(HOSTILE.split())]
    ]
    assert "Software and hardware: the same." in page_of(a, a)


def test_other_noisy_images_are_announced(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", noises=FEW, images=2, crops=0)
    b = make_run(tmp_path / "b", noises=FEW, images=2, crops=0, value=lambda n, m, *rest: same_for_all(n, m, *rest) * 1.5)
    page = page_of(a, b)
    assert "<strong>Not the same noisy images</strong> on Nos. 1, 2 and 9:" in page
    assert ("gaussian", "noisy") in heat(page)


def test_bare_tables_few_images_and_values_that_are_not_finite(tmp_path: Path) -> None:
    rows = [("gaussian", "m", f"{index}", metric, 30.0 + index) for index in range(3) for metric in ("psnr", "ssim")]
    a = bare(tmp_path / "a.parquet", rows)
    b = bare(tmp_path / "b.parquet", [(*row[:4], None if row[2] == "1" else row[4] + 1) for row in rows])
    page = page_of(a, b)
    (row,) = listings(page)[POOLED].values()
    assert [cell.text for cell in row.cells[2:7]] == ["2", "31.00", "32.00", "+1.00", "n/a"]
    assert row.cells[10].text == "too few images"
    assert "Settings are unknown for A and B" in page
    assert "pair(s) were left out, as a value is not finite" in page
    nothing = bare(tmp_path / "c.parquet", [(*row[:4], None) for row in rows])
    page = page_of(a, nothing)
    assert heat(page) == {("gaussian", "m"): "n/ano valuesn/a"}
    assert "No value is finite in both." in page


def test_a_protocol_or_metric_alone(tmp_path: Path) -> None:
    rows = [("gaussian", "m", "x", "psnr_paper", 30.0)]
    page = page_of(bare(tmp_path / "a.parquet", rows), bare(tmp_path / "b.parquet", [(*rows[0][:4], 31.0)]))
    assert "Protocol \u201cpaper\u201d" in page
    assert heat(page) == {("gaussian", "m"): "+1.00too few imagesn/a"}
    ssim = bare(tmp_path / "c.parquet", [("gaussian", "m", "x", "ssim", 0.5)])
    assert heat(page_of(ssim, ssim)) == {("gaussian", "m"): "no PSNR in common"}


def cli(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    return main(["compare", *map(str, arguments)]), capsys.readouterr().err


def test_the_command_writes_the_page_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "run", noises=FEW[:1], images=1, crops=0)
    target = tmp_path / "new" / "page.html"
    assert cli(capsys, run, run / "results.csv", "--html", target) == (0, "")
    assert "Identical" in target.read_text(encoding="utf-8")
    assert [path.name for path in target.parent.iterdir()] == ["page.html"]
    for name in ("run.json", "report.html", "results.parquet"):
        status, error = cli(capsys, run, run, "--html", run / name)
        assert (status, error.count("\n")) == (2, 1)
        assert "expected another file" in error
    assert cli(capsys, run, run, "--html", tmp_path / "new")[0] == 2


def test_hostile_names_are_text_and_the_page_asks_for_nothing(tmp_path: Path) -> None:
    a, b = (
        make_run(tmp_path / name, noises=FEW, images=2, crops=0, hostile=HOSTILE, value=value)
        for name, value in (("a", None), ("b", shifted))
    )
    page = page_of(a, b)
    assert page.count("<script") == 1 and "<img" not in page
    assert page.count("&lt;script&gt;alert(1)") > 10
    assert not re.search(r"\b(src|srcset|action|data)=\"(?!data:)", page.split("<body>")[1].replace("data-", ""))
    assert not re.search(r"url\(|@import", page)
    assert "default-src 'none'" in page


@pytest.mark.parametrize("hostile", ["", HOSTILE])
def test_in_a_browser(browser: Any, tmp_path: Path, hostile: str) -> None:
    a, b = (
        make_run(tmp_path / name, noises=FEW, images=11, crops=0, hostile=hostile, value=value)
        for name, value in (("a", None), ("b", shifted))
    )
    file = tmp_path / "page.html"
    file.write_text(page_of(a, b), encoding="utf-8")
    opened = Opened(browser, file, viewport={"width": 390, "height": 844}, color_scheme="light")
    tab = opened.page
    cell = tab.locator("table.compared tr[data-noise=gaussian] td[data-method=score-solver]")
    psnr = cell.inner_text()
    tab.get_by_text("SSIM", exact=True).first.click()
    assert cell.inner_text() != psnr
    tab.keyboard.press("ArrowLeft")
    assert cell.inner_text() == psnr
    day = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    tab.click("#theme")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") != day
    tab.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.locator("table.differences").count() == 3
    assert opened.errors == []
    assert opened.only_itself()
    opened.context.close()
