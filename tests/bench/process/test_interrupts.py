"""Signals: one counts, it is heeded where that does no harm, and handlers come back."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from bench.process.interrupts import Interrupted, check, heeded, held_back, let_through

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def as_in_a_terminal() -> Iterator[None]:
    """Under nohup the end of the terminal is ignored, and is to be."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def send(number: signal.Signals = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_raises_by_its_name_and_handlers_come_back(number: signal.Signals) -> None:
    before = [signal.getsignal(each) for each in SIGNALS]
    with pytest.raises(Interrupted, match=f"^{number.name}$"), heeded():
        send(number)
    assert [signal.getsignal(each) for each in SIGNALS] == before
    check()  # it is forgotten


def test_only_the_first_counts() -> None:
    ended = []

    def work() -> None:
        try:
            send(signal.SIGTERM)
        finally:
            for _ in range(20):
                send()
            ended.append(True)

    with pytest.raises(Interrupted, match="SIGTERM"), heeded():
        work()
    assert ended


def test_one_that_is_held_back_is_found_later() -> None:
    done = []

    def work() -> None:
        with held_back(), heeded():  # what is inside changes nothing
            send()
            done.append("the work")
        done.append("what follows")
        check()
        done.append("too much")

    with pytest.raises(Interrupted, match="SIGINT"), heeded():
        work()
    assert done == ["the work", "what follows"]


def test_a_door_in_what_is_held_back() -> None:
    with heeded(), held_back():
        with pytest.raises(Interrupted), let_through():
            send()
        send()
        with pytest.raises(Interrupted), let_through():  # it was noted before
            raise AssertionError("not entered")


def test_outside_and_in_threads_nothing_is_changed() -> None:
    before, seen = signal.getsignal(signal.SIGINT), []

    def inside() -> None:
        with heeded(), held_back(), let_through():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    with held_back():
        seen.append(signal.getsignal(signal.SIGINT))
    assert seen == [before, before]
