"""Scores out of the long table: means per data set, the best and second best, and what stands where there is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean, stdev

import pandas as pd

from reports.numbers.kinds import KINDS, Group, in_order, kind_of, reduced_words
from reports.read.exact import MOST_PSNR
from reports.read.model import Method, Noise, Run
from reports.style.words import listed

#: Protocol -> its (PSNR, SSIM) columns of the long table.
PROTOCOLS: Mapping[str, tuple[str, str]] = {"standard": ("psnr", "ssim"), "paper": ("psnr_paper", "ssim_paper")}
_EXACT = f"a PSNR is at most {MOST_PSNR:g} dB, that of an exact result"
PROTOCOL_TEXT: Mapping[str, str] = {
    "standard": f"clipped to [0, 255], rounded to 8 bits, peak 255; {_EXACT}; SSIM with a Gaussian 11x11 window (sigma 1.5), "
    "mean over the channels; whole image; mean of the per-image values",
    "paper": "the paper's definition, on the same denoised images: truncated to 8 bits, peak = the clean image's maximum "
    f"(255 where that is below 16, which is black), cropped to multiples of 32; {_EXACT}; "
    "SSIM with a uniform 7x7 window, mean over the channels; mean of the per-image values",
}
#: The data set that stands for the mean over all of them.
OVERALL = ""
#: Data sets of crops, and what they are cropped from: where both were tested, OVERALL has the latter alone.
_CROPPED: Mapping[str, str] = {"kodak24-500": "kodak24"}
#: Metric -> decimals printed; two scores are a tie when they print alike.
DIGITS: Mapping[str, int] = {"psnr": 2, "ssim": 3, "psnr_paper": 2, "ssim_paper": 3}

STATUS_TEXT: Mapping[str, str] = {
    "failed": "failed",
    "timeout": "out of time",
    "pending": "pending",
    "not-applicable": "not applicable",
}


@dataclass(frozen=True)
class Score:
    """One mean of per-image values."""

    value: float | None  # None: no finite value
    digits: int
    images: int
    complete: bool  # every image that another method has is in it, and every such seed that was asked of this one
    note: str = ""  # what is not complete, in words
    mark: str = ""  # best | second
    spread: float | None = None  # standard deviation (n - 1) over the means of `seeds` seeds; None with fewer than two
    seeds: int = 0  # those with a finite value of every image

    @property
    def shown(self) -> str:
        return "n/a" if self.value is None else f"{self.value:.{self.digits}f}"

    @property
    def spread_shown(self) -> str:
        return "n/a" if self.spread is None else f"{self.spread:.{self.digits}f}"

    @property
    def exact(self) -> str:
        return "" if self.value is None else repr(self.value)


@dataclass(frozen=True)
class State:
    """What became of one method on one noise model, over the seeds."""

    status: str  # done | partial | failed | timeout | pending | not-applicable | absent
    applicability: str
    reason: str
    message: str
    reduced: str = ""  # what a method on one image was given less than it asks for, in words

    @property
    def sign(self) -> str:
        """The paper's mark beside a score."""
        return {"indirect": "*", "infeasible": "\u00d7*"}.get(self.applicability, "")

    @property
    def words(self) -> str:
        """What to print in place of a score."""
        if self.status == "not-applicable" or self.applicability == "no":
            return "\u2014"
        return STATUS_TEXT.get(self.status, "not run")

    @property
    def explanation(self) -> str:
        return self.message if self.status in ("failed", "timeout") and self.message else self.reason


