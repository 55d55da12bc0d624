"""Two runs, paired image by image: where they agree, where they differ, and where one cannot tell.

A difference is that of the second run minus the first's, of the same noise model, method, seed, data set, image and metric;
over the seeds that both have it is averaged, so that an image has one difference, and near duplicates within a set (those that
run A knows of, or B where A does not say) count once. Pooled over data sets, a photograph that is in several of them counts
once, with the mean of its differences. Intervals are over images: with one training each they tell
whether these two networks differ, not whether two ways of training do. So what was trained agrees where it lies within what
retraining alone does: TOLERANCE, twice the spread of retraining, holds about 95 % of correct reruns, of a row; what trains
nothing, such as the noisy input, is held to UNTRAINED, as it is computed from the same numbers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd

from reports.numbers.differences import Difference, code_differences, environment_differences, setting_differences
from reports.numbers.origins import code_of
from reports.numbers.pairs import Interval, by_image, by_photograph, interval, wins_ties_losses
from reports.numbers.retraining import RETRAINING
from reports.numbers.tables import DIGITS, PROTOCOLS, signed
from reports.read.model import NOISY, Run

#: Two runs agree where the whole interval lies within this many dB of 0: of normal differences 95 % are less than twice their
#: root mean square.
TOLERANCE = 2 * RETRAINING
#: The same of what trains nothing (dB): the precision that is printed.
UNTRAINED = 0.01
#: The data set that stands for all of them.
POOLED = ""
_CELL = ["noise", "method"]
_KEY = [*_CELL, "seed", "dataset", "image", "metric", "crop"]


@dataclass(frozen=True)
class Row:
    """One noise model, method and metric, on one data set or all of them (POOLED)."""

    noise_no: int
    noise: str
    method: str
    dataset: str
    metric: str
    images: int  # distinct photographs with a finite value in both runs
    mean_a: float | None
    mean_b: float | None
    difference: float | None  # mean of B - A
    wins: int  # images on which B is higher as printed (by 0.005 dB or 0.0005 of SSIM), lower, and neither
    losses: int
    ties: int
    identical: bool
    tolerance: float = TOLERANCE  # dB
    differences: np.ndarray = field(repr=False, compare=False, default_factory=lambda: np.empty(0))  # one an image

    @cached_property
    def interval(self) -> Interval | None:
        """Of the mean difference; None with too few images."""
        return interval(self.differences)

    @property
    def verdict(self) -> str:
        """identical | agree | B higher | B lower | unclear | too few images | no values.

        The tolerance is in dB, so `agree`, `B higher`, `B lower` and `unclear` are said of PSNR alone.
        """
        if self.images == 0:
            return "no values"
        if self.identical:
            return "identical"
        if self.interval is None:
            return "too few images"
        if not self.metric.startswith("psnr"):
            return ""
        low, high = self.interval
        if low >= -self.tolerance and high <= self.tolerance:
            return "agree"
        return "B higher" if low > self.tolerance else "B lower" if high < -self.tolerance else "unclear"


@dataclass(frozen=True)
class Comparison:
    """All that two runs have in common, and what they have not."""

    settings: tuple[Difference, ...]
    environment: tuple[Difference, ...]
    rows: tuple[Row, ...]
    unpaired: tuple[str, ...]  # sentences
    paired: int  # values compared

    @property
    def identical(self) -> bool:
        """Every value that both have is the same."""
        return all(row.identical for row in self.rows)

    def pooled(self, metric: str) -> list[Row]:
        return [row for row in self.rows if row.dataset == POOLED and row.metric == metric]

    @property
    def unlike_inputs(self) -> list[Row]:
        """PSNR rows of the noisy input itself that differ: then the two runs did not denoise the same noisy images."""
        rows = self.pooled(PROTOCOLS[self.protocol][0])
        return [row for row in rows if row.method == NOISY and row.wins + row.losses]

    @property
    def shown(self) -> list[Row]:
        """PSNR rows, pooled and by data set; the noisy input's only where the two differ in it, or have nothing else."""
        rows = [row for row in self.rows if row.metric == PROTOCOLS[self.protocol][0]]
        return rows if self.unlike_inputs else [row for row in rows if row.method != NOISY] or rows

    @property
    def protocol(self) -> str:
        """The first protocol that both runs have PSNR values of."""
        metrics = {row.metric for row in self.rows}
        return next((name for name, (psnr, _) in PROTOCOLS.items() if psnr in metrics), "standard")


