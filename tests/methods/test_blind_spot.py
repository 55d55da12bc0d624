"""The blind-spot methods: what the network cannot see, and their losses against the papers' formulas in float64."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.ndimage import convolve
from scipy.signal import correlate2d

import methods
import noise
from methods import _masks, estimate
from methods._api import UNIT
from tests.helpers.gaussian_world import batch_of, gaussian_world

KERNEL = np.array([[0.5, 1, 0.5], [1, 0, 1], [0.5, 1, 0.5]])
STRUCT = methods.get("noise2void-struct")


def linear(y):
    """A "network" whose every pixel depends on its own and on all of the others."""
    return 0.3 * y / UNIT - 0.01 * y.flip(-1) / UNIT + 0.002 * y.mean(dim=(-2, -1), keepdim=True)


def in_numpy(y):
    """The image that `linear` stands for, written anew."""
    mean = convolved(y)
    return mean + 0.3 * y - 0.01 * y[..., ::-1] + 0.002 * UNIT * y.mean((-2, -1), keepdims=True)


def convolved(y):
    """The weighted mean of the neighbours that there are, of each channel."""
    weights = convolve(np.ones(y.shape[-2:]), KERNEL, mode="constant")
    return np.stack([[convolve(c, KERNEL, mode="constant") / weights for c in image] for image in y])


def gradient_at(image, y, place):
    return torch.autograd.grad(image[place], y, retain_graph=True)[0][place[:2]]


# What is hidden


@pytest.mark.parametrize("square", [1, 5])
@pytest.mark.parametrize("share", [0.002, 0.1])
def test_hidden_pixels_are_out_of_sight(square, share, seeded, tiny_network):
    """Of a pixel of the mask and its square, whatever lies around: also where squares overlap, at edges and in corners."""
    network, y = tiny_network().double(), gaussian_world((1, 3, 23, 20), seeded)[1].requires_grad_()
    mask = _masks.spots(y, share, seeded(1))
    mask[0, 0, 0, 0] = mask[0, 1, 22, 7] = mask[0, 2, 11, 10] = 1
    image = _masks.image_of(network, _masks.without_squares(y, mask, square, 11, seeded(2)), square)
    reach = square // 2
    for place in [(0, 0, 0, 0), (0, 1, 22, 7), (0, 2, 11, 10), *map(tuple, mask.nonzero()[:3].tolist())]:
        gradient = gradient_at(image, y, place)
        row, column = place[2:]
        square_around = gradient[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]
        assert not square_around.any() and (gradient != 0).sum() > 20


def test_network_sees_a_pixel_that_is_not_hidden(seeded, tiny_network):
    network, y = tiny_network().double(), gaussian_world((1, 3, 12, 12), seeded)[1].requires_grad_()
    assert gradient_at(_masks.image_of(network, y), y, (0, 1, 5, 5))[5, 5] != 0


def test_noise2same_hides_as_well(seeded, tiny_network, monkeypatch):
    """Neighbours that are hidden together do not show each other."""
    seen = []
    monkeypatch.setattr("methods.noise2same.image_of", lambda network, y: seen.append(y) or _masks.image_of(network, y))
    y = gaussian_world((1, 3, 12, 13), seeded)[1].requires_grad_()
    method = methods.get("noise2same")
    dataclasses.replace(method, share=0.3).loss(tiny_network().double(), batch_of(y, seeded(1)))
    mask = _masks.spots(y, 0.3, seeded(1))
    for place in map(tuple, mask.nonzero()[:40:4].tolist()):
        assert not (gradient_at(seen[1], y, place) * mask[place[:2]]).any()
    assert torch.equal(seen[1] == y, mask == 0)


@pytest.mark.parametrize("slug", ["noise2self", "blind2unblind"])
def test_pixels_are_denoised_unseen(slug, seeded, tiny_network):
    """As `Noise2Self` is by default at test; of Blind2Unblind, the part that is not f(y)."""
    method = methods.get(slug)
    method = dataclasses.replace(method, last_beta=0.0) if slug == "blind2unblind" else method
    network, y = tiny_network().double(), gaussian_world((1, 3, 9, 7), seeded)[1].requires_grad_()
    image = method.denoise(network, y, noise.get(1), seeded(0))
    for place in [(0, 0, 0, 0), (0, 1, 8, 6), (0, 2, 4, 3)]:
        gradient = gradient_at(image, y, place)
        assert gradient[place[2:]] == 0 and gradient.any()


@pytest.mark.parametrize(
    ("size", "least", "most"), [((23, 20), 1, 5), ((9, 7), 1, 5), ((2, 3), 1, 5), ((11, 10), 5, 9)], ids=str
)
def test_pixel_in_anothers_place_is_never_near(size, least, most, seeded):
    y = torch.zeros(4, 3, *size)
    places = _masks.elsewhere(y, least, most, seeded(0))
    assert places.shape == y.shape
    rows, columns = places // size[1], places % size[1]
    assert rows.min() >= 0 and rows.max() < size[0]
    away = torch.maximum((rows - torch.arange(size[0])[:, None]).abs(), (columns - torch.arange(size[1])).abs())
    assert away.min() == least and away.max() == min(most, size[0] // 2, size[1] // 2)


def test_all_of_the_window_are_equally_likely(seeded):
    places = _masks.elsewhere(torch.zeros(40, 3, 31, 31), 1, 2, seeded(0))[..., 15, 15].flatten()
    many = torch.stack([_masks.elsewhere(torch.zeros(9, 9, 9, 9), 1, 2, seeded(i))[..., 4, 4] for i in range(20)]).flatten()
    assert not (places == 15 * 31 + 15).any()
    counts = torch.bincount(many, minlength=81)
    assert (counts > 0).sum() == 24 and stats.chisquare(counts[counts > 0]).pvalue > 1e-4


def test_too_small_an_image_for_the_square():
    with pytest.raises(ValueError, match="image of 9x40 pixels: expected at least 10 on a side"):
        _masks.elsewhere(torch.zeros(1, 1, 9, 40), 5, 9, torch.Generator())


@pytest.mark.parametrize(("share", "count"), [(0.002, 1), (0.015, 6), (0.15, 63)])
def test_share_is_hidden_in_each_channel(share, count, seeded):
    mask = _masks.spots(torch.zeros(5, 3, 21, 20), share, seeded(0))
    assert (mask.sum((-2, -1)) == count).all() and set(mask.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(mask[0, 0], mask[0, 1]) and not torch.equal(mask[0, 0], mask[1, 0])
    inner = _masks.spots(torch.zeros(5, 3, 21, 20), 1.0, seeded(0), margin=2)
    assert inner.shape == mask.shape and (inner[..., 2:-2, 2:-2] == 1).all() and (inner.sum((-2, -1)) == 17 * 16).all()


def test_mean_of_the_neighbours(seeded):
    y = gaussian_world((2, 3, 7, 9), seeded)[1]
    np.testing.assert_allclose(_masks.around(y).numpy(), convolved(y.numpy()), rtol=1e-12)
    visible = (torch.rand(2, 3, 7, 9, generator=seeded(1), dtype=torch.float64) < 0.7).double()
    total, weights = ([[convolve(c, KERNEL, mode="constant") for c in i] for i in a.numpy()] for a in (y * visible, visible))
    np.testing.assert_allclose(_masks.around(y, visible=visible), np.array(total) / np.array(weights), rtol=1e-12)
    framed = _masks.around(y, 5)[0, 1, 3, 4].item()  # of 7x7 pixels, the 24 at the rim
    rim = [(y[0, 1, 3 + i, 4 + j].item(), 1 / (abs(i) + abs(j))) for i, j in np.ndindex(7, 7) for i, j in [(i - 3, j - 3)]
           if max(abs(i), abs(j)) == 3]  # fmt: skip
    assert framed == pytest.approx(sum(v * w for v, w in rim) / sum(w for _, w in rim), rel=1e-12) and len(rim) == 24


@pytest.mark.parametrize("size", [(8, 8), (9, 7), (3, 2), (33, 47)], ids=str)
def test_grids_have_each_pixel_once(size):
    masks = torch.cat([_masks.grid(torch.zeros(1, 3, *size), which) for which in range(_masks.GRIDS)])
    assert masks.shape == (16, 1, *size) and (masks.sum(0) == 1).all()
    for which, mask in enumerate(masks[:, 0]):  # by every fourth row and column
        assert {(i % 4, j % 4) for i, j in mask.nonzero().tolist()} <= {divmod(which, 4)}
    chosen = torch.tensor([3, 14])[:, None, None]
    assert torch.equal(_masks.grid(torch.zeros(2, 3, *size), chosen), masks[[3, 14]])


# Losses


def test_noise2void_loss_is_the_error_where_it_is_blind(seeded):
    method, y = methods.get("noise2void"), gaussian_world((2, 3, 17, 22), seeded)[1]
    generator = seeded(4)
    mask = _masks.spots(y, method.share, generator)
    seen = _masks.without_squares(y, mask, 1, 11, generator).numpy()
    assert ((seen != y.numpy()) == (mask.numpy() > 0)).all()
    expected = np.mean((in_numpy(seen) - y.numpy())[mask.numpy() > 0] ** 2) / UNIT**2
    assert method.loss(linear, batch_of(y, seeded(4))).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("number", [2, 9, 16])
def test_struct_compares_what_it_predicts_with_y_over_the_gain(number, seeded):
    model = noise.get(number)
    y = gaussian_world((2, 3, 17, 22), seeded)[1].abs()
    square, share = (1, STRUCT.share) if number == 9 else (3, STRUCT.share_of_squares)
    generator, target = seeded(4), y / model.mean_gain
    mask = _masks.spots(y, share, generator, margin=square // 2)
    seen = _masks.without_squares(target, mask, square, 11, generator)
    image = estimate(linear, seen, _masks.around(seen, square)).numpy()
    if number == 16:  # circular, as A is
        kernel = np.array([[0.05, 0.1, 0.05], [0.1, 0.4, 0.1], [0.05, 0.1, 0.05]])
        image = np.stack([[convolve(channel, kernel, mode="wrap") for channel in each] for each in image])
    expected = np.mean((image - target.numpy())[mask.numpy() > 0] ** 2) / UNIT**2
    assert STRUCT.loss(linear, batch_of(y, seeded(4), model=model)).item() == pytest.approx(expected, rel=1e-6)
    assert model.mean_gain != 1 or number == 2


@pytest.mark.parametrize("number", [12, 14, 16])
def test_squares_hide_what_the_noise_is_correlated_with(number):
    """What the pixels outside of the square tell of the noise in its middle, as a share of its variance."""
    model = noise.get(number)
    kernel = np.array(model.convolution.kernel)
    law = model.base.variance(torch.tensor(110.0)).item() * correlate2d(kernel, kernel, "full")
    assert law.shape == (5, 5)
    places = np.stack(np.mgrid[-5:6, -5:6], axis=-1).reshape(-1, 2)
    apart = places[:, None] - places
    near = np.abs(apart).max(-1) <= 2
    covariance = np.where(near, law[tuple(np.moveaxis(np.clip(apart, -2, 2) + 2, -1, 0))], 0) + model.gaussian**2 * np.eye(121)

    def told(square):
        outside = np.abs(places).max(-1) > square // 2
        towards = covariance[60, outside]
        return towards @ np.linalg.solve(covariance[np.ix_(outside, outside)], towards) / covariance[60, 60]

    assert told(1) > 0.18
    assert told(STRUCT._square(model)) < 0.01 and "3 x 3" in STRUCT.applicable(model).reason
    whole = dataclasses.replace(STRUCT, whole=True)
    assert told(whole._square(model)) == 0 and "5 x 5" in whole.applicable(model).reason
    assert STRUCT._square(noise.get(15)) == whole._square(noise.get(15)) == 1


def test_noise2self_loss_is_the_papers(seeded):
    """Its error on one grid of every fourth pixel, the neighbours' mean in their place."""
    y = gaussian_world((2, 3, 10, 13), seeded)[1]
    which = torch.randint(16, (2, 1, 1), generator=seeded(4)).flatten().tolist()
    errors, image = [], y.numpy()
    for n, phase in enumerate(which):
        rows, columns = (slice(start, None, 4) for start in divmod(phase, 4))
        masked = image[n : n + 1].copy()
        masked[..., rows, columns] = convolved(image[n : n + 1])[..., rows, columns]
        errors.append((in_numpy(masked)[0] - image[n])[:, rows, columns].ravel())
    expected = np.mean(np.concatenate(errors) ** 2) / UNIT**2
    assert methods.get("noise2self").loss(linear, batch_of(y, seeded(4))).item() == pytest.approx(expected, rel=1e-6)


