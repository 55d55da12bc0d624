"""Sets of measured noise whose images are on several scales: each has its own, and what does not fit together is said."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

from bench.data.measured import MeasuredSet, load_measured
from bench.errors import UsageError
from tests.helpers.harness import here

SCENE = np.kron(np.random.default_rng(1).uniform(0.2, 0.8, (6, 6)), np.ones((24, 24)))


def noisy(seed: int, sigma: float = 0.03) -> np.ndarray:
    return SCENE + np.random.default_rng(seed).normal(0, sigma, SCENE.shape)


def store(root: Path, kind: str, pixels: np.ndarray, name: str = "a_1") -> None:
    (root / "mine" / kind).mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(root / "mine" / kind / f"{name}.tif", pixels)


def load(root: Path) -> MeasuredSet:
    return load_measured(str(root), ("mine",))[0]


def test_the_law_of_floats_is_on_their_scale_also_beside_whole_numbers(tmp_path: Path) -> None:
    told = []
    for count in (5, 6):  # `quick` takes five images
        for index in range(count):
            store(tmp_path / str(count), "noisy", noisy(index).astype(np.float32), f"a_{index}")
            store(tmp_path / str(count), "clean", (60000 * SCENE).astype(np.uint16), f"a_{index}")
        words = ("run", "--data", tmp_path / str(count), "--noise", "mine", "--methods", "noisy", "--dry-run")
        status, output, error = here(*words, "--out", tmp_path / "run")
        assert status == 0, error
        found = re.search(r"gaussian\(sigma=([0-9.e-]+)\)", output)
        assert found is not None, output
        told.append(float(found[1]))
    assert told == pytest.approx([0.03 * 255] * 2, rel=0.1)


def test_a_shot_that_is_the_clean_image_is_refused(tmp_path: Path) -> None:
    for kind, pixels in (("noisy", noisy(0)), ("clean", SCENE), ("second", SCENE)):
        store(tmp_path, kind, pixels.astype(np.float32))
    with pytest.raises(UsageError, match=r"second/a_1.tif: the clean image, value by value; expected another shot"):
        load(tmp_path)


@pytest.mark.parametrize(("factor", "told"), [(1.1, 0), (0.5, 1), (0.25, 1)])
def test_partners_that_are_not_as_bright_are_named(factor: float, told: int, tmp_path: Path) -> None:
    store(tmp_path, "noisy", noisy(0).astype(np.float32))
    store(tmp_path, "second", (factor * noisy(1)).astype(np.float32))
    remarks = [words for words in load(tmp_path).remarks if "as bright as what lies beside them" in words]
    assert len(remarks) == told
    if told:
        assert f"a_1 most ({1 / factor:.2g} times as bright on average)" in remarks[0]


TEXTURE = SCENE + np.random.default_rng(2).normal(0, 0.03, SCENE.shape)


@pytest.mark.parametrize("scene", [SCENE, TEXTURE], ids=["flat", "texture"])
@pytest.mark.parametrize(("sigma", "told"), [(0.03, 0), (0.02, 0), (0.01, 1), (0.0, 1)])
def test_shots_with_far_less_noise_are_named(sigma: float, told: int, scene: np.ndarray, tmp_path: Path) -> None:
    for kind, seed, level in (("noisy", 0, 0.03), ("second", 1, sigma)):
        store(tmp_path, kind, (scene + np.random.default_rng(seed).normal(0, level, scene.shape)).astype(np.float32))
    remarks = [words for words in load(tmp_path).remarks if "far less noise than the first shots" in words]
    assert len(remarks) == told
    if told and sigma:
        (ratio,) = re.findall(r"\(([0-9.]+) times as much\)", remarks[0])
        assert float(ratio) == pytest.approx(sigma / 0.03, rel=0.3)


@pytest.mark.parametrize("side", [(1, 0), (0, 1)], ids=["rows", "columns"])
def test_stripes_that_the_second_shot_lacks_are_named(side: tuple[int, int], tmp_path: Path) -> None:
    shape = [length if along else 1 for length, along in zip(SCENE.shape, side, strict=True)]
    store(tmp_path, "noisy", (SCENE + np.random.default_rng(0).normal(0, 0.03, shape)).astype(np.float32))
    store(tmp_path, "second", SCENE.astype(np.float32))
    assert [words for words in load(tmp_path).remarks if "far less noise than the first shots" in words]


@pytest.mark.parametrize("mean", [0.003, 0.1, 3])
@pytest.mark.parametrize("seed", range(5))
def test_counts_of_few_photons_are_shots_of_one_law(mean: float, seed: int, tmp_path: Path) -> None:
    for kind in ("noisy", "second"):
        counts = np.random.default_rng([seed, len(kind)]).poisson(mean * SCENE)
        store(tmp_path, kind, (40 * counts).clip(max=255).astype(np.uint8))
    assert not [words for words in load(tmp_path).remarks if "far less noise" in words]


def test_values_beyond_the_scale_are_said(tmp_path: Path) -> None:
    y, x = noisy(0), SCENE.copy()
    y[:2, :3], x[0, :5], x[1, :4] = -0.01, -0.2, 1.5
    store(tmp_path, "noisy", y.astype(np.float32))
    store(tmp_path, "clean", x.astype(np.float32))
    with pytest.raises(UsageError, match=r"floats up to 1.5; expected at most 1"):
        load(tmp_path)
    (found,) = load_measured(str(tmp_path), ("mine",), white="1")
    words = " ".join(found.remarks)
    assert "6 values in 1 noisy images of mine are below 0, and stay so." in words
    assert "5 values in 1 images below 0 are set to 0 (the first in mine/clean/a_1)." in words
    assert "4 values in 1 images above the white level are set to it" in words
    assert found.shots[0].pixels.min() < 0 and found.shots[0].clean is not None
    assert (found.shots[0].clean.min(), found.shots[0].clean.max()) == (0, 255)


def test_a_set_whose_name_is_no_row_is_told_by_the_word_that_was_given(tmp_path: Path) -> None:
    store(tmp_path, "noisy", noisy(0).astype(np.float32))
    (tmp_path / "mine").rename(tmp_path / "CC15")
    status, _, error = here("matrix", "--data", tmp_path, "--noise", "CC15")
    assert status == 2 and "--noise CC15: the set 'CC15' is no row: expected a name of at most 40 of a-z" in error
