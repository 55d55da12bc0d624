"""Text as CSV, Markdown and LaTeX: whatever a name holds comes out as itself, in one line, never as markup."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from itertools import zip_longest

Field = str | int | float | None

_FORMULA = tuple("=+-@")
_MARKDOWN = re.compile(r"([\\`*_\[\]|~$#])")

#: What LaTeX reads as a command. Brackets and stars also stand after the end of a table's row, where it would take them as an
#: option; quotes may be shorthands of its babel package.
_LATEX = {
    **{character: "\\" + character for character in "{}$&#%_"},
    **{"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\symbol{34}", "`": r"\symbol{96}"},
    **{"[": "{[}", "]": "{]}", "*": "{*}"},
    **{"ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}", "Œ": r"\OE{}", "ø": r"\o{}", "Ø": r"\O{}"},
    **{"ł": r"\l{}", "Ł": r"\L{}", "ı": r"\i{}", "\u2013": "--", "\u2014": "---", "\u2026": r"\ldots{}"},
    **{"\u2018": "`", "\u2019": "'", "\u201c": "``", "\u201d": "''", "\u2020": r"\dag{}", "\u2021": r"\ddag{}"},
    "\u00b0": r"$^\circ$",
    **{"\u2212": "$-$", "\u00d7": r"$\times$", "\u00b1": r"$\pm$", "\u00b7": r"$\cdot$", "\u00b2": "$^2$", "\u00b3": "$^3$"},
    **{"\u2264": r"$\leq$", "\u2265": r"$\geq$", "\u2248": r"$\approx$", "\u221e": r"$\infty$", "\u00b5": r"$\mu$"},
}
_GREEK = (
    "alpha", "beta", "gamma", "delta", "varepsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi", "pi",
    "rho", "sigma", "tau", "upsilon", "varphi", "chi", "psi", "omega",
    "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega",
)  # fmt: skip
_LATEX |= {letter: f"$\\{name}$" for letter, name in zip("αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ", _GREEK, strict=True)}
#: Combining character -> LaTeX's accent.
_ACCENTS = {
    **{"\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": "."},
    **{"\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0323": "d", "\u0327": "c"},
}


def _one_line(value: Field) -> str:
    return "" if value is None else " ".join(str(value).split())


def latex(value: Field) -> str:
    """ASCII that any LaTeX sets as the value; a letter that is neither Latin nor Greek as its code point, U+96D1."""
    text = unicodedata.normalize("NFC", _one_line(value))
    # Two of these in a row would be drawn as one sign.
    return "".join(
        _latex_character(character) + ("{}" if character == after and character in "-'," else "")
        for character, after in zip_longest(text, text[1:])
    )


def _latex_character(character: str) -> str:
    if character in _LATEX:
        return _LATEX[character]
    if " " <= character <= "\x7e":
        return character
    parts = unicodedata.normalize("NFD", character)
    base, mark = parts[0], parts[1:]
    if base.isascii() and base.isalpha() and mark in _ACCENTS:
        dotless = base in "ij" and mark not in ("\u0323", "\u0327")
        return f"\\{_ACCENTS[mark]}{{{chr(92) if dotless else ''}{base}}}"
    return f"\\texttt{{U+{ord(character):04X}}}"


def markdown(value: Field) -> str:
    """Text for a cell of a GitHub table."""
    text = _one_line(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", text)


def csv(value: Field) -> str:
    """A field of RFC 4180; a text that a spreadsheet would run as a formula gets an apostrophe."""
    text = _one_line(value)
    if isinstance(value, str) and text.startswith(_FORMULA):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"' if '"' in text or "," in text else text


def csv_line(fields: Iterable[str]) -> str:
    """A record, from escaped fields; lines end with a line feed, as those of results.csv."""
    return ",".join(fields)


def markdown_line(cells: Iterable[str]) -> str:
    """A row of a table, from escaped cells."""
    return f"| {' | '.join(cells)} |"


def latex_line(cells: Iterable[str]) -> str:
    """A row of a tabular, from escaped cells."""
    return " & ".join(cells) + r" \\"


#: Format -> how to escape a value, and how to make a line of escaped ones.
FORMS: Mapping[str, tuple[Callable[[Field], str], Callable[[Iterable[str]], str]]] = {
    "csv": (csv, csv_line),
    "markdown": (markdown, markdown_line),
    "latex": (latex, latex_line),
}
