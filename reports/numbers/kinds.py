"""Which methods are ranked with each other: those that know alike and learn from alike, on the same part of the images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reports.read.model import NOISY, Method, Run
from reports.style.words import numbered


@dataclass(frozen=True)
class Kind:
    """A class of methods, in the words that are said of it."""

    key: str
    label: str  # below a method's name
    heading: str  # of the column with the best
    among: str  # "... among the unsupervised methods"
    best: str  # "the best unsupervised method"


#: In the order in which they are shown. `any`: of runs that do not tell what their methods know.
KINDS = (
    Kind("any", "unsupervised", "Best unsupervised", "the unsupervised methods", "the best unsupervised method"),
    Kind("law", "knows the noise", "Best that knows the noise", "the methods that know the noise",
         "the best method that knows the noise"),
    Kind("nothing", "knows nothing of the noise", "Best that knows nothing of the noise",
         "the methods that know nothing of the noise", "the best method that knows nothing of the noise"),
    Kind("image", "one image alone", "Best on one image", "the methods that need one image alone",
         "the best method on one image"),
    Kind("second", "a second draw", "Best with a second draw", "the methods that are given a second noisy draw",
         "the best method with a second noisy draw"),
    Kind("weights", "others’ weights", "Best with others’ weights", "the methods with weights that others have trained",
         "the best method with weights that others have trained"),
)  # fmt: skip
REFERENCE = Kind("reference", "reference", "", "", "")
_OF_NOISE = frozenset({"knows:law", "knows:level", "knows:kernel", "knows:gain"})
_SHARES = {0.5: "half", 0.25: "a quarter", 0.2: "a fifth", 0.1: "a tenth", 0.05: "a twentieth", 0.01: "a hundredth"}


@dataclass(frozen=True)
class Group:
    """Methods that are ranked together: of one kind, scored on whole images (0) or on their centre of the side `crop`."""

    kind: Kind
    crop: int = 0

    @property
    def heading(self) -> str:
        return self.kind.heading + self._part

    @property
    def among(self) -> str:
        return self.kind.among + self._part

    @property
    def best(self) -> str:
        return self.kind.best + self._part

    @property
    def key(self) -> str:
        return f"{self.kind.key}-{self.crop}" if self.crop else self.kind.key

    @property
    def _part(self) -> str:
        return f", {self.crop}×{self.crop} crops" if self.crop else ""


def kind_of(method: Method) -> Kind:
    """What a method is ranked with, by its tags: REFERENCE for supervised ones and the noisy input."""
    if not method.competes:
        return REFERENCE
    tags = set(method.tags)
    by_key = {kind.key: kind for kind in KINDS}
    if not tags:
        return by_key["any"]
    if "knows:weights" in tags:
        return by_key["weights"]
    if "knows:second" in tags:
        return by_key["second"]
    if method.learns_from in ("image", "nothing"):
        return by_key["image"]
    return by_key["law" if tags & _OF_NOISE else "nothing"]


def in_order(groups: Iterable[Group]) -> tuple[Group, ...]:
    """Each once, in the order of KINDS, whole images first."""
    return tuple(sorted(set(groups), key=lambda group: (KINDS.index(group.kind), group.crop)))


def kinds_of(methods: Iterable[Method]) -> tuple[Kind, ...]:
    """Those that the methods are of, the reference first, but for the noisy input's."""
    there = {kind_of(method) for method in methods if method.slug != NOISY}
    return tuple(kind for kind in (REFERENCE, *KINDS) if kind in there)


def given_kernel(run: Run) -> str:
    """A sentence on the noise models on which methods that are told nothing are given A^-1 y all the same; "" for none."""
    untold = {method.slug for method in run.methods if "knows:nothing" in method.tags}
    there = {cell.noise for cell in run.cells if cell.decorrelated and cell.method in untold}
    if not there:
        return ""
    where = numbered(noise for noise in run.noises if noise.slug in there)
    return f"On {where} the methods that know nothing of the noise are given A⁻¹ y where it suits them, so they know A there."


def reduced_words(crop: int, share: float | None) -> str:
    """What a method on one image was given less than it asks for: "128×128 crop, a tenth of its iterations"; or ""."""
    parts = [f"{crop}×{crop} crop"] if crop else []
    if share is not None and share != 1:
        parts.append(f"{_SHARES.get(share, f'{share:g}')} of its iterations")
    return ", ".join(parts)
