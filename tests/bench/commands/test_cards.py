"""The cards of the methods: what they say follows from the code, and docs/methods.md is what the command writes."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pandas as pd
import pytest

import methods
import noise
from bench.commands.cards import as_page
from tests.helpers.harness import ROOT, here
from tests.helpers.run_fixture import make_run
from tests.helpers.stub_methods import stub_on_one_image


def test_the_page_is_current() -> None:
    written = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    command = re.search(r"`python -m bench (list methods --cards --against (\S+)) > docs/methods.md`", written)
    assert command is not None
    with contextlib.chdir(ROOT):  # the page names the run as the command does
        assert written == as_page(methods.catalogue().values(), command[2]), command[1]


def test_published_distances_stand_beside_those_of_a_run() -> None:
    run = "results/small"
    with contextlib.chdir(ROOT):
        page = as_page(methods.catalogue().values(), run)
    table = pd.read_parquet(ROOT / run / "results.parquet")
    table = table[(table["noise"] == "gaussian") & (table["dataset"] == "kodak24") & (table["metric"] == "psnr")]
    means = table.groupby("method")["value"].mean()
    below = means["supervised"] - means["neighbor2neighbor"]
    row = (
        "| `neighbor2neighbor` | kodak24, sigma 25 | Supervised 32.43 | 0.35 | {:.2f} | Wang et al., Blind2Unblind, CVPR 2022 |"
    )
    assert row.format(below) in page and "`{against}`" not in page and f"`{run}`" in page
    assert "| `bm3d` | cbsd68, grey, sigma 50 | DnCNN 26.23 | 0.61 | – |" in page


def test_a_run_without_anything_published_is_refused(tmp_path: Path) -> None:
    few = make_run(tmp_path / "few", noises=("gaussian",))
    for words, told in (
        (("--cards", "--against", few), "nothing that was published"),
        (("--cards", "--against", tmp_path / "none"), "no such run directory"),
        (("--against", few), "expected list methods --cards"),
    ):
        status, out, error = here("list", "methods", *words)
        assert (status, out, error.count("\n")) == (2, "", 1) and told in error


def test_a_card_says_what_the_code_does() -> None:
    card = methods.card(methods.get("score-solver"), methods.catalogue().values())
    assert (card.year, card.url) == (2023, "https://arxiv.org/abs/2304.08384")
    assert card.knows == ("the law of the noise with its parameters",) and card.learns_from == "a set of images"
    assert "noise2score" in card.costs and "supervised" not in card.costs
    assert any("sigma_a is counted" in words for words in card.departs)
    assert any("iterations = 10" in words and "--recipe paper" in words for words in card.departs)
    card = methods.card(methods.get("neighbor2neighbor"))
    assert (card.year, card.knows) == (2021, ())
    assert "training.patch = 0.5" in card.departs[-1] and "training.patch = 1" in card.departs[-1]
    assert card.caveats == ("Given A^-1 y on Nos. 6, 8 and 10, so it knows A there.",)
    for numbers, words, reason in card.applies:
        for number in numbers:
            answer = methods.get("neighbor2neighbor").applicable(noise.get(number))
            assert answer.reason == reason and (answer.verdict == "yes") == (words == "applies")
    assert sorted(number for numbers, *_ in card.applies for number in numbers) == list(range(1, 17))


def test_a_card_of_a_method_on_one_image() -> None:
    kind = stub_on_one_image(steps=77)
    kind.slug, kind.in_all, kind.paper = "lonely", False, "Author, Title, 1999, after another of 2001"
    kind.__doc__ = (
        "Does this.\n\n    Not in its first words.\n\n    Notes\n    -----\n"
        "    Departs\n    here:\n\n    - And\n      there.\n    - Too.\n\n"
        "    Warnings\n    --------\n    Slow.\n    "
    )
    card = methods.card(kind())
    assert card.does == "Does this." and card.departs == ("Departs here:", "And there.", "Too.")
    assert card.caveats[0] == "Slow." and any("centre of each image" in words for words in card.caveats)
    assert any("--methods all" in words for words in card.caveats)
    assert "77 steps" in card.costs and card.settings == (("steps", "77"),) and card.year == 1999


@pytest.mark.parametrize("slug", list(methods.catalogue()))
def test_every_card_has_what_a_reader_asks_for(slug: str) -> None:
    card = methods.card(methods.get(slug), methods.catalogue().values())
    assert all((card.title, card.does, card.paper, card.assumes, card.learns_from, card.costs, card.tags, card.applies))
    if slug != "noisy":
        assert card.year and 1960 < card.year < 2100 and (not card.url or card.url.startswith("https://"))
    assert all(not re.search(r"\n|  ", words) for words in (*card.departs, *card.caveats, card.does))


def test_numbers_in_words() -> None:
    assert methods.numbered([3]) == "No. 3" and methods.numbered([2, 1]) == "Nos. 1 and 2"
    assert methods.numbered([1, 2, 3, 7]) == "Nos. 1-3 and 7" and methods.numbered([1, 4, 9]) == "Nos. 1, 4 and 9"
    assert methods.numbered(range(1, 17)) == "Nos. 1-16"


def test_the_command_shows_one_card_or_all_of_them() -> None:
    status, out, _ = here("list", "methods", "neighbor2neighbor")
    assert status == 0 and "arxiv.org/abs/2101.02824" in out and "knows:nothing" in out and "gamma = 2" in out
    status, out, _ = here("list", "methods", "--cards")
    assert (status, out) == (0, as_page(methods.catalogue().values())) and "Beside the literature" not in out
    for words, told in (
        (("list", "methods", "neighbour2neighbour"), "nearest: neighbor2neighbor"),
        (("list", "noise", "gaussian"), "list noise gaussian: expected list methods gaussian"),
        (("list", "data", "--cards"), "list data --cards"),
        (("list", "methods", "noisy", "--cards"), "one of the two"),
    ):
        status, out, error = here(*words)
        assert status == 2 and told in error and not out
