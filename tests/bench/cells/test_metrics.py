"""PSNR and SSIM under both protocols, against other libraries and float64 transcriptions.

PSNR and SSIM to 1e-9.
"""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio
from torchmetrics.functional.image import structural_similarity_index_measure

from bench.cells.metrics import METRICS, psnr, score, ssim
from bench.plan.scores import MOST_DECIBELS

SIZES = [(481, 321), (64, 64), (33, 50), (16, 16), (11, 12)]


def images(height, width, peak=255, sigma=25.0, seed=0):
    """A smooth clean image of whole numbers up to `peak`, and a noisy one, neither clipped nor rounded."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    shape = 0.5 + 0.3 * np.sin(rows / 9 + columns / 14 + np.arange(3)[:, None, None]) + 0.2 * np.cos(rows / 3)
    clean = np.round(peak * (shape - shape.min()) / (shape.max() - shape.min()))
    return clean, clean + sigma * rng.standard_normal(clean.shape)


def scores(noisy, clean):
    return score(torch.from_numpy(noisy).float(), torch.from_numpy(clean).float())


def eight_bits(image):
    return np.rint(np.clip(image.astype(np.float32).astype(np.float64), 0, 255))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_standard_protocol_is_that_of_other_libraries(size):
    """PSNR of scikit-image; SSIM of torchmetrics, of those windows that lie inside the image."""
    clean, noisy = images(*size)
    given = scores(noisy, clean)
    rounded = eight_bits(noisy)
    assert given["psnr"] == pytest.approx(peak_signal_noise_ratio(clean, rounded, data_range=255), abs=1e-9)
    pair = torch.from_numpy(rounded)[None], torch.from_numpy(clean)[None]
    _, windows = structural_similarity_index_measure(*pair, sigma=1.5, data_range=255.0, return_full_image=True)
    assert given["ssim"] == pytest.approx(windows[..., 5:-5, 5:-5].mean().item(), abs=1e-9)
    assert 0.05 < given["ssim"] < 0.95


def test_ssim_is_wangs_formula():
    """Written out: windows of 11x11 inside the image, Gaussian weights of sigma 1.5, constants (0.01 255)^2, (0.03 255)^2."""
    clean, noisy = images(14, 13)
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    window /= window.sum()
    values = []
    for channel, i, j in np.ndindex(3, 4, 3):
        a, b = (image[channel, i : i + 11, j : j + 11] for image in (clean, noisy))
        ma, mb = (window * a).sum(), (window * b).sum()
        va, vb, cov = (window * a * a).sum() - ma**2, (window * b * b).sum() - mb**2, (window * a * b).sum() - ma * mb
        c1, c2 = 2.55**2, 7.65**2
        values.append((2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2)))
    assert ssim(torch.from_numpy(noisy), torch.from_numpy(clean)) == pytest.approx(np.mean(values), abs=1e-10)


def uniform_ssim(clean, other, peak):
    """The mean over all 7x7 windows, sample covariance (n - 1), over the three channels."""
    values = []
    for a, b in zip(clean, other, strict=True):
        a, b = (np.lib.stride_tricks.sliding_window_view(image, (7, 7)).reshape(-1, 49) for image in (a, b))
        ma, mb = a.mean(1), b.mean(1)
        va, vb = a.var(1, ddof=1), b.var(1, ddof=1)
        covariance = ((a - ma[:, None]) * (b - mb[:, None])).sum(1) / 48
        c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
        values.append(((2 * ma * mb + c1) * (2 * covariance + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))).mean())
    return np.mean(values)


@pytest.mark.parametrize(
    ("size", "cut"),
    [
        ((481, 321), np.s_[:, 0:480, 0:320]),
        ((500, 500), np.s_[:, 10:490, 10:490]),  # the paper's Kodak
        ((64, 96), np.s_[:, :, :]),
        ((61, 35), np.s_[:, 14:46, 1:33]),
    ],
    ids=str,
)
@pytest.mark.parametrize("peak", [255, 100])
def test_papers_protocol(size, cut, peak):
    """Truncated to uint8, the centre of multiples of 32, the peak the largest clean value there."""
    clean, noisy = images(*size, peak=peak)
    given = scores(noisy, clean)
    kept, other = clean[cut], np.clip(noisy.astype(np.float32), 0, 255).astype(np.uint8).astype(float)[cut]
    error = np.mean((kept - other) ** 2)
    assert given["psnr_paper"] == pytest.approx(20 * np.log10(kept.max() / np.sqrt(error)), abs=1e-9)
    assert given["ssim_paper"] == pytest.approx(uniform_ssim(kept, other, kept.max()), abs=1e-9)


def test_dark_image_is_scored_lower_by_its_peak():
    """Whole numbers and 64x64: nothing but the peak differs, 20 log10(255 / 51) = 13.979 dB."""
    clean, _ = images(64, 64, peak=51)
    noisy = clean + np.random.default_rng(0).integers(0, 20, clean.shape)
    given = scores(noisy, clean)
    assert given["psnr"] - given["psnr_paper"] == pytest.approx(20 * math.log10(255 / 51), abs=1e-9)
    assert given["ssim_paper"] < given["ssim"]


def test_truncation_costs_half_a_grey_level():
    """An estimate that is x + e, e uniform in [0, 1): rounding has the MSE 1/2, truncation none."""
    clean = np.full((3, 64, 64), 100.0)
    clean[0, 0, 0] = 255
    noisy = clean + 0.99 * np.random.default_rng(0).random(clean.shape) * (clean < 255)
    given = scores(noisy, clean)
    assert given["psnr_paper"] == MOST_DECIBELS
    assert given["psnr"] == pytest.approx(10 * math.log10(255**2 / 0.5), abs=0.1)


def test_clipped_and_rounded_before_scoring():
    clean, noisy = images(48, 48, sigma=60.0)
    assert noisy.min() < 0 and noisy.max() > 255
    clipped = scores(eight_bits(noisy), clean)
    given = scores(noisy, clean)
    assert given["psnr"] == clipped["psnr"] and given["ssim"] == clipped["ssim"]
    far = np.where(clean == 255, 1e9, np.where(clean == 0, -1e9, clean))
    assert scores(far, clean)["psnr"] == scores(far, clean)["psnr_paper"] == MOST_DECIBELS


def test_psnr_of_a_known_error():
    clean = torch.zeros(3, 32, 32)
    assert score(clean + 10, clean)["psnr"] == pytest.approx(20 * math.log10(25.5), abs=1e-9)
    assert psnr(clean + 10, clean, 100.0) == pytest.approx(20.0, abs=1e-9)
    half = clean.clone()
    half[:, :16] = 2.0
    assert psnr(half, clean, 2.0) == pytest.approx(10 * math.log10(2), abs=1e-9)


def test_identical_images():
    clean, _ = images(40, 40)
    given = scores(clean, clean)
    assert given == {"psnr": MOST_DECIBELS, "ssim": 1.0, "psnr_paper": MOST_DECIBELS, "ssim_paper": 1.0}


@pytest.mark.parametrize("size", [(481, 321), (321, 481)], ids=str)
def test_order_and_orientation(size):
    clean, noisy = images(*size)
    given = scores(noisy, clean)
    assert tuple(given) == METRICS == ("psnr", "ssim", "psnr_paper", "ssim_paper")
    assert all(isinstance(value, float) for value in given.values())
    turned = scores(noisy.transpose(0, 2, 1).copy(), clean.transpose(0, 2, 1).copy())
    assert turned["psnr"] == pytest.approx(given["psnr"], abs=1e-9)
    assert turned["ssim"] == pytest.approx(given["ssim"], abs=1e-9)
    swapped = scores(noisy[::-1].copy(), clean[::-1].copy())  # mean over the channels, whatever their order
    assert swapped == pytest.approx(given, abs=1e-9)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_give_nan(bad):
    clean, noisy = images(40, 40)
    noisy[1, 20, 20] = bad
    assert all(math.isnan(value) for value in scores(noisy, clean).values())
    assert math.isnan(psnr(torch.from_numpy(noisy), torch.from_numpy(clean), 255.0))


def test_images_below_32_pixels_have_no_paper_score():
    clean, noisy = images(31, 64)
    given = scores(noisy, clean)
    assert math.isnan(given["psnr_paper"]) and math.isnan(given["ssim_paper"])
    assert math.isfinite(given["psnr"]) and math.isfinite(given["ssim"])


def test_black_image_has_a_score():
    clean = np.zeros((3, 32, 32))
    given = scores(clean + 3, clean)
    assert all(math.isfinite(value) for value in given.values())


@pytest.mark.parametrize(("wrong", "expected"), [(0, 60.0), (1, 60.0), (700, 60.0), (900, 59.483)])
def test_a_result_nearer_than_8_bits_can_tell_counts_as_exact(wrong, expected):
    """Of 12288 values so many are off by one level: 60 dB are reached by up to 799 of them."""
    clean, _ = images(64, 64)
    near = clean.copy()
    near.reshape(-1)[:wrong] += np.where(near.reshape(-1)[:wrong] < 255, 1, -1)
    assert scores(near, clean)["psnr"] == pytest.approx(expected, abs=0.01)
    assert psnr(torch.from_numpy(near), torch.from_numpy(clean), 255.0) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(("brightest", "peak"), [(0, 255), (3, 255), (15, 255), (16, 16), (40, 40)])
def test_a_black_image_has_no_peak_of_its_own(brightest, peak):
    """Its maximum says nothing: No. 1 on a black frame had -22 dB where it has 23 by the standard protocol."""
    clean = np.zeros((3, 64, 64))
    clean[:, 5, 7] = brightest
    noisy = clean + 25.0 * np.random.default_rng(0).standard_normal(clean.shape)
    other = np.clip(noisy.astype(np.float32), 0, 255).astype(np.uint8).astype(float)
    given = scores(noisy, clean)
    assert given["psnr_paper"] == pytest.approx(10 * np.log10(peak**2 / np.mean((clean - other) ** 2)), abs=1e-9)
    assert given["ssim_paper"] == pytest.approx(uniform_ssim(clean, other, peak), abs=1e-9)
    if peak == 255:
        assert abs(given["psnr"] - given["psnr_paper"]) < 1


def test_inputs_are_left_alone():
    clean, noisy = (torch.from_numpy(image).float() for image in images(40, 33))
    kept = clean.clone(), noisy.clone()
    score(noisy, clean)
    assert torch.equal(clean, kept[0]) and torch.equal(noisy, kept[1])
