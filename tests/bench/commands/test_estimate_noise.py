"""`estimate`: files and folders in, an expression out; bad input in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.cli import main
from bench.commands.estimate_noise import read_pictures

SIDE = 96


def write(path: Path, seed: int, sigma: float = 20.0) -> Path:
    """A grey ramp with Gaussian noise, 8 bits."""
    ramp = np.linspace(90, 160, SIDE)[:, None]
    noisy = ramp + np.random.default_rng(seed).normal(0, sigma, (SIDE, SIDE))
    Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8)).save(path)
    return path


def test_the_expression_comes_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plot = tmp_path / "curve.svg"
    assert main(["estimate", str(write(tmp_path / "a.png", 0)), "--plot", str(plot)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("gaussian(sigma=") and 18.5 < float(lines[0][15:-1]) < 21.5
    assert any(line.split()[:2] == ["how", "sure"] for line in lines)
    assert b"<svg" in plot.read_bytes()


def test_a_folder_has_a_line_for_each_and_all_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(2):
        write(tmp_path / f"{seed}.png", seed)
    Image.fromarray(np.full((64, 64), 7, np.uint8)).save(tmp_path / "blank.png")
    assert main(["estimate", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("0: gaussian(sigma=") and "\n1: gaussian(sigma=" in out
    assert "blank: nothing can be told: it is constant" in out
    assert "all together (2 of 3 images)" in out


def test_of_a_measured_set_the_noisy_images_are_taken(tmp_path: Path) -> None:
    for kind in ("noisy", "clean"):
        (tmp_path / "mine" / kind).mkdir(parents=True)
        write(tmp_path / "mine" / kind / f"{kind}.png", 0)
    (picture,), _ = read_pictures([tmp_path / "mine"])
    assert picture.name == "noisy"


def test_values_on_an_odd_scale_are_refused_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "huge.npy", 1e30 * np.random.default_rng(0).random((48, 48)))
    assert main(["estimate", str(tmp_path / "huge.npy"), "--white", "255"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "huge: values up to 9.9" in line or "huge: values up to 1e+30" in line


def test_all_of_it_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", str(write(tmp_path / "a.png", 0)), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["image"] == "a" and told["family"] == "gaussian" and told["kernel"] is None
    low, high = told["intervals"]["sd"]
    assert low < told["sd"] < high and len(told["curve"]) > 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["missing.png"], "missing.png: cannot be read: No such file or directory"),
        (["text.png"], "text.png: not a readable image"),
        (["blank.png"], "blank: it is constant; expected an image with noise in it"),
        (["small.png"], "small: 16x16 pixels: too small, expected at least 32x32"),
        (["good.png", "good.png"], "good.png: is named twice; expected each image once"),
        (["good.png", "--plot", "x.gif"], "--plot x.gif: expected a file ending in .pdf, .png, .svg"),
        (["good.png", "--plot", "good.png"], "--plot good.png: is what good.png is read from"),
        (["good.png", "--plot", "folder.png"], "--plot folder.png: is a folder; expected a file"),
        (["empty"], "empty: holds no image"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "good.png", 0)
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder.png").mkdir()
    Image.fromarray(np.full((64, 64), 7, np.uint8)).save("blank.png")
    Image.fromarray(np.zeros((16, 16), np.uint8)).save("small.png")
    assert main(["estimate", *words]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("denoisebench: " + told) and captured.err.count("\n") == 1
    assert captured.out == ""
