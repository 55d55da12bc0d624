"""Bases from outside of noise/: files of any place and installed packages, and how they reach other processes."""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cloudpickle
import pytest
import torch

import noise
from bench.contract.noises import faults
from noise import _outside
from tests.helpers.harness import ROOT
from tests.helpers.outside import install

#: The example of the documentation.
GUIDE = (ROOT / "docs" / "adding-noise.md").read_text(encoding="utf-8")
LAPLACE = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)[0]


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, str], Path]:
    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return write


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = dict(noise.bases())
    yield
    assert noise.bases() == before and not noise.broken()
    assert not any(name.startswith("noise.outside_") for name in sys.modules)


def test_the_guides_example_is_a_base_while_it_is_asked_for(file) -> None:  # type: ignore[no-untyped-def]
    path = file("outside_laplace.py", LAPLACE)
    with noise.with_files([path, path]):
        kind = noise.bases()["outside-laplace"]
        assert list(noise.bases())[-1] == kind.slug == "outside-laplace"
        assert faults(kind) == []
        model = noise.get("outside-laplace(size=20)-conv+gaussian(sigma=3)")
        assert (model.number, model.slug) == (0, "outside-laplace(size=20)-conv+gaussian(sigma=3)")
        assert model.law == f"outside-laplace Laplace(size=20.0) {noise.Convolution()} gaussian=3.0"
        assert model.traits.base_unbiased and model.traits.kernel and not model.traits.score
        place = noise.origin(model.base)
        assert place is not None and (place.kind, place.where) == ("file", str(path))
        assert place.version == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(ValueError, match="unknown noise model 'outside-laplace'"):
        noise.get("outside-laplace")
    path.write_text(LAPLACE.replace("Parameter(15.0)", "Parameter(16.0)"))
    with noise.with_files([path]):
        assert noise.get("outside-laplace").parameters == {"size": 16.0}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("outside_a.py", None, "No such file or directory: expected a Python file"),
        ("outside_a.txt", "x", "expected NAME.py"),
        ("Outside.py", LAPLACE, "the file's name is the base's: expected at most 40 of a-z"),
        ("outside_conv.py", LAPLACE, "no _conv last"),
        ("all.py", LAPLACE, "expected another name"),
        ("gaussian_affine.py", LAPLACE, "there is a base, or a module, 'gaussian-affine' already"),
        ("model.py", LAPLACE, "there is a base, or a module, 'model' already"),
        ("outside_a.py", "\nclass broken(:\n", ", line 2: SyntaxError"),
        ("outside_a.py", "import nothing_of_the_kind\n", ", line 1: ModuleNotFoundError: No module named"),
        ("outside_a.py", "x = 1\n", "defines 0 subclasses of Base with a title: expected exactly one"),
        ("outside_a.py", LAPLACE.replace('"size":', '"Size":'), "parameters is {'Size'"),
        ("outside_a.py", LAPLACE.replace("Parameter(15.0)", "15.0"), "expected a dict of names, each with a Parameter"),
        ("outside_a.py", LAPLACE.replace('("x + l", "l ~ Laplace(size)")', '"x + l"'), "expected two texts"),
        ("outside_a.py", "raise SystemExit(3)\n", "line 1: SystemExit: 3"),
        ("outside_a.py", "class Odd(BaseException):\n    pass\n\nraise Odd('so')\n", "line 4: Odd: so"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(file, tmp_path: Path, name: str, text: str | None, words: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / name if text is None else file(name, text)
    with pytest.raises(ValueError, match=re.escape(name)) as caught, noise.with_files([path]):
        pass
    told = str(caught.value)
    assert told.startswith(str(path)) and words in told and len(told.splitlines()) == 1, told


def test_two_files_of_one_name(file) -> None:  # type: ignore[no-untyped-def]
    paths = [file("outside_a.py", LAPLACE), file("other/outside_a.py", LAPLACE)]
    with (
        pytest.raises(ValueError, match=r"other/outside_a\.py: there is a base, or a module, 'outside-a'"),
        noise.with_files(paths),
    ):
        pass


READ = """
import pickle, sys, noise
for bytes in pickle.load(sys.stdin.buffer):
    model = pickle.loads(bytes)
    assert model == pickle.loads(bytes) and model.traits.signal_dependent is False
    print(model.law, noise.varied(model, size=2.0).base, hash(model) == hash(pickle.loads(bytes)))
"""


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Callable[[dict[str, str], dict[str, str]], Path]]:
    """Have this process find a package with these modules and entry points."""
    site, before = tmp_path / "site", set(sys.modules)

    def add(modules: dict[str, str], points: dict[str, str]) -> Path:
        install(site, "outside-package", "outside_package", modules, points, group=_outside.GROUP)
        sys.path.append(str(site))
        forget()
        return site

    def forget() -> None:
        for cached in (_outside.find_packaged, _outside.load_packaged):
            cached.cache_clear()

    yield add
    sys.path.remove(str(site))
    for module in set(sys.modules) - before:
        if module.startswith("outside_package"):
            del sys.modules[module]
    forget()


def test_bases_reach_a_process_that_was_not_told_of_them(file, found) -> None:  # type: ignore[no-untyped-def]
    site = found({"one": LAPLACE}, {"outside-packaged": "outside_package.one:Laplace"})
    with noise.with_files([file("outside_laplace.py", LAPLACE)]):
        sent = [noise.get("outside-laplace(size=7)-conv"), noise.get("outside-packaged(size=8)+gaussian")]
        data = [dump(model) for model in sent for dump in (pickle.dumps, cloudpickle.dumps)]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{site}"}
    done = subprocess.run(
        [sys.executable, "-c", READ], input=pickle.dumps(data), env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().splitlines() == [f"{model.law} Laplace(size=2.0) True" for model in sent for _ in range(2)]


def test_a_broken_package_costs_its_bases_alone(found) -> None:  # type: ignore[no-untyped-def]
    points = {
        "outside-good": "outside_package.good:Laplace",
        "outside-missing": "outside_package.nowhere:Laplace",
        "outside-odd": "outside_package.good:Parameter",
        "outside-again": "outside_package.good:Laplace",
        "gamma": "outside_package.good:Laplace",
    }
    found({"good": LAPLACE}, points)
    assert {"outside-again"} == set(noise.bases()) & (set(points) - {"gamma"})
    told = noise.broken()
    assert len(told) == 4 and all(len(line.splitlines()) == 1 and "outside-package 1.5" in line for line in told.values())
    assert "ModuleNotFoundError" in told["outside-missing"] and "is no Base" in told["outside-odd"]
    assert "Laplace is the base 'outside-again' already" in told["outside-good"]
    assert any("'gamma': there is a base of that name already" in line for line in told.values())
    assert noise.get("gamma").base.slug == "gamma"
    place = noise.origin(noise.get("outside-again").base)
    assert place == noise.Origin("package", "outside-again", "outside-package 1.5, outside_package.good:Laplace")
    y = noise.get("outside-again").sample(torch.full((1, 3, 8, 8), 50.0))
    assert y.shape == (1, 3, 8, 8)
