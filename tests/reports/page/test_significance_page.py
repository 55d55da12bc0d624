"""The statistics as the page shows them: read back from the markup and held against a computation of the test's own."""

from __future__ import annotations

import random
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap, wilcoxon

import reports
from tests.helpers.html_tables import Rows
from tests.helpers.opened import Opened
from tests.helpers.run_fixture import HOSTILE, METHODS, make_run

FEW = ("gaussian", "gamma", "rayleigh")
SETS = {"kodak24": 24, "cset9": 9}
SIGNS = {"▲": "a", "▼": "b", "~": "near", "≈": "tie", "?": "few"}
#: Of the mean over two trainings each. The score solver and Noise2Score have one network, so that it does not count for them.
RETRAINING = 0.11 / 2**0.5
LAG = {"noisy": 8.0, "noisier2noise": 0.572, "neighbor2neighbor": 0.54, "noise2score": 0.5, "score-solver": 0.5}
OTHER = {(5, "neighbor2neighbor"): 0.9, (9, "neighbor2neighbor"): 0.3}  # worse than the twins, and the best


def score(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float:
    """Methods so near each other that some differences are real and some are not; two are the same on Nos. 1 and 5."""
    twin = "score" if method in ("noise2score", "score-solver") and number in (1, 5) else method
    level = 28 - OTHER.get((number, method), LAG.get(method, 0.0)) + 2 * random.Random(f"{dataset}{image}").gauss(0, 1)
    psnr = level + random.Random(f"{twin}{dataset}{image}{number}{seed}").gauss(0, 0.15)
    return psnr if metric.startswith("psnr") else psnr / 40


def page_of(directory: Path) -> str:
    return reports.write(directory).read_text(encoding="utf-8")


def words_of(html: str) -> str:
    class Text(HTMLParser):
        words = ""

        def handle_data(self, data: str) -> None:
            self.words += data

    parser = Text(convert_charrefs=True)
    parser.feed(html[html.index("<main") :])
    return " ".join(parser.words.split())


def own_pairs(directory: Path) -> dict[tuple[str, str, str], dict[str, Any]]:
    """(noise, a, b) -> what the page should say, by another way: merges, scipy and a loop for Holm's."""
    table = pd.read_parquet(directory / "results.parquet").query("status == 'done' and metric == 'psnr'")
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    methods = [method for method in METHODS if method != "noisy"]
    for noise, part in table.groupby("noise"):
        for place, a in enumerate(methods):
            for b in methods[place + 1 :]:
                both = part[part["method"] == a].merge(part[part["method"] == b], on=["seed", "dataset", "image"])
                both["gap"] = both["value_x"] - both["value_y"]
                gaps = both.dropna(subset="gap").groupby(["dataset", "image"])["gap"].mean().to_numpy()
                if len(gaps):
                    found[str(noise), a, b] = {"gaps": gaps, "p": None if np.all(gaps == 0) else wilcoxon(gaps).pvalue}
    for a, b in {key[1:] for key in found}:
        family = sorted((pair["p"], noise) for (noise, *two), pair in found.items() if two == [a, b] and pair["p"] is not None)
        reached = 0.0
        for rank, (p, noise) in enumerate(family):
            reached = max(reached, min(1.0, p * (len(family) - rank)))
            found[noise, a, b]["adjusted"] = reached
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("statistics")
    return make_run(directory, noises=FEW, datasets=tuple(SETS), images=SETS, seeds=2, value=score, crops=0, points=3)


@pytest.fixture(scope="module")
def html(run: Path) -> str:
    return page_of(run)


def test_every_pair_is_on_the_page_with_its_own_numbers(run: Path, html: str) -> None:
    expected = own_pairs(run)
    rows = Rows(html).of("duel")
    assert {(row["noise"], row["a"], row["b"]) for row, _ in rows} == set(expected)
    kinds = set()
    for row, cells in rows:
        pair = expected[row["noise"], row["a"], row["b"]]
        gaps = pair["gaps"]
        difference, ends, record, images, p, adjusted, verdict = cells[2:]
        assert float(difference[0]["data-value"]) == pytest.approx(gaps.mean(), abs=1e-9)
        assert difference[1].replace("\u2212", "-") == (f"{gaps.mean():+.2f}" if round(gaps.mean(), 2) else "0.00")
        assert record[1] == f"{(gaps >= 0.005).sum()}/{(abs(gaps) < 0.005).sum()}/{(gaps <= -0.005).sum()}"
        assert images[1] == "33"
        if pair["p"] is None:
            assert (p[1], adjusted[1], ends[1], verdict[1]) == ("", "", "", "same")
            kinds.add("same")
            continue
        assert float(p[0]["data-p"]) == pytest.approx(pair["p"], rel=1e-9)
        assert float(adjusted[0]["data-p"]) == pytest.approx(pair["adjusted"], rel=1e-9)
        low, high = bootstrap((gaps,), np.mean, method="BCa", rng=np.random.default_rng(1)).confidence_interval
        shown = float(ends[0]["data-low"]), float(ends[0]["data-high"])
        assert shown == pytest.approx((low, high), abs=0.05 * (high - low))
        near = abs(gaps.mean()) < RETRAINING and {row["a"], row["b"]} != {"noise2score", "score-solver"}
        better = "within retraining" if near else "A better" if gaps.mean() > 0 else "B better"
        assert verdict[1] == (better if pair["adjusted"] < 0.05 else "not distinguishable")
        kinds.add(verdict[1])
    assert kinds == {"A better", "B better", "within retraining", "not distinguishable", "same"}


def test_the_first_table_holds_every_method_against_the_best(run: Path, html: str) -> None:
    means = pd.read_parquet(run / "results.parquet").query("metric == 'psnr'").groupby(["noise", "method", "dataset"])["value"]
    overall = means.mean().groupby(["noise", "method"]).mean()
    pairs = {(row["noise"], row["a"], row["b"]): (row["verdict"], cells) for row, cells in Rows(html).of("duel")}
    flipped = {"a": "b", "b": "a"}
    for row, cells in Rows(html).of("versus"):
        noise = row["noise"]
        ranked = overall[noise].drop(["noisy", "supervised"]).sort_values()
        shown = {attributes["data-method"]: (attributes, words) for attributes, words in cells[2:]}
        best = next(method for method, (_, words) in shown.items() if words == "best")
        assert overall[noise, best] == ranked.iloc[-1]
        assert f"{ranked.iloc[-1]:.2f} dB" in cells[1][1]
        for method, (attributes, words) in shown.items():
            if "data-value" not in attributes:
                assert words in ("best", "—")
                continue
            straight = (noise, method, best) in pairs
            verdict, duel = pairs[(noise, method, best) if straight else (noise, best, method)]
            verdict = verdict if straight else flipped.get(verdict, verdict)
            difference = float(duel[2][0]["data-value"]) * (1 if straight else -1)
            assert float(attributes["data-value"]) == pytest.approx(difference, abs=1e-12)
            assert attributes["data-verdict"] == verdict
            if verdict == "same":
                assert words == "same"
                continue
            assert [kind for sign, kind in SIGNS.items() if sign in words] == [verdict]
            record = duel[4][1] if straight else "/".join(reversed(duel[4][1].split("/")))
            assert record in words
            assert duel[7][1] in words  # the adjusted p


def test_the_pairs_are_counted_over_the_noise_models(html: str) -> None:
    rows = Rows(html)
    for row, cells in rows.of("tally"):
        for attributes, words in cells[2:]:
            here = [
                data["noise"]
                for data, _ in rows.of("duel")
                if (data["a"], data["b"], data["verdict"]) == (row["a"], row["b"], attributes["data-verdict"])
            ]
            assert int(attributes["data-value"]) == len(here)
            numbers = {str(number) for name, number in zip(FEW, (1, 5, 9), strict=True) if name in here}
            assert set(words.partition("|")[2].replace(",", " ").split()) == numbers


def test_ties_are_marked_in_the_summary_and_the_tables(html: str) -> None:
    rows = Rows(html)
    expected = {
        (row["noise"], cell["data-method"])
        for row, cells in rows.of("versus")
        for cell, _ in cells[2:]
        if cell.get("data-verdict") in ("tie", "near") and cell["data-method"] != "supervised"
    }
    assert expected
    standard = [(row, cells) for row, cells in rows.of("heatmap") if row["protocol-table"] == "standard"]
    marked = {
        (row["noise"], cell.get("data-method", "")) for row, cells in standard for cell, words in cells[:-1] if "≈" in words
    }
    assert marked == expected
    winners = {row["noise"]: cells[-1][1] for row, cells in standard}
    assert "Noise2Score = Score solver" in winners["gaussian"]  # the same, and both bold
    for noise, words in winners.items():
        assert words.count("≈") == sum(noise == name for name, _ in expected)
    for row, cells in rows.of("paper"):
        tied = row["protocol-table"] == "standard" and (row["noise"], row.get("method")) in expected
        assert ["≈" in words for _, words in cells[1:]] == [tied and index == len(SETS) for index in range(len(cells) - 1)]
    assert not any("≈" in words for row, cells in rows.of("heatmap") if row["protocol-table"] == "paper" for _, words in cells)


def test_the_spread_is_numpy_s_over_the_seeds(run: Path, html: str) -> None:
    table = pd.read_parquet(run / "results.parquet").query("status == 'done' and metric == 'psnr'")
    means = table.groupby(["noise", "method", "seed", "dataset"])["value"].mean()
    rows = Rows(html)
    for row, cells in rows.of("seeds"):
        for attributes, words in cells[1:]:
            if attributes.get("class") == "empty":
                continue
            overall = means[row["noise"], attributes["data-method"]].groupby("seed").mean().to_numpy()
            assert float(attributes["data-spread"]) == pytest.approx(np.std(overall, ddof=1), abs=1e-12)
            assert words == f"{overall.mean():.2f} ± {np.std(overall, ddof=1):.2f}"
    row, cells = next((row, cells) for row, cells in rows.of("paper") if row.get("method") == "supervised")
    seeds = means[row["noise"], "supervised"].unstack("dataset")["kodak24"].to_numpy()
    assert f"± {np.std(seeds, ddof=1):.2f}/" in cells[1][1]


def test_a_seed_that_lacks_an_image_is_not_in_the_spread(tmp_path: Path) -> None:
    def value(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float | None:
        return None if (method, seed, image) == ("supervised", 2, 0) else score(number, method, seed, dataset, image, metric)

    failed = {(1, "score-solver", 1), (1, "score-solver", 2)}
    run = make_run(tmp_path, noises=FEW[:1], images=2, seeds=3, value=value, failed=failed, crops=0, points=3)
    ((_, cells),) = Rows(page_of(run)).of("seeds")
    words = {attributes["data-method"]: words for attributes, words in cells[1:]}
    assert words["supervised"].endswith("(2 seeds)")
    assert "±" not in words["score-solver"]
    assert words["noisy"].count("±") == 1
    assert "seeds" not in words["noisy"]


def test_the_first_finding_says_whether_the_leads_are_real(tmp_path: Path, html: str) -> None:
    ahead = 0
    for _, cells in Rows(html).of("versus"):
        ahead += {cell["data-verdict"] for cell, _ in cells[3:] if "data-verdict" in cell} - {"same"} == {"b"}
    words = f"On {ahead} of 3 noise models the best is told apart from every other one, by more than the spread of retraining"
    assert f"{words} (0.11 dB), on {3 - ahead} it is not." in words_of(html)
    few = words_of(page_of(make_run(tmp_path, noises=FEW, images=2, crops=0, points=3)))
    assert "There are too few images to tell whether these leads are real." in few


def test_what_prints_alike_is_held_against_the_higher_one_and_what_lacks_images_is_no_tie(tmp_path: Path) -> None:
    def value(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float | None:
        if method == "neighbor2neighbor" and image == 0:
            return None
        shift = {"noise2score": 0.002, "score-solver": 0.004}.get(method, -2.0)
        base = 28 + random.Random(f"{image}").gauss(0, 1)
        return base + (random.Random(f"{image}{metric}").gauss(0, 0.1) if method == "neighbor2neighbor" else shift)

    run = make_run(tmp_path, noises=FEW[:1], datasets=("kodak24",), images=12, value=value, crops=0, points=3)
    rows = Rows(page_of(run))
    ((_, cells),) = rows.of("versus")
    shown = {attributes["data-method"]: (attributes.get("data-verdict"), words) for attributes, words in cells[2:]}
    assert shown["score-solver"] == (None, "best")
    assert shown["noise2score"][0] == "b"
    assert shown["neighbor2neighbor"][0] == "tie"
    assert not any("≈" in words for table in ("heatmap", "paper") for _, cells in rows.of(table) for _, words in cells)


def test_below_ten_images_it_says_so_and_marks_nothing(tmp_path: Path) -> None:
    run = make_run(
        tmp_path, noises=FEW, images={"kodak24": 5, "cbsd68": 4}, datasets=("kodak24", "cbsd68"), crops=0, value=score
    )
    html = page_of(run)
    assert "Too few images to tell: a test needs at least 10 photographs, and no two methods have more than 9" in words_of(html)
    rows = Rows(html)
    assert {row["verdict"] for row, _ in rows.of("duel")} == {"few", "same"}
    assert not any("data-p" in cell or "data-low" in cell for _, cells in rows.of("duel") for cell, _ in cells)
    assert not any(
        "≈" in words for table in ("heatmap", "paper", "versus") for _, cells in rows.of(table) for _, words in cells
    )
    assert "This run has one training a method." in words_of(html)
    assert not rows.of("seeds")


@pytest.mark.parametrize("methods", [("noisy",), ("noisy", "supervised"), ("noisy", "score-solver"), ("score-solver",)])
def test_one_method_has_nothing_to_be_compared_with(tmp_path: Path, methods: tuple[str, ...]) -> None:
    html = page_of(make_run(tmp_path, noises=FEW[:1], methods=methods, images=12, crops=0, points=3))
    assert "There is nothing to compare" in words_of(html)
    assert not Rows(html).of("duel")


def test_runs_of_which_much_is_missing(tmp_path: Path) -> None:
    waiting = {(number, method, 0) for number in (1, 5, 9) for method in METHODS}
    assert "There is nothing to compare" in words_of(page_of(make_run(tmp_path / "a", noises=FEW, pending=waiting, crops=0)))
    rest = waiting - {(1, "supervised", 0), (1, "score-solver", 0), (1, "noise2score", 0)}

    def value(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float | None:
        return None if method == "noise2score" and image < 9 else score(number, method, seed, dataset, image, metric)

    html = page_of(make_run(tmp_path / "b", noises=FEW, images=9, pending=rest, value=value, crops=0))
    assert {(row["a"], row["b"], row["verdict"]) for row, _ in Rows(html).of("duel")} == {("supervised", "score-solver", "a")}
    assert "none yet" in words_of(html)


def test_a_table_of_the_paper_s_protocol_alone_is_tested_too(tmp_path: Path, run: Path) -> None:
    table = pd.read_parquet(run / "results.parquet")
    table[table["metric"].isin(["psnr_paper", "ssim_paper"])].to_parquet(tmp_path / "results.parquet", index=False)
    html = page_of(tmp_path)
    assert "PSNR (protocol “paper”)" in words_of(html)
    assert len(Rows(html).of("duel")) == 10 + 6 + 3  # of 5, 4 and 3 methods


def test_a_tie_tells_why_on_hover_and_focus_and_the_phone_does_not_scroll(browser: Any, tmp_path: Path) -> None:
    run = make_run(tmp_path, noises=FEW, images=12, seeds=2, value=score, crops=0, points=3, hostile=HOSTILE)
    opened = Opened(browser, reports.write(run), viewport={"width": 390, "height": 844})
    page = opened.page
    sign = page.locator("table.heatmap .tie .why:visible").first
    for act in (sign.focus, sign.hover):
        act()
        assert page.locator("#tip").inner_text().startswith("Not distinguishable from")
        page.keyboard.press("Escape")
    page.evaluate("document.documentElement.dataset.view = 'ssim'")
    assert page.locator("table.heatmap .tie:visible").count() == 0  # the test is of PSNR
    page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.errors == []
    opened.context.close()
