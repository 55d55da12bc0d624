"""What lies in a folder of data sets and is not used is said, on the console and in run.json."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from PIL import Image as Pillow

from bench.data.left_out import misplaced
from bench.data.sets import load
from tests.helpers.data_sets import fill, names, numbered, picture, refusal
from tests.helpers.harness import here, tiny


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A test set and a training set, all of it used."""
    root = tmp_path / "data"
    fill(root / "mine", ["a", "b"], 64, 64)
    fill(root / "train" / "own", numbered(6), 64, 64)
    return root


def remarks(root: Path, **options: object) -> list[str]:
    return list(load(str(root), patch=16, **options).remarks)  # type: ignore[arg-type]


def test_nothing_is_said_where_all_is_used(root: Path) -> None:
    (root / "README.md").write_text("of the sets")
    (root / "mine" / ".hidden.mat").write_bytes(b"")
    (root / "empty").mkdir()
    assert remarks(root) == []
    assert load("sample", patch=48).remarks == ()


def test_files_that_are_no_images_are_counted_by_ending(root: Path) -> None:
    for name in ("c.mat", "d.MAT", "e.txt", "LICENSE"):
        (root / "mine" / name).write_bytes(b"x")
    (root / "train" / "own" / "x.raw").write_bytes(b"x")
    (said,) = remarks(root)
    assert said == (
        "Left out of the images: 4 files of mine/ (by ending: .mat 2, .txt 1, without ending 1); "
        "1 file of train/own/ (by ending: .raw)."
    )


def test_hidden_images_are_counted(root: Path) -> None:
    fill(root / "mine", ["._a", ".b"])
    (root / "mine" / ".DS_Store").write_bytes(b"x")
    fill(root / "train" / "own", ["._c"])
    (said,) = remarks(root)
    assert said == "Left out of the images: 2 hidden files of mine/ (._a.png, ..); 1 hidden file of train/own/ (._c.png)."


def test_images_that_lie_elsewhere_are_said(root: Path) -> None:
    fill(root / "more" / "deep", ["x", "y"])
    fill(root / "more" / "deeper" / "still", ["x"])
    fill(root / "mine" / "raw", ["x"])
    Pillow.fromarray(picture("z", 20, 20)).save(root / "z.png")
    Pillow.fromarray(picture("t", 20, 20)).save(root / "train" / "t.png")
    (said,) = remarks(root)
    assert said == (
        "Left out of the images: 1 image in DIR itself; 1 image in train/; 1 image in mine/raw/; 2 images in more/deep/; "
        "and in 1 more place."
    )
    assert misplaced(root)[-1] == root / "more" / "deeper" / "still"


def test_a_folder_whose_images_cannot_be_read_is_said(root: Path) -> None:
    for name in ("phone/a.HEIC", "phone/b.heic", "train/raw/c.mat", "downloads/set.zip", "train/.hidden/x.mat"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    (said,) = remarks(root)
    assert said == "Left out of the images: 2 files of phone/ (by ending: .heic); 1 file of train/raw/ (by ending: .mat)."
    status, out, _ = here("list", "data", "--data", root)
    assert status == 0 and out.splitlines()[-1] == said


def test_images_are_found_however_deep_and_links_end(root: Path, tmp_path: Path) -> None:
    fill(root / "a" / "b" / "c" / "d" / "e", ["x"])
    (root / "a" / "b" / "up").symlink_to(root / "a")
    fill(tmp_path / "elsewhere" / "in", ["y"])
    (root / "mine" / "far").symlink_to(tmp_path / "elsewhere")
    (said,) = remarks(root)
    assert said == "Left out of the images: 1 image in mine/far/in/; 1 image in a/b/c/d/e/."


def test_a_set_that_was_not_asked_for_is_no_news(root: Path) -> None:
    fill(root / "other", ["x"], 64, 64)
    (root / "other" / "x.mat").write_bytes(b"x")
    assert remarks(root, test_sets=["mine"]) == []


def test_every_image_that_can_be_read_is_used(root: Path) -> None:
    """The folder that began this: of five files one was used, and nothing was said."""
    for index, ending in enumerate(("pgm", "jp2", "gif", "tga")):
        grey = Pillow.fromarray(picture(f"g{index}", 64, 64)[..., 0])
        grey.save(root / "mine" / f"other{index}.{ending}")
    (root / "mine" / "array.mat").write_bytes(b"x")
    data = load(str(root), patch=16)
    assert names(data.test[0]) == ["a", "b", "other0", "other1", "other2", "other3"]
    assert data.remarks == ("Left out of the images: 1 file of mine/ (by ending: .mat).",)


def test_a_folder_of_pgm_is_a_test_set_and_one_of_sets_is_told(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pgm" / "only"
    folder.mkdir(parents=True)
    Pillow.fromarray(picture("g", 64, 64)[..., 0]).save(folder / "a.pgm")
    fill(tmp_path / "pgm" / "train" / "own", numbered(6), 64, 64)
    assert names(load(str(tmp_path / "pgm"), patch=16).test[0]) == ["a"]
    assert "holds no test set (2 images in" in refusal(tmp_path)  # one level above the sets
    assert "holds no test set (2 images in" in refusal(root / "mine")


def test_an_image_with_a_tag_on_its_orientation_is_said_once(root: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    for name in ("t.tif", "u.jpg"):
        Pillow.fromarray(picture(name, 48, 64)).save(root / "mine" / name, exif=exif)
    data = load(str(root), patch=16)
    assert data.remarks == ("2 images have a tag to be turned or mirrored when shown (mine/t): read as stored, not turned.",)
    assert next(image for image in data.test[0].images if image.name == "t").pixels.shape == (48, 64, 3)


def test_names_of_sets_have_one_unicode_form(root: Path) -> None:
    composed, apart = (unicodedata.normalize(form, "größe") for form in ("NFC", "NFD"))
    fill(root / apart, ["x"], 64, 64)
    assert [s.name for s in load(str(root), patch=16, test_sets=[apart]).test] == [composed]
    assert [s.name for s in load(str(root), patch=16, test_sets=[composed]).test] == [composed]
    fill(root / composed, ["x"], 64, 64)
    assert "in another Unicode form" in refusal(root)


@pytest.mark.slow(4)
def test_a_run_says_it_before_work_and_in_run_json(root: Path, tmp_path: Path) -> None:
    (root / "mine" / "c.mat").write_bytes(b"x")
    fill(root / "kodak24", ["k"], 64, 64)
    arguments = ("run", "--methods", "noisy", "--noise", "1", *tiny(), "--data", root)
    said = "Left out of the images: 1 file of mine/ (by ending: .mat)."
    for extra in (("--dry-run",), ("--workers", "1", "--out", tmp_path / "run")):
        status, out, _ = here(*arguments, "--set", "test_sets=mine,kodak24", *extra)
        assert status == 0 and out.startswith(said), out
        assert out.count(said) == 1
    assert said in json.loads((tmp_path / "run" / "run.json").read_text())["notes"]
    status, out, _ = here(*arguments, "--dry-run")  # the quick preset's own choice of sets
    assert out.startswith("Test sets that the preset quick leaves out: mine (--set test_sets=... names any)."), out
