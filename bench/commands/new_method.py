"""The `new-method` command: a file with a method that works, to be changed into one's own, and its test."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from pathlib import Path

from rich.console import Console

import methods
from bench.errors import UsageError

#: A self-supervised method in few lines. NAME, CLASS and TITLE are filled in.
_METHOD = '''"""TITLE: what is new about it, in a sentence.

Author, Author, "Title of the paper", where and when it appeared, its address.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from methods import Applicability, Batch, Method, Network, estimate, local_mean, mean_squared
from noise import NoiseModel


@dataclass(frozen=True)
class CLASS(Method):
    """Hides pixels and learns to predict them: minimises |f(y with neighbours in their places) - y|^2 over the hidden pixels.

    Parameters
    ----------
    share : float
        Of the pixels that are hidden in a step (above 0, below 1).

    Notes
    -----
    Say here where the code departs from the paper, how and why.
    """

    share: float = 0.1

    title = "TITLE"
    paper = "Author et al., Title, Conference, Year"
    assumptions = "noise independent between pixels, E[y|x] = x"
    #: What it is told beside the noisy images, of `methods.KNOWLEDGE`: nothing.
    knows = ()
    #: What `python -m bench tune` may try.
    tunable = Method.tunable | {"share": (0.02, 0.1, 0.3)}

    def applicable(self, model: NoiseModel) -> Applicability:
        """From the traits of the noise, never from its name. "infeasible": it is trained all the same, on y as it is."""
        traits = model.traits
        if traits.independent and traits.unbiased:
            return Applicability("yes", "a pixel's noise cannot be predicted from its neighbours, its clean value can")
        given = self.wants_decorrelated(model)
        if given and traits.base_unbiased:
            return Applicability("indirect", "the noise of A^-1 y is independent between pixels and unbiased")
        broken = [] if traits.independent or given else ["A correlates the noise of neighbouring pixels"]
        broken += [] if traits.base_unbiased else ["E[y|x] is not x"]
        return Applicability("infeasible", "; ".join(broken) or "the convolution changes the image")

    def loss(self, network: Network, batch: Batch) -> torch.Tensor:
        """A scalar; `batch.noisy` is (N, C, P, P), in grey levels. All random numbers come from `batch.generator`."""
        y = batch.noisy
        hidden, seen = self.hide(y, batch.generator)
        return mean_squared((_estimate(network, seen) - y) * hidden) / self.share

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        """(1, C, H, W) grey levels of any range to the same."""
        return _estimate(network, y)

    def hide(self, y: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Which pixels are hidden, (N, 1, H, W) ones and zeros, and y with a neighbour's values in their places."""
        shape = (len(y), 1, *y.shape[-2:])
        hidden = (torch.rand(shape, generator=generator, device=y.device) < self.share).float()
        # one of the eight neighbours, drawn for each pixel; beyond an edge lies the other one
        shifts = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
        neighbours = torch.stack([y.roll(shift, dims=(-2, -1)) for shift in shifts])
        drawn = torch.randint(len(shifts), shape, generator=generator, device=y.device)
        other = neighbours.gather(0, drawn.expand(y.shape)[None])[0]
        return hidden, hidden * other + (1 - hidden) * y


def _estimate(network: Network, y: torch.Tensor) -> torch.Tensor:
    """The network's image, which begins at the mean of the eight neighbours of each pixel."""
    return estimate(network, y, start=(9 * local_mean(y, 3) - y) / 8)
'''

_TEST = '''"""TITLE: the contract of all methods, and what is its own. Compare with something independent wherever you can."""

from __future__ import annotations

IMPORTSimport pytest
import torch

import methods
from bench.contract.contract import contract


@pytest.fixture(scope="module")
def method():
FIXTURE


def test_it_keeps_the_contract(method):
    faults = [f"{found.check}: {found.fault}" for found in contract(method, whole=False) if found.fault]
    assert faults == []


def test_hidden_pixels_hold_a_neighbours_values(method):
    y = torch.rand(2, 3, 20, 16, generator=torch.Generator().manual_seed(0))
    hidden, seen = method.hide(y, torch.Generator().manual_seed(1))
    assert 0.3 * method.share < hidden.mean() < 3 * method.share
    assert torch.equal(seen * (1 - hidden), y * (1 - hidden))
    around = [y.roll((i, j), dims=(-2, -1)) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
    there = torch.stack([(other == seen).all(dim=1) for other in around]).any(dim=0)
    assert there[hidden[:, 0] == 1].all()
'''

_FROM_FILE = """    with methods.with_files([Path(__file__).with_name("FILE")]):
        yield methods.get("NAME")"""
_FROM_FOLDER = """    return methods.get("NAME")"""


def new_method(name: str, path: Path | None, console: Console) -> None:
    """Write a file with a method of that name, and its test beside it; print what to do with them.

    Parameters
    ----------
    path : Path or None
        The file; None: in the working directory, by the method's name. In the suite's own folder `methods/`, the test goes to
        `tests/methods/`.

    Raises
    ------
    UsageError
        For a name that no method can have, or that a method, a module or what the file imports has already, and where one of
        the files is there: nothing is written.
    """
    slug = name.replace("_", "-")
    try:
        methods.refuse_name(slug)
    except ValueError:
        raise UsageError(f"new-method {name!r}: expected a name of at most 60 of a-z, 0-9 and -") from None
    if not re.fullmatch(r"[a-z][a-z0-9-]*", slug):
        raise UsageError(f"new-method {name!r}: expected a name of a-z, 0-9 and -, that begins with a letter")
    if slug in methods.catalogue() or slug in methods.broken():
        raise UsageError(f"new-method {name!r}: there is a method of that name: expected another")
    file = path or Path(f"{slug.replace('-', '_')}.py")
    if file.name != f"{slug.replace('-', '_')}.py":
        raise UsageError(f"--path {file}: the file's name is the method's: expected .../{slug.replace('-', '_')}.py")
    own = file.resolve().parent == Path(methods.__file__).resolve().parent
    test = (
        Path(os.path.relpath(file.resolve().parents[1])) / "tests" / "methods" if own else file.parent
    ) / f"test_{file.name}"
    for each in (file, test):
        if each.exists():
            raise UsageError(f"{each}: is there already: expected another name, or --path")
    if not own:
        _refuse_module(name, file.stem)
    words = {"TITLE": slug.replace("-", " ").capitalize(), "CLASS": "".join(part.capitalize() for part in slug.split("-"))}
    if re.search(rf"import .*\b{words['CLASS']}\b", _METHOD):
        raise UsageError(
            f"new-method {name!r}: its class would be called {words['CLASS']}, which it imports: expected another name"
        )
    words |= {"NAME": slug, "FILE": file.name}
    template = _TEST.replace("FIXTURE", _FROM_FOLDER if own else _FROM_FILE)
    template = template.replace("IMPORTS", "" if own else "from pathlib import Path\n\n")
    try:
        for each, text in ((file, _METHOD), (test, template)):
            each.parent.mkdir(parents=True, exist_ok=True)
            each.write_text(_filled(text, words), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be written: {error.strerror or error}") from None
    option = "" if own else f" --method-file {file}"
    console.print(f"{file}: a method that works; make it yours", soft_wrap=True)
    console.print(f"{test}: its test, for pytest (pip install pytest); python -m pytest {test}", soft_wrap=True)
    console.print(f"python -m bench test-method {slug if own else file}", soft_wrap=True)
    console.print(f"python -m bench run{option} --methods {slug},supervised --noise 1", soft_wrap=True)


def _refuse_module(name: str, module: str) -> None:
    """Raise UsageError for the name of a module: Python, started beside the file, would take the one for the other."""
    found = importlib.util.find_spec(module)
    if module in sys.stdlib_module_names or (found and found.origin):  # not for a mere folder
        raise UsageError(f"new-method {name!r}: {module}.py would hide the module {module}: expected another name")


def _filled(text: str, words: dict[str, str]) -> str:
    for word, value in words.items():
        text = re.sub(rf"\b{word}\b", value, text)
    return text
