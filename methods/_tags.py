"""Tags of the methods, and groups of them: what `--methods` takes beside their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import get_args

from methods._api import KNOWLEDGE, Method, Source

#: Xie et al. (NeurIPS 2023), Tables 2 to 5: the noisy input, supervised training, three methods from others, and their own.
PAPER = ("noisy", "supervised", "noisier2noise", "neighbor2neighbor", "noise2score", "score-solver")

#: Names for several methods, and what they stand for.
GROUPS = {
    "paper": "those of Xie et al. (2023), and the noisy input",
    "all": "the usual ones",
    "everything": "every one there is",
}

#: What it takes before an image is denoised, by what a method learns from; the words of "cost:...".
COSTS: dict[Source, tuple[str, str]] = {
    "nothing": ("free", "no training"),
    "set": ("training", "one training on a set of images"),
    "image": ("each-image", "a training on each image that is denoised"),
}

#: Every tag there can be, and what it says.
TAGS = {
    "knows:nothing": "is told nothing but the noisy images",
    **{f"knows:{word}": f"is told {words}" for word, words in KNOWLEDGE.items()},
    "learns:nothing": "learns nothing",
    "learns:set": "learns from a set of images",
    "learns:image": "learns from the image that it denoises",
    **{f"cost:{word}": words for word, words in COSTS.values()},
}

assert set(COSTS) == set(get_args(Source))


def known(method: Method) -> tuple[str, ...]:
    """What a method is told of all noise beside the noisy images, in words of `KNOWLEDGE`.

    Where it is given A^-1 y, it knows A as well: the cards say so, and the report by the rows that it is true of.
    """
    return tuple(dict.fromkeys((*("clean",) * method.supervised, *method.knows)))


def tags(method: Method) -> tuple[str, ...]:
    """What a method must know, what it learns from, and its class of cost, of `TAGS`."""
    learns = method.learns_from
    return (*(f"knows:{word}" for word in known(method) or ("nothing",)), f"learns:{learns}", f"cost:{COSTS[learns][0]}")


def chosen(words: Iterable[str], catalogue: Mapping[str, Method]) -> tuple[str, ...]:
    """The slugs that these slugs, groups and tags stand for, in the catalogue's order; `noisy` is always among them.

    Raises KeyError for the first word that is none of them.
    """
    wanted = {"noisy"}
    for word in words:
        if word in catalogue:
            wanted.add(word)
        elif word in GROUPS:
            wanted |= {slug for slug, method in catalogue.items() if _in_group(slug, method, word)}
        elif word in TAGS:
            wanted |= {slug for slug, method in catalogue.items() if word in tags(method)}
        else:
            raise KeyError(word)
    return tuple(slug for slug in catalogue if slug in wanted)


def _in_group(slug: str, method: Method, group: str) -> bool:
    return group == "everything" or (method.in_all if group == "all" else slug in PAPER)
