"""A report of 25 methods in a real browser: its tables stay usable, methods can be hidden, and every card is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import reports
from tests.browser.test_print import BEYOND, on_paper
from tests.helpers.many_methods import MANY, make_many
from tests.helpers.opened import Opened

WIDTHS = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("many")
    return reports.write(make_many(directory, noises=("gaussian", "gamma", "rayleigh"), images=2, crops=1, points=3))


@pytest.fixture(params=WIDTHS)
def opened(browser: Any, report: Path, request: pytest.FixtureRequest) -> Iterator[Opened]:
    found = Opened(browser, report, viewport=WIDTHS[request.param])
    yield found
    assert found.errors == [] and found.only_itself()
    found.context.close()


#: Slugs of the methods whose header is seen in the first matrix.
_HEADERS = """[...document.querySelectorAll('.heatmap thead th[data-method]')].filter((th) => th.checkVisibility())
    .map((th) => th.dataset.method)"""


def test_the_table_scrolls_inside_and_its_first_column_stays(opened: Opened) -> None:
    page = opened.page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = page.locator(".scroll:has(.heatmap)").first
    first = box.locator("tbody th").first
    before = first.bounding_box()
    assert box.evaluate("(box) => box.scrollWidth > 2 * box.clientWidth")
    box.evaluate("(box) => { box.scrollIntoView({ block: 'center' }); box.scrollLeft = 900; }")
    after = first.bounding_box()
    assert before and after and after["x"] == pytest.approx(before["x"], abs=1)
    assert after["width"] < 0.62 * box.bounding_box()["width"]  # there is room for numbers beside it
    assert first.evaluate(
        "(th) => th.contains(document.elementFromPoint(th.getBoundingClientRect().x + 30, th.getBoundingClientRect().y + 8))"
    )


def test_kinds_and_single_methods_are_hidden_everywhere_and_shown_again(opened: Opened) -> None:
    page = opened.page
    assert page.evaluate(_HEADERS) == list(MANY)
    page.locator("input[name=kind][value=nothing]").uncheck()
    nothing = [slug for slug, (_, tags) in MANY.items() if tags == "knows:nothing learns:set"]
    assert page.evaluate(_HEADERS) == [slug for slug in MANY if slug not in nothing]
    page.locator(".each-method summary").click()
    page.locator("input[name=method][value=bm3d]").uncheck()
    gone = {*nothing, "bm3d"}
    assert page.locator("#methods-shown").inner_text() == f"{25 - len(gone)} of 25 methods shown"
    opened.unfold()
    seen = page.evaluate("""[...document.querySelectorAll('[data-method]')].filter((place) => place.checkVisibility())
        .map((place) => place.dataset.method)""")
    assert set(seen) == set(MANY) - gone
    pairs = page.evaluate("""[...document.querySelectorAll('tr[data-a]')].filter((row) => row.checkVisibility())
        .flatMap((row) => [row.dataset.a, row.dataset.b])""")
    assert pairs and not gone & set(pairs)
    assert not page.locator("td[data-of=nothing]").first.is_visible() and page.locator("td[data-of=law]").first.is_visible()
    assert page.locator("input[name=kind][value=image]").evaluate("(box) => box.checked && box.indeterminate")
    page.locator("#all-methods").click()
    assert page.evaluate(_HEADERS) == list(MANY) and page.locator("#methods-shown").inner_text() == ""


def test_every_method_has_a_folded_card(opened: Opened) -> None:
    page = opened.page
    cards = page.locator("details.card")
    assert cards.count() == 25 and page.locator("details.card[open]").count() == 0
    cards.nth(21).locator("summary").click()
    words = cards.nth(21).inner_text()
    assert "What ZS-N2N does." in words and "Mind <this>." in words and "learns:image" in words


def test_crops_are_marked_wherever_their_number_stands(opened: Opened) -> None:
    page = opened.page
    opened.unfold()
    for place in (
        "td.heat[data-method=zs-n2n]",
        "table.paper tr[data-method=zs-n2n] th",
        "table.cost tr[data-method=zs-n2n] th",
    ):
        places = page.locator(place).all()
        assert places and all("128×128 crop, a tenth of its iterations" in where.text_content() for where in places)
    rows = page.locator("#long tbody tr", has_text="zs-n2n").all()
    assert rows and all("128×128 crop" in row.text_content() for row in rows)
    captions = page.locator("#crops figcaption", has_text="ZS-N2N").all()
    assert captions and all("128×128 crop" in caption.text_content() for caption in captions)


def test_it_is_accessible(browser: Any, report: Path) -> None:
    phone = Opened(browser, report, viewport=WIDTHS["phone"])
    phone.page.locator(".each-method summary").click()
    phone.page.locator("details.card summary").first.click()
    assert phone.findings(".chooser") == [] and phone.findings("#methods") == []
    phone.context.close()


def test_nothing_reaches_beyond_the_sheet(browser: Any, report: Path) -> None:
    paper = on_paper(browser, report)
    assert paper.page.evaluate(BEYOND) == []
    paper.context.close()
