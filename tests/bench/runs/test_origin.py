"""What a record belongs to: settings, parameters, training key and code; and what becomes of one that no longer does."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

import methods
import noise
import reports
from bench.plan.cells import Cell, Entry, make_cells
from bench.plan.measured import measured
from bench.runs import origin, store
from bench.runs.inputs import Run
from bench.runs.origin import changed_code, made_of, outdated, set_aside_changed, training_code
from tests.helpers.harness import bench, copy_sources, here, tiny
from tests.helpers.plans import cell_of
from tests.helpers.stub_methods import do

#: A run of two methods on two noise models; the first of them has a setting that a test changes.
ARGUMENTS = ("run", "--methods", "noisier2noise,supervised", "--noise", "1,2", *tiny(), "--workers", "1")


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """The digest of a module with this source."""
    monkeypatch.syspath_prepend(tmp_path)
    written = count()

    def digest(source: str) -> str:
        name = f"module_{tmp_path.name}_{next(written)}".replace("[", "_").replace("]", "_")
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
        return origin._digest(name)

    return digest


def test_comments_docstrings_and_layout_change_nothing(module: Callable[[str], str]) -> None:
    plain = module("def f(x, *, y=1):\n    return f'{x:.2f}' + str([y, None])\n\nclass A:\n    b = 2\n")
    told = module(
        '"""A module."""\n# why\ndef f(x,\n      *, y=1):\n    """Doc."""\n'
        '    return (f"{x:.2f}"  # what\n    + str([y, None]))\n'
        'class A:\n    """Doc."""\n\n    b = 2\n'
    )
    assert plain == told


@pytest.mark.parametrize(
    "other",
    [
        "def f(x, *, y=2): return x + y", "def f(x, *, y=1): return x - y", "def f(x, *, y=1): return y + x",
        "def f(x, y=1): return x + y", "def f(x, *, y=1.0): return x + y", "def f(x, *, y=True): return x + y",
        "'doc'\n'a second text'\ndef f(x, *, y=1): return x + y", "async def f(x, *, y=1): return x + y",
    ],
)  # fmt: skip
def test_whatever_else_changes_is_seen(other: str, module: Callable[[str], str]) -> None:
    assert module("def f(x, *, y=1):\n    return x + y\n") != module(other)


def test_a_cell_is_made_of_its_own_files_and_not_of_others() -> None:
    code = made_of(cell_of("score-solver", 14))["code"]
    for name in ("methods.score_solver", "methods._score", "methods._api", "noise.poisson", "noise.model", "noise.convolution"):
        assert name in code
    assert not {"methods.supervised", "noise.gamma", "noise.rayleigh", "reports"} & set(code)
    assert "noise.convolution" not in made_of(cell_of("score-solver", 9))["code"]
    # what all of them clamp by, draw by, and are scored by
    assert {"noise.guards", "noise.gaussian", "bench.plan.scores"} <= set(made_of(cell_of("noise2score", 5))["code"])
    # only what is trained depends on the loop
    keyed = dataclasses.replace(cell_of("noisy", 1).entry, key="k")
    assert "bench.training.loop" not in code and "bench.cells.metrics" in code
    # how files become pixels decides all of them, and the weights
    cell = cell_of("supervised", 1)
    assert {"bench.data.colour", "bench.data.reading", "bench.data.frames", "bench.data.tiff"} <= set(code) & set(
        training_code(cell)
    )
    # and how a set's halves and white levels come about those on measured noise, but no others
    shots = dataclasses.replace(cell, model=measured("cc15"))
    for told in (made_of(shots)["code"], training_code(shots)):
        assert {"bench.data.halves", "bench.data.measured", "bench.data.partners"} <= set(told)
    assert not {"bench.data.halves", "bench.data.measured"} & (set(code) | set(training_code(cell)))
    assert {"bench.training.fused", "bench.training.loop"} <= set(training_code(cell))
    assert "bench.training.loop" in made_of(dataclasses.replace(cell_of("supervised", 1), entry=keyed))["code"]


@pytest.mark.parametrize(
    "line",
    [
        "from pack._own import x", "from pack import _own", "from pack import other, _own as mine", "import pack._own",
        "import pack._own as mine", "from ._own import x", "from . import _own", "def f():\n    from ._own import x",
        "from pack._between import x", "from ._between import x", "from .deep import x", "from pack.deep.inner import x",
    ],
)  # fmt: skip
def test_a_module_is_made_of_what_it_imports_in_any_form(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = f"pack_{abs(hash((tmp_path, line)))}"
    (tmp_path / pack / "deep").mkdir(parents=True)
    (tmp_path / pack / "__init__.py").write_text("")
    (tmp_path / pack / "_own.py").write_text("x = 1\n")
    (tmp_path / pack / "_between.py").write_text("from ._own import x\nimport json, os.path\n")
    (tmp_path / pack / "deep" / "__init__.py").write_text("from .inner import x\n")
    (tmp_path / pack / "deep" / "inner.py").write_text("from .._own import x\n")
    (tmp_path / pack / "mine.py").write_text(line.replace("pack", pack) + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = {name.removeprefix(f"{pack}.") for name in origin._with_imports(f"{pack}.mine")}
    assert found <= {"mine", "_own", "_between", "deep", "deep.inner"} and {"mine", "_own"} <= found
    assert ("_between" in found) == ("_between" in line)


def test_a_method_s_file_is_made_of_its_own_helpers_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever they are found, and not of installed packages; a noise file alike."""
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in (
        ("helper_one.py", "import helper_two, numpy, json\nK = 1\n"),
        ("helper_two.py", "K = 2\n"),
        ("outside_helped.py", "import torch\nfrom helper_one import K\n\ndef denoise(image):\n    return image * K\n"),
    ):
        (tmp_path / name).write_text(text)
    with methods.with_files([tmp_path / "outside_helped.py"]):
        cell = dataclasses.replace(cell_of("noisy", 1), method=methods.get("outside-helped"))
        code = made_of(cell)["code"]
        assert {"methods.outside_helped", "helper_one", "helper_two"} <= set(code)
        assert not [name for name in code if name.partition(".")[0] in ("torch", "numpy", "json")]
        told = {"made_of": {**made_of(cell), "code": {**code, "helper_two": "another"}}}
        assert outdated(told, cell) == "by other code (helper_two changed since)"


