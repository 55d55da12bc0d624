"""Strips of crops, noisy to clean. A picture goes into the page once; where it is shown again, it refers to the first."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from reports.model import NOISY, Crop, Method, Noise, Run
from reports.tables import PROTOCOLS, Score, Scores

#: Bytes of PNG in one page: 4/3 of it as base64 leaves room for the rest below 16 MiB.
PICTURE_BUDGET = 10 * 2**20
_LARGEST_PICTURE = 4 * 2**20
_LONGEST_SIDE = 1024
DETAIL = 32  # side of the enlarged square, pixels
ZOOM = 4


@dataclass(frozen=True)
class Picture:
    """A PNG in the page. `uri` is set where it is shown first; later uses name that place by `key`."""

    key: str
    uri: str
    width: int
    height: int


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


@dataclass(frozen=True)
class Gallery:
    """The strips of one noise model; `left_out` counts images beyond the page's budget."""

    noise: Noise
    strips: tuple[Strip, ...]
    left_out: int
    not_applicable: tuple[str, ...]


@dataclass(frozen=True)
class _File:
    key: str
    data: bytes
    width: int
    height: int


class _Album:
    """Reads each file once; knows which pictures are in the page already."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._files: dict[str, _File | str] = {}
        self._placed: set[str] = set()
        self._counted: set[str] = set()
        self.used = 0

    def read(self, name: str) -> _File | str:
        if name not in self._files:
            self._files[name] = _read_png(self._root, name)
        return self._files[name]

    def reserve(self, names: list[str]) -> bool:
        """Count the pictures against the budget; False, and nothing counted, where they no longer fit."""
        files = {file.key: file for name in names if isinstance(file := self.read(name), _File)}
        new = {key: len(file.data) for key, file in files.items() if key not in self._counted}
        if self.used + sum(new.values()) > PICTURE_BUDGET:
            return False
        self.used += sum(new.values())
        self._counted |= set(new)
        return True

    def place(self, name: str) -> tuple[Picture | None, str]:
        file = self.read(name)
        if isinstance(file, str):
            return None, file
        uri = ""
        if file.key not in self._placed:
            uri = "data:image/png;base64," + base64.b64encode(file.data).decode("ascii")
            self._placed.add(file.key)
        return Picture(file.key, uri, file.width, file.height), ""


def _read_png(root: Path, name: str) -> _File | str:
    """The file's bytes, or what is wrong with it. Names come from a file: they must not lead out of the directory."""
    if not name:
        return "no crop was stored"
    try:
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            return "the crop's path leads out of the run directory"
        if path.stat().st_size > _LARGEST_PICTURE:
            return "the crop's file is too large"
        data = path.read_bytes()
    except (OSError, ValueError, RuntimeError):
        return "the crop's file is missing"
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR" or len(data) < 33:
        return "the crop's file is not a PNG"
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if not (0 < width <= _LONGEST_SIDE and 0 < height <= _LONGEST_SIDE):
        return "the crop is too large to be shown"
    return _File("p" + hashlib.sha256(data).hexdigest()[:16], data, width, height)


def galleries(scores: Scores) -> list[Gallery]:
    """The strips of every noise model, in page order, as many as fit: first images before second ones."""
    run = scores.run
    album = _Album(run.directory)
    wanted = {noise.slug: _images(run, noise) for noise in scores.noises}
    taken: dict[str, list[_Image]] = {noise.slug: [] for noise in scores.noises}
    for turn in range(max((len(images) for images in wanted.values()), default=0)):
        for noise in scores.noises:
            images = wanted[noise.slug]
            if turn < len(images) and album.reserve(images[turn].files):
                taken[noise.slug].append(images[turn])
    values = _image_scores(run, taken)
    found = []
    for noise in scores.noises:
        strips = tuple(_strip(scores, noise, image, album, values) for image in taken[noise.slug])
        no = tuple(m.title for m in scores.methods if scores.state(noise, m).words == "\u2014")
        found.append(Gallery(noise, strips, len(wanted[noise.slug]) - len(strips), no))
    return found


@dataclass(frozen=True)
class _Image:
    dataset: str
    image: str
    seed: int
    crops: dict[str, Crop]  # by method
    files: list[str]


def _images(run: Run, noise: Noise) -> list[_Image]:
    """The images with crops of one noise model, at the lowest seed that has any."""
    cells = [cell for cell in run.cells if cell.noise == noise.slug and cell.crops]
    if not cells:
        return []
    seed = min(cell.seed for cell in cells)
    found: dict[tuple[str, str], dict[str, Crop]] = {}
    for cell in cells:
        if cell.seed == seed:
            for crop in cell.crops:
                found.setdefault((crop.dataset, crop.image), {})[cell.method] = crop
    images = []
    for (dataset, image), crops in sorted(found.items()):
        files = [crop.file for crop in crops.values()] + [crop.clean for crop in crops.values()]
        images.append(_Image(dataset, image, seed, crops, list(dict.fromkeys(files))))
    order = {name: index for index, name in enumerate(run.datasets)}
    return sorted(images, key=lambda item: (order.get(item.dataset, len(order)), item.image))


_Values = dict[tuple[str, str, int, str, str, str], float]


def _image_scores(run: Run, taken: dict[str, list[_Image]]) -> _Values:
    """(noise, method, seed, data set, image, metric) -> value, for the images shown."""
    table = run.table
    images = {item.image for items in taken.values() for item in items}
    table = table[table["image"].isin(images) & (table["status"] == "done")]
    keys = table[["noise", "method", "seed", "dataset", "image", "metric"]].itertuples(index=False, name=None)
    return dict(zip(keys, table["value"].tolist(), strict=True))


def _strip(scores: Scores, noise: Noise, image: _Image, album: _Album, values: _Values) -> Strip:
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
            (protocol, *(_score(values, noise, method, image, metric) for metric in PROTOCOLS[protocol]))
            for protocol in scores.protocols
        )
        items.append(Item(method.title, method, picture, problem, shown))  # type: ignore[arg-type]
    clean = next((crop.clean for crop in image.crops.values() if crop.clean), "")
    picture, problem = album.place(clean)
    items.append(Item("Clean", None, picture, problem, ()))
    return Strip(image.dataset, image.image, image.seed, tuple(items))


def _score(values: _Values, noise: Noise, method: Method, image: _Image, metric: str) -> Score:
    value = values.get((noise.slug, method.slug, image.seed, image.dataset, image.image, metric))
    score = Score(None, 2 if metric.startswith("psnr") else 3, 1, True)
    return score if value is None or value != value else replace(score, value=value)
