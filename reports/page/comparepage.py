"""Two runs side by side as one self-contained page, in the report's own form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from reports.numbers.compare import POOLED, TOLERANCE, UNTRAINED, Comparison, Row, outcome
from reports.numbers.pairs import LEAST_IMAGES
from reports.numbers.retraining import RETRAINING
from reports.numbers.summary import View, difference_view
from reports.numbers.tables import PROTOCOL_TEXT, PROTOCOLS, signed
from reports.page.plots import Axis
from reports.page.render import heading, page
from reports.read.model import NOISY, Method, Noise, Run
from reports.read.untrusted import text
from reports.style.colour import styles

#: The colours reach as far as the largest difference, but not less and not more than this (PSNR in dB, SSIM).
_PSNR_RANGE, _SSIM_RANGE = (0.5, 6.0), (0.02, 0.3)
#: Size of the drawing of an interval (pixels).
_WIDTH, _HEIGHT = 130, 14


@dataclass(frozen=True)
class Side:
    """One of the two runs."""

    letter: str
    path: str
    title: str
    started: str
    git: str
    cells: int  # finished ones
    problems: tuple[str, ...]


@dataclass(frozen=True)
class HeatCell:
    """One noise model x method; without `psnr` there are only words to say why."""

    method: Method
    words: str  # the verdict, or why there is none
    psnr: View | None = None
    ssim: View | None = None


@dataclass(frozen=True)
class HeatRow:
    noise: Noise
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True)
class HeatMap:
    """All noise models x methods that either run has finished, and each method's mean (PSNR, SSIM) over its noise models."""

    methods: tuple[Method, ...]
    rows: tuple[HeatRow, ...]
    means: tuple[tuple[str, str], ...]
    limits: tuple[str, str]  # the colours' ends


@dataclass(frozen=True)
class Line:
    """A row of a table of differences: PSNR, SSIM, and where the interval is drawn (low, mean, high in pixels)."""

    noise: Noise
    method: Method
    psnr: Row
    ssim: Row | None
    drawn: tuple[float, float, float] | None


@dataclass(frozen=True)
class Listing:
    """The differences on one data set, or all of them together (POOLED)."""

    dataset: str
    lines: tuple[Line, ...]
    limit: str  # dB at the ends of the drawings
    band: tuple[float, float]  # where +-TOLERANCE is drawn (pixels)


def compare_page(comparison: Comparison, runs: tuple[Run, Run], paths: tuple[str, str]) -> str:
    """The page of `comparison = compare(*runs)`; `paths` names the two as the reader knows them."""
    methods, noises = _methods(runs), _noises(runs)
    unlike = {row.noise for row in comparison.unlike_inputs}
    shown = [method for method in methods.values() if unlike or method.slug != NOISY] or list(methods.values())
    listings = [listing for name in _datasets(comparison) if (listing := _listing(comparison, name, shown, noises))]
    pooled = [row for row in comparison.shown if row.dataset == POOLED]
    heat = _heat_map(comparison, runs, shown, noises)
    return page(
        "compare.html",
        title="two runs compared",
        protocols=(comparison.protocol,),
        protocol_text=PROTOCOL_TEXT,
        styles=styles(methods.values()),
        comparison=comparison,
        sides=[_side(*side) for side in zip("AB", paths, runs, strict=True)],
        unknown=[letter for letter, run in zip("AB", runs, strict=True) if not run.info],
        unlike=[noise for slug, noise in noises.items() if slug in unlike],
        findings=outcome(pooled, lambda row: f"{noises[row.noise].label}, {methods[row.method].title}"),
        heat=heat,
        listings=listings,
        pooled=POOLED,
        tolerance=f"{TOLERANCE:.2f}",
        untrained=UNTRAINED,
        retraining=RETRAINING,
        least_images=LEAST_IMAGES,
        forest=(_WIDTH, _HEIGHT),
    )


def _side(letter: str, path: str, run: Run) -> Side:
    done = run.table[run.table["status"] == "done"].drop_duplicates(["noise", "method", "seed"])
    info = run.info
    return Side(letter, path, heading(run), text(info.get("started")), text(info.get("git")), len(done), run.problems)


def _methods(runs: Iterable[Run]) -> dict[str, Method]:
    """Methods of either run by slug, in the first one's order; a bare table knows no title."""
    found: dict[str, Method] = {}
    for run in runs:
        for method in run.methods:
            if method.slug not in found or not found[method.slug].described:
                found[method.slug] = method
    return found


