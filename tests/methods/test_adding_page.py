"""docs/adding-a-method.md: what stands there works."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import bench
import methods
import noise
from bench.cli import _parser
from bench.contract.contract import on_noise
from tests.helpers.harness import ROOT

PAGE = (ROOT / "docs" / "adding-a-method.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.slow(4)
@pytest.mark.parametrize("name", ["lee", "pixel2pixel"])
def test_its_methods_keep_the_contract(name: str, tmp_path: Path) -> None:
    (block,) = [block for block in BLOCKS if ("class Pixel2Pixel" if name == "pixel2pixel" else "def denoise(image)") in block]
    file = tmp_path / f"{name}.py"
    file.write_text(block)
    with methods.with_files([file]):
        found = list(on_noise(methods.get(name), [noise.get(1)]))
    assert [f"{each.check}: {each.fault}" for each in found if each.fault] == [] and len(found) >= 8


def test_its_call_is_one_that_can_be_made() -> None:
    (block,) = [block for block in BLOCKS if "bench.evaluate" in block]
    call = re.search(r"bench\.evaluate\((.*)\)", block)
    assert call is not None
    names = re.findall(r"(\w+)=", call[1])
    assert set(names) <= set(bench.evaluate.__code__.co_varnames)  # type: ignore[attr-defined]


def test_its_commands_are_read() -> None:
    lines = re.findall(r"(?m)^    python -m bench (.*)$", PAGE)
    assert len(lines) >= 8
    for line in lines:
        words = shlex.split(re.split(r" {4,}", line)[0])
        _parser().parse_args(words)
