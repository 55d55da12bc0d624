"""TIFF files that were cut off: no page is lost without a word."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import tifffile

from bench.data.frames import list_sources, read
from bench.errors import UsageError
from tests.helpers.data_sets import fill
from tests.helpers.harness import here

STACK = np.random.default_rng(0).integers(0, 60000, (30, 24, 24), dtype=np.uint16)


def written(path: Path) -> bytes:
    """A stack of 30 pages, each behind its own header."""
    with tifffile.TiffWriter(path) as file:
        for page in STACK:
            file.write(page, photometric="minisblack", contiguous=False)
    return path.read_bytes()


def test_a_stack_is_its_pages(tmp_path: Path) -> None:
    written(tmp_path / "s.tif")
    pages = [read(source)[0][..., 0] for source in list_sources(tmp_path)]
    assert np.array_equal(pages, STACK)


@pytest.mark.parametrize("share", [0.5, 0.03, 0.97])
def test_a_stack_that_was_cut_off_is_refused(share: float, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = written(tmp_path / "s.tif")
    (tmp_path / "s.tif").write_bytes(data[: int(share * len(data))])
    with caplog.at_level(logging.WARNING), pytest.raises(UsageError) as caught:
        [read(source) for source in list_sources(tmp_path)]
    assert f"{tmp_path / 's.tif'}" in str(caught.value) and "damaged, truncated or not readable" in str(caught.value)
    assert "\n" not in str(caught.value) and caplog.text == ""  # nor does tifffile write lines of its own


@pytest.mark.parametrize("place", ["few", "set/noisy"])
def test_a_file_without_a_page_ends_each_command_in_a_line(place: str, tmp_path: Path) -> None:
    folder = tmp_path / place
    fill(tmp_path / "train" / "own", ["a", "b"], height=64, width=64)
    folder.mkdir(parents=True)
    (folder / "s.tif").write_bytes(b"II*\0" + bytes(range(100, 200)))
    words = ("run", "--data", tmp_path, "--methods", "noisy", "--noise", "1" if place == "few" else "set", "--dry-run")
    for command in (("estimate", folder / "s.tif"), (*words, "--out", tmp_path / "run")):
        status, _, error = here(*command)
        assert status == 2 and error.count("\n") == 1 and "s.tif" in error, error
