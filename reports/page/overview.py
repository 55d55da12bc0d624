"""One image under all noise models by all methods: what there is to see, before anything is opened (the paper's Figure 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from reports.numbers.ranking import Ranking
from reports.numbers.tables import PROTOCOLS, Score, Scores, State
from reports.page.crops import Shot, Stock, Values, image_scores, score_of
from reports.page.pictures import Picture, brighter
from reports.read.model import NOISY, Method, Noise

#: Sides that the pictures may have (pixels); the largest of which all fit into that share of the page's pictures.
SIDES = (96, 80, 72, 64, 56, 48, 40, 32, 24)
SHARE = 0.3


@dataclass(frozen=True)
class Tile:
    """The centre of one crop, or why there is none."""

    method: Method
    state: State
    picture: Picture | None
    problem: str
    psnrs: tuple[tuple[str, Score], ...]  # protocol, PSNR of the whole image


@dataclass(frozen=True)
class Row:
    """One noise model; `other`: it shows another image than most, as it has no crops of that one, or images of its own.

    All its pictures are shown `brighter` times as bright as they are.
    """

    noise: Noise
    shot: Shot
    clean: Picture | None
    tiles: tuple[Tile, ...]
    other: bool
    brighter: int


@dataclass(frozen=True)
class Overview:
    """Noise models down, methods across, the noisy input first; `without`: noise models that have no picture of a method.

    `dataset` and `image` are what most noise models show; "" where all is measured noise, which has images of its own.
    """

    dataset: str
    image: str
    side: int
    methods: tuple[Method, ...]
    rows: tuple[Row, ...]
    without: tuple[Noise, ...]


def overview(scores: Scores, stored: Stock) -> Overview | None:
    """The table; None where no picture is there, or none fits into the page. To be made before the galleries."""
    shots = chosen(stored)
    if not shots:
        return None
    files = {slug: [name for name in shot.files if stored.album.there(name)] for slug, shot in shots.items()}
    names = [name for found in files.values() for name in found]
    side = next((side for side in SIDES if stored.album.reserve(names, side, SHARE)), None)
    if side is None:
        return None
    methods = tuple(sorted(scores.methods, key=lambda method: method.slug != NOISY))
    values = image_scores(scores.run, {shot.image for shot in shots.values()})
    measured = {noise.slug for noise in scores.noises if noise.measured}
    places = [(shot.dataset, shot.image) for slug, shot in shots.items() if slug not in measured]
    most = max(places, key=places.count, default=("", ""))
    rows = []
    for noise in scores.noises:
        if noise.slug in shots:
            shot = shots[noise.slug]
            clean, _ = stored.album.place(shot.clean, side)
            tiles = tuple(_tile(scores, noise, method, shot, stored, side, values) for method in methods)
            rows.append(Row(noise, shot, clean, tiles, (shot.dataset, shot.image) != most, brighter(stored.album, shot.files)))
    without = tuple(noise for noise in scores.noises if noise.slug not in shots)
    return Overview(*most, side, methods, tuple(rows), without)


def chosen(stored: Stock) -> dict[str, Shot]:
    """The image to show of each noise model: the same for all that have it, else the first one there.

    It is that with the most pictures; of equals, the one that is ranked nearest to the middle, so that it is a typical one.
    """

    def pictures(shot: Shot) -> int:
        return sum(stored.album.there(crop.file) for crop in shot.crops.values())

    found: dict[tuple[str, str], dict[str, Shot]] = {}
    for slug, shots in stored.shots.items():
        for shot in shots:
            if pictures(shot):
                found.setdefault((shot.dataset, shot.image), {})[slug] = shot
    if not found:
        return {}

    def order(place: tuple[str, str]) -> tuple[int, float]:
        own = found[place]
        return -sum(map(pictures, own.values())), _from_the_middle(own, stored)

    best = min(found, key=order)
    first = {slug: [shot for shot in shots if pictures(shot)] for slug, shots in stored.shots.items()}
    return {slug: found[best].get(slug, shots[0]) for slug, shots in first.items() if shots}


def _from_the_middle(shots: Mapping[str, Shot], stored: Stock) -> float:
    """How far an image is from the middle of the ranked ones: 0 in the middle, 1 at either end or where it is not ranked."""
    far = []
    for slug, shot in shots.items():
        ranking = stored.rankings[slug]
        last = len(ranking.images) - 1 if isinstance(ranking, Ranking) else 0
        far.append(abs(2 * (shot.ranked.rank - 1) / last - 1) if shot.ranked and last else 1.0)
    return round(fmean(far), 6)


def _tile(scores: Scores, noise: Noise, method: Method, shot: Shot, stored: Stock, side: int, values: Values) -> Tile:
    state = scores.state(noise, method)
    crop = shot.crops.get(method.slug)
    picture, problem = stored.album.place(crop.file, side) if crop else (None, "no crop was stored")
    if crop is None and state.status not in ("done", "partial"):
        problem = state.words
    psnrs = tuple((name, score_of(values, noise, method, shot, PROTOCOLS[name][0])) for name in scores.protocols)
    return Tile(method, state, picture, problem, psnrs)
