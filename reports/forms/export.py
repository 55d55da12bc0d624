"""The tables in the paper's form as CSV, Markdown (GitHub) and LaTeX (booktabs)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import ceil

from reports.forms.longtable import long_table
from reports.forms.markup import Field, csv, csv_line, latex, latex_line, markdown, markdown_line
from reports.forms.measured import measured_latex, measured_markdown, measured_sets
from reports.forms.paperform import Block, Row, Table, paper_tables
from reports.numbers.significance import significance
from reports.numbers.tables import OVERALL, PROTOCOL_TEXT, Score, Scores
from reports.read.model import Run
from reports.style.words import counted, listed

#: The formats of `export`, their names, and the ending of a file of each.
FORMATS: Mapping[str, tuple[str, str]] = {"csv": ("CSV", "csv"), "markdown": ("Markdown", "md"), "latex": ("LaTeX", "tex")}
#: More rows do not fit on a page at LaTeX's \footnotesize.
PAGE_ROWS = 45

_SIGNS = {
    "*": "the method applies indirectly",
    "×*": "not feasible in theory, trained and reported all the same",
    "—": "the method does not apply",
    "≈": "not distinguishable from the best, or within the spread of retraining",
    "†": "some values are missing, so the score takes no part in the ranking",
}
#: Mark, or "spread", -> how it is written.
_MARKDOWN_MARKS = {"best": "**{}**", "second": "<ins>{}</ins>", "spread": "±{}"}
_LATEX_MARKS = {"best": r"\textbf{{{}}}", "second": r"\underline{{{}}}", "spread": r"{{\tiny$\pm${}}}"}


def export(run: Run, form: str) -> str:
    """All scores of a run as text: the tables in the paper's form and of measured noise, or for "csv" the long table.

    `form` is a key of FORMATS.
    """
    scores = Scores(run)
    if form == "csv":
        return long_table(scores).listing(form).text()
    as_measured = measured_latex if form == "latex" else measured_markdown
    tables = [WRITERS[form](table) for table in paper_tables(scores, significance(scores))]
    tables += map(as_measured, measured_sets(scores))
    return "\n".join(tables) or ("% " if form == "latex" else "") + "No noise model is known, so there is no table.\n"


def as_csv(table: Table) -> str:
    """A line per noise model and method; scores in full precision, empty where there is none."""
    scored = [f"{column or 'mean'} {metric}" for column in table.columns for metric in ("PSNR", "SSIM")]
    lines = [csv_line(map(csv, ["No.", "Noise model", "Method", *scored, "Protocol", "Applicability", "Status"]))]
    for block in table.blocks:
        for row in block.rows:
            pairs = [pair or (None, None) for pair in table.scores(block, row)]
            values = [score.value if score else None for pair in pairs for score in pair]
            start: list[Field] = [block.noise.number or None, block.noise.title, row.method.title]
            status = _with(row.state.status, f"({row.state.reduced})" if row.state.reduced else "", " ")
            end = [table.protocol, row.state.applicability, status]
            lines.append(csv_line(map(csv, [*start, *values, *end])))
    return "\n".join(lines) + "\n"


def as_markdown(table: Table) -> str:
    """A heading, one GitHub table, and what its signs mean."""
    columns = table.columns or ("Score",)
    lines = [
        f"**{markdown(_title(table))}**: {markdown(_caption(table))}",
        "",
        markdown_line(["No.", "Noise model", "Method", *(markdown(name) or "Mean" for name in columns)]),
        markdown_line(["--:", ":--", ":--", *["--:"] * len(columns)]),
    ]
    for block in table.blocks:
        noise = [str(block.noise.number or ""), markdown(_with(block.noise.title, block.parameters))]
        for row in block.rows:
            cells = _cells(table, block, row, _MARKDOWN_MARKS, markdown)
            name = _with(_with(row.method.title, row.state.sign, " "), "‡" * bool(row.state.reduced), " ")
            lines.append(markdown_line([*noise, markdown(name), *cells]))
            noise = ["", ""]
    signs = [f"{markdown(sign)}: {words}" for sign, words in _signs(table)]
    if signs:
        lines += ["", "; ".join(signs) + "."]
    return "\n".join(lines) + "\n"


def as_latex(table: Table) -> str:
    r"""`table` environments that need \usepackage{booktabs} and no more; one for every PAGE_ROWS rows."""
    blocks = table.blocks
    pages = ceil(sum(1 + len(block.rows) for block in blocks) / PAGE_ROWS)
    each = ceil(len(blocks) / pages)
    parts = [blocks[start : start + each] for start in range(0, len(blocks), each)]
    suffixes = [f"-{index}" if len(parts) > 1 else "" for index in range(1, len(parts) + 1)]
    return "\n".join(_environment(replace(table, blocks=part), suffix) for part, suffix in zip(parts, suffixes, strict=True))


def _environment(table: Table, suffix: str) -> str:
    columns = table.columns or ("Score",)
    # So many columns take the whole width of a usual text, and have room for one spread a row, if for any.
    wide = len(columns) > (3 if table.seeds > 1 else 4)
    alone = _one_spread(table)
    body = []
    for block in table.blocks:
        heading = latex(_with(block.noise.label, block.parameters))
        body += [r"\midrule", latex_line([rf"\multicolumn{{{1 + len(columns)}}}{{l}}{{{heading}}}"])]
        for row in block.rows:
            own = row.state.sign + "‡" * bool(row.state.reduced)
            sign = rf"\textsuperscript{{{latex(own)}}}" if own else ""
            cells = _cells(table, block, row, _LATEX_MARKS, latex, one_spread=alone)
            body.append(latex_line([latex(row.method.title) + sign, *cells]))
    signs = "; ".join(f"{latex(sign)}: {words}" for sign, words in _signs(table))
    lines = [
        rf"% Needs \usepackage{{booktabs}}. Protocol {table.protocol}: {latex(PROTOCOL_TEXT[table.protocol])}.",
        r"\begin{table}[htbp]",
        r"\centering",
        rf"\caption{{{latex(f'{_title(table)}: {_caption(table, alone)}')}}}",
        rf"\label{{tab:denoisebench-{table.key}-{table.protocol}{suffix}}}",
        r"\par\smallskip"
        + (r"\scriptsize" if table.seeds > 1 else r"\footnotesize")
        + (r"\setlength{\tabcolsep}{0pt}" if wide else r"\setlength{\tabcolsep}{3pt}" if table.seeds > 1 else ""),
        rf"\begin{{tabular*}}{{\linewidth}}{{l@{{\extracolsep{{\fill}}}}{'r' * len(columns)}}}"
        if wide
        else rf"\begin{{tabular}}{{l{'r' * len(columns)}}}",
        r"\toprule",
        latex_line(["Method", *(latex(name) or "Mean" for name in columns)]),
        *body,
        r"\bottomrule",
        r"\end{tabular*}" if wide else r"\end{tabular}",
        *([rf"\par\smallskip\parbox{{\linewidth}}{{{signs}.}}"] if signs else []),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


#: Format -> a table in it.
WRITERS: Mapping[str, Callable[[Table], str]] = {"csv": as_csv, "markdown": as_markdown, "latex": as_latex}


def _one_spread(table: Table) -> bool:
    """Whether LaTeX's text is too narrow for a spread in every column."""
    return table.seeds > 1 and len(table.columns) > 4


