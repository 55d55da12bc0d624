"""The tables in a real browser: sorted, filtered, copied and downloaded, by mouse and keyboard. Skipped where there is none."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import reports
from reports.forms.export import PAGE_ROWS, WRITERS
from reports.forms.longtable import long_table
from reports.forms.paperform import paper_tables
from reports.numbers.significance import significance
from reports.numbers.tables import Scores
from tests.helpers.opened import Opened
from tests.helpers.run_fixture import HOSTILE, METHODS, make_run

ENDINGS = {"csv": "csv", "markdown": "md", "latex": "tex"}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("run")
    make_run(directory, images=2, seeds=2, failed={(1, "neighbor2neighbor", 0)}, pending={(16, "supervised", 0)}, crops=0)
    return reports.write(directory)


@pytest.fixture
def opened(browser: Any, report: Path) -> Iterator[Opened]:
    found = Opened(browser, report, viewport={"width": 1280, "height": 900})
    yield found
    assert found.errors == []
    assert found.only_itself(), found.requests
    found.context.close()


def downloaded(page: Any, button: Any) -> tuple[str, str]:
    """The name and the text of what a button saves."""
    with page.expect_download() as download:
        button.click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes().decode()


def button(page: Any, verb: str, form: str, group: str = "") -> Any:
    """That of a table in the paper's form (the one of `group` that is seen), or of the long table."""
    within = f".group[data-group={group}]:visible" if group else ".filters + .exports"
    return page.locator(f"{within} button[data-verb={verb}][data-format={form}]")


def column(page: Any, heading: str) -> list[str]:
    """What the rows that are shown hold below a heading: the exact value of a score, else the text."""
    return page.evaluate(
        """heading => {
            const table = document.getElementById("long");
            const place = Array.from(table.tHead.rows[0].cells).find(cell => cell.innerText.trim() === heading).cellIndex;
            const rows = Array.from(table.tBodies[0].rows).filter(row => row.offsetParent !== null);
            return rows.map(row => row.cells[place]).map(cell => cell.dataset.value ?? cell.firstChild?.data.trim() ?? "");
        }""",
        heading,
    )


@pytest.mark.parametrize("hostile", ["", HOSTILE], ids=["usual", "hostile"])
def test_every_table_is_downloaded_as_python_exports_it(browser: Any, tmp_path: Path, hostile: str) -> None:
    make_run(tmp_path, noises=("gaussian", "gamma", "rayleigh+gaussian"), images=1, hostile=hostile, crops=0)
    page = reports.write(tmp_path)
    scores = Scores(reports.load(tmp_path))
    tables = paper_tables(scores, significance(scores))
    seen = set()
    for protocol in scores.protocols:
        opened = Opened(browser, page)  # anew: Chromium asks its user before it saves more than ten files of one page
        opened.page.get_by_text(protocol, exact=True).click()
        for table in (table for table in tables if table.protocol == protocol):
            for form, write in WRITERS.items():
                name, text = downloaded(opened.page, button(opened.page, "download", form, table.key))
                assert name == f"denoisebench-{table.key}-{protocol}.{ENDINGS[form]}"
                assert text == write(table)
                seen.add(text)
        assert opened.errors == [] and opened.only_itself()
        opened.context.close()
    assert len(seen) == 2 * 3 * 3


def test_the_whole_long_table_is_the_command_s_csv(opened: Opened, report: Path) -> None:
    run = reports.load(report.parent)
    name, text = downloaded(opened.page, button(opened.page, "download", "csv"))
    assert name == "denoisebench-scores.csv"
    assert text == reports.export(run, "csv")
    assert downloaded(opened.page, button(opened.page, "download", "markdown"))[1] == (
        long_table(Scores(run)).listing("markdown").text()
    )


