"""A package outside of the suite and a plain function from a file: run, matrix, report and `bench.evaluate` show both."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import bench as suite
from tests.helpers.harness import ROOT, finish, here, start, tiny
from tests.helpers.outside import found, pip_install
from tests.methods.test_outside import BLUR

MEAN = """
from dataclasses import dataclass

from methods import Applicability, Method, local_mean


@dataclass(frozen=True)
class Mean(Method):
    '''The mean of a square.

    Parameters
    ----------
    side : int
        Of the square (pixels, odd).
    '''

    side: int = 3
    title, paper, assumptions = "Local mean", "none", "noise independent between pixels"

    def applicable(self, model):
        if model.traits.independent:
            return Applicability("yes", "neighbours have other noise")
        return Applicability("infeasible", "neighbours share their noise")

    def denoise(self, network, y, model, generator):
        return local_mean(y, self.side)
"""


@pytest.mark.slow(20)
def test_both_are_in_every_place(tmp_path: Path) -> None:
    site, file, out = tmp_path / "site", tmp_path / "outside_blur.py", tmp_path / "run"
    points = {"outside-mean": "outside_package.means:Mean"}
    pip_install(tmp_path / "project", site, "outside-mean", "outside_package", {"means": MEAN}, points)
    file.write_text(BLUR)
    slugs = ["outside-mean", "outside-blur"]
    command = (
        "run",
        "--method-file",
        file,
        "--methods",
        ",".join(slugs),
        "--noise",
        "1",
        *tiny(),
        "--workers",
        "1",
        "--out",
        out,
    )
    with found(site):
        status, text, error = here("matrix", "--json", "--method-file", file)
        assert (status, error) == (0, "")
        answers = {row["method"]: row["applicability"] for row in json.loads(text) if row["noise_no"] == 2}
        assert (answers["outside-mean"], answers["outside-blur"]) == ("infeasible", "yes")
        status, text, error = here(*command)
        assert (status, error) == (0, ""), text
        table = pd.read_parquet(out / "results.parquet")
        assert set(table["method"]) == {"noisy", *slugs} and set(table["status"]) == {"done"}
        page = (out / "report.html").read_text(encoding="utf-8")
        assert all(slug in page for slug in slugs) and "Local mean" in page
        frame = suite.evaluate(lambda image: image, noise=1, against=out)  # type: ignore[operator]
        assert (frame[[f"minus {slug}" for slug in slugs]] < -1).all().all() and frame["minus noisy"].abs().max() < 1e-5
        packaged = suite.evaluate("outside-mean", noise=1, against=out)  # type: ignore[operator]
        assert packaged["minus outside-mean"].abs().max() < 1e-5
    told = {each["slug"]: each.get("origin", {}) for each in json.loads((out / "run.json").read_text())["methods"]}
    assert told["outside-mean"]["version"] == "outside-mean 1.5, outside_package.means:Mean"
    assert told["outside-blur"]["where"] == str(file)

    record = json.loads((out / "cells" / "01-gaussian--outside-mean--s0.json").read_text())
    assert {"outside_package.means", "methods._api"} <= set(record["made_of"]["code"])

    file.write_text(BLUR.replace("(1.0, 1.0, 0.0)", "(2.0, 2.0, 0.0)"))
    status, text, error = finish(start(*command, PYTHONPATH=f"{ROOT}:{site}"))
    assert (status, error) == (0, ""), text
    assert "1 cell was made by other code (methods.outside_blur changed since): moved to set-aside/, and done again." in text
    again = pd.read_parquet(out / "results.parquet")
    scores = [frame.groupby("method")["value"].mean() for frame in (table, again)]
    assert scores[0]["outside-mean"] == scores[1]["outside-mean"] and scores[0]["outside-blur"] != scores[1]["outside-blur"]
    origin = [each.get("origin") for each in json.loads((out / "run.json").read_text())["methods"]][-1]
    assert origin["version"] != told["outside-blur"]["version"]
