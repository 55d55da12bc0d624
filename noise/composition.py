"""What a noise model is composed of: a base with its parameters, the convolution A or none, Gaussian noise added or none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from noise import expressions
from noise.additive import Additive
from noise.base import Base, Parameter
from noise.convolution import Convolution
from noise.gaussian import Gaussian
from noise.kernels import Kernel, Rows, kernel
from noise.model import NoiseModel
from noise.names import nearest, number_of

#: Standard deviation of the Gaussian noise that is added, where it is not told (grey levels).
_ADDED = 10.0
#: How far the sum of a kernel may be from 1 where it blurs the image.
_SUM = 1e-3


@dataclass(frozen=True)
class Composition:
    """What a noise model is composed of, without the values of its parameters.

    Parameters
    ----------
    base : str
        Name of the kind of noise before A.
    kind : subclass of Base
    kernel : Kernel or None
        Of A; None: no convolution.
    mixed : bool
        Gaussian noise is added.
    """

    base: str
    kind: type[Base]
    kernel: Kernel | None = None
    mixed: bool = False

    @property
    def added(self) -> str:
        """The name of the added noise's standard deviation among the parameters."""
        return "added_sigma" if "sigma" in self.kind.parameters else "sigma"

    @property
    def parameters(self) -> dict[str, Parameter]:
        """Those of the base, and of the added noise."""
        return dict(self.kind.parameters) | ({self.added: Parameter(_ADDED)} if self.mixed else {})

    def slug(self, values: Mapping[str, float]) -> str:
        """The canonical name with these values of parameters: those at their defaults are left out, the others sorted."""
        own = {name: value for name, value in values.items() if value != self.parameters[name].default}
        added = own.pop(self.added, None) if self.mixed else None
        settings = [(name, expressions.written(value)) for name, value in own.items()]
        if self.kernel is not None and self.kernel.name:
            settings.append(("conv", self.kernel.name))
        suffix = "-conv" if self.kernel is not None and not self.kernel.name else ""
        told = expressions.canonical(self.base, settings, suffix)
        if not self.mixed:
            return told
        return f"{told}+" + expressions.canonical("gaussian", [("sigma", expressions.written(added))] if added else [])

    def title(self, values: Mapping[str, float]) -> str:
        """For readers, with the parameters that are not at their defaults: "Poisson, lam 0.05, convolved + Gaussian"."""
        told = self.kind.title
        for name, parameter in self.kind.parameters.items():
            if values.get(name, parameter.default) != parameter.default:
                told += f", {name} {values[name]:.6g}"
        if self.kernel is not None:
            told += ", convolved" + (f" by {self.kernel.name}" if self.kernel.name else "")
        if self.mixed:
            sigma = values.get(self.added, _ADDED)
            told += " + Gaussian" + (f", sigma {sigma:.6g}" if sigma != _ADDED else "")
        return told

    def make(self, slug: str, title: str, values: Mapping[str, float]) -> NoiseModel:
        """The noise model of that name with these values in place of the defaults. Raises ValueError for others than it has."""
        parameters = self.parameters
        if number_of(slug) and not self.mixed and not self.base.startswith("gaussian"):
            # Nos. 5-10: Gaussian noise that the paper's code adds, untold
            parameters["extra_sigma"] = Parameter(0.0, or_equal=True)
        for name, value in values.items():
            if name not in parameters:
                known = ", ".join(parameters) + nearest(name, list(parameters))
                raise ValueError(f"unknown parameter {name!r} of {slug}: expected {known}")
            if not parameters[name].allows(value):
                raise ValueError(f"{name}={value!r} of {slug}: expected a finite number, {parameters[name].limits}")
        found = {name: parameter.default for name, parameter in parameters.items()}
        found |= {name: float(value) for name, value in values.items()}
        base = self.kind.of(**{name: found[name] for name in self.kind.parameters})
        convolution = None if self.kernel is None else Convolution(self.kernel.rows)
        if isinstance(base, Additive):
            base = base.convolved(convolution)
        gaussian = found.get(self.added if self.mixed else "extra_sigma", 0.0)
        return NoiseModel(number_of(slug), slug, title, base, convolution, gaussian, found)


def parsed(
    text: str, kinds: Mapping[str, type[Base]], known: Mapping[str, Rows] | None = None
) -> tuple[Composition, dict[str, float]]:
    """The composition of an expression without sweeps, and the parameters that it tells.

    Parameters
    ----------
    kinds : mapping
        The kinds of noise before A, by name.
    known : mapping, optional
        Kernels by name, beside those that can be read from files.

    Raises
    ------
    ValueError
        One line: what in it is unknown, and what was expected.
    """
    first, *others = expressions.terms(text)
    base = first.name.removesuffix("-conv")
    if base not in kinds:
        raise ValueError(f"unknown noise {base!r}: expected 1 to 16, or of {', '.join(kinds)}{nearest(base, kinds)}")
    if first.suffix not in ("", "-conv"):
        raise ValueError(f"{text!r}: {first.suffix!r}: expected -conv or nothing after the parentheses")
    settings = dict(first.settings)
    chosen = _kernel(text, first, settings.pop("conv", None), known)
    composition = Composition(base, kinds[base], chosen, bool(others))
    values = _values(base, settings, kinds[base].parameters, ["conv"])
    if others:
        values |= _added(text, composition.added, others)
    if others and issubclass(kinds[base], Gaussian):
        raise ValueError(f"{text!r}: {base} takes no Gaussian noise beside it: expected one standard deviation, that of both")
    if chosen is not None and not issubclass(kinds[base], Additive) and abs(math.fsum(map(math.fsum, chosen.rows)) - 1) > _SUM:
        total = math.fsum(map(math.fsum, chosen.rows))
        raise ValueError(f"{text!r}: the kernel's sum is {total:.4g}: expected 1, as it blurs the image")
    return composition, values


def _kernel(text: str, first: expressions.Term, told: str | None, known: Mapping[str, Rows] | None) -> Kernel | None:
    marks = first.name.endswith("-conv") + (first.suffix == "-conv") + (told is not None)
    if marks > 1:
        raise ValueError(f"{text!r}: it is convolved twice: expected one of -conv and conv=...")
    if told is not None:
        return kernel(told, known)
    return Kernel("", Convolution().kernel) if marks else None


def _added(text: str, name: str, others: list[expressions.Term]) -> dict[str, float]:
    """The standard deviation of the Gaussian noise that is added, by that name, where it is told."""
    if len(others) > 1 or others[0].name != "gaussian" or others[0].suffix:
        told = "+".join(map(str, others))
        raise ValueError(f"{text!r}: {told!r}: expected gaussian or gaussian(sigma=...) after the +, once")
    found = _values("the gaussian after the +", dict(others[0].settings), {"sigma": Parameter(_ADDED)}, [])
    return {name: found["sigma"]} if found else {}


def _values(name: str, settings: Mapping[str, str], known: Mapping[str, Parameter], more: list[str]) -> dict[str, float]:
    """The values of parameters as they are told; `more`: what else might have been meant."""
    found = {}
    for key, told in settings.items():
        if key not in known:
            expected = [*known, *more]
            raise ValueError(f"unknown parameter {key!r} of {name}: expected {', '.join(expected)}{nearest(key, expected)}")
        try:
            found[key] = expressions.number(told)
        except ValueError:
            found[key] = math.nan
        if not known[key].allows(found[key]):
            raise ValueError(f"{key}={told} of {name}: expected a finite number, {known[key].limits}")
    return found
