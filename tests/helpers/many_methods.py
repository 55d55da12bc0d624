"""A synthetic run of 25 methods that know and learn unlike, some of them on one image: as reports of all methods will be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from tests.helpers.run_fixture import NOISES, make_run

#: Slug -> (title, tags but the cost's).
MANY = {
    "noisy": ("Noisy input", "knows:nothing learns:nothing"),
    "supervised": ("Supervised", "knows:clean learns:set"),
    "noise2noise": ("Noise2Noise", "knows:second learns:set"),
    "noisier2noise": ("Noisier2Noise", "knows:law learns:set"),
    "recorruption": ("Recorrupted-to-Recorrupted", "knows:law learns:set"),
    "noise2score": ("Noise2Score", "knows:law learns:set"),
    "score-solver": ("Score solver", "knows:law learns:set"),
    "score-solver-plus": ("Score solver +", "knows:law learns:set"),
    "sure": ("SURE", "knows:law knows:kernel learns:set"),
    "unsure": ("UNSURE", "knows:kernel learns:set"),
    "neighbor2neighbor-unbiased": ("Neighbor2Neighbor, y / gain (ours)", "knows:gain learns:set"),
    "neighbor2neighbor": ("Neighbor2Neighbor", "knows:nothing learns:set"),
    "noise2void": ("Noise2Void", "knows:nothing learns:set"),
    "noise2self": ("Noise2Self", "knows:nothing learns:set"),
    "noise2same": ("Noise2Same", "knows:nothing learns:set"),
    "blind2unblind": ("Blind2Unblind", "knows:nothing learns:set"),
    "struct-n2v": ("StructN2V", "knows:nothing learns:set"),
    "nl-ridge": ("NL-Ridge", "knows:level learns:nothing"),
    "bm3d": ("BM3D", "knows:level learns:nothing"),
    "nl-means": ("Non-local means", "knows:level learns:nothing"),
    "wavelets": ("Wavelets", "knows:level learns:nothing"),
    "zs-n2n": ("ZS-N2N", "knows:nothing learns:image"),
    "noise2fast": ("Noise2Fast", "knows:nothing learns:image"),
    "deep-image-prior": ("Deep image prior", "knows:nothing learns:image"),
    "self2self": ("Self2Self", "knows:nothing learns:image"),
}
_COSTS = {"set": "training", "nothing": "free", "image": "each-image"}


def make_many(directory: Path, crop: int = 128, share: float = 0.1, **options: Any) -> Path:
    """Write the run; methods on one image have a share of their iterations on crops of that side (0: on whole images)."""
    options = {"noises": NOISES, "images": 3, "crops": 1} | options
    make_run(directory, methods=list(MANY), **options)
    describe(directory)
    lonely = [slug for slug, (_, tags) in MANY.items() if "learns:image" in tags]
    for path in (directory / "cells").iterdir():
        cell = json.loads(path.read_text(encoding="utf-8"))
        if cell["method"] in lonely:
            cell |= {"training": None, "one_image": {"steps": 200, "share": share, "crop": crop or None}}
            cell["rows"] = [row | ({"crop": crop} if crop else {}) for row in cell["rows"]]
        elif "learns:nothing" in MANY[cell["method"]][1]:
            cell["training"] = None
        path.write_text(json.dumps(cell), encoding="utf-8")
    table = pd.read_parquet(directory / "results.parquet")
    table["crop"] = table["method"].isin(lonely).astype("int64") * crop
    table.to_parquet(directory / "results.parquet", index=False)
    table.to_csv(directory / "results.csv", index=False)
    return directory


def describe(directory: Path) -> None:
    """Let run.json tell of each method what it knows and learns from, and its card."""
    info = json.loads((directory / "run.json").read_text(encoding="utf-8"))
    for method in info["methods"]:
        title, words = MANY[method["slug"]]
        learns = words.rpartition(":")[2]
        method |= {
            "title": title,
            "tags": [*words.split(), f"cost:{_COSTS[learns]}"],
            "learns_from": learns,
            "knows": [word[6:] for word in words.split() if word.startswith("knows:") and word != "knows:nothing"],
            "trains": learns == "set",
            "card": {
                "year": 2021, "url": "https://example.org/paper", "does": f"What {title} does.",
                "learns_from": learns, "costs": _COSTS[learns], "departs": [f"How {title} departs."],
                "caveats": ["Mind <this>."],
            },
        }  # fmt: skip
    (directory / "run.json").write_text(json.dumps(info), encoding="utf-8")
