"""What was tuned is what the methods have, and what docs/recipes.md tells of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import methods
from bench.plan.trials import default_values, verdict

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "results" / "tune").glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_method_has_the_settings_that_its_tuning_chose(path: Path) -> None:
    told = json.loads(path.read_text(encoding="utf-8"))
    chosen = told["default"] | (told["best"] if told["replaces"] else {})
    assert default_values(methods.get(path.stem)) == chosen
    # a method that had another name when it was tuned has a note of it
    assert told["method"] == path.stem or {told["method"], path.stem} <= set(told["note"].split())
    if told["full"]:
        found = verdict(*(arm["seeds"] for arm in told["full"]))
        assert (found.gain, found.spread, found.replaces) == (told["gain"], told["spread"], told["replaces"])
    assert len(told["trials"]) == 10 and told["preset"] == "small" and told["noise"] == ["gaussian"]


def test_all_methods_were_tuned_alike() -> None:
    told = [json.loads(path.read_text(encoding="utf-8")) for path in FILES]
    shared = [
        [{name: value for name, value in (each["default"] | trial["values"]).items() if name.startswith("training.")}
         for trial in each["trials"][:6]]
        for each in told
    ]  # fmt: skip
    assert all(each == shared[0] for each in shared) and len({str(trial) for trial in shared[0]}) == 6
    assert {each["git"] for each in told} == {"1220a38"} and len(told) == 5


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_page_shows_every_trial(path: Path) -> None:
    page = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    told = json.loads(path.read_text(encoding="utf-8"))
    for arm in [*told["trials"], *told["full"]]:
        settings = told["default"] | arm["values"]
        cells = [f"{value:g}" for value in settings.values()]
        cells += [f"{arm['noise'][noise]:.2f}" for noise in told["noise"]] + [f"{arm['mean']:.2f}"]
        assert f"| {' | '.join(cells)} |" in page
