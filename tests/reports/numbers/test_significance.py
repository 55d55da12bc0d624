"""Pairs of methods: tests against their definitions, intervals against scipy, and false alarms under simulated nulls."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap, rankdata, wilcoxon

from reports.numbers.pairs import LEAST_IMAGES, Pair, holm, interval, intervals, pairs, signed_rank, wins_ties_losses
from reports.numbers.significance import p_value
from reports.style.words import ranges

KODAK = [f"kodim{number:02d}" for number in range(1, 25)]
CSET9 = ["F16", "baboon", "house", "kodim01", "kodim02", "kodim03", "kodim12", "lena", "peppers"]


def table(
    scores: dict[str, list[float]],
    *,
    noise: str = "gaussian",
    dataset: str = "mine",
    seed: int = 0,
    names: list[str] | None = None,
) -> pd.DataFrame:
    """One value a method and image."""
    rows = [
        (noise, method, seed, dataset, names[index] if names else f"i{index:03d}", value)
        for method, values in scores.items()
        for index, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["noise", "method", "seed", "dataset", "image", "value"])


def only(values: pd.DataFrame, methods: str = "ab") -> Pair:
    ((pair,),) = pairs(values, list(methods)).values()
    return pair


def enumerated(differences: np.ndarray) -> float:
    """p from all 2^n signs: how often the rank sum is at least as far from 0 as it is."""
    left = differences[differences != 0]
    ranks = rankdata(np.abs(left))
    sums = np.array(list(product((-1, 1), repeat=len(left)))) @ ranks
    return float((np.abs(sums) >= abs((np.sign(left) * ranks).sum()) - 1e-9).mean())


@pytest.mark.parametrize("count", [1, 2, 5, 10, 12])
def test_the_p_is_that_of_all_signs(count: int) -> None:
    rng = np.random.default_rng(count)
    for shift in (0.0, 0.4, -1.5):
        differences = rng.normal(shift, 1, count)
        p, sign = signed_rank(differences)
        assert p == pytest.approx(enumerated(differences), abs=1e-12)
        ranks = rankdata(np.abs(differences))
        above, below = ranks[differences > 0].sum(), ranks[differences < 0].sum()
        assert sign == np.sign(above - below)


def test_equal_sizes_and_zeros_do_not_spoil_a_small_sample() -> None:
    for differences in (
        [0.5, 0.5, -0.5, 0.2, 0.2, 0.1, 0.9, 0.9, -0.1, 0.3],
        [0.0, 0.0, 0.4, 0.3, 0.2, 0.1, 0.6, 0.7, -0.5, 0.0],
    ):
        assert signed_rank(np.array(differences))[0] == pytest.approx(enumerated(np.array(differences)), abs=1e-12)
    assert signed_rank(np.zeros(20)) == (1.0, 0)


@pytest.mark.parametrize("count", [24, 50, 97, 250])
def test_the_p_of_many_images_is_scipy_s(count: int) -> None:
    differences = np.random.default_rng(count).normal(0.15, 1, count)
    expected = wilcoxon(differences, method="exact" if count <= 200 else "asymptotic").pvalue
    assert signed_rank(differences)[0] == pytest.approx(expected, rel=1e-9)


def test_holm_is_the_closed_test_of_bonferroni_s() -> None:
    """The adjusted p of a hypothesis is the largest Bonferroni p of any set of hypotheses that has it."""
    rng = np.random.default_rng(4)
    for size in (1, 2, 3, 6):
        for _ in range(20):
            p = [float(value) for value in np.round(rng.beta(0.4, 2, size), 2)]  # rounded, so that some are alike
            subsets = [subset for k in range(1, size + 1) for subset in combinations(range(size), k)]
            expected = [
                max(min(1.0, len(subset) * min(p[j] for j in subset)) for subset in subsets if index in subset)
                for index in range(size)
            ]
            assert holm(p) == pytest.approx(expected)
    assert holm([]) == []


def test_intervals_are_scipy_s_and_resampling_together_changes_nothing() -> None:
    rng = np.random.default_rng(6)
    samples = [rng.gumbel(0.2, 0.5, count) for count in (24, 10, 24, 9, 68, 24)]
    samples.append(np.full(12, 0.3))
    found = intervals(samples)
    assert found[3] is None
    assert found[-1] == (0.3, 0.3)
    for sample, ends in zip(samples[:-1], found, strict=False):
        if ends is None:
            continue
        assert interval(sample) == pytest.approx(ends, abs=1e-12)
        other = bootstrap((sample,), np.mean, n_resamples=20000, method="BCa", batch=5000, rng=np.random.default_rng(99))
        low, high = other.confidence_interval
        assert ends == pytest.approx((low, high), abs=0.04 * (high - low))  # another draw: equal but for chance


def test_wins_ties_and_losses_are_those_of_what_is_printed() -> None:
    differences = np.array([0.1, 0.0051, 0.0049, 0.0, -0.0049, -0.0051, -3.0])
    assert wins_ties_losses(differences, "psnr") == (2, 3, 2)
    assert wins_ties_losses(differences / 10, "ssim") == (2, 3, 2)


def test_a_pair_is_what_its_differences_say() -> None:
    rng = np.random.default_rng(7)
    base, gap = rng.normal(28, 2, 24), rng.normal(0.05, 0.1, 24)
    pair = only(table({"a": list(base + gap), "b": list(base)}))
    exact = (base + gap) - base
    assert (pair.images, pair.difference) == (24, pytest.approx(exact.mean(), abs=1e-12))
    assert (pair.wins, pair.ties, pair.losses) == ((exact >= 0.005).sum(), (abs(exact) < 0.005).sum(), (exact <= -0.005).sum())
    assert pair.interval == pytest.approx(interval(exact))
    assert pair.p == pair.adjusted == signed_rank(exact)[0]
    other = pair.seen_from("b")
    assert (other.a, other.b, other.difference) == ("b", "a", -pair.difference)
    assert (other.wins, other.losses, other.leads) == (pair.losses, pair.wins, -pair.leads)
    assert other.interval == (-pair.interval[1], -pair.interval[0])
    assert other.seen_from("a") == pair


def test_holm_s_family_is_the_noise_models_of_one_pair() -> None:
    rng = np.random.default_rng(8)
    parts = []
    for index in range(5):
        noise = f"n{index}"
        methods = {name: list(rng.normal(0.1 * place, 0.3, 14)) for place, name in enumerate("abc" if index < 3 else "ab")}
        parts.append(table(methods, noise=noise))
    parts.append(table({"a": [1.0] * 9, "b": [2.0] * 9, "c": [0.0] * 9}, noise="few"))
    parts.append(table({"a": [1.0] * 14, "b": [1.0] * 14}, noise="alike"))
    found = pairs(pd.concat(parts), ["a", "b", "c"])
    for a, b, size in (("a", "b", 5), ("a", "c", 3), ("b", "c", 3)):
        here = [pair for row in found.values() for pair in row if (pair.a, pair.b) == (a, b) and pair.p is not None]
        assert len(here) == size
        assert [pair.adjusted for pair in here] == pytest.approx(holm([pair.p for pair in here]))
    assert [pair.verdict for pair in found["few"]] == ["few"] * 3
    assert [pair.verdict for pair in found["alike"]] == ["same"]


def test_a_photograph_in_two_sets_counts_once() -> None:
    rng = np.random.default_rng(9)
    sets = {"kodak24-500": KODAK, "cset9": CSET9, "cbsd68": ["kodim01"]}
    gaps = {(name, image): rng.normal() for name, images in sets.items() for image in images}
    parts = [
        table({"a": [30 + gaps[name, image] for image in images], "b": [30.0] * len(images)}, dataset=name, names=images)
        for name, images in sets.items()
    ]
    pair = only(pd.concat(parts))
    twice = set(KODAK) & set(CSET9)
    each = [gap for (name, image), gap in gaps.items() if name == "cbsd68" or image not in twice]
    each += [(gaps["kodak24-500", image] + gaps["cset9", image]) / 2 for image in twice]
    assert pair.images == len(each) == 24 + 9 - 4 + 1
    assert pair.difference == pytest.approx(np.mean(each), abs=1e-12)
    assert pair.p == pytest.approx(signed_rank(np.array(each))[0], abs=1e-12)


def test_a_photograph_s_sets_weigh_alike_whatever_their_seeds() -> None:
    parts = [table({"a": [31.0], "b": [30.0]}, dataset="kodak24", seed=seed, names=["kodim01"]) for seed in range(3)]
    parts.append(table({"a": [35.0], "b": [30.0]}, dataset="cset9", names=["kodim01"]))
    assert only(pd.concat(parts)).difference == 3.0


def test_only_the_common_seeds_are_averaged() -> None:
    images = 12
    parts = [table({"a": [30.0 + i for i in range(images)]}, seed=0), table({"a": [31.0 + i for i in range(images)]}, seed=1)]
    parts += [table({"b": [30.5 + i for i in range(images)]}, seed=1), table({"b": [0.0] * images}, seed=2)]
    pair = only(pd.concat(parts))
    assert (pair.images, pair.seeds, pair.difference) == (images, 1, 0.5)


def test_the_same_values_are_said_to_be_and_one_other_value_is_enough() -> None:
    values = list(np.random.default_rng(10).normal(28, 2, 12))
    seeds = pd.concat([table({"a": values, "b": values}, seed=seed) for seed in range(2)])
    pair = only(seeds)
    assert (pair.verdict, pair.p, pair.interval, pair.difference, pair.ties) == ("same", None, None, 0.0, 12)
    other = seeds.copy()
    other.iloc[0, other.columns.get_loc("value")] += 1e-6
    assert only(other).verdict == "tie"
    # Differences that cancel over the seeds are not the same.
    swapped = pd.concat([table({"a": values, "b": values[::-1]}, seed=0), table({"a": values[::-1], "b": values}, seed=1)])
    assert only(swapped).verdict == "tie"
    assert only(table({"a": values[:3], "b": values[:3]})).verdict == "same"


def test_too_few_images_and_values_that_are_missing() -> None:
    rng = np.random.default_rng(11)
    b = list(rng.normal(28, 2, LEAST_IMAGES))
    a = [value + 1 for value in b]
    assert only(table({"a": a, "b": b})).verdict == "a"
    pair = only(table({"a": [math.nan, *a[1:]], "b": b}))
    assert (pair.verdict, pair.images, pair.p, pair.interval) == ("few", LEAST_IMAGES - 1, None, None)
    assert pair.difference == pytest.approx(1.0)
    assert pair.wins == LEAST_IMAGES - 1
    apart = pd.concat([table({"a": a}, dataset="one"), table({"b": b}, dataset="two")])
    assert only(apart) == Pair("a", "b", 0)
    assert only(apart).verdict == "no values"
    nothing = pairs(table({"a": [math.nan] * 12, "b": b}), ["a", "b"])
    assert nothing == {"gaussian": []}
    assert pairs(table({"a": a}), ["a", "b"]) == {"gaussian": []}
    assert pairs(table({}), ["a"]) == {}


def test_the_better_one_is_named_where_mean_and_ranks_agree() -> None:
    base = [28.0] * 40
    gaps = np.linspace(0.05, 0.1, 40)
    assert only(table({"a": list(28 + gaps), "b": base})).verdict == "a"
    assert only(table({"a": list(28 - gaps), "b": base})).verdict == "b"
    gaps[0] = -50.0  # one wreck turns the mean, not the ranks
    pair = only(table({"a": list(28 + gaps), "b": base}))
    assert pair.difference < 0 < pair.wins - pair.losses
    assert pair.adjusted < 0.05
    assert pair.verdict == "tie"


@pytest.mark.parametrize(
    ("draw", "images"),
    [
        (lambda rng, n: rng.normal(0, 0.3, n), 10),
        (lambda rng, n: rng.standard_cauchy(n), 24),
        (lambda rng, n: rng.standard_t(2, n) * np.exp(rng.normal(0, 1, n)), 24),
        (lambda rng, n: np.round(rng.normal(0, 0.02, n), 2), 12),  # many zeros and equal sizes
        (lambda rng, n: rng.laplace(0, 1, n), 60),
    ],
    ids=["normal", "cauchy", "mixed scales", "coarse", "many images"],
)
def test_two_methods_that_are_alike_are_seldom_told_apart(
    draw: Callable[[np.random.Generator, int], np.ndarray], images: int
) -> None:
    rng = np.random.default_rng(12)
    runs, noises = 2000, 6
    alarms = sum(min(holm([signed_rank(draw(rng, images))[0] for _ in range(noises)])) < 0.05 for _ in range(runs))
    assert alarms / runs <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / runs)


@pytest.mark.slow(6)
def test_pairs_that_are_alike_are_seldom_told_apart() -> None:
    rng = np.random.default_rng(14)
    runs, noises, images = 200, 5, 12
    alarms = 0
    for _ in range(runs):
        base = rng.normal(28, 3, (noises, 1, images))
        scores = base + 0.2 * rng.standard_t(3, (noises, 2, images))
        run = pd.concat([table({"a": list(a), "b": list(b)}, noise=f"n{index}") for index, (a, b) in enumerate(scores)])
        alarms += any(pair.verdict in "ab" for row in pairs(run, ["a", "b"]).values() for pair in row)
    assert alarms / runs <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / runs)


def test_a_consistent_difference_is_found_in_a_run_of_sixteen_noise_models() -> None:
    rng = np.random.default_rng(13)
    base = rng.normal(28, 3, (16, LEAST_IMAGES))
    parts = [
        table({"a": list(row + rng.uniform(0.02, 0.1, len(row))), "b": list(row)}, noise=f"n{index}")
        for index, row in enumerate(base)
    ]
    found = pairs(pd.concat(parts), ["a", "b"])
    assert {pair.verdict for row in found.values() for pair in row} == {"a"}  # the fewest images are enough for that


@pytest.mark.slow(3)
def test_sixteen_methods_on_sixteen_noise_models_take_seconds() -> None:
    rng = np.random.default_rng(15)
    noises, methods, seeds = (
        [f"{kind}{index:02d}" for index in range(count)] for kind, count in (("n", 16), ("m", 15), ("s", 3))
    )
    places = [("kodak24-500", image) for image in KODAK] + [("cset9", image) for image in CSET9]
    places += [("cbsd68", f"{index}") for index in range(68)]
    rows = [(n, m, int(s[1:]), dataset, image) for n in noises for m in methods for s in seeds for dataset, image in places]
    values = pd.DataFrame(rows, columns=["noise", "method", "seed", "dataset", "image"])
    values["value"] = np.round(rng.normal(28, 1, len(values)), 1)  # coarse, so that many differences are of equal size
    start = time.process_time()
    found = pairs(values, methods)
    assert time.process_time() - start < 30
    assert {(len(row), pair.images) for row in found.values() for pair in row} == {(105, 24 + 9 - 4 + 68)}


def test_numbers_in_words() -> None:
    assert ", ".join(ranges([1, 2, 3, 5, 7, 8])) == "1–3, 5, 7, 8"
    assert ", ".join(ranges([16, 4])) == "4, 16"
    assert ranges([]) == []
    assert [p_value(p) for p in (0.0004, 0.031, 0.04999, 0.05, 1.0)] == [
        "p < 0.001",
        "p = 0.031",
        "p = 0.04999",
        "p = 0.050",
        "p = 1.000",
    ]
