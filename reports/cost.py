"""What each method cost: medians and ranges over the cells that were finished."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from reports.model import Cell, Method
from reports.tables import Scores
from reports.untrusted import texts, whole


@dataclass(frozen=True)
class Spread:
    """A median and a range, with the format they are printed in."""

    middle: float | None
    low: float | None
    high: float | None
    digits: int

    @property
    def shown(self) -> str:
        return "n/a" if self.middle is None else self._print(self.middle)

    @property
    def range(self) -> str:
        if self.low is None or self.high is None:
            return ""
        low, high = self._print(self.low), self._print(self.high)
        return "" if low == high else f"{low} \u2013 {high}"

    @property
    def exact(self) -> str:
        return "" if self.middle is None else repr(self.middle)

    def _print(self, value: float) -> str:
        # Three significant digits are what a timing is worth; large counts get a thin space per thousand.
        digits = self.digits if abs(value) < 100 else 0
        return f"{value:,.{digits}f}".replace(",", "\u202f")


@dataclass(frozen=True)
class Cost:
    """One method's row."""

    method: Method
    cells: int
    trainings: int
    reused: int
    training_seconds: Spread
    denoise_seconds: Spread  # a megapixel
    parameters: Spread
    peak_memory: Spread


@dataclass(frozen=True)
class Sharing:
    """What was planned, and which cells needed no training of their own."""

    cells: int
    trainings: int | None
    shared: tuple[str, ...]


def costs(scores: Scores) -> list[Cost]:
    """A row for every method with a finished cell."""
    cells = [cell for cell in scores.run.cells if cell.status == "done"]
    owners: dict[str, str] = {}
    for cell in sorted(cells, key=lambda cell: cell.training.reused if cell.training else True):
        if cell.training and cell.training.key:
            owners.setdefault(cell.training.key, cell.method)
    rows = [_cost(method, [cell for cell in cells if cell.method == method.slug], owners) for method in scores.methods]
    return [row for row in rows if row.cells]


def _cost(method: Method, cells: list[Cell], owners: dict[str, str]) -> Cost:
    # A training that several cells use has one time: it is counted once a method.
    trainings = {cell.training.key or str(index): cell.training for index, cell in enumerate(cells) if cell.training}
    own = sum(owners.get(key, method.slug) == method.slug for key in trainings)
    return Cost(
        method=method,
        cells=len(cells),
        trainings=own,
        reused=sum(cell.training is not None for cell in cells) - own,
        training_seconds=_spread((training.seconds for training in trainings.values()), 1),
        denoise_seconds=_spread((_per_megapixel(cell) for cell in cells), 2),
        parameters=_spread((training.parameters for training in trainings.values()), 0),
        peak_memory=_spread((_memory(cell) for cell in cells), 0),
    )


def _per_megapixel(cell: Cell) -> float | None:
    if cell.denoise_seconds is None or not cell.megapixels or cell.megapixels < 0:
        return None
    return cell.denoise_seconds / cell.megapixels


def _memory(cell: Cell) -> float | None:
    known = [cell.peak_memory_mib, cell.training.peak_memory_mib if cell.training else None]
    return max((value for value in known if value is not None), default=None)


def _spread(values: Iterable[float | None], digits: int) -> Spread:
    known = [value for value in values if value is not None]
    if not known:
        return Spread(None, None, None, digits)
    return Spread(median(known), min(known), max(known), digits)


def sharing(scores: Scores) -> Sharing:
    """Planned cells and trainings, and the cells that share."""
    info = scores.run.info
    cells = max(whole(info.get("cells")), sum(scores.cell_counts.values()))
    return Sharing(cells, whole(info["trainings"]) if "trainings" in info else None, texts(info.get("shared")))
