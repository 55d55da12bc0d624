"""The paper's Tables 2-4 beside ours: which scores can be compared, by how much they differ, and what else differs."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from statistics import fmean
from typing import Any

from reports.numbers.tables import DIGITS, OVERALL, PROTOCOLS, Scores, signed
from reports.read.model import Method, Noise, Run
from reports.read.untrusted import brief, mapping, number, sequence, text, texts, whole

PROTOCOL = "paper"
#: The paper's test sets, and how many images each has.
WHOLE: Mapping[str, int] = {"kodak24-500": 24, "cset9": 9, "cbsd68": 68}

#: The paper's training: steps, patches a step, side of a patch (pixels), and parameters of the network.
_STEPS, _PATCHES, _PATCH, _PARAMETERS = 5000, 32, 128, 68.5e6
_EXTRA_SIGMA = 5.0  # Nos. 5-10 in the paper's code
_DIV2K_VALIDATION = frozenset(f"{number:04d}" for number in range(801, 901))
#: (noise_no, method, data set) of a figure that is probably a typing error: No. 11, with less noise, has 32.86 there.
TYPO = (12, "supervised", "kodak24-500")
TYPO_TEXT = (
    "The paper's 33.02 dB / 0.882 of supervised training on Kodak, No. 12, is probably a typing error: "
    "it is above the 32.86 dB of No. 11, which has the same noise without the convolution."
)


@cache
def published() -> Mapping[tuple[int, str, str], tuple[float, float]]:
    """(noise_no, method, data set) -> PSNR (dB) and SSIM as printed in the paper, under our slugs."""
    lines = resources.files("reports.published").joinpath("paper.csv").read_text(encoding="utf-8").splitlines()
    return {
        (int(row["noise_no"]), row["method"], row["dataset"]): (float(row["psnr"]), float(row["ssim"]))
        for row in csv.DictReader(lines)
    }


@dataclass(frozen=True)
class Beside:
    """The paper's score of one cell of a table, and ours minus it."""

    psnr: float  # dB
    ssim: float
    psnr_gap: float
    ssim_gap: float | None
    note: str = ""

    @property
    def shown(self) -> tuple[str, str]:
        """The paper's PSNR and SSIM as printed there."""
        return f"{self.psnr:.{DIGITS['psnr']}f}", f"{self.ssim:.{DIGITS['ssim']}f}"

    @property
    def gaps(self) -> tuple[str, str]:
        """Ours minus the paper's, signed."""
        return signed(self.psnr_gap), "n/a" if self.ssim_gap is None else signed(self.ssim_gap, DIGITS["ssim"])


@dataclass(frozen=True)
class Comparison:
    """All of a run that the paper has a figure for. Without any cell, `why_not` says why."""

    cells: Mapping[tuple[str, str, str], Beside] = field(default_factory=dict)  # (noise, method, data set or OVERALL)
    gaps: Mapping[tuple[str, str], float] = field(default_factory=dict)  # (noise, method) -> mean over the sets that both have
    notes: tuple[str, ...] = ()
    why_not: str = ""

    def row(self, noise: Noise, method: Method) -> bool:
        """Whether any data set of this noise model and method can be compared."""
        return (noise.slug, method.slug) in self.gaps

    def cell(self, noise: Noise, method: Method, dataset: str) -> Beside | None:
        return self.cells.get((noise.slug, method.slug, dataset))


def beside_the_paper(scores: Scores) -> Comparison:
    """Pair every complete score of a whole test set, paper protocol, with the paper's figure."""
    run = scores.run
    if PROTOCOL not in scores.protocols:
        return Comparison(why_not=_not_shown("no score by its protocol is in the results table"))
    usable, refused, assumed = [], [], []
    for name in run.datasets:
        limits, known = _limits(run, name)
        if limits:
            refused.append(f"{name}: {limits}")
        else:
            usable.append(name)
            assumed += [] if known else [name]
    if not usable:
        reason = f"none of its test sets was scored whole ({'; '.join(refused)})" if refused else "no cell is finished"
        return Comparison(why_not=_not_shown(reason))
    cells = dict(_pairs(scores, usable))
    if not cells:
        return Comparison(why_not=_not_shown("none of its cells is among the complete ones of this run"))
    gaps = {}
    for noise, method in dict.fromkeys(key[:2] for key in cells):
        here = {name: cells[noise, method, name] for name in usable if (noise, method, name) in cells}
        gaps[noise, method] = fmean(beside.psnr_gap for beside in here.values())
    for noise_model in scores.noises:
        shown = scores.datasets(noise_model)
        for method_info in scores.methods:
            here_all = [cells.get((noise_model.slug, method_info.slug, name)) for name in shown]
            parts = [beside for beside in here_all if beside is not None]
            if len(shown) > 1 and len(parts) == len(shown):  # else it would not be the mean that stands above it
                cells[noise_model.slug, method_info.slug, OVERALL] = _mean(parts)
    return Comparison(cells, gaps, tuple(_notes(scores, cells, usable, refused, assumed)))


