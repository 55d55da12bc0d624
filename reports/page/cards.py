"""What there is to know of each method, as run.json tells it: a card each."""

from __future__ import annotations

from dataclasses import dataclass

from reports.numbers.kinds import kind_of
from reports.read.model import NOISY, Method, Run
from reports.read.untrusted import text, texts
from reports.style.words import listed


@dataclass(frozen=True)
class Card:
    """A method's card: a sentence on what it does, and named facts."""

    method: Method
    year: str
    kind: str
    does: str
    facts: tuple[tuple[str, str], ...]


def cards(run: Run) -> tuple[Card, ...]:
    """Those of the methods that run.json has a card of; older runs have none."""
    return tuple(_card(method) for method in run.methods if method.card)


def _card(method: Method) -> Card:
    told = method.card
    knows = listed(method.knows) or "nothing" if method.knows is not None else ""
    facts = [
        ("Paper", ", ".join(filter(None, (method.paper, text(told.get("url")))))),
        ("Is told, beside noisy images", knows),
        ("Assumes", method.assumptions),
        ("Learns from", text(told.get("learns_from"))),
        ("Costs", text(told.get("costs"))),
        *(("Ours", words) for words in texts(told.get("departs"))),
        *(("To mind", words) for words in texts(told.get("caveats"))),
        ("Tags", " ".join(method.tags)),
    ]
    return Card(
        method=method,
        year=text(told.get("year")),
        kind=kind_of(method).label if method.slug != NOISY else "",
        does=text(told.get("does")),
        facts=tuple((name, words) for name, words in facts if words),
    )
