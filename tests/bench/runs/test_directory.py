"""A run directory that was damaged: run.json made again where the cells fit it, litter of killed processes removed."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.errors import UsageError
from bench.files.json_files import write_json
from bench.runs import record, store
from bench.runs.directory import open_directory, sweep, tidy
from bench.runs.lock import in_use
from bench.runs.record import read_plan, run_record
from tests.helpers.plans import planned
from tests.helpers.stub_methods import Stub, do


def opened(run: Any) -> list[str]:
    run.directory.mkdir(exist_ok=True)
    cells = planned(run.settings)
    return open_directory(run.directory, run_record(run.settings, run.data, cells, "x"), run.settings, cells)


@pytest.fixture
def done(make_run: Callable[..., Any]) -> Any:
    """A run of two cells that are done."""
    run = make_run(methods_=("noisy", "supervised"), noise_=("gaussian",))
    assert opened(run) == []
    do(run)
    return run


@pytest.mark.parametrize("old_new", [("{", "["), ('"schema": 1', '"schema": 2'), ('"patches": 2', '"patches": 3')])
def test_a_damaged_run_json_is_set_aside_and_made_again(old_new: tuple[str, str], done: Any) -> None:
    path = done.directory / "run.json"
    good = json.loads(path.read_text())
    assert path.read_text().count(old_new[0])
    path.write_text(path.read_text().replace(*old_new, 1))
    with pytest.raises(UsageError, match=r"run.json is missing or damaged"):
        read_plan(done.directory)
    assert opened(done) == ["run.json is damaged: moved to set-aside/run.json, and written anew."]
    again = store.read_run(done.directory)
    assert again is not None and {**again, "started": 0, "sha256": 0} == {**good, "started": 0, "sha256": 0}
    assert tidy(done.directory, planned(done.settings)) == [] and opened(done) == []


def test_an_older_run_learns_what_it_did_not_tell_of_its_images(done: Any) -> None:
    info = store.read_run(done.directory)
    assert info is not None and info["data"]["repeated"] == []
    older = info | {"data": {key: value for key, value in info["data"].items() if key != "repeated"}, "notes": ["An old note."]}
    store.write_run(done.directory, older)
    assert opened(done) == []
    now = store.read_run(done.directory)
    assert now == info | {"notes": ["An old note.", *info["notes"]], "sha256": now and now["sha256"]}
    assert opened(done) == [] and store.read_run(done.directory) == now


def test_an_older_run_learns_what_it_did_not_tell_of_its_methods(done: Any) -> None:
    info = store.read_run(done.directory)
    assert info is not None and info["methods"][1]["tags"] == ["knows:clean", "knows:gain", "learns:set", "cost:training"]
    silent = [{key: method[key] for key in method if key not in ("tags", "card", "learns_from")} for method in info["methods"]]
    store.write_run(done.directory, info | {"methods": [silent[0] | {"title": "As it was"}, silent[1]]})
    assert opened(done) == []
    now = store.read_run(done.directory)
    assert now is not None and now["methods"] == [info["methods"][0] | {"title": "As it was"}, info["methods"][1]]


def test_what_a_run_goes_on_with_is_told_where_it_is_another(done: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, and of cells that are still to be done."""
    monkeypatch.setattr(record, "versions", lambda: {"torch": "9.9.9", "numpy": "1.0"})
    info = store.read_run(done.directory)
    assert info is not None
    assert opened(done) == [] and store.read_run(done.directory) == info
    store.cell_path(done.directory, planned(done.settings)[1]).unlink()
    for _ in range(2):
        (told,) = opened(done)
        assert told.startswith("Cells of a later start were made with versions.torch 9.9.9, not 2.")
        now = store.read_run(done.directory)
        assert now == info | {"notes": [*info["notes"], told], "sha256": now and now["sha256"]}


@pytest.mark.parametrize("name", ["results.csv", "report.html", "run.json", "crops"])
def test_what_is_in_the_way_of_a_run_s_own_files_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    if name == "crops":
        (tmp_path / name).touch()
    else:
        (tmp_path / name).mkdir()
    with pytest.raises(UsageError, match=rf"{name}: is (a|no) folder: expected nothing, or a"), in_use(tmp_path):
        pass


def test_settings_that_json_has_otherwise_are_the_same_again(
    make_run: Callable[..., Any], with_methods: Callable[..., None]
) -> None:
    @dataclasses.dataclass(frozen=True)
    class Odd(Stub):
        sides: tuple[int, ...] = (3, 5)
        most: float = math.inf
        names: dict[int, str] = dataclasses.field(default_factory=lambda: {1: "a"})

    with_methods(odd=Odd)
    run = make_run(methods_=("noisy", "odd"), noise_=("gaussian",))
    for _ in range(2):
        assert opened(run) == []
        do(run)
    with_methods(odd=dataclasses.make_dataclass("Odd", [("sides", tuple, (3, 7))], bases=(Odd,), frozen=True))
    with pytest.raises(UsageError, match=r"odd\.sides is 3,5 there and 3,7 now"):
        opened(make_run(methods_=("noisy", "odd"), noise_=("gaussian",)))


@pytest.mark.parametrize("gone", [True, False])
@pytest.mark.parametrize("setting", ["test_crop", "steps"])  # the second one is in training keys, the first is not
def test_cells_of_other_settings_are_not_taken_for_the_run_s(
    setting: str, gone: bool, done: Any, make_run: Callable[..., Any]
) -> None:
    path = done.directory / "run.json"
    if gone:
        path.unlink()
    else:
        path.write_text(path.read_text()[:-100])
    preset = type(done.settings.preset)(**{**vars(done.settings.preset), setting: 16})
    other = make_run(methods_=("noisy", "supervised"), noise_=("gaussian",), preset=preset)
    with pytest.raises(UsageError, match=r"cells/01-gaussian--noisy--s0.json is not of the settings asked for now"):
        opened(other)
    assert path.exists() != gone and not (done.directory / "set-aside").exists()
    assert len(opened(done)) == (0 if gone else 1)


def test_a_run_json_without_a_hash_is_an_older_one(done: Any) -> None:
    info = json.loads((done.directory / "run.json").read_text())
    del info["sha256"]
    write_json(done.directory / "run.json", info)
    assert opened(done) == [] and read_plan(done.directory)[0] == info


def test_what_killed_processes_left_half_written_is_removed(done: Any) -> None:
    halves = [done.directory / name for name in (".x.tmp", ".report.html.7-abc.part", "cells/.y.tmp", "crops/clean/.z.tmp")]
    kept = [done.directory / name for name in ("notes.tmp", ".mine.part", "other/.w.tmp")]
    for path in halves + kept:
        path.parent.mkdir(exist_ok=True)
        path.write_text("half")
    assert tidy(done.directory, planned(done.settings)) == []
    assert not any(path.exists() for path in halves) and all(path.exists() for path in kept)


def test_what_killed_processes_left_half_written_is_swept_away_and_nothing_else(tmp_path: Path) -> None:
    halves = ("checkpoints/.a.tmp", "cells/.b.tmp", "crops/gaussian/.c.tmp", ".d.tmp", "progress/01-x.json")
    whole = ("checkpoints/k.safetensors", "cells/01-x.json", "crops/gaussian/c.png", "mine/.e.tmp", "results.csv")
    for name in (*halves, *whole):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    sweep(tmp_path)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()) == sorted(whole)
