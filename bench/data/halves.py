"""The halves of a set of measured noise: what is learnt from one is tested on the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

#: Half of the images that a network learns from where all are learnt from.
ALL = 0


def group_of(name: str) -> str:
    """What an image is taken to belong to, a scene, a subject, or a camera at one setting: its name without its last part.

    The last part is the page, the number at the end, or what follows the last of `_`, `-`, `.` and blanks: d800_iso3200_1 and
    d800_iso3200_2 are of d800_iso3200, BPAE_B and BPAE_G of BPAE. A name without such a part is a group of its own.
    """
    for pattern in (r"-p\d{3,}$", r"[_\-. ][^_\-. ]*$", r"\d+$"):
        shorter = re.sub(pattern, "", name)
        if shorter and shorter != name:
            return shorter
    return name


def halved(names: Sequence[str]) -> list[int]:
    """Which half each image is in, 1 or 2: groups (`group_of`) stay together, the largest first into the smaller half.

    Where all are of one group, the first half of the images and the second; one image alone has no halves.
    """
    if len(names) < 2:
        return [ALL] * len(names)
    sizes = {group: len(list(each)) for group, each in groupby(sorted(map(group_of, names)))}
    if len(sizes) == 1:
        order = sorted(names)
        return [1 if order.index(name) < (len(names) + 1) // 2 else 2 for name in names]
    counts, place = {1: 0, 2: 0}, {}
    for group in sorted(sizes, key=lambda group: (-sizes[group], group)):
        place[group] = 1 if counts[1] <= counts[2] else 2
        counts[place[group]] += sizes[group]
    return [place[group_of(name)] for name in names]
