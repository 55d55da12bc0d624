"""The convolution A: against scipy, its adjoint and inverse, its gain, and the kernels it refuses."""

import math

import pytest
import torch
from scipy import ndimage

import noise
from noise.convolution import PAPER_KERNEL

#: Neither symmetric nor square, so that a flipped, shifted or transposed kernel shows; its centre makes it invertible.
ASYMMETRIC = ((0.02, 0.3, 0.01, -0.05, 0.04), (0.1, 0.03, 2.0, 0.15, -0.2), (0.06, -0.07, 0.25, 0.08, 0.09))
KERNELS = pytest.mark.parametrize("kernel", [PAPER_KERNEL, ASYMMETRIC], ids=["paper", "asymmetric"])
#: Even, odd and mixed sizes, and some smaller than the kernel, around which it wraps more than once.
SIZES = [(8, 8), (7, 9), (6, 5), (1, 7), (5, 1), (2, 2), (1, 1), (33, 20)]
SIZED = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


def image(*shape, dtype=torch.float64, seed=0):
    return 255 * torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@KERNELS
@SIZED
def test_a_is_scipys_circular_convolution(kernel, size):
    x = image(*size)
    expected = ndimage.convolve(x.numpy(), torch.tensor(kernel, dtype=torch.float64).numpy(), mode="wrap")
    torch.testing.assert_close(noise.Convolution(kernel).apply(x), torch.from_numpy(expected), rtol=0, atol=1e-10)


@KERNELS
@pytest.mark.parametrize("shape", [(3, 9, 6), (2, 3, 9, 6)])
def test_every_channel_and_image_is_convolved_on_its_own(kernel, shape):
    x = image(*shape)
    y = noise.Convolution(kernel).apply(x)
    assert y.shape == x.shape
    for got, channel in zip(y.reshape(-1, 9, 6), x.reshape(-1, 9, 6), strict=True):
        expected = ndimage.convolve(channel.numpy(), torch.tensor(kernel, dtype=torch.float64).numpy(), mode="wrap")
        torch.testing.assert_close(got, torch.from_numpy(expected), rtol=0, atol=1e-10)


@KERNELS
@SIZED
def test_adjoint_has_the_inner_products_of_a_transpose(kernel, size):
    convolution, x, y = noise.Convolution(kernel), image(3, *size, seed=1) - 128, image(3, *size, seed=2) - 128
    left, right = (convolution.apply(x) * y).sum(), (x * convolution.adjoint(y)).sum()
    assert float(left) == pytest.approx(float(right), rel=1e-12)


def test_the_papers_a_is_symmetric_and_the_asymmetric_one_is_not():
    """Without the second half, the test of the adjoint could pass with adjoint = apply."""
    x = image(3, 9, 8)
    paper, other = noise.Convolution(), noise.Convolution(ASYMMETRIC)
    torch.testing.assert_close(paper.adjoint(x), paper.apply(x), rtol=0, atol=1e-10)
    assert float((other.adjoint(x) - other.apply(x)).abs().max()) > 1


@KERNELS
@SIZED
def test_inverses_undo_a_and_its_adjoint_on_either_side(kernel, size):
    a, x = noise.Convolution(kernel), image(3, *size)
    for round_trip in (a.inverse(a.apply(x)), a.apply(a.inverse(x))):
        torch.testing.assert_close(round_trip, x, rtol=0, atol=1e-9)
    for round_trip in (a.inverse_adjoint(a.adjoint(x)), a.adjoint(a.inverse_adjoint(x))):
        torch.testing.assert_close(round_trip, x, rtol=0, atol=1e-9)


@pytest.mark.parametrize("operation", ["apply", "adjoint", "inverse", "inverse_adjoint"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-3), (torch.float64, 1e-10)])
def test_dtype_is_kept_and_float32_is_as_accurate_as_it_can_be(operation, dtype, tolerance):
    function = getattr(noise.Convolution(), operation)
    x = image(2, 3, 17, 12)
    y = function(x.to(dtype))
    assert y.dtype == dtype
    assert y.shape == x.shape
    torch.testing.assert_close(y.double(), function(x), rtol=0, atol=tolerance)


