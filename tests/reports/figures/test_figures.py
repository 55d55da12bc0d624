"""Figures for papers: what is drawn against the run's own files, how it is stored, and what is left out."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from PIL import Image

import reports
from reports.figures.draw import Figures, figures
from reports.figures.look import Drawing, file_name, files, look
from reports.figures.strips import _wrapped
from reports.read.model import Noise
from reports.style.colour import ON_PAPER
from tests.helpers.harness import ROOT
from tests.helpers.run_fixture import HOSTILE, METHODS, make_run

FEW = ("gaussian", "gaussian-conv", "rayleigh")
TITLES = {"neighbor2neighbor": "Neighbor2Neighbor", "noise2score": "Noise2Score", "score-solver": "Score solver"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two levels of one noise model beside others, and robustness.json."""
    directory = tmp_path_factory.mktemp("run")
    make_run(directory, noises=FEW, images=2, datasets=("kodak24", "cbsd68"), crops=1, side=48)
    info = json.loads((directory / "run.json").read_text())
    for noise, sigma in zip(info["noise"], (25.0, 50.0, 25.0), strict=True):
        noise["parameters"] = {"sigma": sigma, "extra_sigma": 0.0}
    (directory / "run.json").write_text(json.dumps(info))
    points = [{"rate": rate, "mean": 29.0 - 9 * rate, "std": rate, "min": 20, "max": 30} for rate in (0.0, 0.1, 0.3)]
    entry = {"noise_no": 9, "noise": "rayleigh", "method": "score-solver", "seed": 0, "psnr": 29.0}
    entry["series"] = [{"varied": ["sigma"], "points": points}]
    (directory / "robustness.json").write_text(json.dumps({"models": [entry]}))
    return directory


@pytest.fixture(scope="module")
def found(run: Path) -> Figures:
    return figures(reports.load(run))


def named(found: Figures, name: str) -> Drawing:
    return next(drawing for drawing in found.drawings if drawing.name == name)


def axes_of(drawing: Drawing) -> Axes:
    with look():
        return drawing.make().axes[0]


def lines_of(axes: Axes) -> dict[str, tuple[list[float], list[float]]]:
    """Label -> (x, y) of each line with a label."""
    lines = {str(line.get_label()): line for line in axes.lines if not str(line.get_label()).startswith("_")}
    return {label: ([*map(float, line.get_xdata())], [*map(float, line.get_ydata())]) for label, line in lines.items()}


def means(run: Path) -> Any:
    """Mean over the images of each set, then over the sets, of the table: by noise model and method."""
    table = pd.read_parquet(run / "results.parquet")
    table = table[(table["metric"] == "psnr") & (table["status"] == "done")]
    return table.groupby(["noise", "method", "dataset"])["value"].mean().groupby(["noise", "method"]).mean()


def test_what_there_is_to_draw(found: Figures) -> None:
    strips = ["crops-01-gaussian", "crops-02-gaussian-conv", "crops-09-rayleigh"]
    assert [drawing.name for drawing in found.drawings] == [
        *strips, "distance", "cost-training", "cost-denoising", "robustness-09-rayleigh",
    ]  # fmt: skip
    assert found.left_out == ("levels: no noise model was run at several levels",)  # -conv is another noise model


@pytest.mark.parametrize("name", ["crops-01-gaussian", "distance", "cost-training", "robustness-09-rayleigh"])
def test_files_are_the_same_each_time_with_fonts_embedded_at_the_width_of_columns(found: Figures, name: str) -> None:
    drawing = named(found, name)
    first = files(drawing)
    with matplotlib.rc_context({"font.size": 20.0, "axes.facecolor": "pink", "savefig.dpi": 50, "pdf.fonttype": 3}):
        assert files(drawing) == first  # whatever the user's own settings are
    pdf, png = first[f"{name}.pdf"], first[f"{name}.png"]
    assert pdf.startswith(b"%PDF") and b"/FontFile2" in pdf and b"/Type3" not in pdf
    assert not re.search(rb"CreationDate|Producer|Creator", pdf)
    with Image.open(io.BytesIO(png)) as image:
        inches = image.width / image.info["dpi"][0]
        assert not set(image.info) - {"dpi"} and image.info["dpi"][0] >= 299.9
    (box,) = re.findall(rb"/MediaBox \[ ?0 0 ([\d.]+) ", pdf)
    assert float(box) / 72 == pytest.approx(inches, rel=2e-3)
    assert inches == pytest.approx(3.3 if name.startswith(("cost", "robust")) else 6.9, rel=2e-3)


