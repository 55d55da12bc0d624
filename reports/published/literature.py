"""What the field published for Gaussian noise on whole test sets: beside our levels, and gaps to the best that a source has."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from reports.numbers.tables import Scores
from reports.published.paper import cut_short
from reports.read.model import Method, Noise, Run
from reports.read.untrusted import mapping, number

#: What the others of a source are measured by: the first of these that it has.
REFERENCES = ("supervised", "noise2noise")
#: Formula of the noise models that have figures here, as run.json tells it.
GAUSSIAN = "y = x + ε, ε ~ N(0, σ²)"
#: Images of each set.
IMAGES: Mapping[str, int] = {"cbsd68": 68, "kodak24": 24}


@dataclass(frozen=True)
class Figure:
    """A published mean PSNR.

    Parameters
    ----------
    sigma : float
        Standard deviation of the Gaussian noise, in grey levels.
    dataset, channels : str, int
        Our name of the whole test set (its full images), in grey (1) or colour (3). CBSD68 in grey is BSD68.
    method : str
        Our slug of the method; titles are the source's ("DnCNN" is `supervised`).
    psnr : float
        dB.
    source : str
        Where it stands, in words.
    """

    sigma: float
    dataset: str
    channels: int
    method: str
    title: str
    psnr: float
    source: str


@cache
def literature() -> tuple[Figure, ...]:
    """All figures, in the order of the file."""
    lines = resources.files("reports.published").joinpath("literature.csv").read_text(encoding="utf-8").splitlines()
    return tuple(
        Figure(
            float(row["sigma"]), row["dataset"], int(row["channels"]), row["method"],
            row["title"], float(row["psnr"]), row["source"],
        )
        for row in csv.DictReader(lines)
    )  # fmt: skip


def gap(figure: Figure) -> tuple[float, Figure] | None:
    """How far (dB) a figure is below the reference of its source on the same images, and that; None for a reference itself."""
    same = (figure.sigma, figure.dataset, figure.channels, figure.source)
    beside = {f.method: f for f in literature() if (f.sigma, f.dataset, f.channels, f.source) == same}
    reference = next((beside[slug] for slug in REFERENCES if slug in beside), None)
    return None if reference in (None, figure) else (reference.psnr - figure.psnr, reference)


@dataclass(frozen=True)
class Gap:
    """A figure's distance (dB) to the reference of its source, and that of the same two methods in a run; None: not there."""

    figure: Figure
    reference: Figure
    below: float
    ours: float | None


def gaps(run: Run) -> tuple[Gap, ...]:
    """Every gap that has been published, beside a run's own on the same images and noise."""
    scores = Scores(run)
    methods = {method.slug: method for method in scores.methods}
    found = []
    for figure in literature():
        told = gap(figure)
        if told is not None:
            noise = next((noise for noise in scores.noises if figure in comparable(scores, noise, figure.dataset)), None)
            means = [_mean(scores, noise, methods.get(each.method), figure.dataset) for each in (told[1], figure)]
            ours = means[0] - means[1] if means[0] is not None and means[1] is not None else None
            found.append(Gap(figure, told[1], told[0], ours))
    return tuple(found)


def _mean(scores: Scores, noise: Noise | None, method: Method | None, dataset: str) -> float | None:
    """Of all the set's images, whole."""
    if noise is None or method is None or scores.crop(noise, method):
        return None
    mean = scores.score(noise, method, dataset, "psnr")
    return mean.value if mean.complete else None


def comparable(scores: Scores, noise: Noise, dataset: str) -> tuple[Figure, ...]:
    """The figures of the same noise on the same images as a run's test set, where all of that is scored; else none."""
    sigma = number(noise.parameters.get("sigma"))
    plain = noise.formula == GAUSSIAN and set(noise.parameters) == {"sigma"}
    images = IMAGES.get(dataset)
    if not plain or sigma is None or cut_short(scores.run, dataset) != ([], images) or scores.images(noise, dataset) != images:
        return ()
    # runs of old have colour alone
    channels = mapping(mapping(scores.run.info.get("settings")).get("fields")).get("colours", 3)
    return tuple(f for f in literature() if (f.sigma, f.dataset, f.channels) == (sigma, dataset, channels))