@pytest.mark.parametrize("method", [method for method in methods.catalogue().values() if method.trains], ids=lambda m: m.slug)
def test_cells_that_share_a_network_agree_on_the_code_of_its_training(method: methods.Method, make_settings: Callable) -> None:
    shared: dict[str, dict[str, str]] = {}
    for cell in make_cells(make_settings(), "images"):
        if cell.key:
            assert shared.setdefault(cell.key, training_code(cell)) == training_code(cell), cell.name


def test_what_a_record_is_made_of_survives_its_file(make_settings: Callable) -> None:
    for recipe in ("best", "paper"):
        for cell in make_cells(make_settings(recipe=recipe), "images"):
            made = made_of(cell)
            assert json.loads(json.dumps(made)) == made
            assert outdated({"made_of": made, "training": {"key": cell.key} if cell.key else None}, cell) == ""


def test_what_changed_is_named() -> None:
    cell = cell_of("supervised", 13)
    made = made_of(cell)
    assert "parameters of the noise" in outdated({"made_of": made}, dataclasses.replace(cell, model=noise.get(13, lam=0.3)))
    assert "settings of the method" in outdated({"made_of": made | {"method": {"residual": 3}}}, cell)
    assert outdated({"made_of": made, "training": {"key": "another"}}, cell) == "with another training"
    code = made["code"] | {"noise.poisson": "0"}
    assert outdated({"made_of": made | {"code": code}}, cell) == "by other code (noise.poisson changed since)"
    assert outdated({}, cell) == outdated({"made_of": None, "training": {"key": None}}, cell) == ""
    assert changed_code(None, code) == changed_code({"gone": "1"}, code) == []


def cells_and_records(run: Run) -> tuple[list[Cell], dict[str, dict]]:
    cells = make_cells(run.settings, "images")
    records = {cell.name: store.read_cell(run.directory, cell.entry) for cell in cells}
    return cells, {name: record for name, record in records.items() if record}


