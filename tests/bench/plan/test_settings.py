"""Presets, and what --set may do to them."""

import dataclasses

import pytest

from bench.errors import UsageError
from bench.plan.settings import PRESETS, Preset, get_preset, units

FIELDS = {field.name: field for field in dataclasses.fields(Preset)}


def ranged():
    return [field for field in FIELDS.values() if field.metadata["least"] is not None]


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_within_their_own_limits(name):
    preset = PRESETS[name]
    assert get_preset(name, []) == preset
    for field in FIELDS.values():
        value = getattr(preset, field.name)
        expected = {"int": int, "float": float, "bool": bool}.get(field.type, tuple)
        assert type(value) is expected, field.name
        for number in value if isinstance(value, tuple) else (value,):
            if field.metadata["least"] is not None:
                assert field.metadata["least"] <= number <= field.metadata["most"], field.name
    assert preset.warmup < preset.steps and preset.accumulate <= preset.patches
    assert preset.training_crop == 0 or preset.training_crop >= preset.patch


def test_the_presets_of_the_design():
    assert list(PRESETS) == ["quick", "small", "standard", "paper"]
    small, standard, paper = PRESETS["small"], PRESETS["standard"], PRESETS["paper"]
    assert (small.steps, small.patches, small.patch) == (2000, 8, 64)
    assert (standard.steps, standard.patches, standard.patch, standard.channels) == (5000, 32, 128, 64)
    assert (paper.channels, paper.multipliers, paper.blocks, paper.attention) == (128, (1, 2, 2, 4), 2, True)
    assert (paper.steps, paper.patches, paper.patch) == (5000, 32, 128)
    with pytest.raises(dataclasses.FrozenInstanceError):
        paper.steps = 1


def test_every_field_has_a_unit():
    assert list(units()) == list(FIELDS)
    assert all(isinstance(unit, str) and len(unit) > 5 for unit in units().values())


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("steps=500", "steps", 500),
        ("learning_rate=1e-3", "learning_rate", 0.001),
        ("learning_rate=1", "learning_rate", 1.0),
        ("flips=false", "flips", False),
        ("attention=TRUE", "attention", True),
        ("multipliers=1,2,3", "multipliers", (1, 2, 3)),
        ("multipliers=2", "multipliers", (2,)),
        ("test_sets=kodak24,cset9", "test_sets", ("kodak24", "cset9")),
        ("test_sets=", "test_sets", ()),
        ("training_crop=0", "training_crop", 0),
    ],
)
def test_set(text, name, value):
    preset = get_preset("standard", [text])
    assert getattr(preset, name) == value and type(getattr(preset, name)) is type(value)
    assert dataclasses.replace(preset, **{name: getattr(PRESETS["standard"], name)}) == PRESETS["standard"]


def test_several_assignments():
    assert get_preset("quick", ["steps=7", "patch=32", "steps=8"]) == dataclasses.replace(PRESETS["quick"], steps=8, patch=32)


@pytest.mark.parametrize("field", ranged(), ids=lambda field: field.name)
def test_limits_themselves_are_allowed_and_nothing_beyond(field):
    least, most = field.metadata["least"], field.metadata["most"]
    for limit in (least, most):
        assignments = [f"{field.name}={limit}"] + (["patches=4096"] if field.name == "accumulate" else [])
        value = getattr(get_preset("quick", assignments), field.name)
        assert value == ((limit,) if field.type.startswith("tuple") else limit)
    step = 1 if field.type != "float" else 1e-6
    for beyond in (least - step, most + max(step, most * 1e-6) if field.type == "float" else most + 1):
        with pytest.raises(UsageError) as caught:
            get_preset("quick", [f"{field.name}={beyond}"])
        message = str(caught.value)
        assert (
            field.name in message and f"{least:g}" in message and f"{most:g}" in message and field.metadata["unit"] in message
        )


@pytest.mark.parametrize("field", FIELDS.values(), ids=lambda field: field.name)
def test_wrong_type(field):
    if field.type == "tuple[str, ...]":
        return  # every text is a list of names; the data are asked whether they exist
    for value in ("many", "", "1.5.2"):
        with pytest.raises(UsageError) as caught:
            get_preset("quick", [f"{field.name}={value}"])
        message = str(caught.value)
        assert repr(f"{field.name}={value}") in message and field.metadata["unit"] in message and "\n" not in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("steps=1.5", "expected a whole number for steps (optimiser steps)"),
        ("learning_rate=fast", "expected a number for learning_rate"),
        ("learning_rate=nan", "expected learning_rate from 1e-09 to 1"),
        ("learning_rate=inf", "expected learning_rate from 1e-09 to 1"),
        ("flips=1", "expected true or false for flips"),
        ("multipliers=1,x", "expected whole numbers with commas between for multipliers"),
        ("multipliers=1,0", "expected multipliers from 1 to 16"),
        ("multipliers=,", "expected whole numbers with commas between for multipliers"),
        ("steps", "expected field=value"),
        ("", "expected field=value"),
        ("stpes=3", "no setting 'stpes' (nearest: steps)"),
        ("learningrate=3", "(nearest: learning_rate)"),
        ("=3", "no setting ''"),
        ("steps=-1", "expected steps from 1 to"),
        ("multipliers=1,1,1,1,1,1,1,1,1", "multipliers: 9 levels; expected at most 8"),
        ("accumulate=64", "expected at most the 4 patches of a step"),
    ],
)
def test_refusals_name_the_fault(text, said):
    with pytest.raises(UsageError) as caught:
        get_preset("quick", ["patch=32", text])
    assert said in str(caught.value)


def test_unknown_preset():
    with pytest.raises(UsageError, match=r"unknown preset 'qick': expected quick, small, standard, paper \(nearest: quick\)"):
        get_preset("qick", [])
    with pytest.raises(UsageError) as caught:
        get_preset("zzzz", [])
    assert "nearest" not in str(caught.value)
