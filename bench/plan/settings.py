"""Settings and presets: every number that decides a run's cost and quality, in frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from bench.data.layout import LEAST
from bench.errors import UsageError
from methods import Method
from noise import NoiseModel
from noise.names import nearest

#: Most levels of the network: images are padded to multiples of 2^(levels - 1) pixels.
LEVELS = 8


def _number(default: Any, unit: str, least: float | None = None, most: float | None = None) -> Any:
    return field(default=default, metadata={"unit": unit, "least": least, "most": most})


@dataclass(frozen=True)
class Preset:
    """Settings of a run. Each field's metadata hold its unit and the range it may be set to."""

    # network
    channels: int = _number(128, "feature maps of the first level", 4, 1024)
    multipliers: tuple[int, ...] = _number((1, 2, 2, 4), "width of each level, in units of channels", 1, 16)
    blocks: int = _number(2, "residual blocks a level", 1, 8)
    attention: bool = _number(True, "self-attention in the middle")
    colours: int = _number(3, "channels of the images: 3, or 1 where they are grey (--colour)", 1, 3)
    # training
    steps: int = _number(5000, "optimiser steps", 1, 10**7)
    patches: int = _number(32, "patches a step", 1, 4096)
    patch: int = _number(128, "side of a patch (pixels)", 16, 1024)
    accumulate: int = _number(1, "parts that a step's patches are split into, to save memory", 1, 4096)
    learning_rate: float = _number(3e-4, "AdamW's rate at its highest", 1e-9, 1.0)
    warmup: int = _number(100, "steps to the highest rate", 0, 10**6)
    cosine: bool = _number(True, "half cosine down to 1 % of the rate; false: a tenth of it in the last fifth")
    weight_decay: float = _number(0.0, "AdamW's decoupled weight decay", 0.0, 1.0)
    ema: float = _number(0.999, "decay a step of the averaged weights", 0.0, 0.99999)
    clip: float = _number(1.5, "largest norm of the gradient, in units of its mean over the steps before", 1e-9, 1e6)
    flips: bool = _number(True, "patches turned and mirrored at random")
    # data
    training_crop: int = _number(0, "side of the one crop taken of each training image (pixels; 0: all of it)", 0, 10**5)
    test_sets: tuple[str, ...] = _number((), "test sets (none: all of them)")
    test_images: int = _number(0, "test images a set, the first by name (0: all)", 0, 10**6)
    test_crop: int = _number(0, "side of the centre crop of test images (pixels; 0: whole)", 0, 10**5)
    validation_images: int = _number(24, "validation images", 1, 10**4)
    validation_crop: int = _number(0, "side of their centre crop (pixels; 0: whole)", 0, 10**5)
    checks: int = _number(10, "points of the validation curve", 1, 1000)
    # methods that learn from the one image that they denoise
    one_image_steps: float = _number(1.0, "share of their own steps that methods on one image train for", 1e-6, 100.0)
    one_image_crop: int = _number(0, "side of the centre of test images that they are given (pixels; 0: whole)", 0, 10**5)
    # results
    self_ensemble: bool = _number(False, "denoise the 8 flips and turns of each test image, and average")
    crops: int = _number(4, "images a set of which crops are stored", 0, 10**4)


PRESETS: dict[str, Preset] = {
    "quick": Preset(
        channels=16, multipliers=(1, 2, 4), blocks=1, attention=False,
        steps=160, patches=4, patch=48, learning_rate=2e-3, warmup=16, ema=0.97,
        training_crop=96, test_sets=("kodak24", "cbsd68", "sample"), test_images=5, test_crop=256,
        validation_images=4, validation_crop=256, checks=2, crops=1, one_image_steps=0.1, one_image_crop=128,
    ),
    "small": Preset(
        channels=16, multipliers=(1, 2, 4), blocks=1, attention=False,
        steps=2000, patches=8, patch=64, learning_rate=2e-3, warmup=50, ema=0.995,
        validation_images=12, checks=5, crops=2,
    ),
    "standard": Preset(channels=64, steps=5000, patches=32, patch=128, learning_rate=5e-4),
    "paper": Preset(channels=128, steps=5000, patches=32, patch=128, accumulate=2),
}  # fmt: skip


#: What limits methods on one image, and is told where it does: the values that limit nothing.
ONE_IMAGE: dict[str, float] = {"one_image_steps": 1.0, "one_image_crop": 0}

#: What `--colour` takes, and the fields that a run of colour images, as all were before there were others, does not tell.
COLOURS = ("auto", "grey", "rgb")
UNTOLD: dict[str, float] = ONE_IMAGE | {"colours": 3}

#: What all methods of a run have equally much of: compute (that of supervised training by the preset), or optimiser steps.
EQUAL = ("compute", "steps")


