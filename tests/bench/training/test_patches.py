"""Training patches: places, orientations and alignment; the one noisy image of every training image."""

import numpy as np
import pytest
import torch
from scipy import stats

import noise
from bench.plan.seeds import generator_of, seed_of
from bench.training.gather import gathered, packed
from bench.training.patches import Patches, as_tensor, make_patches, turned, turned_back, turned_pixels


def numbered(height, width, image=0):
    """An image whose every value tells channel, row, column and image."""
    grid = torch.arange(height)[:, None] * 100 + torch.arange(width)
    return (grid + torch.arange(3)[:, None, None] * 10**4 + image * 10**5).float()


def origin(patch):
    """Image, and row and column of the top left pixel before turns and flips, of a patch of a numbered image."""
    least = int(patch[0].min())
    return least // 10**5, least % 10**4 // 100, least % 100


def orientation(patch, size):
    """Which of the 8 positions a patch of a numbered image is in, by its transform's image of the plain patch."""
    image, top, left = origin(patch)
    plain = numbered(100, 100, image)[:, top : top + size, left : left + size]
    positions = [torch.rot90(p, k, (1, 2)) for p in (plain, plain.flip(2)) for k in range(4)]
    found = [index for index, position in enumerate(positions) if torch.equal(position, patch)]
    assert len(found) == 1  # it is a patch of the image, and of all three channels alike
    return found[0]


def draws(patches, steps, count=32, size=3, flips=False, seed=0):
    for step in range(steps):
        noisy, _ = patches.draw(seed, step, count, size, flips)
        yield from noisy


def test_shape_and_type():
    patches = Patches([numbered(10, 12), numbered(9, 30)], [])
    noisy, clean = patches.draw(0, 0, 5, 8, True)
    assert noisy.shape == (5, 3, 8, 8) and noisy.dtype == torch.float32 and clean is None


def test_draws_depend_on_seed_and_step_alone():
    patches = Patches([numbered(30, 40), numbered(50, 20, 1)], [])
    first, _ = patches.draw(5, 7, 8, 16, True)
    torch.manual_seed(1)
    np.random.seed(1)
    patches.draw(5, 6, 8, 16, True)
    again, _ = Patches([numbered(30, 40), numbered(50, 20, 1)], [numbered(30, 40), numbered(50, 20, 1)]).draw(5, 7, 8, 16, True)
    assert torch.equal(first, again)
    for seed, step in ((5, 8), (6, 7), (7, 5)):
        assert not torch.equal(first, patches.draw(seed, step, 8, 16, True)[0])


def test_same_patches_whether_or_not_the_clean_ones_are_wanted_and_for_any_noise():
    one = Patches([numbered(20, 20)], []).draw(1, 2, 4, 8, True)[0]
    other = Patches([numbered(20, 20) + 0.5], []).draw(1, 2, 4, 8, True)[0]
    assert torch.equal(one + 0.5, other)


@pytest.mark.parametrize("flips", [False, True])
def test_clean_patches_are_those_of_the_noisy(flips):
    images = [numbered(20, 31), numbered(17, 18, 1)]
    clean = [(image.flip(0) / 1000).to(torch.uint8) for image in images]
    patches = Patches([torch.stack([*image[:2], whole[0].float()]) for image, whole in zip(images, clean, strict=True)], clean)
    for step in range(20):
        noisy, shown = patches.draw(3, step, 8, 12, flips)
        assert shown.dtype == torch.float32
        assert torch.equal(noisy[:, 2], shown[:, 0])


def test_places_are_uniform_over_all_images():
    """An image of 3x2 places and one of 1x4: each place is drawn in one of 10 cases."""
    patches = Patches([numbered(5, 4), numbered(3, 6, 1)], [])
    counts = {}
    for patch in draws(patches, 200):
        counts[origin(patch)] = counts.get(origin(patch), 0) + 1
    expected = {(0, i, j) for i in range(3) for j in range(2)} | {(1, 0, j) for j in range(4)}
    assert set(counts) == expected
    assert stats.chisquare(list(counts.values())).pvalue > 1e-4