class Scores:
    """All means and states of a run, computed once."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.noises = run.noises
        self.methods = run.methods
        present = set(run.table["metric"])
        self.protocols = tuple(p for p, metrics in PROTOCOLS.items() if present & set(metrics)) or ("standard",)

    @cached_property
    def _done(self) -> pd.DataFrame:
        table = self.run.table
        return table[(table["status"] == "done") & (table["metric"] != "")]

    @cached_property
    def _means(self) -> dict[tuple[str, str, str, str], tuple[float, int, int, int]]:
        """(noise, method, data set, metric) -> mean, rows, finite rows, images."""
        groups = self._done.groupby(["noise", "method", "dataset", "metric"], sort=False)
        frame = groups.agg(
            mean=("value", "mean"), rows=("value", "size"), finite=("value", "count"), images=("image", "nunique")
        )
        return {key: (float(m), int(r), int(f), int(i)) for key, m, r, f, i in frame.itertuples()}

    @cached_property
    def _expected(self) -> dict[tuple[str, str], int]:
        """(noise, data set) -> the most rows that any method has there: images x seeds."""
        expected: dict[tuple[str, str], int] = {}
        for (noise, _, dataset, _), (_, rows, _, _) in self._means.items():
            expected[noise, dataset] = max(rows, expected.get((noise, dataset), 0))
        return expected

    @cached_property
    def _asked(self) -> Mapping[tuple[str, str], int]:
        """(noise, method) -> seeds that it was to be run with, done or not: merged runs may have fewer for some methods."""
        cells = self.run.table[["noise", "method", "seed"]].drop_duplicates()
        return Counter(zip(cells["noise"], cells["method"], strict=True))

    def datasets(self, noise: Noise) -> tuple[str, ...]:
        """The data sets that any method has finished on this noise model."""
        return tuple(name for name in self.run.datasets if (noise.slug, name) in self._expected)

    def averaged(self, noise: Noise) -> tuple[str, ...]:
        """Those that OVERALL is the mean of: no photographs twice."""
        names = self.datasets(noise)
        return tuple(name for name in names if _CROPPED.get(name) not in names)

    @property
    def not_averaged(self) -> str:
        """What OVERALL leaves out where both were tested, in words; or ""."""
        names = self.run.datasets
        found = [f"{name}, which has the photographs of {_CROPPED[name]}" for name in names if _CROPPED.get(name) in names]
        return f"without {listed(found)}" if found else ""

    def images(self, noise: Noise, dataset: str) -> int:
        """How many images of a data set any method was scored on."""
        return self._images.get((noise.slug, dataset), 0)

    @cached_property
    def _images(self) -> dict[tuple[str, str], int]:
        found: dict[tuple[str, str], int] = {}
        for (noise, _, dataset, _), (_, _, _, images) in self._means.items():
            found[noise, dataset] = max(images, found.get((noise, dataset), 0))
        return found

    @cached_property
    def _seed_means(self) -> dict[tuple[str, str, str, str], dict[int, float]]:
        """(noise, method, data set, metric) -> seed -> mean over the images, of the seeds that lack none."""
        groups = self._done.groupby(["noise", "method", "dataset", "metric", "seed"], sort=False)["value"].agg(
            ["mean", "count"]
        )
        found: dict[tuple[str, str, str, str], dict[int, float]] = {}
        for (noise, method, dataset, metric, seed), mean, finite in groups.itertuples():
            if finite >= self._images[noise, dataset]:
                found.setdefault((noise, method, dataset, metric), {})[int(seed)] = float(mean)
        return found

    def _spread(self, noise: Noise, method: Method, datasets: Iterable[str], metric: str) -> tuple[float | None, int]:
        """Standard deviation over the seeds of the mean over these data sets, and how many seeds are in it."""
        parts = [self._seed_means.get((noise.slug, method.slug, name, metric), {}) for name in datasets]
        seeds = sorted(set(parts[0]).intersection(*parts[1:])) if parts else []
        means = [fmean(part[seed] for part in parts) for seed in seeds]
        return (stdev(means) if len(means) > 1 else None), len(means)

    @cached_property
    def _states(self) -> dict[tuple[str, str], State]:
        cells = self.run.table[["noise", "method", "seed", "status"]].drop_duplicates()
        statuses: dict[tuple[str, str], list[str]] = {}
        for noise, method, status in zip(cells["noise"], cells["method"], cells["status"], strict=True):
            statuses.setdefault((noise, method), []).append(status)
        messages: dict[tuple[str, str], str] = {}
        for cell in self.run.cells:
            if cell.message:
                messages.setdefault((cell.noise, cell.method), cell.message)
        shares = {(cell.noise, cell.method): cell.steps_share for cell in self.run.cells if cell.steps_share is not None}
        states = {}
        for noise_model in self.noises:
            for method_info in self.methods:
                key = noise_model.slug, method_info.slug
                verdict = self.run.verdicts.get(key)
                applicability, reason = (verdict.applicability, verdict.reason) if verdict else ("", "")
                status = _overall(statuses.get(key, []), applicability)
                reduced = reduced_words(self._crops.get(key, 0), shares.get(key))
                states[key] = State(status, applicability, reason, messages.get(key, ""), reduced)
        return states

    def state(self, noise: Noise, method: Method) -> State:
        return self._states[noise.slug, method.slug]

    def reduced(self, noise: str, method: str) -> str:
        """What a method on one image was given less than it asks for, in words, by slugs; "" for others."""
        return self._states[noise, method].reduced if (noise, method) in self._states else ""

    def score(self, noise: Noise, method: Method, dataset: str, metric: str) -> Score:
        """The mean of the per-image values; for OVERALL the mean of the data sets' means."""
        digits = DIGITS.get(metric, 3)
        if dataset == OVERALL:
            parts = [self.score(noise, method, name, metric) for name in self.averaged(noise)]
            values = [part.value for part in parts if part.value is not None]
            mean = sum(values) / len(values) if values else None
            notes = dict.fromkeys(part.note for part in parts if part.note)
            complete = bool(parts) and len(values) == len(parts) and all(part.complete for part in parts)
            spread, seeds = self._spread(noise, method, self.averaged(noise), metric)
            images = sum(part.images for part in parts)
            return Score(mean, digits, images, complete, "; ".join(notes), spread=spread, seeds=seeds)
        mean, _, finite, images = self._means.get((noise.slug, method.slug, dataset, metric), (0.0, 0, 0, 0))
        asked = self.images(noise, dataset) * self._asked.get((noise.slug, method.slug), 0)
        expected = min(asked, self._expected.get((noise.slug, dataset), 0))
        note = "" if finite == expected else f"{dataset}: {finite} of {expected} values are there and finite"
        spread, seeds = self._spread(noise, method, [dataset], metric)
        return Score(mean if finite else None, digits, images, 0 < finite == expected, note, spread=spread, seeds=seeds)

    def row(self, noise: Noise, dataset: str, metric: str) -> dict[str, Score]:
        """Every method's score on one data set, the best and the second best of each group marked."""
        scores = {method.slug: self.score(noise, method, dataset, metric) for method in self.methods}
        for methods in self.ranked(noise).values():
            scores |= marked(scores, [method.slug for method in methods])
        return scores

    @cached_property
    def _crops(self) -> dict[tuple[str, str], int]:
        """(noise, method) -> side of the largest crop that it was scored on, where it was on any."""
        cut = self._done[self._done["crop"] > 0]
        found = cut.groupby(["noise", "method"], sort=False)["crop"].max()
        return {(str(noise), str(method)): int(crop) for (noise, method), crop in found.items()}

    def crop(self, noise: Noise, method: Method) -> int:
        """Side of the centre of the test images that it was scored on (pixels); 0: whole images."""
        return self._crops.get((noise.slug, method.slug), 0)

    def ranked(self, noise: Noise) -> dict[Group, list[Method]]:
        """Those that compete with each other on a noise model; one alone with a second draw, or others' weights, does not."""
        of = {method: Group(kind_of(method), self.crop(noise, method)) for method in self.methods if method.competes}
        found = {group: [method for method in of if of[method] == group] for group in in_order(of.values())}
        return {group: own for group, own in found.items() if len(own) > 1 or group.kind.key not in ("second", "weights")}

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Those that any finished method is in, on any noise model; before there is one, those of all methods."""
        done = {(noise, method) for noise, method, *_ in self._means}
        every = [(noise, *item) for noise in self.noises for item in self.ranked(noise).items()]
        there = [group for noise, group, methods in every if any((noise.slug, method.slug) in done for method in methods)]
        return in_order(there or [group for _, group, _ in every] or [Group(KINDS[0])])

    @property
    def among(self) -> str:
        """What the best and the second best are chosen from, in words."""
        kinds = {group.kind.key for group in self.groups}
        return "the unsupervised methods" if kinds <= {"any"} else "the methods that know alike and learn from alike"

    @cached_property
    def cell_counts(self) -> Counter[str]:
        """Cells (noise model x method x seed) by status, without those that cannot be applied."""
        table = self.run.table
        cells = table[table["status"] != "not-applicable"].drop_duplicates(["noise", "method", "seed"])
        return Counter(cells["status"])

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted({int(seed) for seed in self.run.table["seed"]}))


def marked(scores: Mapping[str, Score], competitors: Iterable[str]) -> dict[str, Score]:
    """The competitors with the best and the second best marked: what prints alike shares a mark; incomplete means get none."""
    ranked = {slug: scores[slug] for slug in competitors if scores[slug].complete and scores[slug].value is not None}
    printed = {slug: float(score.shown) for slug, score in ranked.items()}
    names = dict(zip(sorted(set(printed.values()), reverse=True), ("best", "second"), strict=False))
    marks = {slug: names.get(value, "") for slug, value in printed.items()}
    return {slug: replace(scores[slug], mark=marks.get(slug, "")) for slug in competitors}


def signed(value: float, digits: int = 2) -> str:
    """A difference with its sign, a true minus, and no sign on what prints as zero."""
    shown = f"{abs(value):.{digits}f}"
    return shown if float(shown) == 0 else ("+" if value > 0 else "\u2212") + shown


def _overall(statuses: list[str], applicability: str) -> str:
    kinds = set(statuses)
    if not kinds:
        return "not-applicable" if applicability == "no" else "absent"
    if "done" in kinds:
        return "done" if kinds == {"done"} else "partial"
    return next((kind for kind in ("failed", "timeout", "pending", "not-applicable") if kind in kinds), kinds.pop())
