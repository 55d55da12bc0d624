"""Curves, costs and the Pareto front, read back from the page and computed again from the run's files."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd
import pytest

import reports
from reports.page.pareto import pareto_front
from reports.style.words import listed, numbered
from tests.helpers.html_tables import Row, tables
from tests.helpers.opened import Opened
from tests.helpers.run_fixture import HOSTILE, METHODS, make_run

FEW = ("gaussian", "gaussian-conv", "gamma", "rayleigh")
#: Of these four, the noise models that every method of the fixture can do.
SHARED = ("gaussian", "gaussian-conv")


def change_cells(run: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Let `change` edit every cell's file."""
    for file in sorted((run / "cells").iterdir()):
        cell = json.loads(file.read_text(encoding="utf-8"))
        change(cell)
        file.write_text(json.dumps(cell), encoding="utf-8")
    return run


def random_times(cell: dict[str, Any]) -> None:
    """Times, memory and FLOPs that differ between all cells, and for trainings between all keys."""
    own = random.Random(f"{cell['noise']} {cell['method']} {cell['seed']}")
    cell |= {"denoise_seconds": own.uniform(0.1, 90), "megapixels": 0.75, "peak_memory_mib": own.uniform(100, 900)}
    if cell["training"]:
        shared = random.Random(cell["training"]["key"])
        cell["training"] |= {"seconds": shared.uniform(5, 500), "flops_per_pixel": shared.uniform(1e5, 2e5)}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("cost")
    return change_cells(make_run(directory, noises=FEW, seeds=2, images=3, crops=0), random_times)


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    return reports.write(run).read_text(encoding="utf-8")


def cells_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(file.read_text(encoding="utf-8")) for file in (run / "cells").iterdir()]


def value(row: Row, column: int) -> float:
    return float(row.cells[column].attrs["data-value"])


def rows_of(page: str, name: str = "cost") -> dict[str, Row]:
    (table,) = tables(page, name)
    return {row.attrs["data-method"]: row for row in table.body()}


def figures(page: str) -> dict[tuple[str, ...], dict[str, Row]]:
    """The noise models of each figure of all methods -> its rows by method."""
    return {
        tuple(table.attrs["data-noises"].split()): {row.attrs["data-method"]: row for row in table.body()}
        for table in tables(page, "tradeoff-numbers")
    }


def median_times(run: Path, method: str, noises: tuple[str, ...]) -> tuple[float, float]:
    """Seconds a network, each counted once, and seconds a megapixel."""
    own = [cell for cell in cells_of(run) if cell["method"] == method and cell["noise"] in noises]
    networks = {cell["training"]["key"]: cell["training"]["seconds"] for cell in own}
    return median(networks.values()), median(cell["denoise_seconds"] / cell["megapixels"] for cell in own)


def test_a_figure_has_the_noise_models_that_all_its_methods_share(page: str) -> None:
    found = figures(page)
    assert list(found) == [SHARED, FEW]
    assert set(found[SHARED]) == set(METHODS) - {"noisy"}
    assert set(found[FEW]) == {"supervised", "neighbor2neighbor", "score-solver"}
    assert "the 3 of 5 methods that have all of them" in page


def test_the_numbers_of_a_figure_are_those_of_the_files(run: Path, page: str) -> None:
    table = pd.read_parquet(run / "results.parquet")
    done = table[(table["status"] == "done") & (table["metric"] == "psnr")]
    sets = done.groupby(["method", "noise", "dataset"])["value"].mean()
    for noises, rows in figures(page).items():
        for method, row in rows.items():
            psnr = sets[method].groupby("noise").mean()[list(noises)].mean()
            assert value(row, 1) == pytest.approx(psnr, rel=1e-12)
            assert row.cells[1].text == f"{psnr:.2f}"
            assert (value(row, 2), value(row, 3)) == pytest.approx(median_times(run, method, noises), rel=1e-12)


def printed(seconds: float, digits: int) -> float:
    return round(seconds, digits if seconds < 100 else 0)


