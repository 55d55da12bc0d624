"""`status`: from files alone, of runs in progress, ended, killed, and on other machines."""

from __future__ import annotations

import io
import json
import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from bench.cells.cell import blank_record
from bench.commands.run import Records
from bench.commands.status import print_status, standing
from bench.files.json_files import read_json, write_json
from bench.plan.scores import METRICS
from bench.runs import store
from bench.runs.lock import Holder, holder_path
from bench.runs.progress import Display, Note, as_table, states
from bench.runs.record import run_record
from tests.helpers.plans import planned

METHODS = ("noisy", "supervised", "noise2score", "score-solver")


@pytest.fixture
def run(make_run: Callable[..., Any]) -> Any:
    run = make_run(methods_=METHODS, noise_=("gaussian", "gamma"))
    store.write_run(run.directory, run_record(run.settings, run.data, planned(run.settings), "x"))
    return run


def finish(run: Any, name: str, seconds: float, status: str = "done", **more: Any) -> None:
    (cell,) = (cell for cell in planned(run.settings) if cell.name == name)
    store.write_cell(run.directory, cell, blank_record(cell) | {"status": status, "seconds": seconds, **more})


def note(run: Any, name: str, share: float, age: float = 0.0) -> None:
    path = run.directory / "progress" / f"{name}.json"
    write_json(path, {"cell": name, "begun": 1.0, "phase": "training", "share": share, "pid": 5})
    os.utime(path, (time.time() - age,) * 2)


def hold(run: Any, pid: int, host: str, started: float = 0.0, age: float = 0.0) -> None:
    write_json(holder_path(run.directory), asdict(Holder(pid, host, started)))
    os.utime(holder_path(run.directory), (time.time() - age,) * 2)


def told(directory: Path) -> str:
    console = Console(record=True, width=200, file=io.StringIO())
    print_status(directory, console)
    return console.export_text()


def test_a_run_before_its_first_cell(run: Any) -> None:
    text = told(run.directory)
    assert "8 pending" in text and "no process works in it" in text and "time left: not known" in text


def test_time_left_is_that_of_cells_of_the_kind(run: Any) -> None:
    """Trained cells take the median of those by the method; what shares a network takes the time of those that do."""
    fresh, again = ({"training": {"key": key, "reused": key == "b", "seconds": 1.0}} for key in "ab")
    finish(run, "01-gaussian--noisy--s0", 1.0)
    finish(run, "01-gaussian--supervised--s0", 100.0, **fresh)
    assert standing(run.directory).seconds_left is None  # of what shares a network nothing is known
    finish(run, "01-gaussian--noise2score--s0", 60.0, training={"key": "c", "reused": False, "seconds": 250.0})
    finish(run, "01-gaussian--score-solver--s0", 5.0, **again)
    # noisy 1, supervised 100, noise2score 250 (it was interrupted: 60 of them at last), score-solver 5
    assert standing(run.directory).seconds_left == 356.0
    note(run, "05-gamma--supervised--s0", 0.4)
    assert standing(run.directory).seconds_left == pytest.approx(356 - 0.2 * 100)
    assert "about 6 min left with one worker" in told(run.directory)
    note(run, "05-gamma--noise2score--s0", 0.0)
    assert "about 168 s" in told(run.directory) or "about 3 min left with 2 workers" in told(run.directory)


def test_a_run_tells_the_same_time_left_for_its_workers(run: Any) -> None:
    cells, output = planned(run.settings), io.StringIO()

    def line(name: str, seconds: float, **more: Any) -> str:
        finish(run, name, seconds, **more)
        output.seek(output.truncate(0) or 0)
        display.show({cell.name: store.read_cell(run.directory, cell) for cell in cells})
        return output.getvalue()

    display = Display(run.directory, cells, Console(file=output, width=200))
    display.show(dict.fromkeys(cell.name for cell in cells))
    assert "1 of 8 cells, 0 s]" in line("01-gaussian--noisy--s0", 1.0)  # of trainings nothing is known yet
    line("01-gaussian--supervised--s0", 100.0, training={"key": "a", "reused": False})
    line("01-gaussian--noise2score--s0", 250.0, training={"key": "b", "reused": False})
    last = line("01-gaussian--score-solver--s0", 5.0, training={"key": "b", "reused": True})
    assert "4 of 8 cells, 0 s, about 6 min left]" in last
    for name in ("05-gamma--supervised--s0", "05-gamma--noise2score--s0"):
        note(run, name, 0.0)
    assert "5 of 8 cells, 0 s, about 3 min left]" in line("05-gamma--noisy--s0", 1.0)


@pytest.mark.parametrize(
    ("values", "words"),
    [([30.0, 32.0], "31.00 dB"), ([30.0, None], "30.00 dB (1 of 2 images)"), ([None, None], "not finite")],
)
@pytest.mark.parametrize("metric", ["psnr", "umse"])
def test_what_a_cell_came_to(run: Any, values: list[float | None], words: str, metric: str) -> None:
    rows = [{"dataset": "a", "image": str(index), metric: value} for index, value in enumerate(values)]
    cell = planned(run.settings)[0]
    found = states([cell], {cell.name: blank_record(cell) | {"status": "done", "rows": rows}}, {})
    in_words = words if metric == "psnr" else {"31.00 dB": "uMSE 31.00", "not finite": words}.get(words, "uMSE 30.00")
    assert found[cell.name].text == in_words


