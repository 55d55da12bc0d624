"""The `robustness` command: exactness at r = 0, what is stored and shown, and refusals."""

from __future__ import annotations

import json
import shutil
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import noise
from bench.cli import main
from bench.commands import robustness as robustness_module
from bench.errors import UsageError
from bench.files.json_files import record_sha256, write_json
from bench.plan.cells import make_cells
from bench.plan.recipes import method_of, model_of
from bench.plan.settings import PRESETS, Settings, get_preset
from bench.runs import store
from bench.runs.inputs import Run
from bench.runs.record import settings_from_record
from tests.bench.test_cli import refused
from tests.helpers.harness import here, tiny
from tests.helpers.plans import planned
from tests.reports.page.test_render import Page

RATES, DRAWS = (0.0, 0.1, 0.3), 3
OPTIONS = ("--rates", "0,0.1,0.3", "--draws", str(DRAWS))


# settings from run.json


def test_settings_survive_their_record(make_settings):
    for preset_name in PRESETS:
        preset = get_preset(preset_name, ["test_sets=a,b", "learning_rate=1.25e-3", "flips=false"])
        chosen = (method_of("noisy", "paper"), method_of("supervised", "paper")), (model_of("gamma", "paper"),)
        settings = Settings(preset_name, preset, "paper", "steps", "some/DIR", 2, "cpu", 3, *chosen, colour="rgb")
        told = {
            **{"preset": preset_name, "recipe": "paper", "data": "some/DIR", "seeds": 2, "device": "cpu", "threads": 3},
            **{"methods": ["noisy", "supervised"], "noise": ["gamma"], "fields": vars(preset)},
        }
        assert settings_from_record(json.loads(json.dumps({"settings": told})), planned(settings)) == settings


