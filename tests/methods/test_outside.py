"""Methods from outside of methods/: files of any place and installed packages, and how they reach other processes."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

import methods
import noise
from noise import shared
from tests.helpers.harness import ROOT
from tests.helpers.outside import found, install
from tests.methods.test_contract import MEDIAN

BLUR = """
from scipy.ndimage import gaussian_filter

def denoise(image):
    '''A Gaussian filter,
    of each channel.'''
    return gaussian_filter(image, (1.0, 1.0, 0.0))
"""

NESTED = """
from dataclasses import dataclass
from methods import Applicability, Method

@dataclass(frozen=True)
class Window:
    side: int = 3

@dataclass(frozen=True)
class Mine(Method):
    '''Nothing.'''
    window: Window = Window()
    title, paper, assumptions = "Mine", "none", "none"

    def applicable(self, model):
        return Applicability("yes", "needs nothing")

    def denoise(self, network, y, model, generator):
        return y
"""


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, str], Path]:
    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = dict(methods.catalogue())
    yield
    assert methods.catalogue() == before
    assert not any(name.startswith("methods.outside_") for name in sys.modules)


def test_a_file_is_a_method_while_it_is_asked_for(file) -> None:  # type: ignore[no-untyped-def]
    path = file("outside_median.py", MEDIAN)
    with methods.with_files([path, path]):
        method = methods.get("outside-median")
        assert list(methods.catalogue())[-1] == method.slug == "outside-median"
        place = methods.origin(method)
        assert place is not None and (place.kind, place.where) == ("file", str(path))
        assert place.version == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "outside-median" not in methods.catalogue()
    path.write_text(MEDIAN.replace("size: int = 3", "size: int = 5"))
    with methods.with_files([path]):
        assert methods.get("outside-median").size == 5  # type: ignore[attr-defined]


def test_a_function_is_a_method(file) -> None:  # type: ignore[no-untyped-def]
    with methods.with_files([file("outside_blur.py", BLUR)]):
        method = methods.get("outside-blur")
        assert (method.title, method.paper, method.knows) == ("outside-blur", "A Gaussian filter, of each channel.", ())
        y = 300 * torch.rand(1, 3, 17, 12) - 20
        kept = y.clone()
        found = method.denoise(torch.nn.Identity(), y, noise.get(9), torch.Generator())
    wanted = gaussian_filter(y[0].permute(1, 2, 0).numpy(), (1.0, 1.0, 0.0))
    assert found.dtype == torch.float32 and torch.equal(y, kept)
    assert torch.equal(found, torch.from_numpy(wanted).permute(2, 0, 1)[None])
    assert not any(method.wants_decorrelated(model) for model in noise.catalogue())


def test_whole_numbers_are_told() -> None:
    method = methods.method_of_function(lambda image: image.astype(np.uint8), "mine", __name__)
    with pytest.warns(UserWarning, match="the function returned whole numbers, uint8: levels are rounded"):
        method.denoise(None, torch.rand(1, 3, 8, 9), noise.get(1), torch.Generator())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda image: image, False),
        (lambda image, model: image, True),
        (lambda image, model=None: image, True),
        (lambda image, strength=1.0: image, False),
        (lambda *images: images[0], False),
        (np.abs, False),
    ],
)
def test_a_function_is_told_the_model_where_it_takes_one(function, told: bool) -> None:  # type: ignore[no-untyped-def]
    method = methods.method_of_function(function, "mine", __name__)
    assert method.wants_model == told and method.knows == ("law",) * told  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "function",
    [lambda: 1, lambda image, model, more: image, lambda image, *, strength: image, 3, int],
    ids=["nothing", "three", "a-named-one", "a-number", "a-class"],
)
def test_what_is_no_function_of_an_image_is_refused(function) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TypeError, match=r"expected (one of )?\(image\) or \(image, model\)"):
        methods.method_of_function(function, "mine", __name__)


@pytest.mark.parametrize(
    "result", [None, np.zeros((8, 9)), np.zeros((8, 9, 3), complex), np.full((8, 9, 3), "x"), (np.zeros((8, 9, 3)), 5)], ids=str
)
def test_a_function_that_returns_no_image(result) -> None:  # type: ignore[no-untyped-def]
    method = methods.method_of_function(lambda image: result, "mine", __name__)
    with pytest.raises(TypeError, match=r"the function returned .*: expected real numbers of shape \(8, 9, 3\)"):
        method.denoise(torch.nn.Identity(), torch.zeros(1, 3, 8, 9), noise.get(1), torch.Generator())


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("outside_a.py", None, "No such file or directory: expected a Python file"),
        ("outside_a.txt", "x", "expected NAME.py"),
        ("_outside_a.py", MEDIAN, "expected NAME.py"),
        ("Outside.py", MEDIAN, "the file's name is the method's: expected at most 60 of a-z"),
        ("all.py", MEDIAN, "expected another name"),
        ("noisy.py", MEDIAN, "there is a method 'noisy' already: expected another name of the file"),
        ("score_solver.py", BLUR, "there is a method 'score-solver' already"),
        ("outside_a.py", "\ndef broken(:\n", ", line 2: SyntaxError"),
        ("outside_a.py", "import nothing_of_the_kind\n", ", line 1: ModuleNotFoundError: No module named"),
        ("outside_a.py", "class denoise:\n    pass\n", "no function denoise: expected exactly one"),
        ("outside_a.py", "x = 1\n", "defines 0 subclasses of Method and no function denoise: expected exactly one"),
        ("outside_a.py", MEDIAN + "class Other(Median): ...\n", "defines 2 subclasses of Method, Median in line 6"),
        ("outside_a.py", "def denoise(a, b, c): ...\n", ": the function takes (a, b, c): expected (image)"),
        ("outside_a.py", "raise SystemExit(3)\n", "line 1: SystemExit: 3"),
        ("outside_a.py", "class Odd(BaseException):\n    pass\n\nraise Odd('so')\n", "line 4: Odd: so"),
        ("outside_a.py", "class Odd(BaseException):\n    def __str__(self):\n        raise self\nraise Odd\n", "line 4: Odd"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(file, tmp_path: Path, name: str, text: str | None, words: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / name if text is None else file(name, text)
    with pytest.raises(ValueError, match=r"outside|Outside|all|noisy|score_solver") as caught, methods.with_files([path]):
        pass
    told = str(caught.value)
    assert told.startswith(str(path)) and words in told and len(told.splitlines()) == 1, told


def test_a_folder_or_a_pipe_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "outside_a.py").mkdir()
    os.mkfifo(tmp_path / "outside_b.py")  # which would be waited for
    for name, words in (("outside_a.py", "is a folder"), ("outside_b.py", "is no regular file")):
        with pytest.raises(ValueError, match=words), methods.with_files([tmp_path / name]):
            pass


def test_an_interrupt_is_no_fault_of_a_file(file) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(KeyboardInterrupt), methods.with_files([file("outside_a.py", "raise KeyboardInterrupt\n")]):
        pass


def test_whatever_is_called_as_a_function_is_one(file) -> None:  # type: ignore[no-untyped-def]
    text = "from functools import partial\n\ndef blur(image, by):\n    return image * by\n\ndenoise = partial(blur, by=0.5)\n"
    with methods.with_files([file("outside_a.py", text)]):
        y = torch.rand(1, 3, 4, 5)
        assert torch.equal(methods.get("outside-a").denoise(None, y, noise.get(1), torch.Generator()), y / 2)  # type: ignore[arg-type]


def test_what_a_file_sets_for_the_process_is_put_back(file) -> None:  # type: ignore[no-untyped-def]
    text = "import os, torch\ntorch.set_default_dtype(torch.float64)\ntorch.set_num_threads(3)\nos.chdir('/')\n" + BLUR
    before = shared.states()
    with methods.with_files([file("outside_a.py", text)]):
        assert shared.states() == before


def test_two_files_of_one_name(file, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "other").mkdir()
    paths = [file("outside_a.py", MEDIAN), file("other/outside_a.py", MEDIAN)]
    with pytest.raises(ValueError, match=r"other/outside_a\.py: there is a method 'outside-a'"), methods.with_files(paths):
        pass


READ = """
import pickle, sys
for bytes in pickle.load(sys.stdin.buffer):
    method = pickle.loads(bytes)
    assert method == pickle.loads(bytes)
    print(method.slug, method)
