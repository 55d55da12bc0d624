"""Variants of a method: which settings, what they are called, what they share."""

from dataclasses import asdict, replace

import pytest

import methods
from bench.commands.names import parse_methods, parse_noise, parse_variants
from bench.errors import UsageError
from bench.plan.cells import entry_of, make_cells, resolved
from bench.plan.recipes import named_method
from tests.methods.test_contract import MEDIAN

MEANT = {
    "neighbor2neighbor(gamma=1)": ("neighbor2neighbor(gamma=1)", {"gamma": 1.0}),
    "neighbor2neighbor( gamma = 2.0 )": ("neighbor2neighbor", {"gamma": 2.0}),
    "neighbor2neighbor(residual=False,gamma=.5)": ("neighbor2neighbor(gamma=0.5,residual=false)", {"residual": False}),
    "score-solver(iterations=10)": ("score-solver(iterations=10)", {"iterations": 10}),
    "score-solver(iterations=none)": ("score-solver", {"iterations": None}),
}


@pytest.mark.parametrize(("text", "expected"), MEANT.items())
def test_a_variant_has_one_name(text, expected):
    name, method = named_method(text, "best")
    assert name == expected[0]
    assert {key: getattr(method, key) for key in expected[1]} == expected[1]
    assert named_method(name, "best") == (name, method)


def test_nested_settings_have_a_dot():
    name, method = named_method("score-solver(training.patch=2,matching.last_sigma=4)", "best")
    assert name == "score-solver(matching.last_sigma=4,training.patch=2)"
    assert (method.training.patch, method.matching.last_sigma) == (2.0, 4.0)


def test_names_leave_out_what_the_recipe_has():
    assert named_method("neighbor2neighbor(gamma=2)", "paper")[0] == "neighbor2neighbor"
    assert named_method("neighbor2neighbor(gamma=1)", "paper")[0] == "neighbor2neighbor(gamma=1)"


def test_variants_stand_beside_their_method_and_groups_go_on():
    found = list(
        parse_variants("score-solver,neighbor2neighbor(gamma=1|3),neighbor2neighbor,neighbor2neighbor(gamma=1.0),paper")
    )
    here = [name for name in found if name.startswith("neighbor2neighbor")]
    assert here == ["neighbor2neighbor", "neighbor2neighbor(gamma=1)", "neighbor2neighbor(gamma=3)"]
    assert [name for name in found if name not in here[1:]] == [method.slug for method in parse_methods("paper")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("neighbor2neighbor(gama=2)", "nearest: gamma"),
        ("neighbor2neighbor(gamma=nan)", "finite"),
        ("neighbor2neighbor(gamma=high)", "expected float"),
        ("neighbor2neighbor(gamma=true)", "expected float"),
        ("neighbor2neighbor(gamma=2", "not closed"),
        ("neighbor2neighbor(gamma=2)x", "expected a name"),
        ("neighbor2neighbor(gamma=2)-conv", "after the parentheses"),
        ("neighbor2neighbor(training=2)", "expected Training"),
        ("neighbor2neighbor(training.patch=0)", "factor above 0"),
        ("supervised(training=none)", "training is none"),
        ("neighbor2neighbor(gamma=-1)", "gamma is -1: expected a number from 0 on"),
        ("self2self(steps=0)", "steps is 0: expected a number from 1 on"),
        ("score-solver(iterations=-3)", "from 0 on"),
        ("neighbor2neighbor(slug=x)", "no setting 'slug'"),
        ("neighbor2neighbor(gamma='../x')", "letters and digits"),
        ("noisy(training.clip=2)", "not trained"),
        ("nieghbor2neighbor(gamma=2)", "unknown method"),
        ("paper(gamma=2)", "stands for several"),
    ],
)
def test_bad_variants_are_refused(text, expected):
    with pytest.raises(UsageError, match=expected) as caught:
        parse_variants(text)
    assert "\n" not in str(caught.value)


