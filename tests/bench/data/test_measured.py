"""Sets of measured noise: how they lie, how they are split, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from bench.data.halves import ALL, group_of, halved
from bench.data.left_out import left_out_of_set
from bench.data.measured import MeasuredSet, find_measured, load_measured, load_noisy, thinned
from bench.data.sets import describe, load, unused
from bench.errors import UsageError
from bench.plan.measured import measured
from bench.plan.settings import Settings, get_preset
from bench.runs.inputs import load_data
from bench.runs.notes import cautions
from tests.helpers.data_sets import fill, numbered, picture
from tests.helpers.harness import here


def _load(root: Path, name: str = "mine", **options: object) -> MeasuredSet:
    return load_measured(str(root), (name,), **options)[0]  # type: ignore[arg-type]


def test_a_set_is_a_folder_with_noisy_images_and_others_are_not(tmp_path: Path) -> None:
    fill(tmp_path / "mine" / "noisy", numbered(2))
    fill(tmp_path / "usual", numbered(2))
    fill(tmp_path / "nested" / "deep", numbered(1))
    fill(tmp_path / "train" / "noisy", numbered(2))
    assert list(find_measured(str(tmp_path))) == ["mine"]
    rows = describe(str(tmp_path))
    assert [row[:2] for row in rows] == [
        ("usual", "test"),
        ("noisy", "training"),
        ("noisy", "validation"),
        ("mine", "measured"),
    ]
    assert unused(str(tmp_path)) == ["Left out of the images: 1 image in nested/deep/."]
    assert find_measured("sample") == {} == find_measured(str(tmp_path / "gone"))


@pytest.mark.parametrize("noisy", ["noisy", "Noisy", "noise", None])
def test_a_folder_that_is_no_set_is_told_what_it_lacks(noisy: str | None, tmp_path: Path) -> None:
    fill(tmp_path / "good" / "noisy", numbered(2))
    fill(tmp_path / "mine" / "clean", numbered(2))
    if noisy == "noisy":
        (tmp_path / "mine" / noisy).mkdir()
    elif noisy:
        fill(tmp_path / "mine" / noisy, numbered(2))
    words = f"--noise 'mine': {tmp_path / 'mine'} is no set of measured noise: expected images in noisy/ there"
    status, out, error = here("matrix", "--noise", "good,mine", "--data", tmp_path)
    assert (status, out, error) == (2, "", f"denoisebench: {words}\n")
    assert "unknown noise model 'poison'" in here("matrix", "--noise", "good,poison", "--data", tmp_path)[2]


def test_a_set_that_is_named_in_place_of_its_folder_is_told_what_to_write(tmp_path: Path) -> None:
    for kind in ("noisy", "clean", "nearby"):
        fill(tmp_path / "mine" / kind, numbered(1))
    with pytest.raises(UsageError) as caught:
        find_measured(str(tmp_path / "mine"))
    told = "is a set of measured noise itself, with clean/ and noisy/; expected the folder that it lies in: "
    assert str(caught.value) == f"{tmp_path / 'mine'}: {told}--data {tmp_path} --noise mine"
    assert describe(str(tmp_path)) == [("mine", "measured", 1, "1 at 64x48, with clean")]
    fill(tmp_path / "mine" / "train" / "some", ["a", "b"], height=64)
    remarks = load(str(tmp_path / "mine"), validation_images=0, patch=16).remarks
    assert [told for told in remarks if told.startswith("clean/ and noisy/ are 2 test sets here")]


@pytest.mark.parametrize("beside", [(), ("clean",), ("second",), ("clean", "second")])
def test_what_lies_beside_the_noisy_images_is_paired_by_name(tmp_path: Path, beside: tuple[str, ...]) -> None:
    for kind in ("noisy", *beside):
        fill(tmp_path / "mine" / kind, numbered(4 if kind == "noisy" else 5))
    found = _load(tmp_path)
    assert found.beside == beside and found.channels == 3 and len(found.shots) == 4
    for kind in beside:
        assert all(getattr(shot, kind).shape == shot.pixels.shape for shot in found.shots)


def test_values_of_more_than_8_bits_are_scaled_and_neither_clipped_nor_rounded(tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "noisy"
    folder.mkdir(parents=True)
    values = np.random.default_rng(0).normal(0.5, 0.4, (20, 20)).astype(np.float32)
    np.save(folder / "a.npy", values)
    found = _load(tmp_path, white="1.0")
    np.testing.assert_allclose(found.shots[0].pixels[..., 0], values * 255, rtol=1e-6)
    assert found.channels == 1 and found.white == {"floats": 1.0} and found.end is None and not found.halves


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("d800_iso3200_2", "d800_iso3200"), ("BPAE_B", "BPAE"), ("fish", "fish"), ("12", "12"), ("cell07", "cell"),
        ("Canon5D2_5_160_3200_chair_11", "Canon5D2_5_160_3200_chair"), ("stack_1-p003", "stack_1"),
    ],
)  # fmt: skip
def test_images_are_of_the_group_that_their_name_says(name: str, group: str) -> None:
    assert group_of(name) == group


def test_halves_keep_groups_together_and_are_about_as_large() -> None:
    names = [f"{camera}_{i}" for camera, count in (("a", 5), ("b", 3), ("c", 2)) for i in range(count)]
    halves = halved(names)
    assert {(name[0], half) for name, half in zip(names, halves, strict=True)} == {("a", 1), ("b", 2), ("c", 2)}
    assert halved(["x_1", "x_2", "x_3"]) == [1, 1, 2]
    assert halved(["x"]) == [ALL]


def test_the_halves_of_a_set_are_learnt_from_apart(tmp_path: Path) -> None:
    fill(tmp_path / "mine" / "noisy", ["a_1", "a_2", "b_1"])
    found = _load(tmp_path)
    assert [[image.name for image in found.learnt_from(half).images] for half in (ALL, 1, 2)] == [
        ["a_1", "a_2", "b_1"],
        ["a_1", "a_2"],
        ["b_1"],
    ]


def test_limits_and_crops_are_those_of_all_kinds_of_images(tmp_path: Path) -> None:
    for kind in ("noisy", "clean"):
        fill(tmp_path / "mine" / kind, numbered(3))
    found = _load(tmp_path, test_images=2, test_crop=32)
    assert [shot.pixels.shape for shot in found.shots] == [(32, 32, 3)] * 2 and found.images.of == 3
    assert all(shot.clean is not None and shot.clean.shape == (32, 32, 3) for shot in found.shots)


def test_the_images_that_a_law_is_of_are_spread_over_the_set_and_read_alone(tmp_path: Path) -> None:
    fill(tmp_path / "mine" / "noisy", numbered(30))
    fill(tmp_path / "mine" / "clean", numbered(1))
    (tmp_path / "mine" / "noisy" / "001.png").write_bytes(b"damaged")
    found = load_noisy(str(tmp_path), "mine", 4, "auto", "auto")
    assert [shot.name for shot in found.shots] == ["000", "010", "019", "029"] and found.beside == () and found.images.of == 30


def test_copies_and_blank_images_are_named(tmp_path: Path) -> None:
    folder = fill(tmp_path / "mine" / "noisy", ["a_1", "b_1", "c_1", "d_1"])
    for copy in ("b_2", "e_2"):
        Pillow.fromarray(picture("noisy/b_1", 48, 64)[:, ::-1]).save(folder / f"{copy}.png")
    Pillow.fromarray(np.full((48, 64, 3), 9, np.uint8)).save(folder / "c_1.png")
    (alone,) = load_measured(str(tmp_path), ("mine",))
    assert alone.repeated == (("b_1", "b_2", "e_2"),)
    settings = Settings(
        "quick", get_preset("quick", ["test_images=0"]), "best", "compute", str(tmp_path), 1, "cpu", 1, (), (measured("mine"),)
    )
    data = load_data(settings)
    assert data.repeated == ((("mine", "b_1"), ("mine", "b_2"), ("mine", "e_2")),)
    told = cautions(data)
    assert told[0].startswith("3 of 6 test images are near duplicates: mine/b_1 = mine/b_2 = mine/e_2.")
    assert told[1].startswith("b_1 = b_2 = e_2 of mine are one picture in both halves: what learns from halves is tested")
    assert told[2:] == ["1 of 6 noisy images is blank (constant, or nearly): mine/c_1."]


def test_what_cannot_be_used_is_refused_in_one_line(tmp_path: Path) -> None:
    fill(tmp_path / "lacks" / "noisy", numbered(2))
    fill(tmp_path / "lacks" / "clean", numbered(1))
    fill(tmp_path / "other" / "noisy", numbered(1))
    fill(tmp_path / "other" / "clean", numbered(1), height=40)
    for name, told in (
        ("lacks", "no image 001"), ("other", "64x40 pixels; expected 64x48"),
        ("gone", "no set of measured noise 'gone'"),
    ):  # fmt: skip
        with pytest.raises(UsageError) as caught:
            _load(tmp_path, name)
        assert told in str(caught.value) and len(str(caught.value).splitlines()) == 1
    with pytest.raises(UsageError, match="too small for a patch"):
        _load(tmp_path, "other", patch=64)


def test_thinned_counts_are_of_the_shorter_exposure() -> None:
    counts = np.random.default_rng(0).poisson(9, 100_000)
    found = thinned(counts, 1 / 3, seed=1)
    assert found.mean() == pytest.approx(3, abs=0.03) and found.var() == pytest.approx(3, abs=0.06)
    assert abs(float(np.corrcoef(found, counts - found)[0, 1])) < 0.02
    for share, values in ((0.0, counts), (1.5, counts), (0.5, counts - 99)):
        with pytest.raises(ValueError, match="expected"):
            thinned(values, share, seed=1)


def test_what_lies_in_a_set_and_is_not_read_is_said(tmp_path: Path) -> None:
    for kind in ("noisy", "nearby"):
        fill(tmp_path / "mine" / kind, numbered(1))
    assert left_out_of_set(tmp_path / "mine", ("noisy", "clean")) == ["Left out of mine: nearby/."]
    (tmp_path / "mine" / "clean").write_text("no folder")
    (tmp_path / "mine" / "noisy" / "a\nb.txt").touch()
    (told,) = left_out_of_set(tmp_path / "mine", ("noisy", "clean"))
    assert told == "Left out of mine: clean, nearby/, noisy/a b.txt."
    assert left_out_of_set(tmp_path / "mine", ("noisy", "nearby", "clean"))[0].startswith("Left out of mine: clean, noisy/a")
    fill(tmp_path / "more" / "noisy", numbered(2))
    fill(tmp_path / "more" / "clean", numbered(3))
    assert left_out_of_set(tmp_path / "more", ("noisy", "clean")) == ["Left out of more: clean/002.png."]


def test_what_cannot_lie_beside_a_noisy_image_is_refused(tmp_path: Path) -> None:
    noisy, clean = fill(tmp_path / "mine" / "noisy", numbered(3)), fill(tmp_path / "mine" / "clean", numbered(3))
    second = fill(tmp_path / "mine" / "second", numbered(3))
    before = {path: path.read_bytes() for path in (noisy / "001.png", clean / "001.png", second / "001.png")}

    def refused() -> str:
        with pytest.raises(UsageError) as caught:
            _load(tmp_path)
        for path, data in before.items():
            path.write_bytes(data)
        return str(caught.value)

    again = "001.png: the noisy image again, value by value; expected"
    for folder, words in ((second, "another shot, of independent noise"), (clean, "one without its noise")):
        (folder / "001.png").write_bytes(before[noisy / "001.png"])
        assert refused() == f"{folder}/{again} {words}"
    Pillow.open(noisy / "001.png").convert("L").save(noisy / "001.png")
    assert refused() == f"{clean}/001.png: an image in colour, and the noisy one is grey; expected both alike, or --colour grey"
    Pillow.open(clean / "001.png").convert("L").save(clean / "001.png")  # a grey scene in a colour camera
    empty = Pillow.fromarray(np.zeros((48, 64, 3), np.uint8))
    for folder in (noisy, clean, second):
        empty.save(folder / "002.png")
    assert len(_load(tmp_path).shots) == 3


def test_pairs_that_are_of_two_scenes_are_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for kind in ("noisy", "clean"):
        (tmp_path / "mine" / kind).mkdir(parents=True)
    scenes = {name: np.kron(rng.integers(20, 236, (4, 4, 1)), np.ones((16, 16, 3))) for name in ("a", "b", "c")}

    def store(kind: str, name: str, pixels: np.ndarray) -> None:
        Pillow.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / "mine" / kind / f"{name}.png")

    for name, scene in scenes.items():
        store("clean", name, scene)
        store("noisy", name, scene + rng.normal(0, 100, scene.shape))
    assert _load(tmp_path).remarks == ()
    store("clean", "b", scenes["a"])
    (told,) = _load(tmp_path).remarks
    assert told.startswith("1 of 3 noisy images of mine/clean are unlike what lies beside them, b most (their coarse structure")
    store("noisy", "b", np.full((64, 64, 3), scenes["a"].mean()) + rng.normal(0, 3, (64, 64, 3)))  # an empty field
    assert _load(tmp_path).remarks == ()


def test_a_run_says_the_white_level_of_a_set(tmp_path: Path) -> None:
    (tmp_path / "mine" / "noisy").mkdir(parents=True)
    for index in range(2):
        values = np.random.default_rng(index).integers(0, 3000, (32, 32)).astype(np.uint16)
        Pillow.fromarray(values).save(tmp_path / "mine" / "noisy" / f"{index}.png")
    (told,) = _load(tmp_path).remarks
    assert told.startswith("White level of integers beyond 8 bits: 4095 (the smallest of 255") and "mine/noisy/" in told
    assert _load(tmp_path, white="5000").remarks[0].startswith("White level of integers beyond 8 bits: 5000 (as asked for")
