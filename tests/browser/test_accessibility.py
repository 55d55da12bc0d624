"""The pages by axe-core, by keyboard and without motion, in a real browser. Skipped where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import reports
from tests.helpers.opened import Opened
from tests.helpers.run_fixture import METHODS, make_run
from tests.reports.page.test_comparepage import page_of, shifted

FEW = ("gaussian", "gamma-conv")
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of each: a failure, cells that wait, signs, ties, seeds, crops, all folded parts."""
    run = make_run(
        tmp_path_factory.mktemp("run"),
        noises=FEW,
        methods=(*METHODS, "score-solver-plus"),
        datasets=("kodak24", "cset9"),
        images={"kodak24": 12, "cset9": 1},
        seeds=2,
        failed={(1, "neighbor2neighbor", 0), (1, "neighbor2neighbor", 1)},
        pending={(6, "supervised", 1)},
        points=3,
    )
    return reports.write(run)


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("comparison")
    a = make_run(folder / "a", noises=FEW, images=6, crops=0, failed={(1, "supervised", 0)})
    file = folder / "page.html"
    file.write_text(page_of(a, make_run(folder / "b", noises=FEW[:1], images=6, crops=0, value=shifted)), encoding="utf-8")
    return file


@pytest.mark.slow
@pytest.mark.parametrize(("size", "theme"), [("desktop", "light"), ("phone", "dark")])
@pytest.mark.parametrize("name", ["report", "comparison"])
def test_axe_finds_nothing_serious(browser: Any, request: pytest.FixtureRequest, name: str, size: str, theme: str) -> None:
    opened = Opened(browser, request.getfixturevalue(name), viewport=SIZES[size], color_scheme=theme)
    opened.unfold()
    assert opened.findings() == []
    views = opened.page.locator("input[name=view] + span")
    for index in range(1, views.count()):  # other colours below the numbers
        views.nth(index).click()
        assert opened.findings("#summary") == []
    if name == "report":
        opened.page.locator("button.errors").first.click()
        opened.page.locator("canvas.error").first.wait_for()
        assert opened.findings("details.gallery") == []
        opened.page.locator("button.compare").first.click()
        assert opened.findings("dialog[open]") == []
    assert opened.errors == []
    opened.context.close()


def test_axe_would_find_it(browser: Any, report: Path) -> None:
    opened = Opened(browser, report, viewport=SIZES["desktop"])
    opened.page.evaluate("document.querySelector('.whole img').removeAttribute('alt')")
    opened.page.evaluate("document.querySelector('.findings').style.color = '#bbb'")
    assert {finding.partition(":")[0] for finding in opened.findings("main")} == {"image-alt", "color-contrast"}
    opened.context.close()


_FOCUSED = """() => {
    const at = document.activeElement, shown = at.type === "radio" ? at.nextElementSibling : at;
    const style = getComputedStyle(shown), box = shown.getBoundingClientRect();
    const bar = document.querySelector(".bar"), over = bar.getBoundingClientRect();
    const order = window.before ? Boolean(window.before.compareDocumentPosition(at) & 4) : true;
    window.before = at;
    return {
        what: at.outerHTML.slice(0, 120), order, end: at === document.body,
        outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
        seen: box.bottom > 0 && box.top < innerHeight && (bar.contains(at) || box.top < over.top || box.bottom > over.bottom),
    };
}"""


@pytest.mark.parametrize("name", ["report", "comparison"])
def test_every_stop_of_the_tab_key_is_seen_in_the_order_of_the_page(
    browser: Any, request: pytest.FixtureRequest, name: str
) -> None:
    opened = Opened(browser, request.getfixturevalue(name), viewport=SIZES["desktop"])
    stops = []
    while not stops or (not stops[-1]["end"] and len(stops) < 400):
        opened.page.keyboard.press("Tab")
        stops.append(opened.page.evaluate(_FOCUSED))
    assert stops.pop()["end"]  # no trap
    assert len(stops) > 12
    assert [stop["what"] for stop in stops if not (stop["order"] and stop["outlined"] and stop["seen"])] == []
    opened.context.close()


def test_nothing_moves_by_itself(browser: Any, report: Path) -> None:
    opened = Opened(browser, report, viewport=SIZES["desktop"], reduced_motion="no-preference")
    opened.page.click("#theme")
    opened.page.locator("table.heatmap .why:visible").first.hover()
    opened.page.locator("nav a").last.click()
    assert opened.page.evaluate("document.getAnimations().length") == 0
    assert opened.page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    opened.context.close()
