"""What each method cost: medians and ranges over the cells that were finished."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from statistics import median

from reports.numbers.tables import Scores
from reports.read.model import Cell, Method, Run, Training
from reports.read.untrusted import mapping, text, texts, whole


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
    def rounded(self) -> float | None:
        """The median as it is printed: what prints alike is alike."""
        return None if self.middle is None else round(self.middle, self._digits(self.middle))

    @property
    def range(self) -> str:
        if self.low is None or self.high is None:
            return ""
        low, high = self._print(self.low), self._print(self.high)
        return "" if low == high else f"{low} \u2013 {high}"

    @property
    def exact(self) -> str:
        return "" if self.middle is None else repr(self.middle)

    def _digits(self, value: float) -> int:
        # Three significant digits are what a timing is worth.
        return self.digits if abs(value) < 100 else 0

    def _print(self, value: float) -> str:
        # Large counts get a thin space per thousand.
        return f"{value:,.{self._digits(value)}f}".replace(",", "\u202f")


@dataclass(frozen=True)
class Cost:
    """One method's row."""

    method: Method
    cells: int
    trainings: int
    reused: int
    training_seconds: Spread  # a network
    denoise_seconds: Spread  # a megapixel
    parameters: Spread
    gigaflops: Spread  # a megapixel, one forward pass
    peak_memory: Spread
    compute: Spread  # of a training, in per cent of supervised training's at the preset
    operations: Spread  # of a training, floating-point
    passes_with_gradient: Spread  # a step, in units of its patches' area
    passes_without_gradient: Spread
    pixels: Spread  # that went through the network with gradient, millions a training
    steps: Spread
    patches: Spread  # a step
    patch: Spread  # side, pixels
    passes: Spread  # of the network over a test image

    @property
    def trained(self) -> bool:
        return self.trainings + self.reused > 0


@dataclass(frozen=True)
class Sharing:
    """What was planned, and which cells needed no training of their own."""

    cells: int
    trainings: int | None
    shared: tuple[str, ...]


def costs(scores: Scores, noises: Collection[str] | None = None) -> list[Cost]:
    """A row for every method with a finished cell; with `noises`, from the cells of these noise models (slugs) alone."""
    done = [cell for cell in scores.run.cells if cell.status == "done"]
    owners: dict[str, str] = {}
    for cell in sorted(done, key=lambda cell: cell.training.reused if cell.training else True):
        if cell.training and cell.training.key:
            owners.setdefault(cell.training.key, cell.method)
    cells: dict[str, list[Cell]] = {}
    for cell in done:
        if noises is None or cell.noise in noises:
            cells.setdefault(cell.method, []).append(cell)
    return [_cost(method, cells[method.slug], owners) for method in scores.methods if method.slug in cells]


def _cost(method: Method, cells: list[Cell], owners: dict[str, str]) -> Cost:
    # A training that several cells use has one time: it is counted once a method.
    trainings = {cell.training.key or str(index): cell.training for index, cell in enumerate(cells) if cell.training}
    own = sum(owners.get(key, method.slug) == method.slug for key in trainings)

    def each(value: Callable[[Training], float | None], digits: int) -> Spread:
        return _spread(map(value, trainings.values()), digits)

    return Cost(
        method=method,
        cells=len(cells),
        trainings=own,
        reused=sum(cell.training is not None for cell in cells) - own,
        training_seconds=each(lambda training: training.seconds, 1),
        denoise_seconds=_spread((_per_megapixel(cell) for cell in cells), 2),
        parameters=each(lambda training: training.parameters, 0),
        gigaflops=each(lambda training: _scaled(training.flops_per_pixel, 1e-3), 1),
        peak_memory=_spread((_memory(cell) for cell in cells), 0),
        compute=each(_share, 1),
        operations=each(lambda training: training.operations, 0),
        passes_with_gradient=each(lambda training: training.passes_with_gradient, 2),
        passes_without_gradient=each(lambda training: training.passes_without_gradient, 2),
        pixels=each(lambda training: _scaled(training.pixels, 1e-6), 1),
        steps=each(lambda training: training.steps, 0),
        patches=each(lambda training: training.patches_per_step, 0),
        patch=each(lambda training: training.patch, 0),
        passes=_spread((cell.passes for cell in cells), 1),
    )


def _per_megapixel(cell: Cell) -> float | None:
    if cell.denoise_seconds is None or not cell.megapixels or cell.megapixels < 0:
        return None
    return cell.denoise_seconds / cell.megapixels


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _share(training: Training) -> float | None:
    if training.operations is None or not training.budget_operations or training.budget_operations < 0:
        return None
    return 100 * training.operations / training.budget_operations


def _memory(cell: Cell) -> float | None:
    known = [cell.peak_memory_mib, cell.training.peak_memory_mib if cell.training else None]
    return max((value for value in known if value is not None), default=None)


def _spread(values: Iterable[float | None], digits: int) -> Spread:
    known = [value for value in values if value is not None]
    if not known:
        return Spread(None, None, None, digits)
    return Spread(median(known), min(known), max(known), digits)


def budget(run: Run) -> str:
    """What is alike for all trainings, in words for a sentence; "" where no run.json tells the settings."""
    settings = mapping(run.info.get("settings"))
    preset = text(settings.get("preset"))
    # Runs made before there was a choice do not say: they had equal steps.
    alike = "training compute" if settings.get("equal") == "compute" else "numbers of steps"
    recipe = text(settings.get("recipe"))
    other = f", recipe \u201c{recipe}\u201d" if recipe not in ("", "best") else ""
    return f"at equal {alike} (preset \u201c{preset}\u201d{other})" if preset else ""


def sharing(scores: Scores) -> Sharing:
    """Planned cells and trainings, and the cells that share."""
    info = scores.run.info
    cells = max(whole(info.get("cells")), sum(scores.cell_counts.values()))
    return Sharing(cells, whole(info["trainings"]) if "trainings" in info else None, texts(info.get("shared")))
