"""How far two trainings of one method lie apart, and how many a run has: a test over images knows nothing of either."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import combinations
from math import sqrt

from reports.numbers.tables import Scores
from reports.read.model import Noise, Run
from reports.style.words import counted, numbered, spelled

#: The score solver's networks trained twice by one recipe and seed: on CPUs in float32 (results/small-equal-steps) and on an
#: H100 in bfloat16 (results/small-recipes/best). No. -> PSNR of the latter less the former's, mean over 97 photographs (dB).
RETRAINED: Mapping[int, float] = {1: -0.033, 3: 0.057, 6: -0.041, 9: -0.137, 12: 0.138, 14: 0.160}
#: The spread of retraining: root mean square of these (dB). Two networks that differ by less may do so by chance alone.
RETRAINING = 0.11


def spread(trainings: int) -> float:
    """Root mean square difference (dB) of two means over so many trainings each, of one method."""
    return RETRAINING / sqrt(max(trainings, 1))


def one_network(run: Run) -> frozenset[tuple[str, frozenset[str]]]:
    """(noise model, two methods) that use the same network for each seed, by the cells' files: retraining moves both alike."""
    keys: dict[str, dict[str, dict[int, str]]] = {}
    for cell in run.cells:
        if cell.status == "done" and cell.training and cell.training.key:
            keys.setdefault(cell.noise, {}).setdefault(cell.method, {})[cell.seed] = cell.training.key
    return frozenset(
        (noise, frozenset(pair))
        for noise, methods in keys.items()
        for pair in combinations(methods, 2)
        if _alike(*(methods[method] for method in pair))
    )


def _alike(own: Mapping[int, str], theirs: Mapping[int, str]) -> bool:
    common = own.keys() & theirs.keys()
    return bool(common) and all(own[seed] == theirs[seed] for seed in common)


def trainings(scores: Scores) -> str:
    """How many trainings a method has, and where: "one training a method on 15 of 16 noise models, one to three on No. 1"."""
    trained = {method.slug for method in scores.methods if method.trains}
    table = scores.run.table
    done = table[(table["status"] == "done") & table["method"].isin(trained)]
    cells = done[["noise", "method", "seed"]].drop_duplicates()
    counts: dict[str, list[int]] = {}
    for (noise, _), seeds in Counter(zip(cells["noise"], cells["method"], strict=True)).items():
        counts.setdefault(noise, []).append(seeds)
    groups: dict[tuple[int, int], list[Noise]] = {}
    for model in scores.noises:
        if model.slug in counts:
            groups.setdefault((min(counts[model.slug]), max(counts[model.slug])), []).append(model)
    if not groups:
        return ""
    total = sum(map(len, groups.values()))
    parts: list[str] = []
    for (least, most), noises in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])):
        number = spelled(least) if least == most else f"{spelled(least)} to {spelled(most)}"
        noun = "" if parts else " training a method" if most == 1 else " trainings a method"
        where = f"{len(noises)} of {counted(total, 'noise model')}" if not parts and len(groups) > 1 else numbered(noises)
        parts.append(f"{number}{noun}" + (f" on {where}" if len(groups) > 1 else ""))
    return ", ".join(parts)