def test_the_front_on_the_page_is_that_of_a_sweep(page: str) -> None:
    """From the fastest on, only what is better than all before it is on the front."""
    for rows in figures(page).values():
        for column, name, digits in ((2, "training", 1), (3, "denoising", 2)):
            own = {slug: (printed(value(row, column), digits), -float(row.cells[1].text)) for slug, row in rows.items()}
            best, expected = math.inf, set()
            for slug, (_, minus_psnr) in sorted(own.items(), key=lambda item: item[1]):
                if slug != "supervised" and (minus_psnr < best or any(own[slug] == own[other] for other in expected)):
                    expected.add(slug)
                    best = minus_psnr
            assert {slug for slug, row in rows.items() if name in row.cells[4].attrs["data-front"].split()} == expected
    assert "reference" in figures(page)[SHARED]["supervised"].cells[4].text


def test_the_front_of_random_points_is_that_of_brute_force() -> None:
    rng = random.Random(0)
    for _ in range(300):
        points = [(rng.choice([None, *range(5)]), rng.randrange(5)) for _ in range(rng.randrange(8))]
        expected = []
        for cost, gain in points:
            worse = [
                other
                for other in points
                if cost is not None and other[0] is not None and other != (cost, gain) and other[0] <= cost and other[1] >= gain
            ]
            expected.append(cost is not None and not worse)
        assert pareto_front(points) == expected


def test_costs_are_medians_and_ranges(run: Path, page: str) -> None:
    rows = rows_of(page)
    assert list(rows) == list(METHODS)
    for method in METHODS[1:]:
        own = [cell for cell in cells_of(run) if cell["method"] == method]
        assert value(rows[method], 4) == median_times(run, method, FEW)[0]
        assert value(rows[method], 5) == median_times(run, method, FEW)[1]
        flops = {cell["training"]["key"]: cell["training"]["flops_per_pixel"] for cell in own}
        assert value(rows[method], 7) == pytest.approx(median(flops.values()) / 1000, rel=1e-12)
        assert value(rows[method], 8) == median(max(c["peak_memory_mib"], 480.0) for c in own)
    trainings = {cell["training"]["key"] for cell in cells_of(run) if cell["training"]}
    assert sum(int(row.cells[2].text) for row in rows.values()) == len(trainings)
    trained = sum(cell["training"] is not None for cell in cells_of(run))
    assert sum(int(row.cells[3].text) for row in rows.values()) == trained - len(trainings)
    assert [rows["noisy"].cells[column].text for column in (4, 6, 7)] == ["none"] * 3


def test_runs_without_flops_say_so(tmp_path: Path) -> None:
    page = reports.write(make_run(tmp_path, noises=FEW[:1], images=1, crops=0)).read_text(encoding="utf-8")
    assert [row.cells[7].text for row in rows_of(page).values()] == ["none", *["n/a"] * 5]


def test_a_method_that_trains_nothing_stands_at_the_left(tmp_path: Path) -> None:
    def untrained(cell: dict[str, Any]) -> None:
        if cell["method"] == "noisier2noise":
            cell["training"] = None

    page = reports.write(change_cells(make_run(tmp_path, noises=FEW[:1], crops=0), untrained)).read_text(encoding="utf-8")
    row = figures(page)["gaussian",]["noisier2noise"]
    assert (row.cells[2].text, row.cells[2].attrs["data-value"]) == ("none", "0")
    assert "training" in row.cells[4].attrs["data-front"]  # nothing is cheaper
    plot = re.search(r"<svg[^>]*against training time.*?</svg>", page, re.DOTALL)[0]
    ticks = {word: float(place) for place, word in re.findall(r'<text x="([\d.]+)" y="[\d.]+" class="mid">([^<]+)', plot)}
    assert ticks["none"] == min(ticks.values()) and len(ticks) > 1
    assert re.search(r"<title>Noisier2Noise: [\d.]+ dB, none, on the front</title>", plot)


@pytest.mark.parametrize("seconds", [None, -1.0, 0.0, math.inf, "soon"])
def test_times_that_cannot_be_are_left_out(tmp_path: Path, seconds: object) -> None:
    def broken(cell: dict[str, Any]) -> None:
        if cell["method"] == "noise2score":
            cell["denoise_seconds"] = cell["megapixels"] = cell["training"]["seconds"] = seconds

    page = reports.write(change_cells(make_run(tmp_path, noises=FEW[:1], crops=0), broken)).read_text(encoding="utf-8")
    row = figures(page)["gaussian",]["noise2score"]
    assert row.cells[3].text == "n/a"
    assert "denoising" not in row.cells[4].attrs["data-front"]
    assert not re.search(r"\b(nan|inf)\b", page.split('id="cost"')[1].split('id="trust"')[0])


