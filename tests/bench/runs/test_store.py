"""The run directory's files: atomic, readable again, refused when they are something else."""

import dataclasses
import hashlib
import json
import math
import os
import stat

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from bench.files.json_files import read_json, write_json
from bench.files.writing import set_aside, write_atomically
from bench.plan.cells import Entry
from bench.runs import store
from tests.helpers.plans import planned

CELL = Entry(1, "gaussian", "score-solver", 0, "yes", "known law", "k1", False)


def litter(directory):
    return [path.name for path in directory.rglob("*") if path.is_file()]


def test_file_appears_complete_and_readable_by_all(tmp_path):
    path = tmp_path / "a" / "b" / "file.txt"

    def write(temporary):
        assert temporary.parent == path.parent and not path.exists()
        temporary.write_text("new")

    write_atomically(path, write)
    assert path.read_text() == "new" and litter(tmp_path) == ["file.txt"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
def test_failing_writer_leaves_the_old_file_and_no_litter(tmp_path, error):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def write(temporary):
        temporary.write_text("half of the n")
        raise error

    with pytest.raises(error):
        write_atomically(path, write)
    assert path.read_text() == "old" and litter(tmp_path) == ["file.txt"]
    with pytest.raises(error):
        write_atomically(tmp_path / "other.txt", write)
    assert litter(tmp_path) == ["file.txt"]


def test_rename_that_fails_leaves_no_litter(tmp_path, monkeypatch):
    def refuse(*paths):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="no space"):
        write_json(tmp_path / "file.json", {})
    assert litter(tmp_path) == []


