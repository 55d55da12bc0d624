"""A small public data set, of files without a meaning, for the tests of downloads."""

from __future__ import annotations

import hashlib

import numpy as np

from bench.data.public.catalogue import PublicSet

FILES = {f"{name}.png": np.random.default_rng(name).bytes(20_000 + name % 100) for name in (3096, 12084, 101085)}
SET = PublicSet(
    folder="cbsd68",
    sizes="as they are",
    megabytes=0.1,
    licence="none",
    home="the shelf",
    sums={name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()},
    direct=(),
    archives=(),
)
