"""What the page says about how far to trust it, against the run's own files."""

from __future__ import annotations

import json
import math
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

import reports
from reports.numbers.troubles import percent, troubles
from reports.published.errata import errata
from tests.helpers.html_tables import Table, tables
from tests.helpers.run_fixture import HOSTILE, METHODS, make_run

FEW = ("gaussian", "gaussian-affine", "gamma", "rayleigh")


def page_of(run: Path) -> str:
    return reports.write(run).read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    """What stands below a heading, as far as the next."""
    return page.split('id="trust"')[1].split(f"<h3>{heading}</h3>")[1].split("<h3")[0]


def with_info(run: Path, **change: Any) -> Path:
    info = json.loads((run / "run.json").read_text(encoding="utf-8"))
    (run / "run.json").write_text(json.dumps(info | change), encoding="utf-8")
    return run


def with_cell(run: Path, name: str, **change: Any) -> Path:
    file = run / "cells" / name
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    return run


def texts(table: Table) -> list[list[str]]:
    return [[" ".join(cell.text.split()) for cell in row.cells] for row in table.rows]


def named(page: str, first_heading: str) -> list[list[str]]:
    """The rows below the head of the table in the section that starts with that heading."""
    (table,) = [found for found in tables(page) if "trust" in found.inside and found.rows[0].cells[0].text == first_heading]
    return texts(table)[1:]


def errata_on(page: str) -> dict[str, str]:
    """What each is about -> what this run has."""
    found = re.findall(r"<dt>(.*?)</dt><dd>.*?</dd><dd class=\"here\"><small>Here:</small> (.*?)</dd>", page)
    return {unescape(about): unescape(here) for about, here in found}


@pytest.mark.parametrize(("cut", "said"), [(None, "centre 256\u00d7256"), (2, "centre 256\u00d7256"), (0, "whole images")])
def test_a_crop_is_said_where_it_cut_something(tmp_path: Path, cut: int | None, said: str) -> None:
    """Older runs do not say whether it did."""
    make_run(tmp_path, noises=FEW, images=2, crops=0)
    info = json.loads((tmp_path / "run.json").read_text())
    info["data"]["sets"][0] |= {} if cut is None else {"cut": cut}
    (tmp_path / "run.json").write_text(json.dumps(info))
    page = page_of(tmp_path)
    assert {row[0]: row[3] for row in named(page, "Set")}["kodak24"] == said


def test_settings_data_and_hashes_are_those_of_run_json(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path, noises=FEW, images=2, crops=0))
    info = json.loads((tmp_path / "run.json").read_text())
    shown = {name: (value, unit) for name, value, unit in named(page, "Setting")}
    settings = info["settings"] | info["settings"]["fields"]
    for name in set(settings) - {"fields", "data_sha256"}:
        value = settings[name]
        assert shown[name] == (", ".join(value) if isinstance(value, list) else str(value), info["units"].get(name, ""))
    assert len(shown) == len(settings) - 2
    sets = {row[0]: row[1:] for row in named(page, "Set")}
    assert sets["kodak24"] == ["test", "2 of 24", "centre 256\u00d7256", "ab" * 32]
    assert sets["train/bsds432"] == ["training", "408 of 432", "whole images", "cd" * 32]
    assert info["data"]["separation"] in section(page, "Separation of training and test images")
    assert info["command"] in section(page, "Settings")
    assert "rounded to 8 bits, peak 255" in section(page, "How it was measured")
    assert "the paper&#39;s definition" in section(page, "How it was measured")
    machine = dict(row for table in tables(page, "plain") for row in texts(table) if len(row) == 2)
    assert {**info["versions"], "CPU": "Some CPU", "memory, GiB": "23.4", "GPU": "none"}.items() <= machine.items()
    assert machine["git revision"] == "1a2b3c4"


def test_changes_that_are_not_committed_are_told(tmp_path: Path) -> None:
    page = page_of(with_info(make_run(tmp_path, noises=FEW[:1], images=1, crops=0), git="1a2b3c4+"))
    assert "1a2b3c4 with changes that are not committed" in page


def test_equal_failures_stand_together_with_their_traceback_folded(tmp_path: Path) -> None:
    failed = {(number, method, 0) for number in (1, 3, 5) for method in METHODS[1:4]}
    run = make_run(tmp_path, noises=FEW, images=1, crops=0, failed=failed, timeout={(9, "supervised", 0)})
    with_cell(run, "01-gaussian--supervised--s0.json", message="ValueError: another")
    found = troubles(reports.load(run))
    assert [(failure.status, failure.message, len(failure.cells)) for failure in found.failures] == [
        ("failed", "ValueError: another", 1),
        ("failed", "FloatingPointError: loss is nan at step 120", 7),  # one of the nine does not apply
        ("out of time", "stopped after 1200 s", 1),
    ]
    part = section(page_of(run), "Failed and missing cells")
    assert "<summary>7 cells</summary>" in part
    assert part.count('<details class="traceback"><summary>Traceback</summary>') == 3
    assert "No. 3 gaussian-affine, noisier2noise, seed 0" in part
    assert "<details open" not in part


def test_failures_without_a_file_and_pending_cells(tmp_path: Path) -> None:
    run = make_run(tmp_path, noises=FEW, images=1, crops=0, failed={(1, "supervised", 0)}, pending={(9, "supervised", 0)})
    (run / "cells" / "01-gaussian--supervised--s0.json").unlink()
    part = section(page_of(run), "Failed and missing cells")
    assert "no message was stored" in part
    assert "No. 9 rayleigh, supervised, seed 0" in part


