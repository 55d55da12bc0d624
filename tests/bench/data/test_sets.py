"""Data sets: the layout of a folder, the split, crops, limits, and the embedded sample."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from bench.data.sets import describe, load
from tests.helpers.data_sets import everything, fill, names, numbered, picture, refusal


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two test sets and two training sets, of 40 and 5 images."""
    fill(tmp_path / "alpha", ["a3", "a1", "a2"])
    fill(tmp_path / "beta", ["b1"], 40, 36)
    fill(tmp_path / "train" / "bsds432", numbered(40))
    fill(tmp_path / "train" / "another", [f"x{i}" for i in range(5)], 40, 40)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "readme.txt").write_text("no images here")
    (tmp_path / ".cache").mkdir()
    return tmp_path


# --- a folder -------------------------------------------------------------------------------------------------------


def test_a_folder_is_read_by_its_layout(root: Path) -> None:
    data = load(str(root), validation_images=4, patch=32)
    assert [(s.name, s.role, len(s.images), s.of) for s in everything(data)] == [
        ("alpha", "test", 3, 3),
        ("beta", "test", 1, 1),
        ("another", "training", 5, 5),
        ("bsds432", "training", 36, 40),
        ("bsds432", "validation", 4, 4),
    ]
    first = data.test[0].images[0]
    assert (first.dataset, first.name) == ("alpha", "a1")
    np.testing.assert_array_equal(first.pixels, picture("alpha/a1", 48, 64))
    assert data.separation.startswith("4 test x 45 training images")
    for images in everything(data):
        assert names(images) == sorted(names(images))
        for image in images.images:
            assert image.pixels.dtype == np.uint8
            assert not image.pixels.flags.writeable


def test_two_loads_are_equal(root: Path) -> None:
    one, two = (load(str(root), training_crop=32, validation_images=4, patch=32) for _ in range(2))
    for a, b in zip(everything(one), everything(two), strict=True):
        assert (a.sha256, names(a)) == (b.sha256, names(b))
        assert all((x.pixels == y.pixels).all() for x, y in zip(a.images, b.images, strict=True))


def test_the_hash_tells_names_and_bytes(root: Path) -> None:
    before = load(str(root), test_sets=["alpha"], validation_images=4, patch=32).test[0].sha256
    (root / "alpha" / "a3.png").rename(root / "alpha" / "a4.png")
    renamed = load(str(root), test_sets=["alpha"], validation_images=4, patch=32).test[0].sha256
    fill(root / "alpha", ["a1"], 50, 50)
    changed = load(str(root), test_sets=["alpha"], validation_images=4, patch=32).test[0].sha256
    assert len({before, renamed, changed}) == 3


def test_limits_and_crops(root: Path) -> None:
    options = {"test_images": 2, "test_crop": 40, "training_crop": 36, "validation_images": 3, "validation_crop": 44}
    data = load(str(root), patch=32, **options)  # type: ignore[arg-type]
    alpha, beta = data.test
    assert names(alpha) == ["a1", "a2"]
    assert (alpha.of, alpha.crop) == (3, 40)
    np.testing.assert_array_equal(alpha.images[0].pixels, picture("alpha/a1", 48, 64)[4:44, 12:52])
    assert beta.images[0].pixels.shape == (40, 36, 3)  # smaller sides are kept whole
    assert {i.pixels.shape for s in data.training for i in s.images} == {(36, 36, 3)}
    assert {i.pixels.shape for i in data.validation.images} == {(44, 44, 3)}
    whole = picture("bsds432/000", 48, 64)
    part = next(i.pixels for s in data.training for i in s.images if i.name == "000")
    places = [(r, c) for r in range(13) for c in range(29) if (whole[r : r + 36, c : c + 36] == part).all()]
    assert len(places) == 1
    assert load(str(root), patch=32, test_images=0, test_crop=0, validation_images=3).test[0].crop is None


