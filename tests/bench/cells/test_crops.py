"""Names of the files of crops: short and unique on every file system, and as before where that was so."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from bench.cells.crops import file_stems
from bench.data.sets import Image
from tests.helpers.stub_methods import do

PIXELS = np.zeros((16, 16, 3), np.uint8)


def stems(*keys: tuple[str, str]) -> list[str]:
    found = file_stems(Image(dataset, name, PIXELS) for dataset, name in keys)
    return [found[key] for key in keys]


def test_short_plain_names_stay_as_they_were() -> None:
    keys = [("kodak24", "kodim01"), ("cset9", "F16"), ("cbsd68", "101085"), ("mine", "a.b_c+d-e"), ("mine", "x" * 80)]
    assert stems(*keys) == [f"{dataset}--{name}" for dataset, name in keys]


HARD = [
    ("mine", "x" * 250), ("mine", "x" * 249 + "y"), ("mine", "ü" * 120), ("m" * 250, "x"), ("mine", "a"), ("mine", "A"),
    ("Mine", "a"), ("größe", "x"), ("grosse", "x"), ("a", "b--c"), ("a--b", "c"), ("mine", "ends with a dot."), ("mine", "😀"),
    ("mine", "😁"), ("mine", "a b"), ("mine", "a_b"), ("mine", "a\nb"), ("mine", "a:b*?<>|\\"), ("mine", "straße"),
    ("mine", "strasse"), ("mine", "Å"), ("mine", "\u212b"), ("mine", "ﬁ"), ("mine", "fi"), ("mine", ""),
]  # fmt: skip


def test_hard_names_become_short_plain_and_unique() -> None:
    found = stems(*HARD)
    folded = {unicodedata.normalize("NFKD", stem).casefold() for stem in found}
    assert len(folded) == len(HARD)
    for stem in found:
        assert stem.isascii() and stem.isprintable() and len(stem) <= 120
        assert not set(stem) & set('/\\:*?"<>| ') and not stem.endswith(".")


def test_a_name_does_not_depend_on_the_other_images_unless_they_collide() -> None:
    assert [stems(key)[0] for key in HARD if key[1] in ("x" * 250, "😀", "a b")] == [
        stem for key, stem in zip(HARD, stems(*HARD), strict=True) if key[1] in ("x" * 250, "😀", "a b")
    ]


@pytest.mark.slow(2)
def test_crops_of_hard_names_are_stored(make_run, make_settings, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    import dataclasses

    from bench.data.sets import ImageSet

    run = make_run(methods_=("noisy",), noise_=("gaussian",), preset=dataclasses.replace(make_settings().preset, crops=99))
    rng = np.random.default_rng(0)
    images = tuple(Image(d, n, rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)) for d, n in HARD)
    chosen = ImageSet("hard", "test", images, len(images), None, "hard")
    run = dataclasses.replace(run, data=dataclasses.replace(run.data, test=(chosen,)))
    (record,) = do(run).values()
    assert record["status"] == "done", record["message"]
    files = [crop[name] for crop in record["crops"] for name in ("file", "clean")]
    assert len({file.casefold() for file in files}) == len(files) == 2 * len(HARD)
    assert all((run.directory / file).is_file() for file in files)
    assert [(crop["dataset"], crop["image"]) for crop in record["crops"]] == HARD
