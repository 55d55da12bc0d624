"""What the paper and its released code do not say, say differently, or misprint, where it bears on a comparison with them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reports.read.model import Run
from reports.read.untrusted import brief, mapping, text

_UNKNOWN = "not known"


@dataclass(frozen=True)
class Erratum:
    """What it is about, what the paper and its code have, and what this run has."""

    where: str
    paper: str
    here: str


def errata(run: Run) -> tuple[Erratum, ...]:
    """The list, with this run's own parameters as its run.json tells them."""
    protocols = "“paper” measures as the code does, “standard” does not: see the protocols above."
    return (
        Erratum(
            "Nos. 3 and 4",
            "The text has a = 0.98 and b = 25, the code a = 25/255 = 0.098. With 0.98 the noisy images would be at about 5 dB, "
            "from which the published scores cannot come.",
            _parameter(run, (3, 4), "a"),
        ),
        Erratum(
            "Nos. 5\u201310",
            "The code adds Gaussian noise of standard deviation 5, in training and in testing. The text has none.",
            _parameter(run, range(5, 11), "extra_sigma"),
        ),
        Erratum(
            "Nos. 5, 6, 11, 12",
            "The alpha of the Gamma noise is 26 in the text and 26.01 in the code: too little to be seen in a score.",
            _parameter(run, (5, 6, 11, 12), "alpha"),
        ),
        Erratum(
            "Convolution A",
            "The text gives the 3\u00d73 kernel but not what happens at the border. The code convolves circularly, each "
            "channel on its own.",
            "the same as the code" if run.info else _UNKNOWN,
        ),
        Erratum(
            "Solving Eq. 7",
            "Ten fixed-point steps. They do not converge everywhere: with the exact score, on a crop of one photograph, they "
            "are still off by up to 59 grey levels on No. 3, 0.3 on No. 9 and 0.4 on No. 10.",
            _iterations(run),
        ),
        Erratum(
            "PSNR",
            "The code takes the largest value of the clean image for the peak, truncates to 8 bits and crops to multiples of "
            "32. With a peak of 255 CBSD68 reads 0.09 dB higher on average (5 of its images do, by up to 3.1 dB) and Kodak "
            "the same; rounding in place of truncating adds 0.02 dB.",
            protocols,
        ),
        Erratum(
            "SSIM",
            "The code's window is uniform, 7\u00d77. The usual one, Gaussian and 11\u00d711, reads about 0.004 lower.",
            protocols,
        ),
        Erratum(
            "Kodak",
            "Not told how the photographs were cut; most likely to their 500\u00d7500 centres. Scores of the full photographs "
            "cannot be compared with those.",
            _sets(run, ("kodak24", "kodak24-500"), "kodak24-500 is that cut, kodak24 the full photographs"),
        ),
        Erratum(
            "CSet9",
            "Its one published image is 256\u00d7256, half of the usual size, so that its scores cannot be reproduced exactly. "
            "Four of its nine photographs are Kodak's.",
            _sets(run, ("cset9",), "the usual size"),
        ),
        Erratum(
            "CBSD68",
            "Training used CBSD500, which, if whole, holds the 68 test images: these scores may be too high.",
            "see the check of separation above" if _separation(run) else _UNKNOWN,
        ),
        Erratum(
            "Table 4, No. 12",
            "Supervised training on Kodak has 33.02 dB, more than the 32.86 dB of No. 11, which is the same noise without the "
            "convolution: most likely a misprint.",
            "marked where it stands beside our score",
        ),
        Erratum(
            "Methods compared with",
            "No settings and no code are published for the supervised, Noisier2Noise and Neighbor2Neighbor rows.",
            "the settings of every method are listed above" if run.methods and run.info else _UNKNOWN,
        ),
    )


def _parameter(run: Run, numbers: Iterable[int], name: str) -> str:
    """The parameter's value on these noise models of the run."""
    chosen = [noise for noise in run.noises if noise.number in numbers]
    if not chosen:
        return "not in this run"
    values = dict.fromkeys(brief(noise.parameters[name]) for noise in chosen if name in noise.parameters)
    return f"{name} = {' or '.join(values)}" if values else _UNKNOWN


def _iterations(run: Run) -> str:
    settings = [method.settings for method in run.methods if "iterations" in method.settings]
    if not settings:
        return _UNKNOWN
    counts = [found["iterations"] for found in settings]
    return " or ".join(dict.fromkeys("solved until it converges" if n is None else f"{text(n)} steps" for n in counts))


def _sets(run: Run, names: Iterable[str], words: str) -> str:
    return words if any(name in run.datasets for name in names) else "not in this run"


def _separation(run: Run) -> str:
    return text(mapping(run.info.get("data")).get("separation"))
