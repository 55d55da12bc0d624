"""A plain function of an image, as a method."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from methods._api import Applicability, Method, Network
from noise import NoiseModel

#: What whole numbers do to an image.
_WHOLE = "levels are rounded or cut off, and without clipping those out of range come back at the other end"


@dataclass(frozen=True)
class FunctionMethod(Method):
    """Denoises by a function of (H, W, C) float32 grey levels, unclipped, that returns an image of the same shape.

    C is 3, or 1 in a run on grey images.

    It is given y as it is, also where A^-1 y would suit it better: what it assumes of the noise is not known here. A
    function of two arguments is given the noise model as well.
    """

    function: ClassVar[Callable[..., Any]]
    wants_model: ClassVar[bool]

    def applicable(self, model: NoiseModel) -> Applicability:
        return Applicability("yes", "a plain function, which says nothing of what it assumes")

    def wants_decorrelated(self, model: NoiseModel) -> bool:
        return False

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        """Raises TypeError where the function returns anything but real numbers of the image's shape."""
        return torch.stack([self._one(image, model) for image in y])

    def _one(self, y: torch.Tensor, model: NoiseModel) -> torch.Tensor:
        image = np.array(y.permute(1, 2, 0).cpu().numpy(), dtype=np.float32, order="C")  # a copy: it may write to it
        found = type(self).function(image, model) if self.wants_model else type(self).function(image)
        try:
            array = np.asarray(found.detach().cpu() if isinstance(found, torch.Tensor) else found)
        except ValueError:  # a list, or a tuple, of things of several shapes
            array = np.array(None)
        if array.shape != y.permute(1, 2, 0).shape or array.dtype.kind not in "fiu":
            told = f"an array of shape {array.shape} and {array.dtype}" if array.ndim else type(found).__name__
            raise TypeError(f"the function returned {told}: expected real numbers of shape {tuple(y.permute(1, 2, 0).shape)}")
        if array.dtype.kind != "f":
            warnings.warn(f"the function returned whole numbers, {array.dtype}: {_WHOLE}", stacklevel=2)
        return torch.from_numpy(array.astype(np.float32)).permute(2, 0, 1).to(y.device)


def method_of_function(function: Callable[..., Any], slug: str, module: str) -> Method:
    """A method that denoises by this function of (image) or (image, model). Raises TypeError where it is none of these.

    Parameters
    ----------
    slug : str
        The method's name, and its title.
    module : str
        Where the function is defined: its code, as a run's records tell it.
    """
    wants_model = _wants_model(function)
    told = (inspect.getdoc(function) or "").split("\n\n")[0]
    about = {
        "__doc__": f"Denoises by a function. {told}".strip(),
        "__module__": module,
        "title": slug,
        "paper": " ".join(told.split()) or "none: a plain function",
        "assumptions": "not told",
        "knows": ("law",) if wants_model else (),
        "in_all": True,
        "function": staticmethod(function),
        "wants_model": wants_model,
    }
    kind: type[FunctionMethod] = type("FunctionMethod", (FunctionMethod,), about)
    kind.slug = slug
    return kind()


def _wants_model(function: Callable[..., Any]) -> bool:
    """Whether a function takes the noise model beside the image: as a second argument that it needs, or one named `model`."""
    if not callable(function) or isinstance(function, type):
        raise TypeError(f"{function!r} is no function: expected one of (image) or (image, model)")
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):  # of compiled code
        return False
    positional = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    rest = any(each.kind == each.VAR_POSITIONAL for each in parameters)
    needed = sum(each.default is each.empty for each in positional)
    named = any(each.kind == each.KEYWORD_ONLY and each.default is each.empty for each in parameters)
    if not (positional or rest) or needed > 2 or named:
        raise TypeError(
            f"the function takes ({', '.join(each.name for each in parameters)}): expected (image) or (image, model)"
        )
    return needed == 2 or (len(positional) > 1 and positional[1].name == "model")
