"""The `estimate` command: the law of the noise in images whose clean ones nobody has, as an expression that `--noise` takes."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from bench.commands.arguments import output_of, path_of
from bench.commands.output import refuse_own, write_output
from bench.data.frames import Source, list_sources, read, sources_of
from bench.data.images import image_files, problem
from bench.data.levels import Extent, parse_white, unclipped, white_levels
from bench.data.measured import JPEG, NOISY, evenly
from bench.errors import UsageError
from bench.estimation.drawing import draw, refuse_target
from bench.estimation.estimating import Estimate, Picture, Untellable
from bench.estimation.estimating import estimate as law_of
from bench.estimation.kernels import kernel

#: Images that are taken for the estimate of all together, at most, evenly over their names.
POOLED = 12
#: The label of that estimate.
_ALL = "all together"


def add_estimate(parser: argparse.ArgumentParser) -> None:
    """The words of the command."""
    parser.add_argument("images", type=path_of, nargs="+", metavar="FILE|DIR", help="noisy images, or folders of them")
    told = "what becomes 255 grey levels, of images beyond 8 bits (default: auto)"
    parser.add_argument("--white", default="auto", metavar="auto|4095|1.0", help=told)
    parser.add_argument("--plot", type=output_of, metavar="FILE", help="draw curve and spectrum (.pdf, .png or .svg)")
    parser.add_argument("--json", action="store_true", help="all of it: parameters, intervals, rivals, doubts, the curve")


def estimate(options: argparse.Namespace, console: Console, given: list[str]) -> int:
    """The command: prints the law of each image and of all together; see `estimate_noise`."""
    return estimate_noise(options.images, options.white, options.plot, options.json, console)


def estimate_noise(sources: Sequence[Path], white: str, plot: Path | None, as_json: bool, console: Console) -> int:
    """Print the law of each image and of all together; returns the exit status.

    Raises UsageError, before any estimate, for what cannot be read, and where nothing can be told of any image.
    """
    if plot is not None:
        refuse_target(plot)
        refuse_own("--plot", plot, sources)
    pictures, scales = read_pictures(sources, white)
    found: dict[str, Estimate | str] = {}
    for picture in pictures:
        found[picture.name] = _told(picture)
        if len(pictures) > 1 and not as_json:
            console.print(_line(picture.name, found[picture.name]), soft_wrap=True)
    telling = [picture for picture in pictures if isinstance(found[picture.name], Estimate)]
    if not telling:
        name, why = next(iter(found.items()))
        raise UsageError(f"{name}: {why}; expected an image with noise in it")
    if len(telling) > 1:
        chosen = evenly(telling, POOLED)
        found[f"{_ALL} ({len(chosen)} of {len(pictures)} images)"] = law_of(chosen)
    label, last = list(found.items())[-1] if len(telling) > 1 else (telling[0].name, found[telling[0].name])
    assert isinstance(last, Estimate)
    if as_json:
        print(json.dumps([{"image": name} | _plain(each) for name, each in found.items()], indent=1))
    else:
        if len(pictures) > 1:
            console.print()
        _print_whole(label, last, scales, console)
    if plot is not None:
        write_output("--plot", plot, lambda target: draw(last, label, target, plot.suffix))
    return 0


def read_pictures(paths: Sequence[Path], white: str = "auto") -> tuple[list[Picture], list[str]]:
    """The images in files and folders, in grey levels, and a sentence for each white level. Raises UsageError.

    A folder that has no images itself, and `noisy/` with some, is a set of measured noise.
    """
    parse_white(white)
    sources = [source for path in paths for source in (list_sources(_folder(path)) if path.is_dir() else sources_of(path))]
    if twice := next((name for name, count in Counter(map(str, sources)).items() if count > 1), None):
        raise problem(twice, "is named twice", "each image once")
    stored, extent = [], Extent()
    for source in sources:
        pixels, _, _ = read(source)
        extent.note(str(source), pixels)
        stored.append((source, pixels))
    levels = white_levels(white, extent.largest)
    words = [f"{level:g} of the files' {kind} are 255 grey levels" for kind, level in levels.items()]
    return [_picture(source, pixels, levels) for source, pixels in stored], words


def _folder(path: Path) -> Path:
    inside = path / NOISY
    return inside if inside.is_dir() and not image_files(path) and image_files(inside) else path


def _picture(source: Source, pixels: npt.NDArray[Any], levels: Mapping[str, float]) -> Picture:
    end = 255.0 if pixels.dtype.kind != "f" else None
    return Picture(source.name, unclipped(pixels, levels), end, source.path.suffix.lower() in JPEG)


def _told(picture: Picture) -> Estimate | str:
    try:
        return law_of([picture])
    except Untellable as why:
        return str(why)


def _line(name: str, found: Estimate | str) -> str:
    if isinstance(found, str):
        return f"{name}: nothing can be told: {found}"
    return f"{name}: {found.law.expression}, sd {found.sd:.3g}; {found.sureness}" + "".join(f"; {why}" for why in found.doubts)


def _print_whole(label: str, found: Estimate, scales: Sequence[str], console: Console) -> None:
    """The expression first, then what stands behind it."""
    law, bright = found.law, found.judgement.view.means.brightness
    limits = None if found.doubts else found.judgement.intervals.get("sd")
    rows = [("of", label)]
    for name, value in law.parameters.items():
        rows.append((name if name != "added" else "added sigma", _interval(value, found.judgement.intervals.get(name))))
    rows.append(("standard deviation", _interval(found.sd, limits) + " grey levels, root mean square"))
    rows.append(("brightness", f"{bright.min():.0f} to {bright.max():.0f} grey levels in the blocks that were measured"))
    rows += [("scale", words) for words in scales]
    rows.append(("correlation", _correlation_words(found)))
    rows.append(("how sure", found.sureness))
    rows += [("doubt", why) for why in found.doubts]
    rows += [("may also be", f"{rival.expression}") for rival in found.rivals]
    console.print(law.expression, soft_wrap=True)
    for left, right in rows:
        console.print(f"  {left:20}{right}", soft_wrap=True)


def _interval(value: float, limits: tuple[float, float] | None) -> str:
    return f"{value:.3g}" + (f" ({limits[0]:.3g} to {limits[1]:.3g})" if limits else "")


def _correlation_words(found: Estimate) -> str:
    name = found.law.fit.kernel
    if name == "":
        return "none: neighbouring pixels have noise of their own"
    lag = found.law.lag_one(found.judgement.view.means.brightness, found.judgement.view.means.count)
    told = "the paper's A" if name == "A" else f"a Gaussian kernel, standard deviation {name:.2f} pixels"
    return f"{told}; between neighbours {lag:.2f}"


def _plain(found: Estimate | str) -> dict[str, Any]:
    """What `--json` prints of an image."""
    if isinstance(found, str):
        return {"expression": None, "reason": found}
    means, fit = found.judgement.view.means, found.law.fit
    return {
        "expression": found.law.expression,
        "family": found.law.family,
        "parameters": found.law.parameters,
        "kernel": None if fit.kernel == "" else kernel(fit.kernel).values.tolist(),
        "intervals": found.judgement.intervals,
        "sd": found.sd,
        "sure": found.sureness,
        "share_of_bootstrap": found.judgement.shares.get(found.law.family),
        "misfit": found.judgement.strain,
        "cannot_tell_from": [
            {"family": law.family, "expression": law.expression, "share_of_bootstrap": found.judgement.shares.get(law.family)}
            for law in found.rivals
        ],
        "doubts": list(found.doubts),
        "curve": [
            {"brightness": float(m), "sd": float(np.sqrt(v))}
            for m, v in zip(means.brightness, fit.pixel(means.brightness), strict=True)
        ],
    }
