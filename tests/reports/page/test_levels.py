"""PSNR against levels: which noise models make a sweep, and where its points are drawn."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product

import pandas as pd

import noise
from reports.figures import levels as figures
from reports.numbers.tables import Scores
from reports.page.levels import _groups, sweeps
from reports.page.plots import LEFT, RIGHT, WIDTH
from reports.read.model import COLUMNS, Method, Noise, Run
from reports.style.colour import styles


def told(*names: str) -> tuple[Noise, ...]:
    """Noise models as run.json tells of them."""
    models = [noise.get(name) for name in names]
    return tuple(Noise(m.number, m.slug, m.title, m.formula, m.parameters) for m in models)


def found(*names: str) -> list[tuple[str, list[float]]]:
    return [(name, list(levels)) for name, levels in _groups(told(*names))]


def test_noise_models_that_differ_in_one_parameter_make_a_sweep() -> None:
    assert found("1", "gaussian(sigma=50)", "gaussian(sigma=15)") == [("sigma", [15, 25, 50])]
    assert found("7", "poisson(lam=0.05)", "poisson-conv", "gamma") == [("lam", [0.05, 0.2])]
    names = [f"poisson(lam={lam})+gaussian(sigma={sigma})" for lam, sigma in product((1, 2), (5, 6, 7))]
    assert sorted(found(*names)) == [("lam", [1, 2])] * 3 + [("sigma", [5, 6, 7])] * 2


def test_other_laws_make_none() -> None:
    assert found("1", "2", "gaussian(sigma=50,conv=gauss(1))", "gaussian(sigma=40,conv=gauss(2))") == []
    assert found("gaussian-affine(a=0,b=3)", "gaussian(sigma=4)", "gamma(alpha=3)", "rayleigh(scale=3)") == []


def run_of(noises: tuple[Noise, ...], psnr: dict[tuple[str, str], float], tmp_path: object) -> Run:
    methods = tuple(Method(slug, slug) for slug in dict.fromkeys(method for _, method in psnr))
    rows = [
        (0, slug, method, 0, "done", "yes", "", "set", "image", "psnr", value, crop)
        for (slug, method), value in psnr.items()
        for crop in [64 if method == "cut" else 0]
    ]
    table = pd.DataFrame(rows, columns=[*COLUMNS, "crop"])
    return Run(tmp_path, {}, table, methods, noises, {}, ("set",), (), ())  # type: ignore[arg-type]


def test_points_are_drawn_at_their_levels_and_crops_left_out(tmp_path: object) -> None:
    noises = told("gaussian(sigma=10)", "1", "gaussian(sigma=40)")
    levels = {noise.slug: noise.parameters["sigma"] for noise in noises}
    psnr = {(slug, method): 40 - sigma / 4 for slug, sigma in levels.items() for method in ("noisy", "cut", "half")}
    del psnr["gaussian", "half"]
    run = run_of(noises, psnr, tmp_path)
    (sweep,) = sweeps(Scores(run), styles(run.methods))
    assert (sweep.title, sweep.parameter, sweep.levels, sweep.log) == ("Gaussian", "sigma", ("10", "25", "40"), False)
    assert [line.method.slug for line in sweep.lines] == ["noisy", "half"]
    assert [score and score.value for score in sweep.lines[1].scores] == [37.5, None, 30.0]
    first, middle, last = (tuple(map(float, place.split())) for place in re.split("[ML]", sweep.lines[0].path)[1:])
    assert [tick.place for tick in sweep.x_ticks] == [first[0], middle[0], last[0]]
    assert first[0] > LEFT and last[0] < WIDTH - RIGHT
    assert abs(middle[0] - (first[0] + last[0]) / 2) < 0.11 and abs(middle[1] - (first[1] + last[1]) / 2) < 0.11


def test_published_figures_stand_beside_a_whole_set_alone(tmp_path: object) -> None:
    noises = told("gaussian(sigma=15)", "1", "gaussian(sigma=40)")
    run = run_of(noises, {(noise.slug, "noisy"): 20.0 for noise in noises}, tmp_path)
    entry = {"name": "cbsd68", "role": "test", "images": 68, "of": 68, "crop": None, "cut": 0}
    many = pd.concat([run.table.assign(dataset="cbsd68", image=str(index)) for index in range(68)], ignore_index=True)
    whole = replace(run, info={"data": {"sets": [entry]}}, datasets=("cbsd68",), table=many)
    few = replace(whole, table=many[many["image"].astype(int) < 10])
    for other in (run, few):
        assert sweeps(Scores(other), styles(run.methods))[0].published == ()
    (sweep,) = sweeps(Scores(whole), styles(run.methods))
    found = {line.title: line for line in sweep.published}
    assert set(found) == {"CBM3D", "FFDNet", "Noise2Noise", "Noise2Score", "Noise2Self", "SURE"}
    assert found["FFDNet"].psnr == (33.87, 31.21, None)
    first, second = (tuple(map(float, place.split())) for place in re.split("[ML]", found["FFDNet"].path)[1:])
    assert [first[0], second[0]] == [tick.place for tick in sweep.x_ticks][:2] and first[1] < second[1]
    assert all((line.style.hue, line.style.shape) != ("grey", "plus") for line in sweep.published)
    drawings, _ = figures.levels(Scores(whole), styles(run.methods))
    assert "Zhang et al., FFDNet, TIP 2018" in drawings[0].words
    labels = [text.get_text() for text in drawings[0].make().legends[0].get_texts()]
    assert labels == ["noisy", "CBM3D, published", "FFDNet, published"]  # the others have one level
