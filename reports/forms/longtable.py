"""The one long table: a row per noise model, method, seed and data set, all metrics beside each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reports.forms.markup import FORMS, Field
from reports.numbers.tables import DIGITS, STATUS_TEXT, Score, Scores


@dataclass(frozen=True)
class LongRow:
    """A row; one without scores says why in `detail`."""

    noise_no: int
    noise: str
    method: str
    seed: int
    dataset: str
    images: int
    scores: tuple[Score, ...]
    status: str
    detail: str
    reduced: str = ""  # what a method on one image was given less than it asks for, in words


@dataclass(frozen=True)
class Listing:
    """The table in one format: a line per row, so that a reader's choice of rows can be put together from them."""

    head: str
    lines: tuple[str, ...]
    foot: str

    def text(self) -> str:
        """The whole table."""
        return self.head + "".join(line + "\n" for line in self.lines) + self.foot


@dataclass(frozen=True)
class Choice:
    """A column that rows can be chosen by."""

    column: int
    heading: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class LongTable:
    """All rows in the results table's order."""

    metrics: tuple[str, ...]
    rows: tuple[LongRow, ...]

    @property
    def headings(self) -> tuple[str, ...]:
        return ("No.", "Noise", "Method", "Seed", "Data set", "Images", *self.metrics, "Status")

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The columns with words or seeds of which there is more than one."""
        columns = {1: "noise", 2: "method", 3: "seed", 4: "dataset", len(self.headings) - 1: "status"}
        found = [
            Choice(column, self.headings[column], tuple(dict.fromkeys(str(getattr(row, name)) for row in self.rows)))
            for column, name in columns.items()
        ]
        return tuple(choice for choice in found if len(choice.values) > 1)

    def listing(self, form: str) -> Listing:
        """The rows as "csv" (scores in full precision), "markdown" or "latex" (as printed)."""
        escape, join = FORMS[form]

        def line(fields: Iterable[Field]) -> str:
            return join(map(escape, fields))

        lines = tuple(line(self._fields(row, exact=form == "csv")) for row in self.rows)
        heading = line(self.headings) + "\n"
        left = [name in ("Noise", "Method", "Data set", "Status") for name in self.headings]
        if form == "csv":
            return Listing(heading, lines, "")
        if form == "markdown":
            return Listing(heading + join(":--" if text else "--:" for text in left) + "\n", lines, "")
        columns = "r@{\\extracolsep{\\fill}}" + "".join("l" if text else "r" for text in left[1:])
        return Listing(
            "% Needs \\usepackage{booktabs}.\n\\begin{table}[htbp]\n\\centering\n"
            "\\caption{Scores of single cells by data set: PSNR in dB and SSIM, mean over the images.}\n"
            # Eleven columns: the longest names fit into a usual text at this size.
            "\\fontsize{5.5}{6.6}\\selectfont\\setlength{\\tabcolsep}{0pt}\n"
            f"\\begin{{tabular*}}{{\\linewidth}}{{{columns}}}\n\\toprule\n{heading}\\midrule\n",
            lines,
            "\\bottomrule\n\\end{tabular*}\n\\end{table}\n",
        )

    def _fields(self, row: LongRow, exact: bool) -> list[Field]:
        scores: list[Field] = [score.value if exact else score.shown + "†" * bool(score.note) for score in row.scores]
        start: list[Field] = [row.noise_no or None, row.noise, row.method, row.seed, row.dataset, row.images or None]
        status = f"{row.status} ({row.reduced})" if row.reduced else row.status
        return [*start, *(scores or [None] * len(self.metrics)), status]


def long_table(scores: Scores) -> LongTable:
    """The results table, its metrics beside each other: the known ones first, then whatever else is in it."""
    present = [name for name in scores.run.table["metric"].unique() if name]
    names = tuple([name for name in DIGITS if name in present] + [name for name in present if name not in DIGITS])
    return LongTable(names, tuple(_rows(scores, names)))


def _rows(scores: Scores, names: tuple[str, ...]) -> list[LongRow]:
    table = scores.run.table
    keys = ["noise_no", "noise", "method", "seed", "dataset", "status", "reason"]
    groups = table.groupby([*keys, "metric"], sort=False).agg(
        mean=("value", "mean"), rows=("value", "size"), finite=("value", "count"), images=("image", "nunique")
    )
    rows: dict[tuple[object, ...], tuple[int, dict[str, Score]]] = {}
    for (*key, metric), mean, size, finite, images in groups.itertuples():
        count, found = rows.get(tuple(key), (0, {}))
        if metric:
            note = "" if finite == size else f"mean of the {finite} finite values of {size}"
            value = float(mean) if finite else None
            found[metric] = Score(value, DIGITS.get(metric, 3), int(images), finite == size, note)
        rows[tuple(key)] = max(count, int(images)), found
    result = []
    blank = Score(None, 2, 0, False)
    for (number, noise, method, seed, dataset, status, reason), (images, found) in rows.items():
        reduced = scores.reduced(str(noise), str(method))
        cell = scores.run.cell(str(noise), str(method), int(str(seed)))
        message = cell.message if cell else ""
        result.append(
            LongRow(
                noise_no=int(str(number)),
                noise=str(noise),
                method=str(method),
                seed=int(str(seed)),
                dataset=str(dataset),
                images=images if dataset else 0,
                scores=tuple(found.get(name, blank) for name in names) if status == "done" else (),
                status=STATUS_TEXT.get(str(status), str(status)),
                detail=_detail(str(status), message, str(reason)),
                reduced=reduced if status == "done" else "",
            )
        )
    return result


def _detail(status: str, message: str, reason: str) -> str:
    if status == "done":
        return ""
    return message if status in ("failed", "timeout") and message else reason
