"""Methods paired photograph by photograph: how far apart two of them are, and whether a test can tell them apart.

A difference is that of two methods on the same noisy image, averaged over the seeds that both have, so that an image has one;
a photograph that is in several data sets, or several times in one, counts once, with the mean of its differences.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations

import numpy as np
import pandas as pd
import scipy  # its submodules are imported when they are used: `stats` takes half a second

from reports.numbers.tables import DIGITS
from reports.read.model import CROP

#: With fewer images there is neither an interval nor a test.
LEAST_IMAGES = 10
#: Two methods are distinguishable where the adjusted p is below this.
LEVEL = 0.05
#: With more images the test's p is an approximation.
MOST_EXACT = 200
CONFIDENCE = 0.95
RESAMPLES = 9999
#: So many values are resampled at once.
_BATCH = 1_000_000
#: Data sets that share photographs under the same names (kodim01, 02, 03 and 12 of Kodak are in CSet9).
_SHARING = frozenset({"kodak24", "kodak24-500", "cset9"})

Interval = tuple[float, float]
#: (data set, image) of a near duplicate -> that of the first of its group (`Run.repeated`).
Repeated = Mapping[tuple[str, str], tuple[str, str]]


@dataclass(frozen=True)
class Pair:
    """Method `a` against method `b` on one noise model; a difference is that of a minus b, one a photograph."""

    a: str
    b: str
    images: int  # photographs that both have a finite value of
    difference: float | None = None  # mean; None without a photograph
    interval: Interval | None = None  # None with fewer than LEAST_IMAGES, and where the two are the same
    wins: int = 0  # photographs on which a is higher as printed, lower, and neither
    ties: int = 0
    losses: int = 0
    same: bool = False  # no value of the one differs from the other's
    p: float | None = None  # of this noise model alone; None: not tested
    adjusted: float | None = None  # by Holm, over the noise models on which the two were tested
    leads: int = 0  # 1 for a, -1 for b; 0 where the mean and the ranks do not agree on it
    seeds: int = 0  # those that both have a value of
    spread: float = 0.0  # of retraining: how far two trainings of one method may lie apart (dB)

    @property
    def verdict(self) -> str:
        """no values | same | few (too few images to tell) | tie (not distinguishable) | near | a | b (the better one).

        near: distinguishable on these images, but nearer than two trainings of one method may be.
        """
        if not self.images:
            return "no values"
        if self.same:
            return "same"
        if self.adjusted is None:
            return "few"
        if self.adjusted >= LEVEL or not self.leads:
            return "tie"
        if abs(self.difference or 0.0) < self.spread:
            return "near"
        return "a" if self.leads > 0 else "b"

    def seen_from(self, method: str) -> Pair:
        """The same with `method`, one of the two, as a."""
        if method == self.a:
            return self
        return replace(
            self,
            a=self.b,
            b=self.a,
            difference=None if self.difference is None else -self.difference,
            interval=self.interval and (-self.interval[1], -self.interval[0]),
            wins=self.losses,
            losses=self.wins,
            leads=-self.leads,
        )


def pairs(
    values: pd.DataFrame,
    methods: Sequence[str],
    metric: str = "psnr",
    repeated: Repeated | None = None,
    only: Collection[frozenset[str]] | None = None,
) -> dict[str, list[Pair]]:
    """Noise model -> every pair of the methods that have a value there, in the order of `methods`, each tested.

    `values` holds one metric of finished cells: columns noise, method, seed, dataset, image, value, and crop where any is.
    What one method has of a whole image and another of its centre is no pair. `only`: the pairs that are wanted.
    """
    keys = ["noise", "image", "dataset", "seed", *([CROP] if CROP in values else []), "method"]
    table = values[values["method"].isin(methods)]
    wide = table.groupby(keys, sort=False)["value"].mean().unstack("method").reindex(columns=list(methods))
    found = {
        str(noise): _on_one_noise(part, metric, repeated or {}, only) for noise, part in wide.groupby(level="noise", sort=False)
    }
    return _adjusted(found)


def photographs(values: pd.DataFrame, repeated: Repeated) -> pd.DataFrame:
    """The values with `family` and `image` of what identifies the photograph: those of the first of its near duplicates."""
    if repeated:
        places = zip(values["dataset"], values["image"], strict=True)
        first = [repeated.get(place, place) for place in places]
        values = values.assign(family=[dataset for dataset, _ in first], image=[image for _, image in first])
    else:
        values = values.assign(family=values["dataset"])
    shared = values["family"].isin(_SHARING)  # there, the name identifies the photograph
    return values.assign(family=values["family"].mask(shared, "kodak"))


def by_image(
    values: pd.DataFrame, columns: Sequence[str], of: Sequence[str] = (), repeated: Repeated | None = None
) -> pd.DataFrame:
    """Means of these columns over the seeds and near duplicates: a row a photograph of a data set, and value of `of`."""
    named = photographs(values, repeated or {})
    return named.groupby([*of, "family", "image", "dataset"])[list(columns)].mean()


def by_photograph(images: pd.DataFrame) -> pd.DataFrame:
    """Means of what `by_image` gives over the data sets that have the same photograph."""
    return images.groupby(level=[name for name in images.index.names if name != "dataset"]).mean()


def wins_ties_losses(differences: np.ndarray, metric: str) -> tuple[int, int, int]:
    """On how many images a difference is above, below, and neither as printed (0.005 dB of PSNR, 0.0005 of SSIM)."""
    half = 0.5 * 10.0 ** -DIGITS.get(metric, 3)
    wins, losses = int((differences >= half).sum()), int((differences <= -half).sum())
    return wins, len(differences) - wins - losses, losses


def signed_rank(differences: np.ndarray) -> tuple[float, int]:
    """Two-sided p of Wilcoxon's signed-rank test, and the sign of the rank sum. Zeros are left out.

    Exact for up to MOST_EXACT differences, also where some are of the same size; by the normal approximation beyond.
    """
    left = differences[differences != 0]
    if not len(left):
        return 1.0, 0
    ranks = np.rint(2 * scipy.stats.rankdata(np.abs(left))).astype(int)  # twice the mean ranks: whole numbers
    above, total = int(ranks[left > 0].sum()), int(ranks.sum())
    if len(left) > MOST_EXACT:
        p = float(scipy.stats.wilcoxon(left, method="asymptotic").pvalue)
    else:
        p = min(1.0, 2 * float(_null(tuple(sorted(ranks)))[: min(above, total - above) + 1].sum()))
    return p, int(np.sign(2 * above - total))


@lru_cache(maxsize=64)
def _null(ranks: tuple[int, ...]) -> np.ndarray:
    """The chance of every sum of positive ranks, where each sign is that of a fair coin."""
    chances = np.zeros(sum(ranks) + 1)
    chances[0] = 1.0
    for rank in ranks:
        moved = np.concatenate([np.zeros(rank), chances[:-rank]])
        chances = (chances + moved) / 2
    return chances


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted p of a family of tests, in the same order."""
    values = np.asarray(p, dtype=float)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)).clip(max=1.0)
    return [float(value) for value in adjusted]