@pytest.mark.parametrize(("flips", "number"), [(False, 1), (True, 8)])
def test_orientations_are_uniform(flips, number):
    counts = np.bincount(
        [orientation(patch, 3) for patch in draws(Patches([numbered(6, 7)], []), 60, flips=flips)], minlength=8
    )
    drawn = counts[counts > 0]
    assert len(drawn) == number and counts[0] > 0
    assert number == 1 or stats.chisquare(drawn).pvalue > 1e-4


def test_patch_as_large_as_the_image():
    noisy, _ = Patches([numbered(9, 9)], []).draw(0, 0, 2, 9, False)
    assert torch.equal(noisy[0], numbered(9, 9)) and torch.equal(noisy[1], numbered(9, 9))


def test_as_tensor(random_images):
    (image,) = random_images("set", ["a"], 5, 7)
    x = as_tensor(image)
    assert x.shape == (3, 5, 7) and x.dtype == torch.float32
    assert np.array_equal(x.numpy(), np.moveaxis(image.pixels.astype(np.float32), -1, 0))
    x[:] = -1.0
    assert image.pixels.max() > 0


@pytest.mark.parametrize("number", [1, 4, 7, 12])
def test_noise_of_an_image_is_its_own(number, random_images):
    """The documented generator, whatever images are beside it."""
    model, images = noise.get(number), random_images("set", ["a", "b", "c"])
    forwards = make_patches(images, model, None, 3, False, "cpu")
    backwards = make_patches(images[::-1], model, None, 3, False, "cpu")
    for image, y, again in zip(images, forwards.noisy, backwards.noisy[::-1], strict=True):
        generator = generator_of("training noise", model.law, "set", image.name, 3)
        assert torch.equal(y, model.sample(as_tensor(image), generator)) and torch.equal(y, again)
        assert y.dtype == torch.float32
    assert not torch.equal(forwards.noisy[0], make_patches(images, model, None, 4, False, "cpu").noisy[0])


def test_noise_is_neither_clipped_nor_rounded(random_images):
    (y,) = make_patches(random_images("set", ["a"]), noise.get(1), None, 0, False, "cpu").noisy
    assert y.min() < 0 and y.max() > 255 and not torch.equal(y, y.round())


def test_noise_differs_between_laws_and_not_between_names_for_one_law(random_images):
    images = random_images("set", ["a"], low=1)

    def white(model):
        (y,) = make_patches(images, model, None, 0, False, "cpu").noisy
        return (y - as_tensor(images[0])) / model.parameters["sigma"]

    assert not torch.allclose(white(noise.get(1)), white(noise.get(1, sigma=20)), atol=0.1)
    one, other = (make_patches(images, noise.get(key), None, 0, False, "cpu").noisy[0] for key in (1, "gaussian"))
    assert torch.equal(one, other)


@pytest.mark.parametrize(("number", "inner"), [(6, 5), (8, 7), (10, 9), (2, None)])
def test_decorrelated_noise(number, inner, random_images):
    """It is A^-1 of the correlated draw from the same generator; Nos. 6, 8, 10 train on the images of Nos. 5, 7, 9."""
    model, images = noise.get(number), random_images("set", ["a", "b"])
    seen = model.decorrelated()
    patches = make_patches(images, model, seen, 1, True, "cpu")
    for image, y, clean in zip(images, patches.noisy, patches.clean, strict=True):
        generator = generator_of("training noise", seen.model.law, "set", image.name, 1)
        correlated = model.sample(as_tensor(image), generator)
        torch.testing.assert_close(y, seen.forward(correlated), rtol=0, atol=2e-3)
        torch.testing.assert_close(seen.backward(clean.float()), as_tensor(image), rtol=0, atol=1e-3)
        assert clean.dtype == (torch.uint8 if inner else torch.float32)
    if inner:
        plain = make_patches(images, noise.get(inner), None, 1, False, "cpu")
        assert all(torch.equal(*pair) for pair in zip(patches.noisy, plain.noisy, strict=True))


