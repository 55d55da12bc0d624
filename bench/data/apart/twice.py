"""What is said of training images that are near duplicates of each other: they are learnt from, or validated on, again."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import TypeVar

from bench.data.apart.separation import Fingerprint, repeats

Key = TypeVar("Key")


def learnt_twice(prints: Mapping[Key, Fingerprint], validation: Set[Key]) -> list[str]:
    """Sentences on near duplicates among training images, and between them and the validation images.

    Parameters
    ----------
    prints : mapping
        Of all images of the training sets.
    validation : set
        The keys of those that are for validation.

    Notes
    -----
    They are not refused, as are test images in the training set: what is learnt twice weighs twice, and figures of validation
    images choose nothing in a run. Images without structure are told of elsewhere.
    """
    keys, known = list(prints), list(prints.values())
    groups = [[keys[place] for place in group] for group in repeats(known) if not known[group[0]].exact]
    again, mixed, repeated, seen = [], [], 0, 0
    for group in groups:
        learnt = [key for key in group if key not in validation]
        if len(learnt) > 1:
            again.append([prints[key].label for key in learnt])
            repeated += len(learnt) - 1
        if 0 < len(learnt) < len(group):
            mixed.append([prints[key].label for key in group])
            seen += len(group) - len(learnt)
    told = []
    if again:
        told.append(
            f"Near duplicates among the training images: {_counted(repeated)} {_like(again)} will be learnt from again."
        )
    if mixed:
        told.append(
            f"Near duplicates of training images among the validation images: {_counted(seen)} {_like(mixed)}; PSNR on them is "
            "of images that were learnt from."
        )
    return told


def _counted(count: int) -> str:
    return f"{count} image{'s' * (count > 1)}"


def _like(groups: list[list[str]]) -> str:
    one, other = groups[0][:2]
    return f"({one} and {other}{', and others' if len(groups[0]) > 2 or len(groups) > 1 else ''})"