def test_who_works_in_it(run: Any) -> None:
    me = psutil.Process()
    hold(run, me.pid, socket.gethostname(), me.create_time(), age=1e6)
    assert f"process {me.pid} on {socket.gethostname()} works in it\n" in told(run.directory)
    hold(run, me.pid, socket.gethostname(), 1.0)
    assert "is gone: the same command goes on from there" in told(run.directory)
    hold(run, me.pid, "elsewhere", 1.0, age=9)
    assert f"process {me.pid} on elsewhere works in it, by its sign of life 9 s ago" in told(run.directory)
    hold(run, me.pid, "elsewhere", 1.0, age=600)
    assert "on elsewhere gave its last sign of life 10 min ago: it may be dead" in told(run.directory)


def test_workers_that_say_nothing_are_flagged(run: Any) -> None:
    me = psutil.Process()
    hold(run, me.pid, socket.gethostname(), me.create_time())
    note(run, "01-gaussian--supervised--s0", 0.25, age=3)
    note(run, "01-gaussian--noise2score--s0", 0.5, age=7200)
    finish(run, "01-gaussian--noisy--s0", 1.0)
    note(run, "01-gaussian--noisy--s0", 0.9)  # left behind
    (run.directory / "progress" / "x.json").write_text('{"cell": 3}')
    text = told(run.directory)
    assert "01-gaussian--supervised--s0: training 25 %, 3 s ago\n" in text
    assert "01-gaussian--noise2score--s0: training 50 %, 2.0 h ago: its worker may be dead" in text
    assert "1 running" in text and "noisy--s0: training" not in text
    hold(run, me.pid, socket.gethostname(), 1.0)
    assert "running" not in told(run.directory)


def test_failures_and_damage_are_named(run: Any) -> None:
    finish(run, "01-gaussian--noisy--s0", 1.0, status="failed", message="ValueError: no")
    finish(run, "01-gaussian--supervised--s0", 1.0)
    path = run.directory / "cells" / "01-gaussian--supervised--s0.json"
    path.write_text(path.read_text()[:-10])
    text = told(run.directory)
    assert "01-gaussian--noisy--s0: ValueError: no" in text and "1 failed" in text and "7 pending" in text
    assert "01-gaussian--supervised--s0: its file is damaged, it will be done again" in text


def test_json_says_the_same(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    finish(run, "01-gaussian--noisy--s0", 1.0, rows=[{"dataset": "odd", "image": "a", **dict.fromkeys(METRICS, 21.5)}])
    note(run, "01-gaussian--supervised--s0", 0.25, age=3)
    hold(run, 7, "elsewhere", age=9)
    print_status(run.directory, Console(), as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["counts"] == {"done": 1, "running": 1, "pending": 6} and len(found["cells"]) == 8
    assert found["cells"][0] == {"cell": "01-gaussian--noisy--s0", "status": "done", "text": "21.50 dB", "message": None}
    (running,) = found["running"]
    assert (running["cell"], running["share"], running["stale"]) == ("01-gaussian--supervised--s0", 0.25, False)
    assert running["age"] == pytest.approx(3, abs=60)
    assert found["holder"]["works"] and found["holder"]["host"] == "elsewhere"
    assert (found["workers"], found["seconds_left"], found["damaged"]) == (1, None, [])


def test_nothing_is_written(run: Any) -> None:
    finish(run, "01-gaussian--noisy--s0", 1.0)
    note(run, "01-gaussian--supervised--s0", 0.25)
    before = {path: path.stat().st_mtime_ns for path in run.directory.rglob("*")}
    told(run.directory)
    assert {path: path.stat().st_mtime_ns for path in run.directory.rglob("*")} == before


def test_a_look_opens_the_records_that_are_new_and_no_others(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    real = read_json
    monkeypatch.setattr(store, "read_json", lambda path: opened.append(path.stem) or real(path))
    finish(run, "01-gaussian--noisy--s0", 1.0)
    records = Records(run.directory, planned(run.settings))
    assert opened == ["01-gaussian--noisy--s0"]
    for _ in range(3):
        assert not records.update()
    assert opened == ["01-gaussian--noisy--s0"]
    finish(run, "05-gamma--noisy--s0", 1.0)
    assert records.update() and not records.update()
    assert opened == ["01-gaussian--noisy--s0", "05-gamma--noisy--s0"]
    assert [name for name, record in records.now.items() if record] == opened


def test_states_that_are_final_are_not_made_again(run: Any) -> None:
    cells: Sequence[Any] = planned(run.settings)
    done = blank_record(cells[0]) | {"status": "done", "rows": [{"dataset": "a", "psnr": 20.0}]}
    first = states(cells, {cells[0].name: done}, {cells[1].name: Note(cells[1].name, "training", 0.5, 0.0)})
    again = states(cells, {cells[0].name: done}, {}, first)
    assert first[cells[0].name].text == "20.00 dB" and again[cells[0].name] is first[cells[0].name]
    assert first[cells[1].name].text == "training 50 %" and again[cells[1].name].status == "pending"


def test_many_seeds_are_counted(make_settings: Callable[..., Any]) -> None:
    cells = planned(make_settings(methods_=("noisy", "noisier2noise"), noise_=("gamma",), seeds=50))
    records = {cell.name: blank_record(cell) | {"status": "done"} for cell in cells[:48]}
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(as_table(cells, states(cells, records, {})))
    text = console.export_text()
    assert "48 done" in text and "2 waiting" in text and "–" in text and len(text.splitlines()) < 8
