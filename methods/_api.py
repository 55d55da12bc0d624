"""What a method is: the base class, what it is given, and what it answers about a noise model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import torch
from torch.nn import functional as F

from noise import NoiseModel
from noise.gaussian import normal

#: Maps grey levels (N, C, H, W) to a tensor of the same shape and of order 1; scaling happens inside. C is 3, or 1 in a run on
#: grey images.
Network = Callable[[torch.Tensor], torch.Tensor]

#: Grey levels that one unit of a network's output stands for, where it stands for an image: about the standard deviation of
#: the noise, so that outputs are of order 1 and one learning rate suits all methods.
UNIT = 25.0

#: What a method may be told beside the noisy images: the words of `Method.knows`, and what they stand for.
KNOWLEDGE = {
    "clean": "clean images",
    "law": "the law of the noise with its parameters",
    "level": "the standard deviation of the noise",
    "kernel": "the convolution A",
    "gain": "the gain of the noise",
    "second": "a second noisy draw of each training image",
    "weights": "a network that others have trained",
}

#: What a method learns from.
Source = Literal["nothing", "set", "image"]

Verdict = Literal["yes", "indirect", "infeasible", "no"]


@dataclass(frozen=True)
class Applicability:
    """Whether a method suits a noise model (the paper's Table 1), and why.

    Parameters
    ----------
    verdict : str
        "yes": it applies; "indirect": it does through A^-1 y; "infeasible": its assumptions do not hold, but it can be
        trained, and is, on y as it is; "no": it cannot be run at all.
    reason : str
        In words, for people.
    """

    verdict: Verdict
    reason: str

    def __post_init__(self) -> None:
        """Raise ValueError or TypeError where the tables could not show it."""
        if self.verdict not in get_args(Verdict):
            raise ValueError(f"verdict {self.verdict!r}: expected {', '.join(get_args(Verdict))}")
        if not isinstance(self.reason, str) or not self.reason.strip():
            raise TypeError(f"reason {self.reason!r}: expected words")


@dataclass(frozen=True)
class Batch:
    """What a training step is given.

    Parameters
    ----------
    noisy : Tensor
        (N, C, P, P) patches of fixed noisy images, grey levels, unclipped, as the network sees them (A^-1 y where the method
        asked for it).
    clean : Tensor or None
        The clean patches; None unless the method says that it is supervised.
    model : NoiseModel
        The law of `noisy`.
    progress : float
        Share of the training that is done, in [0, 1). For a method that is `capturable`, a tensor of no dimensions on a GPU:
        it can be calculated with, not asked.
    generator : torch.Generator
        For all of the step's random numbers; on the device of `noisy`.
    second : Tensor or None
        The same patches of a second noisy draw of each image, independent of the first; None unless the method knows it.
    """

    noisy: torch.Tensor
    clean: torch.Tensor | None
    model: NoiseModel
    progress: float
    generator: torch.Generator
    second: torch.Tensor | None = None

    def normal(self, like: torch.Tensor) -> torch.Tensor:
        """Standard normal numbers of the shape of `like`."""
        return normal(like, self.generator)


@dataclass(frozen=True)
class Training:
    """How a method's training differs from the preset's, at the same compute; every field is a factor (> 0).

    Parameters
    ----------
    learning_rate : float
        Of the highest learning rate.
    patch : float
        Of the side of the patches, beyond what `Method.subsampling` asks for.
    clip : float
        Of the largest norm of the gradient.
    """

    learning_rate: float = 1.0
    patch: float = 1.0
    clip: float = 1.0

    def __post_init__(self) -> None:
        """Raise TypeError or ValueError for what no training can be given."""
        for name, value in vars(self).items():
            if type(value) not in (int, float):
                raise TypeError(f"training.{name} is {value!r}: expected a factor, a number above 0")
            if not 0 < value <= 1e6:
                raise ValueError(f"training.{name} is {value}: expected a factor above 0, at most 1e6")


@dataclass(frozen=True)
class Method:
    """Base of all methods. A subclass is a frozen dataclass whose fields are the method's settings, with units.

    One file in `methods/` defines one subclass; the file's name, with "-" for "_", is its slug. A method with a `loss`
    is trained; one without is not given a network.

    Parameters
    ----------
    training : Training
        How its training differs from the preset's.
    """

    training: Training = Training()

    title: ClassVar[str]
    paper: ClassVar[str]
    assumptions: ClassVar[str]
    #: What it is told beside the noisy images, of `KNOWLEDGE`; one that is supervised knows clean images, and where it asks
    #: for A^-1 y, it knows A as well.
    knows: ClassVar[tuple[str, ...]] = ()
    #: True hands clean images to `loss`.
    supervised: ClassVar[bool] = False
    #: The network sees every so-many-th row and column in training: patches are so much larger.
    subsampling: ClassVar[int] = 1
    #: What `python -m bench tune` may vary, and over which values (numbers, True or False, text), by the setting's name
    #: ("training.patch" for a nested one).
    tunable: ClassVar[dict[str, tuple[Any, ...]]] = {
        "training.learning_rate": (1.0, 2.0, 4.0),
        "training.patch": (0.5, 0.75, 1.0),
        "training.clip": (1.0, 1e3),
    }
    #: True: `loss` starts the same kernels at every step, whatever the numbers in its tensors, never waits for the device, and
    #: draws from the batch's generator alone; then a GPU records it once and replays it, which makes small networks several
    #: times as fast.
    capturable: ClassVar[bool] = False
    #: True: `denoise` trains anew on each test image alone (it enables gradients itself), for as many optimiser steps as the
    #: field `steps` says, which every such method has.
    one_image: ClassVar[bool] = False
    #: A package that it needs beside the suite's own requirements, an extra of that name; where it is not installed, the method
    #: applies to nothing.
    package: ClassVar[str] = ""
    #: False leaves the method out of `--methods all` (it can still be named).
    in_all: ClassVar[bool] = True

    slug: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        """Name the method by its file, in whichever process the file is imported."""
        super().__init_subclass__()
        cls.slug = cls.__module__.rpartition(".")[2].replace("_", "-")

    @property
    def trains(self) -> bool:
        """Whether the method has a network to train."""
        return type(self).loss is not Method.loss

    @property
    def learns_from(self) -> Source:
        """Whether it learns from a set of images, from the one that it denoises, or not at all."""
        return "set" if self.trains else "image" if self.one_image else "nothing"

    @property
    def pairs(self) -> bool:
        """Whether `loss` is given a second noisy draw of each patch."""
        return "second" in self.knows

    @property
    def own_network(self) -> bool:
        """Whether the method brings a network of its own."""
        return type(self).make_network is not Method.make_network

    def make_network(self, preset: Any) -> torch.nn.Module | None:
        """The network that the method trains; None: the one that all methods share.

        It maps grey levels (N, C, H, W), any H and W, to float32 of the same shape, under autocast, too. Its weights begin as
        torch's global generator draws them, which is seeded. Its operations are what its training is charged.

        Parameters
        ----------
        preset : Preset
            The run's sizes; `preset.channels` is the width of the shared network's first level (feature maps), and
            `preset.colours` is C, the channels of the images: 3, or 1.
        """
        return None

    def as_published(self) -> Method:
        """The method as Xie et al. (2023) ran it (`--recipe paper`); the default is the method itself."""
        return self

    def applicable(self, model: NoiseModel) -> Applicability:
        """Whether the method suits the noise model, derived from its traits."""
        raise NotImplementedError

    def wants_decorrelated(self, model: NoiseModel) -> bool:
        """Whether to be given A^-1 y in place of y, in training and at test, where the model offers it.

        The default takes it where it changes the noise alone, not the image (Nos. 6, 8, 10).
        """
        seen = model.decorrelated()
        return seen is not None and seen.same_image

    def learns(self) -> str:
        """What the network learns, with every setting that decides it: part of the training key.

        Methods that answer the same share their networks.
        """
        return f"{self.slug} {self}"

    def loss(self, network: Network, batch: Batch) -> torch.Tensor:
        """The training loss of one batch, a scalar."""
        raise NotImplementedError

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        """The denoised image, in grey levels, not clipped.

        Parameters
        ----------
        network : Network
            The trained one (fails when called if the method has no `loss`).
        y : Tensor
            (1, C, H, W) noisy image, grey levels, unclipped; A^-1 y where the method asked for it.
        model : NoiseModel
            The law of y.
        generator : torch.Generator
            On the device of y, seeded for this image.
        """
        raise NotImplementedError


def estimate(network: Network, y: torch.Tensor, start: torch.Tensor | None = None, residual: bool = True) -> torch.Tensor:
    """A network's image for the image y: `start` (default: y) plus its output, in grey levels; without `residual`, its output.

    Notes
    -----
    The paper's network has no connection from input to output; predicting the residual reaches its scores in
    fewer steps (Zhang et al. 2017).
    """
    if not residual:
        return 127.5 + 127.5 * network(y)
    return (y if start is None else start) + UNIT * network(y)


def mean_squared(difference: torch.Tensor) -> torch.Tensor:
    """Mean square of a difference in grey levels, in units of the network's output squared."""
    return (difference / UNIT).square().mean()


def local_mean(y: torch.Tensor, window: int) -> torch.Tensor:
    """Mean of the window x window pixels around each (window odd, edges repeated): the brightness, nearly free of noise."""
    return F.avg_pool2d(F.pad(y, [window // 2] * 4, mode="replicate"), window, stride=1)


def brightness(y: torch.Tensor, window: int) -> torch.Tensor:
    """`local_mean`, limited to [0, 255]: where Gaussian noise whose size depends on x is drawn anew, x being unknown."""
    return local_mean(y, window).clamp(0, 255)


def derived(generator: torch.Generator, purpose: str) -> torch.Generator:
    """A generator of other numbers, also where the given one is at the seed that y's noise was drawn with.

    Whatever has to be independent of that noise is drawn from such a one: drawn with the same numbers, it would be the noise
    itself.
    """
    drawn = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    digest = hashlib.sha256(f"{purpose} {drawn}".encode()).digest()
    return torch.Generator(generator.device).manual_seed(int.from_bytes(digest[:8], "big") >> 1)
