"""The lock of a run directory: one process at a time, on file systems with locks and without, from this machine and others."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.files.json_files import write_json
from bench.runs import lock
from bench.runs.lock import Holder, holder_path, in_use, read_holder
from tests.helpers.harness import ROOT

ELSEWHERE = Holder(7, "elsewhere", 1.0)

#: Holds a directory's lock until it is killed; the second argument: errno of a file system without locks, or 0.
HOLD = """
import fcntl, sys, time
from bench.runs import lock
from pathlib import Path
if int(sys.argv[2]):
    def none(*arguments):
        raise OSError(int(sys.argv[2]), "no locks")
    fcntl.flock = none
with lock.in_use(Path(sys.argv[1])):
    (Path(sys.argv[1]) / "run.json").write_text("{}")
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(params=[0, errno.ENOSYS, errno.ENOLCK])
def without_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """0, or what a file system without locks answers."""
    if request.param:
        return missing(request.param, monkeypatch)
    return 0


def missing(number: int, monkeypatch: pytest.MonkeyPatch) -> int:
    def none(*arguments: object) -> None:
        raise OSError(number, "no locks")

    monkeypatch.setattr(fcntl, "flock", none)
    return number


@contextmanager
def holding(directory: Path, number: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(directory), str(number)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def held(directory: Path) -> bool:
    """Whether the lock can be had; it is given back."""
    with in_use(directory):
        me = read_holder(directory)
        assert me is not None and (me.pid, me.host, me.alive) == (os.getpid(), socket.gethostname(), True)
    assert read_holder(directory) is None
    return True


def test_one_process_at_a_time_and_none_after_a_kill(without_locks: int, tmp_path: Path) -> None:
    with holding(tmp_path / "run", without_locks) as process:
        with pytest.raises(UsageError, match=f"process {process.pid} on .* works in it: expected to wait"):
            held(tmp_path / "run")
        holder = read_holder(tmp_path / "run")
        assert holder is not None and holder.alive
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert not holder.alive
        assert held(tmp_path / "run")
        assert not list(tmp_path.rglob(".*soft*")) and held(tmp_path / "run")


def test_a_later_process_of_the_same_number_is_another_one() -> None:
    with_my_number = Holder(os.getpid(), socket.gethostname(), 1.0)
    assert with_my_number.alive is False
    assert replace(with_my_number, host="elsewhere").alive is None


@contextmanager
def elsewhere(directory: Path, beating: bool) -> Iterator[None]:
    """What a process on another machine leaves in the directory, and goes on to write while it lives."""
    directory.mkdir()
    (directory / "run.json").write_text("{}")
    for name in (".lock", ".softlock"):
        (directory / name).write_text("7\nelsewhere\n")
    write_json(holder_path(directory), asdict(ELSEWHERE))
    ended = threading.Event()

    def beat() -> None:
        beats = 0
        while beating and not ended.wait(lock.BEAT):
            beats += 1
            write_json(holder_path(directory), asdict(replace(ELSEWHERE, beats=beats)))

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("number", [0, errno.ENOSYS, errno.ENOLCK])
@pytest.mark.parametrize("beating", [True, False])
def test_another_machine_has_the_lock_while_it_gives_signs_of_life(
    beating: bool, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "BEAT", 0.1)
    if number:
        missing(number, monkeypatch)
    with elsewhere(tmp_path / "run", beating):
        if beating:
            with pytest.raises(UsageError, match="process 7 on elsewhere works in it"):
                held(tmp_path / "run")
        else:
            assert held(tmp_path / "run")


def test_the_holder_gives_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "BEAT", 0.02)
    ended = threading.Event()
    with in_use(tmp_path / "run"):
        for _ in range(1000):
            holder = read_holder(tmp_path / "run")
            if holder is not None and holder.beats >= 2:
                ended.set()
                break
            ended.wait(0.02)
    assert ended.is_set() and read_holder(tmp_path / "run") is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "host": 1, "started": 2, "beats": 3}'])
def test_a_damaged_holder_is_nobody(content: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    holder_path(tmp_path).write_text(content)
    assert read_holder(tmp_path) is None and held(tmp_path)


def test_other_errors_and_folders_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photo.png").write_text("mine")
    with pytest.raises(UsageError, match="holds files but no run"):
        held(tmp_path)
    missing(errno.EIO, monkeypatch)
    with pytest.raises(UsageError, match="cannot be used as a run directory: no locks"):
        held(tmp_path / "new")


def test_a_working_directory_whose_name_is_no_text_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / os.fsdecode(b"dir\xff")
    folder.mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(UsageError, match=r"dir\?/run: the path is not valid UTF-8"), in_use(Path("run")):
        pass
    assert list(folder.iterdir()) == []
