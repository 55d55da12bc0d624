"""Training steps of this tree beside those of the commit before, or of another one that DENOISEBENCH_BEFORE names."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.harness import ROOT

PAIRS, STEPS = 7, 12

#: Told on each line of input to train so many steps; answers with the seconds of processor time that they took.
CHILD = """
import copy, sys, time
from dataclasses import replace
from types import SimpleNamespace
import numpy as np, torch
import methods, noise
from bench.plan.settings import PRESETS
from bench.training.loop import train
from bench.training.networks import make_network
from bench.training.patches import make_patches

torch.set_num_threads(1)
torch.set_flush_denormal(True)
name, slug, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
method, preset = methods.get(slug), replace(PRESETS[name], steps=steps, checks=1)
pixels = np.random.default_rng(0).integers(0, 256, (8, 96, 96, 3), dtype=np.uint8)
images = [SimpleNamespace(dataset="x", name=str(index), pixels=each) for index, each in enumerate(pixels)]
patches = make_patches(images, noise.get(1), None, 0, method.supervised, "cpu")
network = make_network(preset)
for _ in sys.stdin:
    own, clock = copy.deepcopy(network), time.process_time()
    train(own, method, noise.get(1), patches, preset, "x", torch.device("cpu"), lambda *_: None, lambda _: 0.0)
    print(time.process_time() - clock, flush=True)
"""


@contextmanager
def steps_of(root: Path, preset: str, slug: str) -> Iterator[Callable[[], float]]:
    """A process that times steps of the sources in a folder."""
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, preset, slug, str(STEPS)],
        cwd=root, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None and process.stdout is not None

        def seconds() -> float:
            process.stdin.write("\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            answer = process.stdout.readline()  # type: ignore[union-attr]
            if not answer:
                pytest.skip("the commit before trains in another way: what it is timed by does not run there")
            return float(answer)

        try:
            yield seconds
        finally:
            process.stdin.close()


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the commit before."""
    revision = os.environ.get("DENOISEBENCH_BEFORE", "HEAD~1")
    packed = subprocess.run(["git", "archive", revision, "bench", "methods", "noise"], cwd=ROOT, capture_output=True)
    if packed.returncode:
        pytest.skip(f"no commit {revision} here: {packed.stderr.decode().strip()}")
    root = tmp_path_factory.mktemp("before")
    with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
        archive.extractall(root, filter="data")
    return root


@pytest.mark.parametrize("slug", ["supervised", "neighbor2neighbor", "score-solver"])
@pytest.mark.parametrize("preset", ["quick", "small"])
def bench_steps_against_the_commit_before(
    preset: str, slug: str, before: Path, record_property: Callable[[str, Any], None]
) -> None:
    """Median of pairs in turn: no slower by more than 5 %."""
    with ExitStack() as stack:
        now, then = (stack.enter_context(steps_of(root, preset, slug)) for root in (ROOT, before))
        now(), then()  # warm up
        pairs = [(now(), then()) for _ in range(PAIRS)]
    ratios = [one / other for one, other in pairs]
    ratio = statistics.median(ratios)
    record_property("ratio", ratio)
    each = 1000 * statistics.median(one for one, _ in pairs) / STEPS
    print(f"\n{preset}, {slug}: {each:.1f} ms a step, {ratio:.3f} of before (pairs {min(ratios):.3f} to {max(ratios):.3f})")
    assert ratio <= 1.05
