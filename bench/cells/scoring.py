"""Scores of a denoised image: all that can be had of it, on a GPU while that denoises the next one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import torch

from bench.cells.centre import centre
from bench.cells.metrics import score
from bench.cells.truthless import score_truthless
from bench.data.measured import Shot
from bench.data.sets import Image
from bench.training.patches import channels_first

Scores = dict[str, float]


def scores_of(image: Image, denoised: torch.Tensor, clean: torch.Tensor, noisy: torch.Tensor, side: int) -> Scores:
    """All scores of one image; of measured noise those without truth, and those with it where there is a clean image.

    Parameters
    ----------
    denoised, clean : Tensor
        (C, H, W) grey levels.
    noisy : Tensor
        What was denoised, or what that is the centre of.
    side : int
        Of that centre (pixels); 0: the whole image.
    """
    if not isinstance(image, Shot):
        return score(denoised, clean)
    second = None if image.second is None else centre(channels_first(image.second), side)
    found = {} if image.clean is None else score(denoised, clean)
    return found | score_truthless(denoised, centre(noisy, side), second)


@contextmanager
def scoring(beside: bool) -> Iterator[Callable[..., Callable[[], Scores]]]:
    """What takes the arguments of `scores_of` and returns what gives its result.

    Parameters
    ----------
    beside : bool
        Score in a thread of its own, one image at a time, while the caller goes on; who brings the next image waits for the
        one before, so that no more than two are held.
    """
    if not beside:
        yield lambda *given: partial(dict, scores_of(*given))
        return
    last: list[Future[Scores]] = []

    def begin(*given: object) -> Callable[[], Scores]:
        if last:
            last.pop().result()
        last.append(pool.submit(scores_of, *given))  # type: ignore[arg-type]
        return last[0].result

    with ThreadPoolExecutor(1, "scores") as pool:
        yield begin
