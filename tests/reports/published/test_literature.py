"""The literature's figures: copied right, and beside a run only where noise, images and channels are the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import methods
from reports.numbers.tables import Scores
from reports.published.literature import comparable, gap, literature
from reports.read.model import COLUMNS, Method, Noise, Run
from tests.reports.page.test_levels import told


@pytest.mark.parametrize(
    ("place", "psnr"),
    [
        ((25, "cbsd68", 1, "bm3d"), 28.57),
        ((25, "cbsd68", 1, "supervised"), 29.23),
        ((50, "cbsd68", 3, "supervised"), 27.96),
        ((25, "kodak24", 3, "neighbor2neighbor"), 32.08),
        ((15, "cbsd68", 1, "nl-ridge"), 31.20),
    ],
)
def test_figures_are_those_of_their_sources(place: tuple[float, str, int, str], psnr: float) -> None:
    assert [f.psnr for f in literature() if (f.sigma, f.dataset, f.channels, f.method) == place] == [psnr]


def test_every_figure_is_plausible_and_of_a_known_method() -> None:
    assert {f.method for f in literature()} <= set(methods.catalogue()) | set(methods.broken())
    assert {(f.dataset, f.channels) for f in literature()} == {("cbsd68", 1), ("cbsd68", 3), ("kodak24", 3)}
    assert all(24 < f.psnr < 35 for f in literature())
    for one in literature():  # more noise, a lower PSNR
        more = [f for f in literature() if (f.method, f.channels, f.source) == (one.method, one.channels, one.source)]
        assert all(f.psnr < one.psnr for f in more if f.sigma > one.sigma)


def test_gaps_are_to_the_reference_of_the_same_source() -> None:
    gaps = {(f.method, f.dataset, f.channels): gap(f) for f in literature() if f.sigma == 25}
    below, reference = gaps["neighbor2neighbor", "kodak24", 3] or (0, None)
    assert below == pytest.approx(0.35) and reference is not None and reference.title == "Supervised"
    below, reference = gaps["noise2score", "cbsd68", 3] or (0, None)
    assert below == pytest.approx(0.25) and reference is not None and reference.method == "noise2noise"
    assert gaps["supervised", "cbsd68", 1] is None and gaps["noise2void", "cbsd68", 1] is None


def scores_of(noise: Noise, dataset: str, colours: int = 3, crop: int = 0, left: int = 0, unfinished: int = 0) -> Scores:
    of = {"cbsd68": 68, "kodak24": 24}.get(dataset, 5)
    entry = {"name": dataset, "role": "test", "images": of - left, "of": of, "crop": crop or None, "cut": of if crop else 0}
    info: dict[str, Any] = {"data": {"sets": [entry]}, "settings": {"fields": {"colours": colours}}}
    rows = [
        (noise.number, noise.slug, "noisy", 0, "done", "yes", "", dataset, str(image), "psnr", 20.0)
        for image in range(of - left - unfinished)
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return Scores(Run(Path(), info, table, (Method("noisy", "Noisy"),), (noise,), {}, (dataset,), (), ()))


def titles(dataset: str, name: str, **changes: int) -> set[str]:
    (model,) = told(name)
    return {figure.title for figure in comparable(scores_of(model, dataset, **changes), model, dataset)}


def test_whole_sets_of_the_same_noise_are_compared() -> None:
    assert titles("cbsd68", "gaussian(sigma=50)") == {"CBM3D", "FFDNet"}
    assert titles("cbsd68", "1", colours=1) == {"BM3D", "DnCNN", "NL-Ridge", "Noise2Void"}


@pytest.mark.parametrize(
    ("dataset", "name", "changes"),
    [
        ("cbsd68", "1", {"crop": 128}),
        ("cbsd68", "1", {"left": 60}),
        ("cbsd68", "1", {"unfinished": 1}),
        ("kodak24", "1", {"colours": 1}),
        ("mine", "1", {}),
        ("cbsd68", "2", {}),
        ("cbsd68", "rows(sigma=25)", {}),
        ("cbsd68", "gaussian(sigma=20)", {}),
        ("cbsd68", "gaussian(conv=gauss(1),sigma=15)", {}),
    ],
)
def test_others_are_not(dataset: str, name: str, changes: dict[str, int]) -> None:
    assert titles(dataset, name, **changes) == set()
