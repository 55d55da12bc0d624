"""Findings are said of means over the same images, and ranks of photographs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import reports
from reports.numbers.ranking import Ranking, ranking
from reports.numbers.significance import significance
from reports.numbers.summary import findings
from reports.numbers.tables import Scores
from tests.helpers.run_fixture import make_run


def found(directory: Path) -> str:
    scores = Scores(reports.load(directory))
    return " ".join(findings(scores, significance(scores)))


@pytest.mark.parametrize("empty", ["noisy", "score-solver"])
def test_nothing_is_said_of_a_gain_over_other_images(tmp_path: Path, empty: str) -> None:
    """One of the two lacks its best image, so that its mean is low."""

    def value(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float | None:
        if method == empty and image == 0:
            return None
        return (50.0, 20.0, 20.0)[image] + (method == "score-solver") * 5 if metric.startswith("psnr") else 0.9

    make_run(tmp_path, noises=("gaussian",), methods=("noisy", "score-solver"), datasets=("mine",), crops=0, value=value)
    assert "No unsupervised method can be compared with the noisy input yet." in found(tmp_path)


def test_a_noisy_input_that_is_exact_is_not_beaten(tmp_path: Path) -> None:
    """Poisson noise leaves a black image as it is; a table of an older run, where such a PSNR is empty."""

    def value(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float | None:
        if image == 0 and method == "noisy":
            return None if metric.startswith("psnr") else 1.0
        return (35.0 if image == 0 else 20.0) + (method != "noisy") * 2 if metric.startswith("psnr") else 0.9

    make_run(tmp_path, noises=("poisson",), methods=("noisy", "score-solver"), datasets=("mine",), crops=0, value=value)
    assert "Not better than the noisy input itself, by mean PSNR: " in found(tmp_path)
    assert "beats" not in found(tmp_path)


@pytest.mark.parametrize(
    ("method", "lag", "words"),
    [
        (
            "neighbor2neighbor",
            0.2,
            "On 1 of 1 noise model the best is told apart from every other one, by more than the spread of",
        ),
        (
            "neighbor2neighbor",
            0.05,
            "On 0 of 1 noise model the best is told apart from every other one, by more than the spread of",
        ),
        ("neighbor2neighbor", 0.05, " on 1 it is told apart, but from some by less than that."),
        ("noise2score", 0.05, "the spread of retraining (0.11 dB) or with one network for both."),  # the fixture's cells say so
        ("neighbor2neighbor", 0.0, "retraining (0.11 dB), on 1 it is not."),
    ],
)
def test_a_lead_is_held_against_the_spread_of_retraining(tmp_path: Path, method: str, lag: float, words: str) -> None:
    def value(number: int, of: str, seed: int, dataset: str, image: int, metric: str) -> float:
        wave = 0.01 * (-1) ** image * (image + 1) if of == method else 0.0
        return 28 - (lag if of == method else 0.0) + wave + image

    methods = ("noisy", "supervised", method, "score-solver")
    make_run(tmp_path, noises=("gaussian",), methods=methods, datasets=("mine",), images=14, crops=0, value=value)
    sentences = found(tmp_path)
    assert "What is tested is these networks on these images, not ways of training (one training a method). " in sentences
    assert words in sentences
    assert "significant" not in sentences


def test_the_headline_states_the_budget_and_what_each_method_is_given(tmp_path: Path) -> None:
    make_run(tmp_path, noises=("gaussian",), images=1, crops=0)
    file = tmp_path / "run.json"
    info = json.loads(file.read_text())
    for entry, given in zip(info["methods"], ([], ["clean images"], ["the law"], [], ["the law"], ["the law"]), strict=True):
        entry["knows"] = given
    at = "Highest mean PSNR among the unsupervised methods at equal {} (preset “quick”), over 1 noise model:"
    for equal, words in (
        (None, "numbers of steps"),
        ("steps", "numbers of steps"),
        ("compute", "training compute"),
        (["x"], "numbers of steps"),
    ):
        info["settings"]["equal"] = equal
        file.write_text(json.dumps(info))
        assert at.format(words) in found(tmp_path)
    assert (
        "The methods do not know the same. They are told: Supervised (clean images); "
        "Noisier2Noise, Noise2Score and Score solver (the law); Neighbor2Neighbor (nothing)." in found(tmp_path)
    )
    info["settings"]["recipe"] = "paper"
    file.write_text(json.dumps(info))
    assert "(preset “quick”, recipe “paper”)" in found(tmp_path)
    file.unlink()
    assert "Highest mean PSNR among the unsupervised methods, over 1 noise model:" in found(tmp_path)


def test_near_duplicates_have_one_rank(tmp_path: Path) -> None:
    def value(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float:
        return 20.0 + (method != "noisy") * (image + 1)

    make_run(tmp_path, noises=("gaussian",), methods=("noisy", "score-solver"), datasets=("mine",), images=4, value=value)
    info = json.loads((tmp_path / "run.json").read_text())
    info["data"]["repeated"] = [[["mine", "mine-02"], ["mine", "mine-03"]]]
    (tmp_path / "run.json").write_text(json.dumps(info))
    scores = Scores(reports.load(tmp_path))
    order = ranking(scores, scores.noises[0])
    assert isinstance(order, Ranking)
    assert [(one.image, one.difference) for one in order.images] == [("mine-04", 4.0), ("mine-02", 2.5), ("mine-01", 1.0)]
    assert order.find("mine", "mine-03") is order.find("mine", "mine-02") is order.images[1]
    assert order.find("mine", "mine-01") is order.images[2]
    assert "of 3 images" in reports.write(tmp_path).read_text(encoding="utf-8")
