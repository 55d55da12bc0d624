"""Results tables that went through a spreadsheet: read as before, or refused with the line and the reason."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd
import pytest

import reports
from tests.helpers.harness import here
from tests.helpers.run_fixture import make_run

FEW = ("gaussian", "gamma")


@pytest.fixture
def rows(tmp_path: Path) -> list[list[str]]:
    """The fields of a results.csv, header first."""
    make_run(tmp_path / "run", noises=FEW, images=2, seeds=2, crops=0)
    with (tmp_path / "run" / "results.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def text(rows: list[list[str]], separator: str = ",", end: str = "\n", quoting: int = csv.QUOTE_MINIMAL) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator, lineterminator=end, quoting=quoting).writerows(rows)  # type: ignore[arg-type]
    return out.getvalue()


def commas(rows: list[list[str]]) -> list[list[str]]:
    """With decimal commas, as a German, French or Spanish spreadsheet writes numbers."""
    return [rows[0], *([*row[:-1], row[-1].replace(".", ",")] for row in rows[1:])]


def floats(rows: list[list[str]], mark: str = ".") -> list[list[str]]:
    """With noise numbers and seeds as fractions."""
    return [rows[0], *([f"{row[0]}{mark}0", *row[1:3], f"{row[3]}{mark}0", *row[4:]] for row in rows[1:])]


def wider(rows: list[list[str]]) -> list[list[str]]:
    """With empty columns and lines at the end, and between."""
    width = len(rows[0]) + 3
    padded = [row + [""] * 3 for row in rows]
    return [*padded[:4], [""] * width, *padded[4:], [""] * width, [""] * width]


def capitals(rows: list[list[str]]) -> list[list[str]]:
    """With the names of columns and metrics in capitals, and statuses with a capital first."""
    metric, status = (rows[0].index(name) for name in ("metric", "status"))
    found = [[name.upper() for name in rows[0]], *([*row] for row in rows[1:])]
    for row in found[1:]:
        row[metric], row[status] = f"{row[metric].upper()} ", row[status].capitalize()
    return found


FORMS = {
    "byte order mark": lambda rows: text(rows).encode("utf-8-sig"),
    "CRLF": lambda rows: text(rows, end="\r\n").encode(),
    "CR": lambda rows: text(rows, end="\r").encode(),
    "all quoted": lambda rows: text(rows, quoting=csv.QUOTE_ALL).encode(),
    "semicolons": lambda rows: text(rows, ";").encode(),
    "Excel in German": lambda rows: text(commas(rows), ";", "\r\n").encode("utf-8-sig"),
    "LibreOffice in French": lambda rows: text(commas(rows), ",", "\n", csv.QUOTE_ALL).encode(),
    "Unicode text": lambda rows: text(commas(rows), "\t", "\r\n").encode("utf-16"),
    "seeds as fractions": lambda rows: text(floats(rows)).encode(),
    "seeds as fractions with commas": lambda rows: text(floats(commas(rows), ","), ";").encode(),
    "empty columns and lines": lambda rows: text(wider(rows)).encode(),
    "sep=": lambda rows: ("sep=;\r\n" + text(commas(rows), ";", "\r\n")).encode(),
    "spaces about names": lambda rows: text([[f" {name} " for name in rows[0]], *rows[1:]]).encode(),
    "columns in another order": lambda rows: text([row[::-1] for row in rows]).encode(),
    "R, with NA for nothing": lambda rows: text(
        [[word or "NA" for word in row] for row in rows], quoting=csv.QUOTE_ALL
    ).encode(),
    "capitals": lambda rows: text(capitals(rows)).encode(),
    "a column of one's own": lambda rows: text([[*row, "my note, with a comma"] for row in rows]).encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_changed_form_is_the_same_table(tmp_path: Path, rows: list[list[str]], form: str) -> None:
    (tmp_path / "t.csv").write_bytes(FORMS[form](rows))
    pd.testing.assert_frame_equal(
        reports.load(tmp_path / "t.csv").table, reports.load(tmp_path / "run" / "results.parquet").table
    )


def changed(rows: list[list[str]], column: str, value: str, line: int = 5) -> list[list[str]]:
    found = [list(row) for row in rows]
    found[line - 1][rows[0].index(column)] = value
    return found


BAD = {
    "a date": (lambda rows: text(changed(rows, "value", "12. Mai")), ["line 5", "value is '12. Mai'", "expected a number"]),
    "another date": (lambda rows: text(changed(rows, "value", "2026-05-12")), ["'2026-05-12'"]),
    "thousands": (lambda rows: text(changed(commas(rows), "value", "1.234,5"), ";"), ["'1.234,5'", "decimal comma"]),
    "two decimal marks": (lambda rows: text(changed(commas(rows), "value", "30.68"), ";"), ["'30.68'", "decimal comma"]),
    "a lost decimal mark": (lambda rows: text(changed(rows, "value", "30682")), ["30682", "lost its decimal mark"]),
    "a factor": (lambda rows: text(changed(rows, "value", "93.21")), ["ssim_paper is 93.21: expected at most 1"]),
    "two values": (lambda rows: text([*rows, *changed(rows, "value", "0.125")[4:5]]), ["and 0.125: expected one value"]),
    "an error": (lambda rows: text(changed(rows, "value", "#WERT!")), ["'#WERT!'"]),
    "hashes": (lambda rows: text(changed(rows, "value", "#####")), ["'#####'"]),
    "a unit": (lambda rows: text(changed(rows, "value", "30.68 dB")), ["'30.68 dB'"]),
    "a seed of a half": (lambda rows: text(changed(rows, "seed", "0.5")), ["line 5", "seed is 0.5", "whole number"]),
    "a seed as a date": (lambda rows: text(changed(rows, "seed", "01.01.1900")), ["'01.01.1900'"]),
    "no seed": (lambda rows: text(changed(rows, "seed", "")), ["seed is nan", "whole number"]),
    "too many fields": (lambda rows: text([*rows[:4], [*rows[4], "x"], *rows[5:]]), ["line 5: 12 fields", "expected the 11"]),
    "no value column": (lambda rows: text([row[:-1] for row in rows]), ["columns missing: value"]),
    "one column": (lambda rows: text([[";".join(row)] for row in rows], quoting=csv.QUOTE_ALL), ["columns missing"]),
    "nothing": (lambda rows: "", ["columns missing"]),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("command", ["report", "compare"])
def test_what_is_lost_is_refused_in_one_line(tmp_path: Path, rows: list[list[str]], case: str, command: str) -> None:
    write, words = BAD[case]
    table = tmp_path / "t.csv"
    table.write_text(write(rows), encoding="utf-8", newline="")
    arguments = ("report", table, "--format", "csv") if command == "report" else ("compare", tmp_path / "run", table)
    status, out, error = here(*arguments)
    assert (status, out) == (2, "")
    assert error.startswith("denoisebench: ") and error.count("\n") == 1
    assert all(word in error for word in [str(table), *words]), error


def test_another_encoding_is_refused(tmp_path: Path, rows: list[list[str]]) -> None:
    (tmp_path / "t.csv").write_bytes(text(changed(rows, "image", "größe")).encode("cp1252"))
    with pytest.raises(ValueError, match=r"line 5: neither UTF-8 nor UTF-16: expected it saved as CSV UTF-8"):
        reports.load(tmp_path / "t.csv")


def test_values_that_are_not_there_stay_so(tmp_path: Path, rows: list[list[str]]) -> None:
    for word in ("", "NaN", "inf", "-inf", "NA"):
        (tmp_path / "t.csv").write_text(text(changed(rows, "value", word)), encoding="utf-8")
        assert reports.load(tmp_path / "t.csv").table["value"].isna().tolist()[3]


def test_in_a_directory_a_bad_table_is_a_sentence_on_the_page(tmp_path: Path, rows: list[list[str]]) -> None:
    (tmp_path / "run" / "results.parquet").unlink()
    (tmp_path / "run" / "results.csv").write_text(text(changed(rows, "value", "12. Mai")), encoding="utf-8")
    run = reports.load(tmp_path / "run")
    assert any("results.csv cannot be read and was left out: line 5: value is '12. Mai'" in words for words in run.problems)
    assert run.table["value"].notna().any()  # of the cells' own files
