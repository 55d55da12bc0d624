"""What docs/images.md says of large images, measured again.

    python -m tests.benchmarks.large memory [--methods a,b] [--noise 1,16] [--size 4000x3000] [--preset small]
    python -m tests.benchmarks.large seams RUN [--image FILE] [--methods a,b]

`memory`: the most that a process holds (GiB) which draws noise, denoises by an untrained network of the preset and scores, a
process for each method that trains a network and each noise model that it applies to. `seams`: the middle 1024x1024 pixels of
a photograph (scikit-image's retina) by the networks of RUN (its weights, its first noise model), in blocks of half that side
and at once: by how much the difference between the two changes, on average, from one side of a cut to the other, and from one
end of the fade between two blocks to the other (grey levels).
"""

from __future__ import annotations

import argparse
import resource
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import skimage.data
import torch

import methods
from bench.cells import blocks, denoising
from bench.cells.denoising import denoise, noisy_image
from bench.cells.metrics import score
from bench.data.images import centre_crop, read_image
from bench.data.sets import Image
from bench.plan.cells import resolved
from bench.plan.settings import PRESETS
from bench.runs.record import kernels_from, read_plan, settings_from_record
from bench.runs.weights import read_weights
from bench.training.networks import network_of, set_window
from tests.helpers.plans import cell_of


def peak(slug: str, number: int, size: tuple[int, int], preset: str) -> float:
    """GiB that this process has held at most, all that it imports included."""
    torch.set_num_threads(1)
    width, height = size
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    cell, image = cell_of(slug, number), Image("large", "photograph", pixels)
    chosen = PRESETS[preset]
    network = network_of(cell.method, chosen).eval()
    set_window(network, round(chosen.patch * cell.method.training.patch * cell.method.subsampling))
    clean, noisy = noisy_image(image, cell.model, 0)
    score(denoise(network, cell, noisy, image), clean)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def memory(slugs: list[str], numbers: list[int], size: tuple[int, int], preset: str) -> None:
    """Print a row for each method and noise model."""
    print("| method | No. | GiB |\n| --- | ---: | ---: |")
    for slug, number in ((slug, number) for slug in slugs for number in numbers):
        if cell_of(slug, number).method.applicable(cell_of(slug, number).model).verdict == "no":
            continue
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:  # a process each: a peak never falls
            print(f"| {slug} | {number} | {pool.submit(peak, slug, number, size, preset).result():.2f} |", flush=True)


def seams(directory: Path, file: Path, slugs: list[str]) -> None:
    """Print a row for each method of a run that has weights: the mean over each of the two cuts, and the largest difference."""
    record, plan = read_plan(directory)
    settings, kernels = settings_from_record(record, plan), kernels_from(record)
    image = Image("large", file.stem, centre_crop(read_image(file), 1024))
    blocks.SIDE = max(image.pixels.shape[:2]) // 2
    print("| method | rows | columns | fade, rows | fade, columns | largest |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    for entry in plan:
        cell = resolved(entry, settings.recipe, kernels)
        if entry.seed or entry.noise != plan[0].noise or entry.key is None or (slugs and entry.method not in slugs):
            continue
        network = network_of(cell.method, settings.preset)
        record_of = read_weights(directory, entry.key, network)
        if record_of is None:
            raise SystemExit(f"{directory}: the weights of {entry.name} are not there")
        window = record_of["window"]
        set_window(network.eval(), window)
        _, noisy = noisy_image(image, cell.model, 0)
        results = []
        for limit in (1, 2**62):
            denoising.LARGE = limit
            results.append(denoise(network, cell, noisy, image))
        difference = results[0] - results[1]
        cuts = [blocks.blocks(side, window)[0].last for side in noisy.shape[-2:]]
        jumps = [
            difference.select(dim, cut + reach) - difference.select(dim, cut - 1 - reach)
            for reach in (0, blocks.FADE)
            for dim, cut in zip((1, 2), cuts, strict=True)
        ]
        told = " | ".join(f"{jump.mean().abs():.3f}" for jump in jumps)
        print(f"| {entry.method} | {told} | {difference.abs().max():.2g} |", flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("memory", "seams"))
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("--image", type=Path, default=Path(skimage.data.__file__).parent / "retina.jpg")
    parser.add_argument("--methods", type=lambda text: text.split(","), default=[])
    parser.add_argument("--noise", type=lambda text: [int(number) for number in text.split(",")], default=[1, 16])
    parser.add_argument("--size", type=lambda text: tuple(map(int, text.split("x"))), default=(4000, 3000))
    parser.add_argument("--preset", default="small", choices=list(PRESETS))
    options = parser.parse_args()
    if options.what == "memory":
        trained = [slug for slug, method in methods.catalogue().items() if method.trains and not method.one_image]
        memory(options.methods or trained, options.noise, options.size, options.preset)
    elif options.run:
        seams(options.run, options.image, options.methods)
    else:
        parser.error("seams: expected a run")


if __name__ == "__main__":
    main()
