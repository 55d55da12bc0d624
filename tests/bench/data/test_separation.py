"""No test image, nor a near duplicate, in the training set: what is caught, and what is not."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from PIL import Image as Pillow
from scipy.ndimage import gaussian_filter

from bench.data.apart.separation import check, fingerprint, repeats
from bench.data.apart.twice import learnt_twice
from bench.data.sets import load
from bench.errors import UsageError


@cache
def pictures() -> tuple[np.ndarray, ...]:
    """The six embedded photographs, whole."""
    data = load("sample", patch=16)
    return tuple(image.pixels for s in (*data.test, *data.training, data.validation) for image in s.images)


def texture(seed: int, smooth: float = 0.0, side: int = 64) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(side, side, 3))
    noise = gaussian_filter(noise, (smooth, smooth, 0)) if smooth else noise
    return np.clip(128 + 40 * noise / noise.std(), 0, 255).astype(np.uint8)


def on_pillow(change: Callable[[Pillow.Image], Pillow.Image]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda pixels: np.asarray(change(Pillow.fromarray(pixels)).convert("RGB"))


def jpeg(image: Pillow.Image) -> Pillow.Image:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=30)
    return Pillow.open(out)


def noisy(pixels: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 25, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def cut(pixels: np.ndarray, part: float = 0.02) -> np.ndarray:
    rows, columns = (round(part * size) for size in pixels.shape[:2])
    return pixels[rows:-rows, columns:-columns]


COPIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "the same": lambda p: p,
    "JPEG 30": on_pillow(jpeg),
    "half size": on_pillow(lambda i: i.resize((i.width // 2, i.height // 2), Pillow.Resampling.BICUBIC)),
    "double size": on_pillow(lambda i: i.resize((i.width * 2, i.height * 2))),
    "2 % cut off": cut,
    "one corner cut": lambda p: p[p.shape[0] // 50 :, p.shape[1] // 50 :],
    "brighter": on_pillow(lambda i: i.point(lambda v: min(255, v + 25))),
    "darker": on_pillow(lambda i: i.point(lambda v: int(0.7 * v))),
    "negative": lambda p: 255 - p,
    "grey": on_pillow(lambda i: i.convert("L")),
    "noisy": noisy,
    "cut, turned, halved, JPEG": lambda p: on_pillow(
        lambda i: jpeg(i.transpose(Pillow.Transpose.ROTATE_90).resize((i.height // 2, i.width // 2)))
    )(cut(p)),
} | {f"turn {t.name}": on_pillow(lambda i, t=t: i.transpose(t)) for t in Pillow.Transpose}


@pytest.mark.parametrize("change", COPIES)
def test_copies_are_caught(change: str) -> None:
    prints = [fingerprint(f"train/{i}", p) for i, p in enumerate(pictures())]
    for i, pixels in enumerate(pictures()):
        with pytest.raises(UsageError, match=rf"\(1 pair\): copy = train/{i} ") as caught:
            check([fingerprint("copy", COPIES[change](pixels))], prints)
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("change", COPIES)
def test_copies_are_found_among_each_other(change: str) -> None:
    prints = [fingerprint(str(i), p) for i, p in enumerate(pictures())]
    assert repeats(prints) == []
    assert repeats([*prints, fingerprint("copy", COPIES[change](pictures()[2]))]) == [[2, 6]]


def test_copies_of_copies_are_one_group_and_groups_stay_apart() -> None:
    a, b, c, d = pictures()[:4]
    shots = [a, b, a, COPIES["darker"](b), c, COPIES["JPEG 30"](a), d]
    assert repeats(fingerprint(str(i), p) for i, p in enumerate(shots)) == [[0, 2, 5], [1, 3]]
    assert repeats([]) == []


def test_blank_images_are_the_same_where_their_pixels_are() -> None:
    black, white, longer = (
        np.full((*size, 3), level, np.uint8) for size, level in (((32, 40), 0), ((32, 40), 255), ((32, 41), 0))
    )
    shots = [black, white, pictures()[0], black, longer, black.transpose(1, 0, 2)]
    assert repeats(fingerprint(str(i), p) for i, p in enumerate(shots)) == [[0, 3, 5]]


def test_unrelated_photographs_pass_with_a_sentence() -> None:
    prints = [fingerprint(str(i), p) for i, p in enumerate(pictures())]
    sentence = check(prints[:3], prints[3:])
    assert sentence.startswith("3 test x 3 training images: none of the 9 pairs is a near duplicate")
    assert "the closest being" in sentence
    assert len(sentence.splitlines()) == 1


@pytest.mark.parametrize("smooth", [0.0, 2.0, 6.0])
def test_unrelated_textures_pass(smooth: float) -> None:
    prints = [fingerprint(str(seed), texture(seed, smooth)) for seed in range(120)]
    check(prints[:60], prints[60:])


def test_nearly_uniform_images_with_grain_pass() -> None:
    prints = []
    for seed in range(60):
        grain = np.random.default_rng(seed).normal(0, 2, (128, 128, 3))
        prints.append(fingerprint(str(seed), np.round(200 + grain).astype(np.uint8)))
    assert not any(p.exact for p in prints)
    check(prints[:30], prints[30:])


def test_flat_images_are_compared_by_their_pixels() -> None:
    grey = np.full((64, 48, 3), 128, np.uint8)
    dot = grey.copy()
    dot[3, 5] = 129
    white = np.full((64, 48, 3), 255, np.uint8)
    prints = [fingerprint(name, p) for name, p in (("grey", grey), ("dot", dot), ("white", white))]
    assert all(p.exact for p in prints)
    assert "none of the 2 pairs" in check(prints[:1], prints[1:])
    turned = fingerprint("turned", np.rot90(dot)[:, ::-1])
    with pytest.raises(UsageError, match=r"turned = dot \(same pixels\)"):
        check([turned], prints)


def test_a_message_names_the_first_few_and_counts_the_rest() -> None:
    prints = [fingerprint(f"t{i}", texture(i, 6.0)) for i in range(7)]
    with pytest.raises(UsageError, match=r"\(7 pairs\): t0 = t0 \(0 bits\); t1 = t1 .*; t2 = t2 .* and 4 more;"):
        check(prints, prints)


def test_training_images_that_are_learnt_from_again_are_told() -> None:
    one, other, third = pictures()[:3]
    prints = {
        name: fingerprint(f"train/{name}", pixels)
        for name, pixels in {"a": one, "b": one[:, ::-1], "c": other, "d": third, "e": third}.items()
    }
    assert learnt_twice({name: prints[name] for name in "acd"}, {"d"}) == []
    twice, seen = learnt_twice(prints, {"e"})
    assert twice.startswith("Near duplicates among the training images: 1 image (train/a and train/b)")
    assert seen.startswith("Near duplicates of training images among the validation images: 1 image (train/d and train/e)")
    assert learnt_twice(prints, {"d", "e"}) == [twice]


def test_no_images() -> None:
    assert check([], []).startswith("0 test x 0 training images: none of the 0 pairs")
