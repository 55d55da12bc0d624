"""Measured noise as a noise model: the row of a set of real images, whose law is not known but estimated.

A row is named by its set, `cc15`. Methods that see clean images, or second shots, learn from one half of the set and are tested
on the other (cross-fitting); the others learn from all noisy images of the set, as people do, and in the row
`cc15(learn=halves)` by the same halves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

import noise
from bench.errors import UsageError
from bench.plan.settings import Settings
from methods import Applicability, Method, answers
from noise import NoiseModel
from noise.base import Base
from noise.expressions import terms
from noise.names import nearest

#: What the setting `learn` of a row may be: all noisy images of the set, or those of the other half.
LEARN = ("all", "halves")
#: What a method may be told of the noise, which is estimated here; the gain is 1 around the mean.
_OF_NOISE = frozenset({"law", "level", "kernel"})
#: Below this share of the deviation at 255 grey levels, the slope of a standard deviation counts as none.
_NO_SLOPE = 0.02


@dataclass(frozen=True)
class Untold(Base):
    """The base of noise of which nothing could be told; a draw of it is the image."""

    def sample(self, x: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        return x

    def variance(self, x: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError("the law of measured noise could not be told")


@dataclass(frozen=True)
class Told:
    """What a set is, and what could be told of its noise.

    Parameters
    ----------
    name, sha256 : str
        Of the set.
    beside : tuple of str
        What there is beside the noisy images: "clean", "second".
    channels : int
        1 or 3.
    halves : bool
        Whether the set has halves.
    expression : str
        The estimated law; "" where nothing can be told.
    sd : float or None
        The estimated standard deviation, root mean square (grey levels).
    sureness : str
        How sure the law is, or why nothing can be told, in words.
    doubts : tuple of str
        Why it is doubtful.
    """

    name: str
    sha256: str = ""
    beside: tuple[str, ...] = ()
    channels: int = 3
    halves: bool = False
    expression: str = ""
    sd: float | None = None
    sureness: str = ""
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measured(NoiseModel):
    """The noise of a set of real images: the model that its estimated law is, around what many shots average to.

    Its traits are those of the estimate; nothing is ever drawn from it for a score or a training.

    Parameters
    ----------
    told : Told
    learn : str
        One of `LEARN`.
    """

    told: Told = field(default_factory=lambda: Told(""))
    learn: str = "all"

    def training_law(self, method: Method) -> str:
        """The law as a training key has it: with the half that is learnt from, where the method learns from halves."""
        return f"{self.law} halves" if self.crosses(method) else self.law

    @property
    def law(self) -> str:
        """The estimated law, and the images themselves, whose noise it is."""
        return f"measured {self.told.sha256} {super().law}"

    @property
    def formula(self) -> str:
        """The estimate, for readers."""
        return f"y as measured; estimated law: {self.told.expression or 'none could be told'}"

    def crosses(self, method: Method) -> bool:
        """Whether the method learns from one half, and is tested on the other."""
        return method.trains and (self.learn == "halves" or method.supervised or method.pairs)


def measured(name: str, learn: str = "all") -> Measured:
    """The row of a set before its images are read."""
    slug = name if learn == "all" else f"{name}(learn={learn})"
    title = f"{name}, measured" + (", learnt by halves" if learn == "halves" else "")
    return Measured(0, slug, title, Untold(), None, 0.0, {}, Told(name), learn)


def measured_of(text: str, sets: Sequence[str]) -> Measured | None:
    """The row that an expression names, where it names one of these sets. Raises UsageError for settings that it has not."""
    try:
        found, *others = terms(text)
    except ValueError:
        return None
    if found.name not in sets or others:
        return None
    settings = dict(found.settings)
    learn = settings.pop("learn", "all")
    if settings or found.suffix:
        word = next(iter(settings), found.suffix)
        raise UsageError(
            f"--noise {text!r}: {word!r}{nearest(word, ['learn'])}: expected {found.name}, or {found.name}(learn=halves)"
        )
    if learn not in LEARN:
        raise UsageError(f"--noise {text!r}: learn={learn}: expected {' or '.join(LEARN)}{nearest(learn, LEARN)}")
    return measured(found.name, learn)


def with_law(row: Measured, told: Told) -> Measured:
    """The row with what was told of its set."""
    if not told.expression:
        return replace(row, told=told)
    law = around_mean(noise.get(told.expression))
    return replace(
        row, base=law.base, convolution=law.convolution, gaussian=law.gaussian, parameters=dict(law.parameters), told=told
    )


def around_mean(law: NoiseModel) -> NoiseModel:
    """The law around E[y], which is what is called clean of measured noise: many shots average to it.

    A law with E[y | x] = x is that itself. Others, which blur the image or have a gain, become Gaussian noise of the same
    standard deviation over brightness, a straight line at least squares, and of the same kernel where more than half of the
    variance is from before it.
    """
    if law.traits.unbiased:
        return law
    means = torch.linspace(0, 255, 256, dtype=torch.float64)
    sd = law.std(means / law.mean_gain)
    line = torch.stack([means, torch.ones_like(means)], dim=1)
    slope, offset = torch.linalg.lstsq(line, sd[:, None]).solution[:, 0].tolist()
    if offset < float(sd.max()) / 100:  # through zero, but for a little
        slope, offset = float((means @ sd) / (means @ means)), float(sd.max()) / 100
    kernel = dict(term_settings(law)).get("conv")
    convolved = law.convolution is not None and law.gaussian**2 < float(sd[128] ** 2) / 2
    gain = law.base.noise_gain(law.convolution.kernel) if convolved and law.convolution is not None else 1.0
    how = f",conv={kernel}" if convolved and kernel else ""
    suffix = "-conv" if convolved and not kernel else ""
    if abs(slope) * 255 < _NO_SLOPE * offset or slope < 0:
        return noise.get(f"gaussian(sigma={float(sd.square().mean().sqrt()) / gain:.6g}{how}){suffix}")
    return noise.get(f"gaussian-affine(a={slope / gain:.6g},b={offset / gain:.6g}{how}){suffix}")


def term_settings(law: NoiseModel) -> tuple[tuple[str, str], ...]:
    """The settings that the name of a law tells of its base."""
    return terms(law.slug)[0].settings


def settings_for(settings: Settings, model: NoiseModel) -> Settings:
    """The settings as a row has them: of measured noise, with as many channels as its set."""
    if not isinstance(model, Measured):
        return settings
    return replace(settings, preset=replace(settings.preset, colours=model.told.channels))


def answer_to(method: Method, model: NoiseModel) -> tuple[Applicability, bool]:
    """`methods.answers`; of measured noise, where the set has what the method needs, and by the estimated law."""
    if not isinstance(model, Measured):
        return answers(method, model)
    told = model.told
    for needed, has, words in ((method.supervised, "clean", "clean images"), (method.pairs, "second", "second shots")):
        if needed and has not in told.beside:
            return Applicability("no", f"needs {words}, which {told.name} lacks"), False
    if model.crosses(method) and not told.halves:
        return Applicability("no", f"learns from one half and is tested on the other, and {told.name} has one image"), False
    if not told.expression and _OF_NOISE & set(method.knows):
        return Applicability("no", f"needs the law of the noise, of which nothing could be told: {told.sureness}"), False
    answer, decorrelated = answers(method, model)
    given = "" if method.supervised or method.slug == "noisy" else f"{law_words(model)}: "
    halves = "; learns from one half of the set, is tested on the other" if model.crosses(method) else ""
    return replace(answer, reason=f"{given}{answer.reason}{halves}"), decorrelated


def law_words(model: Measured) -> str:
    """The law that methods are told of measured noise, in words."""
    if not model.told.expression:
        return "law unknown, taken to be independent between pixels"
    return f"estimated law{' (doubtful)' if model.told.doubts else ''}: {law_given(model)}"


def law_given(model: Measured) -> str:
    """The expression of the law that methods are told; "" for none."""
    return around_mean(noise.get(model.told.expression)).slug if model.told.expression else ""


def measured_record(model: Measured) -> dict[str, Any]:
    """What run.json tells of a row of measured noise, beside what it tells of every noise model."""
    return {**vars(model.told), "learn": model.learn, "law": law_given(model)}


def measured_from(told: Mapping[str, Any]) -> Measured:
    """The row that a run.json tells of. Raises KeyError, TypeError or ValueError where it tells of none."""
    about = {name: value for name, value in told["measured"].items() if name not in ("learn", "law")}
    about |= {name: tuple(about[name]) for name in ("beside", "doubts")}
    return with_law(measured(str(about["name"]), str(told["measured"]["learn"])), Told(**about))