def interval(differences: np.ndarray, resamples: int = RESAMPLES) -> Interval | None:
    """Bootstrap interval (BCa) of the mean of per-image differences; None with too few of them. Always the same numbers."""
    return intervals([differences], resamples)[0]


def intervals(samples: Sequence[np.ndarray], resamples: int = RESAMPLES) -> list[Interval | None]:
    """The interval of each sample; those of equal length are resampled together, for speed."""
    found: list[Interval | None] = [None] * len(samples)
    by_length: dict[int, list[int]] = {}
    for index, sample in enumerate(samples):
        if len(sample) < LEAST_IMAGES:
            continue
        if np.ptp(sample) == 0:
            found[index] = float(sample[0]), float(sample[0])
        else:
            by_length.setdefault(len(sample), []).append(index)
    for indices in by_length.values():
        bounds = _bootstrap(np.stack([samples[index] for index in indices]), resamples)
        for index, (low, high) in zip(indices, bounds, strict=True):
            found[index] = float(low), float(high)
    return found


def _bootstrap(samples: np.ndarray, resamples: int) -> np.ndarray:
    """(samples, images) -> (samples, 2)."""
    bounds = np.full((len(samples), 2), np.nan)
    for method in ("BCa", "percentile"):  # BCa is undefined for some samples that are nearly all alike
        lacking = ~np.isfinite(bounds).all(axis=1)
        if lacking.any():
            with np.errstate(all="ignore"):
                ends = scipy.stats.bootstrap(
                    (samples[lacking],), np.mean, n_resamples=resamples, confidence_level=CONFIDENCE, method=method,
                    axis=-1, batch=max(1, _BATCH // samples.size), rng=np.random.default_rng(0),
                ).confidence_interval  # fmt: skip
            bounds[lacking] = np.stack([ends.low, ends.high], axis=-1)
    return bounds


def _on_one_noise(
    part: pd.DataFrame, metric: str, repeated: Repeated, only: Collection[frozenset[str]] | None = None
) -> list[Pair]:
    """Every pair, not yet adjusted. `part`: one row an image of a data set and seed, one column a method."""
    names = [str(method) for method in part.columns[part.notna().any()]]
    places = [pair for pair in combinations(names, 2) if only is None or frozenset(pair) in only]
    if not places:
        return []
    a, b = (part[[pair[side] for pair in places]].to_numpy() for side in (0, 1))
    raw = pd.DataFrame(a - b, index=part.index)
    same = ((raw == 0) | raw.isna()).all().to_numpy()
    seeds = raw.notna().groupby(level="seed").any().sum().to_numpy()
    single = by_photograph(by_image(raw.reset_index(), list(raw.columns), repeated=repeated)).to_numpy()
    samples = [column[np.isfinite(column)] for column in single.T]
    tested = [index for index, sample in enumerate(samples) if len(sample) >= LEAST_IMAGES and not same[index]]
    bounds = dict(zip(tested, intervals([samples[index] for index in tested]), strict=True))
    found = []
    for index, ((first, second), sample) in enumerate(zip(places, samples, strict=True)):
        if not len(sample):
            found.append(Pair(first, second, 0))
            continue
        mean = float(sample.mean())
        p, sign = signed_rank(sample) if index in bounds else (None, 0)
        found.append(
            Pair(
                first,
                second,
                len(sample),
                mean,
                bounds.get(index),
                *wins_ties_losses(sample, metric),
                same=bool(same[index]),
                p=p,
                leads=sign if sign * mean > 0 else 0,
                seeds=int(seeds[index]),
            )
        )
    return found


def _adjusted(found: Mapping[str, list[Pair]]) -> dict[str, list[Pair]]:
    """With Holm's p. A family: one pair of methods, on all noise models on which it was tested."""
    family: dict[tuple[str, str], dict[str, float]] = {}
    for noise, row in found.items():
        for pair in row:
            if pair.p is not None:
                family.setdefault((pair.a, pair.b), {})[noise] = pair.p
    adjusted = {key: dict(zip(tested, holm(list(tested.values())), strict=True)) for key, tested in family.items()}
    return {
        noise: [replace(pair, adjusted=adjusted.get((pair.a, pair.b), {}).get(noise)) for pair in row]
        for noise, row in found.items()
    }