def test_where_no_noise_model_has_all_methods_the_figure_names_those_left_out(tmp_path: Path) -> None:
    def score(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float | None:
        return None if method == "score-solver" and number == 2 and image == 0 else 30.0 + len(method) / 10

    failed = {(1, "neighbor2neighbor", 0), (5, "supervised", 0), (9, "supervised", 0)}
    run = make_run(tmp_path, noises=FEW, crops=0, value=score, failed=failed)
    page = reports.write(run).read_text(encoding="utf-8")
    # no noise model has all methods, no method has all noise models: of those with three, gamma is of all
    assert {noises: set(rows) for noises, rows in figures(page).items()} == {
        ("gamma",): {"neighbor2neighbor", "noise2score", "score-solver"}
    }
    assert "the 3 of 5 methods that have all of them; without Supervised and Noisier2Noise" in page
    assert page.count("Mean PSNR against") == 2 * (1 + len(FEW))  # each alone has some


@pytest.mark.parametrize("table_only", [False, True])
def test_nothing_to_draw(tmp_path: Path, table_only: bool) -> None:
    run = make_run(
        tmp_path / "run", noises=FEW, pending=set() if table_only else {(n, m, 0) for n in (1, 2, 5, 9) for m in METHODS}
    )
    page = reports.render(reports.load(run / "results.csv" if table_only else run))
    assert "No costs: no finished cell" in page
    assert not tables(page, "tradeoff-numbers")


def test_titles_are_text_in_plots_too(tmp_path: Path) -> None:
    run = make_run(tmp_path, noises=FEW[:1], images=1, crops=0, hostile=HOSTILE)
    page = reports.write(run).read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page and "&lt;script&gt;alert(1)" in page.split('id="cost"')[1]
    assert figures(page)["gaussian",]["supervised"].cells[0].text.strip().endswith("x" * 130)


def test_curves_that_are_shared_name_all_their_methods(page: str) -> None:
    curves = page.split('id="curves"')[1].split('id="cost"')[0]
    assert "Noise2Score and Score solver share one training" in curves
    assert "Noise2Score = Score solver" in curves
    assert [listed(list("abc")[:count]) for count in range(4)] == ["", "a", "a and b", "a, b and c"]


def test_noise_models_are_named_in_spans(run: Path) -> None:
    every = {noise.number: noise for noise in reports.load(run).noises}
    assert numbered(every.values()) == "Nos. 1, 2, 5 and 9"
    noise = every[1]
    spans = [[1, 2, 3, 5], [4], range(1, 17), [1, 2], []]
    found = [numbered(type(noise)(number, "", "") for number in numbers) for numbers in spans]
    assert found == ["Nos. 1\u20133 and 5", "No. 4", "Nos. 1\u201316", "Nos. 1 and 2", ""]


def test_the_line_is_the_best_that_the_time_buys(browser: Any, page: str, run: Path) -> None:
    """In the drawing: at each method's place the stepped line is at its height or above, and there for those on the front."""
    opened = Opened(browser, run / "report.html", viewport={"width": 390, "height": 844})
    opened.page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    drawings = opened.page.evaluate(
        """() => [...document.querySelectorAll('#cost svg[role=img]')].map(svg => ({
            line: svg.querySelector('.front').getAttribute('d').slice(1).split('L').map(p => p.split(' ').map(Number)),
            marks: [...svg.querySelectorAll('g[class]')].filter(g => g.querySelector('title')).map(g => {
                const box = g.querySelector('.marks').getBBox();
                return [g.querySelector('title').textContent, box.x + box.width / 2, box.y + box.height / 2];
            }),
        }))"""
    )
    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.errors == []
    assert opened.only_itself()
    opened.context.close()
    assert len(drawings) == 2 * (2 + len(FEW))
    for drawing in drawings:
        line = drawing["line"]
        assert all(x0 <= x1 and (x0 == x1 or y0 == y1) for (x0, y0), (x1, y1) in pairwise(line))
        for title, x, y in drawing["marks"]:
            if title.startswith("Supervised"):
                continue
            bought = min((height for at, height in line if at <= x + 1), default=math.inf)  # pixels count downwards
            assert bought <= y + 1.5
            assert abs(bought - y) < 1.5 or not title.endswith("on the front")
