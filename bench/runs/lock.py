"""That nobody else works in a run directory: its lock, and the sign of life of the process that holds it."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from bench.errors import UsageError, not_text, one_line
from bench.files.json_files import read_json, write_json
from bench.runs.directory import refuse_in_the_way

#: Seconds between two signs of life.
BEAT = 10.0

#: How many of them a process may miss before it counts as gone.
MISSED = 3

#: What file systems answer that have no locks.
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


@dataclass(frozen=True)
class Holder:
    """The process that works in a run directory, as .holder.json tells it.

    Parameters
    ----------
    started : float
        When the process was started, which tells it from a later one of that number (seconds since 1970, its machine's clock).
    beats : int
        Signs of life so far.
    """

    pid: int
    host: str
    started: float
    beats: int = 0

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    @property
    def alive(self) -> bool | None:
        """Whether the process is there; None where it is another machine's."""
        if self.host != socket.gethostname():
            return None
        try:
            return abs(psutil.Process(self.pid).create_time() - self.started) < 1
        except psutil.Error:
            return False


def refuse_bytes(directory: Path) -> None:
    """Raise UsageError where the whole path is not text, as in a working directory of such a name: libraries refuse it late."""
    path = os.path.abspath(directory)
    try:
        path.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{one_line(path)}: the path {not_text()}: expected --out with a path that is UTF-8") from None


def refuse_strange(directory: Path) -> None:
    """Raise UsageError for what cannot be read as a folder, and for one that holds something, but no run, begun or done.

    And for what lies in the way of a run's own files and folders.
    """
    try:
        filled = directory.exists() and any(directory.iterdir())
    except OSError as error:
        raise _unusable(directory, error) from None
    if filled and not any((directory / name).exists() for name in ("run.json", ".lock")):
        raise UsageError(f"{directory}: holds files but no run (run.json): expected a new or empty folder for --out")
    refuse_in_the_way(directory)


def _unusable(directory: Path, error: OSError) -> UsageError:
    return UsageError(f"{directory}: cannot be used as a run directory: {error.strerror or error}")


def holder_path(directory: Path) -> Path:
    return directory / ".holder.json"


def read_holder(directory: Path) -> Holder | None:
    """Who works in the directory, or did until a sudden end; None where nobody says so."""
    told = read_json(holder_path(directory)) or {}
    try:
        return Holder(int(told["pid"]), str(told["host"]), float(told["started"]), int(told["beats"]))
    except (KeyError, TypeError, ValueError):
        return None


@contextmanager
def in_use(directory: Path) -> Iterator[None]:
    """Hold the directory's lock, which ends with this process, however that ends.

    Where the file system has no locks, a file stands for it. Some network file systems lock within a machine only; so a
    process on another machine is waited for, and only taken for gone when it gives no sign of life for some beats.

    Raises UsageError where another process holds it, or the directory holds something else or cannot be made.
    """
    refuse_bytes(directory)
    refuse_strange(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = _locked(directory)
    except Timeout:
        raise UsageError(
            f"{directory}: {read_holder(directory) or 'another process'} works in it: "
            "expected to wait for its end, or another --out"
        ) from None
    except OSError as error:
        raise _unusable(directory, error) from None
    try:
        with _signs_of_life(directory):
            yield
    finally:
        if not (directory / "run.json").exists():  # nothing came of it
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def _locked(directory: Path) -> BaseFileLock:
    """The directory's lock, held. Raises Timeout where another process has it."""
    lock: BaseFileLock = FileLock(directory / ".lock", timeout=0, is_singleton=False)
    try:
        held = _acquired(lock)
    except (NotImplementedError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            raise
        lock = SoftFileLock(directory / ".softlock", timeout=0, is_singleton=False)
        held = _acquired(lock)
    is_file = isinstance(lock, SoftFileLock)  # some versions of filelock turn to it by themselves
    holder = read_holder(directory)
    if held and (is_file or holder is None or holder.alive is not None):
        return lock
    if held or (is_file and holder is not None):  # nobody has it, as far as this machine can tell; or it may be stale
        assert holder is not None
        if not _works(directory, holder):
            if not held:
                Path(lock.lock_file).unlink(missing_ok=True)
                lock.acquire()
            return lock
        lock.release()
    raise Timeout(lock.lock_file)


def _acquired(lock: BaseFileLock) -> bool:
    """Whether the lock could be had."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is a file
            lock.acquire()
    except Timeout:
        return False
    return True


def _works(directory: Path, holder: Holder) -> bool:
    """Whether the process is alive: one on another machine when it gives a sign of life while we watch."""
    if holder.alive is not None:
        return holder.alive
    end = time.monotonic() + MISSED * BEAT
    while time.monotonic() < end:
        time.sleep(BEAT / 10)
        if read_holder(directory) != holder:
            return read_holder(directory) is not None
    return False


@contextmanager
def _signs_of_life(directory: Path) -> Iterator[None]:
    """Keep .holder.json there and new, from a thread of its own: rendering a large report takes longer than a beat."""
    me = Holder(os.getpid(), socket.gethostname(), psutil.Process().create_time())
    path, ended = holder_path(directory), threading.Event()

    def beat() -> None:
        beats = 0
        while not ended.wait(BEAT):
            beats += 1
            with suppress(OSError):  # a full disk is met elsewhere
                write_json(path, asdict(me) | {"beats": beats})

    write_json(path, asdict(me))
    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        path.unlink(missing_ok=True)
