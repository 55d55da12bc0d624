"""Crops of measured noise for its section: the judgement of the eye counts most where there is no truth."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from reports.numbers.tables import Scores
from reports.page.crops import Shot, Stock, Strip, image_scores, strip
from reports.read.untrusted import text

#: Share of the page's pictures that they may take.
SHARE = 0.3
#: Dark images are shown brighter, by a whole number at most so large.
BRIGHTEST = 16


@dataclass(frozen=True)
class Seen:
    """A strip of the row of that title; all its pictures are shown `brighter` times as bright as they are."""

    title: str
    strip: Strip
    brighter: int


def measured_strips(scores: Scores, stored: Stock) -> dict[str, list[Seen]]:
    """For each set one image, of each of its rows that has crops. To be made before the overview."""
    found: dict[str, list[Seen]] = {}
    taken: dict[str, tuple[str, str]] = {}
    for noise in scores.noises:
        name = text(noise.measured.get("name")) or noise.slug
        shots = {(shot.dataset, shot.image): shot for shot in stored.shots[noise.slug]} if noise.measured else {}
        if not shots:
            continue
        shot = shots.get(taken.get(name, ("", ""))) or _fullest(shots, stored)
        files = [file for file in shot.files if stored.album.there(file)]
        if stored.album.reserve(files, 0, SHARE):
            taken.setdefault(name, (shot.dataset, shot.image))
            made = strip(scores, noise, shot, stored.album, image_scores(scores.run, {shot.image}))
            found.setdefault(name, []).append(Seen(noise.title, made, _brighter(stored, files)))
    return found


def _fullest(shots: Mapping[tuple[str, str], Shot], stored: Stock) -> Shot:
    """The image with the most pictures; of equals the first."""
    return max(shots.values(), key=lambda shot: sum(stored.album.there(file) for file in shot.files))


def _brighter(stored: Stock, files: list[str]) -> int:
    """By how much pictures can be brighter where all but one pixel in a hundred of each stay below white."""
    bright = [_bright(data) for file in files if (data := stored.album.data(file))]
    return max(1, min(BRIGHTEST, int(255 / max(1.0, *bright)))) if bright else 1


def _bright(data: bytes) -> float:
    """The grey level that one value in a hundred of a PNG is above."""
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        return float(np.percentile(np.asarray(image.convert("RGB")), 99))
