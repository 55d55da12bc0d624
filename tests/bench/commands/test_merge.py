"""`merge` of runs that overlap: one copy of what agrees, a refusal that names what does not. Nothing is trained."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from torch import nn

import reports
from bench.errors import UsageError
from bench.files.json_files import write_json
from bench.runs import store
from bench.runs.directory import open_directory, tidy
from bench.runs.record import inputs_sha256, read_plan, run_record
from bench.runs.weights import read_weights, weights_path, write_weights
from bench.training.checkpoint import checkpoint_path
from tests.helpers.merging import change, made_up, merged, refusal, statuses
from tests.helpers.plans import planned

Make = Callable[..., Path]
SUPERVISED = "01-gaussian--supervised--s0"


@pytest.fixture
def make(make_run: Callable[..., Any], tmp_path: Path) -> Make:
    """Makes a directory of a run with made-up scores; `statuses` by cell name, all others are done."""

    def directory(
        name: str,
        methods: Sequence[str] = ("noisy", "supervised"),
        noise: Sequence[str] = ("gaussian",),
        statuses: Mapping[str, str] = {},
        **settings: Any,
    ) -> Path:
        run = make_run(tmp_path / name, methods_=methods, noise_=noise, **settings)
        cells = planned(run.settings)
        info = run_record(run.settings, run.data, cells, f"bench run --out {name}")
        store.write_run(run.directory, info)
        for cell in cells:
            status = statuses.get(cell.name, "done")
            if cell.applicability != "no" and status != "pending":
                record = made_up(run.directory, cell, status) | {"inputs": inputs_sha256(info["settings"])}
                store.write_cell(run.directory, cell, record)
            if cell.key and status == "done":
                write_weights(run.directory, cell.key, nn.Linear(2, 2), {"seconds": float(len(name))})
        return run.directory

    return directory


def test_equal_cells_are_taken_once(make: Make) -> None:
    one, other = make("one"), make("another")
    out, printed = merged(one, other)
    assert statuses(out) == {"gaussian noisy 0": "done", "gaussian supervised 0": "done"}
    assert printed.strip() == f"2 cells in {out}"
    frame = pd.read_parquet(out / "results.parquet")
    assert len(frame) == 2 * 2 * 4 and not tidy(out, read_plan(out)[1])
    assert (out / "report.html").exists() and reports.load(out).problems == ()
    assert sorted(path.name for path in out.parent.iterdir()) == ["another", "merged", "one"]


def test_the_best_outcome_counts_and_pending_is_no_outcome(make: Make) -> None:
    names = {f"01-gaussian--supervised--s{seed}": seed for seed in range(4)}
    first = dict(zip(names, ("pending", "failed", "timeout", "pending"), strict=True))
    second = dict(zip(names, ("done", "done", "failed", "pending"), strict=True))
    parts = make("one", statuses=first, seeds=4), make("other", statuses=second, seeds=4)
    for order in (parts, parts[::-1]):
        out, _ = merged(*order, out=parts[0].parent / f"merged-{order[0].name}")
        found = statuses(out)
        assert [found[f"gaussian supervised {seed}"] for seed in range(4)] == ["done", "done", "failed", "pending"]
        assert "supervised--s3" not in " ".join(path.name for path in (out / "cells").iterdir())


@pytest.mark.parametrize("damage", [lambda text: text[:50], lambda text: text.replace('"psnr": 1', '"psnr": 2')])
def test_a_damaged_record_does_not_count(damage: Callable[[str], str], make: Make) -> None:
    one, other = make("one"), make("other")
    path = one / "cells" / f"{SUPERVISED}.json"
    path.write_text(damage(path.read_text()))
    out, printed = merged(one, other)
    assert f"{path} is damaged: left out." in printed
    assert statuses(out)["gaussian supervised 0"] == "done"
    path = other / "cells" / path.name
    path.write_text(damage(path.read_text()))
    out, _ = merged(one, other, out=out.parent / "again")
    assert statuses(out) == {"gaussian noisy 0": "done", "gaussian supervised 0": "pending"}


def test_other_numbers_for_the_same_cell_are_refused_with_both(make: Make) -> None:
    one, other = make("one"), make("other")

    def spoil(record: dict[str, Any]) -> None:
        record["rows"][1]["psnr"] += 0.5

    change(other, SUPERVISED, spoil)
    told = refusal(one, other)
    for words in (SUPERVISED, "psnr of odd/b", f"1.1 in {one}", f"1.6 in {other}", "equal settings", "damaged"):
        assert words in told
    change(other, SUPERVISED, lambda record: record["rows"].pop())
    assert "psnr of odd/b is 1.1" in refusal(one, other) and "not there" in refusal(one, other)
    change(other, SUPERVISED, lambda record: record.update(status="failed", rows=[]))  # a failure has no numbers
    out, _ = merged(one, other)
    assert statuses(out)["gaussian supervised 0"] == "done"


@pytest.mark.parametrize(("difference", "accepted"), [(1e-7, True), (1e-5, False)])
def test_the_last_digits_of_another_processor_are_no_other_numbers(difference: float, accepted: bool, make: Make) -> None:
    one, other = make("one"), make("other")
    change(other, SUPERVISED, lambda record: record["rows"][1].update(psnr=record["rows"][1]["psnr"] * (1 + difference)))
    if accepted:
        assert statuses(merged(one, other)[0])["gaussian supervised 0"] == "done"
    else:
        assert "psnr of odd/b" in refusal(one, other)


def test_times_and_warnings_may_differ(make: Make) -> None:
    one, other = make("one"), make("other")
    change(other, SUPERVISED, lambda record: record.update(seconds=99.0, peak_memory_mib=1.0, warnings=["w"], started="later"))
    merged(one, other)


def test_other_settings_are_refused_by_name(make: Make) -> None:
    one, other = make("one"), make("other", threads=2)
    assert f"threads is 1 in {one} and 2 in {other}" in refusal(one, other)
    info = json.loads((one / "run.json").read_text())
    for key, value, words in (
        ("methods", [{"slug": "supervised", "settings": {"rate": 3}}], "supervised.training is {"),
        ("noise", [{"slug": "gaussian", "number": 1, "parameters": {"sigma": 26.0}}], "gaussian.sigma is 25.0"),
        ("plan", [dataclasses.asdict(cell) | {"key": "k"} for cell in read_plan(one)[1]], "01-gaussian--noisy--s0.key is None"),
    ):
        store.write_run(other, info | {key: value})
        assert words in refusal(one, other)


def test_every_pair_is_compared(make: Make) -> None:
    parts = make("one", noise=("gaussian",)), make("two", noise=("gamma",)), make("three", noise=("gamma",))
    change(parts[2], "05-gamma--supervised--s0", lambda record: record["rows"][0].update(ssim=0.0))
    assert "ssim of odd/a" in refusal(*parts)


def test_parts_with_other_methods_and_numbers_of_seeds_invent_no_cells(make: Make) -> None:
    one = make("one", methods=("noisy", "score-solver", "supervised"), seeds=3)
    other = make("other", methods=("noisy", "neighbor2neighbor"), noise=("gaussian", "gamma"))
    out, _ = merged(other, one)
    expected = {f"gaussian {method} {seed}" for method in ("noisy", "score-solver", "supervised") for seed in range(3)}
    expected |= {f"{noise} {method} 0" for noise in ("gaussian", "gamma") for method in ("noisy", "neighbor2neighbor")}
    assert set(statuses(out)) == expected and set(statuses(out).values()) == {"done"}
    order = list(dict.fromkeys(pd.read_parquet(out / "results.parquet")["method"]))
    whole = make(
        "whole", methods=("noisy", "supervised", "neighbor2neighbor", "score-solver"), noise=("gaussian", "gamma"), seeds=3
    )
    whole_order = list(dict.fromkeys(pd.read_parquet(merged(whole, out=out.parent / "w")[0] / "results.parquet")["method"]))
    assert order == whole_order
    for name in ("results.parquet", "results.csv"):
        (out / name).unlink()
    table = reports.load(out).table
    found = set(zip(table["noise"], table["method"], table["seed"].astype(str), strict=True))
    assert {" ".join(key) for key in found} == expected


def test_the_merged_run_goes_on_with_the_cells_that_no_part_had(make: Make, make_run: Callable[..., Any]) -> None:
    out, _ = merged(make("one", seeds=2, noise=("gamma",)), make("other"))
    run = make_run(out, methods_=("noisy", "supervised"), noise_=("gaussian", "gamma"), seeds=2)
    cells = planned(run.settings)
    assert len(read_plan(out)[1]) == 6 and len(cells) == 8
    assert open_directory(out, run_record(run.settings, run.data, cells, "x"), run.settings, cells) == []
    assert read_plan(out)[1] == cells and tidy(out, cells) == []


@pytest.mark.parametrize("place", ["one", "other"])
def test_what_an_older_run_does_not_tell_of_its_images_and_methods_is_told(place: str, make: Make) -> None:
    one, other = make("one"), make("other", noise=("gamma",))
    old = {"one": one, "other": other}[place]
    info = store.read_run(old)
    assert info is not None
    del info["data"]["repeated"]
    store.write_run(old, info | {"methods": [{key: method[key] for key in ("slug", "settings")} for method in info["methods"]]})
    found = read_plan(merged(one, other)[0])[0]
    assert "repeated" in found["data"] and found["methods"] == info["methods"]


def test_crops_and_weights_follow_and_may_be_gone(make: Make) -> None:
    one, other = make("one", noise=("gamma",)), make("other")
    for path in other.rglob("*.safetensors"):
        path.unlink()
    (other / "weights").rmdir()
    (one / "crops" / "gamma" / "noisy.png").unlink()
    out, _ = merged(one, other)
    cells = {cell.name: cell for cell in read_plan(out)[1]}
    assert {path.relative_to(out).as_posix() for path in (out / "crops").rglob("*.png")} == {
        "crops/clean/a.png", "crops/gamma/supervised.png", "crops/gaussian/noisy.png", "crops/gaussian/supervised.png",
    }  # fmt: skip
    assert [path.stem for path in (out / "weights").iterdir()] == [cells["05-gamma--supervised--s0"].key]
    assert reports.load(out).problems == ()


def test_damaged_weights_give_way_to_good_ones(make: Make) -> None:
    one, other = make("one"), make("other")
    key = str(read_plan(one)[1][1].key)
    path = weights_path(one, key)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    out, _ = merged(one, other)
    assert read_weights(out, key, nn.Linear(2, 2)) == {"seconds": float(len("other"))}


def test_unfinished_trainings_follow(make: Make) -> None:
    one, other = make("one", statuses={SUPERVISED: "pending"}), make("other", noise=("gamma",))
    key = str(read_plan(one)[1][1].key)
    checkpoint_path(one, key).parent.mkdir()
    checkpoint_path(one, key).write_bytes(b"unfinished")
    out, _ = merged(one, other)
    assert checkpoint_path(out, key).read_bytes() == b"unfinished"
    out, _ = merged(one, make("third"), out=out.parent / "finished")
    assert not checkpoint_path(out, key).exists() and weights_path(out, key).exists()


@pytest.mark.parametrize("name", ["/etc/hostname", "../outside.png", "crops/../../outside.png", "run.json"])
def test_a_record_that_names_files_elsewhere_copies_nothing(name: str, make: Make) -> None:
    one, other = make("one", noise=("gamma",)), make("other")
    (one.parent / "outside.png").write_text("private")
    change(one, "05-gamma--supervised--s0", lambda record: record["crops"][0].update(file=name))
    out, _ = merged(one, other, out=one.parent / "deep" / "merged")
    assert not (out.parent / "outside.png").exists()
    assert read_plan(out)[0]["command"].count(";") == 1


def scan(noise_no: int, method: str = "score-solver", **change: Any) -> dict[str, Any]:
    series = [{"varied": ["lam"], "points": [{"rate": 0.1, "psnr": [26.1, 26.2]}]}]
    return {
        "noise_no": noise_no,
        "noise": f"n{noise_no}",
        "method": method,
        "draws": 2,
        "psnr": 26.5,
        "series": series,
    } | change


def test_robustness_is_joined_and_verified(make: Make) -> None:
    one, other = make("one"), make("other", noise=("gamma",))
    first, second = [scan(14), scan(15)], [scan(9), scan(14), scan(14, "other")]
    write_json(one / "robustness.json", {"schema": 1, "models": first})
    write_json(other / "robustness.json", {"schema": 1, "models": second})
    out, _ = merged(one, other)
    models = json.loads((out / "robustness.json").read_text())["models"]
    assert [(entry["noise_no"], entry["method"]) for entry in models] == [
        (9, "score-solver"), (14, "other"), (14, "score-solver"), (15, "score-solver"),
    ]  # fmt: skip
    (out / "robustness.json").rename(out / "kept.json")
    for changed, words in (
        (scan(14, draws=3), "robustness of score-solver on No. 14.draws is 2"),
        (
            scan(14, series=[{"varied": ["lam"], "points": [{"rate": 0.1, "psnr": [26.1, 26.3]}]}]),
            "series.0.points.0.psnr.1 is 26.2",
        ),
    ):
        write_json(other / "robustness.json", {"schema": 1, "models": [changed]})
        with pytest.raises(UsageError) as caught:
            merged(one, other, out=out.parent / "again")
        assert words in str(caught.value) and str(one) in str(caught.value)
    (other / "robustness.json").write_text("{")
    out, printed = merged(one, other, out=out.parent / "again")
    assert "robustness.json is damaged: left out." in printed
    assert len(json.loads((out / "robustness.json").read_text())["models"]) == 2


def test_out_may_lie_in_a_part_and_be_an_empty_folder_but_nothing_else(make: Make) -> None:
    one, other = make("one"), make("other", noise=("gamma",))
    (one / "both").mkdir()
    merged(one, other, out=one / "both")
    assert len(statuses(one / "both")) == 4
    for out in (one, one / "both", one / "run.json"):
        with pytest.raises(UsageError, match="expected a new or empty folder"):
            merged(one, other, out=out)


def test_a_full_disk_leaves_nothing(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "write_table", full)
    assert "cannot be written: No space left" in refusal(make("one"), make("other"))


def test_another_machine_is_noted(make: Make) -> None:
    one, other = make("one"), make("other", noise=("gamma",))
    info = json.loads((other / "run.json").read_text())
    store.write_run(other, info | {"versions": info["versions"] | {"torch": "9.9"}})
    out, _ = merged(one, other)
    (note,) = (note for note in read_plan(out)[0]["notes"] if "were made with" in note)
    assert str(other) in note and "versions.torch 9.9, not " in note
