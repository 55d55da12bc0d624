"""Other packages with the names of the suite's own: the suite's win, or one line says what is in the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.harness import ROOT, copy_sources, tiny

NAMES = ("noise", "methods", "reports")


#: What an editable install adds: a finder behind all others, which takes modules by their full names.
EDITABLE = """
import sys
from importlib.util import spec_from_file_location
from pathlib import Path

class Editable:
    @staticmethod
    def find_spec(name, path=None, target=None):
        top, *rest = name.split(".")
        place = Path({root!r}, top, *rest)
        for file in (place / "__init__.py", place.with_suffix(".py")):
            if top in ("bench", "noise", "methods", "reports") and file.is_file():
                return spec_from_file_location(name, file)

sys.meta_path.append(Editable)
"""


def python(folder: Path, *words: str | Path, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Python with the sources of `root`, in that working directory."""
    command = [sys.executable, *map(str, words)]
    environment = os.environ | {"PYTHONPATH": str(root), "COLUMNS": "200"}
    return subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True, check=False)


def fill(folder: Path, kind: str) -> Path:
    """A working directory with things of our names in it, which must not be imported."""
    for name in NAMES:
        (folder / name).mkdir()
        if kind == "packages":
            (folder / f"{name}.py").write_text("raise RuntimeError('imported')\n")
            (folder / name / "__init__.py").write_text("raise RuntimeError('imported')\n")
    if kind == "packages":  # others' names, which are nearly as common there
        for name in ("random", "torch", "secrets"):
            (folder / f"{name}.py").write_text("raise RuntimeError('imported')\n")
        (folder / "numpy").mkdir()
        (folder / "numpy" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    return folder


@pytest.mark.slow(10)
@pytest.mark.parametrize("kind", ["folders", "packages"])
def test_a_run_among_things_of_our_names(tmp_path: Path, kind: str) -> None:
    """Workers, which are processes of their own, too."""
    arguments = ("run", "--methods", "noisy", "--noise", "1", *tiny(), "--workers", "1", "--out", "out")
    done = python(fill(tmp_path, kind), "-m", "bench", *arguments)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert (tmp_path / "out" / "report.html").is_file()


@pytest.mark.slow(8)
def test_an_editable_install_beside_a_folder_bench(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(EDITABLE.format(root=str(ROOT)))
    here = fill(tmp_path, "packages")
    (here / "bench").mkdir()
    arguments = ("run", "--methods", "noisy", "--noise", "1", *tiny(), "--workers", "1", "--out", "out")
    done = python(here, "-m", "bench", *arguments, root=tmp_path / "site")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "1 of 1 cells" in done.stdout


@pytest.mark.slow(4)
def test_what_was_imported_before_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "noise").mkdir()
    (tmp_path / "noise" / "__init__.py").write_text("import noise.perlin\n")
    (tmp_path / "noise" / "perlin.py").write_text("")
    code = (
        "import sys; sys.path.insert(0, '.'); import noise as other; import bench, noise, json;"
        "print(json.dumps([other.__file__, noise.__file__, 'noise.perlin' in sys.modules, len(noise.catalogue())]))"
    )
    done = python(tmp_path, "-c", code)
    assert done.returncode == 0, done.stderr
    other, ours, there, models = json.loads(done.stdout)
    assert Path(other).parent.samefile(tmp_path / "noise")
    assert Path(ours) == ROOT / "noise" / "__init__.py"
    assert (there, models) == (False, 16)


@pytest.mark.slow(2)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", ["replaced", "gone"])
def test_a_package_that_another_one_has_replaced_is_named(tmp_path: Path, name: str, change: str) -> None:
    """As an installer does that puts another distribution of that name into the same place."""
    copy_sources(tmp_path)
    file = tmp_path / name / "__init__.py"
    file.write_text('"""Perlin noise."""\n') if change == "replaced" else file.unlink()
    done = python(tmp_path, "-m", "bench", "matrix", root=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("denoisebench: ") and str(tmp_path / name) in done.stderr and repr(name) in done.stderr


def test_the_installed_command_looks_first(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import tomllib

    from bench import __main__ as entry
    from bench.packages import InTheWay

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"denoisebench": "bench.__main__:main"}

    class Refuses:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> None:
            if name == "bench.cli":
                raise InTheWay("noise: is in the way: expected ours")

    for module, name in ((entry.interrupts, "leave_at_once"), (entry.streams, "make_lasting")):
        monkeypatch.setattr(module, name, lambda: None)  # that is for a process of its own
    monkeypatch.delitem(sys.modules, "bench.cli", raising=False)
    monkeypatch.delattr("bench.cli", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Refuses, *sys.meta_path])
    assert entry.main() == 2
    assert capsys.readouterr().err == "denoisebench: noise: is in the way: expected ours\n"
