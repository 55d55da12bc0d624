"""The public data sets: what they are, where they come from, the sha256 of every image, and whether a folder has them.

The sums are those of `sums.txt`, which `sha256sum -c` reads, too. No image is part of this package.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from bench.errors import UsageError, one_line
from noise.names import nearest

#: No image is larger (bytes): what is need not be read to know that it is another file.
MAX_IMAGE = 4 << 20

_RAW = "https://raw.githubusercontent.com"
_ARCHIVE = "https://codeload.github.com"
_BERKELEY = "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping"


@dataclass(frozen=True)
class PublicSet:
    """A public data set and its sources, in the order in which they are tried.

    Parameters
    ----------
    folder : str
        Below the folder of data sets: "kodak24", "train/bsds432".
    sizes, licence, home : str
        Of the images in pixels, in words; in words; where one finds the images by hand.
    megabytes : float
        Size of the images (MiB).
    sums : mapping of str to str
        sha256 by file name.
    direct : tuple of str
        Addresses of single images, with {name} for the file name, or {index} for its place (0000, 0001, ...)
        in the numeric order of names.
    archives : tuple of str
        Addresses of tar or zip files that hold the images, under whatever names.
    """

    folder: str
    sizes: str
    megabytes: float
    licence: str
    home: str
    sums: Mapping[str, str]
    direct: tuple[str, ...]
    archives: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.folder.rpartition("/")[2]

    @property
    def role(self) -> str:
        return "training" if self.folder.startswith("train/") else "test"

    def address(self, source: str, name: str) -> str:
        """Where an image is, given one of `direct`."""
        return source.replace("{name}", name).replace("{index}", f"{self.numbered().index(name):04d}")

    def numbered(self) -> list[str]:
        """File names in the numeric order of their stems (BSDS ids: 3096, 12084, ...); by length and text for others."""
        return sorted(self.sums, key=lambda name: (len(Path(name).stem), name))


@dataclass(frozen=True)
class State:
    """File names of a published set in a folder: as published, not there, otherwise than published, and not part of it."""

    good: tuple[str, ...]
    missing: tuple[str, ...]
    damaged: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def whole(self) -> bool:
        return not (self.missing or self.damaged or self.extra)


@cache
def catalogue() -> tuple[PublicSet, ...]:
    """The five published sets, test sets first."""
    sums: dict[str, dict[str, str]] = {}
    for line in (files("bench.data.public") / "sums.txt").read_text(encoding="ascii").splitlines():
        digest, path = line.split()
        folder, _, name = path.rpartition("/")
        sums.setdefault(folder, {})[name] = digest

    def make(folder: str, **about: object) -> PublicSet:
        return PublicSet(folder=folder, sums=sums[folder], **about)  # type: ignore[arg-type]

    # Branches may move and archives be packed anew: what counts are the sums of the images, wherever they come from.
    return (
        make(
            "kodak24",
            sizes="18 at 768x512, 6 at 512x768",
            megabytes=14.7,
            licence="unrestricted use",
            home="https://r0k.us/graphics/kodak/",
            direct=("https://r0k.us/graphics/kodak/kodak/{name}",),
            archives=(f"{_ARCHIVE}/MohamedBakrAli/Kodak-Lossless-True-Color-Image-Suite/tar.gz/HEAD",),
        ),
        make(
            "cset9",
            sizes="4 at 512x512, 1 at 256x256, 4 at 768x512",
            megabytes=4.3,
            licence="unclear (USC-SIPI): research",
            home="https://github.com/gistvision/DIP-denosing (testset/CSet9)",
            direct=(),
            archives=(
                f"{_ARCHIVE}/gistvision/DIP-denosing/tar.gz/853faac97a451e6430b47f4d4da54c6d08a7ee50",
                f"{_ARCHIVE}/gistvision/DIP-denosing/tar.gz/HEAD",
                f"{_ARCHIVE}/ZezhouCheng/GP-DIP/tar.gz/HEAD",
            ),
        ),
        make(
            "cbsd68",
            sizes="53 at 481x321, 15 at 321x481",
            megabytes=19.2,
            licence="non-commercial research, education",
            home="https://github.com/clausmichele/CBSD68-dataset (CBSD68/original_png)",
            direct=(f"{_RAW}/clausmichele/CBSD68-dataset/HEAD/CBSD68/original_png/{{index}}.png",),
            archives=(f"{_ARCHIVE}/clausmichele/CBSD68-dataset/tar.gz/HEAD",),
        ),
        make(
            "train/bsds432",
            sizes="295 at 481x321, 137 at 321x481",
            megabytes=30.4,
            licence="non-commercial research, education",
            home="https://github.com/BIDS/BSDS500 (BSDS500/data/images, without cbsd68)",
            direct=(),
            archives=(
                f"{_BERKELEY}/BSR/BSR_bsds500.tgz",
                f"{_ARCHIVE}/BIDS/BSDS500/tar.gz/a04b7c6c3a9f0ace74bf205c72a43d32e1c72722",
                f"{_ARCHIVE}/BIDS/BSDS500/tar.gz/HEAD",
            ),
        ),
        make(
            "train/div2k",
            sizes="100 at 256x256",
            megabytes=12.4,
            licence="academic research only",
            home="https://github.com/Guaishou74851/SCNet (data/DIV2K)",
            direct=(
                f"{_RAW}/Guaishou74851/SCNet/eb5ce0cd28f7791052ba35b7505d0ca926e7d536/data/DIV2K/{{name}}",
                f"{_RAW}/Guaishou74851/SCNet/HEAD/data/DIV2K/{{name}}",
            ),
            archives=(f"{_ARCHIVE}/Guaishou74851/SCNet/tar.gz/HEAD",),
        ),
    )


def choose(words: Sequence[str], sets: Sequence[PublicSet]) -> list[PublicSet]:
    """The sets of these names or folders, all where there are no words. Raises UsageError for another word."""
    known = {name: public for public in sets for name in (public.name, public.folder)}
    for word in words:
        if word not in known:
            names = ", ".join(public.name for public in sets)
            raise UsageError(f"no public data set {one_line(word)!r}{nearest(word, known)}: expected of {names}")
    chosen = {known[word].folder for word in words}
    return [public for public in sets if not words or public.folder in chosen]


def check(public: PublicSet, directory: Path) -> State:
    """Compare every file of a set below DIR with its sum; hidden files do not count."""
    folder = directory / public.folder
    there = {path.name for path in folder.iterdir() if not path.name.startswith(".")} if folder.is_dir() else set()
    good = {name for name, digest in public.sums.items() if name in there and digest_of(folder / name) == digest}
    return State(
        tuple(sorted(good)),
        tuple(sorted(public.sums.keys() - there)),
        tuple(sorted((public.sums.keys() & there) - good)),
        tuple(sorted(there - public.sums.keys())),
    )


def digest_of(path: Path) -> str | None:
    """The sha256 of a file; None for what cannot be one of the images: too large, unreadable or no regular file."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_IMAGE:
            return None
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def folder_of(text: str) -> Path:
    """The folder of data sets that the user named, which need not be there.

    Raises UsageError for a file, and for what can be no folder.
    """
    directory = Path(os.path.expanduser(text))
    try:
        if directory.exists() and not directory.is_dir():
            raise UsageError(f"{one_line(directory)}: is a file; expected a folder of data sets")
    except OSError as error:
        raise UsageError(f"{one_line(directory)}: {error.strerror}; expected a folder of data sets") from None
    return directory
