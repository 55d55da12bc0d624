"""The overview of crops in a real browser: seen without a click, scrolled inside its frame, its columns hidden as in tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import reports
from tests.helpers.many_methods import MANY, make_many
from tests.helpers.opened import Opened, wait_until

WIDTHS = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
SEEN = """[...document.querySelectorAll('.overview thead th[data-method]')].filter((th) => th.checkVisibility())
    .map((th) => th.dataset.method)"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("many")
    return reports.write(make_many(directory, noises=("gaussian", "gamma", "rayleigh"), images=1, points=3, side=128))


@pytest.fixture(params=WIDTHS)
def opened(browser: Any, report: Path, request: pytest.FixtureRequest) -> Iterator[Opened]:
    found = Opened(browser, report, viewport=WIDTHS[request.param])
    yield found
    assert found.errors == [] and found.only_itself()
    found.context.close()


def test_it_is_seen_at_once_scrolls_inside_and_its_first_column_stays(opened: Opened) -> None:
    page = opened.page
    page.evaluate("document.getElementById('crops').scrollIntoView()")
    first = page.locator(".overview tbody tr").first
    assert first.locator("img").first.is_visible()
    wait_until(page, "[...document.querySelectorAll('.overview img')].every(i => i.complete && i.naturalWidth > 0)")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box, name = page.locator(".scroll:has(.overview)"), first.locator("th")
    before = name.bounding_box()
    assert box.evaluate("(box) => box.scrollWidth > 1.5 * box.clientWidth")
    box.evaluate("(box) => { box.scrollLeft = 700; }")
    after = name.bounding_box()
    assert before and after and after["x"] == pytest.approx(before["x"], abs=1)
    assert after["width"] < 0.45 * box.bounding_box()["width"]  # there is room for pictures beside it
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_hidden_methods_leave_it(opened: Opened) -> None:
    page = opened.page
    assert page.evaluate(SEEN) == list(MANY)
    page.locator("input[name=kind][value=image]").uncheck()
    there = [slug for slug, (_, tags) in MANY.items() if "learns:image" not in tags and "learns:nothing" not in tags]
    assert page.evaluate(SEEN) == ["noisy", *there]
    seen = "[...document.querySelectorAll('.overview tbody tr:first-child > *')].filter(t => t.checkVisibility()).length"
    assert page.evaluate(seen) == len(there) + 3  # the noise model, clean and noisy


def test_it_is_accessible(browser: Any, report: Path) -> None:
    phone = Opened(browser, report, viewport=WIDTHS["phone"])
    assert phone.findings(".scroll:has(.overview)") == []
    phone.context.close()
