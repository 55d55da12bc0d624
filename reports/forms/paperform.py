"""The tables in the paper's form: a block per noise model, a row per method, PSNR / SSIM per data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.numbers.significance import Significance
from reports.numbers.tables import OVERALL, PROTOCOLS, Score, Scores, State
from reports.read.model import Method, Noise
from reports.read.untrusted import brief
from reports.style.words import numbered

#: Key, title, first and last noise model of the paper's Tables 2-4.
GROUPS = (
    ("additive", "Additive Gaussian noise", 1, 4),
    ("multiplicative", "Multiplicative noise", 5, 10),
    ("mixture", "Multiplicative and Gaussian noise", 11, 16),
)
_SYMBOLS: Mapping[str, str] = {"sigma": "σ", "alpha": "α", "lam": "λ", "extra_sigma": "extra σ"}


@dataclass(frozen=True)
class Row:
    """A method on one noise model. `scores` holds (PSNR, SSIM) by data set; it is empty where none is finished."""

    method: Method
    state: State
    scores: Mapping[str, tuple[Score, Score]]
    tied: str  # that it is not distinguishable from the best, or within the spread of retraining, in words; or ""


@dataclass(frozen=True)
class Block:
    """One noise model; `columns` are its finished data sets, and OVERALL after them where there are several."""

    noise: Noise
    parameters: str  # "σ = 25", or ""
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Table:
    """One of the paper's tables, at one protocol; `columns` are those of any of its blocks."""

    key: str
    title: str
    protocol: str
    columns: tuple[str, ...]
    images: Mapping[str, int]  # by data set
    seeds: int
    not_averaged: str  # what the mean over the data sets leaves out, in words; or ""
    among: str  # what the best are chosen from, in words
    blocks: tuple[Block, ...]

    @property
    def numbers(self) -> str:
        """Nos. 5–10; Nos. 5 and 7."""
        return numbered(block.noise for block in self.blocks)

    def scores(self, block: Block, row: Row) -> tuple[tuple[Score, Score] | None, ...]:
        """The row's scores for every column of the table; a mean over fewer sets than another block's is left out."""
        return tuple(
            None if column == OVERALL and block.columns != self.columns else row.scores.get(column) for column in self.columns
        )


def paper_tables(scores: Scores, tests: Significance) -> tuple[Table, ...]:
    """Every table that has a noise model of the run, by protocol; ties are marked at the protocol of the tests alone."""
    return tuple(
        table
        for protocol in scores.protocols
        for key, title, first, last in (*GROUPS, ("other", "Other noise models", 0, 0))
        if (table := _table(scores, tests, protocol, key, title, range(first, last + 1))).blocks
    )


def _table(scores: Scores, tests: Significance, protocol: str, key: str, title: str, numbers: range) -> Table:
    known = range(1, GROUPS[-1][3] + 1)
    added = [noise for noise in scores.noises if not noise.measured]  # measured noise has tables of its own
    noises = [noise for noise in added if noise.number in numbers or (key == "other" and noise.number not in known)]
    blocks = tuple(_block(scores, tests, protocol, noise) for noise in noises)
    images = {name: max((scores.images(noise, name) for noise in noises), default=0) for name in scores.run.datasets}
    images = {name: count for name, count in images.items() if count}
    return Table(
        key, title, protocol, _columns(tuple(images)), images, len(scores.seeds), scores.not_averaged, scores.among, blocks
    )


def _block(scores: Scores, tests: Significance, protocol: str, noise: Noise) -> Block:
    columns = _columns(scores.datasets(noise))
    by_column = {name: [scores.row(noise, name, metric) for metric in PROTOCOLS[protocol]] for name in columns}
    rows = []
    for method in scores.methods:
        state = scores.state(noise, method)
        known = columns if state.status in ("done", "partial") else ()
        found = {name: (by_column[name][0][method.slug], by_column[name][1][method.slug]) for name in known}
        tied = tests.tied.get((noise.slug, method.slug), "") if protocol == tests.protocol else ""
        rows.append(Row(method, state, found, tied))
    parameters = ", ".join(f"{_SYMBOLS.get(name, name)} = {brief(value)}" for name, value in noise.parameters.items())
    return Block(noise, parameters, columns, tuple(rows))


def _columns(datasets: tuple[str, ...]) -> tuple[str, ...]:
    return (*datasets, OVERALL) if len(datasets) > 1 else datasets