def _not_shown(reason: str) -> str:
    return f"The paper's own figures are not shown beside these: {reason}."


def _limits(run: Run, name: str) -> tuple[str, bool]:
    """What keeps a test set from being the paper's, in words, and whether run.json describes it."""
    limits, images = cut_short(run, name)
    if mapping(mapping(run.info.get("settings")).get("fields")).get("colours") == 1:
        limits.append("grey, where the paper has colour")
    if not limits and name == "kodak24":
        limits = ["the full photographs, where the paper most likely has their 500\u00d7500 centres, kodak24-500"]
    elif not limits and name not in WHOLE:
        limits = ["not one of them"]
    elif not limits and images != WHOLE[name]:
        limits = [f"{images} images, where the paper has {WHOLE[name]}"]
    return ", ".join(limits), _described(run, name) is not None


def cut_short(run: Run, name: str) -> tuple[list[str], int]:
    """What was left out of a test set or cut from its images, in words, and how many images there are."""
    described, table = _described(run, name), run.table
    scored = int(table.loc[(table["dataset"] == name) & (table["status"] == "done"), "image"].nunique())
    images = scored if described is None else whole(described.get("images"), scored)
    crop = 0 if described is None or not whole(described.get("cut"), 1) else whole(described.get("crop"))
    of = WHOLE.get(name, images) if described is None else whole(described.get("of"), images)
    limits = [f"{'the first ' if described else ''}{images} of {of} images"] if images < of else []
    return limits + ([f"centre {crop}\u00d7{crop}"] if crop > 0 else []), images


def _described(run: Run, name: str) -> Mapping[str, Any] | None:
    """What run.json tells of a test set."""
    sets = [mapping(entry) for entry in sequence(mapping(run.info.get("data")).get("sets"))]
    return next((s for s in sets if text(s.get("name")) == name and s.get("role", "test") == "test"), None)


def _pairs(scores: Scores, usable: list[str]) -> Iterator[tuple[tuple[str, str, str], Beside]]:
    psnr_name, ssim_name = PROTOCOLS[PROTOCOL]
    for noise in scores.noises:
        for method in scores.methods:
            for name in usable:
                figures = published().get((noise.number, method.slug, name))
                psnr = scores.score(noise, method, name, psnr_name)
                if figures is None or psnr.value is None or not psnr.complete or psnr.images != WHOLE[name]:
                    continue
                ssim = scores.score(noise, method, name, ssim_name)
                known = ssim.value is not None and ssim.complete
                yield (
                    (noise.slug, method.slug, name),
                    Beside(
                        *figures,
                        psnr_gap=psnr.value - figures[0],
                        ssim_gap=ssim.value - figures[1] if known and ssim.value is not None else None,
                        note=TYPO_TEXT if (noise.number, method.slug, name) == TYPO else "",
                    ),
                )


def _mean(parts: list[Beside]) -> Beside:
    ssim_gaps = [beside.ssim_gap for beside in parts if beside.ssim_gap is not None]
    return Beside(
        psnr=fmean(beside.psnr for beside in parts),
        ssim=fmean(beside.ssim for beside in parts),
        psnr_gap=fmean(beside.psnr_gap for beside in parts),
        ssim_gap=fmean(ssim_gaps) if len(ssim_gaps) == len(parts) else None,
        note="; ".join(dict.fromkeys(beside.note for beside in parts if beside.note)),
    )


