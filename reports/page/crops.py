"""Strips of crops, noisy to clean: what is in each, and which images come first."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from reports.numbers.ranking import Ranked, Ranking, landmarks, ranking
from reports.numbers.tables import PROTOCOLS, Score, Scores
from reports.page.pictures import Album, Picture, brighter
from reports.read.model import NOISY, Crop, Method, Noise, Run
from reports.style.colour import viridis

DETAIL = 32  # side of the enlarged square, pixels
ZOOM = 4
#: Grey levels at the upper end of the error maps' scale, the same for all of them.
ERROR_LIMIT = 50
#: The scale's 256 colours, six hexadecimal digits each.
ERROR_COLOURS = "".join("{:02x}{:02x}{:02x}".format(*viridis(level / 255)) for level in range(256))


@dataclass(frozen=True)
class Item:
    """One picture of a strip, or the reason why there is none."""

    title: str
    method: Method | None  # None: the clean image
    picture: Picture | None
    problem: str
    scores: tuple[tuple[str, Score, Score], ...]  # protocol, PSNR, SSIM of the whole image


@dataclass(frozen=True)
class Strip:
    """One image under one noise model."""

    dataset: str
    image: str
    seed: int
    items: tuple[Item, ...]
    ranked: Ranked | None  # its place among all images
    place: str  # best | median | worst of the images with crops, or nothing
    brighter: int  # all pictures are shown so many times as bright as they are

    @property
    def size(self) -> tuple[int, int] | None:
        """(width, height) that pictures must have to be compared: the clean one's, else the first one's."""
        return next((item.picture.size for item in (self.items[-1], *self.items) if item.picture), None)

    @property
    def comparable(self) -> tuple[Item, ...]:
        """The items that can be laid on top of each other."""
        return tuple(item for item in self.items if item.picture and item.picture.size == self.size)

    @property
    def has_error_maps(self) -> bool:
        return self.items[-1].picture is not None and len(self.comparable) > 1


@dataclass(frozen=True)
class Gallery:
    """The strips of one noise model: best, median, worst, then the others; `left_out`: images beyond the page's budget."""

    noise: Noise
    strips: tuple[Strip, ...]
    left_out: int
    not_applicable: tuple[str, ...]
    ranking: Ranking | str


@dataclass(frozen=True)
class Shot:
    """An image under a noise model, with the files of its crops."""

    dataset: str
    image: str
    seed: int
    crops: dict[str, Crop]  # by method
    ranked: Ranked | None
    place: str = ""
    lack: int = 0  # 0: all files are there, 1: some, 2: none

    @property
    def clean(self) -> str:
        """The file of the clean image."""
        return next((crop.clean for crop in self.crops.values() if crop.clean), "")

    @property
    def files(self) -> list[str]:
        return [name for crop in self.crops.values() for name in (crop.file, crop.clean)]


@dataclass(frozen=True)
class Stock:
    """What there is to show: rankings and images of each noise model, by slug, and the files of all."""

    album: Album
    rankings: Mapping[str, Ranking | str]
    shots: Mapping[str, list[Shot]]


#: Bytes that a page may have, and what a method's score on a set of a noise model, its place in the overview, and a row of the
#: long table take of them.
PAGE = 15 * 2**20
_A_CELL, _A_TILE, _A_ROW = 2700, 400, 800

#: Where not all images fit: what is typical first, what is good last.
_URGENT = ("median", "worst", "best")
_SHOWN = ("best", "median", "worst")


def stock(scores: Scores) -> Stock:
    """All images with crops of every noise model."""
    album = Album(scores.run.directory, _budget(scores))
    rankings = {noise.slug: ranking(scores, noise) for noise in scores.noises}
    shots = {noise.slug: _looked_up(_shots(scores.run, noise, rankings[noise.slug]), album) for noise in scores.noises}
    return Stock(album, rankings, shots)


def galleries(scores: Scores, stored: Stock | None = None) -> list[Gallery]:
    """The strips of every noise model, in page order, as many as fit: the first image of each before any second one."""
    stored = stored or stock(scores)
    album, rankings, wanted = stored.album, stored.rankings, stored.shots
    taken: dict[str, list[Shot]] = {noise.slug: [] for noise in scores.noises}
    queues = {slug: _by_place(images, _URGENT) for slug, images in wanted.items()}
    for turn in range(max(map(len, queues.values()), default=0)):
        for noise in scores.noises:
            queue = queues[noise.slug]
            if turn < len(queue) and album.reserve(queue[turn].files):
                taken[noise.slug].append(queue[turn])
    values = image_scores(scores.run, {shot.image for shots in taken.values() for shot in shots})
    found = []
    for noise in scores.noises:
        strips = tuple(strip(scores, noise, image, album, values) for image in _by_place(taken[noise.slug], _SHOWN))
        no = tuple(m.title for m in scores.methods if scores.state(noise, m).words == "\u2014")
        found.append(Gallery(noise, strips, len(wanted[noise.slug]) - len(strips), no, rankings[noise.slug]))
    return found


