"""Completing a data set: what is taken from where, and what is never trusted."""

from __future__ import annotations

import io
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from bench.data.public.catalogue import PublicSet, check
from bench.data.public.download import Patience
from bench.data.public.fetching import Outcome, fetch
from tests.helpers.http_server import Server, dripping, ranged, redirect, status, whole
from tests.helpers.shelf import FILES, SET

GOOD = tuple(sorted(FILES))
HASTE = Patience(timeout=0.5, slowest=2000, attempts=2, pause=0)


def run(public: PublicSet, directory: Path, mirrors: tuple[str, ...] = ()) -> Outcome:
    return fetch(public, directory, mirrors=mirrors, patience=HASTE)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def packed(kind: str = "tgz") -> bytes:
    """The images under other names, among others."""
    buffer = io.BytesIO()
    names = {f"main/{number:04d}.png": data for number, data in enumerate(FILES.values())} | {"main/README.md": b"pictures"}
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, data in names.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, data in names.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def test_images_by_number(server: Server, tmp_path: Path) -> None:
    """The numeric order of the ids is not the alphabetical one."""
    for number, data in enumerate(FILES.values()):
        server.answers[f"/original/{number:04d}.png"] = redirect(f"/{number}")
        server.answers[f"/{number}"] = whole(data)
    public = replace(SET, direct=(f"{server.url}/original/{{index}}.png",))
    assert run(public, tmp_path) == Outcome(check(SET, tmp_path), ())
    assert contents(tmp_path) == {f"cbsd68/{name}": data for name, data in FILES.items()}
    assert check(SET, tmp_path).whole
    asked = len(server.asked)
    assert run(public, tmp_path).state.good == GOOD
    assert len(server.asked) == asked  # nothing is fetched twice


def test_mirrors_come_first_and_the_next_source_makes_up_for_the_last(server: Server, tmp_path: Path) -> None:
    """One mirror has one image, another one a wrong file, the set's own source breaks off; together they are enough."""
    one, two, three = FILES
    server.answers |= {
        f"/first/cbsd68/{one}": whole(FILES[one]),
        f"/second/cbsd68/{two}": whole(FILES[three]),
        f"/own/{two}": ranged(FILES[two], at_most=15_000),
        f"/own/{three}": status(500),
        f"/third/{three}": whole(FILES[three]),
    }
    public = replace(SET, direct=(f"{server.url}/own/{{name}}", f"{server.url}/third/{{name}}"))
    outcome = run(public, tmp_path, (f"{server.url}/first", f"{server.url}/second/"))
    assert contents(tmp_path) == {f"cbsd68/{name}": data for name, data in FILES.items()}
    assert outcome.state.whole
    assert [trouble.removeprefix(server.url) for trouble in outcome.troubles] == [
        f"/first/cbsd68/{three}: answers 404 Not Found (and 1 more from there)",
        f"/second/cbsd68/{three}: answers 404 Not Found (and 1 more from there)",
        f"/own/{three}: answers 500 Internal Server Error",
    ]


def test_a_wrong_file_is_never_put_in_place(server: Server, tmp_path: Path) -> None:
    server.answers["/own/3096.png"] = whole(b"\x89PNG but another one")
    outcome = run(replace(SET, direct=(f"{server.url}/own/{{name}}",)), tmp_path)
    assert contents(tmp_path) == {}
    assert outcome.state.missing == GOOD


@pytest.mark.slow(1)
def test_a_source_that_does_not_answer_is_asked_once(server: Server, tmp_path: Path) -> None:
    for name, data in FILES.items():
        server.answers[f"/silent/{name}"] = lambda handler: server.over.wait(60) and None
        server.answers[f"/own/{name}"] = whole(data)
    public = replace(SET, direct=(f"{server.url}/silent/{{name}}", f"{server.url}/own/{{name}}"))
    assert run(public, tmp_path).state.whole
    assert sum("silent" in path for path, _ in server.asked) == HASTE.attempts