def test_noise2same_loss_is_the_papers_of_standardised_images(seeded):
    """Eq. 4 of Xie et al. on (y - mean) / std, back in the units of the harness."""
    method = dataclasses.replace(methods.get("noise2same"), share=0.05)
    y = gaussian_world((2, 3, 16, 18), seeded)[1]
    mask, image = _masks.spots(y, 0.05, seeded(4)).numpy() > 0, y.numpy()
    visible = torch.from_numpy(1.0 - mask)
    masked = np.where(mask, _masks.around(y, visible=visible).numpy(), image)
    std = image.std()
    f, g = in_numpy(image) / std, in_numpy(masked) / std
    standardised = np.mean((f - image / std) ** 2) + 2 * np.sqrt(np.mean((f - g)[mask] ** 2))
    loss = method.loss(linear, batch_of(y, seeded(4))).item()
    assert loss == pytest.approx(standardised * (std / UNIT) ** 2, rel=1e-6)


@pytest.mark.parametrize(("progress", "beta"), [(0.0, 2.0), (0.8, 2.0), (0.9, 11.0), (0.999, 19.91)])
def test_blind2unblind_loss_is_the_papers(progress, beta, seeded):
    """The visible part is held fixed, so the gradient is that of the blind part alone; beta does not change its size."""
    method = dataclasses.replace(methods.get("blind2unblind"), grids=16)
    y = gaussian_world((2, 3, 9, 10), seeded)[1]
    image, blind = y.numpy(), np.zeros(y.shape)
    for phase in range(16):
        rows, columns = (slice(start, None, 4) for start in divmod(phase, 4))
        masked = image.copy()
        masked[..., rows, columns] = convolved(image)[..., rows, columns]
        blind[..., rows, columns] = in_numpy(masked)[..., rows, columns]
    d, e = blind - image, in_numpy(image) - image
    expected = (np.mean((d + beta * e) ** 2) + np.mean(d**2)) / UNIT**2 / (1 + beta / 2)
    shift = torch.zeros((), dtype=torch.float64, requires_grad=True)
    loss = method.loss(lambda z: linear(z) + shift, batch_of(y, seeded(4), progress))
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    loss.backward()
    assert shift.grad.item() == pytest.approx(np.mean(2 * (d + beta * e) + 2 * d) / UNIT / (1 + beta / 2), rel=1e-6)
    result = method.denoise(linear, y, noise.get(1), seeded(0)).numpy()
    np.testing.assert_allclose(result, (blind + 20 * in_numpy(image)) / 21, rtol=1e-6)


