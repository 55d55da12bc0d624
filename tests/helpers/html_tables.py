"""Reading tables back from a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "link", "img", "input", "br", "hr"}


@dataclass
class Cell:
    """A td or th: its attributes and all of its text."""

    attrs: dict[str, str]
    text: str = ""


@dataclass
class Row:
    attrs: dict[str, str]
    cells: list[Cell] = field(default_factory=list)


@dataclass
class Table:
    """A table with the rows of its head and body, and the ids of the elements that it is in."""

    attrs: dict[str, str]
    inside: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)

    def body(self) -> list[Row]:
        """Rows that are about a thing, which have a data attribute."""
        return [row for row in self.rows if any(name.startswith("data-") for name in row.attrs)]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[tuple[str, dict[str, str]]] = []
        self.tables: list[Table] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "table":
            self.tables.append(Table(found, tuple(a["id"] for _, a in self.stack if "id" in a)))
        elif tag == "tr":
            self.tables[-1].rows.append(Row(found))
        elif tag in ("td", "th"):
            self.tables[-1].rows[-1].cells.append(Cell(found))
        if tag not in _VOID:
            self.stack.append((tag, found))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if any(tag in ("td", "th") for tag, _ in self.stack):
            self.tables[-1].rows[-1].cells[-1].text += data


def tables(html: str, name: str = "") -> list[Table]:
    """The page's tables, or those of a class."""
    reader = _Reader()
    reader.feed(html)
    return [table for table in reader.tables if not name or name in table.attrs.get("class", "").split()]


class Rows(HTMLParser):
    """Every body row of every table: the table's class, what is said of the row, and its cells as (attributes, text)."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str], list[tuple[dict[str, str], str]]]] = []
        self.table: dict[str, str] = {}
        self.body = self.open = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in ("table", "tbody"):
            self.body, self.table = tag == "tbody", values if tag == "table" else self.table
        elif not self.body:
            return
        elif tag == "tr":
            data = {name[5:]: value for name, value in (self.table | values).items() if name.startswith("data-")}
            self.found.append((self.table.get("class", ""), data, []))
        elif tag in ("td", "th"):
            self.found[-1][2].append((values, ""))
            self.open = True
        elif tag == "small" and self.open:
            self.handle_data(" | ")

    def handle_endtag(self, tag: str) -> None:
        self.open = self.open and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.open:
            attributes, words = self.found[-1][2][-1]
            self.found[-1][2][-1] = attributes, words + data

    def of(self, table: str) -> list[tuple[dict[str, str], list[tuple[dict[str, str], str]]]]:
        return [(data, cells) for names, data, cells in self.found if table in names.split() and data]