def _budget(scores: Scores) -> float:
    """Bytes of pictures that leave a page of all these numbers within its size: many methods have long tables."""
    pairs = len(scores.noises) * len(scores.methods)
    rows = len(scores.run.table.drop_duplicates(["noise", "method", "seed", "dataset"]))
    return (
        max(0.0, PAGE - _A_CELL * pairs * (len(scores.run.datasets) + 1) - _A_TILE * pairs - _A_ROW * rows) * 3 / 4
    )  # base64 takes 4 bytes for 3


def _looked_up(images: list[Shot], album: Album) -> list[Shot]:
    """The images, with whether their files are there: a run may be handed on without its crops, or with some."""

    def lack(image: Shot) -> int:
        there = [album.there(name) for name in image.files]
        return 0 if all(there) else 1 if any(there) else 2

    return [replace(image, lack=lack(image)) for image in images]


def _by_place(images: list[Shot], places: tuple[str, ...]) -> list[Shot]:
    """In the order of these places, the others last; but images whose files are there come before those whose are not."""

    def order(image: Shot) -> tuple[int, int]:
        return image.lack, places.index(image.place) if image.place in places else len(places)

    return sorted(images, key=order)


def _shots(run: Run, noise: Noise, ranked: Ranking | str) -> list[Shot]:
    """The images with crops of one noise model, at the lowest seed that has any; those that are ranked first."""
    cells = [cell for cell in run.cells if cell.noise == noise.slug and cell.crops]
    if not cells:
        return []
    seed = min(cell.seed for cell in cells)
    found: dict[tuple[str, str], dict[str, Crop]] = {}
    for cell in cells:
        if cell.seed == seed:
            for crop in cell.crops:
                found.setdefault((crop.dataset, crop.image), {})[cell.method] = crop
    order = {name: index for index, name in enumerate(run.datasets)}
    images = [
        Shot(*key, seed, found[key], ranked.find(*key) if isinstance(ranked, Ranking) else None)
        for key in sorted(found, key=lambda key: (order.get(key[0], len(order)), key[1]))
    ]
    sure = sorted((image for image in images if image.ranked), key=lambda image: image.ranked.rank if image.ranked else 0)
    places = landmarks(len(sure))
    unsure = [image for image in images if not image.ranked]
    return [replace(image, place=places.get(index, "")) for index, image in enumerate(sure)] + unsure


Values = dict[tuple[str, str, int, str, str, str], float]


def image_scores(run: Run, images: Collection[str]) -> Values:
    """(noise, method, seed, data set, image, metric) -> value, for the images shown."""
    table = run.table
    table = table[table["image"].isin(images) & (table["status"] == "done")]
    keys = table[["noise", "method", "seed", "dataset", "image", "metric"]].itertuples(index=False, name=None)
    return dict(zip(keys, table["value"].tolist(), strict=True))


def strip(scores: Scores, noise: Noise, image: Shot, album: Album, values: Values) -> Strip:
    """An image by all methods that apply, the noisy one first, the clean one last."""
    items = []
    for method in sorted(scores.methods, key=lambda m: m.slug != NOISY):
        state = scores.state(noise, method)
        if state.words == "\u2014":
            continue
        crop = image.crops.get(method.slug)
        picture, problem = album.place(crop.file) if crop else (None, "no crop was stored")
        if crop is None and state.status in ("failed", "timeout", "pending", "absent"):
            problem = state.words
        shown = tuple(
            (protocol, *(score_of(values, noise, method, image, metric) for metric in PROTOCOLS[protocol]))
            for protocol in scores.protocols
        )
        items.append(Item(method.title, method, picture, problem, shown))  # type: ignore[arg-type]
    picture, problem = album.place(image.clean)
    items.append(Item("Clean", None, picture, problem, ()))
    return Strip(image.dataset, image.image, image.seed, tuple(items), image.ranked, image.place, brighter(album, image.files))


def score_of(values: Values, noise: Noise, method: Method, image: Shot, metric: str) -> Score:
    """A method's score on an image, at the seed that is shown."""
    value = values.get((noise.slug, method.slug, image.seed, image.dataset, image.image, metric))
    score = Score(None, 2 if metric.startswith("psnr") else 3, 1, True)
    return score if value is None or value != value else replace(score, value=value)