def _cells(
    table: Table,
    block: Block,
    row: Row,
    marks: Mapping[str, str],
    escape: Callable[[Field], str],
    one_spread: bool = False,
) -> list[str]:
    """PSNR/SSIM for every column, or what stands in place of them.

    Over several seeds with the spread of the PSNR, in all columns or in that of the mean alone.
    """
    if not row.scores:
        return [escape(row.state.words)] * (len(table.columns) or 1)

    def shown(column: str, psnr: Score, ssim: Score) -> str:
        first, second = (marks.get(score.mark, "{}").format(escape(score.shown)) for score in (psnr, ssim))
        silent = psnr.spread is None or (one_spread and column != OVERALL)
        spread = "" if silent else marks["spread"].format(escape(psnr.spread_shown))
        return f"{first}{spread}/{second}" + (escape("†") if psnr.note or ssim.note else "")

    pairs = zip(table.columns, table.scores(block, row), strict=True)
    cells = [shown(column, *pair) if pair else "n/a" for column, pair in pairs]
    return [*cells[:-1], cells[-1] + escape("≈" if row.tied else "")]


def _title(table: Table) -> str:
    return f"{table.title}, {table.numbers}"


def _caption(table: Table, one_spread: bool = False) -> str:
    methods = [row.method for row in table.blocks[0].rows]
    references = [method.title for method in methods if not method.competes]
    sets = [f"{name} ({counted(count, 'image')})" for name, count in table.images.items()]
    of = "mean " if one_spread else ""
    return (
        f"PSNR in dB / SSIM{f' on {listed(sets)}' if sets else ''}, mean over the images"
        + (f" and {table.seeds} seeds, ± standard deviation of the {of}PSNR over the seeds" if table.seeds > 1 else "")
        + (f"; mean of the sets {table.not_averaged}" if table.not_averaged else "")
        + f", protocol “{table.protocol}”. Bold: best, underlined: second best of {table.among}"
        + (f"; for reference: {listed(references)}." if references else ".")
    )


def _signs(table: Table) -> list[tuple[str, str]]:
    """The signs that the table has, with their meaning."""
    rows = [row for block in table.blocks for row in block.rows]
    found = {row.state.sign for row in rows} | {row.state.words for row in rows if not row.scores}
    found |= {"≈" for row in rows if row.tied}
    found |= {"‡" for row in rows if row.state.reduced}
    found |= {"†" for row in rows for pair in row.scores.values() for score in pair if score.note}
    parts = " or ".join(dict.fromkeys(row.state.reduced for row in rows if row.state.reduced))
    signs = _SIGNS | {"‡": f"{parts}: not to be held against those without"}
    return [(sign, words) for sign, words in signs.items() if sign in found]


def _with(name: str, more: str, between: str = ", ") -> str:
    return f"{name}{between}{more}" if more else name