def test_the_rows_shown_are_exported_in_their_order(opened: Opened, report: Path) -> None:
    page, table = opened.page, long_table(Scores(reports.load(report.parent)))
    page.select_option("label:has-text('Noise') select", "rayleigh+gaussian")
    page.fill("#filter", "kodak24")
    page.locator("#long th", has_text="psnr").first.locator("button").click()
    kept = [i for i, row in enumerate(table.rows) if row.noise == "rayleigh+gaussian" and row.dataset == "kodak24"]
    kept.sort(key=lambda i: table.rows[i].scores[0].value or 0.0)
    assert len(kept) == 2 * 4
    for form in WRITERS:
        listing = table.listing(form)
        expected = listing.head + "".join(f"{listing.lines[i]}\n" for i in kept) + listing.foot
        assert downloaded(page, button(page, "download", form))[1] == expected
    page.fill("#filter", "nothing like this")
    assert downloaded(page, button(page, "download", "csv"))[1] == table.listing("csv").head


def test_a_long_table_is_divided_in_latex(opened: Opened) -> None:
    text = downloaded(opened.page, button(opened.page, "download", "latex"))[1]
    environments = text.split(r"\begin{table}")[1:]
    bodies = [part[part.index(r"\midrule") : part.index(r"\bottomrule")].splitlines()[1:] for part in environments]
    total = opened.page.locator("#long tbody tr").count()
    assert sum(map(len, bodies)) == total > PAGE_ROWS
    assert all(len(body) == PAGE_ROWS for body in bodies[:-1])


def test_copying_puts_the_same_text_on_the_clipboard(browser: Any, report: Path) -> None:
    opened = Opened(browser, report, permissions=["clipboard-read", "clipboard-write"])
    page = opened.page
    for form in WRITERS:
        _, text = downloaded(page, button(page, "download", form, "mixture"))
        button(page, "copy", form, "mixture").focus()
        page.keyboard.press("Enter")
        told = page.locator(".group[data-group=mixture]:visible .told")
        told.get_by_text("Copied as").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == text
    assert opened.errors == []
    opened.context.close()


def test_copying_without_a_clipboard_to_write_to(browser: Any, report: Path) -> None:
    opened = Opened(browser, report)
    page = opened.page
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.evaluate("document.addEventListener('copy', () => { window.copied = document.activeElement.value; })")
    copy = button(page, "copy", "markdown")
    copy.click()
    page.locator(".filters + .exports .told").get_by_text("Copied as Markdown.").wait_for()
    assert page.evaluate("window.copied") == downloaded(page, button(page, "download", "markdown"))[1]
    page.evaluate("document.execCommand = () => false")
    copy.click()
    page.locator(".filters + .exports .told").get_by_text("The browser refused to copy.").wait_for()
    assert copy.evaluate("b => b === document.activeElement")
    opened.context.close()


def test_the_numbers_in_the_long_table_are_those_of_the_results(opened: Opened, report: Path) -> None:
    page = opened.page
    table = pd.read_parquet(report.parent / "results.parquet")
    means = table[table["status"] == "done"].groupby(["noise", "method", "seed", "dataset", "metric"])["value"].mean()
    keys = list(zip(*(column(page, name) for name in ("Noise", "Method", "Seed", "Data set")), strict=True))
    count = 0
    for metric, digits in {"psnr": 2, "ssim": 3, "psnr_paper": 2, "ssim_paper": 3}.items():
        place = page.locator("#long th", has_text=metric).first.evaluate("h => h.cellIndex")
        shown = page.evaluate("c => Array.from(document.querySelectorAll('#long tbody tr'), r => r.cells[c].innerText)", place)
        exact = column(page, metric)
        for (noise, method, seed, dataset), text, value in zip(keys, shown, exact, strict=True):
            assert bool(dataset) == bool(value)
            if dataset:
                expected = means[noise, method, int(seed), dataset, metric]
                assert float(value) == pytest.approx(expected, rel=1e-12)
                assert text == f"{float(value):.{digits}f}"
                count += 1
    assert count == len(means)