def test_records_without_the_field_are_accepted_with_one_line(make_run: Callable[..., Run]) -> None:
    run = make_run(methods_=("noisy", "supervised"), noise_=("gaussian", "gamma"))
    do(run)
    cells, records = cells_and_records(run)
    assert set_aside_changed(run.directory, cells) == []
    for cell in cells[:3]:
        del records[cell.name]["made_of"]
        store.write_cell(run.directory, cell.entry, {k: v for k, v in records[cell.name].items() if k != "sha256"})
    (line,) = set_aside_changed(run.directory, cells)
    assert line == "3 cells were made before records told by what code: taken as they are."
    assert len(cells_and_records(run)[1]) == 4


@pytest.mark.slow(25)
def test_a_changed_default_is_refused_and_changed_code_is_done_again(tmp_path: Path) -> None:
    """As in a checkout in which somebody works while a run is half done."""
    source, out = tmp_path / "source", tmp_path / "run"
    copy_sources(source)
    assert here(*ARGUMENTS, "--out", out)[0] == 0  # of the same sources
    table = (out / "results.parquet").read_bytes()
    (out / "cells" / "02-gaussian-conv--noisier2noise--s0.json").unlink()
    file = source / "methods" / "noisier2noise.py"
    text = file.read_text(encoding="utf-8")
    default = re.search(r"alpha: float = ([\d.]+)", text)
    assert default is not None

    file.write_text(text.replace(default[0], "alpha: float = 2.0"), encoding="utf-8")
    status, output, error = bench(*ARGUMENTS, "--out", out, root=source)
    assert status == 2 and output == ""
    assert f"noisier2noise.alpha is {default[1]} there and 2.0 now" in error and len(error.splitlines()) == 1

    file.write_text("# a comment\n" + text, encoding="utf-8")
    status, output, _ = bench(*ARGUMENTS, "--out", out, root=source)
    assert status == 0 and "made by other code" not in output
    assert (out / "results.parquet").read_bytes() == table

    before = {path.name: path.stat().st_mtime_ns for path in (out / "cells").iterdir()}
    file.write_text(text.replace("    def loss(", "    unused = None\n\n    def loss("), encoding="utf-8")
    status, output, _ = bench(*ARGUMENTS, "--out", out, root=source)
    assert status == 0
    assert "2 cells were made by other code (methods.noisier2noise changed since): moved to set-aside/, and done" in output
    changed = {path.name for path in (out / "cells").iterdir() if path.stat().st_mtime_ns != before[path.name]}
    assert changed == {"01-gaussian--noisier2noise--s0.json", "02-gaussian-conv--noisier2noise--s0.json"}
    record = json.loads((out / "cells" / "01-gaussian--noisier2noise--s0.json").read_text())
    assert not record["training"]["reused"] and any("trained by other code" in warning for warning in record["warnings"])
    assert (out / "results.parquet").read_bytes() == table


@pytest.mark.slow(6)
def test_report_merge_and_compare_say_what_was_made_otherwise(tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert here(*ARGUMENTS, "--out", out)[0] == 0
    other = tmp_path / "other"
    shutil.copytree(out, other)
    path = other / "cells" / "02-gaussian-conv--noisier2noise--s0.json"
    record = json.loads(path.read_text())
    del record["sha256"]
    record["made_of"]["code"]["noise.gaussian"] = "0123"
    store.write_cell(other, *written(record))
    assert "noise.gaussian was not the same for all cells" in reports.write(other).read_text()
    assert "code of noise.gaussian" in here("compare", out, other)[1]

    record["made_of"]["method"]["alpha"] = 7.0
    store.write_cell(other, *written(record))
    assert "made with another alpha than run.json tells" in reports.write(other).read_text()
    status, output, error = here("merge", other, out, "--out", tmp_path / "merged")
    assert (status, error) == (0, "") and "was made with other settings than its run.json tells: left out." in output


def written(record: dict) -> tuple:
    """The entry of a record, and the record."""
    names = {field.name: record.get(field.name) for field in dataclasses.fields(Entry)}
    return Entry(**names), record
