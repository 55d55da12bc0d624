"""What the fuzz tests share: how much is tried, the command line in process, and spoiled bytes and JSON."""

from __future__ import annotations

import copy
import io
import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from bench.cli import main

#: Examples of all fuzz tests together.
EXAMPLES = int(os.environ.get("DENOISEBENCH_FUZZ", "300"))

#: Seconds after which an example counts as hanging.
LIMIT = 60


def fuzz(share: float) -> Callable[..., Any]:
    """A test gets that share of the examples; the same ones each time, unless a number was asked for."""
    return settings(
        max_examples=max(1, round(share * EXAMPLES)),
        deadline=timedelta(seconds=LIMIT),
        derandomize="DENOISEBENCH_FUZZ" not in os.environ,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@contextmanager
def no_hang() -> Iterator[None]:
    """Raises in the middle of what takes too long."""

    def stop(number: int, frame: object) -> None:
        raise AssertionError(f"hangs: more than {LIMIT} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def command(*arguments: str) -> tuple[int, str]:
    """Run the command line; its status and standard error. Fails for anything but a clear end."""
    output, error = (io.TextIOWrapper(io.BytesIO(), "utf-8", errors) for errors in ("strict", "backslashreplace"))
    with no_hang(), redirect_stdout(output), redirect_stderr(error):
        try:
            status = main(arguments)
        except SystemExit as end:  # argparse's, after --help
            status = end.code if isinstance(end.code, int) else 1
        output.flush()
        error.flush()
    text = error.buffer.getvalue().decode()  # type: ignore[attr-defined]
    assert status in (0, 1, 2), status
    assert "Traceback" not in text
    if status == 2:
        assert text.startswith("denoisebench: ") and text.count("\n") == 1 and text[:-1].isprintable(), text
    return status, text


def spoiled_bytes(good: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Files cut short, with changed, moved or foreign bytes; and any bytes at all."""

    @st.composite
    def spoil(draw: st.DrawFn) -> bytes:
        content = bytearray(draw(st.sampled_from(good)))
        for _ in range(draw(st.integers(1, 4))):
            place = draw(st.integers(0, max(0, len(content) - 1)))
            early = draw(st.booleans())
            place = min(place, 64) if early else place  # headers are where readers are led astray
            kind = draw(st.sampled_from(("cut", "flip", "put", "insert", "number")))
            if kind == "cut":
                del content[place:]
            elif kind == "flip" and content:
                content[place] ^= 1 << draw(st.integers(0, 7))
            elif kind == "number":
                content[place : place + 4] = draw(st.sampled_from(NUMBERS))
            else:
                width = 0 if kind == "insert" else 4
                content[place : place + width] = draw(st.binary(max_size=8))
        return bytes(content)

    return st.one_of(spoil(), spoil(), st.binary(max_size=200))


#: Counts and sizes that files should not have.
NUMBERS = tuple(
    value.to_bytes(4, order, signed=False)
    for value in (0, 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1)
    for order in ("little", "big")
)

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        (
            "",
            "nan",
            "../..",
            "/etc/passwd",
            "\0",
            "\ud800",
            "gaussian",
            "noisy",
            "done",
            "cpu",
            "cuda",
            "<script>",
            "[red]x[/]",
            10**400,
            -1,
        )
    ),
)
JSON = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def spoiled_json(good: dict[str, Any]) -> st.SearchStrategy[Any]:
    """The value with some of its parts, at any depth, replaced, removed, doubled or renamed; and any JSON at all."""

    @st.composite
    def spoil(draw: st.DrawFn) -> Any:
        value = copy.deepcopy(good)
        for _ in range(draw(st.integers(1, 3))):
            holder: Any = value
            while True:
                keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
                if not keys:
                    break
                key = draw(st.sampled_from(keys))
                if isinstance(holder[key], (dict, list)) and holder[key] and draw(st.integers(0, 3)):
                    holder = holder[key]
                    continue
                kind = draw(st.sampled_from(("replace", "replace", "remove", "double", "rename")))
                if kind == "replace":
                    holder[key] = draw(JSON)
                elif kind == "remove":
                    del holder[key]
                elif kind == "double" and isinstance(holder, list):
                    holder.append(copy.deepcopy(holder[key]))
                elif isinstance(holder, dict):
                    holder[draw(st.text(max_size=8))] = holder.pop(key)
                break
        return value

    return st.one_of(spoil(), spoil(), spoil(), JSON)


def dumped(value: Any) -> bytes:
    """As Python writes it: with NaN and Infinity, and lone surrogates as escapes."""
    return json.dumps(value).encode()
