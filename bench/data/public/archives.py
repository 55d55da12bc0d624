"""Files out of an archive that nobody vouches for: known by their sha256, whatever they are called there.

Nothing is unpacked: no name of a member ever becomes a path on this machine, links are never made or followed, and
only the contents of wanted files are kept. What shows ill will makes the whole archive unusable all the same: names or
links that lead outside, device files, and more members or bytes than an archive of photographs has.
"""

from __future__ import annotations

import gzip
import hashlib
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Container, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from bench.data.public.catalogue import MAX_IMAGE
from bench.errors import UsageError, one_line

#: Limits of an archive: members, and bytes once unpacked (all members together).
MAX_MEMBERS = 50_000
MAX_UNPACKED = 2 << 30
_MAX_READ = 1 << 20
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others unpack all at once


class ArchiveError(Exception):
    """The archive cannot be used; the message says why, on one line."""


def wanted_files(
    path: Path, sums: Container[str], *, max_members: int = MAX_MEMBERS, max_unpacked: int = MAX_UNPACKED
) -> Iterator[tuple[str, bytes]]:
    """The files in a tar (plain or gzip) or zip archive whose sha256 is in `sums`, as (sha256, contents).

    Raises
    ------
    ArchiveError
        For an archive that is damaged, hostile or none; what came before is good all the same, its sum says so.
    """
    try:
        with path.open("rb") as file:
            members = _zip_members if file.read(2) == b"PK" else _tar_members
        for data in members(path, max_members, max_unpacked):
            digest = hashlib.sha256(data).hexdigest()
            if digest in sums:
                yield digest, data
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ArchiveError(f"no archive, or a damaged one ({one_line(error)})") from None
    except (OSError, ValueError, RuntimeError, NotImplementedError, OverflowError) as error:  # of hostile headers
        raise ArchiveError(f"cannot be read ({type(error).__name__}: {one_line(error)})") from None


def _tar_members(path: Path, max_members: int, max_unpacked: int) -> Iterator[bytes]:
    if not hasattr(tarfile, "data_filter"):
        raise UsageError("this Python has no tarfile.data_filter: expected 3.11.4 or later, to unpack archives safely")
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        stream = _Bounded(gzip.GzipFile(fileobj=file) if packed else file, max_unpacked)
        with tarfile.open(fileobj=stream, mode="r:") as archive:  # type: ignore[call-overload]
            for number, member in enumerate(archive):
                _refuse(number >= max_members, f"has more than {max_members} members")
                _check_name(member.name)
                try:
                    tarfile.data_filter(member, str(path.parent))
                except tarfile.FilterError as error:
                    raise ArchiveError(f"is hostile: {one_line(error)}") from None
                if member.isreg() and not member.issparse() and member.size <= MAX_IMAGE:
                    opened = archive.extractfile(member)
                    assert opened is not None  # of a regular file
                    yield opened.read()


def _zip_members(path: Path, max_members: int, max_unpacked: int) -> Iterator[bytes]:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _refuse(len(members) > max_members, f"has more than {max_members} members")
        _refuse(sum(member.file_size for member in members) > max_unpacked, f"unpacks to more than {max_unpacked} bytes")
        for member in members:
            _check_name(member.filename)
            if member.is_dir() or member.file_size > MAX_IMAGE or member.compress_type not in _ZIP_METHODS:
                continue
            with archive.open(member) as file:  # reads no more than is asked for, whatever the compressed data hold
                data = file.read(member.file_size)
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind == stat.S_IFLNK:
                target = data.decode("utf-8", "replace")
                _check_name(str(PurePosixPath(member.filename).parent / target), link=target)
            elif kind in (0, stat.S_IFREG):
                yield data


def _check_name(name: str, link: str = "") -> None:
    """Raise ArchiveError where a member's name, or the place a link leads to, is outside of the archive."""
    depth = 0
    outside = name.startswith(("/", "\\")) or link.startswith(("/", "\\")) or name[1:2] == ":"
    for part in name.replace("\\", "/").split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        outside = outside or depth < 0
    what = f"a link to {link!r}" if link else f"a member {name!r}"
    _refuse(outside, f"is hostile: {one_line(what)[:200]} leads outside")


def _refuse(condition: bool, reason: str) -> None:
    if condition:
        raise ArchiveError(reason)


class _Bounded:
    """What `tarfile` needs of a file: read once from front to back, with a limit on all of it and on any one piece.

    Headers can claim any length, and a few kilobytes of gzip can unpack to terabytes.
    """

    def __init__(self, stream: BinaryIO | gzip.GzipFile, limit: int) -> None:
        self._stream, self._limit, self._position = stream, limit, 0

    def read(self, size: int) -> bytes:
        _refuse(not 0 <= size <= MAX_IMAGE, f"has a header of {size} bytes")
        data = self._stream.read(size)
        self._position += len(data)
        _refuse(self._position > self._limit, f"unpacks to more than {self._limit} bytes")
        return data

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        _refuse(position < self._position, "has members that overlap")
        while self._position < position and self.read(min(_MAX_READ, position - self._position)):
            pass
