"""The report: how long it takes to render from a run's files, and to open in a browser; a full matrix, and a large table.

The sizes that must hold on two cores: a full matrix renders in 15 s and opens in 2 s, the large table renders in 60 s.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import reports
from tests.helpers.run_fixture import METHODS, make_run

Benchmark = Callable[..., Any]
SIXTEEN = ("noisy", "supervised", *(f"method-{index:02d}" for index in range(14)))


@pytest.fixture(scope="module", params=["16 x 7", "16 x 16 x 3"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 noise models x 7 methods with crops, or a table alone of 16 methods and 3 seeds on 45 images."""
    folder = tmp_path_factory.mktemp("run")
    if request.param == "16 x 7":
        return make_run(folder, methods=(*METHODS, "score-solver-plus"), images=5, side=128, points=60)
    sets = {"kodak24": 24, "cset9": 9, "cbsd68": 12}
    make_run(folder, methods=SIXTEEN, seeds=3, datasets=tuple(sets), images=sets, crops=0)
    return folder / "results.parquet"


def bench_render(benchmark: Benchmark, run: Path, tmp_path: Path) -> None:
    benchmark.pedantic(reports.write, (run, tmp_path / "page.html"), rounds=3)  # type: ignore[attr-defined]


def bench_open(benchmark: Benchmark, run: Path, tmp_path: Path, browser: Any) -> None:
    """Until the page's load event, in a fresh context of a running Chromium."""
    file = reports.write(run, tmp_path / "page.html").as_uri()

    def load() -> None:
        context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
        context.new_page().goto(file, wait_until="load")
        context.close()

    benchmark.pedantic(load, rounds=5, warmup_rounds=1)  # type: ignore[attr-defined]


@pytest.mark.parametrize("change", ["sort", "poisson", ""], ids=["sort", "filter", "all"])
def bench_long_table(benchmark: Benchmark, change: str, tmp_path: Path, browser: Any) -> None:
    """2304 rows sorted by PSNR, filtered, and shown again, up to the next picture: within a second."""
    make_run(tmp_path, methods=SIXTEEN, seeds=3, datasets=("kodak24", "cset9", "cbsd68"), images=1, crops=0)
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(reports.write(tmp_path).as_uri(), wait_until="load")
    page.evaluate("document.getElementById('all').scrollIntoView()")
    script = """async change => {
        const table = document.getElementById("long"), filter = document.getElementById("filter");
        if (change === "sort") table.querySelectorAll(".sort")[6].click();
        else { filter.value = change; filter.dispatchEvent(new Event("input")); }
        document.body.getBoundingClientRect();
        await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    }"""
    benchmark.pedantic(page.evaluate, (script, change), rounds=5, warmup_rounds=1)  # type: ignore[attr-defined]
    context.close()
