"""A synthetic run directory in the format of docs/run-directory.md, for the tests of reports/. Nothing is trained."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tests.helpers.pictures import Picture, png, square

NOISES = (
    *("gaussian", "gaussian-conv", "gaussian-affine", "gaussian-affine-conv", "gamma", "gamma-conv", "poisson", "poisson-conv"),
    *("rayleigh", "rayleigh-conv", "gamma+gaussian", "gamma-conv+gaussian", "poisson+gaussian", "poisson-conv+gaussian"),
    *("rayleigh+gaussian", "rayleigh-conv+gaussian"),
)
METHODS = ("noisy", "supervised", "noisier2noise", "neighbor2neighbor", "noise2score", "score-solver")
METRICS = ("psnr", "psnr_paper", "ssim", "ssim_paper")
#: Text that must come out as text: markup, both quotes, other scripts, 200 characters.
HOSTILE = (
    "<script>alert(1)</script> \"quoted\" 'single' & <img src=x onerror=alert(2)> \u96d1\u97f3 \u05e8\u05e2\u05e9 " + "x" * 130
)

#: Rough PSNR of each noise model's noisy input, and how far the best method gets.
_NOISY = (20.2, 27.0, 17.0, 23.8, 20.8, 26.2, 20.9, 26.3, 14.1, 15.0, 20.0, 24.0, 20.1, 24.1, 13.9, 14.8)
_BEST = (28.9, 31.1, 27.2, 29.6, 29.7, 29.5, 29.2, 29.0, 31.9, 30.8, 28.8, 28.1, 28.7, 27.9, 30.6, 28.9)
_INFEASIBLE = frozenset({2, 4, 9, 10, 12, 14, 15, 16})

Key = tuple[int, str, int]  # noise number, method, seed


def applicability(number: int, method: str) -> tuple[str, str]:
    """The paper's Table 1, near enough for a page; methods it does not know are applicable."""
    if method == "noisier2noise" and number > 4:
        return "no", "the noise is not additive"
    if method == "noise2score" and number not in (1, 2, 5, 6, 7, 8):
        return "no", "p(y|x) is no exponential family with a known Tweedie formula"
    if method == "neighbor2neighbor" and number in (6, 8):
        return "indirect", "y = A N(x) with unbiased N: applied to A^-1 y"
    if method == "neighbor2neighbor" and number in _INFEASIBLE:
        return "infeasible", "E[y|x] is not x, or the noise is correlated between pixels"
    return "yes", "its assumptions hold"


def make_run(
    directory: Path,
    *,
    noises: Sequence[str] = NOISES,
    methods: Sequence[str] = METHODS,
    seeds: int = 1,
    datasets: Sequence[str] = ("kodak24", "cbsd68"),
    images: int | Mapping[str, int] = 3,
    whole: bool = False,
    failed: Collection[Key] = (),
    timeout: Collection[Key] = (),
    pending: Collection[Key] = (),
    value: Callable[[int, str, int, str, int, str], float | None] | None = None,
    crops: int = 1,
    picture: Picture | None = None,
    side: int = 64,
    hostile: str = "",
    points: int = 12,
) -> Path:
    """Write a run directory and return it. `value` overrides scores; `whole`: no crops, no image left out;
    `hostile` is put wherever a name or message goes."""
    maker = _Maker(directory, list(noises), list(methods), seeds, list(datasets), images, hostile, points)
    maker.status = {**dict.fromkeys(failed, "failed"), **dict.fromkeys(timeout, "timeout"), **dict.fromkeys(pending, "pending")}
    maker.value = value or maker.score
    maker.picture = picture or square(side)
    maker.crops = crops
    maker.whole = whole
    maker.write()
    return directory