def _notes(
    scores: Scores, cells: Mapping[tuple[str, str, str], Beside], usable: list[str], refused: list[str], assumed: list[str]
) -> Iterator[str]:
    """What differs between this run and the paper's, beside the numbers."""
    run = scores.run
    means = []
    for method in scores.methods:
        found = [beside.psnr_gap for (_, slug, name), beside in cells.items() if slug == method.slug and name != OVERALL]
        if found:
            means.append(f"{method.title} {signed(fmean(found))} dB ({len(found)})")
    yield f"Mean difference by method, with the number of scores: {', '.join(means)}."
    if assumed:
        yield f"Taken to be whole images, which no run.json says: {', '.join(assumed)}."
    if refused:
        yield f"Not compared: {'; '.join(refused)}."
    yield f"Training images. {_training_images(run)}"
    yield f"Network. {_network(run)}"
    yield f"Budget. {_budget(run)}"
    if "kodak24-500" in usable:
        yield "Kodak. The paper does not say how its images were cut; 500\u00d7500 centres are the likely reading."
    if "cset9" in usable:
        yield "CSet9. The paper's images are 256\u00d7256, the usual ones are larger: its scores cannot be reproduced exactly."
    yield from _extra_noise(scores, cells)
    if any(beside.note for beside in cells.values()):
        yield f"No. 12. {TYPO_TEXT}"


def _training_images(run: Run) -> str:
    sets = [mapping(entry) for entry in sequence(mapping(run.info.get("data")).get("sets"))]
    counts = {text(s.get("name")): whole(s.get("images")) for s in sets if s.get("role") == "training"}
    here = ", ".join(f"{count} of {name}" for name, count in counts.items()) or "unknown"
    div2k = next((texts(s.get("names")) for s in sets if text(s.get("name")) == "div2k" and s.get("role") == "training"), ())
    validation = bool(div2k) and all(name in _DIV2K_VALIDATION for name in div2k)
    return (
        f"Here: {here}; in the paper: CBSD500 and DIV2K. CBSD500, if whole, holds the 68 test images of CBSD68, so that "
        "the paper's figures for that set may be too high."
        + (" DIV2K has 800 training images; those here are of its 100 validation images." if validation else "")
    )


def _network(run: Run) -> str:
    counts = sorted({cell.training.parameters for cell in run.cells if cell.training and cell.training.parameters})
    if not counts:
        return f"In the paper {_PARAMETERS / 1e6:.1f} M parameters; here unknown."
    here = " to ".join(f"{count / 1e6:.3g}" for count in dict.fromkeys((counts[0], counts[-1])))
    return f"Here {here} M parameters, in the paper {_PARAMETERS / 1e6:.1f} M."


def _budget(run: Run) -> str:
    settings = mapping(run.info.get("settings"))
    fields = mapping(settings.get("fields"))
    steps, patches, patch = (number(fields.get(name)) for name in ("steps", "patches", "patch"))
    paper = f"{_STEPS} steps of {_PATCHES} patches of {_PATCH}\u00d7{_PATCH}"
    if steps is None or patches is None or patch is None:
        return f"In the paper {paper}; here unknown."
    share = steps * patches * patch**2 / (_STEPS * _PATCHES * _PATCH**2)
    recipe = text(settings.get("recipe"))
    return (
        f"Here {steps:.0f} steps of {patches:.0f} patches of {patch:.0f}\u00d7{patch:.0f}, in the paper {paper}: "
        + ("as many pixels" if share == 1 else f"{100 * share:.2g} % of its pixels")
        + (f". Recipe here: {recipe}." if recipe else ".")
        + (" That is supervised training; the others have its compute." if settings.get("equal") == "compute" else "")
    )


def _extra_noise(scores: Scores, cells: Mapping[tuple[str, str, str], Beside]) -> Iterator[str]:
    """Nos. 5-10 carry an untold N(0, 5^2) in the paper's code."""
    compared = {slug for slug, _, _ in cells}
    here: dict[str, list[str]] = {}
    for noise in scores.noises:
        if 5 <= noise.number <= 10 and noise.slug in compared:
            sigma = number(noise.parameters.get("extra_sigma"))
            words = (
                "unknown" if sigma is None else "the same" if sigma == _EXTRA_SIGMA else "none" if not sigma else brief(sigma)
            )
            here.setdefault(words, []).append(str(noise.number))
    if here:
        parts = "; ".join(f"{words} on {', '.join(numbers)}" for words, numbers in here.items())
        yield (
            "Nos. 5-10. The paper's code adds Gaussian noise of standard deviation 5 that its text lacks, drawn anew at every "
            f"step. Here, as a part of the noisy image: {parts}."
        )
