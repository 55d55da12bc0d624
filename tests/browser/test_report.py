"""The report in a real browser: no errors, no requests, and everything that can be operated. Skipped where there is none."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import reports
from tests.helpers.opened import Opened
from tests.helpers.run_fixture import HOSTILE, make_run


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("run")
    make_run(directory, images=2, failed={(1, "neighbor2neighbor", 0)}, pending={(16, "supervised", 0)})
    return reports.write(directory)


@pytest.fixture
def opened(browser: Any, report: Path) -> Iterator[Opened]:
    found = Opened(browser, report, viewport={"width": 1280, "height": 900}, color_scheme="light")
    yield found
    assert found.errors == []
    assert found.only_itself(), found.requests
    found.context.close()


def _visible(page: Any, selector: str) -> list[str]:
    return [item.inner_text().strip() for item in page.locator(selector).all() if item.is_visible()]


#: What is visible of such parts of a table, each with what it is about.
_SEEN = """(selector) => [...document.querySelectorAll(selector)].filter((part) => part.checkVisibility()).map((part) => {
    const about = ["noise", "method", "dataset", "metric"].map((name) => part.closest(`[data-${name}]`)?.dataset[name]);
    return [...about.filter(Boolean), part.textContent.trim()];
})"""


def _listed(numbers: Mapping[tuple[str, ...], str]) -> list[list[str]]:
    return sorted([*about, words] for about, words in numbers.items())


def test_it_opens_offline_and_unfolds_without_an_error(opened: Opened) -> None:
    page = opened.page
    assert "Quick run on sample" in page.locator("h1").inner_text()
    for summary in page.locator("details.gallery > summary").all()[1:4]:
        summary.click()
    assert page.evaluate("[...document.querySelectorAll('details[open] img')].every(i => i.complete && i.naturalWidth > 0)")
    assert page.evaluate(
        "[...document.querySelectorAll('.zoom img')].every(i => getComputedStyle(i).imageRendering === 'pixelated')"
    )


def test_no_label_of_a_drawing_is_cut_off(opened: Opened) -> None:
    opened.unfold()
    cut = """[...document.querySelectorAll('svg[viewBox] text')].map((text) => {
        const label = text.getBBox(), whole = text.ownerSVGElement.viewBox.baseVal;
        return [text.textContent, label.x, label.x + label.width - whole.width];
    })"""
    places = opened.page.evaluate(cut)
    assert len(places) > 100 and [place for place in places if place[1] < 0 or place[2] > 0] == []


def test_the_view_and_the_protocol_are_switched_by_mouse_and_keyboard(opened: Opened) -> None:
    page = opened.page
    cell = "table.heatmap tr[data-noise=gaussian] td[data-method=score-solver] .view"
    psnr = _visible(page, cell)
    page.get_by_text("SSIM", exact=True).first.click()
    ssim = _visible(page, cell)
    page.keyboard.press("ArrowRight")
    difference = _visible(page, cell)
    assert [len(shown) for shown in (psnr, ssim, difference)] == [1, 1, 1]
    assert float(psnr[0]) > 20
    assert 0 < float(ssim[0]) < 1
    assert difference[0].startswith("\u2212")
    page.get_by_text("paper", exact=True).click()
    assert _visible(page, "table.paper")[0]
    assert page.locator("table.paper[data-protocol-table=standard]").first.is_hidden()
    assert page.locator("table.paper[data-protocol-table=paper]").first.is_visible()


def test_the_numbers_that_are_seen_are_the_table_s(opened: Opened, report: Path) -> None:
    """Those of the summary's views and of the tables in the paper's form, at either protocol, read back from the page."""
    table = pd.read_parquet(report.parent / "results.parquet").query("status == 'done'")
    means = table.groupby(["noise", "method", "dataset", "metric"])["value"].mean()
    overall = means.groupby(level=["noise", "method", "metric"]).mean()
    for suffix, protocol in (("", "standard"), ("_paper", "paper")):
        opened.page.locator(f"input[name=protocol][value={protocol}] + span").click()
        expected: dict[str, dict[tuple[str, str], str]] = {"psnr": {}, "ssim": {}, "difference": {}}
        for noise, method in overall.index.droplevel("metric").unique():
            psnr, ssim = overall[noise, method, f"psnr{suffix}"], overall[noise, method, f"ssim{suffix}"]
            gap = psnr - overall.get((noise, "supervised", f"psnr{suffix}"), math.nan)
            shown = "n/a" if math.isnan(gap) else "0.00" if abs(gap) < 0.005 else f"{gap:+.2f}".replace("-", "\u2212")
            here = {"psnr": f"{psnr:.2f}", "ssim": f"{ssim:.3f}", "difference": shown}
            for view, words in here.items():
                expected[view][noise, method] = words
        for view, numbers in expected.items():
            opened.page.locator(f"input[name=view][value={view}] + span").click()
            assert sorted(opened.page.evaluate(_SEEN, "table.heatmap td .view")) == _listed(numbers)
        scores = {
            (noise, method, dataset, metric): f"{mean:.{2 if 'psnr' in metric else 3}f}"
            for (noise, method, dataset, metric), mean in means.items()
            if metric in (f"psnr{suffix}", f"ssim{suffix}")
        }
        scores |= {
            (noise, method, "mean", metric): f"{mean:.{2 if 'psnr' in metric else 3}f}"
            for (noise, method, metric), mean in overall.items()
            if metric in (f"psnr{suffix}", f"ssim{suffix}")
        }
        assert sorted(opened.page.evaluate(_SEEN, "table.paper .score")) == _listed(scores)


def test_a_sign_shows_its_reason_on_hover_and_on_focus(opened: Opened) -> None:
    page = opened.page
    tip = page.locator("#tip")
    sign = page.locator("table.heatmap tr[data-noise=rayleigh] td[data-method=noisier2noise] .why").first
    sign.hover()
    assert "the noise is not additive" in tip.inner_text()
    page.mouse.move(0, 0)
    page.keyboard.press("Escape")
    assert tip.is_hidden()
    sign.focus()
    assert tip.is_visible()
    page.keyboard.press("Tab")  # to the next sign
    assert tip.is_visible()
    assert "the noise is not additive" not in tip.inner_text()
    failed = page.locator("table.heatmap td.failed .why").first
    failed.focus()
    assert "loss is nan" in tip.inner_text()


def test_the_theme_follows_the_system_and_the_button(browser: Any, report: Path) -> None:
    def background(page: Any) -> str:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    dark = Opened(browser, report, color_scheme="dark")
    light = Opened(browser, report, color_scheme="light")
    night, day = background(dark.page), background(light.page)
    assert night != day
    light.page.click("#theme")
    assert background(light.page) == night
    assert light.page.locator("#theme").get_attribute("aria-pressed") == "true"
    for _ in range(20):  # a busy browser stores the choice only a moment after it was made
        light.page.reload()
        if background(light.page) == night:
            break
    assert background(light.page) == night
    assert dark.errors + light.errors == []
    dark.context.close()
    light.context.close()


@pytest.mark.parametrize("hostile", ["", HOSTILE])
def test_a_phone_scrolls_the_tables_and_never_the_page(browser: Any, tmp_path: Path, hostile: str) -> None:
    run = make_run(tmp_path, noises=("gaussian", "rayleigh"), images=1, failed={(1, "supervised", 0)}, hostile=hostile)
    phone = Opened(browser, reports.write(run), viewport={"width": 390, "height": 844})
    phone.page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    assert phone.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    phone.page.evaluate("scrollTo(500, 0)")
    assert phone.page.evaluate("scrollX") == 0
    assert phone.errors == []
    assert phone.only_itself()
    phone.context.close()


def test_a_desktop_shows_whole_tables_side_by_side_where_they_fit(browser: Any, tmp_path: Path) -> None:
    for datasets, together in ((("kodak24", "cset9", "cbsd68"), True), (("kodak24", "kodak24-500", "cset9", "cbsd68"), False)):
        noises = ("rayleigh", "rayleigh-conv")  # a reason in words in their tables
        run = make_run(tmp_path / str(together), noises=noises, datasets=datasets, images=1, crops=0)
        found = Opened(browser, reports.write(run), viewport={"width": 1280, "height": 900})
        tables = found.page.locator(".tables .scroll:visible")
        assert tables.count() == 2
        assert tables.evaluate_all("parts => parts.every(part => part.scrollWidth <= part.clientWidth)")
        (first, second) = (tables.nth(i).bounding_box() for i in range(2))
        assert (first["y"] == second["y"]) == together
        found.context.close()


def test_printing_unfolds_the_crops_and_folds_them_again(opened: Opened) -> None:
    count = "document.querySelectorAll('details.gallery[open]').length"
    before = opened.page.evaluate(count)
    during = opened.page.evaluate(f"(() => {{ dispatchEvent(new Event('beforeprint')); return {count}; }})()")
    after = opened.page.evaluate(f"(() => {{ dispatchEvent(new Event('afterprint')); return {count}; }})()")
    assert (before, during, after) == (1, 16, 1)


def test_without_javascript_the_numbers_and_pictures_are_there(browser: Any, report: Path) -> None:
    plain = Opened(browser, report, java_script_enabled=False)
    assert plain.page.locator("table.paper .score").first.is_visible()
    assert plain.page.locator("details[open] .whole img").first.is_visible()
    assert plain.page.locator("#filter").is_hidden()
    plain.context.close()


def test_the_skip_link_comes_first(opened: Opened) -> None:
    opened.page.keyboard.press("Tab")
    assert opened.page.evaluate("document.activeElement.textContent") == "Skip to the results"


def test_the_difference_to_the_paper_is_under_its_protocol_alone(browser: Any, tmp_path: Path) -> None:
    counts = {"kodak24-500": 24, "cset9": 9, "cbsd68": 68}
    run = make_run(tmp_path, noises=("gaussian", "gamma"), datasets=tuple(counts), images=counts, whole=True, crops=0)
    opened = Opened(browser, reports.write(run), viewport={"width": 1280, "height": 900})
    page, state = opened.page, "[document.documentElement.dataset.protocol, document.documentElement.dataset.view]"
    page.get_by_text("PSNR \u2212 paper, dB", exact=True).click()
    assert page.evaluate(state) == ["paper", "published"]
    cells = "table.heatmap tr[data-noise=gaussian] td[data-method={}] .view"
    assert _visible(page, cells.format("supervised"))[0][0] in "+\u2212"
    assert _visible(page, cells.format("noise2score")) == ["n/a"]
    assert page.locator("tr.beside").first.is_visible()
    page.get_by_text("standard", exact=True).click()
    assert page.evaluate(state) == ["standard", "psnr"]
    assert not _visible(page, "tr.beside")
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_text("paper", exact=True).first.click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.errors == []
    opened.context.close()
