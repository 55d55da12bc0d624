"""PNG files put into the page, each once: where a picture is shown again, it refers to its first place."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

#: Bytes of PNG in one page: 4/3 of it as base64 leaves room for the rest below 16 MiB.
PICTURE_BUDGET = 10 * 2**20
#: Dark pictures are shown brighter, by a whole number at most so large.
BRIGHTEST = 16
_LARGEST_FILE = 4 * 2**20
_LONGEST_SIDE = 1024


@dataclass(frozen=True)
class Picture:
    """A PNG in the page. `uri` is set where it is shown first; later uses name that place by `key`."""

    key: str
    uri: str
    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height


@dataclass(frozen=True)
class _File:
    key: str
    data: bytes
    width: int
    height: int


class Album:
    """Reads each file below `root` once; knows which pictures are in the page already."""

    def __init__(self, root: Path, budget: float = PICTURE_BUDGET) -> None:
        self._root = root.resolve()
        self._budget = min(budget, PICTURE_BUDGET)
        self._files: dict[tuple[str, int], _File | str] = {}
        self._placed: set[str] = set()
        self._counted: set[str] = set()
        self._used = 0

    def reserve(self, names: Iterable[str], side: int = 0, share: float = 1.0) -> bool:
        """Count the pictures, or their centres of that side, against the budget.

        False, and nothing counted, where they no longer fit, or would take more than that share of it.
        """
        files = {file.key: file for name in names if isinstance(file := self._read(name, side), _File)}
        new = {key: len(file.data) for key, file in files.items() if key not in self._counted}
        if sum(new.values()) > min(share * self._budget, self._budget - self._used):
            return False
        self._used += sum(new.values())
        self._counted |= set(new)
        return True

    def there(self, name: str) -> bool:
        """Whether the file is there and can be shown."""
        return isinstance(self._read(name), _File)

    def data(self, name: str) -> bytes | None:
        """The file's PNG; None where it is not there or cannot be shown."""
        file = self._read(name)
        return file.data if isinstance(file, _File) else None

    def place(self, name: str, side: int = 0) -> tuple[Picture | None, str]:
        """The picture, or its centre of that side, or what is wrong with the file. The calls must come in the page's order."""
        file = self._read(name, side)
        if isinstance(file, str):
            return None, file
        uri = ""
        if file.key not in self._placed:
            uri = "data:image/png;base64," + base64.b64encode(file.data).decode("ascii")
            self._placed.add(file.key)
        return Picture(file.key, uri, file.width, file.height), ""

    def _read(self, name: str, side: int = 0) -> _File | str:
        if (name, side) not in self._files:
            self._files[name, side] = _centre(self._read(name), side) if side else _read_png(self._root, name)
        return self._files[name, side]


def brighter(album: Album, names: Iterable[str]) -> int:
    """By how much pictures can be shown brighter, all but one value in a hundred of each below white; 1 for not at all.

    They are shown together, so that one number is for all of them; those that are not there do not count.
    """
    found = 0
    for data in filter(None, map(album.data, names)):
        found = min(found or BRIGHTEST, int(255 / max(1.0, _bright(data))))
        if found == 1:  # as of nearly all photographs: the others need not be looked at
            break
    return max(1, found)


def _bright(data: bytes) -> float:
    """The grey level that one value in a hundred of a PNG is above."""
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        return float(np.percentile(np.asarray(image.convert("RGB")), 99))


def _read_png(root: Path, name: str) -> _File | str:
    """The file's bytes, or what is wrong with it. Names come from a file: they must not lead out of the directory."""
    if not name:
        return "no crop was stored"
    try:
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            return "the crop's path leads out of the run directory"
        if path.stat().st_size > _LARGEST_FILE:
            return "the crop's file is too large"
        data = path.read_bytes()
    except (OSError, ValueError, RuntimeError):
        return "the crop's file is missing"
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            width, height = image.size
            image.verify()  # the check sums of all chunks
    except Exception:  # a damaged file fails in whatever way Pillow happens to fail
        return "the crop's file is damaged or not a PNG"
    if max(width, height) > _LONGEST_SIDE:
        return "the crop is too large to be shown"
    return _file(data, width, height)


def _file(data: bytes, width: int, height: int) -> _File:
    return _File("p" + hashlib.sha256(data).hexdigest()[:16], data, width, height)


def _centre(file: _File | str, side: int) -> _File | str:
    """The centre of a picture, at most `side` pixels wide and high; a picture that is no larger stays the file that it is."""
    if isinstance(file, str) or max(file.width, file.height) <= side:
        return file
    with Image.open(io.BytesIO(file.data), formats=["PNG"]) as image:
        pixels = image if image.mode in ("L", "RGB") else image.convert("RGB")
        width, height = min(side, file.width), min(side, file.height)
        left, top = (file.width - width) // 2, (file.height - height) // 2
        cut = pixels.crop((left, top, left + width, top + height))
        bare = Image.frombytes(cut.mode, cut.size, cut.tobytes())  # without texts and profiles of the file
    made = io.BytesIO()
    bare.save(made, "PNG", optimize=True)
    return _file(made.getvalue(), width, height)
