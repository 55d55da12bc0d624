"""Results tables as text, also those that a spreadsheet has saved: read right, or refused with the line and the reason.

A spreadsheet may change the encoding, the separator, the decimal mark and the ends of lines, all of which can be told from the
file. What it takes for a date, or for thousands, is lost: such a value is refused, not guessed.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from reports.read.model import COLUMNS, CROP

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
#: Cells that hold no number and say so.
_NONE = ("", "nan", "na", "n/a", "inf", "+inf", "-inf", "none", "null")
_SEPARATORS = ",;\t|"
#: Columns of words that the suite writes in small letters, which somebody may have written "PSNR" and "Done".
_SMALL = ("status", "applicability", "metric")
#: Values beyond these (dB, SSIM) have lost their decimal mark, or gained a factor: 30.682 is 30682 where the point marks
#: thousands. One level of one pixel of a million is 108 dB.
_PLAUSIBLE = {"psnr": 120.0, "ssim": 1.0 + 1e-9}


def read_csv(path: Path) -> pd.DataFrame:
    """The table in a file: text as text (an image may be called "NA" or "007"), numbers as float64, NaN where there is none.

    Raises ValueError, one line, for what is no table or was changed beyond repair, with the line in the file.
    """
    text = _decoded(path.read_bytes())
    skipped = 0
    separator = None
    if match := re.match(r"sep=(.)(\r\n|\r|\n)", text, re.IGNORECASE):  # Excel's own hint
        separator, skipped, text = match[1], 1, text[match.end() :]
    start = text.partition("\n")[0].partition("\r")[0]
    fields = {mark: [word.strip().strip('"').lower() for word in start.split(mark)] for mark in separator or _SEPARATORS}
    separator = max(fields, key=lambda mark: len(set(fields[mark]) & set(COLUMNS)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        rows = [(reader.line_num + skipped, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num + skipped}: {error}") from None
    for line, row in rows:
        if any(cell.strip() for cell in row[len(names) :]):
            raise ValueError(f"line {line}: {len(row)} fields: expected the {len(names)} of the first line")
    lines = [line for line, _ in rows]
    columns = {
        name: [row[index] if index < len(row) else "" for _, row in rows]
        for index, name in enumerate(names)
        if name in (*COLUMNS, CROP) and names.index(name) == index
    }
    for name in set(_SMALL) & set(columns):
        columns[name] = [word.strip().lower() for word in columns[name]]
    for index, metric in enumerate(columns.get("metric", [])):
        if metric in _NONE:  # a cell without scores; R writes NA into every empty field
            for name in {"dataset", "image", "metric"} & set(columns):
                columns[name][index] = ""
    table = pd.DataFrame(columns, dtype=object)
    for name in {"noise_no", "seed", "value", CROP} & set(columns):
        numbers = _numbers(name, columns[name], lines)
        _check(name, columns, numbers, lines)
        table[name] = pd.Series(numbers, dtype="float64")
    return table


def _decoded(data: bytes) -> str:
    """The text, by its byte order mark, else as UTF-8."""
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ValueError(f"line {line}: neither UTF-8 nor UTF-16: expected it saved as CSV UTF-8") from None


def _numbers(name: str, words: Sequence[str], lines: Sequence[int]) -> list[float]:
    """The numbers of a column, which has one decimal mark, a point or a comma."""
    words = [word.strip().replace("\u2212", "-") for word in words]
    commas = any("," in word for word in words)
    found = []
    for word, line in zip(words, lines, strict=True):
        plain = word.replace(",", ".") if commas and "." not in word else word
        if word.lower() in _NONE:
            found.append(math.nan)
        elif _NUMBER.fullmatch(plain) is None or (commas and "." in word):
            like = "a number with the decimal comma that others have" if commas else "a number such as 30.68 or 30,68"
            raise ValueError(f"line {line}: {name} is {word[:40]!r}: expected {like}")
        else:
            found.append(float(plain))
    return found


def _check(name: str, columns: dict[str, list[str]], numbers: Sequence[float], lines: Sequence[int]) -> None:
    """Raise ValueError for a number that cannot be meant."""
    if name != "value":
        for number, line in zip(numbers, lines, strict=True):
            if not number.is_integer() and not (name == CROP and math.isnan(number)):
                raise ValueError(f"line {line}: {name} is {number:g}: expected a whole number")
        return
    metrics = columns.get("metric", [""] * len(numbers))
    for number, word, metric, line in zip(numbers, columns["value"], metrics, lines, strict=True):
        limit = _PLAUSIBLE.get(metric[:4], math.inf)
        if abs(number) > limit:
            lost = "" if re.search("[.,]", word) else "; it has lost its decimal mark"
            raise ValueError(f"line {line}: {metric} is {word.strip()}: expected at most {limit:g}{lost}")