@pytest.mark.slow(3)
def test_slow_images_come_from_elsewhere(server: Server, tmp_path: Path) -> None:
    for name, data in FILES.items():
        server.answers[f"/slow/{name}"] = dripping(server, b"x", 0.05)
        server.answers[f"/own/{name}"] = whole(data)
    public = replace(SET, direct=(f"{server.url}/slow/{{name}}", f"{server.url}/own/{{name}}"))
    outcome = run(public, tmp_path)
    assert outcome.state.whole  # though what the slow one sent was gone on with at first
    assert "slower than" in outcome.troubles[0]


@pytest.mark.parametrize("kind", ["tgz", "zip"])
def test_images_in_an_archive(server: Server, tmp_path: Path, kind: str) -> None:
    server.answers |= {"/page": whole(b"<html>sign in</html>"), "/archive": ranged(packed(kind), at_most=40_000)}
    public = replace(SET, archives=(f"{server.url}/none", f"{server.url}/page", f"{server.url}/archive", f"{server.url}/more"))
    outcome = run(public, tmp_path)
    assert contents(tmp_path) == {f"cbsd68/{name}": data for name, data in FILES.items()}  # and no archive is left
    assert "404" in outcome.troubles[0]
    assert "no archive" in outcome.troubles[1]
    assert [path for path, _ in server.asked] == ["/none", "/page", "/archive", "/archive"]


def test_a_hostile_archive_leaves_nothing_outside(server: Server, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        good = tarfile.TarInfo("3096.png")
        good.size = len(FILES["3096.png"])
        archive.addfile(good, io.BytesIO(FILES["3096.png"]))
        evil = tarfile.TarInfo("../../evil.png")
        archive.addfile(evil)
    server.answers |= {"/evil": whole(buffer.getvalue()), "/good": whole(packed())}
    outcome = run(replace(SET, archives=(f"{server.url}/evil",)), tmp_path / "data")
    assert contents(tmp_path) == {"data/cbsd68/3096.png": FILES["3096.png"]}  # known by its sum
    assert "evil.png' leads outside" in outcome.troubles[0]
    assert run(replace(SET, archives=(f"{server.url}/good",)), tmp_path / "data").state.whole


@pytest.mark.parametrize("name", ["by-hand.tar.gz", "BSR.TGZ"])
def test_an_archive_put_there_by_hand(tmp_path: Path, name: str) -> None:
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "broken.zip").write_bytes(b"PK")
    (tmp_path / "downloads" / name).write_bytes(packed())
    outcome = run(SET, tmp_path)
    assert outcome.state.whole
    assert (tmp_path / "downloads" / name).exists()  # it is the user's
    assert all("broken.zip" in trouble for trouble in outcome.troubles)


def test_images_put_there_by_hand_under_other_names(tmp_path: Path) -> None:
    (tmp_path / "cbsd68").mkdir()
    for number, data in enumerate(FILES.values()):
        (tmp_path / "cbsd68" / f"{number:04d}.png").write_bytes(data)
    (tmp_path / "cbsd68" / "0009.png").write_bytes(b"not of this set")
    state = run(SET, tmp_path).state
    assert (state.good, state.extra) == (GOOD, ("0009.png",))


def test_what_is_in_the_way_is_kept(server: Server, tmp_path: Path) -> None:
    """A crop by the same name, a link: they are not overwritten, and nothing is written through them."""
    (tmp_path / "cbsd68").mkdir()
    (tmp_path / "cbsd68" / "3096.png").write_bytes(b"my own crop")
    (tmp_path / "elsewhere").write_bytes(b"precious")
    (tmp_path / "cbsd68" / "12084.png").symlink_to(tmp_path / "elsewhere")
    for name, data in FILES.items():
        server.answers[f"/{name}"] = whole(data)
    outcome = run(replace(SET, direct=(f"{server.url}/{{name}}",)), tmp_path)
    assert outcome.state.whole
    assert (tmp_path / "elsewhere").read_bytes() == b"precious"
    assert not (tmp_path / "cbsd68" / "12084.png").is_symlink()
    assert b"my own crop" in contents(tmp_path / "downloads").values()
    assert not [path for path in (tmp_path / "downloads").iterdir() if path.suffix == ".png"]  # no test set