def test_json(tmp_path):
    value = {"a": math.nan, "b": [1.5, math.inf, (-math.inf, "é\n")], "c": {"d": np.float64("nan"), "e": None}, "f": True}
    write_json(tmp_path / "x.json", value)
    expected = {"a": None, "b": [1.5, None, [None, "é\n"]], "c": {"d": None, "e": None}, "f": True}
    assert read_json(tmp_path / "x.json") == expected
    text = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert text.endswith("}\n") and "é" in text and "NaN" not in text and "Infinity" not in text
    assert value["b"][1] == math.inf  # left alone


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"3", b"\xff\xfe", b"[" * 100_000])
def test_json_that_holds_no_object_is_none(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    assert read_json(tmp_path / "x.json") is None
    assert read_json(tmp_path / "missing.json") is None


def test_record_of_a_cell(tmp_path):
    assert store.read_cell(tmp_path, CELL) is None
    record = {"noise": "gaussian", "method": "score-solver", "seed": 0, "status": "done", "value": math.nan}
    store.write_cell(tmp_path, CELL, record)
    assert store.cell_path(tmp_path, CELL) == tmp_path / "cells" / "01-gaussian--score-solver--s0.json"
    found = store.read_cell(tmp_path, CELL)
    assert found == record | {"value": None, "sha256": found["sha256"]}


def test_an_exact_result_of_an_older_record_counts_as_now(tmp_path):
    """It has null, as one that is not finite; its SSIM tells the two apart."""
    scores = [
        {"psnr": None, "ssim": 1.0, "psnr_paper": None, "ssim_paper": 1.0},
        {"psnr": None, "ssim": None, "psnr_paper": None, "ssim_paper": None},
        {"psnr": 28.5, "ssim": 0.8, "psnr_paper": None, "ssim_paper": None},
        {"psnr": 89.0, "ssim": 0.999, "psnr_paper": None, "ssim_paper": 1.0},
    ]
    rows = [{"dataset": "mine", "image": str(index), **row} for index, row in enumerate(scores)]
    record = {"noise": "gaussian", "method": "score-solver", "seed": 0, "status": "done", "rows": rows}
    store.write_cell(tmp_path, CELL, record)
    found = [(row["psnr"], row["psnr_paper"]) for row in store.read_cell(tmp_path, CELL)["rows"]]
    assert found == [(60.0, 60.0), (None, None), (28.5, None), (60.0, 60.0)]


@pytest.mark.parametrize(
    ("old", "new"),
    [('"done"', '"failed"'), ('"sha256": "', '"sha256": "0'), ("28.25", "28.26"), ('"seed": 0', '"seed": 1'), ("{", "{ {")],
)
def test_record_that_was_changed_is_none(old, new, tmp_path):
    record = {"noise": "gaussian", "method": "score-solver", "seed": 0, "status": "done", "psnr": 28.25}
    store.write_cell(tmp_path, CELL, record)
    path = store.cell_path(tmp_path, CELL)
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    assert store.read_cell(tmp_path, CELL) is None


def test_record_of_another_cell_is_none(tmp_path):
    store.write_cell(tmp_path, CELL, {"noise": "gaussian", "method": "score-solver", "seed": 1})
    assert store.read_cell(tmp_path, CELL) is None


def test_what_is_set_aside_keeps_its_content_and_gets_a_name_of_its_own(tmp_path):
    names = []
    for content in ("one", "two"):
        write_json(tmp_path / "cells" / "x.json", {"content": content})
        names.append(set_aside(tmp_path, tmp_path / "cells" / "x.json"))
    assert names == ["set-aside/cells--x.json", "set-aside/cells--x.json.1"]
    assert [read_json(tmp_path / name)["content"] for name in names] == ["one", "two"]
    assert not (tmp_path / "cells" / "x.json").exists()


def test_crop_is_clipped_and_rounded(tmp_path):
    values = torch.tensor([-5.0, 0.4, 0.6, 1.49, 254.51, 300.0, math.nan, math.inf, -math.inf])
    image = torch.stack([values, values.flip(0), torch.full((9,), 7.0)])[:, None, :]
    sha256 = store.write_crop(tmp_path / "crops" / "x.png", image)
    assert sha256 == hashlib.sha256((tmp_path / "crops" / "x.png").read_bytes()).hexdigest()
    with Image.open(tmp_path / "crops" / "x.png") as picture:
        assert picture.format == "PNG" and picture.mode == "RGB" and picture.size == (9, 1)
        pixels = np.asarray(picture)
    expected = [0, 0, 1, 1, 255, 255, 0, 255, 0]
    assert pixels[0, :, 0].tolist() == expected and pixels[0, :, 1].tolist() == expected[::-1]
    assert (pixels[..., 2] == 7).all()


def row(dataset, image, value):
    return {"dataset": dataset, "image": image, "psnr": value, "ssim": 0.5, "psnr_paper": None, "ssim_paper": 0.25}


@pytest.fixture
def run(make_settings):
    """All cells, and the records of the first 40 of them that can run, of every kind."""
    cells = planned(make_settings(seeds=2))
    records = []
    for index, cell in enumerate(cells):
        if cell.applicability == "no" or index > 40:
            records.append(None)
        elif index % 5 == 3:
            records.append({"status": "failed", "rows": [], "message": "ValueError: x"})
        elif index % 5 == 4:
            records.append({"status": "timeout", "rows": []})
        else:
            records.append({"status": "done", "rows": [row("b", "2", 1.0 + index), row("b", "10", 2.0), row("a", "2", 3.0)]})
    return cells, records


def test_table_has_a_row_for_every_cell(run):
    cells, records = run
    frame = store.table(cells, records)
    assert list(frame.columns) == [
        "noise_no", "noise", "method", "seed", "status", "applicability", "reason", "dataset", "image", "metric", "value",
        "crop",
    ]  # fmt: skip
    assert (frame["noise_no"].dtype, frame["seed"].dtype, frame["value"].dtype) == ("int64", "int64", "float64")
    groups = frame.groupby(["noise_no", "noise", "method", "seed"], sort=False)
    assert list(groups.groups) == [(cell.noise_no, cell.noise, cell.method, cell.seed) for cell in cells]
    for (_, group), cell, record in zip(groups, cells, records, strict=True):
        expected = "not-applicable" if cell.applicability == "no" else record["status"] if record else "pending"
        assert set(group["status"]) == {expected}
        assert set(group["applicability"]) == {cell.applicability} and set(group["reason"]) == {cell.reason}
        assert len(group) == (12 if expected == "done" else 1)
        if expected != "done":
            assert group[["dataset", "image", "metric", "value"]].isna().all(axis=None)
    assert set(frame["status"]) == {"done", "failed", "timeout", "not-applicable", "pending"}


def test_table_is_sorted_by_set_image_and_metric(run):
    frame = store.table(*run)
    first = frame[(frame["noise_no"] == 1) & (frame["method"] == "noisy") & (frame["seed"] == 0)]
    metrics = ["psnr", "ssim", "psnr_paper", "ssim_paper"]
    assert list(zip(first["dataset"], first["image"], first["metric"], strict=True)) == [
        (dataset, image, metric) for dataset, image in (("a", "2"), ("b", "10"), ("b", "2")) for metric in metrics
    ]
    assert first["value"].fillna(-1).tolist() == [3.0, 0.5, -1, 0.25, 2.0, 0.5, -1, 0.25, 1.0, 0.5, -1, 0.25]


@pytest.mark.parametrize("done", [True, False])
def test_table_files_are_identical_for_identical_runs(run, done, tmp_path):
    cells, records = run
    if not done:
        records = [None] * len(cells)
    for name in ("one", "two"):
        store.write_table(tmp_path / name, store.table(list(cells), json.loads(json.dumps(records))))
    for name in ("results.parquet", "results.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    expected = store.table(cells, records)
    assert len(pd.read_parquet(tmp_path / "one" / "results.parquet")) == len(expected)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "one" / "results.parquet"), expected, check_dtype=False)
    again = pd.read_csv(tmp_path / "one" / "results.csv", dtype={"image": str})
    pd.testing.assert_frame_equal(again.astype(object).fillna("-"), expected.astype(object).fillna("-"), check_dtype=False)
    assert b"\r" not in (tmp_path / "one" / "results.csv").read_bytes()


def test_reasons_with_commas_and_quotes_survive(tmp_path):
    cell = dataclasses.replace(CELL, reason='a, "b"\nc; d')
    store.write_table(tmp_path, store.table([cell], [None]))
    assert pd.read_csv(tmp_path / "results.csv")["reason"].tolist() == [cell.reason]


def test_status_of_a_cell():
    no = dataclasses.replace(CELL, applicability="no")
    assert store.status_of(no, None) == "not-applicable"
    assert store.status_of(CELL, None) == "pending"
    assert store.status_of(CELL, {"status": "timeout"}) == "timeout"
    assert store.status_of(CELL, {"rows": []}) == "failed"
