"""A card for each method, from its code: where it is from, what it takes, how it departs from its paper, what to mind."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields, is_dataclass

import noise
from methods._api import KNOWLEDGE, Method, Verdict
from methods._finding import stated
from methods._tags import COSTS, PAPER, known, tags

_VERDICTS: dict[Verdict, str] = {
    "yes": "applies",
    "indirect": "applies through A^-1 y",
    "infeasible": "its assumptions fail, run all the same",
    "no": "cannot be run",
}
_SOURCES = {"nothing": "nothing", "set": "a set of images", "image": "the one image that it denoises"}


@dataclass(frozen=True)
class Card:
    """What there is to know of a method, in words.

    Parameters
    ----------
    year : int or None
        Of the paper.
    url : str
        The first that the method's file names, or "".
    does : str
        The first paragraph of its docstring.
    applies : tuple of (tuple of int, str, str)
        The numbers of noise models, whether it suits them, and why.
    departs : tuple of str
        Paragraphs on how ours departs from the paper: the Notes of its docstring and of its settings', then the settings that
        are others than Xie et al. (2023) ran it with.
    caveats : tuple of str
        What to mind: the Warnings of its docstring, and what follows from its traits.
    settings : tuple of (str, str)
        Names and values, those of nested ones as "training.patch".
    """

    slug: str
    title: str
    tags: tuple[str, ...]
    does: str
    paper: str
    year: int | None
    url: str
    knows: tuple[str, ...]
    assumes: str
    learns_from: str
    costs: str
    applies: tuple[tuple[tuple[int, ...], str, str], ...]
    departs: tuple[str, ...]
    caveats: tuple[str, ...]
    settings: tuple[tuple[str, str], ...]


def card(method: Method, others: Iterable[Method] = ()) -> Card:
    """The card of a method; `others` are those that may share its training."""
    text = inspect.getdoc(type(method)) or ""
    module = sys.modules.get(type(method).__module__)
    link = re.search(r"https?://[^\s,;)>\"]+", (module.__doc__ if module else "") or "")
    years = re.findall(r"\b(?:19|20)\d\d\b", method.paper)
    return Card(
        slug=method.slug,
        title=method.title,
        tags=tags(method),
        does=next(iter(_paragraphs(text)), ""),
        paper=method.paper,
        year=int(years[0]) if years else None,
        url=link[0].rstrip(".") if link else "",
        knows=tuple(KNOWLEDGE[word] for word in known(method)),
        assumes=method.assumptions,
        learns_from=_SOURCES[method.learns_from],
        costs=_costs(method, others),
        applies=tuple(_applies(method)),
        departs=(*_departs(method, text), *_other_settings(method)),
        caveats=(*_section(text, "Warnings"), *_caveats(method)),
        settings=tuple(_settings(method)),
    )


def _costs(method: Method, others: Iterable[Method]) -> str:
    words = COSTS[method.learns_from][1]
    if method.one_image:
        return f"{words}, of {vars(method)['steps']} steps"
    if not method.trains:
        return words
    shared = [other.slug for other in others if other.trains and other.slug != method.slug and _alike(method, other)]
    return words + (f", shared with {', '.join(shared)}" if shared else "")


def _alike(method: Method, other: Method) -> bool:
    return (method.learns(), method.training) == (other.learns(), other.training)


def _applies(method: Method) -> Iterator[tuple[tuple[int, ...], str, str]]:
    """The noise models of each verdict and reason."""
    found: dict[tuple[Verdict, str], list[int]] = {}
    for model in noise.catalogue():
        answer, _ = stated(method, model)
        found.setdefault((answer.verdict, answer.reason), []).append(model.number)
    for (verdict, reason), numbers in found.items():
        yield tuple(numbers), _VERDICTS[verdict], reason


def _departs(method: Method, text: str) -> Iterator[str]:
    """The Notes of its own docstring, and of its settings that are dataclasses of their own."""
    yield from _section(text, "Notes?")
    for item in fields(method):
        value = getattr(method, item.name)
        if is_dataclass(value) and item.name != "training":
            yield from _section(inspect.getdoc(type(value)) or "", "Notes?")


def _other_settings(method: Method) -> Iterator[str]:
    ours, theirs = (dict(_settings(each)) for each in (method, method.as_published()))
    changed = [f"{name} = {value}" for name, value in ours.items() if theirs.get(name) != value]
    if changed and method.slug in PAPER:
        before = [f"{name} = {value}" for name, value in theirs.items() if ours.get(name) != value]
        yield f"Settings: {', '.join(changed)}; as Xie et al. (2023) ran it (`--recipe paper`): {', '.join(before)}."


def _caveats(method: Method) -> Iterator[str]:
    given = [model.number for model in noise.catalogue() if stated(method, model)[1]]
    if given and "law" not in method.knows:
        yield f"Given A^-1 y on {numbered(given)}, so it knows A there."
    if method.package:
        yield f"Needs the package {method.package} (`pip install 'denoisebench[{method.package}]'`); else it is left out."
    if method.one_image:
        yield "A preset may give it a share of its steps, and the centre of each image alone: not comparable with whole images."
    if not method.in_all:
        yield "Not among `--methods all`: it has to be named, or reached by a tag."


def _settings(method: Method) -> Iterator[tuple[str, str]]:
    """Its settings, those of a training only where there is one."""
    told = asdict(method)
    yield from _flat(told if method.trains else {name: value for name, value in told.items() if name != "training"})


def _flat(told: dict[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in told.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", f"{value:g}" if isinstance(value, float) else str(value)


def _section(text: str, name: str) -> list[str]:
    """The paragraphs below a heading of a docstring, up to the next one."""
    found = re.search(rf"(?ms)^{name}\n-+\n(.*?)(?=^\w[^\n]*\n-{{3,}}\n|\Z)", text)
    return _paragraphs(found[1]) if found else []


def _paragraphs(text: str) -> list[str]:
    """Each in one line, and each entry of a list; those that are indented, such as formulas, too."""
    parts = [" ".join(part.split()) for part in re.split(r"\n\s*\n|\n(?=- )", text)]
    return [part.removeprefix("- ") for part in parts if part]


def numbered(numbers: Iterable[int]) -> str:
    """No. 3; Nos. 1, 2 and 5-8."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    parts = [
        part for first, last in spans for part in ([f"{first}-{last}"] if last > first + 1 else map(str, sorted({first, last})))
    ]
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"No{'s' if len(parts) > 1 or '-' in parts[0] else ''}. {listed}"