class _Maker:
    status: dict[Key, str]
    value: Callable[[int, str, int, str, int, str], float | None]
    picture: Picture
    crops: int
    whole: bool

    def __init__(
        self,
        root: Path,
        noises: list[str],
        methods: list[str],
        seeds: int,
        datasets: list[str],
        images: int | Mapping[str, int],
        hostile: str,
        points: int,
    ) -> None:
        self.root, self.noises, self.methods, self.seeds = root, noises, methods, seeds
        self.datasets, self.hostile, self.points = datasets, hostile, points
        count = {name: images if isinstance(images, int) else images[name] for name in datasets}
        self.images = {name: [f"{name[:5]}-{index:02d}{hostile}" for index in range(1, count[name] + 1)] for name in datasets}

    def number(self, noise: str) -> int:
        return NOISES.index(noise) + 1

    def score(self, number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float:
        """A believable score: the same for the same arguments."""
        low, high = _NOISY[number - 1], _BEST[number - 1]
        lags = {"noisy": high - low, "supervised": 0.0, "noisier2noise": 0.75, "noise2score": 0.55, "score-solver": 0.55}
        bad = number in _INFEASIBLE
        lags["neighbor2neighbor"] = (high - low) * (0.97 if number in (9, 10, 15, 16) else 0.8) if bad else 0.48
        lag = lags.get(method, 0.3 + 0.15 * (len(method) + sum(map(ord, method)) % 17))
        shift = random.Random(f"{dataset}{image}{seed}").gauss(0, 1.2) + random.Random(f"{method}{image}{number}").gauss(
            0, 0.05
        )
        psnr = high - lag + shift - (0.09 if metric.endswith("paper") else 0.0)
        return psnr if metric.startswith("psnr") else 1 / (1 + math.exp(-(psnr - 22) / 4.2))

    def write(self) -> None:
        (self.root / "cells").mkdir(parents=True, exist_ok=True)
        (self.root / "crops").mkdir(exist_ok=True)
        table: list[tuple[Any, ...]] = []
        matrix: list[dict[str, Any]] = []
        for noise in self.noises:
            number = self.number(noise)
            for method in self.methods:
                verdict, reason = applicability(number, method)
                reason += self.hostile
                matrix.append(
                    {"noise_no": number, "noise": noise, "method": method, "applicability": verdict, "reason": reason}
                )
                for seed in range(self.seeds):
                    table += self.cell(number, noise, method, seed, verdict, reason)
        columns = [
            "noise_no",
            "noise",
            "method",
            "seed",
            "status",
            "applicability",
            "reason",
            "dataset",
            "image",
            "metric",
            "value",
        ]
        frame = pd.DataFrame(table, columns=columns)
        frame.to_parquet(self.root / "results.parquet", index=False)
        frame.to_csv(self.root / "results.csv", index=False)
        (self.root / "run.json").write_text(json.dumps(self.info(matrix), indent=1), encoding="utf-8")

    def cell(self, number: int, noise: str, method: str, seed: int, verdict: str, reason: str) -> list[tuple[Any, ...]]:
        """Write a cell's file and return its rows of the long table."""
        status = "not-applicable" if verdict == "no" else self.status.get((number, method, seed), "done")
        base = (number, noise, method, seed, status, verdict, reason)
        rows = []
        if status == "done":
            for dataset in self.datasets:
                for index, image in enumerate(self.images[dataset]):
                    scores = {metric: self.value(number, method, seed, dataset, index, metric) for metric in METRICS}
                    rows.append({"dataset": dataset, "image": image, **scores})
        if status in ("done", "failed", "timeout"):
            name = f"{number:02d}-{noise}--{method}--s{seed}.json"
            data = self.cell_file(number, noise, method, seed, status, verdict, reason, rows)
            (self.root / "cells" / name).write_text(json.dumps(data), encoding="utf-8")
        return [(*base, row["dataset"], row["image"], metric, row[metric]) for row in rows for metric in METRICS] or [
            (*base, None, None, None, None)
        ]

    def cell_file(
        self,
        number: int,
        noise: str,
        method: str,
        seed: int,
        status: str,
        verdict: str,
        reason: str,
        rows: list[dict[str, Any]],
    ) -> dict[str, Any]:
        done = status == "done"
        message = {"failed": "FloatingPointError: loss is nan at step 120", "timeout": "stopped after 1200 s"}.get(status)
        trace = (
            f'Traceback (most recent call last):\n  File "x.py", line 3, in step\n{message}{self.hostile}' if message else None
        )
        return {
            **{"schema": 1, "noise_no": number, "noise": noise, "method": method, "seed": seed, "status": status},
            **{"applicability": verdict, "reason": reason, "decorrelated": number in (6, 8) and method != "noisy"},
            "training": self.training(number, method) if done and method != "noisy" else None,
            **{"denoise_seconds": 0.9 + 0.1 * number, "megapixels": 0.65, "seconds": 19.0, "peak_memory_mib": 512.0 + number},
            **{"started": "2026-01-31T12:00:00+00:00", "finished": f"2026-01-31T12:{number:02d}:30+00:00"},
            "rows": rows,
            "crops": self.cell_crops(number, noise, method, seed) if done and seed == 0 else [],
            "warnings": ["3 pixels of the solve were not finite and kept the noisy value" + self.hostile]
            if number == 9
            else [],
            "message": message + self.hostile if message else None,
            "traceback": trace,
        }

    def training(self, number: int, method: str) -> dict[str, Any]:
        shared = method in ("noise2score", "score-solver")
        steps = [round(400 * index / self.points) for index in range(1, self.points + 1)]
        start = {"supervised": 0.09, "score-solver": 1.0, "noise2score": 1.0}.get(method, 0.12)
        final = self.score(number, method, 0, "validation", 0, "psnr")
        return {
            **{
                "key": f"{number}-{'score' if shared else method}",
                "reused": method == "score-solver",
                "seconds": 15.0 + number,
            },
            **{"steps": 400, "patches": 1600, "parameters": 701234, "final_loss": 0.3, "peak_memory_mib": 480.0},
            "loss": [[step, start * (0.35 + math.exp(-step / 60))] for step in steps],
            "validation": [[step, final - 9 * math.exp(-step / 70)] for step in steps],
        }

    def cell_crops(self, number: int, noise: str, method: str, seed: int) -> list[dict[str, Any]]:
        found = []
        for dataset in self.datasets:
            for index, image in enumerate(self.images[dataset][: self.crops]):
                # The stored file's name is the writer's own choice, never the image's.
                file = f"crops/{number:02d}-{noise}--{method}--s{seed}--{dataset}-{index}.png"
                clean = f"crops/clean--{dataset}-{index}.png"
                for name, kind in ((file, method), (clean, "clean")):
                    if not (self.root / name).exists():
                        (self.root / name).write_bytes(png(self.picture(dataset, str(index), number, kind)))
                found.append(
                    {"dataset": dataset, "image": image, "file": file, "clean": clean, "top": 0, "left": 0, "size": 64}
                )
        return found

    def info(self, matrix: list[dict[str, Any]]) -> dict[str, Any]:
        fields = {"steps": 400, "patch": 48, "batch": 4, "width": 32, "learning_rate": 0.001}
        cells = sum(entry["applicability"] != "no" for entry in matrix) * self.seeds
        title = {"noisy": "Noisy input", "score-solver": "Score solver", "noise2score": "Noise2Score"}
        names = {
            "noisier2noise": "Noisier2Noise",
            "neighbor2neighbor": "Neighbor2Neighbor",
            "supervised": "Supervised",
            **title,
        }
        return {
            **{
                "schema": 1,
                "command": "python -m bench run --methods all" + self.hostile,
                "started": "2026-01-31T12:00:00+00:00",
            },
            "settings": {
                **{"preset": "quick", "recipe": "best", "data": "sample", "seeds": self.seeds, "device": "cpu", "threads": 1},
                **{"methods": self.methods, "noise": self.noises, "fields": fields},
                "data_sha256": dict.fromkeys(self.datasets, "ab" * 32),
            },
            "units": {"steps": "optimiser steps", "patch": "pixels", "batch": "patches", "width": "channels"},
            "methods": [
                {
                    **{"slug": slug, "title": names.get(slug, slug) + self.hostile, "paper": "https://example.org/paper"},
                    **{
                        "assumptions": "E[y|x] = x" + self.hostile,
                        "supervised": slug == "supervised",
                        "trains": slug != "noisy",
                    },
                    "settings": {"alpha": 0.5},
                }
                for slug in self.methods
            ],
            "noise": [
                {
                    **{"number": self.number(slug), "slug": slug, "title": slug.replace("-conv", ", convolved").capitalize()},
                    **{"formula": "y = A(x + n)" if "conv" in slug else "y = x + n", "parameters": {"sigma": 25.0}},
                }
                for slug in self.noises
            ],
            "matrix": matrix,
            "data": {
                "sets": [
                    {
                        **{"name": name, "role": "test", "images": len(self.images[name])},
                        **{"of": len(self.images[name]) if self.whole else 24, "crop": None if self.whole else 256},
                        **{"sha256": "ab" * 32, "names": self.images[name]},
                    }
                    for name in self.datasets
                ]
                + [
                    {
                        **{"name": "train/bsds432", "role": "training", "images": 408, "of": 432, "crop": None},
                        **{"sha256": "cd" * 32, "names": []},
                    }
                ],
                "separation": "No test image, nor a near duplicate of one, is among the training images.",
            },
            **{"cells": cells, "trainings": max(0, cells - 6 - len(self.noises))},
            "shared": ["score-solver on gaussian uses the score network of noise2score"],
            "versions": {"python": "3.11.7", "torch": "2.13.0"},
            "hardware": {"machine": "x86_64", "cpu": "Some CPU", "cores": 2, "memory_gib": 23.4, "gpu": None},
            "git": "1a2b3c4",
            "notes": ["Nos. 3 and 4: the paper's a = 0.98 is a misprint, 25/255 is used." + self.hostile],
        }
