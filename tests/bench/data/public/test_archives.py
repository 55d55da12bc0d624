"""Hostile and damaged archives: nothing is written anywhere, and one line says why."""

from __future__ import annotations

import gzip
import hashlib
import io
import stat
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.data.public.archives import ArchiveError, wanted_files

RNG = np.random.default_rng(0)
FILES = {f"repository-main/data/{number}.png": RNG.bytes(2000 + number) for number in range(4)}
SUMS = {hashlib.sha256(data).hexdigest() for data in list(FILES.values())[1:]}  # the first one is not wanted


def make_tar(mode: str = "w:gz", add: Callable[[tarfile.TarFile], object] = lambda archive: None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        add(archive)
        for name, data in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def make_zip(add: Callable[[zipfile.ZipFile], object] = lambda archive: None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        add(archive)
        for name, data in FILES.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def found(folder: Path, archive: bytes, **limits: int) -> dict[str, bytes]:
    path = folder / "archive"
    path.write_bytes(archive)
    try:
        return dict(wanted_files(path, SUMS, **limits))
    finally:
        assert list(folder.iterdir()) == [path]  # nothing was unpacked


def refusal(folder: Path, archive: bytes, **limits: int) -> str:
    (folder / "inner").mkdir()
    with pytest.raises(ArchiveError) as caught:
        found(folder / "inner", archive, **limits)
    assert [path.name for path in folder.iterdir()] == ["inner"]
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> Callable[[tarfile.TarFile], object]:
    def add(archive: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = kind, link, size
        archive.addfile(info, io.BytesIO(bytes(size)))

    return add


@pytest.mark.parametrize("archive", [make_tar(), make_tar("w"), make_zip()], ids=["tar.gz", "tar", "zip"])
def test_wanted_files_are_known_by_their_sums(tmp_path: Path, archive: bytes) -> None:
    files = found(tmp_path, archive)
    assert files.keys() == SUMS
    assert all(hashlib.sha256(data).hexdigest() == digest for digest, data in files.items())


@pytest.mark.parametrize(
    "add",
    [
        member("../evil.png"),
        member("a/../../evil.png"),
        member("/tmp/evil.png"),
        member("C:\\evil.png"),
        member("..\\evil.png"),
        member("link", tarfile.SYMTYPE, "/etc"),
        member("link", tarfile.SYMTYPE, "../.."),
        member("link", tarfile.LNKTYPE, "../../etc/passwd"),
        member("device", tarfile.CHRTYPE),
        member("pipe", tarfile.FIFOTYPE),
    ],
)
def test_members_that_lead_outside(tmp_path: Path, add: Callable[[tarfile.TarFile], object]) -> None:
    assert "is hostile" in refusal(tmp_path, make_tar(add=add))


def test_links_inside_are_passed_over(tmp_path: Path) -> None:
    assert found(tmp_path, make_tar(add=member("repository-main/link", tarfile.SYMTYPE, "data"))).keys() == SUMS
    assert found(tmp_path, make_zip(add=zip_link("repository-main/link", "data"))).keys() == SUMS


def zip_link(name: str, to: str) -> Callable[[zipfile.ZipFile], object]:
    def add(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo(name)
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, to)

    return add


@pytest.mark.parametrize(
    "add",
    [
        lambda archive: archive.writestr("../evil.png", b""),
        lambda archive: archive.writestr("/tmp/evil.png", b""),
        zip_link("link", "/etc/passwd"),
        zip_link("a/link", "../../etc"),
    ],
)
def test_zip_members_that_lead_outside(tmp_path: Path, add: Callable[[zipfile.ZipFile], object]) -> None:
    assert "is hostile" in refusal(tmp_path, make_zip(add))


def test_bombs(tmp_path: Path) -> None:
    """Megabytes of zeros, in files too large to be looked at: limited all the same."""
    zeros = 32 << 20
    for number, archive in enumerate([
        make_tar(add=member("zeros", size=zeros)),
        make_zip(lambda archive: archive.writestr("zeros", bytes(zeros))),
    ]):  # fmt: skip
        assert len(archive) < zeros / 500
        (tmp_path / str(number)).mkdir()
        assert "unpacks to more than 1000000 bytes" in refusal(tmp_path / str(number), archive, max_unpacked=1_000_000)


def test_a_zip_that_lies_about_a_size_is_not_unpacked(tmp_path: Path) -> None:
    """50 MB of zeros that claim to be 1000 bytes, in the directory and before the data."""
    archive = bytearray(make_zip(lambda archive: archive.writestr("zeros", bytes(50_000_000))))
    true, claimed = (50_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")
    assert archive.count(true) == 2
    tracemalloc.start()
    refusal(tmp_path, bytes(archive).replace(true, claimed))
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("archive", [make_tar(), make_zip()], ids=["tar", "zip"])
def test_too_many_members(tmp_path: Path, archive: bytes) -> None:
    assert "more than 3 members" in refusal(tmp_path, archive, max_members=3)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_claims_gigabytes_is_not_read(tmp_path: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("header")
    info.type, info.size = kind, 1 << 30
    archive = info.tobuf(tarfile.GNU_FORMAT) + bytes(100_000)
    assert "has a header of" in refusal(tmp_path, gzip.compress(archive))


def test_a_negative_size_does_not_go_back(tmp_path: Path) -> None:
    info = tarfile.TarInfo("back")
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 10 + b"\xfc\x00"  # base 256: -1024
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    refusal(tmp_path, bytes(header) + make_tar("w"))


def test_damaged_or_none(tmp_path: Path) -> None:
    for number, archive in enumerate(
        [b"", b"<html>not found</html>", make_tar()[:3000], make_zip()[:3000], make_tar("w")[:900]]
    ):
        (tmp_path / str(number)).mkdir()
        refusal(tmp_path / str(number), archive)


@pytest.mark.parametrize("archive", [make_tar(), make_tar("w"), make_zip()], ids=["tar.gz", "tar", "zip"])
def test_flipped_bytes(tmp_path: Path, archive: bytes) -> None:
    """Whatever is wrong with it, an archive gives wanted files or an ArchiveError, and nothing else."""
    rng = np.random.default_rng(1)
    for _ in range(150):
        damaged = bytearray(archive)
        headers = rng.integers(0, 600, 3) if rng.random() < 0.5 else rng.integers(len(archive) - 600, len(archive), 3)
        for place in (*headers, rng.integers(len(archive))):
            damaged[place] = rng.integers(256)
        try:
            files = found(tmp_path, bytes(damaged))
        except ArchiveError:
            continue
        assert files.keys() <= SUMS
