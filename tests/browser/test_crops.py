"""Crops in a real browser: error maps and the comparison of two pictures, pixel by pixel against the files."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import reports
from reports.style.colour import viridis
from tests.helpers.opened import Opened, wait_until
from tests.helpers.run_fixture import HOSTILE, make_run

SIDE = 40
TITLES = {"noisy": "Noisy input", "supervised": "Supervised", "score-solver": "Score solver"}
SHOTS = ".gallery:first-of-type .shot"


def draw(dataset: str, image: str, number: int, method: str) -> np.ndarray:
    """Every picture another: flat squares of 4 pixels, and noise over the whole range in all but the clean one."""
    generator = np.random.default_rng([len(dataset), int(image)])
    clean = np.kron(generator.integers(0, 256, (SIDE // 4, SIDE // 4, 3)), np.ones((4, 4, 1), dtype=int))
    if method != "clean":
        spread = {"noisy": 60, "supervised": 6}.get(method, 12)
        clean = clean + np.random.default_rng([number, *map(ord, method + image)]).normal(0, spread, clean.shape)
    return np.clip(clean, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("run")
    noises, methods = ("gaussian", "gamma", "rayleigh"), tuple(TITLES)
    make_run(directory, noises=noises, methods=methods, datasets=("kodak24",), images=4, crops=4, side=SIDE, picture=draw)
    reports.write(directory)
    return directory


@pytest.fixture
def opened(browser: Any, run: Path) -> Iterator[Opened]:
    yield from _opened(browser, run, viewport={"width": 1280, "height": 900}, color_scheme="light")


@pytest.fixture
def phone(browser: Any, run: Path) -> Iterator[Opened]:
    yield from _opened(browser, run, viewport={"width": 390, "height": 844}, has_touch=True)


def _opened(browser: Any, run: Path, **context: Any) -> Iterator[Opened]:
    found = Opened(browser, run / "report.html", **context)
    yield found
    assert found.errors == []
    assert found.only_itself(), found.requests
    found.context.close()


def crop(run: Path, number: int, noise: str, method: str, image: int) -> np.ndarray:
    name = f"clean--kodak24-{image}" if method == "clean" else f"{number:02d}-{noise}--{method}--s0--kodak24-{image}"
    return np.asarray(Image.open(run / "crops" / f"{name}.png")).astype(int)


def image_of(shot: Any) -> int:
    """The number of the image that a strip shows, from its heading: kodak-03 is the third."""
    return int(shot.locator("h3").inner_text().split()[0].removeprefix("kodak-")) - 1


def decoded(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def check_stage(page: Any, left: np.ndarray, right: np.ndarray, cut: int, zoom: int = 4) -> None:
    """Left of the divider the one, right of it the other, each pixel a square of the screen; the line covers 2 a side."""
    box, screen = page.locator("#compare-stage").bounding_box(), decoded(page.screenshot())
    x, y = round(box["x"]), round(box["y"])
    shown = screen[y : y + SIDE * zoom, x : x + SIDE * zoom]
    wanted = np.kron(np.where(np.arange(SIDE)[None, :, None] < cut, left, right), np.ones((zoom, zoom, 1), dtype=int))
    beside = np.abs(np.arange(SIDE * zoom) + 0.5 - cut * zoom) > 2
    assert np.array_equal(shown[:, beside], wanted[:, beside])


def compare(page: Any, place: int = 0) -> Any:
    shot = page.locator(SHOTS).nth(place)
    shot.locator("button.compare").click()
    return shot


def test_error_maps_are_those_of_the_files(opened: Opened, run: Path) -> None:
    page = opened.page
    assert page.locator("canvas").count() == 0
    assert page.locator(".errors-only:visible").count() == 0
    page.locator("button.errors").first.click()
    page.locator("details.more > summary").first.click()
    wait_until(page, "document.querySelectorAll('canvas').length === 12")
    for shot in page.locator(SHOTS).all():
        clean = crop(run, 1, "gaussian", "clean", image_of(shot))
        for method, title in TITLES.items():
            item = shot.locator(f"li[data-title='{title}']")
            difference = np.abs(crop(run, 1, "gaussian", method, image_of(shot)) - clean)
            level = np.minimum(255, difference.sum(axis=-1) * 255 // 150)
            wanted = np.array([viridis(step / 255) for step in range(256)])[level]
            uri = item.locator("canvas").evaluate("canvas => canvas.toDataURL()")
            assert np.array_equal(decoded(base64.b64decode(uri.partition(",")[2])), wanted)
            assert f"mean error {difference.mean():.1f}" in item.inner_text()
            assert f"{title}, mean {difference.mean():.1f} grey levels" in str(
                item.locator("canvas").get_attribute("aria-label")
            )
        assert "the reference" in shot.locator("li[data-clean]").inner_text()
    assert "0–255" in page.locator("p.errors-only").first.inner_text()
    page.locator("button.errors").first.click()
    assert page.locator(".errors-only:visible").count() == 0


def test_error_maps_are_drawn_where_they_are_seen_alone(opened: Opened) -> None:
    page = opened.page
    page.locator("button.errors").first.focus()
    page.keyboard.press("Enter")
    drawn = "[...document.querySelectorAll('.gallery')].map(gallery => gallery.querySelectorAll('canvas').length)"
    assert page.evaluate(drawn) == [9, 0, 0]  # three strips; the fourth is folded away
    page.locator(".gallery > summary").nth(2).click()
    wait_until(page, "document.querySelectorAll('.gallery')[2].querySelectorAll('canvas').length === 9")
    assert page.evaluate(drawn) == [9, 0, 9]
    assert page.locator("button.errors").nth(2).get_attribute("aria-pressed") == "true"


def test_switching_error_maps_keeps_the_button_in_its_place(opened: Opened) -> None:
    page = opened.page
    page.locator(".gallery > summary").nth(2).click()
    button = page.locator("button.errors").nth(2)
    button.scroll_into_view_if_needed()
    before = button.bounding_box()["y"]
    button.click()
    assert button.bounding_box()["y"] == pytest.approx(before, abs=1)


def test_the_divider_is_dragged_by_mouse(opened: Opened, run: Path) -> None:
    page = opened.page
    shot = compare(page)
    image = image_of(shot)
    assert page.locator("#compare-of").inner_text() == f"kodak-0{image + 1} kodak24, No. 1 Gaussian"
    # from the noisy input to the best of the unsupervised, half and half
    left, right = (crop(run, 1, "gaussian", method, image) for method in ("noisy", "score-solver"))
    check_stage(page, left, right, SIDE // 2)
    box = page.locator("#compare-stage").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 9 * 4 + 1, box["y"] + 60)
    check_stage(page, left, right, 9)
    page.mouse.move(box["x"] - 200, box["y"] - 100)  # the drag goes on outside, and stops at the edge
    check_stage(page, left, right, 0)
    page.mouse.move(box["x"] + 31 * 4, box["y"] + 60)
    page.mouse.up()
    page.mouse.move(box["x"] + 5 * 4, box["y"] + 60)
    check_stage(page, left, right, 31)
    assert page.locator("#compare-cut").get_attribute("aria-valuetext") == "78 % Noisy input, 22 % Score solver"


def test_the_divider_is_moved_by_keyboard_and_focus_returns(opened: Opened, run: Path) -> None:
    page = opened.page
    button = page.locator(SHOTS).nth(1).locator("button.compare")
    button.focus()
    page.keyboard.press("Enter")
    image = image_of(page.locator(SHOTS).nth(1))
    left, right = (crop(run, 1, "gaussian", method, image) for method in ("noisy", "score-solver"))
    assert page.evaluate("document.activeElement.id") == "compare-cut"
    for key, cut in (("ArrowRight", 21), ("ArrowLeft", 20), ("ArrowLeft", 19), ("Home", 0), ("End", SIDE)):
        page.keyboard.press(key)
        assert page.locator("#compare-cut").input_value() == str(cut)
        check_stage(page, left, right, cut)
    assert page.locator("#compare-cut").get_attribute("aria-valuetext") == "100 % Noisy input, 0 % Score solver"
    page.keyboard.press("Escape")
    assert page.locator("#compare").is_hidden()
    assert button.evaluate("button => button === document.activeElement")
    page.keyboard.press("Enter")
    page.locator("#compare-close").click()
    assert page.locator("#compare").is_hidden()
    assert button.evaluate("button => button === document.activeElement")


def test_any_two_pictures_are_chosen(opened: Opened, run: Path) -> None:
    page = opened.page
    shot = compare(page, 2)
    options = page.locator("#compare-left option").all_inner_texts()
    assert options == [*TITLES.values(), "Clean"] == page.locator("#compare-right option").all_inner_texts()
    page.select_option("#compare-left", "Clean")
    page.select_option("#compare-right", "Supervised")
    left, right = (crop(run, 1, "gaussian", method, image_of(shot)) for method in ("clean", "supervised"))
    check_stage(page, left, right, SIDE // 2)
    assert page.locator("#compare-cut").get_attribute("aria-valuetext") == "50 % Clean, 50 % Supervised"
    shown = shot.locator("li[data-title=Supervised] .under:visible").inner_text()
    assert page.locator("#compare-right-scores").inner_text() == shown
    assert page.locator("#compare-left-scores").inner_text() == ""
    page.keyboard.press("Escape")
    compare(page, 0)  # another strip begins with its own
    assert page.locator("#compare-left").input_value() == "Noisy input"


def test_a_phone_drags_by_touch_and_never_scrolls_sideways(phone: Opened, run: Path) -> None:
    page = phone.page
    page.locator("button.errors").first.tap()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    image = image_of(compare(page))
    left, right = (crop(run, 1, "gaussian", method, image) for method in ("noisy", "score-solver"))
    dialog, box = page.locator("#compare").bounding_box(), page.locator("#compare-stage").bounding_box()
    assert dialog["x"] >= 0 and dialog["x"] + dialog["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    touch = phone.context.new_cdp_session(page)

    def send(kind: str, *points: tuple[float, float]) -> None:
        places = [{"x": box["x"] + x, "y": box["y"] + y} for x, y in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    send("touchStart", (80, 40))
    send("touchMove", (60, 42))
    send("touchMove", (12 * 4, 44))
    send("touchEnd")
    wait_until(page, "document.getElementById('compare-cut').value === '12'")
    check_stage(page, left, right, 12)


@pytest.mark.parametrize("width", [390, 320])
def test_large_crops_are_enlarged_as_far_as_they_fit(browser: Any, tmp_path: Path, width: int) -> None:
    make_run(tmp_path, noises=("gaussian",), methods=("noisy", "supervised"), datasets=("kodak24",), images=1, side=128)
    small = Opened(browser, reports.write(tmp_path), viewport={"width": width, "height": 844})
    compare(small.page)
    zoom = 3 if width == 390 else 2
    assert small.page.locator("#compare-stage").bounding_box()["width"] == zoom * 128
    assert f"Enlarged {zoom} times" in small.page.locator("#compare").inner_text()
    small.page.set_viewport_size({"width": 1280, "height": 900})
    wait_until(small.page, "document.getElementById('compare-stage').offsetWidth === 512")
    assert small.errors == []
    small.context.close()


def test_nothing_enlarged_is_smoothed(opened: Opened) -> None:
    compare(opened.page)
    ways = "[...document.querySelectorAll('.zoom img, .whole img, .stage img')].map(i => getComputedStyle(i).imageRendering)"
    assert set(opened.page.evaluate(ways)) == {"pixelated"}


def test_the_dialog_follows_the_dark_theme(browser: Any, run: Path) -> None:
    colours = "e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]"
    for scheme in ("dark", "light"):
        opened = Opened(browser, run / "report.html", color_scheme=scheme)
        compare(opened.page)
        body = opened.page.locator("body").evaluate(colours)
        for part in ("#compare", "#compare-left", "#compare-close"):
            assert opened.page.locator(part).evaluate(colours) == body
        assert opened.errors == []
        opened.context.close()


def test_paper_shows_every_crop_and_no_dialog(opened: Opened) -> None:
    page = opened.page
    page.locator("button.errors").first.click()
    compare(page)
    page.emulate_media(media="print")
    # at once: the printer does not wait
    left = """(() => { dispatchEvent(new Event("beforeprint"));
        const found = (selector) => document.querySelectorAll(selector).length;
        return [found("#crops figure img:not([src])"), found("canvas")]; })()"""
    assert page.evaluate(left) == [0, 3 * 4 * len(TITLES)]
    assert page.evaluate("document.querySelectorAll('details.gallery:not([open]), details.more:not([open])').length") == 0
    assert page.locator("canvas:visible").count() == 3 * 4 * len(TITLES)
    wait_until(page, "[...document.querySelectorAll('#crops figure img')].every(i => i.complete && i.naturalWidth > 0)")
    assert page.locator("#crops figure img:visible").count() == 2 * 3 * 4 * (len(TITLES) + 1)
    for hidden in ("#compare", "button.compare", "button.errors"):
        assert page.locator(f"{hidden}:visible").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert page.evaluate("document.querySelectorAll('details.gallery[open]').length") == 1


def test_a_picture_that_the_browser_cannot_read_is_said_so(browser: Any, run: Path, tmp_path: Path) -> None:
    html = (run / "report.html").read_text(encoding="utf-8")
    file = f"01-gaussian--noisy--s0--kodak24-{int(html.partition('<h3>kodak-')[2][:2]) - 1}.png"  # of the first strip
    data = base64.b64encode((run / "crops" / file).read_bytes()).decode()
    (tmp_path / "report.html").write_text(html.replace(data, f"{data[:40]}AAAA{data[44:]}"), encoding="utf-8")
    opened = Opened(browser, tmp_path / "report.html")
    opened.page.locator("button.errors").first.click()
    assert "this browser cannot read the picture" in opened.page.locator(f"{SHOTS} li").first.inner_text()
    assert opened.page.locator(SHOTS).first.locator("canvas").count() == 2
    opened.context.close()


def test_names_are_text_in_the_dialog_too(browser: Any, tmp_path: Path) -> None:
    make_run(tmp_path, noises=("gaussian",), methods=("noisy", "supervised"), datasets=("kodak24",), images=1, hostile=HOSTILE)
    opened = Opened(browser, reports.write(tmp_path), viewport={"width": 390, "height": 844})
    compare(opened.page)
    assert opened.page.locator("#compare-left option").first.text_content() == f"Noisy input{HOSTILE}"
    assert HOSTILE.split("x" * 130)[0] in opened.page.locator("#compare-of").inner_text()
    box = opened.page.locator("#compare").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.errors == []
    opened.context.close()