"""


def test_methods_reach_a_process_that_was_not_told_of_them(file, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    package = tmp_path / "site"
    point = {"outside-packaged": "outside_package.one:Mine", "outside-function": "outside_package.one:blur"}
    install(package, "outside-package", "outside_package", {"one": NESTED + BLUR.replace("def denoise", "def blur")}, point)
    files = [file("outside_nested.py", NESTED), file("outside_blur.py", BLUR)]
    with found(package), methods.with_files(files):
        slugs = ["outside-nested", "outside-blur", "outside-packaged", "outside-function"]
        sent = [dataclasses.replace(methods.get(slug), training=methods.Training(patch=2.0)) for slug in slugs]
        told = [f"{method.slug} {method}" for method in sent]
        data = [dump(method) for method in sent for dump in (pickle.dumps, cloudpickle.dumps)]
    command = [sys.executable, "-c", READ]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{package}"}
    done = subprocess.run(command, input=pickle.dumps(data), env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().splitlines() == [line for line in told for _ in range(2)]
    assert "window=Window(side=3)" in told[0] and "patch=2.0" in told[1]


def test_a_broken_package_costs_its_methods_alone(tmp_path: Path) -> None:
    points = {
        "outside-good": "outside_mixed.good:Median",
        "outside-missing": "outside_mixed.nowhere:Median",
        "outside-name": "outside_mixed.good:Mode",
        "outside-broken": "outside_mixed.bad:Median",
        "outside-odd": "outside_mixed.good:Applicability",
        "outside-again": "outside_mixed.good:Median",
        "Outside": "outside_mixed.good:Median",
        "noisy": "outside_mixed.good:Median",
    }
    text = {"good": MEDIAN, "bad": "\nraise RuntimeError('no GPU')\n"}
    install(tmp_path, "outside-mixed", "outside_mixed", text, points)
    with found(tmp_path):
        there = set(methods.catalogue())
        told = methods.broken()
    assert {"outside-again"} <= there and there.isdisjoint(set(points) - {"outside-again", "noisy"})
    assert len(told) == 7 and all(len(line.splitlines()) == 1 and "outside-mixed 1.5" in line for line in told.values())
    for name, words in {
        "outside-missing": "ModuleNotFoundError: No module named 'outside_mixed.nowhere'",
        "outside-name": "has no attribute 'Mode'",
        "outside-broken": "RuntimeError: no GPU",
        "outside-odd": "Applicability is no Method: expected a subclass of it, or a function",
        "outside-good": "Median is the method 'outside-again' already",
        "Outside": "expected at most 60 of a-z",
    }.items():
        assert words in told[name] and repr(name) in told[name]
    assert any("'noisy': there is a method of that name already" in line for line in told.values())
    assert methods.get("noisy").slug == "noisy" and not methods.broken()


def test_a_file_beside_the_package_that_it_became(file, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    install(tmp_path / "site", "outside-moved", "outside_moved", {"one": MEDIAN}, {"outside-a": "outside_moved.one:Median"})
    told = r"there is a method 'outside-a' of the package outside-moved 1\.5, outside_moved\.one:Median already"
    path = file("outside_a.py", MEDIAN)
    with found(tmp_path / "site"), pytest.raises(ValueError, match=told), methods.with_files([path]):
        pass


def test_a_packaged_method_has_the_name_of_its_entry_point(tmp_path: Path) -> None:
    install(tmp_path, "outside-named", "outside_named", {"one": MEDIAN}, {"outside-median+": "outside_named.one:Median"})
    with found(tmp_path):
        method = methods.get("outside-median+")
        assert method.slug == "outside-median+" and method.title == "Median"
        place = methods.origin(method)
        assert place == methods.Origin("package", "outside-median+", "outside-named 1.5, outside_named.one:Median")
        assert pickle.loads(pickle.dumps(method)) == method  # also where the catalogue is there already, as in a worker
