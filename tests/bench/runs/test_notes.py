"""What is said of odd images, and of which part of a set was scored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

import methods
from bench.data.sets import load
from bench.plan.settings import Settings
from bench.runs.notes import cautions, notes
from bench.runs.record import method_record, set_record
from tests.helpers.data_sets import fill, picture

Make = Callable[..., Settings]


def save(folder: Path, **images: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, pixels in images.items():
        Pillow.fromarray(pixels).save(folder / f"{name}.png")


def blank(level: int, size: int = 48) -> np.ndarray:
    return np.full((size, size, 3), level, np.uint8)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    fill(tmp_path / "mine", ["a", "b"])
    fill(tmp_path / "train" / "set", ["p", "q", "r", "s", "t"])
    return tmp_path


def told(root: Path, **options: int) -> list[str]:
    return cautions(load(str(root), validation_images=1, patch=32, **options))


def test_ordinary_images_are_not_mentioned(root: Path) -> None:
    assert told(root) == []


def test_blank_test_images_are_named(root: Path) -> None:
    save(root / "mine", z_black=blank(0))
    assert told(root) == [
        "1 of 3 test images is blank (constant, or nearly): mine/z_black. They tell little of a method; an exact result counts "
        "as 60 dB."
    ]
    save(root / "mine", white=blank(255), grey=blank(77), red=blank(0) + np.array([200, 0, 0], np.uint8))
    (sentence,) = told(root)
    assert sentence.startswith(
        "4 of 6 test images are blank (constant, or nearly): mine/grey, mine/red, mine/white and 1 more."
    )


def test_what_is_scored_decides_whether_an_image_is_blank(root: Path) -> None:
    framed = picture("framed", 96, 96)
    framed[16:80, 16:80] = 0
    save(root / "mine", framed=framed)
    assert told(root) == []
    (sentence,) = told(root, test_crop=48)
    assert "1 of 3 test images is blank (constant, or nearly): mine/framed." in sentence


def test_nothing_to_learn_from(root: Path) -> None:
    for number, path in enumerate(sorted((root / "train" / "set").iterdir())):
        Pillow.fromarray(blank(0, 48 + number)).save(path)
    (sentence,) = told(root)
    assert sentence.startswith("All 4 training images are blank (constant, or nearly): ")
    assert sentence.endswith("There is nothing to learn from these images.")
    save(root / "train" / "set", u=picture("u", 48, 48), v=picture("v", 48, 48), w=picture("w", 48, 48))
    (sentence,) = told(root)
    assert "training images are blank" in sentence and sentence.endswith("There is nothing to learn from them.")


def test_grey_images_are_counted_and_what_that_does_is_said(root: Path) -> None:
    grey = np.repeat(picture("grey", 48, 48)[..., :1], 3, axis=2)
    save(root / "mine", grey=grey, one_channel=picture("l", 48, 48)[..., 0], z_black=blank(0))
    _, sentence = told(root)
    assert sentence == (
        "2 of 5 test images are grey (all three channels equal, or nearly): three independent draws of the noise are made of "
        "one channel, so the mean of the channels has less noise than the model says. "
        "--colour grey gives all images one channel."
    )
    for name in "pqrstuvw":
        save(root / "train" / "set", **{name: picture(name, 48, 48)[..., 0]})
    assert told(root)[1].startswith("2 of 5 test images and 7 of 7 training images are grey ")


def test_images_that_the_paper_s_protocol_cannot_score_are_named(root: Path) -> None:
    save(root / "mine", wide=picture("wide", 31, 90))
    assert told(root, test_crop=32) == [
        "1 of 3 test images has a side under 32 pixels: mine/wide. The paper's protocol has no score for that, and ranks no "
        "mean that lacks one."
    ]
    assert "3 of 3 test images have a side under 32 pixels: mine/a, mine/b, mine/wide." in told(root, test_crop=31)[0]


def test_near_duplicates_are_named_and_recorded(root: Path) -> None:
    shot = picture("mine/a", 48, 64)  # `a` once more, as a copy, turned and brighter
    save(root / "mine", a2=shot, a3=shot[::-1], a4=np.clip(shot.astype(int) + 9, 0, 255).astype(np.uint8))
    fill(root / "other", ["c"])
    save(root / "other", d=picture("mine/b", 48, 64))
    data = load(str(root), validation_images=1, patch=32)
    assert data.repeated == (
        (("mine", "a"), ("mine", "a2"), ("mine", "a3"), ("mine", "a4")),
        (("mine", "b"), ("other", "d")),
    )
    assert cautions(data) == [
        "6 of 7 test images are near duplicates: mine/a = mine/a2 = mine/a3 and 1 more; mine/b = other/d. Those of one picture "
        "count once in tests and intervals, each in the means of the tables."
    ]


def test_kodak_s_photographs_in_its_sets_are_no_news(root: Path) -> None:
    fill(root / "kodak24", ["kodim01", "kodim02", "kodim05"], 480, 500)
    save(root / "cset9", kodim01=picture("kodak24/kodim01", 480, 500), lena=picture("lena", 48, 48))
    data = load(str(root), test_sets=("kodak24", "kodak24-500", "cset9"), validation_images=1, patch=32)
    assert data.repeated == ((("kodak24", "kodim01"), ("kodak24-500", "kodim01"), ("cset9", "kodim01")),)
    assert cautions(data) == []


@pytest.mark.parametrize(
    ("crop", "cut", "said"),
    [
        (None, 0, ""),
        (64, 0, ""),
        (63, 2, "Scores on mine are of the centre 63x63: not comparable"),
        (40, 3, "Scores on mine are of the centre 40x40: not comparable"),
    ],
)
def test_a_crop_is_said_where_it_cut_something(root: Path, make_settings: Make, crop: int | None, cut: int, said: str) -> None:
    save(root / "mine", small=picture("small", 48, 41))
    data = load(str(root), test_crop=crop, validation_images=1, patch=32)
    assert data.test[0].cut == set_record(data.test[0])["cut"] == cut
    words = " ".join(notes(make_settings(), data))
    if cut == 2:
        said = "Scores on mine are of their centre 63x63 where they are larger (2 of 3): not comparable"
    assert (said in words) if said else ("Scores on mine" not in words)


def test_the_centres_of_kodak_are_whole_images_of_their_set(root: Path, make_settings: Make) -> None:
    fill(root / "kodak24", ["kodim01", "kodim02"], 490, 510)
    data = load(str(root), test_sets=("kodak24", "kodak24-500"), test_crop=480, validation_images=1, patch=32)
    assert [chosen.cut for chosen in data.test] == [2, 0]
    assert "Scores on kodak24-500" not in " ".join(notes(make_settings(), data))


def test_hostile_names_stay_in_their_line(root: Path) -> None:
    save(root / "mine", **{"new\nline \x1b[31m": blank(0)})
    (sentence,) = told(root)
    assert sentence.isprintable()


@pytest.mark.parametrize("method", methods.catalogue().values(), ids=lambda method: method.slug)
def test_who_is_supervised_is_told_to_know_clean_images(method: methods.Method) -> None:
    """Whether it names them or not."""
    told = method_record(method)["knows"]
    assert ("clean images" in told) == method.supervised and len(set(told)) == len(told)
