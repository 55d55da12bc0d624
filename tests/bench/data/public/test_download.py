"""One file from a server on this machine: resumed, wrong, missing, slow, cut off, redirected."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

import numpy as np
import pytest
import requests

from bench.data.public.download import DownloadError, Patience, download
from tests.helpers.http_server import Server, dripping, ranged, redirect, stalling, status, whole

DATA = np.random.default_rng(0).bytes(300_000)
SUM = hashlib.sha256(DATA).hexdigest()
HASTE = Patience(timeout=0.5, slowest=2000, attempts=3, pause=0)


def get(server: Server, folder: Path, sha256: str | None = SUM, limit: int = 1 << 20, patience: Patience = HASTE) -> Path:
    with requests.Session() as session:
        session.max_redirects = 3
        return download(f"{server.url}/file", folder, sha256, limit, patience, session)


def refusal(server: Server, folder: Path, **options: object) -> str:
    with pytest.raises(DownloadError) as caught:
        get(server, folder, **options)  # type: ignore[arg-type]
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_a_file(server: Server, tmp_path: Path) -> None:
    server.answers["/file"] = whole(DATA)
    path = get(server, tmp_path / "new" / "folder")
    assert path.read_bytes() == DATA
    assert list(path.parent.iterdir()) == [path]  # no part is left
    assert get(server, path.parent) == path
    assert server.asked == [("/file", None)]  # it was there


def test_a_transfer_that_breaks_off_goes_on(server: Server, tmp_path: Path) -> None:
    server.answers["/file"] = ranged(DATA, at_most=100_000)
    assert get(server, tmp_path).read_bytes() == DATA
    assert server.asked == [("/file", None), ("/file", "bytes=100000-"), ("/file", "bytes=200000-")]


def test_a_truncated_file_is_none_and_the_next_call_goes_on(server: Server, tmp_path: Path) -> None:
    server.answers["/file"] = ranged(DATA, at_most=50_000)
    assert "broke off after 150000" in refusal(server, tmp_path)
    (part,) = tmp_path.iterdir()
    assert part.read_bytes() == DATA[:150_000]
    server.answers["/file"] = ranged(DATA)
    server.asked.clear()
    assert get(server, tmp_path).read_bytes() == DATA
    assert server.asked == [("/file", "bytes=150000-")]


def test_a_server_that_cannot_resume_sends_all(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{SUM}.part").write_bytes(DATA[:1000])
    server.answers["/file"] = whole(DATA)
    assert get(server, tmp_path).read_bytes() == DATA


def test_a_whole_part_is_done(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{SUM}.part").write_bytes(DATA)
    server.answers["/file"] = ranged(DATA)
    assert get(server, tmp_path).read_bytes() == DATA
    assert len(server.asked) == 1


@pytest.mark.parametrize("part", [b"of another file", DATA + b"more", b"x" * len(DATA)])
def test_a_part_of_another_file_is_given_up(server: Server, tmp_path: Path, part: bytes) -> None:
    (tmp_path / f"{SUM}.part").write_bytes(part)
    server.answers["/file"] = ranged(DATA)
    assert get(server, tmp_path).read_bytes() == DATA
    assert server.asked[-1] == ("/file", None)


def test_another_file_than_the_published_one(server: Server, tmp_path: Path) -> None:
    server.answers["/file"] = whole(DATA[:-1] + b"!")
    assert "sha256 differs" in refusal(server, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert len(server.asked) == 1


def test_not_found(server: Server, tmp_path: Path) -> None:
    assert refusal(server, tmp_path) == "answers 404 Not Found"
    assert len(server.asked) == 1


def test_trouble_of_the_server_may_pass(server: Server, tmp_path: Path) -> None:
    server.answers["/file"] = status(503)
    assert "answers 503" in refusal(server, tmp_path)
    assert len(server.asked) == 3


def test_stalled(server: Server, tmp_path: Path) -> None:
    server.answers["/file"] = stalling(server, DATA[:10], len(DATA))
    assert "stalled for 0.5 s after 10 bytes" in refusal(server, tmp_path, patience=Patience(0.5, 2000, 1, 0))
    (part,) = tmp_path.iterdir()
    assert part.read_bytes() == DATA[:10]


def test_a_byte_now_and_then(server: Server, tmp_path: Path) -> None:
    server.answers["/file"] = dripping(server, b"x", 0.05)
    assert "slower than 2000 bytes a second" in refusal(server, tmp_path, patience=Patience(0.5, 2000, 1, 0))


def test_no_answer(server: Server, tmp_path: Path) -> None:
    server.answers["/file"] = lambda handler: server.over.wait(60) and None
    with pytest.raises(DownloadError, match=r"no answer for 0\.5 s") as caught:
        get(server, tmp_path, patience=Patience(0.5, 2000, 1, 0))
    assert caught.value.unreachable


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening
        with pytest.raises(DownloadError, match=r"cannot be reached: .*refused") as caught:
            get(Server(f"http://127.0.0.1:{taken.getsockname()[1]}"), tmp_path)
    assert caught.value.unreachable


def test_redirects_are_followed(server: Server, tmp_path: Path) -> None:
    server.answers |= {"/file": redirect("/moved"), "/moved": redirect(f"{server.url}/again"), "/again": ranged(DATA, 200_000)}
    assert get(server, tmp_path).read_bytes() == DATA
    assert server.asked[-1] == ("/again", "bytes=200000-")


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://127.0.0.1/file", "data:,x", "/file", "http://"])
def test_redirects_astray(server: Server, tmp_path: Path, to: str) -> None:
    server.answers["/file"] = redirect(to)
    refusal(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_addresses_other_than_http(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(DATA)
    refusal(Server(f"file://{tmp_path}"), tmp_path / "folder")


@pytest.mark.parametrize("endless", [False, True])
def test_larger_than_it_can_be(server: Server, tmp_path: Path, endless: bool) -> None:
    server.answers["/file"] = dripping(server, bytes(100_000), 0.001) if endless else whole(DATA)
    assert "larger than 250000 bytes" in refusal(server, tmp_path, limit=250_000)
    assert list(tmp_path.iterdir()) == []


def test_an_archive_is_known_by_its_address(server: Server, tmp_path: Path) -> None:
    server.answers["/file"] = ranged(DATA, at_most=100_000)
    assert get(server, tmp_path, sha256=None).read_bytes() == DATA
    assert server.asked[-1] == ("/file", "bytes=200000-")
