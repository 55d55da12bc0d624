"""The embedded data set: photographs that other packages ship."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bench.data import layout as module
from bench.data.sets import load
from tests.helpers.data_sets import everything, names, refusal


def test_sample() -> None:
    data = load("sample", test_crop=128, training_crop=64, validation_crop=96, patch=64)
    assert [names(s) for s in everything(data)] == [
        ["astronaut", "chelsea"],
        ["coffee", "motorcycle_left", "rocket"],
        ["grace_hopper"],
    ]
    assert {s.name for s in everything(data)} == {"sample"}
    assert data.test[0].images[0].pixels.shape == (128, 128, 3)
    assert data.validation.images[0].pixels.shape == (96, 96, 3)
    assert min(side for i in data.training[0].images for side in i.pixels.shape[:2]) == 400  # whole
    assert load("sample", test_images=1, patch=64).test[0].of == 2
    assert data.separation.startswith("2 test x 4 training")


def test_sample_hashes_are_of_decoded_pixels() -> None:
    data = load("sample", test_images=1, patch=64)
    (image,) = data.test[0].images
    content = repr(image.pixels.shape).encode() + image.pixels.tobytes()
    parts = hashlib.sha256(b"astronaut").digest() + hashlib.sha256(content).digest()
    assert data.test[0].sha256 == hashlib.sha256(parts).hexdigest()


def test_sample_refuses_other_test_sets_and_missing_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load("sample", test_sets=["sample"], patch=64)
    assert "no test set 'kodak24'" in refusal("sample", test_sets=["kodak24"])
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert "package skimage has no data/astronaut.png" in refusal("sample")
