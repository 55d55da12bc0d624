"""The report of a run, on disk or on standard output: a page, tables, or figures."""

from __future__ import annotations

import argparse
import sys
import tempfile
import webbrowser
from pathlib import Path

from rich.console import Console

import reports
from bench.commands.arguments import output_of, path_of
from bench.commands.output import STANDARD, is_standard, refuse_own, write_output
from bench.errors import UsageError, one_line
from bench.files.writing import write_atomically
from noise.names import nearest

FORMATS = ("html", "latex", "markdown", "csv")
FORMAT_HELP = (
    "html: the report (default); latex, markdown: tables in the paper's form, a row per method and a column per data set, "
    "best in bold, second best underlined (LaTeX needs the package booktabs alone and is plain ASCII: letters that are neither "
    "Latin nor Greek as code points, U+96D1); csv: one row per noise model, method, seed and data set, in full precision"
)


def add_report(parser: argparse.ArgumentParser) -> None:
    """The words of the command."""
    parser.add_argument("directory", type=path_of, help="run directory, results.parquet or results.csv")
    parser.add_argument("--format", default="html", metavar="|".join(FORMATS), help=FORMAT_HELP)
    parser.add_argument(
        "--output",
        type=output_of,
        metavar="FILE",
        help="- is standard output (default: DIR/report.html for html, - for the others)",
    )
    parser.add_argument("--open", action="store_true", help="show the page in the browser")
    parser.add_argument(
        "--figures", type=output_of, metavar="OUT", help="figures for a paper alone, as PDF and PNG, into a folder"
    )


def report(directory: Path, form: str, output: Path | None, show: bool, console: Console, figures: Path | None = None) -> None:
    """Write the report and print its path, or print it where `output` is "-", the default of the text formats.

    Parameters
    ----------
    show : bool
        In the browser.
    figures : Path, optional
        A folder: figures are written into it, and nothing else.

    Raises
    ------
    UsageError
        For a form that is not in FORMATS, a directory without a run, or an output that cannot be written or is
        a part of the run.
    """
    if form not in FORMATS:
        raise UsageError(f"--format {form!r}: expected {', '.join(FORMATS)}{nearest(form, FORMATS)}")
    if figures is not None:
        if given := [name for name, there in (("--output", output), ("--open", show), ("--format", form != "html")) if there]:
            raise UsageError(f"--figures {figures}: writes figures alone: expected no {given[0]} beside it")
        return _write_figures(directory, figures, console)
    if show and form != "html":
        raise UsageError(f"--open: the browser shows --format html alone, not {form}")
    if show and is_standard(output):
        raise UsageError(f"--open: the browser shows a file, not --output {output}: expected another --output")
    if output is not None:
        refuse_own("--output", output, [directory], allowed="report.html" if form == "html" else "")
    try:
        if form == "html" and output is None:
            output = reports.write(directory)
        else:
            run = reports.load(directory)
            page = form == "html"
            text = reports.render(run) if page else reports.export(run, form)
            output = output or STANDARD
            write_output("--output", output, lambda path: path.write_text(text, "utf-8", newline=""), own_encoding=page)
    except (ValueError, OSError) as error:
        raise UsageError(one_line(error)) from None
    if directory.is_dir() and not (directory / "run.json").is_file():
        print(f"denoisebench: {one_line(directory)}: run.json is missing: its settings are unknown", file=sys.stderr)
    if is_standard(output):
        return
    console.print(str(output), soft_wrap=True)
    if show and not webbrowser.open(output.resolve().as_uri()):
        print("denoisebench: no browser could be started", file=sys.stderr)


def _write_figures(directory: Path, out: Path, console: Console) -> None:
    """Write what a paper needs as PDF and PNG into the folder `out`; its other files stay as they are.

    Prints each figure with a caption's facts, and what was left out, and why.

    Raises
    ------
    UsageError
        For a directory without a run, or a folder that cannot be written or is a part of the run.
    """
    from reports.figures.draw import figures  # matplotlib takes a second, which no other report needs
    from reports.figures.look import FORMS, files

    if is_standard(out) or (out.exists() and not out.is_dir()):
        raise UsageError(f"--figures {out}: is no folder: expected one, or a name for a new one")
    refuse_own("--figures", out, [directory])
    try:
        found = figures(reports.load(directory))
        names = [f"{drawing.name}.{form}" for drawing in found.drawings for form in FORMS]
        for name in names:
            if (out / name).is_dir():
                raise UsageError(f"--figures {out}: {name} in it is a folder: expected a file, or none")
        if names:
            out.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=out).close()  # whether files can be made there, before any is drawn
        for drawing in found.drawings:
            for name, data in files(drawing).items():
                write_atomically(out / name, lambda path, data=data: path.write_bytes(data))  # type: ignore[misc]
            console.print(one_line(f"{out / drawing.name}.pdf, .png: {drawing.words}"), soft_wrap=True)
    except (ValueError, OSError) as error:
        raise UsageError(f"--figures {out}: {one_line(error)}") from None
    for words in found.left_out:
        console.print(f"Left out: {words}", soft_wrap=True)