def test_blind2unblind_with_fewer_grids_has_the_same_loss_on_average(seeded):
    y = gaussian_world((1, 3, 8, 8), seeded)[1]
    few, all_ = (dataclasses.replace(methods.get("blind2unblind"), grids=grids) for grids in (4, 16))
    losses = [few.loss(linear, batch_of(y, seeded(i))).item() for i in range(100)]
    expected = all_.loss(linear, batch_of(y, seeded(0))).item()
    assert abs(np.mean(losses) - expected) < 4 * np.std(losses) / 10


# Where they apply


@pytest.mark.parametrize("slug", ["noise2void", "noise2self", "noise2same", "blind2unblind"])
def test_they_ask_what_neighbor2neighbor_asks(slug):
    for model in noise.catalogue():
        mine, its = (methods.get(each).applicable(model) for each in (slug, "neighbor2neighbor"))
        assert mine.verdict == its.verdict and mine.reason == its.reason.removesuffix(", as in the paper")
        assert methods.get(slug).knows == () and not methods.get(slug).in_all


def test_struct_applies_where_noise2void_does_not():
    verdicts = {model.number: STRUCT.applicable(model).verdict for model in noise.catalogue()}
    assert [number for number, verdict in verdicts.items() if verdict == "no"] == [1, 3, 5, 6, 7, 8, 11, 13]
    assert [number for number, verdict in verdicts.items() if verdict == "indirect"] == [2, 4, 10]
    assert [number for number, verdict in verdicts.items() if verdict == "yes"] == [9, 12, 14, 15, 16]
    for model in noise.catalogue():
        assert (methods.get("noise2void").applicable(model).verdict == "infeasible") == (verdicts[model.number] != "no")