def test_a_folder_called_sample_is_reached_by_its_path(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    root.joinpath("sample").symlink_to(root)
    assert load("./sample", test_sets=["alpha"], patch=32).test[0].name == "alpha"


def test_test_sets_by_name(root: Path) -> None:
    assert [s.name for s in load(str(root), test_sets=["beta", "alpha", "beta"], patch=32).test] == ["beta", "alpha"]
    message = refusal(root, test_sets=["alhpa"])
    assert "(nearest: alpha)" in message
    assert "one of alpha, beta" in message
    assert "no test set 'train'" in refusal(root, test_sets=["train"])


def test_only_images_that_are_used_are_read(root: Path) -> None:
    (root / "beta" / "broken.png").write_text("no")
    (root / "alpha" / "z.png").write_text("no")
    load(str(root), test_sets=["alpha"], test_images=3, patch=32)


# --- validation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("crop", [None, 32])
@pytest.mark.parametrize("wanted", [1, 4, 10, 20])
def test_validation_is_chosen_by_name_and_never_trained_on(root: Path, wanted: int, crop: int | None) -> None:
    data = load(str(root), validation_images=wanted, training_crop=crop, test_images=1, patch=32)
    expected = sorted(numbered(40), key=lambda name: hashlib.sha256(name.encode()).hexdigest())[:wanted]
    assert names(data.validation) == sorted(expected)
    trained = next(s for s in data.training if s.name == "bsds432")
    assert not set(names(trained)) & set(expected)
    assert len(trained.images) == 40 - wanted


def test_few_images_give_up_a_quarter_at_most(root: Path) -> None:
    data = load(str(root), patch=32)  # 24 of 40 would be over half
    assert len(data.validation.images) == 10
    fill(root / "only" / "train" / "set", ["p", "q"])
    fill(root / "only" / "test", ["t"])
    data = load(str(root / "only"), patch=32)
    assert (len(data.validation.images), len(data.training[0].images)) == (1, 1)


def test_no_setting_trains_on_the_validation_images_of_another(tmp_path: Path) -> None:
    fill(tmp_path / "test", ["t"])
    fill(tmp_path / "train" / "set", numbered(50))
    few = load(str(tmp_path), validation_images=2, patch=32)
    all_of_them = load(str(tmp_path), patch=32)
    assert len(all_of_them.validation.images) == 24
    assert (len(few.validation.images), few.validation.of) == (2, 24)
    assert set(names(few.validation)) < set(names(all_of_them.validation))
    assert names(few.training[0]) == names(all_of_them.training[0])


def test_the_first_training_set_by_name_where_there_is_no_bsds432(root: Path) -> None:
    (root / "train" / "bsds432").rename(root / "train" / "pictures")
    assert load(str(root), patch=32).validation.name == "another"


# --- kodak24-500 ----------------------------------------------------------------------------------------------------


def test_kodak_crops_are_the_centres(tmp_path: Path) -> None:
    fill(tmp_path / "kodak24", ["kodim01"], 512, 768)
    fill(tmp_path / "kodak24", ["kodim04"], 768, 512)
    fill(tmp_path / "train" / "set", numbered(4))
    data = load(str(tmp_path), patch=32)
    whole, crops = data.test
    assert (whole.name, crops.name) == ("kodak24", "kodak24-500")
    landscape, portrait = (i.pixels for i in whole.images)
    for image, five_hundred in zip(crops.images, (landscape[6:506, 134:634], portrait[134:634, 6:506]), strict=True):
        assert image.dataset == "kodak24-500"
        np.testing.assert_array_equal(image.pixels, five_hundred[10:490, 10:490])
    assert data.separation.startswith("2 test x 4 training")  # the same files, compared once
    assert ("kodak24-500", "test", 2, "2 at 480x480") in describe(str(tmp_path))
    cropped = load(str(tmp_path), test_sets=["kodak24-500"], test_images=1, test_crop=128, patch=32).test[0]
    np.testing.assert_array_equal(cropped.images[0].pixels, landscape[192:320, 320:448])


def test_kodak_crops_need_large_images(tmp_path: Path) -> None:
    fill(tmp_path / "kodak24", ["kodim01"], 256, 384)
    fill(tmp_path / "train" / "set", numbered(4))
    assert "384x256 pixels, too small for the 480x480 centres of kodak24-500" in refusal(tmp_path)
    load(str(tmp_path), test_sets=["kodak24"], patch=32)


# --- what is refused ------------------------------------------------------------------------------------------------


def test_layouts_that_are_refused(tmp_path: Path) -> None:
    layout = "expected DIR/<test set>/ and DIR/train/<training set>/"
    for prepare in (
        lambda: None,  # no such folder
        lambda: (tmp_path / "d").mkdir(),
        lambda: fill(tmp_path / "d", ["loose"]),
        lambda: fill(tmp_path / "d" / "test", ["t"]),
        lambda: (tmp_path / "d" / "train").mkdir(),
        lambda: fill(tmp_path / "d" / "train", ["loose"]),
    ):
        prepare()
        assert layout in refusal(tmp_path / "d")
    fill(tmp_path / "d" / "train" / "set", ["one"])
    assert "at least 2" in refusal(tmp_path / "d")
    (tmp_path / "file").write_text("")
    assert layout in refusal(tmp_path / "file")


def test_images_too_small(root: Path) -> None:
    assert "too small for a patch; expected at least 44x44" in refusal(root, patch=44)
    Pillow.fromarray(picture("tiny", 15, 99)).save(root / "alpha" / "a2.png")
    message = refusal(root)
    assert "a2.png: 99x15 pixels, too small for a test image; expected at least 16x16" in message
    Pillow.fromarray(picture("small", 16, 16)).save(root / "alpha" / "a2.png")
    load(str(root), patch=32)  # a network pads test images


def test_the_first_problem_and_the_number_of_others(root: Path) -> None:
    (root / "alpha" / "a1.png").write_text("no")
    message = refusal(root)
    assert "a1.png: not a readable image" in message
    assert "more" not in message
    (root / "train" / "another" / "x3.png").write_text("no")
    assert refusal(root).endswith("(and 1 more such problem)")
    Pillow.fromarray(picture("small", 31, 99)).save(root / "train" / "bsds432" / "000.png")
    assert refusal(root).endswith("(and 2 more such problems)")


def test_two_files_of_one_name(root: Path) -> None:
    (root / "train" / "bsds432" / "000.jpg").write_bytes(b"x")
    assert "000.jpg and 000.png have the same name" in refusal(root)


@pytest.mark.parametrize(
    ("option", "value"),
    [("test_images", -1), ("test_crop", 15), ("validation_crop", 8), ("training_crop", 31), ("validation_images", -2)],
)
def test_values_that_cannot_be(root: Path, option: str, value: int) -> None:
    assert f"{option} is {value}" in refusal(root, **{option: value})


@pytest.mark.parametrize("where", ["train/another/copy.png", "train/bsds432/copy.jpg"])
def test_a_test_image_in_the_training_set(root: Path, where: str) -> None:
    image = Pillow.fromarray(picture("alpha/a2", 48, 64)).transpose(Pillow.Transpose.ROTATE_90)
    image.save(root / where)
    message = refusal(root, training_crop=32, test_crop=16)  # whole images are compared
    assert f"alpha/a2 = {where.rsplit('.', 1)[0]} " in message
    load(str(root), test_sets=["beta"], patch=32)


# --- listing --------------------------------------------------------------------------------------------------------


def test_describe(root: Path) -> None:
    assert describe(str(root)) == [
        ("alpha", "test", 3, "3 at 64x48"),
        ("beta", "test", 1, "1 at 36x40"),
        ("another", "training", 5, "5 at 40x40"),
        ("bsds432", "training", 30, "30 at 64x48"),
        ("bsds432", "validation", 10, "10 at 64x48"),
    ]
    assert [row[1:3] for row in describe("sample")] == [("test", 2), ("training", 3), ("validation", 1)]
    for side in (20, 21, 22, 23):
        fill(root / "mixed", [str(side)], side, side)
    assert ("mixed", "test", 4, "20x20 to 23x23") in describe(str(root))


@pytest.mark.skipif("DENOISEBENCH_DATA" not in os.environ, reason="DENOISEBENCH_DATA names no folder of data sets")
def test_the_published_data_sets() -> None:
    data = load(os.environ["DENOISEBENCH_DATA"], patch=128)
    found = {(s.name, s.role): len(s.images) for s in everything(data)}
    assert found == {
        ("cbsd68", "test"): 68,
        ("cset9", "test"): 9,
        ("kodak24", "test"): 24,
        ("kodak24-500", "test"): 24,
        ("bsds432", "training"): 408,
        ("div2k", "training"): 100,
        ("bsds432", "validation"): 24,
    }
    assert "the closest being 12 bits apart" in data.separation
