"""Tags and groups: what they say of a method, and which methods they stand for."""

from __future__ import annotations

import dataclasses

import pytest

import methods
from methods._finding import RESERVED
from methods._tags import PAPER, chosen, tags
from tests.helpers.stub_methods import Stub, stub


@dataclasses.dataclass(frozen=True)
class Lonely(Stub):
    """Learns from one image."""

    steps: int = 100
    one_image = True
    knows = ("level",)


def test_tags_tell_what_a_method_says_of_itself() -> None:
    told = {
        "noisy": ("knows:nothing", "learns:nothing", "cost:free"),
        "supervised": ("knows:clean", "knows:gain", "learns:set", "cost:training"),
        "noise2noise": ("knows:second", "learns:set", "cost:training"),
        "neighbor2neighbor": ("knows:nothing", "learns:set", "cost:training"),
        "score-solver": ("knows:law", "learns:set", "cost:training"),
    }
    assert {slug: tags(methods.get(slug)) for slug in told} == told
    assert tags(Lonely()) == ("knows:level", "learns:image", "cost:each-image")


def test_every_tag_is_explained() -> None:
    assert {tag for method in (*methods.catalogue().values(), Lonely()) for tag in tags(method)} <= set(methods.TAGS)


def test_words_are_mixed_and_stand_in_the_catalogues_order() -> None:
    plain, lonely = stub(), Lonely
    catalogue = {"noisy": methods.get("noisy"), "b": plain(), "a": lonely(), "c": methods.get("supervised")}
    assert chosen(["learns:image"], catalogue) == ("noisy", "a")
    assert chosen(["c", "learns:image"], catalogue) == ("noisy", "a", "c")
    assert chosen(["cost:free"], catalogue) == ("noisy", "b")
    assert chosen(["everything"], catalogue) == tuple(catalogue)
    with pytest.raises(KeyError, match="nothing:known"):
        chosen(["c", "nothing:known"], catalogue)


def test_the_paper_has_five_methods_that_are_there() -> None:
    assert len(PAPER) == 6 and set(PAPER) <= set(methods.catalogue())


def test_a_group_cannot_be_a_methods_name() -> None:
    assert set(RESERVED) == {"paper", "all", "everything"} and not set(RESERVED) & set(methods.catalogue())
