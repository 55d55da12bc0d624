"""Completing a public data set: from what is there already, from mirrors, from its own sources."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import requests

from bench.data.left_out import DOWNLOADS
from bench.data.public.archives import ArchiveError, wanted_files
from bench.data.public.catalogue import MAX_IMAGE, PublicSet, State, check, digest_of
from bench.data.public.download import DownloadError, Patience, download
from bench.files.writing import write_atomically

#: Largest archive (bytes).
MAX_ARCHIVE = 1 << 30


@dataclass(frozen=True)
class Outcome:
    """What became of one set: its state, and one line for everything that failed on the way."""

    state: State
    troubles: tuple[str, ...]


def fetch(
    public: PublicSet,
    directory: Path,
    *,
    mirrors: Sequence[str] = (),
    patience: Patience = Patience(),  # noqa: B008 (immutable)
    say: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """Complete one data set below DIR; images that are there and good are left alone.

    Images are looked for, until none is missing: among the files in the set's own folder, whatever their names; in
    archives in DIR/downloads; below each of `mirrors`, laid out as DIR is; at the set's own sources.

    Parameters
    ----------
    mirrors : sequence of str
        http or https addresses to try first: MIRROR/kodak24/kodim01.png and so on.
    say : callable
        Told what is being done, in words.

    Raises
    ------
    OSError
        DIR cannot be written to, or the disk is full.
    """
    work = _Work(public, directory, say)
    work.adopt()
    downloads = directory / DOWNLOADS
    for path in sorted(downloads.iterdir()) if downloads.is_dir() else []:
        if work.wanted and path.name.lower().endswith((".tar.gz", ".tgz", ".tar", ".zip")):
            work.unpack(path, str(path))
    with requests.Session() as session:
        session.max_redirects = 5
        sources = [*(f"{mirror.rstrip('/')}/{public.folder}/{{name}}" for mirror in mirrors), *public.direct]
        for source in sources:
            work.take_images(partial(public.address, source), session, patience)
        for url in public.archives:
            work.take_archive(url, session, patience)
    for path in downloads.glob("tmp*"):  # pooch's, of a process that was killed
        if not path.stat().st_size:
            path.unlink(missing_ok=True)
    return Outcome(check(public, directory), tuple(work.troubles))


class _Work:
    """A set in the course of being completed: `wanted` maps the sha256 of each image still to be had to its name."""

    def __init__(self, public: PublicSet, directory: Path, say: Callable[[str], None]) -> None:
        self.public, self.directory, self.say = public, directory, say
        good = check(public, directory).good
        self.wanted = {digest: name for name, digest in public.sums.items() if name not in good}
        self.troubles: list[str] = []

    def place(self, data: bytes) -> None:
        """Put an image where it belongs; what has its name there makes way, into DIR/downloads."""
        name = self.wanted.pop(hashlib.sha256(data).hexdigest())
        path = self.directory / self.public.folder / name
        if os.path.lexists(path):
            aside = self.directory / DOWNLOADS / f"{self.public.name}-{name}.{digest_of(path) or 'other'}"
            aside.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, aside)
            self.troubles.append(f"{path} was another file, which is now {aside}")
        write_atomically(path, lambda temporary: temporary.write_bytes(data))
        total = len(self.public.sums)
        self.say(f"{self.public.name}: {total - len(self.wanted)} of {total} images")

    def adopt(self) -> None:
        """Give images in the set's folder that have other names their own."""
        folder = self.directory / self.public.folder
        for name in check(self.public, self.directory).extra:
            if digest_of(folder / name) in self.wanted:
                self.place((folder / name).read_bytes())
                (folder / name).unlink()

    def unpack(self, archive: Path, called: str) -> None:
        """Take the wanted images out of an archive."""
        self.say(f"{self.public.name}: looking into {called}")
        before = len(self.wanted)
        try:
            for digest, data in wanted_files(archive, frozenset(self.wanted)):
                if digest in self.wanted:  # not the second of two copies
                    self.place(data)
            if len(self.wanted) == before:
                self.troubles.append(f"{called}: holds none of the wanted images")
        except ArchiveError as error:
            self.troubles.append(f"{called}: {error}")

    def take_images(self, address: Callable[[str], str], session: requests.Session, patience: Patience) -> None:
        """Ask one source for every wanted image; leave it at the first one if it does not answer at all."""
        failures: list[str] = []
        for digest, name in sorted(self.wanted.items(), key=lambda item: item[1]):
            url = address(name)
            try:
                path = download(url, self.directory / DOWNLOADS, digest, MAX_IMAGE, patience, session)
            except DownloadError as error:
                failures.append(f"{url}: {error}")
                if error.unreachable:
                    break
            else:
                self.place(path.read_bytes())
                path.unlink()
        if failures:
            more = f" (and {len(failures) - 1} more from there)" if len(failures) > 1 else ""
            self.troubles.append(failures[0] + more)

    def take_archive(self, url: str, session: requests.Session, patience: Patience) -> None:
        """Download an archive, take the wanted images out of it, and remove it."""
        if not self.wanted:
            return
        self.say(f"{self.public.name}: downloading {url}")
        try:
            path = download(url, self.directory / DOWNLOADS, None, MAX_ARCHIVE, patience, session)
        except DownloadError as error:
            self.troubles.append(f"{url}: {error}")
            return
        try:
            self.unpack(path, url)
        finally:
            path.unlink()
