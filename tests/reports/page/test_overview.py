"""The overview of crops: which image, what is cut of it, what stands where there is none, and how many bytes it may take."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import reports
from reports.numbers.tables import Scores
from reports.page import overview as overview_page
from reports.page.crops import galleries, stock
from reports.page.overview import SHARE, SIDES, Overview, overview
from reports.page.pictures import Album, Picture
from tests.helpers.run_fixture import METHODS, make_run
from tests.reports.page.test_crops import spread

FEW = ("gaussian", "gaussian-conv", "rayleigh")


def made(directory: Path) -> Overview | None:
    scores = Scores(reports.load(directory))
    return overview(scores, stock(scores))


def pixels(picture: Picture | None) -> np.ndarray:
    assert picture is not None
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.uri.partition(",")[2]))))


def test_tiles_are_the_centres_of_the_files_with_the_psnr_of_the_whole_image(tmp_path: Path) -> None:
    make_run(tmp_path, noises=FEW, datasets=("kodak24",), images=1, side=128)
    found = made(tmp_path)
    assert found is not None and [row.noise.slug for row in found.rows] == list(FEW) and found.side == SIDES[0] == 96
    assert [method.slug for method in found.methods] == list(METHODS)
    table = pd.read_parquet(tmp_path / "results.parquet").set_index(["noise", "method", "metric"])["value"]
    for row in found.rows:
        for tile in row.tiles:
            if row.noise.slug == "rayleigh" and tile.method.slug in ("noisier2noise", "noise2score"):
                assert tile.problem == "\u2014" and tile.picture is None
                continue
            (file,) = (tmp_path / "crops").glob(f"*-{row.noise.slug}--{tile.method.slug}--*")
            assert np.array_equal(pixels(tile.picture), np.asarray(Image.open(file))[16:112, 16:112])
            psnrs = {protocol: score.value for protocol, score in tile.psnrs}
            names = {"standard": "psnr", "paper": "psnr_paper"}
            assert psnrs == {protocol: table[row.noise.slug, tile.method.slug, metric] for protocol, metric in names.items()}
    clean = [row.clean for row in found.rows]
    assert len({picture.key for picture in clean if picture}) == 1 and [bool(p and p.uri) for p in clean] == [
        True,
        False,
        False,
    ]


def test_the_image_is_that_with_the_most_pictures_then_the_most_typical(tmp_path: Path) -> None:
    differences = {0: -0.9, 1: 0.3, 2: -0.5, 3: -2.0, 4: 1.0}
    make_run(tmp_path, noises=FEW[:2], datasets=("cbsd68",), images=5, crops=5, value=spread(differences))
    found = made(tmp_path)
    assert found is not None and (found.dataset, found.image) == ("cbsd68", "cbsd6-03")  # -0.5 is the median
    (lost,) = (tmp_path / "crops").glob("01-gaussian--supervised--*-2.png")
    lost.unlink()
    found = made(tmp_path)
    assert found is not None and found.image == "cbsd6-02"  # +0.3: next to the middle, the better first
    for path in (tmp_path / "crops").glob("02-*"):
        if not path.name.endswith("-0.png"):
            path.unlink()
    found = made(tmp_path)  # the first has all pictures, whatever its rank
    assert found is not None and found.image == "cbsd6-01" and not any(row.other for row in found.rows)
    for path in [*(tmp_path / "crops").glob("02-*"), *(tmp_path / "crops").glob("01-*-1.png")]:
        path.unlink()
    found = made(tmp_path)
    assert found is not None and [noise.slug for noise in found.without] == ["gaussian-conv"]
    assert "Left out, as there are no pictures: No. 2." in reports.render(reports.load(tmp_path))


def test_a_noise_model_without_that_image_shows_another(tmp_path: Path) -> None:
    make_run(tmp_path, noises=FEW[:2], datasets=("cbsd68",), images=2, crops=2, value=spread({0: 0.0, 1: 1.0}))
    for path in (tmp_path / "crops").glob("02-*-0.png"):
        path.unlink()
    for path in (tmp_path / "crops").glob("01-*-1.png"):
        path.unlink()
    found = made(tmp_path)
    assert found is not None and {row.noise.slug: (row.shot.image, row.other) for row in found.rows} == {
        "gaussian": ("cbsd6-01", False),
        "gaussian-conv": ("cbsd6-02", True),
    }


@pytest.mark.parametrize("share", [0.5, 0.3, 0.02])
def test_pictures_shrink_to_their_share_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    make_run(tmp_path, noises=FEW, images=1, side=128)
    budget = sum(path.stat().st_size for path in (tmp_path / "crops").iterdir()) * 0.8
    monkeypatch.setattr(overview_page, "SHARE", share)
    scores = Scores(reports.load(tmp_path))
    stored = stock(scores)
    stored = type(stored)(Album(tmp_path, budget), stored.rankings, stored.shots)
    found = overview(scores, stored)
    assert found is not None or share == 0.02
    if found:
        shown = [picture for row in found.rows for picture in (row.clean, *(tile.picture for tile in row.tiles)) if picture]
        used = sum(len(base64.b64decode(picture.uri.partition(",")[2])) for picture in shown)
        assert 0.25 * share * budget < used <= share * budget and found.side <= SIDES[0]
        assert max(picture.width for picture in shown) == found.side
    assert galleries(scores, stored)[0].strips  # there is room for the rest
    assert SHARE <= 0.5


def test_no_pictures_make_no_overview(tmp_path: Path) -> None:
    assert made(make_run(tmp_path / "none", noises=FEW[:1], images=1, crops=0)) is None
    make_run(tmp_path / "clean", noises=FEW[:1], images=1)
    for path in (tmp_path / "clean" / "crops").glob("01-*"):
        path.unlink()
    assert made(tmp_path / "clean") is None
