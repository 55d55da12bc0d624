"""Fuzzing: whatever the words on the command line and the bytes in the files, there is a clear error or a result.

The default run tries a few hundred examples, the same each time; DENOISEBENCH_FUZZ=10000 tries so many, others each time.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import methods
import noise
from bench import cli
from bench.commands.run import load_data, training_sum
from bench.errors import UsageError
from bench.files.json_files import record_sha256
from bench.plan.settings import PRESETS, Preset, Settings, get_preset
from bench.runs import store
from bench.runs.directory import tidy
from bench.runs.inputs import Run
from bench.runs.record import read_plan, run_record
from tests.helpers.fuzzing import command, dumped, fuzz, spoiled_bytes, spoiled_json
from tests.helpers.harness import TINY
from tests.helpers.plans import planned
from tests.helpers.stub_methods import do

pytestmark = pytest.mark.slow(7)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on the embedded images, made in this process."""
    preset = get_preset("quick", [*TINY, "checks=2"])
    settings = Settings(
        "quick",
        preset,
        "best",
        "compute",
        "sample",
        1,
        "cpu",
        1,
        tuple(map(methods.get, ("noisy", "supervised", "score-solver"))),
        (noise.get("gaussian"), noise.get("gamma")),
    )
    directory = tmp_path_factory.mktemp("fuzz") / "run"
    data = load_data(settings)
    run = Run(directory, settings, data)
    cells = planned(settings, training_sum(data))
    store.write_run(directory, run_record(settings, data, cells, "python -m bench run"))
    do(run, key=training_sum(data))
    store.write_table(directory, store.table(cells, [store.read_cell(directory, cell) for cell in cells]))
    return directory


