"""What lies in a folder of data sets and is not used: to be said, so that nobody takes a part for the whole."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from bench.data.formats import EXTENSIONS
from bench.errors import one_line

#: Below the folder of data sets: archives that the user put there, parts of downloads, and files that made way.
DOWNLOADS = "downloads"

_SHOWN = 4  # places named in a sentence
_MOST = 1000  # folders that are looked at


def left_out(root: Path, used: Sequence[Path]) -> list[str]:
    """Sentences on what is not read, one or none: files in the folders in use or without any image, and images elsewhere.

    Parameters
    ----------
    root : Path
        The folder of data sets.
    used : sequence of Path
        The folders of it whose images a run may use.
    """
    places = []
    for folder in dict.fromkeys([*used, *_without_images(root)]):
        names = [path for path in _visible(folder) if not path.is_dir() and path.suffix.lower() not in EXTENSIONS]
        if names:
            counts = Counter(path.suffix.lower() or "without ending" for path in names)
            kinds = ", ".join(f"{kind} {count}" if len(counts) > 1 else kind for kind, count in sorted(counts.items()))
            places.append(f"{len(names)} file{'s' * (len(names) > 1)} of {_name(root, folder)} (by ending: {kinds})")
        if hidden := _hidden_images(folder):
            first = hidden[0].name + (", .." if len(hidden) > 1 else "")
            places.append(f"{len(hidden)} hidden file{'s' * (len(hidden) > 1)} of {_name(root, folder)} ({first})")
    places += [f"{count_words(folder)} in {_name(root, folder)}" for folder in misplaced(root, used)]
    if not places:
        return []
    rest = len(places) - _SHOWN
    more = f"; and in {rest} more place{'s' * (rest > 1)}" if rest > 0 else ""
    return [one_line(f"Left out of the images: {'; '.join(places[:_SHOWN])}{more}.")]


def left_out_of_set(folder: Path, read: Sequence[str]) -> list[str]:
    """A sentence, or none, on what lies in a set of measured noise and is not read.

    `read` are the folders of it whose images are, those of the first with what has the same names in the others.
    """
    there = [path for path in _visible(folder) if not (path.name in read and path.is_dir())]
    for kind in read:
        inside = _visible(folder / kind) if (folder / kind).is_dir() else []
        there += [path for path in inside if path.is_dir() or path.suffix.lower() not in EXTENSIONS]
        there += _hidden_images(folder / kind)
    first, *others = ({path.stem: path for path in _images(folder / kind)} for kind in read)
    there += [path for other in others for stem, path in other.items() if stem not in first]
    if not there:
        return []
    names = [f"{path.relative_to(folder)}{'/' * path.is_dir()}" for path in there]
    rest = len(names) - _SHOWN
    more = f" and {rest} more" if rest > 0 else ""
    return [one_line(f"Left out of {folder.name}: {', '.join(names[:_SHOWN])}{more}.")]


def misplaced(root: Path, used: Sequence[Path] = ()) -> list[Path]:
    """Folders that hold images, but lie where no set is looked for: the root itself, its `train/`, and what is deeper."""
    sets = set(used)
    tops = [folder for top in (root, root / "train") for folder in _folders(top) if folder != root / "train"]
    places = [root, root / "train", *islice(_below(tops), _MOST)]
    return [folder for folder in places if folder not in sets and _images(folder)]


def _without_images(root: Path) -> list[Path]:
    """Folders where sets are looked for that hold no image that can be read, in whatever format theirs are."""
    tops = [folder for top in (root, root / "train") for folder in _folders(top)]
    return [folder for folder in tops if folder not in (root / "train", root / DOWNLOADS) and not _images(folder)]


def count_words(folder: Path) -> str:
    """How many images a folder holds, in words."""
    count = len(_images(folder))
    return f"{count} image{'s' * (count > 1)}"


def _below(tops: Sequence[Path]) -> Iterator[Path]:
    """All folders below these, each once, however links go round."""
    seen, waiting = {os.path.realpath(top) for top in tops}, list(tops)
    while waiting:
        for inside in _folders(waiting.pop(0)):
            if (real := os.path.realpath(inside)) not in seen:
                seen.add(real)
                waiting.append(inside)
                yield inside


def _folders(folder: Path) -> list[Path]:
    return [path for path in _visible(folder) if path.is_dir()]


def _images(folder: Path) -> list[Path]:
    return [path for path in _visible(folder) if path.suffix.lower() in EXTENSIONS and not path.is_dir()]


def _hidden_images(folder: Path) -> list[Path]:
    """Files that begin with a dot and end like images, such as what macOS puts beside each file on other systems' disks."""
    try:
        found = sorted(path for path in folder.iterdir() if path.name.startswith("."))
    except OSError:
        return []
    return [path for path in found if path.suffix.lower() in EXTENSIONS and not path.is_dir()]


def _visible(folder: Path) -> list[Path]:
    """What a folder holds, hidden things left out; nothing where it cannot be read."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []


def _name(root: Path, folder: Path) -> str:
    return f"{folder.relative_to(root).as_posix()}/" if folder != root else "DIR itself"