def test_nothing_went_wrong(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path, noises=FEW[:1], images=1, crops=0))
    assert section(page, "Failed and missing cells").strip() == "<p>None.</p>"
    assert section(page, "Warnings").strip() == "<p>None.</p>"
    assert "<h3>Guards</h3>" not in page


def test_equal_warnings_stand_together(tmp_path: Path) -> None:
    part = section(page_of(make_run(tmp_path, noises=FEW, images=1, crops=0)), "Warnings")
    assert part.count("3 pixels of the solve were not finite") == 1
    assert "<summary>4 cells</summary>" in part
    assert "No. 9 rayleigh, supervised, seed 0" in part


def test_scores_that_are_not_finite_are_counted_by_cell(tmp_path: Path) -> None:
    def value(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float | None:
        broken = method == "supervised" and seed == 1 and image < 2
        return (None if metric.startswith("psnr") else math.inf) if broken else 30.0

    run = make_run(tmp_path, noises=FEW[:1], seeds=2, images=3, crops=0, value=value)
    found = troubles(reports.load(run))
    assert found.not_finite == (("No. 1 gaussian, supervised, seed 1", "16 of 24 scores"),)
    assert "No. 1 gaussian, supervised, seed 1: 16 of 24 scores" in section(page_of(run), "Warnings")


def test_guards_are_listed_by_how_much_they_did(tmp_path: Path) -> None:
    run = make_run(tmp_path, noises=FEW, images=1, crops=0)
    with_cell(run, "05-gamma--score-solver--s0.json", guards={"rare": 1e-5, "often": 0.2, "bad": -1, "worse": "x"})
    with_cell(run, "09-rayleigh--score-solver--s0.json", guards={"rare": 0.0003})
    rows = named(page_of(run), "Guard")
    assert [row[:2] for row in rows] == [["often", "20 %"], ["rare", "0.030 %"], ["bad", "below 0.0001 %"]]
    assert rows[1][2] == "2 cellsNo. 9 rayleigh, score-solver, seed 0: 0.030 %No. 5 gamma, score-solver, seed 0: 0.0010 %"
    assert [percent(share) for share in (1.0, 0.0234, 1e-9)] == ["100 %", "2.3 %", "below 0.0001 %"]


def test_the_errata_tell_what_this_run_has(tmp_path: Path) -> None:
    run = make_run(tmp_path, noises=FEW, datasets=("kodak24-500",), images=1, crops=0)
    info = json.loads((run / "run.json").read_text())
    info["noise"][1]["parameters"] = {"a": 25 / 255, "b": 25.0}
    info["noise"][2]["parameters"] = {"alpha": 26.0, "extra_sigma": 5.0}
    info["noise"][3]["parameters"] = {"scale": 0.3, "extra_sigma": 0.0}
    info["methods"][5]["settings"] = {"iterations": 10}
    here = errata_on(page_of(with_info(run, **info)))
    assert here["Nos. 3 and 4"] == "a = 0.0980392"
    assert here["Nos. 5\u201310"] == "extra_sigma = 5 or 0"
    assert here["Nos. 5, 6, 11, 12"] == "alpha = 26"
    assert here["Solving Eq. 7"] == "10 steps"
    assert here["CSet9"] == "not in this run"
    assert here["Kodak"].startswith("kodak24-500")
    assert len(here) == len(errata(reports.load(run)))


def test_a_bare_table_says_what_is_not_known(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", noises=FEW, images=1, failed={(1, "supervised", 0)}, pending={(3, "supervised", 0)})
    page = reports.render(reports.load(run / "results.csv"))
    for words in (
        *("The command line is not known", "The settings are not known", "Versions and hardware are not known"),
        *("does not describe the data", "Nothing is known about a check", "None known: the cells\u2019 files are not here"),
        *("no message was stored", "No. 3 gaussian-affine, supervised, seed 0"),
    ):
        assert words in page, words
    assert "every method denoises the same noisy images" not in page  # a stranger's table may have done otherwise
    here = {erratum.where: erratum.here for erratum in errata(reports.load(run / "results.csv"))}
    assert {here[where] for where in ("Nos. 3 and 4", "Convolution A", "Solving Eq. 7", "CBSD68")} == {"not known"}


@pytest.mark.parametrize(
    "damage",
    [
        {"settings": 3, "units": [1], "data": {"sets": [None, 3], "separation": ["a"]}, "git": {"a": 1}},
        {"versions": "x", "hardware": [1], "notes": 7, "command": None, "started": 3},
        {"methods": [{"slug": "m", "settings": {"iterations": [1, {"a": 2}]}}], "noise": [{"slug": "gamma", "number": 3}]},
    ],
)  # fmt: skip
def test_a_run_json_of_the_wrong_shape(tmp_path: Path, damage: dict[str, Any]) -> None:
    page = page_of(with_info(make_run(tmp_path, noises=FEW[:2], images=1, crops=0), **damage))
    assert len(errata_on(page)) > 10


def test_hostile_texts_are_text(tmp_path: Path) -> None:
    run = make_run(tmp_path, noises=FEW, images=1, crops=0, hostile=HOSTILE, failed={(1, "supervised", 0)})
    with_cell(run, "05-gamma--score-solver--s0.json", guards={HOSTILE: 0.5}, warnings=[HOSTILE + "]]>", "</style>"])
    with_info(run, git=HOSTILE + "+", versions={HOSTILE: HOSTILE}, data={"separation": HOSTILE, "sets": [{"name": HOSTILE}]})
    trust = page_of(run).split('id="trust"')[1]
    assert "<script" not in trust and "<img" not in trust and "</style" not in trust
    assert trust.count("&lt;script&gt;alert(1)") > 10