@dataclass(frozen=True)
class Settings:
    """All that decides a run's numbers: the preset in force, and the methods and noise models with their own settings.

    Parameters
    ----------
    equal : str
        One of `EQUAL`.
    names : tuple of str
        Of the methods, where some are variants of others with names of their own; none: their slugs.
    test : bool
        False: trainings and their validation alone, without any test image.
    colour : str
        One of `COLOURS`, as it was asked for; what came of it is `preset.colours`.
    white : str
        The white level of images of more than 8 bits as it was asked for: "auto", or a number.
    """

    preset_name: str
    preset: Preset
    recipe: str
    equal: str
    data: str
    seeds: int
    device: str
    threads: int
    methods: tuple[Method, ...]
    noise: tuple[NoiseModel, ...]
    test: bool = True
    names: tuple[str, ...] = ()
    colour: str = "auto"
    white: str = "auto"

    @property
    def named(self) -> dict[str, Method]:
        """The methods by name."""
        return dict(zip(self.names or [method.slug for method in self.methods], self.methods, strict=True))


#: How the paper trains, whatever the preset: AdamW at 1e-4, a tenth of it in the last fifth of the steps; no average of the
#: weights, no clipping of the gradient, no flips. (And one fixed crop of each training image, as large as a patch.)
PAPER_TRAINING: dict[str, Any] = {
    "learning_rate": 1e-4, "warmup": 0, "cosine": False, "ema": 0.0, "clip": 1e6, "flips": False,
}  # fmt: skip


def with_steps(preset: Preset, steps: int) -> Preset:
    """The preset with so many steps; what else is told in steps keeps its share of them."""
    share = steps / preset.steps
    return replace(preset, steps=steps, warmup=round(preset.warmup * share), ema=preset.ema ** (1 / share))


def in_budget(method: Method, preset: Preset) -> Method:
    """The method as the preset runs it: one that learns from one image has a share of its own steps, at least one."""
    if not method.one_image:
        return method
    return with_own_steps(method, max(1, round(own_steps(method) * preset.one_image_steps)))


def own_steps(method: Method) -> int:
    """For how many steps a method on one image trains on each."""
    steps: int = vars(method)["steps"]
    return steps


def with_own_steps(method: Method, steps: int) -> Method:
    """A method on one image that trains for so many steps."""
    changed: dict[str, Any] = {"steps": steps}
    return replace(method, **changed)


def crop_of(method: Method, preset: Preset) -> int:
    """Side of the centre of test images that a method is given and scored on (pixels); 0: whole images."""
    return preset.one_image_crop if method.one_image else 0


def units() -> dict[str, str]:
    """The unit of every field."""
    return {item.name: item.metadata["unit"] for item in fields(Preset)}


def get_preset(name: str, assignments: list[str], recipe: str = "best") -> Preset:
    """A preset by name, with the recipe's way of training, and then "field=value" assignments applied.

    Raises
    ------
    UsageError
        For an unknown preset or field (with the nearest valid name), or a value of the wrong type or out of range.
    """
    if name not in PRESETS:
        raise UsageError(f"unknown preset {name!r}: expected {', '.join(PRESETS)}{nearest(name, PRESETS)}")
    assigned = dict(_assignment(text) for text in assignments)  # of two for a field the last counts, as of two options
    preset = replace(PRESETS[name], **((PAPER_TRAINING if recipe == "paper" else {}) | assigned))
    if recipe == "paper" and "training_crop" not in assigned:
        preset = replace(preset, training_crop=preset.patch)
    if len(preset.multipliers) > LEVELS:
        raise UsageError(f"multipliers: {len(preset.multipliers)} levels; expected at most {LEVELS}")
    if preset.colours == 2:
        raise UsageError("colours=2: expected 1 or 3")
    if preset.accumulate > preset.patches:
        raise UsageError(f"accumulate={preset.accumulate}: expected at most the {preset.patches} patches of a step")
    if 0 < preset.one_image_crop < LEAST:
        raise UsageError(f"one_image_crop={preset.one_image_crop}: expected 0, or at least {LEAST} pixels")
    return preset


def _assignment(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    known = {item.name: item for item in fields(Preset)}
    if not equals:
        raise UsageError(f"--set {text!r}: expected field=value")
    if name not in known:
        raise UsageError(f"--set {text!r}: no setting {name!r}{nearest(name, known)}; expected one of {', '.join(known)}")
    item = known[name]
    try:
        parsed = _parse(str(item.type), value)
    except ValueError:
        raise UsageError(f"--set {text!r}: expected {_KINDS[str(item.type)]} for {name} ({item.metadata['unit']})") from None
    least, most = item.metadata["least"], item.metadata["most"]
    numbers = parsed if isinstance(parsed, tuple) else (parsed,)
    if least is not None and not all(least <= number <= most for number in numbers):
        raise UsageError(f"--set {text!r}: expected {name} from {least:g} to {most:g} ({item.metadata['unit']})")
    return name, parsed


_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple[int, ...]": "whole numbers with commas between",
    "tuple[str, ...]": "names with commas between",
}


def _parse(kind: str, value: str) -> Any:
    if kind == "int":
        return int(value)
    if kind == "float":
        return float(value)
    if kind == "bool":
        return {"true": True, "false": False}[value.lower()] if value.lower() in ("true", "false") else int("no")
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if kind == "tuple[int, ...]":
        if not parts:
            raise ValueError(value)
        return tuple(int(part) for part in parts)
    return tuple(parts)
