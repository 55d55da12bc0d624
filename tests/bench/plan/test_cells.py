"""What a run consists of: the whole matrix, training keys, what is shared."""

import dataclasses
from collections import Counter

import pytest

import methods
import noise
from bench.plan.cells import Entry, count_trainings, make_cells, make_jobs, shared
from bench.plan.keys import training_key
from bench.plan.settings import PRESETS, Preset
from tests.helpers.plans import planned

PAPERS = ("supervised", "noisier2noise", "neighbor2neighbor", "noise2score", "score-solver")
#: They decide what is tested and shown, and nothing about the weights.
EVALUATION = {
    "test_sets",
    "test_images",
    "test_crop",
    "validation_crop",
    "checks",
    "crops",
    "self_ensemble",
    "one_image_steps",
    "one_image_crop",
}


@pytest.fixture
def cells_of(make_settings):
    return lambda **changes: planned(make_settings(**changes))


@pytest.fixture
def key_of(make_settings):
    def make(method, number, seed=0, training="images", parameters=None, **changes):
        model = noise.get(number, **(parameters or {}))
        return training_key(make_settings(**changes), model, methods.get(method), seed, training)

    return make


def test_whole_matrix(cells_of):
    cells = cells_of(methods_=("noisy", *PAPERS))
    assert len(cells) == 96
    numbers = [cell.noise_no for cell in cells]
    assert numbers == sorted(numbers) and Counter(numbers) == dict.fromkeys(range(1, 17), 6)
    assert [cell.method for cell in cells[:6]] == ["noisy", *PAPERS]
    running = [cell for cell in cells if cell.applicability != "no" and cell.method != "noisy"]
    assert len(running) == 58
    assert Counter(cell.method for cell in running) == {
        "supervised": 16, "noisier2noise": 4, "neighbor2neighbor": 16, "noise2score": 6, "score-solver": 16,
    }  # fmt: skip
    assert count_trainings(cells) <= 49
    # the design's 49 less those that A^-1 shares beside Neighbor2Neighbor's: 3 supervised and 3 score networks
    assert count_trainings(cells) == 43


def test_cells_say_what_they_are(cells_of):
    for cell in cells_of():
        model, method = noise.get(cell.noise_no), methods.get(cell.method)
        answer = method.applicable(model)
        assert (cell.noise, cell.applicability, cell.reason) == (model.slug, answer.verdict, answer.reason)
        assert (cell.key is not None) == (method.trains and answer.verdict != "no")
        assert cell.decorrelated == (answer.verdict != "no" and method.wants_decorrelated(model))
    names = [cell.name for cell in cells_of(seeds=2)]
    assert len(set(names)) == len(names)
    cell = Entry(3, "gaussian-affine", "noisy", 1, "yes", "", None, False)
    assert cell.name == "03-gaussian-affine--noisy--s1"


def test_order_follows_the_settings(cells_of):
    cells = cells_of(methods_=("score-solver", "noisy"), noise_=("rayleigh", "gaussian"), seeds=2)
    assert [(cell.noise, cell.method, cell.seed) for cell in cells] == [
        (model, method, seed) for model in ("rayleigh", "gaussian") for method in ("score-solver", "noisy") for seed in (0, 1)
    ]


def test_score_methods_share_their_networks(key_of):
    for number in (1, 2, 5, 6, 7, 8):
        assert key_of("noise2score", number) == key_of("score-solver", number)


@pytest.mark.parametrize(("convolved", "plain"), [(6, 5), (8, 7), (10, 9)])
def test_networks_are_shared_through_the_inverse(convolved, plain, key_of):
    for method in ("supervised", "neighbor2neighbor", "score-solver"):
        assert key_of(method, convolved) == key_of(method, plain)
    # not once Gaussian noise is added, which A^-1 would correlate
    extra = {"extra_sigma": 5}
    for method in ("supervised", "neighbor2neighbor", "score-solver"):
        assert key_of(method, convolved, parameters=extra) != key_of(method, plain, parameters=extra)


