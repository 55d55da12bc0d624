"""The report of a run, on disk or on standard output."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path

from rich.console import Console

import reports
from bench.commands.output import STANDARD, is_standard, refuse_own, write_output
from bench.errors import UsageError, one_line
from noise.names import nearest

FORMATS = ("html", "latex", "markdown", "csv")
FORMAT_HELP = (
    "html: the report (default); latex, markdown: tables in the paper's form, a row per method and a column per data set, "
    "best in bold, second best underlined (LaTeX needs the package booktabs alone and is plain ASCII: letters that are neither "
    "Latin nor Greek as code points, U+96D1); csv: one row per noise model, method, seed and data set, in full precision"
)


def report(directory: Path, form: str, output: Path | None, show: bool, console: Console) -> None:
    """Write the report and print its path, or print it where `output` is "-", the default of the text formats.

    Parameters
    ----------
    show : bool
        In the browser.

    Raises
    ------
    UsageError
        For a form that is not in FORMATS, a directory without a run, or an output that cannot be written or is
        a part of the run.
    """
    if form not in FORMATS:
        raise UsageError(f"--format {form!r}: expected {', '.join(FORMATS)}{nearest(form, FORMATS)}")
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
            text = reports.render(run) if form == "html" else reports.export(run, form)
            output = output or STANDARD
            write_output(output, lambda path: path.write_text(text, encoding="utf-8", newline=""), own_encoding=form == "html")
    except (ValueError, OSError) as error:
        raise UsageError(one_line(error)) from None
    if is_standard(output):
        return
    console.print(str(output), soft_wrap=True)
    if show and not webbrowser.open(output.resolve().as_uri()):
        print("denoisebench: no browser could be started", file=sys.stderr)