def compare(a: Run, b: Run) -> Comparison:
    """Pair run `b` with run `a`. Raises ValueError, one line, where they have no value in common."""
    first, second = _values(a), _values(b)
    both = first.merge(second, on=_KEY, how="inner", suffixes=("_a", "_b"))
    if both.empty:
        raise ValueError(_nothing_common(a, b, first, second))
    rows = tuple(_rows(both, _numbers(b) | _numbers(a), (a, b)))
    told = bool(a.info and b.info)
    environment = environment_differences(a.info, b.info) if told else ()
    return Comparison(
        settings=setting_differences(a.info, b.info) if told else (),
        environment=environment + code_differences(code_of(a), code_of(b)),
        rows=rows,
        unpaired=tuple(_unpaired(first, second, both)),
        paired=int(both[["value_a", "value_b"]].notna().all(axis=1).sum()),
    )


def outcome(rows: Sequence[Row], name: Callable[[Row], str]) -> list[str]:
    """Sentences on pooled PSNR rows, the noisy input's aside: how large the differences are, and how many of each verdict.

    `name` gives a row's noise model and method as the reader knows them.
    """
    rows = [row for row in rows if row.method != NOISY] or list(rows)
    known = [(row, row.difference) for row in rows if row.difference is not None]
    if not known:
        return ["No value is finite in both."]
    largest, difference = max(known, key=lambda pair: abs(pair[1]))
    mean = fmean(abs(gap) for _, gap in known)
    counts = Counter(row.verdict for row in rows)
    return [
        f"{len(known)} noise model x method: mean absolute difference {mean:.2f} dB; largest {signed(difference)} dB, "
        f"{name(largest)}.",
        ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()) + ".",
    ]


def write_csv(comparison: Comparison, path: Path) -> None:
    """Every row, all metrics, each data set and pooled (its `dataset` is empty)."""
    lines = [
        {
            **{"noise_no": row.noise_no, "noise": row.noise, "method": row.method, "dataset": row.dataset},
            **{"metric": row.metric, "images": row.images, "mean_a": row.mean_a, "mean_b": row.mean_b},
            **{"difference": row.difference, "low": row.interval and row.interval[0], "high": row.interval and row.interval[1]},
            **{"wins": row.wins, "ties": row.ties, "losses": row.losses, "verdict": row.verdict},
        }
        for row in comparison.rows
    ]
    pd.DataFrame(lines).to_csv(path, index=False, lineterminator="\n")


def _values(run: Run) -> pd.DataFrame:
    """One value a key, of the finished cells."""
    table = run.table
    done = table[(table["status"] == "done") & (table[["metric", "dataset", "image"]] != "").all(axis=1)]
    return done.groupby(_KEY, sort=False, as_index=False)["value"].mean()


def _numbers(run: Run) -> dict[str, int]:
    return {noise.slug: noise.number for noise in run.noises}


def _rows(both: pd.DataFrame, numbers: Mapping[str, int], runs: tuple[Run, Run]) -> Iterable[Row]:
    """Rows in the order of the noise models, of the methods and data sets in the first run, and of the known metrics."""
    methods = _order(method.slug for run in runs for method in run.methods)
    datasets = _order([POOLED, *(name for run in runs for name in run.datasets)])
    metrics = _order([*DIGITS, *both["metric"].unique()])
    nth = _order([*numbers, *both["noise"].unique()])
    a, b = both["value_a"], both["value_b"]
    both = both.assign(same=(a == b) | (a.isna() & b.isna()))
    repeated = runs[0].repeated or runs[1].repeated
    untrained = {method.slug for run in runs for method in run.methods if not method.trains}
    images = by_image(both[a.notna() & b.notna()], ["value_a", "value_b"], of=[*_CELL, "metric"], repeated=repeated)
    rows = []
    for values, keys in ((images, [*_CELL, "metric", "dataset"]), (by_photograph(images), [*_CELL, "metric"])):
        pairs = {key: part.to_numpy() for key, part in values.groupby(keys, sort=False)}
        for key, same in both.groupby(keys, sort=False)["same"].all().items():
            noise, method, metric, dataset = map(str, (*key, POOLED)[:4])
            place = (numbers.get(noise, 0), noise, method, dataset, metric)
            order = (place[0] or math.inf, nth[noise], methods.get(method, 0), datasets.get(dataset, 0), metrics[metric])
            tolerance = UNTRAINED if method in untrained else TOLERANCE
            rows.append((order, _row(place, pairs.get(key, np.empty((0, 2))), bool(same), tolerance)))
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]