def test_zero_is_allowed_where_tunable_has_it(tmp_path):
    (tmp_path / "with_zero.py").write_text(MEDIAN + '    tunable = {"size": (0, 3)}\n')
    (tmp_path / "without_zero.py").write_text(MEDIAN)
    with methods.with_files(sorted(tmp_path.glob("*.py"))):
        assert "with-zero(size=0)" in parse_variants("with-zero(size=0)")
        for refused in ("without-zero(size=0)", "with-zero(size=-1)"):
            with pytest.raises(UsageError, match=r"expected a number from \d on$"):
                parse_variants(refused)


def test_a_file_of_the_name_that_was_not_asked_for_is_told(tmp_path, monkeypatch):
    (tmp_path / "my_spot.py").write_text(MEDIAN)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"^unknown method 'my-spot' \(--method-file my_spot\.py would bring it\)"):
        parse_variants("my-spot,supervised")


def test_trainings_are_shared_where_settings_do_not_decide_them(make_settings):
    named = parse_variants("score-solver,score-solver(iterations=10),neighbor2neighbor,neighbor2neighbor(gamma=1)")
    base = replace(make_settings(), noise=parse_noise("1,gaussian(sigma=50|25.0),gaussian(sigma=50)"))
    settings = replace(base, methods=tuple(named.values()), names=tuple(named))
    cells = make_cells(settings, "images")
    keys = {(cell.entry.noise, cell.entry.method): cell.key for cell in cells}
    assert {noise for noise, _ in keys} == {"gaussian", "gaussian(sigma=50)"} and len(keys) == 10
    assert keys["gaussian", "score-solver"] == keys["gaussian", "score-solver(iterations=10)"]
    assert len({key for key in keys.values() if key}) == 6
    assert len({cell.name for cell in cells}) == 10
    for cell in cells:
        entry = entry_of(asdict(cell.entry))
        again = resolved(entry, "best")
        assert (entry, again.model.law, again.method) == (cell.entry, cell.model.law, cell.method)


@pytest.mark.parametrize("name", ["../x", "a/b", "gaussian(conv=../k)", "gaussian(sigma=1)/..", "a b", "", "x" * 61])
def test_names_that_could_lead_elsewhere_are_no_entries(make_settings, name):
    settings = make_settings(methods_=("noisy",), noise_=(1,))
    told = asdict(make_cells(settings, "images")[0].entry)
    for field in ("noise", "method"):
        with pytest.raises(ValueError, match="applicability"):
            entry_of(told | {field: name})


def test_noise_comes_in_the_order_of_table_1_then_as_given():
    found = [
        model.slug for model in parse_noise("poisson(lam=1),3,gaussian(sigma=9|8),1-2,gaussian(sigma=9.0),poisson(lam=0.2)")
    ]
    assert found == [
        *("gaussian", "gaussian-conv", "gaussian-affine", "poisson"),
        *("poisson(lam=1)", "gaussian(sigma=9)", "gaussian(sigma=8)"),
    ]


def test_the_papers_recipe_adds_its_noise_to_rows_of_table_1_alone():
    models = parse_noise("poisson,poisson(lam=0.2),poisson(lam=0.3),gamma(alpha=26)-conv", "paper")
    assert [(model.slug, model.gaussian) for model in models] == [
        ("gamma-conv", 5.0),
        ("poisson", 5.0),
        ("poisson(lam=0.3)", 0.0),
    ]


def test_every_method_answers_about_composed_noise():
    for text in (
        "poisson(conv=gauss(1))",
        "gaussian(conv=gauss(2))",
        "gamma(alpha=4)-conv",
        "rayleigh(conv=gauss(1))+gaussian",
    ):
        (model,) = parse_noise(text)
        for method in methods.catalogue().values():
            answer, wanted = methods.answers(method, model)
            assert answer.reason and not (wanted and model.decorrelated() is None)
