"""The command line: what it prints, and bad input told in one line, status 2, before any work."""

from __future__ import annotations

import errno
import importlib.metadata
import json
import os
import platform
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import methods
from bench.cli import main
from bench.commands.listing import whole_matrix
from bench.commands.names import parse_methods, parse_noise
from tests.helpers.harness import tiny

RNG = np.random.default_rng(0)


def save(path: Path, height: int = 64, width: int = 80, mode: str = "RGB", seed: int | None = None) -> Path:
    """A picture of blocks of random colours, unlike any other (or like that of an equal seed)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = RNG if seed is None else np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)
    Image.fromarray(blocks).resize((width, height), Image.Resampling.BICUBIC).convert(mode).save(path)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of data sets that is as it should be."""
    root = tmp_path / "data"
    for index in range(2):
        save(root / "mine" / f"test{index}.png")
    for index in range(6):
        save(root / "train" / "own" / f"train{index}.png")
    return root


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The one line of a refusal; nothing else is printed."""
    assert main([str(argument) for argument in arguments]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("denoisebench: ") and error.count("\n") == 1
    assert "Traceback" not in error
    return error


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--methods", "score-solvr"], ["'score-solvr'", "nearest: score-solver"]),
        (["run", "--methods", ""], ["names no method"]),
        (["run", "--methods", "evrything"], ["'evrything'", "nearest: everything"]),
        (["run", "--methods", "paper,knows:nothin"], ["'knows:nothin'", "nearest: knows:nothing"]),
        (["run", "--methods", "learns:images"], ["'learns:images'", "nearest: learns:image"]),
        (["run", "--noise", "17"], ["'17'", "1 to 16"]),
        (["run", "--noise", "1", "--noise=2"], ["--noise is given twice", "expected one value"]),
        (["run", "--seeds", "1", "--seeds", "1"], ["--seeds is given twice"]),
        (["run", "--budget", "-5m"], ["--budget: expected a value", "--budget=-5m gives it"]),
        (["run", "--budget=-5m"], ["--budget '-5m'", "30m"]),
        (["run", "--noise", "5-20"], ["'5-20'", "1-16"]),
        (["run", "--noise", "poison"], ["'poison'", "nearest: poisson"]),
        (["run", "--noise", ""], ["''"]),
        (["run", "--preset", "quik"], ["'quik'", "nearest: quick"]),
        (["run", "--set", "steps=many"], ["'steps=many'", "whole number"]),
        (["run", "--set", "step=5"], ["'step'", "nearest: steps"]),
        (["run", "--set", "steps"], ["field=value"]),
        (["run", "--set", "steps=-3"], ["'steps=-3'", "from 1"]),
        (["run", "--set", "learning_rate=nan"], ["learning_rate=nan"]),
        (["run", "--set", "flips=maybe"], ["true or false"]),
        (["run", "--workers", "-1"], ["--workers -1", "whole number"]),
        (["run", "--workers", "two"], ["--workers two"]),
        (["run", "--threads", "0"], ["--threads 0"]),
        (["run", "--seeds", "0"], ["--seeds 0", "whole number"]),
        (["run", "--device", "gpu"], ["'gpu'", "cuda"]),
        (["run", "--recipe", "papr"], ["'papr'", "nearest: paper"]),
        (["run", "--budget", "soon"], ["'soon'", "30m"]),
        (["run", "--budget", "0m"], ["'0m'"]),
        (["run", "--budget", "1e999h", "--dry-run"], ["'1e999h'"]),
        (["run", "--out", ""], ["''", "a path"]),
        (["run", "--data", " "], ["' '", "a path"]),
        (["run", "--out", "a\nb"], ["'a\\nb'", "printable"]),
        (["report", "run", "--output", "a\x1b[1m"], ["printable"]),
        (["run", "--retry", "faild"], ["'faild'", "nearest: failed"]),
        (["run", "--data", "/nowhere"], ["/nowhere", "No such file"]),
        (["run", "--bogus"], ["--bogus"]),
        (["run", "--seed", "42"], ["no option --seed", "nearest: --seeds", "run --help"]),
        (["run", "--exec=ray"], ["no option --exec", "nearest: --executor"]),
        (["run", "--worker", "-1"], ["no option --worker", "nearest: --workers"]),
        (["run", "-out", "x"], ["no option -out", "nearest: --out"]),
        (["merge", "a", "b", "--ot", "c"], ["no option --ot", "nearest: --out"]),
        (["status", "--jsn"], ["no option --jsn", "nearest: --json"]),
        (["data", "fetch", "--miror=http://x"], ["no option --miror", "nearest: --mirror"]),
        (["--versio"], ["no option --versio", "nearest: --version"]),
        (["list", "method"], ["'method'", "nearest: methods"]),
        (["data", "list", "n" * 300], ["File name too long", "expected a folder"]),
        (["data", "verify", "n" * 300], ["File name too long", "expected a folder"]),
        (["data", "fetch", "kodak24", "--to", "n" * 300], ["File name too long", "expected a folder"]),
        (["run", "--data", "n" * 300, "--noise", "1"], ["File name too long", "expected DIR"]),
        (["status", "n" * 300], ["holds no run"]),
        (["runn"], ["'runn'"]),
        ([], ["required"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_arguments(
    arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    error = refused(capsys, *arguments)
    assert all(word in error for word in words), error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_no_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    assert "finds no GPU" in refused(capsys, "run", "--device", "cuda")


@pytest.mark.parametrize("command", ["status", "report"])
def test_directories_without_a_run(command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "missing"):
        assert str(directory) in refused(capsys, command, directory)


def test_bad_images(data: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    bad = data / "mine" / "bad.png"

    def complaint() -> str:
        error = refused(capsys, "run", "--data", data, *tiny(), "--set", "test_images=9", "--out", out)
        assert str(bad) in error
        assert not out.exists()
        return error

    bad.write_text("not an image")
    assert "image" in complaint()
    whole = save(bad).read_bytes()
    bad.write_bytes(whole[: len(whole) // 2])
    complaint()
    Image.fromarray(RNG.integers(0, 255, (64, 64, 4), dtype=np.uint8)).save(bad)
    assert "alpha" in complaint() or "transparen" in complaint()
    save(bad, height=8)
    assert "too small" in complaint()
    bad.unlink()

    bad = data / "mine" / "bad.jpg"
    save(bad, mode="CMYK")
    assert "CMYK" in complaint()
    bad.unlink()

    bad = save(data / "train" / "own" / "small.png", height=15)
    assert "too small for a patch" in complaint()


def test_empty_folders(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (data / "mine").iterdir():
        path.unlink()
    assert "test set" in refused(capsys, "run", "--data", data)


def test_unknown_test_set(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = refused(capsys, "run", "--data", data, "--set", "test_sets=mien")
    assert "'mien'" in error and "nearest: mine" in error


def test_test_image_in_the_training_set(data: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    Image.open(data / "mine" / "test0.png").transpose(Image.Transpose.ROTATE_90).save(
        data / "train" / "own" / "copy.jpg", quality=60
    )
    error = refused(capsys, "run", "--data", data, *tiny(), "--out", tmp_path / "out")
    assert "test0" in error and "copy" in error


def test_directory_that_is_no_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    assert "holds files but no run" in refused(capsys, "run", *tiny(), "--noise", "1", "--out", tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "precious"
    assert "cannot be used" in refused(capsys, "run", *tiny(), "--noise", "1", "--out", tmp_path / "mine.txt")


def test_directory_that_cannot_be_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    below = "/proc/denoisebench" if os.geteuid() == 0 else str(tmp_path / "locked" / "run")
    if os.geteuid() != 0:
        (tmp_path / "locked").mkdir(mode=0o500)
    assert below in refused(capsys, "run", *tiny(), "--noise", "1", "--out", below)


def test_full_disk(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=2**20))
    error = refused(capsys, "run", *tiny(), "--noise", "1", "--out", tmp_path / "run")
    assert "1 MiB of disk are free" in error
    assert list((tmp_path / "run").glob("*")) == []


@pytest.mark.slow(3)
def test_disk_that_fills_up_during_a_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    arguments = ["run", "--methods", "noisy", "--noise", "1", *tiny(), "--out", str(tmp_path / "run")]
    with monkeypatch.context() as patch:
        patch.setattr("bench.runs.store.write_table", full)
        assert main(arguments) == 1
    error = capsys.readouterr().err
    assert "the disk is full" in error and error.count("\n") == 1
    assert main(arguments) == 0


def test_matrix_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["matrix", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows == whole_matrix()
    assert len(rows) == 16 * (len(methods.catalogue()) - 1)
    assert set(rows[0]) == {"noise_no", "noise", "method", "applicability", "reason"}


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("score-solver,supervised", ["supervised", "score-solver"]),
        ("neighbor2neighbor(gamma=3),neighbor2neighbor", ["neighbor2neighbor", "neighbor2neighbor(gamma=3)"]),
        ("noisy", ["noisy"]),
    ],
)
def test_a_matrix_of_some_methods(wanted: str, names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["matrix", "--json", "--methods", wanted, "--noise", "1,9"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["noise_no"], row["method"]) for row in rows] == [(number, name) for number in (1, 9) for name in names]
    assert main(["matrix", "--methods", "nobody"]) == 2
    assert "unknown method 'nobody'" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["matrix"], ["list", "methods"], ["list", "noise"], ["list", "data"], ["doctor"]])
def test_commands_that_print(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    assert len(capsys.readouterr().out.splitlines()) > 4


def test_dry_run_counts_and_writes_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["run", *tiny(), "--dry-run", "--out", str(tmp_path / "run")]) == 0
    out = capsys.readouterr().out
    assert "192 cells, 138 of them to run, 52 trainings" in out
    assert "shared: score-solver on gaussian uses the training of noise2score on gaussian" in out
    assert not (tmp_path / "run").exists()


def test_version(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"denoisebench": "0.1.0", "torch": "2.11.0"}
    monkeypatch.setattr(importlib.metadata, "version", installed.__getitem__)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"denoisebench 0.1.0\nPython {platform.python_version()}\ntorch 2.11.0\n"

    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("denoisebench (not installed")


def test_noise_selection() -> None:
    chosen = tuple(model.slug for model in parse_noise("3, 1,9-10,poisson"))
    assert chosen == ("gaussian", "gaussian-affine", "poisson", "rayleigh", "rayleigh-conv")
    assert len(parse_noise("all")) == 16


def test_noisy_input_is_always_run() -> None:
    assert parse_methods("score-solver") == (methods.get("noisy"), methods.get("score-solver"))
    assert parse_methods("all")[0] == methods.get("noisy")


def test_groups_and_tags_of_methods() -> None:
    def slugs(text: str) -> list[str]:
        return [method.slug for method in parse_methods(text)]

    paper = ["noisy", "supervised", "noisier2noise", "neighbor2neighbor", "noise2score", "score-solver"]
    assert slugs("paper") == paper
    assert slugs("everything") == list(methods.catalogue())
    assert slugs("all") == [slug for slug, method in methods.catalogue().items() if method.in_all]
    assert "neighbor2neighbor" in slugs("knows:nothing") and "score-solver" not in slugs("knows:nothing")
    assert slugs("knows:clean, paper") == paper
    assert slugs("noise2noise") == slugs("knows:second") == ["noisy", "noise2noise"]
