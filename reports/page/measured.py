"""Crops of measured noise for its section: the judgement of the eye counts most where there is no truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.numbers.tables import Scores
from reports.page.crops import Shot, Stock, Strip, image_scores, strip
from reports.read.untrusted import text

#: Share of the page's pictures that they may take.
SHARE = 0.3


@dataclass(frozen=True)
class Seen:
    """A strip of the row of that title."""

    title: str
    strip: Strip


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
            found.setdefault(name, []).append(Seen(noise.title, made))
    return found


def _fullest(shots: Mapping[tuple[str, str], Shot], stored: Stock) -> Shot:
    """The image with the most pictures; of equals the first."""
    return max(shots.values(), key=lambda shot: sum(stored.album.there(file) for file in shot.files))
