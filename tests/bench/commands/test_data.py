"""`python -m bench data list|fetch|verify`: what is said, the exit status, and the real sets where they are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from bench.cli import main
from bench.commands import data as data_command
from bench.data.public.catalogue import catalogue, check
from tests.helpers.http_server import Server, ranged, send
from tests.helpers.shelf import FILES, SET


def test_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")  # nobody there, so that nothing leaves this machine
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert main(["data", "fetch", "kodak24", "--to", str(tmp_path / "d")]) == 1
    text = capsys.readouterr().out
    assert f"kodak24: 0 of 24 images in {tmp_path}/d/kodak24" in text
    assert "cannot be reached" in text
    assert "kodim01.png" in text and "kodim24.png (24 files)" in text
    assert f"from https://r0k.us/graphics/kodak/, into {tmp_path}/d/kodak24/" in text
    assert f"not unpacked, into {tmp_path}/d/downloads/" in text
    assert f"run again: python -m bench data fetch kodak24 --to {tmp_path}/d" in text


def test_verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(data_command, "catalogue", lambda: (SET, replace(SET, folder="train/other")))
    (tmp_path / "cbsd68").mkdir()
    for name, data in FILES.items():
        (tmp_path / "cbsd68" / name).write_bytes(data)
    (tmp_path / "cbsd68" / ".hidden").write_text("by the file manager")
    assert main(["data", "verify", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "cbsd68: 3 of 3 images as published\nother: not there\n"
    assert main(["data", "verify", str(tmp_path), "other"]) == 1
    (tmp_path / "cbsd68" / "3096.png").unlink()
    (tmp_path / "cbsd68" / "12084.png").write_bytes(FILES["12084.png"][:-1])
    (tmp_path / "cbsd68" / "mine.png").write_bytes(b"x")
    capsys.readouterr()
    assert main(["data", "verify", str(tmp_path), "cbsd68"]) == 1
    folder = tmp_path / "cbsd68"
    assert capsys.readouterr().out.splitlines() == [
        "cbsd68: 1 of 3 images as published",
        f"  missing: {folder}/3096.png",
        f"  damaged: {folder}/12084.png",
        f"  extra: {folder}/mine.png",
    ]
    assert main(["data", "list", str(tmp_path)]) == 0
    assert "1 of 3, 1 damaged, 1 extra" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["fetch", "kodak"],
            "no public data set 'kodak' (nearest: kodak24): expected of kodak24, cset9, cbsd68, bsds432, div2k",
        ),
        (["fetch", "--mirror", "ftp://host/x"], "--mirror 'ftp://host/x': expected an http or https address"),
        (["fetch", "--mirror", "/a/path"], "--mirror '/a/path': expected an http or https address"),
        (["fetch", "--to", "file"], "file: is a file; expected a folder of data sets"),
        (["verify", "nowhere"], "nowhere: is not there; expected a folder of data sets"),
        (["list", "file"], "file: is a file"),
        ([], "required: list|fetch|verify"),
    ],
)
def test_bad_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("x")
    assert main(["data", *arguments]) == 2
    text = capsys.readouterr().err
    assert len(text.splitlines()) == 1 and message in text
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_interrupted_fetch_says_what_is_true_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("bench.commands.data.fetch", interrupted)
    assert main(["data", "fetch", "kodak24", "--to", str(tmp_path)]) == 130
    kept = "what was downloaded is kept, the same command goes on from there"
    assert capsys.readouterr().err == f"denoisebench: interrupted (SIGTERM); {kept}\n"
    monkeypatch.setattr("bench.commands.data.check", interrupted)
    assert main(["data", "list", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "denoisebench: interrupted (SIGTERM)\n"  # there was nothing to keep


def test_the_catalogue() -> None:
    sets = {public.name: public for public in catalogue()}
    assert {name: len(public.sums) for name, public in sets.items()} == {
        "kodak24": 24, "cset9": 9, "cbsd68": 68, "bsds432": 432, "div2k": 100,
    }  # fmt: skip
    for name in ("kodim01.png", "kodim02.png", "kodim03.png", "kodim12.png"):
        assert sets["cset9"].sums[name] == sets["kodak24"].sums[name]
    assert not {Path(name).stem for name in sets["cbsd68"].sums} & {Path(name).stem for name in sets["bsds432"].sums}
    cbsd68 = sets["cbsd68"]
    addresses = [cbsd68.address(cbsd68.direct[0], name) for name in ("3096.png", "12084.png", "351093.png")]
    assert [address[-8:] for address in addresses] == ["0000.png", "0001.png", "0067.png"]
    assert all(url.startswith("https://") for public in sets.values() for url in (*public.direct, *public.archives))


# --- the real sets --------------------------------------------------------------------------------------------------

needs_data = pytest.mark.skipif("DENOISEBENCH_DATA" not in os.environ, reason="DENOISEBENCH_DATA names no folder of data sets")


@needs_data
def test_the_published_sets_verify() -> None:
    for public in catalogue():
        assert check(public, Path(os.environ["DENOISEBENCH_DATA"])).whole


@needs_data
@pytest.mark.slow
def test_a_fetch_that_was_killed_goes_on(server: Server, tmp_path: Path) -> None:
    """Real processes and images, from a mirror on this machine."""
    source = Path(os.environ["DENOISEBENCH_DATA"])
    sets = [public for public in catalogue() if public.name in ("cset9", "cbsd68")]
    for public in sets:
        for name in public.sums:
            server.answers[f"/{public.folder}/{name}"] = ranged((source / public.folder / name).read_bytes())
    middle = sorted(sets[1].sums)[30]
    address, data = f"/cbsd68/{middle}", (source / "cbsd68" / middle).read_bytes()
    serving = server.answers[address]
    fetch_them = [
        sys.executable,
        "-m",
        "bench",
        "data",
        "fetch",
        "cset9",
        "cbsd68",
        "--mirror",
        server.url,
        "--to",
        str(tmp_path),
    ]
    process = subprocess.Popen(fetch_them)

    def kill(handler: BaseHTTPRequestHandler) -> None:
        """Send a part, and kill the process once it has written that down."""
        send(handler, 200, data[:100_000], {"Content-Length": str(len(data))})
        while not (part.exists() and part.stat().st_size == 100_000) and not server.over.wait(0.01):
            pass
        process.kill()

    part = tmp_path / "downloads" / f"{sets[1].sums[middle]}.part"
    server.answers[address] = kill
    assert process.wait(120) == -9
    assert len(list((tmp_path / "cbsd68").iterdir())) == 30
    server.answers[address] = serving
    result = subprocess.run(fetch_them, capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stderr) == (0, "")
    assert server.asked[9 + 31] == (address, "bytes=100000-")
    assert len(server.asked) == 9 + 68 + 1
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")} == {
        f"{public.folder}/{name}" for public in sets for name in public.sums
    }
    assert main(["data", "verify", str(tmp_path)]) == 0
