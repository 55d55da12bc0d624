"""All figures that a run has the data for."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

from reports.figures.distance import distance
from reports.figures.levels import levels
from reports.figures.look import Drawing
from reports.figures.robust import robust
from reports.figures.strips import strips
from reports.figures.tradeoff import tradeoff
from reports.numbers.tables import Scores
from reports.read.model import Run
from reports.style.colour import styles


@dataclass(frozen=True)
class Figures:
    """What can be drawn, and a sentence for each figure, or part of one, that cannot."""

    drawings: tuple[Drawing, ...]
    left_out: tuple[str, ...]


def figures(run: Run) -> Figures:
    """Strips of crops, distance to supervised training, cost, levels, robustness. Nothing is drawn yet: see `files`."""
    scores, style = Scores(run), styles(run.methods)
    parts = (strips(scores), distance(scores, style), tradeoff(scores, style), levels(scores, style), robust(run))
    drawings = _apart([one for found, _ in parts for one in found])
    return Figures(tuple(drawings), tuple(words for _, left in parts for words in left))


def _apart(drawings: list[Drawing]) -> list[Drawing]:
    """Each with a name of its own, on any file system: what several have gets a number."""
    taken: set[str] = set()
    found = []
    for drawing in drawings:
        names = (drawing.name if index == 1 else f"{drawing.name}-{index}" for index in itertools.count(1))
        name = next(name for name in names if name.casefold() not in taken)
        taken.add(name.casefold())
        found.append(replace(drawing, name=name))
    return found
