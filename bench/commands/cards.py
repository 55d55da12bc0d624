"""The cards of the methods: on the console, and as Markdown for docs/methods.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import methods
import reports
from bench.errors import UsageError, one_line
from methods import Card, Method, numbered
from noise.names import nearest

#: What docs/methods.md begins with.
_HEAD = """# The methods

Each method by its own code: `python -m bench list methods --cards{against} > docs/methods.md`
writes this page; a test keeps it so.
`python -m bench list methods NAME` shows one of these cards, `python -m bench matrix` which noise model each is meant for.

"""
#: What stands above the distances that others published.
_BESIDE = """
## Beside the literature

How far (PSNR, dB) a method is below supervised training, or below Noise2Noise where a source has no other, on the same whole
images: as published, and in `{against}` (where "–" stands, one of the two was not run there). Networks, training images and
budgets are others.

"""


def card_of(slug: str) -> Card:
    """The card of a method by its name. Raises UsageError for an unknown one."""
    there = methods.catalogue()
    if slug in methods.broken():
        raise UsageError(f"method {slug!r}: {methods.broken()[slug]}")
    if slug not in there:
        raise UsageError(f"unknown method {slug!r}{nearest(slug, there)}: expected one of {', '.join(there)}")
    return methods.card(there[slug], there.values())


def as_lines(card: Card) -> list[str]:
    """A card as lines of text, without an end of their own."""
    return [f"{card.slug}: {card.title}", card.does, "", *(f"{name}: {words}" for name, words in _facts(card))]


def as_page(catalogue: Iterable[Method], against: str | None = None) -> str:
    """docs/methods.md: a table of all methods, published distances beside those of the run `against`, then the cards.

    Raises UsageError where there is no such run, or nothing that has been published.
    """
    every = list(catalogue)
    cards = [methods.card(method, every) for method in every]
    rows = [
        [
            f"[`{card.slug}`](#{card.slug})",
            str(card.year or "–"),
            _listed(card.knows),
            card.learns_from,
            card.costs.partition(",")[0],
        ]
        for card in cards
    ]
    columns = ["method", "year", "is told, beside noisy images", "learns from", "costs"]
    table = [columns, ["---"] * len(columns), *rows]
    head = _HEAD.format(against="" if against is None else f" --against {against}")
    return head + _table(table) + ("" if against is None else _beside(cards, against)) + "".join(map(_section, cards))


def _table(rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _beside(cards: Sequence[Card], against: str) -> str:
    """Published distances to supervised training, and those of a run."""
    try:
        gaps = reports.gaps(reports.load(against))
    except (ValueError, OSError) as error:
        raise UsageError(one_line(error)) from None
    if all(gap.ours is None for gap in gaps):
        raise UsageError(f"{against}: has nothing that was published: expected Gaussian noise on whole kodak24 or cbsd68")
    columns = ["method", "test set", "below", "published, dB", "ours, dB", "published in"]
    rows = [columns, ["---", "---", "---", "---:", "---:", "---"]]
    for card in cards:
        for gap in (gap for gap in gaps if gap.figure.method == card.slug):
            images = f"{gap.figure.dataset}{', grey' if gap.figure.channels == 1 else ''}, sigma {gap.figure.sigma:g}"
            ours = "–" if gap.ours is None else f"{gap.ours:.2f}"
            below = f"{gap.reference.title} {gap.reference.psnr:.2f}"
            rows.append([f"`{card.slug}`", images, below, f"{gap.below:.2f}", ours, gap.figure.source])
    return _BESIDE.format(against=against) + _table(rows)


def _section(card: Card) -> str:
    facts = "".join(f"- **{name}:** {_plain(words)}\n" for name, words in _facts(card))
    return f"\n## {card.slug}\n\n**{_plain(card.title)}.** {_plain(card.does)}\n\n{facts}"


def _facts(card: Card) -> list[tuple[str, str]]:
    applies = [(numbered(numbers), f"{words}: {reason}") for numbers, words, reason in card.applies]
    link = f", {card.url}" if card.url else ""
    return [
        ("paper", card.paper + link),
        ("tags", " ".join(card.tags)),
        ("is told", _listed(card.knows)),
        ("assumes", card.assumes),
        ("learns from", card.learns_from),
        ("costs", card.costs),
        *applies,
        *(("ours", words) for words in card.departs),
        *(("mind", words) for words in card.caveats),
        ("settings", ", ".join(f"{name} = {value}" for name, value in card.settings) or "none"),
    ]


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words) or "nothing"


def _plain(words: str) -> str:
    """Words that Markdown leaves as they are; what is between backticks is."""
    parts = words.split("`")
    parts[::2] = [part.replace("*", r"\*").replace("<", r"\<") for part in parts[::2]]
    return "`".join(parts)