def test_a_strip_has_every_pixel_of_the_files(run: Path, found: Figures) -> None:
    """Whole squares of dots in PNG, and one pixel each in PDF."""
    drawing = named(found, "crops-01-gaussian")
    made, of = files(drawing), "cbsd68-0" if "cbsd68" in drawing.words else "kodak24-0"
    sheet = np.asarray(Image.open(io.BytesIO(made["crops-01-gaussian.png"])).convert("RGB"))
    crops = run / "crops"
    paths = [crops / f"clean--{of}.png", *(crops / f"01-gaussian--{slug}--s0--{of}.png" for slug in METHODS)]
    across = len(paths)
    scale = int(sheet.shape[1] / (across * 48 * 1.04))
    panel = 48 * scale
    gap = (sheet.shape[1] - across * panel) / (across - 1)
    assert scale > 5 and gap == int(gap) > 0
    for place, path in enumerate(paths):
        wanted = np.kron(np.asarray(Image.open(path)), np.ones((scale, scale, 1), dtype=np.uint8))
        left = place * (panel + int(gap))
        strip = sheet[:, left : left + panel]
        assert any(np.array_equal(strip[top : top + panel], wanted) for top in range(len(strip) - panel + 1)), path
    pdf = made["crops-01-gaussian.pdf"]
    assert len(re.findall(rb"/Width 48 /Height 48", pdf)) == across


def test_a_strip_tells_the_psnr_of_the_image(run: Path, found: Figures) -> None:
    table = pd.read_parquet(run / "results.parquet")
    image = named(found, "crops-09-rayleigh").words.split()[0]
    rows = table[(table["noise"] == "rayleigh") & (table["metric"] == "psnr") & (table["image"] == image)]
    with look():
        told = {text.get_text() for text in named(found, "crops-09-rayleigh").make().texts}
    assert {f"{value:.2f} dB" for value in rows["value"]} == {words for words in told if words.endswith(" dB")}
    assert "Clean" in told and not told & {"Noisier2Noise", "Noise2Score"}  # which do not apply


def test_distances_are_those_of_the_table(run: Path, found: Figures) -> None:
    table, axes = means(run), axes_of(named(found, "distance"))
    lines, low = lines_of(axes), axes.get_xlim()[0]
    assert set(lines) == {"Noisier2Noise", *TITLES.values()}
    for slug, title in TITLES.items():
        there = [noise for noise in FEW if (noise, slug) in table.index]
        wanted = [table[noise, slug] - table[noise, "supervised"] for noise in there]
        shown, _ = lines[title]
        assert shown == pytest.approx([max(value, low) for value in wanted], abs=1e-9)
        far = [f"\u2212{-value:.1f}" for value in wanted if value < low]
        assert set(far) <= {text.get_text() for text in axes.texts}
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "1 Gaussian", "2 Gaussian, convolved", "9 Rayleigh",
    ]  # fmt: skip


def test_costs_are_those_of_the_records(run: Path, found: Figures) -> None:
    table = means(run)
    training, denoising = (lines_of(axes_of(named(found, f"cost-{kind}"))) for kind in ("training", "denoising"))
    cells = [json.loads(path.read_text()) for path in (run / "cells").iterdir()]
    for slug, title in TITLES.items():
        own = [cell for cell in cells if cell["method"] == slug and cell["noise"] != "rayleigh"]  # all have Nos. 1 and 2
        psnr = np.mean([table[noise, slug] for noise in FEW[:2]])
        seconds = np.median([cell["denoise_seconds"] / cell["megapixels"] for cell in own])
        assert training[title] == ([pytest.approx(np.median([c["training"]["seconds"] for c in own]))], [pytest.approx(psnr)])
        assert denoising[title] == ([pytest.approx(seconds, abs=0.005)], [pytest.approx(psnr)])


def test_robustness_is_that_of_its_file(found: Figures) -> None:
    axes = axes_of(named(found, "robustness-09-rayleigh"))
    assert lines_of(axes) == {"sigma": ([0.0, 0.1, 0.3], pytest.approx([29.0, 28.1, 26.3]))}
    (band,) = axes.collections
    corners = {(round(x, 3), round(y, 3)) for x, y in band.get_paths()[0].vertices}
    assert {(0.1, 28.0), (0.1, 28.2), (0.3, 26.0), (0.3, 26.6)} <= corners


def swept(directory: Path, slugs: dict[str, str], parameters: dict[str, dict[str, float]]) -> Path:
    """A run whose noise models have other names and parameters."""
    make_run(directory, noises=tuple(slugs), images=1, crops=0)
    info = json.loads((directory / "run.json").read_text())
    for noise in info["noise"]:
        noise["slug"] = slugs[noise["slug"]]
        noise |= {"title": noise["slug"].partition("(")[0], "formula": "y = x + n"}
        noise["parameters"] = parameters[noise["slug"]]
    info |= {"matrix": []}
    (directory / "run.json").write_text(json.dumps(info))
    for path in (directory / "cells").iterdir():
        cell = json.loads(path.read_text())
        path.write_text(json.dumps(cell | {"noise": slugs[cell["noise"]]}))
    table = pd.read_parquet(directory / "results.parquet")
    table["noise"] = table["noise"].map(slugs)
    table.to_parquet(directory / "results.parquet", index=False)
    return directory