def test_every_column_is_sorted_by_mouse_and_keyboard(opened: Opened) -> None:
    page = opened.page
    names = [heading.inner_text().strip() for heading in page.locator("#long th").all()]
    assert len(names) == 11
    for index, name in enumerate(names):
        heading = page.locator("#long th").nth(index)
        before = column(page, name)
        heading.locator("button").click()
        rising = column(page, name)
        filled = [value for value in rising if value]
        # A hyphen before a plus sign, unlike in ASCII.
        key = (lambda text: text.replace("+", "~")) if name in ("Noise", "Method", "Data set", "Status") else float
        assert [key(value) for value in filled] == sorted(map(key, filled))
        assert sorted(rising) == sorted(before) and rising[: len(filled)] == filled  # rows without a value come last
        assert heading.get_attribute("aria-sort") == "ascending"
        page.keyboard.press("Enter")
        falling = column(page, name)
        assert [value for value in falling if value] == sorted(filled, key=key, reverse=True)
        assert falling[: len(filled)] == [value for value in falling if value]
        assert heading.get_attribute("aria-sort") == "descending"
    assert page.locator("#long th[aria-sort]").count() == 1


def test_rows_are_chosen_by_column_and_words(opened: Opened) -> None:
    page = opened.page
    total = page.locator("#long tbody tr").count()
    assert page.locator("#count").inner_text() == f"{total} of {total} rows"
    assert page.locator("select[data-column]").count() == 5
    page.select_option("label:has-text('Method') select", "score-solver")
    assert set(column(page, "Method")) == {"score-solver"}
    assert len(column(page, "Method")) == 16 * 2 * 2
    page.select_option("label:has-text('Seed') select", "1")
    page.select_option("label:has-text('Data set') select", "cbsd68")
    assert page.locator("#count").inner_text() == f"16 of {total} rows"
    page.fill("#filter", "POISSON  conv")
    assert column(page, "Noise") == ["poisson-conv", "poisson-conv+gaussian"]
    page.click("#unfilter")
    assert len(column(page, "Method")) == total
    page.locator("label:has-text('Status') select").focus()
    page.keyboard.press("f")
    assert column(page, "Noise") == ["gaussian"] and column(page, "Status") == ["failed"]


def test_a_bare_table_and_a_run_without_a_finished_cell(browser: Any, tmp_path: Path) -> None:
    make_run(tmp_path / "run", noises=("gaussian", "gamma"), images=1, crops=0)
    (tmp_path / "bare").mkdir()
    (tmp_path / "run" / "results.csv").rename(tmp_path / "bare" / "results.csv")
    make_run(tmp_path / "none", noises=("gaussian",), images=1, pending={(1, method, 0) for method in METHODS})
    for name, groups in (("bare", 2), ("none", 1)):
        opened = Opened(browser, reports.write(tmp_path / name))
        assert opened.page.locator(".group:visible").count() == groups
        for form in WRITERS:
            assert downloaded(opened.page, button(opened.page, "download", form, "additive"))[1]
        rows = list(csv.DictReader(io.StringIO(downloaded(opened.page, button(opened.page, "download", "csv"))[1])))
        assert len(rows) == opened.page.locator("#long tbody tr:visible").count() > 0
        assert opened.errors == []
        opened.context.close()


@pytest.mark.slow
def test_two_thousand_rows_are_sorted_and_filtered(browser: Any, tmp_path: Path) -> None:
    methods = ("noisy", "supervised", *(f"method-{index:02d}" for index in range(14)))
    make_run(tmp_path, methods=methods, seeds=3, datasets=("kodak24", "cset9", "cbsd68"), images=1, crops=0)
    opened = Opened(browser, reports.write(tmp_path), viewport={"width": 1280, "height": 900})
    page = opened.page
    assert page.locator("#count").inner_text() == "2304 of 2304 rows"
    page.locator("#long th", has_text="psnr").first.locator("button").click()
    values = [float(value) for value in column(page, "psnr")]
    assert len(values) == 2304 and values == sorted(values)
    page.fill("#filter", "poisson")
    assert page.locator("#count").inner_text() == "576 of 2304 rows"
    page.fill("#filter", "")
    assert page.locator("#count").inner_text() == "2304 of 2304 rows"
    opened.context.close()
