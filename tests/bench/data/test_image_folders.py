"""Folders of images: which files are listed, in what order, and which folders are refused; crops of an image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.data.formats import EXTENSIONS
from bench.data.images import (
    centre_crop,
    hashed_crop,
    image_name,
    list_images,
)
from bench.errors import UsageError
from tests.bench.data.test_images import photo, refusal


def test_list_is_sorted_and_leaves_out_the_rest(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpeg", "c.Webp", "a-1.ppm", ".hidden.png", "notes.txt", "d.gif", "e.mat"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    assert [p.name for p in list_images(tmp_path)] == ["a.jpeg", "a-1.ppm", "b.PNG", "c.Webp", "d.gif"]
    assert len(EXTENSIONS) == 24


def test_a_dangling_link_is_listed_and_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "gone.png")
    (path,) = list_images(tmp_path)
    assert "No such file" in refusal(path)


def listing_refusal(folder: Path) -> str:
    with pytest.raises(UsageError) as caught:
        list_images(folder)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_folders_that_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "holds no image" in listing_refusal(tmp_path)
    assert "No such file" in listing_refusal(tmp_path / "none")
    (tmp_path / "file").write_text("")
    assert "Not a directory" in listing_refusal(tmp_path / "file")

    def denied(self: Path) -> object:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", denied)
    assert "Permission denied" in listing_refusal(tmp_path)


def test_two_files_of_one_name(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "b.jpg"):
        (tmp_path / name).write_bytes(b"x")
    message = listing_refusal(tmp_path)
    assert "b.jpg and b.png" in message


def test_a_name_is_the_same_on_every_file_system(tmp_path: Path) -> None:
    assert image_name(tmp_path / "u\u0308ber.png") == image_name(tmp_path / "\u00fcber.jpg")
    with pytest.raises(UsageError, match="not valid UTF-8"):
        image_name(Path("a\udcff.png"))


def test_crops() -> None:
    pixels = photo(20, 31)
    np.testing.assert_array_equal(centre_crop(pixels, 10), pixels[5:15, 10:20])
    assert centre_crop(pixels, 25).shape == (20, 25, 3)
    assert hashed_crop(pixels, 99, "a").shape == (20, 31, 3)
    np.testing.assert_array_equal(hashed_crop(pixels, 8, "a"), hashed_crop(pixels, 8, "a"))
    assert len({hashed_crop(pixels, 8, name).tobytes() for name in "abcdefgh"}) > 4
