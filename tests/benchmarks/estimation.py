"""The confusion matrix of docs/estimate.md: simulated noise on each image of folders, all 16 models, each image on its own.

    python -m tests.benchmarks.estimation kodak24 cbsd68 --out estimation.jsonl

The folders are those below $DENOISEBENCH_DATA. What is in the output already is not done again; the tables are printed at the
end. `--grey` takes the images' luma, one channel, instead.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

import noise
from bench.data.images import list_images, read_image
from bench.estimation.estimating import Estimate, Picture, estimate
from bench.plan.seeds import generator_of

GREY = np.array([0.2989, 0.5870, 0.1140])


def main() -> None:
    """Estimate, keep what is found line by line, print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--grey", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    done = {(row["folder"], row["image"], row["true"]) for row in rows}
    with options.out.open("a") as file:
        for folder in options.folders:
            for path in list_images(Path(os.environ["DENOISEBENCH_DATA"]) / folder):
                clean = read_image(path).astype(np.float32)
                clean = (clean @ GREY)[..., None].astype(np.float32) if options.grey else clean
                for model in noise.catalogue():
                    if (folder, path.stem, model.slug) not in done:
                        row = {"folder": folder, "image": path.stem} | one(clean, model, path.stem)
                        rows.append(row)
                        print(json.dumps(row), file=file, flush=True)
    for folder in options.folders:
        print_tables(folder, [row for row in rows if row["folder"] == folder])


def one(clean: np.ndarray[Any, Any], model: noise.NoiseModel, name: str) -> dict[str, Any]:
    """What is told of one noisy image."""
    x = torch.from_numpy(np.moveaxis(clean, 2, 0).copy())
    y = model.sample(x, generator_of("estimation", model.slug, name))
    started = time.process_time()
    found = estimate([Picture(name, np.moveaxis(y.numpy(), 0, 2))])
    seconds = time.process_time() - started
    true = float(model.std(x).double().pow(2).mean().sqrt())
    return {
        "true": model.slug,
        "first": found.law.family,
        "rivals": [law.family for law in found.rivals],
        "expression": found.law.expression,
        "sd": sd_of(found, x.double().numpy() * model.mean_gain) / true - 1,
        "share": found.judgement.shares.get(found.law.family),
        "margin": [round(law.misfit - found.law.misfit, 1) for law in found.judgement.laws[1:3]],
        "strain": round(found.judgement.strain, 3),
        "doubts": found.doubts,
        "seconds": round(seconds, 2),
    }


def sd_of(found: Estimate, mean: np.ndarray[Any, Any]) -> float:
    """Root-mean-square standard deviation that the estimated law has over the image (grey levels)."""
    return float(np.sqrt(found.law.fit.pixel(mean).mean()))


def print_tables(folder: str, rows: list[dict[str, Any]]) -> None:
    """The confusion matrix of first answers, and errors of the standard deviation."""
    slugs = [model.slug for model in noise.catalogue()]
    print(f"\n{folder}: {len(rows)} images with noise")
    print("| noise | right | told | wrong | doubtful | first answers otherwise | sd, median error | sd, worst |")
    for slug in slugs:
        of = [row for row in rows if row["true"] == slug]
        if not of:
            continue
        right = [row for row in of if row["first"] == slug]
        told = [row for row in of if row["first"] != slug and slug in row["rivals"]]
        wrong = len(of) - len(right) - len(told)
        others = Counter(row["first"] for row in of if row["first"] != slug)
        errors = [abs(row["sd"]) for row in of]
        words = ", ".join(f"{name} {count}" for name, count in others.most_common())
        doubtful = sum(bool(row["doubts"]) for row in of)
        counts = f"{len(right)}/{len(of)} | {len(told)} | {wrong} | {doubtful}"
        print(f"| {slug} | {counts} | {words} | {statistics.median(errors):.1%} | {max(errors):.1%} |")
    sure = [row for row in rows if not row["rivals"] and not row["doubts"]]
    print(
        f"said without reserve: {len(sure)}, of these right {sum(row['first'] == row['true'] for row in sure)}; seconds an "
        f"image: median {statistics.median(row['seconds'] for row in rows):.1f}, most {max(row['seconds'] for row in rows):.1f}"
    )


if __name__ == "__main__":
    main()