def test_clean_images_are_handed_to_supervised_methods_alone(random_images):
    images = random_images("set", ["a", "b"])
    assert make_patches(images, noise.get(1), None, 0, False, "cpu").clean == []
    clean = make_patches(images, noise.get(1), None, 0, True, "cpu").clean
    assert all(torch.equal(x.float(), as_tensor(image)) for x, image in zip(clean, images, strict=True))


def test_seeds_are_hashes_of_their_words():
    assert seed_of("patches", 1) == seed_of("patches", 1) != seed_of("patches", 2)
    assert seed_of("a", "bc") != seed_of("ab", "c") and seed_of("a") != seed_of("a", "")
    seeds = {seed_of("x", index) for index in range(1000)}
    assert len(seeds) == 1000 and all(0 <= seed < 2**63 for seed in seeds)
    # the first 63 bits of the SHA-256 of "abc", as FIPS 180-2 prints it
    assert seed_of("abc") == 0xBA7816BF8F01CFEA >> 1
    one, other = (torch.randn(4, generator=generator_of("x", 1)) for _ in range(2))
    assert torch.equal(one, other)


def test_the_eight_positions_differ_and_are_undone():
    image = torch.arange(12.0).reshape(1, 3, 4)
    positions = [turned(image, turn) for turn in range(8)]
    assert len({(tuple(p.shape), tuple(p.flatten().tolist())) for p in positions}) == 8
    assert all(torch.equal(turned_back(p, turn), image) for turn, p in enumerate(positions))


def test_a_second_draw_is_of_the_same_images_and_independent(random_images):
    """The same crops in the same positions; the noise of the two is as unlike as that of two images."""
    images = random_images("set", ["a", "b"], 60, 50)
    patches = make_patches(images, noise.get(1), None, 3, False, "cpu", pairs=True)
    alone = make_patches(images, noise.get(1), None, 3, False, "cpu")
    assert all(torch.equal(one, other) for one, other in zip(patches.noisy, alone.noisy, strict=True)) and alone.second == []
    first, second = patches.draw(0, 0, 40, 16, True)
    clean = make_patches(images, noise.get(1), None, 3, True, "cpu").draw(0, 0, 40, 16, True)[1]
    left, right = (first - clean).flatten(), (second - clean).flatten()
    assert abs(float(torch.corrcoef(torch.stack([left, right]))[0, 1])) < 0.03
    assert right.std().item() == pytest.approx(25, rel=0.03)


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8], ids=str)
def test_one_gather_gives_the_patches_of_the_loop(dtype):
    """On a GPU; here on the CPU, from images of several sizes."""
    images = [torch.randint(0, 255, (3, height, width)).to(dtype) for height, width in ((9, 30), (17, 8), (8, 8), (25, 11))]
    pack = packed(images)
    assert all(torch.equal(one, other) for one, other in zip(pack, images, strict=True))
    assert len({view.untyped_storage().data_ptr() for view in pack}) == 1
    rng = np.random.default_rng(0)
    chosen, turns = rng.integers(4, size=40), rng.integers(8, size=40)
    corners = np.array([[rng.integers(size - 8 + 1) for size in images[index].shape[1:]] for index in chosen])
    found = gathered(pack, chosen, corners, turns, 8, turned_pixels(8, torch.device("cpu")))
    expected = [turned(images[i][:, r : r + 8, c : c + 8], t) for i, (r, c), t in zip(chosen, corners, turns, strict=True)]
    assert found.dtype == dtype and torch.equal(found, torch.stack(expected))
    assert packed([]) == []
    there = Patches(packed([image.to("meta") for image in images]), packed([image[:1].to("meta") for image in images]))
    assert [found.shape for found in there.draw(0, 0, 5, 8, True)] == [(5, 3, 8, 8), (5, 1, 8, 8)]
