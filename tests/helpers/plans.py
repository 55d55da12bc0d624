"""Plans for tests: the entries of a run's cells, and cells made by hand."""

from __future__ import annotations

import methods
import noise
from bench.plan.cells import Cell, Entry, make_cells
from bench.plan.settings import Settings


def planned(settings: Settings, key: str = "images") -> list[Entry]:
    """The entries of all cells. `key`: the images' part of training keys."""
    return [cell.entry for cell in make_cells(settings, key)]


def cell_of(method: str, noise_no: int) -> Cell:
    """The first cell of a method on a noise model; it has no training key."""
    chosen, model = methods.get(method), noise.get(noise_no)
    return Cell(Entry(noise_no, model.slug, method, 0, "yes", "", None, chosen.wants_decorrelated(model)), model, chosen)
