"""Noise models seen through A^-1: which have that view, and that it is the same noise."""

import pytest
import torch

import noise

#: Number of the model, and of the one that it is through A^-1 (No. 4 becomes none of Table 1).
ROW_ABOVE = {2: 1, 6: 5, 8: 7, 10: 9}
VIEWED = (2, 4, 6, 8, 10)
NUMBERS = pytest.mark.parametrize("number", VIEWED)
SHARPENED = (2, 4)


def view_of(model: noise.NoiseModel) -> noise.Decorrelated:
    view = model.decorrelated()
    assert view is not None
    return view


def clean(seed, shape=(2, 3, 11, 8)):
    return 1 + 254 * torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("model", noise.catalogue(), ids=lambda model: model.slug)
def test_only_pure_convolved_noise_has_the_view(model):
    assert (model.decorrelated() is not None) == (model.number in VIEWED)


@pytest.mark.parametrize("number", [6, 8, 10])
def test_added_gaussian_noise_takes_it_away(number):
    """A^-1 would correlate the added noise."""
    assert noise.get(number, extra_sigma=5).decorrelated() is None


def test_affine_noise_without_slope_has_the_view():
    """It is then No. 2."""
    view = view_of(noise.get(4, a=0))
    assert view.model.law == noise.get(1).law


@pytest.mark.parametrize("number", ROW_ABOVE)
def test_the_view_is_the_model_one_row_above(number):
    view = view_of(noise.get(number))
    assert view.model == noise.get(ROW_ABOVE[number])
    assert view.model.law == noise.get(ROW_ABOVE[number]).law


@NUMBERS
def test_the_noise_of_the_view_is_independent(number):
    view = view_of(noise.get(number))
    assert view.model.law != noise.get(number).law
    assert view.model.traits.independent
    assert not view.model.traits.convolved
    assert view.same_image == (number not in SHARPENED)


def test_the_standard_deviation_of_no_4_follows_the_blurred_image():
    """So that its law is not that of No. 3, and its noise has the level that the image itself sets."""
    view, x = view_of(noise.get(4)), clean(5)
    assert view.model.law != noise.get(3).law
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]
    white = torch.randn(x.shape, generator=generators[0], dtype=x.dtype)
    noisy = view.model.sample(view.forward_clean(x), generators[1])
    torch.testing.assert_close(noisy - view.forward_clean(x), (25 / 255 * x + 25) * white, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("number", "parameters"), [(2, {"sigma": 10}), (6, {"alpha": 5}), (8, {"lam": 1}), (10, {"scale": 1})])
def test_parameters_are_carried_over(number, parameters):
    assert view_of(noise.get(number, **parameters)).model == noise.get(ROW_ABOVE[number], **parameters)


@NUMBERS
def test_samples_are_a_applied_to_samples_of_the_view(number):
    """With one seed, on x' (which is x, or A^-1 x for Nos. 2 and 4): an identity, not only in law."""
    model, x = noise.get(number), clean(0)
    view = view_of(model)
    seen = view.model.sample(view.forward_clean(x), torch.Generator().manual_seed(7))
    y = model.sample(x, torch.Generator().manual_seed(7))
    torch.testing.assert_close(noise.Convolution().apply(seen), y, rtol=0, atol=1e-9)
    torch.testing.assert_close(view.forward(y), seen, rtol=0, atol=1e-9)


@NUMBERS
def test_backward_undoes_forward_on_clean_images(number):
    view, x = view_of(noise.get(number)), clean(1)
    torch.testing.assert_close(view.backward(view.forward_clean(x)), x, rtol=0, atol=1e-9)
    if number not in SHARPENED:
        assert view.forward_clean(x) is x


@NUMBERS
@pytest.mark.parametrize("iterations", [None, 10])
@pytest.mark.parametrize("seed", [0, 1])
def test_solving_there_is_solving_here(number, iterations, seed):
    """Any score s of y is A^T s of A^-1 y; not only the exact one."""
    model, x = noise.get(number), clean(seed)
    generator = torch.Generator().manual_seed(seed)
    y = model.sample(x, generator)
    s = 0.01 * torch.randn(x.shape, generator=generator, dtype=x.dtype)
    view = view_of(model)
    there = view.model.solve(view.forward(y), noise.Convolution().adjoint(s), iterations)
    torch.testing.assert_close(view.backward(there), model.solve(y, s, iterations), rtol=1e-9, atol=1e-6)


@NUMBERS
def test_scores_correspond(number):
    model, x = noise.get(number), clean(2)
    y = model.sample(x, torch.Generator().manual_seed(2))
    view = view_of(model)
    seen = view.model.score(view.forward_clean(x), view.forward(y))
    torch.testing.assert_close(noise.Convolution().adjoint(model.score(x, y)), seen, rtol=1e-7, atol=1e-9)
