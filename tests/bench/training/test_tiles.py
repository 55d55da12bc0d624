"""Tiles of an image: which pixel comes from where."""

import pytest
import torch
from torch.nn import functional as F

from bench.training import tiles
from bench.training.tiles import in_tiles, pieces

SIZES = [(64, 96), (70, 33), (1, 65), (200, 5), (31, 32), (33, 32)]


@pytest.mark.parametrize("length", [1, 31, 32, 33, 52, 53, 54, 100, 768])
@pytest.mark.parametrize("side", [1, 2, 5, 32, 64])
def test_pieces_cover_a_side_once_and_lie_inside(length, side):
    found = pieces(length, side)
    assert [pixel for piece in found for pixel in range(piece.first, piece.last)] == list(range(length))
    assert all(piece.start <= piece.first and piece.last <= piece.start + side for piece in found)
    assert found[0].start == 0 and all(piece.start + min(side, length) <= length for piece in found)
    near = min(tiles.OVERLAP, side // 3) // 2  # pixels that are thrown away, at the least, but at the edges of the image
    assert all(piece.first - piece.start >= near or piece.first == 0 for piece in found)
    assert all(piece.start + side - piece.last >= near or piece.last == length for piece in found)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("at_once", [1, 4000, 10**7])
def test_what_is_local_is_as_of_the_whole(size, at_once, monkeypatch):
    monkeypatch.setattr(tiles, "AT_ONCE", at_once)
    y = torch.rand(2, 3, *size)
    shapes = set()

    def blurred(x):
        shapes.add(tuple(x.shape[-2:]))
        return F.avg_pool2d(F.pad(x, [3] * 4), 7, stride=1)[:, :2]

    torch.testing.assert_close(in_tiles(blurred, y, 32), blurred(y)[:, :2])
    assert (min(size[0], 32), min(size[1], 32)) in shapes


def test_a_pixel_is_seen_with_its_tile():
    """Against a loop over pixels: the mean of a tile, at each pixel that it is for."""
    y = torch.rand(1, 1, 50, 70)
    result = in_tiles(lambda x: x.mean((-2, -1), keepdim=True).expand(x.shape), y, 32)
    for row, column in ((0, 0), (10, 25), (25, 27), (49, 69), (30, 40)):
        top, left = start(row, 50), start(column, 70)
        torch.testing.assert_close(result[0, 0, row, column], y[0, 0, top : top + 32, left : left + 32].mean())


def start(place, length):
    """Of the tiles at 0, 22, 44, ... and the last, the one whose middle is nearest."""
    return min([*range(0, length - 32, 22), length - 32], key=lambda first: abs(first + 15.5 - place))


def test_a_part_that_begins_on_the_grid_is_cut_as_the_whole():
    y = torch.rand(1, 3, 150, 200)

    def seen(x):
        return x - x.mean((1, 2, 3), keepdim=True)

    whole, part = in_tiles(seen, y, 32), in_tiles(seen, y[..., 44:, 22:], 32)
    torch.testing.assert_close(part[..., 32:, 32:], whole[..., 76:, 54:])