@pytest.mark.parametrize(
    "change",
    [
        {"preset": "odd"}, {"fields": None}, {"fields": {"steps": "many"}}, {"fields": {"stps": 3}}, {"recipe": "own"},
        {"device": "abacus"}, {"threads": 0}, {"seeds": None}, {"methods": 3},
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_no_run_can_have_are_refused(change):
    good = {
        **{"preset": "quick", "recipe": "best", "data": "sample", "seeds": 1, "device": "cpu", "threads": 1},
        **{"methods": ["noisy"], "noise": ["gamma"], "fields": {}},
    }
    settings_from_record({"settings": good}, [])
    with pytest.raises(UsageError, match=r"run\.json"):
        settings_from_record({"settings": good | change}, [])
    with pytest.raises(UsageError, match=r"run\.json"):
        settings_from_record({"settings": {key: value for key, value in good.items() if key not in change}}, [])


# the command


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny run of the score methods, to be copied."""
    out = tmp_path_factory.mktemp("finished") / "run"
    status, output, error = here(
        "run",
        "--methods",
        "supervised,noise2score,score-solver,score-solver-plus",
        "--noise",
        "2,6,14,15",
        *tiny("test_images=2"),
        "--out",
        out,
    )
    assert (status, error) == (0, ""), output
    return out


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "run")
    return tmp_path / "run"


def own_psnr(run: Path, name: str) -> float:
    """Mean over the images of each set, then over the sets, from the cell's record."""
    rows = json.loads((run / "cells" / f"{name}.json").read_text())["rows"]
    sets = dict.fromkeys(row["dataset"] for row in rows)
    return statistics.fmean(statistics.fmean(row["psnr"] for row in rows if row["dataset"] == one) for one in sets)


@pytest.mark.slow(4)
def test_exact_parameters_give_the_run_s_own_psnr(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    for numbers in ("14,15", "2,6"):
        assert main(["robustness", str(run), "--noise", numbers, *OPTIONS]) == 0
    told = capsys.readouterr().out
    assert "lam sigma" in told and all(f"No. {number} on sample: " in told for number in (2, 6, 14, 15))
    stored = json.loads((run / "robustness.json").read_text())
    assert stored["schema"] == 1
    assert [entry["noise_no"] for entry in stored["models"]] == [2, 6, 14, 15]
    for entry in stored["models"]:
        own = own_psnr(run, f"{entry['noise_no']:02d}-{entry['noise']}--score-solver--s0")
        assert entry["psnr"] == pytest.approx(own, abs=1e-9)
        assert (entry["method"], entry["seed"], entry["draws"], entry["images"]) == ("score-solver", 0, DRAWS, 2)
        names = list(noise.get(entry["noise"]).parameters)
        names.remove("extra_sigma") if "extra_sigma" in names else None
        alone = [[name] for name in names] if len(names) > 1 else []
        assert [series["varied"] for series in entry["series"]] == [names, *alone]
        for series in entry["series"]:
            assert [point["rate"] for point in series["points"]] == list(RATES)
            exact, *disturbed = series["points"]
            assert exact["psnr"] == [entry["psnr"]] and (exact["cost"], exact["std"]) == (0, 0)
            for point in disturbed:
                assert len(point["psnr"]) == DRAWS == len(set(point["psnr"]))
                assert point["mean"] == pytest.approx(statistics.fmean(point["psnr"]))
                assert point["std"] == pytest.approx(statistics.stdev(point["psnr"]))
                assert (point["min"], point["max"]) == (min(point["psnr"]), max(point["psnr"]))
                assert point["cost"] == pytest.approx(entry["psnr"] - point["mean"])
                assert set(point["factors"]) == set(series["varied"])
    changed = {path.name for path, time in before.items() if path.stat().st_mtime_ns != time}
    assert changed == {"report.html"}
    page = Page((run / "report.html").read_text())
    assert "about 1 dB at r = 0.1" in page.text and "lam and sigma together" in page.text and "scale alone" in page.text


@pytest.mark.slow(4)
def test_numbers_are_the_same_again_and_whatever_else_is_asked_for(run: Path) -> None:
    def points(*options: str) -> dict[tuple[str, float], list[float]]:
        assert main(["robustness", str(run), "--noise", "15", *options]) == 0
        (entry,) = [entry for entry in json.loads((run / "robustness.json").read_text())["models"] if entry["noise_no"] == 15]
        return {(str(s["varied"]), p["rate"]): p["psnr"] for s in entry["series"] for p in s["points"]}

    first = points(*OPTIONS)
    assert points(*OPTIONS) == first
    fewer = points("--rates", "0.3", "--draws", "2")
    assert fewer == {key: values[:2] for key, values in first.items() if key[1] == 0.3}


@pytest.mark.slow(4)
@pytest.mark.parametrize(
    ("method", "options"),
    [("score-solver", ("--recipe", "paper")), ("score-solver-plus", ("--self-ensemble",))],
    ids=["paper", "ensemble"],
)
def test_other_ways_of_solving_are_repeated_exactly(method: str, options: tuple[str, ...], tmp_path: Path) -> None:
    run = tmp_path / "run"
    status, output, _ = here("run", "--methods", method, "--noise", "1,6", *options, *tiny("patch=32"), "--out", run)
    assert status == 0, output
    assert main(["robustness", str(run), "--noise", "1,6", "--draws", "2", "--rates", "0.1", "--method", method]) == 0
    for entry in json.loads((run / "robustness.json").read_text())["models"]:
        own = own_psnr(run, f"{entry['noise_no']:02d}-{entry['noise']}--{method}--s0")
        assert entry["psnr"] == pytest.approx(own, abs=1e-9)


@pytest.mark.parametrize(("method", "passes"), [("score-solver", 1), ("score-solver-plus", 4)])
def test_the_score_of_an_image_is_computed_once(
    method: str, passes: int, make_run: Callable[..., Run], tiny_network: Callable[..., torch.nn.Module]
) -> None:
    """Whatever the number of models tried; score-solver-plus needs one at its probe for each of them."""
    run = make_run(methods_=(method,), noise_=("gamma",))
    (cell,) = make_cells(run.settings, "images")
    tried = [noise.get(5, alpha=alpha) for alpha in (26, 20, 30)]
    network, calls = tiny_network(), []
    network.register_forward_hook(lambda *told: calls.append(told))
    psnr = robustness_module.solve_all(run, network, tried, cell, run.data.test[0].images[0])
    assert len(psnr) == len(set(psnr)) == 3
    assert len(calls) == passes


@pytest.mark.slow(4)
def test_other_methods_with_a_score_stand_beside(run: Path) -> None:
    for method in ("score-solver", "noise2score", "score-solver-plus"):
        assert main(["robustness", str(run), "--noise", "6", "--method", method, *OPTIONS]) == 0
    one, other, plus = json.loads((run / "robustness.json").read_text())["models"]
    assert [entry["method"] for entry in (one, other, plus)] == ["noise2score", "score-solver", "score-solver-plus"]
    assert one["series"] == other["series"]  # Eqs. 5 and 7 are the same equation there
    assert plus["psnr"] == pytest.approx(own_psnr(run, "06-gamma-conv--score-solver-plus--s0"), abs=1e-9)
    factors, its = ([point["factors"] for point in entry["series"][0]["points"]] for entry in (other, plus))
    assert factors == its
    (run / "robustness.json").write_text('{"models": [3, {"noise_no": "x"}]}')
    assert main(["robustness", str(run), "--noise", "6", *OPTIONS]) == 0
    assert len(json.loads((run / "robustness.json").read_text())["models"]) == 1


@pytest.mark.slow(4)
def test_refusals(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refusal(*options: str, directory: Path = run) -> str:
        return refused(capsys, "robustness", directory, *options)

    assert "holds no run" in refusal(directory=tmp_path / "nothing")
    assert "'poison'" in refusal("--noise", "poison") and "nearest: poisson" in refusal("--noise", "poison")
    assert "the run has no such noise model" in refusal("--noise", "14,16")
    assert "learns no score: expected one of noise2score, score-solver, score-solver-plus" in refusal("--method", "supervised")
    assert "is unknown (nearest: score-solver)" in refusal("--method", "score-solvr")
    assert "of 2 gaussian-conv, 6 gamma-conv" in refusal("--method", "noise2score")
    assert "'-0.1'" in refusal("--rates", "-0.1")
    assert "--draws 0" in refusal("--draws", "0")
    assert "elsewhere" in refusal("--data", str(tmp_path / "elsewhere"))

    cell = run / "cells" / "14-poisson-conv+gaussian--score-solver--s0.json"
    good = cell.read_text()

    def change(old: str, new: str) -> None:
        changed = json.loads(good.replace(old, new))
        write_json(cell, changed | {"sha256": record_sha256(changed)})

    change('"psnr": ', '"psnr": 1')
    assert "expected the same" in refusal()
    change('"done"', '"failed"')
    assert "is failed: expected a cell that is done" in refusal()
    cell.write_text(good.replace('"psnr": ', '"psnr": 1'))
    assert "is pending" in refusal()
    cell.unlink()
    assert "is pending" in refusal()
    cell.write_text(good)

    weights = run / "weights" / (json.loads(good)["training"]["key"] + ".safetensors")
    content = weights.read_bytes()
    weights.write_bytes(content[:100])
    assert "does not hold the weights of 14-poisson-conv+gaussian--score-solver--s0 (" in refusal()
    weights.unlink()
    assert "is missing: expected trained weights" in refusal()
    weights.write_bytes(content)

    info = json.loads((run / "run.json").read_text())
    changed = {**info["settings"], "data_sha256": {**info["settings"]["data_sha256"], "test sample": "0" * 64}}
    store.write_run(run, {**info, "settings": changed})
    assert "data_sha256.test sample is 00" in refusal() and "expected the run's images" in refusal()
    store.write_run(run, {**info, "settings": {**info["settings"], "threads": "none"}})
    assert "run.json has no readable settings" in refusal()
    store.write_run(run, {**info, "settings": None})
    assert "run.json: is no run's: expected one written by this version" in refusal()
    assert not (run / "robustness.json").exists()


@pytest.mark.slow(3)
def test_a_scan_that_was_stopped_goes_on_with_the_next_image(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["robustness", str(run), "--noise", "15", *OPTIONS]
    solve_all, solved = robustness_module.solve_all, []

    def watched(*arguments: Any) -> list[float]:
        if len(solved) == 1:
            raise KeyboardInterrupt
        solved.append(arguments[-1].name)
        return solve_all(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(robustness_module, "solve_all", watched)
        assert main(command) == 130
    (part,) = run.glob("robustness--*.part.json")
    again: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(robustness_module, "solve_all", lambda *told: again.append(told[-1].name) or solve_all(*told))
        assert main(command) == 0
    assert len(solved) == 1 and len(again) == 1 and solved != again and not part.exists()
    stopped = json.loads((run / "robustness.json").read_text())
    (run / "robustness.json").unlink()
    assert main(command) == 0
    assert json.loads((run / "robustness.json").read_text()) == stopped
    # another question, or a file that is damaged, starts anew
    part.write_text('{"asked": {}, "psnr": {"sample/astronaut": [1]}}')
    assert main(command) == 0
    assert json.loads((run / "robustness.json").read_text()) == stopped
