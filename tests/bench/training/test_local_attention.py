"""Attention over windows: each query against a softmax over its own window."""

import pytest
import torch

from bench.training.local_attention import local_attention


@pytest.mark.parametrize("size", [(7, 10), (4, 11), (3, 3), (1, 7)], ids=str)
@pytest.mark.parametrize("window", [4, 5, 1])
def test_each_query_sees_its_window(size, window, seeded):
    generator = seeded(0)
    q, k, v = torch.randn(3, 2, 2, 3, *size, generator=generator, dtype=torch.float64)
    result = local_attention(q, k, v, window)
    assert result.shape == v.shape
    for row in range(size[0]):
        for column in range(size[1]):
            rows, columns = seen(row, size[0], window), seen(column, size[1], window)
            keys, values = (x[..., rows, columns].flatten(-2) for x in (k, v))
            weights = torch.softmax(torch.einsum("nhd,nhdp->nhp", q[..., row, column], keys) / 3**0.5, -1)
            torch.testing.assert_close(result[..., row, column], torch.einsum("nhp,nhdp->nhd", weights, values))


def seen(place, length, window):
    """The keys that a query sees: a window whose middle is, but near the edges, the middle of the query's half of a window."""
    if length <= window:
        return slice(0, length)
    block = max(1, window // 2)
    first = place // block * block - -(-(window - block) // 2)
    first = min(max(first, 0), length - window)
    return slice(first, first + window)


def test_a_window_as_large_as_the_image_is_attention_over_all(seeded):
    q, k, v = torch.randn(3, 1, 2, 4, 6, 5, generator=seeded(0), dtype=torch.float64)
    flat = [x.flatten(-2).transpose(-1, -2) for x in (q, k, v)]
    expected = torch.nn.functional.scaled_dot_product_attention(*flat).transpose(-1, -2).reshape(v.shape)
    torch.testing.assert_close(local_attention(q, k, v, 6), expected)