@SIZED
def test_frequency_response_of_the_papers_kernel_lies_in_its_stated_range(size):
    response = noise.Convolution().response(*size)
    assert response.dtype == torch.complex128
    assert response.shape == (size[0], size[1] // 2 + 1)
    assert float(response.imag.abs().max()) < 1e-15  # a symmetric kernel
    assert float(response.real.min()) > 0.2 - 1e-12
    assert float(response.real.max()) < 1 + 1e-12


def test_the_ends_of_that_range_are_reached():
    """A constant image passes unchanged; rows that alternate are damped most: 0.2, so A^-1 amplifies by up to 5."""
    response = noise.Convolution().response(8, 8).real
    assert float(response[0, 0]) == pytest.approx(1, abs=1e-15)
    assert float(response.min()) == pytest.approx(0.2, abs=1e-15)
    alternating = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(4)[:, None].expand(8, 8)
    torch.testing.assert_close(noise.Convolution().inverse(alternating), 5 * alternating, rtol=1e-12, atol=0)


def test_noise_gains_are_those_of_the_paper():
    """White noise of standard deviation 25 has 11.46 after A; A^-1 amplifies it by 3.50 (root mean square)."""
    a = noise.Convolution()
    assert 25 * a.noise_gain() == pytest.approx(11.46, abs=0.005)
    impulse = torch.zeros(64, 64, dtype=torch.float64)
    impulse[0, 0] = 1
    assert float(a.apply(impulse).norm()) == pytest.approx(a.noise_gain(), rel=1e-12)
    assert float(a.inverse(impulse).norm()) == pytest.approx(3.50, abs=0.005)


def test_noise_gain_holds_for_drawn_noise():
    white = torch.randn(200, 200, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    # Relative standard error of a standard deviation: sqrt(1 / 2n), a little more for correlated values.
    assert float(noise.Convolution().apply(white).std()) == pytest.approx(11.46 / 25, rel=5 * math.sqrt(1.5 / white.numel()))


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        ((), "0 rows"),
        (((),), "0 columns"),
        (((0.5, 0.5),), "2 columns"),
        (((0.5,), (0.5,)), "2 rows"),
        (((0.1, 0.2, 0.1), (0.2,), (0.1, 0.2, 0.1)), "one length"),
        (((0.1, math.nan, 0.1),), "finite"),
        (((0.1, math.inf, 0.1),), "finite"),
    ],
)
def test_bad_kernels_are_refused(kernel, message):
    with pytest.raises(ValueError, match=message):
        noise.Convolution(kernel)


def test_a_kernel_without_an_inverse_is_applied_but_not_inverted():
    """(1/4, 1/2, 1/4) stops the highest frequency, which an image of odd width does not have."""
    smoothing = noise.Convolution(((0.25, 0.5, 0.25),))
    assert smoothing.apply(image(4, 8)).isfinite().all()
    for operation in (smoothing.inverse, smoothing.inverse_adjoint):
        with pytest.raises(ValueError, match="no inverse"):
            operation(image(4, 8))
    torch.testing.assert_close(smoothing.inverse(smoothing.apply(image(4, 7))), image(4, 7), rtol=0, atol=1e-9)


def test_gradients_pass_after_use_in_inference_mode():
    """The frequency response is kept from the first use on, which may have been an evaluation."""
    a, size = noise.Convolution(((0.0, 0.9, 0.1),)), (5, 11)  # used nowhere else, so not kept yet
    with torch.inference_mode():
        a.apply(image(*size))
    x, y = image(*size).requires_grad_(), image(*size, seed=1)
    (a.apply(x) * y).sum().backward()
    torch.testing.assert_close(x.grad, a.adjoint(y))


def test_equal_kernels_are_equal_and_hashable():
    assert noise.Convolution() == noise.Convolution(PAPER_KERNEL) != noise.Convolution(ASYMMETRIC)
    assert len({noise.Convolution(), noise.Convolution(PAPER_KERNEL)}) == 1


@KERNELS
def test_wiener_is_the_posterior_mean_of_white_images(kernel):
    """Against V A^T (A V A^T + noise)^-1 with a dense A, for two channels of another variance; 0 for an image of none."""
    a = noise.Convolution(kernel)
    dense = a.apply(torch.eye(42, dtype=torch.float64).reshape(42, 7, 6)).reshape(42, 42).T
    y, signal = image(3, 7, 6), torch.tensor([9.0, 300.0, 0.0], dtype=torch.float64).reshape(3, 1, 1)
    got = a.wiener(y, signal, 25.0)
    for channel, variance, found in zip(y, signal, got, strict=True):
        inverse = torch.linalg.inv(float(variance) * dense @ dense.T + 25 * torch.eye(42, dtype=torch.float64))
        expected = float(variance) * dense.T @ inverse @ channel.flatten()
        torch.testing.assert_close(found.flatten(), expected, rtol=0, atol=1e-9)
