"""GroupNorm over windows: against sums over each window in float64, plain GroupNorm, and parts of the image."""

import itertools
import math

import pytest
import torch
from torch.nn import functional as F

from bench.training.local_statistics import axis, local_group_norm, moments

SIZES = [(24, 40), (23, 37), (1, 33), (50, 1), (8, 19), (5, 3)]


def features(size, generator, channels=6, images=2):
    """Features whose mean and scale drift over the image."""
    drift = torch.linspace(0.2, 2, size[1], dtype=torch.float64) + torch.linspace(0, 1, size[0], dtype=torch.float64)[:, None]
    return drift * (1 + torch.randn(images, channels, *size, generator=generator, dtype=torch.float64))


def windows(length, window):
    """First and last + 1 of each window on the grid, by the definition."""
    if length <= window:
        return [(0, length)]
    step = 2 * max(1, window // 4)
    first = [min(max((i + 0.5) * step - window / 2, 0), length - window) for i in range(math.ceil(length / step))]
    return [(start, start + window) for start in first]


def cuts(first, length, window):
    """Whether a window that begins there cuts through a cell: the last ones, that are shifted inward, may."""
    return length > window and first % (window // 4) != 0


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("window", [4, 8, 12])
def test_moments_are_those_of_the_windows(size, window, seeded):
    x = features(size, seeded(0))
    mean, variance = moments(x, 3, axis(size[0], window), axis(size[1], window))
    rows, columns = windows(size[0], window), windows(size[1], window)
    assert mean.shape == variance.shape == (2, 3, len(rows), len(columns))
    for (i, (top, bottom)), (j, (left, right)) in itertools.product(enumerate(rows), enumerate(columns)):
        if cuts(top, size[0], window) or cuts(left, size[1], window):
            continue
        part = x.unflatten(1, (3, 2))[..., int(top) : int(bottom), int(left) : int(right)].flatten(2)
        torch.testing.assert_close(mean[..., i, j], part.mean(-1), rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(variance[..., i, j], part.var(-1, correction=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("length", "window"), [*itertools.product((1, 7, 17, 101), (1, 2, 3, 6, 9, 16, 33))])
def test_windows_are_of_their_size_and_inside(length, window):
    """Also where cells do not fit: the shares are those of an interval that lies inside the image."""
    places = axis(length, window)
    assert places.step * len(places.shares) >= length > places.step * (len(places.shares) - 1)
    counts = torch.tensor([min(length, i + places.cell) - i for i in range(0, length, places.cell)])
    features = places.shares.to(torch.float64) * min(window, length)  # of each cell inside the window
    assert (features >= 0).all() and (features <= counts).all()
    torch.testing.assert_close(features.sum(1), torch.full((len(features),), min(window, length), dtype=torch.float64))
    for row, (first, last) in zip(features, windows(length, window), strict=True):
        edges = [(i, min(length, i + places.cell)) for i in range(0, length, places.cell)]
        assert row.tolist() == pytest.approx([max(0, min(last, b) - max(first, a)) for a, b in edges])


def plain(x, window=None, channels=6):
    weight, bias = torch.linspace(0.5, 2, channels), torch.linspace(-1, 1, channels)
    if window is None:
        return F.group_norm(x, 3, weight, bias, 1e-5)
    return local_group_norm(x, 3, weight, bias, 1e-5, window)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_window_of_the_whole_image_is_group_norm(size, seeded):
    x = features(size, seeded(0)).float()
    for window in (max(size), max(size) + 3, 100):
        torch.testing.assert_close(plain(x, window), plain(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("window", [4, 5, 8, 30])
def test_a_short_side_is_taken_whole(window, seeded):
    """A band no wider than the window, alike along its length, is normalised as any piece of it is."""
    piece = features((30, 4), seeded(0)).float()[..., :4, :]
    band = piece.repeat(1, 1, 1, 15)
    torch.testing.assert_close(plain(band, window=8), plain(piece).repeat(1, 1, 1, 15), rtol=1e-4, atol=1e-5)
    flat = torch.arange(6.0)[:, None, None].expand(1, 6, 21, 34)  # a constant image: the channels alone differ
    torch.testing.assert_close(plain(flat, window), plain(flat), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(24, 40), (22, 38), (10, 70)], ids=str)
def test_between_the_grids_windows_scale_and_shift_are_bilinear(size, seeded):
    x, window = features(size, seeded(0)), 8
    step = 4
    rows, columns = windows(size[0], window), windows(size[1], window)
    boxes = [[x.unflatten(1, (3, 2))[..., int(a) : int(b), int(c) : int(d)].flatten(2) for c, d in columns] for a, b in rows]
    mean = torch.stack([torch.stack([box.mean(-1) for box in row], -1) for row in boxes], -2)
    scale = torch.stack([torch.stack([(box.var(-1, correction=0) + 1e-5).rsqrt() for box in row], -1) for row in boxes], -2)

    def hats(length, count):
        place = ((torch.arange(length, dtype=torch.float64) + 0.5) / step - 0.5).clamp(0, count - 1)
        return (1 - (place[:, None] - torch.arange(count)).abs()).clamp(min=0)

    down, across = hats(size[0], len(rows)), hats(size[1], len(columns))
    scale, shift = (down @ values @ across.T for values in (scale, -mean * scale))
    weight, bias = (torch.linspace(a, b, 6).double()[:, None, None] for a, b in ((0.5, 2), (-1, 1)))
    expected = (x.unflatten(1, (3, 2)) * scale[:, :, None] + shift[:, :, None]).flatten(1, 2) * weight + bias
    torch.testing.assert_close(plain(x.float(), window), expected.float(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("window", [4, 8, 6, 10])
def test_a_part_is_normalised_as_the_whole_is(window, seeded):
    """A part that begins on the grid, but for a rim of a window."""
    x = features((70, 90), seeded(0)).float()
    step = 2 * max(1, window // 4)
    top, left = 2 * step, 3 * step
    part = plain(x[..., top : top + 48, left : left + 50], window)
    inside = slice(window + step, -window - step)
    whole = plain(x, window)[..., top : top + 48, left : left + 50]
    torch.testing.assert_close(part[..., inside, inside], whole[..., inside, inside], rtol=1e-5, atol=1e-5)
    assert not torch.allclose(part, whole, atol=1e-3)  # the rim


@pytest.mark.parametrize("at_once", [1, 300, 10**6])
def test_strips_and_layout_change_nothing(at_once, seeded, monkeypatch):
    x = features((37, 21), seeded(0), channels=6).float()
    expected = plain(x, 8)
    monkeypatch.setattr("bench.training.local_statistics._AT_ONCE", at_once)
    torch.testing.assert_close(plain(x, 8), expected, rtol=1e-5, atol=1e-5)
    last = plain(x.contiguous(memory_format=torch.channels_last), 8)
    assert last.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(last, expected, rtol=1e-5, atol=1e-5)


def test_sums_of_bfloat16_features_are_float32(seeded):
    x = (50 + features((64, 64), seeded(0))).to(torch.bfloat16)
    result, expected = plain(x, 16), plain(x.float(), 16)
    assert result.dtype == torch.bfloat16
    torch.testing.assert_close(result.float(), expected, rtol=2**-7, atol=1e-3)


@pytest.mark.parametrize("mean", [10.0, 100.0])
def test_a_large_mean_costs_few_digits(mean, seeded):
    """The bound that is stated: the variance is off by a few 1e-7 of the mean square."""
    x = (mean + torch.randn(1, 6, 96, 96, generator=seeded(0))).float()
    places = axis(96, 32)
    _, variance = moments(x, 3, places, places)
    _, centred = moments(x - mean, 3, places, places)
    assert (variance - centred).abs().max() < 5e-7 * mean**2 + 1e-6