def test_no_other_networks_are_shared(key_of):
    """No. 2 through A^-1 has the noise of No. 1, but on other images."""
    for method in ("supervised", "neighbor2neighbor", "score-solver"):
        own = [number for number in range(1, 17) if number not in (6, 8, 10)]
        assert len({key_of(method, number) for number in own}) == len(own) == 13
    assert len({key_of(method, 1) for method in PAPERS}) == 4


def test_keys_hold_the_parameters_that_the_network_sees(key_of):
    assert key_of("score-solver", 1) == key_of("score-solver", 1, parameters={"sigma": 25})
    assert key_of("score-solver", 1) != key_of("score-solver", 1, parameters={"sigma": 25.1})
    assert key_of("score-solver", 6, parameters={"alpha": 30}) == key_of("score-solver", 5, parameters={"alpha": 30})
    assert key_of("score-solver", 6, parameters={"alpha": 30}) != key_of("score-solver", 6)


def test_keys_differ_by_seed_recipe_images_and_machine(key_of):
    keys = [
        key_of("supervised", 1), key_of("supervised", 1, seed=1), key_of("supervised", 1, recipe="paper"),
        key_of("supervised", 1, training="others"), key_of("supervised", 1, device="cuda"), key_of("supervised", 1, threads=2),
    ]  # fmt: skip
    assert len(set(keys)) == len(keys)
    assert all(key.isalnum() and len(key) == 20 for key in keys)


def test_keys_do_not_depend_on_what_else_is_run(key_of):
    assert key_of("supervised", 1) == key_of("supervised", 1, methods_=("supervised",), noise_=("gaussian",), seeds=3)


def other(value):
    if isinstance(value, bool):
        return not value
    return (*value, value[-1] if value else "kodak24") if isinstance(value, tuple) else value * 2 + 1


@pytest.mark.parametrize("field", dataclasses.fields(Preset), ids=lambda field: field.name)
def test_every_field_that_bears_on_the_weights_is_in_the_key(field, key_of):
    preset = PRESETS["quick"]
    changed = dataclasses.replace(preset, **{field.name: other(getattr(preset, field.name))})
    same = key_of("score-solver", 3, preset=preset) == key_of("score-solver", 3, preset=changed)
    assert same == (field.name in EVALUATION)


def test_settings_of_a_method_are_in_the_key(make_settings):
    method = methods.get("neighbor2neighbor")
    other_gamma = dataclasses.replace(method, gamma=method.gamma / 2)
    keys = {training_key(make_settings(), noise.get(1), m, 0, "images") for m in (method, other_gamma)}
    assert len(keys) == 2


@pytest.mark.parametrize("seeds", [1, 2])
def test_jobs_hold_every_runnable_cell_once(seeds, make_settings):
    cells = make_cells(make_settings(seeds=seeds), "images")
    jobs = make_jobs(cells)
    inside = [cell for job in jobs for cell in job.cells]
    assert Counter(inside) == Counter(cell for cell in cells if cell.entry.applicability != "no")
    for job in jobs:
        assert job.name == job.cells[0].name
        assert len(job.cells) == 1 or (len({cell.key for cell in job.cells}) == 1 and job.cells[0].key)
        assert len({cell.seed for cell in job.cells}) == 1
    keys = [job.cells[0].key for job in jobs if job.cells[0].key]
    assert len(set(keys)) == len(keys) == count_trainings([cell.entry for cell in cells])
    order = {cell: index for index, cell in enumerate(cells)}
    firsts = [order[job.cells[0]] for job in jobs]
    assert firsts == sorted(firsts) and all(
        [order[c] for c in job.cells] == sorted(order[c] for c in job.cells) for job in jobs
    )


def test_sharing_in_words(cells_of):
    words = shared(cells_of(methods_=PAPERS))
    assert len(words) == 58 - 43
    assert "score-solver on gaussian uses the training of noise2score on gaussian" in words
    assert "neighbor2neighbor on rayleigh-conv uses the training of neighbor2neighbor on rayleigh" in words
    assert shared(cells_of(methods_=("noisy", "noisier2noise"))) == []
