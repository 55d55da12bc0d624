"""Colours, markers and axes of the report."""

from __future__ import annotations

import matplotlib
import pytest

from reports.page.plots import log_ticks, ticks
from reports.read.model import Method
from reports.style.colour import styles, viridis
from tests.helpers.run_fixture import METHODS


def test_the_colour_map_is_viridis() -> None:
    true = matplotlib.colormaps["viridis"]
    for index in range(101):
        expected = [round(255 * level) for level in true(index / 100)[:3]]
        assert max(abs(a - b) for a, b in zip(viridis(index / 100), expected, strict=True)) <= 5


def test_methods_keep_their_style_whatever_runs_beside_them() -> None:
    every = styles([Method(slug, slug) for slug in (*METHODS, "a", "b", "c", "d", "e")])
    assert len(set(every.values())) == len(every)
    assert styles([Method("score-solver", "x")])["score-solver"] == every["score-solver"]
    shapes = [styles([Method(slug, slug)])[slug].shape for slug in (*METHODS, "score-solver-plus")]
    assert len(set(shapes)) == len(shapes)  # also without colours


def test_ticks_are_round_and_inside() -> None:
    assert ticks(0, 400) == [0, 100, 200, 300, 400]
    assert ticks(3.0, 3.0) == [3.0]
    assert log_ticks(0.03, 1.1) == pytest.approx([0.05, 0.1, 0.2, 0.5, 1])
    assert all(0.9 <= value <= 0.97 for value in log_ticks(0.9, 0.97))