def _noises(runs: Iterable[Run]) -> dict[str, Noise]:
    found: dict[str, Noise] = {}
    for run in runs:
        for noise in run.noises:
            if noise.slug not in found or not found[noise.slug].formula:
                found[noise.slug] = noise
    return dict(sorted(found.items(), key=lambda item: item[1].order))


def _datasets(comparison: Comparison) -> list[str]:
    """Pooled first; a single data set is the same as all of them."""
    names = list(dict.fromkeys(row.dataset for row in comparison.rows))
    return [POOLED] if len(names) == 2 else names


def _heat_map(comparison: Comparison, runs: tuple[Run, Run], methods: Sequence[Method], noises: Mapping[str, Noise]) -> HeatMap:
    psnr_name, ssim_name = PROTOCOLS[comparison.protocol]
    psnr, ssim = ({(row.noise, row.method): row for row in comparison.pooled(name)} for name in (psnr_name, ssim_name))
    done = [
        set(zip(*(run.table.loc[run.table["status"] == "done", name] for name in ("noise", "method")), strict=True))
        for run in runs
    ]
    slugs = {method.slug for method in methods}
    limits = [
        _limit((row.difference for key, row in rows.items() if key[1] in slugs), bounds)
        for rows, bounds in ((psnr, _PSNR_RANGE), (ssim, _SSIM_RANGE))
    ]

    def cell(noise: Noise, method: Method) -> HeatCell:
        key = noise.slug, method.slug
        row = psnr.get(key)
        if row is None:
            has = [key in cells for cells in done]
            words = "no PSNR in common" if all(has) else "A only" if has[0] else "B only" if has[1] else "\u2014"
            return HeatCell(method, words)
        other = ssim[key].difference if key in ssim else None
        views = difference_view("psnr", row.difference, limits[0]), difference_view("ssim", other, limits[1], 3)
        return HeatCell(method, row.verdict, *views)

    cells = [HeatRow(noise, tuple(cell(noise, method) for method in methods)) for noise in noises.values()]
    means = []
    for method in methods:
        own = [[row.difference for key, row in rows.items() if key[1] == method.slug] for rows in (psnr, ssim)]
        means.append((_mean(own[0], 2), _mean(own[1], 3)))
    kept = tuple(row for row in cells if any(cell.words != "\u2014" for cell in row.cells))
    return HeatMap(tuple(methods), kept, tuple(means), (f"{limits[0]:.2g}", f"{limits[1]:.2g}"))


def _limit(differences: Iterable[float | None], bounds: tuple[float, float]) -> float:
    largest = max((abs(value) for value in differences if value is not None), default=0.0)
    return min(max(largest, bounds[0]), bounds[1])


def _mean(differences: Iterable[float | None], digits: int) -> str:
    known = [value for value in differences if value is not None]
    return signed(fmean(known), digits) if known else "n/a"


def _listing(comparison: Comparison, dataset: str, methods: Sequence[Method], noises: Mapping[str, Noise]) -> Listing | None:
    psnr_name, ssim_name = PROTOCOLS[comparison.protocol]
    by_slug = {method.slug: method for method in methods}
    rows = [row for row in comparison.rows if row.dataset == dataset and row.method in by_slug]
    ssim = {(row.noise, row.method): row for row in rows if row.metric == ssim_name}
    psnr = [row for row in rows if row.metric == psnr_name]
    ends = [end for row in psnr for end in (row.difference, *(row.interval or ()))]
    limit = _limit(ends, _PSNR_RANGE)
    axis = Axis(-limit, limit, 0.0, float(_WIDTH))

    def drawn(row: Row) -> tuple[float, float, float] | None:
        if row.difference is None:
            return None
        low, high = row.interval or (row.difference, row.difference)
        start, middle, end = (round(axis.place(min(max(value, -limit), limit)), 1) for value in (low, row.difference, high))
        return start, middle, end

    lines = [Line(noises[row.noise], by_slug[row.method], row, ssim.get((row.noise, row.method)), drawn(row)) for row in psnr]
    band = round(axis.place(-TOLERANCE), 1), round(axis.place(TOLERANCE), 1)
    return Listing(dataset, tuple(lines), f"{limit:.2g}", band) if lines else None
