"""Training keys: which trainings are the same."""

from __future__ import annotations

import hashlib
from dataclasses import asdict

from bench.plan.measured import Measured
from bench.plan.settings import ONE_IMAGE, UNTOLD, Settings
from methods import Method
from noise import NoiseModel

#: Fields of a preset that do not bear on the weights.
_EVALUATION_FIELDS = (
    "test_sets", "test_images", "test_crop", "validation_crop", "checks", "crops", "self_ensemble", *ONE_IMAGE,
)  # fmt: skip


def half_keys(key: str) -> tuple[str, str]:
    """The keys of the two trainings that are one where a set of measured noise is learnt from by halves."""
    return f"{key}-1", f"{key}-2"


def training_key(settings: Settings, model: NoiseModel, method: Method, seed: int, training_sha256: str) -> str:
    """Hash of everything that determines a network's weights.

    What is learnt, the noise model and its parameters as the network sees them, recipe, network, training images, seed,
    and how it is computed (device, threads).
    """
    seen = model.decorrelated() if method.wants_decorrelated(model) else None
    given = model if seen is None else seen.model
    law = given.training_law(method) if isinstance(given, Measured) else given.law
    view = "x" if seen is None or seen.same_image else f"A^-1 x, {seen.convolution}"
    told = {name: value for name, value in asdict(settings.preset).items() if name not in _EVALUATION_FIELDS}
    fields = {name: value for name, value in told.items() if UNTOLD.get(name) != value}
    how = (settings.device, settings.threads)
    training = (settings.equal, method.training, method.subsampling)
    parts: tuple[object, ...] = (
        method.learns(), training, law, view, settings.recipe, sorted(fields.items()), training_sha256, seed, how,
    )  # fmt: skip
    if method.own_network:
        made = type(method).make_network
        parts += (made.__module__, made.__qualname__)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:20]
