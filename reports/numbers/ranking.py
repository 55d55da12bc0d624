"""Images in order of the difference in PSNR between two methods, so that a reader knows how typical the ones shown are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from reports.numbers.pairs import by_image, by_photograph, photographs
from reports.numbers.tables import OVERALL, PROTOCOLS, Scores
from reports.read.model import NOISY, Method, Noise


@dataclass(frozen=True)
class Ranked:
    """One photograph, in all data sets that have it; `places` are the (data set, image) that are it, or near duplicates."""

    image: str
    datasets: tuple[str, ...]
    difference: float  # PSNR of the method minus that of the reference, dB; mean over data sets and seeds
    rank: int  # 1: the highest difference
    places: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Ranking:
    """The photographs of one noise model that both methods were scored on, the highest difference first.

    `among`: what the method is the best of, in words.
    """

    method: Method
    reference: Method
    seeds: int
    images: tuple[Ranked, ...]
    among: str

    @property
    def named(self) -> tuple[tuple[str, Ranked], ...]:
        """The best, median and worst one, as far as there are so many."""
        return tuple((word, self.images[place]) for place, word in landmarks(len(self.images)).items())

    @cached_property
    def _places(self) -> dict[tuple[str, str], Ranked]:
        return {place: item for item in self.images for place in item.places}

    def find(self, dataset: str, image: str) -> Ranked | None:
        """The photograph's entry; None where a method lacks a finite value."""
        return self._places.get((dataset, image))


def landmarks(count: int) -> dict[int, str]:
    """Place -> best, median, worst, of `count` sorted things. Of an even number the first of the middle two is the median."""
    if count < 2:
        return {}
    return {0: "best", **({(count - 1) // 2: "median"} if count > 2 else {}), count - 1: "worst"}


def ranking(scores: Scores, noise: Noise) -> Ranking | str:
    """The method with the highest mean PSNR of the first group against the best supervised one, else against the noisy input.

    Of whole images, by the first protocol of the run. A sentence where there are no two such methods with a finite value on
    every image.
    """
    metric = PROTOCOLS[scores.protocols[0]][0]
    row = scores.row(noise, OVERALL, metric)
    means = {m: value for m in scores.methods if row[m.slug].complete and (value := row[m.slug].value) is not None}
    groups = [(group, [m for m in own if m in means]) for group, own in scores.ranked(noise).items() if not group.crop]
    group, competing = next(((group, own) for group, own in groups if own), (None, []))
    supervised = [m for m in means if m.supervised]
    references = supervised or [m for m in means if m.slug == NOISY]
    if group is None:
        return "The images are not ranked: no unsupervised method has a finite PSNR on every image."
    if not references:
        return "The images are not ranked: neither a supervised method nor the noisy input has a finite PSNR on every image."
    method, reference = max(competing, key=means.__getitem__), max(references, key=means.__getitem__)
    found = _ranked(scores, noise, metric, method, reference, group.among)
    return found if found.images else "The images are not ranked: no image was scored with both methods to compare."


def _ranked(scores: Scores, noise: Noise, metric: str, method: Method, reference: Method, among: str) -> Ranking:
    table = scores.run.table
    table = table[(table["noise"] == noise.slug) & (table["metric"] == metric) & (table["status"] == "done")]
    table = table[table["method"].isin([method.slug, reference.slug])]
    wide = table.pivot_table(index=["dataset", "image", "seed"], columns="method", values="value", sort=False)
    raw = (wide[method.slug] - wide[reference.slug]).dropna().rename("difference").reset_index()
    images = by_image(raw, ["difference"], repeated=scores.run.repeated)
    found = by_photograph(images)
    found["datasets"] = images.reset_index("dataset").groupby(level=["family", "image"])["dataset"].agg(tuple)
    found = found.reset_index().sort_values(["difference", "family", "image"], ascending=[False, True, True])
    places: dict[tuple[str, str], dict[tuple[str, str], None]] = {}
    named = photographs(raw, scores.run.repeated)
    for family, image, *place in zip(named["family"], named["image"], raw["dataset"], raw["image"], strict=True):
        places.setdefault((family, image), {})[place[0], place[1]] = None
    rows = found[["family", "image", "datasets", "difference"]].itertuples(index=False)
    ranked = tuple(
        Ranked(image, datasets, float(mean), rank, tuple(places[family, image]))
        for rank, (family, image, datasets, mean) in enumerate(rows, 1)
    )
    return Ranking(method, reference, raw["seed"].nunique(), ranked, among)