def _row(place: tuple[int, str, str, str, str], pairs: np.ndarray, identical: bool, tolerance: float) -> Row:
    if not len(pairs):
        return Row(*place, 0, None, None, None, 0, 0, 0, identical, tolerance)
    differences = pairs[:, 1] - pairs[:, 0]
    wins, ties, losses = wins_ties_losses(differences, place[4])
    mean_a, mean_b = (float(mean) for mean in pairs.mean(axis=0))
    return Row(
        *place,
        images=len(pairs),
        mean_a=mean_a,
        mean_b=mean_b,
        difference=float(differences.mean()),
        wins=wins,
        losses=losses,
        ties=ties,
        identical=identical,
        tolerance=tolerance,
        differences=differences,
    )


def _order(names: Iterable[object]) -> dict[str, int]:
    return {str(name): index for index, name in enumerate(dict.fromkeys(names))}


def _nothing_common(a: Run, b: Run, first: pd.DataFrame, second: pd.DataFrame) -> str:
    for run, values in ((a, first), (b, second)):
        if values.empty:
            return f"{run.directory}: no cell is finished, so there is nothing to compare"
    for column in ("noise", "method", "dataset", "image", "seed", "metric"):
        here, there = set(first[column]), set(second[column])
        if not here & there:
            word = {"noise": "noise model", "dataset": "data set"}.get(column, column)
            return f"no {word} in common: A has {_some(here)}, B has {_some(there)}"
    return "no noise model, method, seed, data set and image in common"


def _unpaired(first: pd.DataFrame, second: pd.DataFrame, both: pd.DataFrame) -> Iterable[str]:
    """What only one of the two has: whole cells, then seeds, data sets, images and metrics within the common cells."""
    here, there = _distinct(first, _CELL), _distinct(second, _CELL)
    for name, own, other in (("A", here, there), ("B", there, here)):
        if own - other:
            words = {f"{noise} {method}" for noise, method in own - other}
            yield f"{len(words)} cell(s) are done in {name} alone: {_some(words)}."
    common = pd.DataFrame(sorted(here & there), columns=_CELL)
    first, second = first.merge(common, on=_CELL), second.merge(common, on=_CELL)
    words_of = {"seed": "seed", "dataset": "data set", "image": "image", "metric": "metric", "crop": "crop (0: whole image)"}
    for column, word in words_of.items():
        around = [*_CELL, "dataset"] if column == "image" else _CELL
        here, there = (_distinct(values, [*around, column]) for values in (first, second))
        for name, own, other in (("A", here, there), ("B", there, here)):
            shared = {entry[:-1] for entry in other}  # a data set that the other has not at all is said already
            words = {"/".join(map(str, entry[2:])) for entry in own - other if entry[:-1] in shared}
            if words:
                yield f"Of common cells, {word} {_some(words)} is in {name} alone."
    yield from _single(first, second, list(words_of))
    lost = both[both[["value_a", "value_b"]].isna().any(axis=1)]
    if len(lost):
        words = set(lost["noise"] + " " + lost["method"])
        yield f"{len(lost)} pair(s) were left out, as a value is not finite: {_some(words)}."


def _single(first: pd.DataFrame, second: pd.DataFrame, columns: list[str]) -> Iterable[str]:
    """Single values that one run lacks whose cell has the seed, data set, image, metric and crop of each in other values."""
    place = [*_CELL, *columns]
    for name, own, other in (("A", first, second), ("B", second, first)):
        lacking = _distinct(own, place) - _distinct(other, place)
        for column in columns:
            around = [*_CELL, "dataset", column] if column == "image" else [*_CELL, column]
            there, at = _distinct(other, around), [place.index(each) for each in around]
            lacking = {entry for entry in lacking if tuple(entry[index] for index in at) in there}
        if lacking:
            words = (" ".join(map(str, (*entry[:2], *entry[3:6]))) for entry in lacking)
            yield f"{len(lacking)} value(s) of common cells are in {name} alone: {_some(words, 3)}."


def _distinct(values: pd.DataFrame, columns: list[str]) -> set[tuple[Any, ...]]:
    return set(values[columns].itertuples(index=False, name=None))


def _some(names: Iterable[object], most: int = 6) -> str:
    """The first few names in one line."""
    words = sorted(" ".join(str(name).split()) for name in names)
    words = [word if len(word) <= 60 else word[:59] + "\u2026" for word in words]
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")
