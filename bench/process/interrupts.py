"""Being asked to stop: a signal is noted at any moment, and heeded where that does no harm.

The first signal counts, further ones are ignored: who is asked twice is putting things in order already.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

_asked: str | None = None  # the first signal's name
_heed: str | None = None  # "leave": the process ends; "raise": Interrupted; "note": later, by `check`; None: not our affair


class Interrupted(KeyboardInterrupt):
    """The run was asked to stop: by the user, the system, or its budget of time.

    No Exception: what it interrupts may take those for faults of its own and go on.
    """


def leave_at_once() -> None:
    """From now on a signal ends the process, with one line: for the time before there is anything to put in order."""
    global _heed
    _install()
    _heed = "leave"


def ignore() -> None:
    """From now on a signal does nothing, also while Python takes itself down: all is done that had to be."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def heeded() -> Iterator[None]:
    """A signal raises Interrupted meanwhile. Inside another such block, and in threads, this changes nothing."""
    global _asked, _heed
    if _heed in ("raise", "note") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before, handlers = _heed, _install()
    _heed = "raise"
    try:
        yield
    finally:
        _heed = before
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if before is None:
            _asked = None


@contextmanager
def held_back() -> Iterator[None]:
    """A signal is only noted meanwhile, for `check` to find."""
    yield from _otherwise("note")


@contextmanager
def let_through() -> Iterator[None]:
    """A signal raises Interrupted meanwhile, also where it is held back around this block. Raises what was noted before."""
    check()
    yield from _otherwise("raise")


def _otherwise(heed: str) -> Iterator[None]:
    global _heed
    before = _heed
    if before is not None:
        _heed = heed
    try:
        yield
    finally:
        _heed = before


def check() -> None:
    """Raise Interrupted where a signal has asked for it."""
    if _asked is not None:
        raise Interrupted(_asked)


def _install() -> dict[Any, Any]:
    """Handle the signals here; returns who did before. One that is to outlive its terminal (nohup) stays deaf to its end."""
    heard = [number for number in _SIGNALS if number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN]
    return {number: signal.signal(number, _on_signal) for number in heard}


def _on_signal(number: int, frame: object) -> None:
    global _asked
    if _asked is not None:
        return
    _asked = signal.Signals(number).name
    if _heed == "leave":
        with suppress(OSError):
            os.write(2, f"denoisebench: interrupted ({_asked})\n".encode())
        os._exit(130)
    if _heed == "raise":
        raise Interrupted(_asked)
