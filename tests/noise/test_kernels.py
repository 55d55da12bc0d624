"""Kernels by name and from files, and what a kernel without an inverse of use leaves undone."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

import noise
from noise.kernels import gauss, kernel


def test_gauss_is_scipys_filter_of_an_impulse():
    impulse = np.zeros((41, 41))
    impulse[20, 20] = 1
    for sigma in (0.5, 1.0, 2.5):
        rows = np.array(gauss(sigma))
        reach = len(rows) // 2
        expected = gaussian_filter(impulse, sigma, radius=reach)[20 - reach : 21 + reach, 20 - reach : 21 + reach]
        np.testing.assert_allclose(rows, expected, atol=1e-12)
        assert rows.sum() == pytest.approx(1, abs=1e-12)


def test_files_of_one_kernel_have_one_name(tmp_path, monkeypatch):
    """It is that of its values, whatever the file's name and form; the paper's kernel is the paper's."""
    values = [[0.0, 0.1, 0.0], [0.1, 0.6, 0.1], [0.0, 0.1, 0.0]]
    (tmp_path / "a b.txt").write_text("# a comment\n" + "\n".join(" ".join(map(str, row)) for row in values) + "\n")
    (tmp_path / "b.csv").write_text("\n".join(",".join(map(str, row)) for row in values))
    np.save(tmp_path / "c.npy", np.array(values))
    found = [kernel(str(tmp_path / name)) for name in ("a b.txt", "b.csv", "c.npy")]
    assert found[0] == found[1] == found[2] and found[0].name.startswith("kernel-")
    assert kernel(f"'{tmp_path / 'a b.txt'}'") == found[0]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kernel("~/b.csv") == found[0]
    model = noise.get(f"poisson(conv={tmp_path / 'b.csv'},lam=0.3)")
    assert model.slug == f"poisson(conv={found[0].name},lam=0.3)"
    assert noise.get(model.slug, kernels=noise.kernels_of(model)) == model
    assert noise.varied(model, lam=0.4).convolution == model.convolution
    np.save(tmp_path / "paper.npy", np.array(noise.Convolution().kernel))
    assert noise.get(f"gamma(conv={tmp_path / 'paper.npy'})") == noise.get(6)


BAD = {
    "even.csv": ("1,2\n3,4", "odd number"),
    "ragged.csv": ("1,2,3\n4,5\n6,7,8", "is no kernel"),
    "words.csv": ("a,b,c", "is no kernel"),
    "nan.csv": ("nan", "finite"),
    "zeros.csv": ("0,0,0", "all zeros"),
    "empty.csv": ("", "is no kernel"),
    "wide.csv": (",".join(["1"] * 67), "at most 65"),
    "huge.csv": ("1,1e30,1", "values up to 1e\\+30: expected at most 1e\\+06 in size"),
    "fake.npy": ("no array", "is no kernel"),
}


@pytest.mark.parametrize(("name", "case"), BAD.items())
def test_files_of_no_kernel_are_refused(tmp_path, name, case):
    (tmp_path / name).write_text(case[0])
    with pytest.raises(ValueError, match=case[1]) as caught:
        noise.get(f"gaussian(conv={tmp_path / name})")
    assert "\n" not in str(caught.value)
    for path in (tmp_path, "/dev/zero"):
        with pytest.raises(ValueError, match=r"no regular file|no such file"):
            noise.get(f"gaussian(conv={path})")


def test_a_kernel_of_complex_numbers_is_refused(tmp_path):
    np.save(tmp_path / "c.npy", np.full((3, 3), 1 / 9 + 1j))
    with pytest.raises(ValueError, match=r"is no kernel \(values of type complex128: expected real numbers\)"):
        noise.get(f"gaussian(conv={tmp_path / 'c.npy'})")


def test_a_kernel_that_blurs_the_image_keeps_its_brightness(tmp_path):
    (tmp_path / "edge.csv").write_text("-1,2,-1")
    assert noise.get(f"gaussian(conv={tmp_path / 'edge.csv'})").traits.additive
    with pytest.raises(ValueError, match="sum is 0"):
        noise.get(f"poisson(conv={tmp_path / 'edge.csv'})")


def test_the_largest_gain_of_the_inverse_decides_whether_it_is_of_use():
    """Against the response of a sampled Gaussian at the corner of the frequencies, (sum of (-1)^k exp(-k^2/2s^2))^2."""
    for sigma, expected in ((0.5, True), (0.7, True), (0.8, False), (1.0, False)):
        profile = [math.exp(-0.5 * (k / sigma) ** 2) for k in range(-20, 21)]
        corner = (sum((-1) ** abs(k - 20) * value for k, value in enumerate(profile)) / sum(profile)) ** 2
        assert (corner > 0.01) == expected == noise.Convolution(gauss(sigma)).invertible
    assert noise.Convolution().invertible
    assert not noise.Convolution(((1 / 3, 1 / 3, 1 / 3),)).invertible


@pytest.mark.parametrize("base", ["gaussian", "gaussian-affine", "gamma", "poisson", "rayleigh"])
def test_without_an_inverse_nothing_is_solved_through_it(base):
    model = noise.get(f"{base}(conv=gauss(1))")
    traits, x = model.traits, torch.full((1, 3, 16, 16), 50.0)
    assert traits.convolved and not traits.invertible and model.decorrelated() is None
    with pytest.raises(NotImplementedError, match="100-fold"):
        model.score(x, x)
    if traits.additive:  # A A^T is all that it takes
        assert model.solve(x, torch.zeros_like(x)).isfinite().all()
    else:
        assert not traits.exponential_family
        with pytest.raises(NotImplementedError, match="100-fold"):
            model.solve(x, x)