@pytest.fixture(scope="module", autouse=True)
def place(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The working directory of all commands, with all kinds of things in it."""
    folder = tmp_path_factory.mktemp("place")
    for name in ("run", "spoiled"):
        shutil.copytree(made, folder / name)
    shutil.copy(made / "results.csv", folder / "table.csv")
    shutil.copy(made / "results.parquet", folder / "table.parquet")
    (folder / "empty").mkdir()
    (folder / "file").write_text("text")
    (folder / "pictures" / "mine").mkdir(parents=True)
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


# --- the command line -------------------------------------------------------------------------------------------------

WORDS = st.one_of(
    st.text(st.characters(exclude_characters="\0"), max_size=12),
    st.binary(max_size=6).map(lambda content: os.fsdecode(content.replace(b"\0", b"0"))),  # as the system hands over any bytes
    st.sampled_from(
        ("", "-", "--", "-1", "0", "1", "1e9", "nan", "all", ",", "1-16", "16-1", "1-", "gaussian", "noisy", "quick", "sample",
         "steps=1", "steps=", "=", "methods", "html", "csv", "9" * 5000, "٣", "\x1b[31m", "a\nb", "[red]", "{}", "%s"),
    ),
)  # fmt: skip
PATHS = st.sampled_from(
    (
        "run",
        "table.csv",
        "table.parquet",
        "empty",
        "file",
        "missing",
        "new",
        "",
        ".",
        "file/below",
        "x" * 300,
        "pictures",
        "\udcff",
    )
)
OPTIONS = {
    "run": ("--methods", "--noise", "--preset", "--recipe", "--set", "--seeds", "--device", "--workers", "--threads",
            "--self-ensemble", "--budget", "--cell-timeout", "--retry", "--dry-run"),
    "matrix": ("--json",),
    "list": ("--cards",),
    "data": (),
    "status": ("--json",),
    "report": ("--format", "--open"),
    "merge": (),
    "robustness": ("--noise", "--rates", "--draws", "--method"),
    "compare": ("--per-set",),
}  # fmt: skip
TARGETS = {
    "run": "--out",
    "report": "--output",
    "merge": "--out",
    "robustness": "--data",
    "compare": "--html",
    "list": "--data",
}


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    name = draw(st.sampled_from([*OPTIONS, *OPTIONS, "", "rum"]))
    words = [name]
    if name == "data":
        words += draw(
            st.lists(
                st.sampled_from(("list", "verify", "kodak24", "bsds432", "--to", "empty", "pictures", "--help")), max_size=4
            )
        )
    elif name not in ("run", "matrix", "list"):
        words += draw(st.lists(PATHS, max_size=3))
    for option in draw(st.lists(st.sampled_from(OPTIONS.get(name) or ("--help",)), max_size=4)):
        words += [option, draw(WORDS)] if draw(st.booleans()) else [f"{option}={draw(WORDS)}"]
    if name in TARGETS and draw(st.booleans()):
        words += [TARGETS[name], draw(PATHS)]
    return [*words, *draw(st.lists(WORDS, max_size=2))]


@fuzz(0.2)
@given(command_lines())
@example(["status", "\udcff"])
@example(["run", "--noise", "9" * 5000 + "-3"])
@example(["run", "--seeds", "a\nb"])
def test_command_lines(arguments: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:  # what takes long or leaves this machine is not begun
        for name in ("run", "dry_run", "robustness"):
            patch.setattr(cli, name, lambda *given, **more: 0)
        patch.setattr("bench.commands.data.fetch_sets", lambda *given, **more: 0)
        patch.setattr("webbrowser.open", lambda address: True)
        command(*arguments)


# --- settings ---------------------------------------------------------------------------------------------------------

VALUES = st.one_of(
    st.text(max_size=10), st.integers().map(str), st.floats().map(str),
    st.sampled_from(("true", "False", "1,2", "1,,2", "1_0", "")),
    st.lists(st.integers(-2, 20).map(str), max_size=10).map(",".join),
)  # fmt: skip
ASSIGNMENTS = st.one_of(
    st.tuples(st.sampled_from([item.name for item in fields(Preset)]), VALUES).map("=".join), st.text(max_size=20)
)


@fuzz(0.2)
@given(st.sampled_from([*PRESETS, "x"]), st.lists(ASSIGNMENTS, max_size=4), st.sampled_from(("best", "paper")))
@example("quick", ["steps=" + "9" * 5000], "best")
@example("quick", ["multipliers=" + ",".join("1" * 9)], "best")
def test_settings(name: str, assignments: list[str], recipe: str) -> None:
    try:
        preset = get_preset(name, assignments, recipe)
    except UsageError as error:
        assert str(error)
        return
    for item in fields(Preset):
        value, least, most = getattr(preset, item.name), item.metadata["least"], item.metadata["most"]
        if least is not None:
            assert all(least <= number <= most for number in (value if isinstance(value, tuple) else (value,)))


# --- the files of a run -----------------------------------------------------------------------------------------------


#: Everything that reads a run directory.
READERS = (
    *(("status", "spoiled"), ("status", "spoiled", "--json"), ("report", "spoiled"), ("report", "spoiled", "--format", "csv")),
    *(
        ("compare", "spoiled", "run"),
        ("merge", "spoiled", "run", "--out", "merged"),
        ("merge", "run", "spoiled", "--out", "merged"),
    ),
    ("robustness", "spoiled", "--noise", "5", "--draws", "1", "--rates", "0"),
)


def read_spoiled(made: Path, place: Path, reader: tuple[str, ...], files: dict[str, bytes | None]) -> None:
    """Have a command read the run with these files in the place of its own (None: without that one)."""
    directory = place / "spoiled"
    try:
        for name, content in files.items():
            if content is None:
                (directory / name).unlink()
            else:
                (directory / name).parent.mkdir(exist_ok=True)
                (directory / name).write_bytes(content)
        command(*reader)
        tidy(directory, read_plan(made)[1])
    finally:
        for name in files:
            (directory / name).unlink(missing_ok=True)
            if (made / name).exists():
                shutil.copy(made / name, directory / name)
        for folder in (directory / "set-aside", place / "merged"):
            shutil.rmtree(folder, ignore_errors=True)


def rehashed(value: Any) -> Any:
    """With the hash that belongs to it, so that a reader looks further."""
    return value | {"sha256": record_sha256(value)} if isinstance(value, dict) else value


@fuzz(0.04)
@given(st.sampled_from(READERS), st.data())
def test_run_json(made: Path, place: Path, reader: tuple[str, ...], data: st.DataObject) -> None:
    good = (made / "run.json").read_bytes()
    value = data.draw(spoiled_json(json.loads(good)).map(lambda value: dumped(rehashed(value))) | spoiled_bytes([good]))
    read_spoiled(made, place, reader, {"run.json": value})


@fuzz(0.04)
@given(st.sampled_from(READERS), st.data())
def test_cell_files(made: Path, place: Path, reader: tuple[str, ...], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(path.name for path in made.glob("cells/*"))))
    good = (made / "cells" / name).read_bytes()
    value = data.draw(spoiled_json(json.loads(good)).map(lambda value: dumped(rehashed(value))) | spoiled_bytes([good]))
    read_spoiled(made, place, reader, {f"cells/{name}": value})


NOTE = {"cell": "01-gaussian--supervised--s0", "begun": 1e9, "phase": "training", "share": 0.5, "pid": 1}
HOLDER = {"pid": 1, "host": "here", "started": 1e9, "beats": 3}
SCAN = {
    "schema": 1,
    "models": [
        {"noise_no": 5, "noise": "gamma", "method": "score-solver", "seed": 0, "parameters": {"alpha": 26.0}, "draws": 1,
         "images": 1, "psnr": 26.0, "series": [{"varied": ["alpha"], "points": [
             {"rate": 0.1, "psnr": [26.0], "mean": 26.0, "std": 0.0, "min": 26.0, "max": 26.0, "cost": 0.0,
              "factors": {"alpha": [1.1]}}]}]}
    ],
}  # fmt: skip


@fuzz(0.02)
@given(st.sampled_from(READERS), spoiled_json({"note": NOTE, "holder": HOLDER, "scan": SCAN}), st.booleans())
def test_notes_of_workers_the_holder_and_robustness(
    made: Path, place: Path, reader: tuple[str, ...], value: Any, whole: bool
) -> None:
    parts = value if isinstance(value, dict) else {"note": value, "holder": value, "scan": value}
    files: dict[str, bytes | None] = {"cells/01-gaussian--supervised--s0.json": None}  # pending, and perhaps in hand
    for name, file in (("note", "progress/x.json"), ("holder", ".holder.json"), ("scan", "robustness.json")):
        content = dumped(parts.get(name))
        files[file] = content if whole else content[: len(content) // 2]
    read_spoiled(made, place, reader, files)
