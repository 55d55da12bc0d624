"""The section on inexact noise parameters: there only with numbers, and safe against what a file may hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import reports
from bench.files.json_files import write_json
from tests.helpers.run_fixture import HOSTILE
from tests.helpers.run_fixture import make_run as make_report_run
from tests.reports.page.test_render import Page

RATES = (0.0, 0.1, 0.3)


def entry(**change: object) -> dict[str, object]:
    def points(slope: float) -> list[dict[str, object]]:
        return [
            {"rate": r, "mean": 28 - slope * r, "std": r, "min": 27 - slope * r, "max": 28.5 - slope * r, "cost": 9.0}
            for r in RATES
        ]

    series = [{"varied": ["lam", "sigma"], "points": points(10)}, {"varied": ["lam"], "points": points(4)}]
    return {
        **{"noise_no": 14, "noise": "poisson-conv+gaussian", "method": "score-solver", "parameters": {"lam": 0.2}},
        **{"draws": 3, "images": 5, "psnr": 28.0, "series": series, **change},
    }


def test_report_has_the_section_only_where_there_is_something(tmp_path: Path) -> None:
    make_report_run(tmp_path, noises=("poisson-conv+gaussian",), images=1, crops=0)
    assert "#robustness" not in reports.write(tmp_path).read_text()
    write_json(tmp_path / "robustness.json", {"schema": 1, "models": [entry()]})
    page = Page(html := reports.write(tmp_path).read_text())
    assert html.index('id="curves"') < html.index('id="robustness"') < html.index('id="cost"')
    assert "1.00 ± 0.10 0.50 to 2.00" in page.text.replace("0.100.50", "0.10 0.50")
    assert "lam and sigma together" in page.text and "lam alone" in page.text
    assert len([1 for tag, found in page.tags if found.get("class") == "band"]) == 2


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "{}", '{"models": 3}', '{"models": [3, null, {}]}', '{"models": [{"series": [{"points": [1]}]}]}',
        json.dumps({"models": [entry(psnr=None, series=[{"varied": ["a"], "points": [{"rate": -1, "mean": 3}, {}]}])]}),
        json.dumps({"models": [entry(psnr=1e300, series=[{"varied": 3, "points": [{"rate": 0.1, "mean": 1e300}]}])]}),
    ],
)  # fmt: skip
def test_report_survives_a_damaged_file(tmp_path: Path, content: str) -> None:
    make_report_run(tmp_path, noises=("gaussian",), images=1, crops=0)
    (tmp_path / "robustness.json").write_text(content)
    html = reports.write(tmp_path).read_text()
    Page(html)
    assert "#robustness" not in html


def test_report_shows_hostile_text_as_text_and_what_is_there_of_the_numbers(tmp_path: Path) -> None:
    make_report_run(tmp_path, noises=("gaussian",), images=1, crops=0)
    series = [{"varied": [HOSTILE], "points": [{"rate": 0.1, "mean": 20}, {"rate": 0.2, "mean": None}]}]
    hostile = entry(noise=HOSTILE, method=HOSTILE, parameters={HOSTILE: HOSTILE}, series=series, psnr=None, draws="x")
    write_json(tmp_path / "robustness.json", {"models": [hostile]})
    page = Page(reports.write(tmp_path).read_text())
    assert "<script>alert(1)</script>" in page.text and "n/a" in page.text
    assert not [tag for tag, found in page.tags if "onerror" in found]