def test_levels_are_drawn_where_one_parameter_differs(tmp_path: Path) -> None:
    slugs = {"gaussian": "gaussian", "gaussian-conv": "gaussian(sigma=50)", "gamma": "gaussian(sigma=15)", "poisson": "poisson"}
    values = {"gaussian": {"sigma": 25.0}, "gaussian(sigma=50)": {"sigma": 50.0}, "gaussian(sigma=15)": {"sigma": 15.0}}
    run = swept(tmp_path, slugs, values | {"poisson": {"lam": 0.2}})
    table = means(run)
    lines = lines_of(axes_of(named(figures(reports.load(run)), "levels-gaussian-sigma")))
    for slug, title in TITLES.items():
        own = sorted((sigma["sigma"], table[name, slug]) for name, sigma in values.items() if (name, slug) in table.index)
        assert lines[title] == ([sigma for sigma, _ in own], pytest.approx([psnr for _, psnr in own]))


def test_no_figure_replaces_another(tmp_path: Path) -> None:
    slugs = {"gaussian": "a(B)", "gamma": "a[b]", "poisson": "../a|b|"}
    run = swept(tmp_path, slugs, {slug: {} for slug in slugs.values()})
    entries = [
        {"noise": "a(B)", "method": name, "series": [{"varied": ["s"], "points": [{"rate": 0.1, "mean": 3}]}]} for name in "xy"
    ]
    (run / "robustness.json").write_text(json.dumps({"models": entries}))
    names = [drawing.name for drawing in figures(reports.load(run)).drawings if drawing.name.startswith("robustness")]
    assert names == ["robustness-01-a_B", "robustness-01-a_B-2"]
    assert file_name("crops", Noise(0, "../a|b|", "")) == "crops-.._a_b"


def test_names_are_broken_where_a_reader_would() -> None:
    assert _wrapped("Neighbor2Neighbor", 12) == ["Neighbor2", "Neighbor"]
    assert _wrapped("Score solver +", 12) == ["Score", "solver\N{NO-BREAK SPACE}+"]
    assert _wrapped("Recorrupted-to-Recorrupted", 14) == ["Recorrupted-", "to-Recorrupted"]
    assert _wrapped("x" * 40, 12) == ["x" * 11 + "\u2026"]


def test_colours_are_the_page_s_own() -> None:
    css = (ROOT / "reports" / "page" / "templates" / "report.css").read_text(encoding="utf-8")
    light = css.partition("@supports")[0]
    assert dict(re.findall(r"--hue-([a-z]+): (#[0-9a-f]{6});", light)) == dict(ON_PAPER)


def test_poor_and_odd_runs(tmp_path: Path) -> None:
    """Grey crops, a missing crop, names in other scripts; and a bare table, which has neither crops nor costs."""

    def grey(dataset: str, image: str, number: int, method: str) -> np.ndarray:
        return np.full((16, 20), 40 + len(method), dtype=np.uint8)

    make_run(tmp_path / "a", noises=FEW[:1], images=1, datasets=("kodak24",), picture=grey, hostile=HOSTILE)
    next((tmp_path / "a" / "crops").glob("*supervised*")).unlink()
    odd = figures(reports.load(tmp_path / "a"))
    with look():
        shown = named(odd, "crops-01-gaussian").make()
    assert len(shown.axes) == len(METHODS) and any("without Supervised" in words for words in odd.left_out)
    assert all(len(files(drawing)) == 2 for drawing in odd.drawings)
    bare = figures(reports.load(tmp_path / "a" / "results.csv"))
    assert [drawing.name for drawing in bare.drawings] == ["distance"]
    kinds = {words.partition(":")[0].partition("-")[0] for words in bare.left_out}
    assert kinds == {"crops", "cost", "levels", "robustness"}


def test_no_training_has_no_figure_of_training_times(tmp_path: Path) -> None:
    make_run(tmp_path, noises=FEW[:1], images=1, crops=0)
    for path in (tmp_path / "cells").iterdir():
        path.write_text(json.dumps(json.loads(path.read_text()) | {"training": None}))
    found = figures(reports.load(tmp_path))
    assert "cost-training: no method took any time" in found.left_out
    assert [drawing.name for drawing in found.drawings] == ["distance", "cost-denoising"]
