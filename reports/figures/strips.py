"""Strips of crops: one image under a noise model, clean, noisy and by every method, with the PSNR (the paper's Figure 3)."""

from __future__ import annotations

import io
import math
import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from reports.figures.look import DOTS, ONE, SMALL, TWO, Drawing, cut, file_name
from reports.numbers.tables import PROTOCOLS, Scores
from reports.page.crops import Shot, Stock, Values, image_scores, score_of, stock
from reports.page.overview import chosen
from reports.page.pictures import brighter
from reports.read.model import NOISY, Noise
from reports.style.words import listed

#: Pictures in a line, at most, and in one column of text.
_MOST, _NARROW = 9, 4
#: Between two pictures, in widths of a picture.
_GAP = 0.05
#: Width and height of a character and a line of text (inches).
_CHARACTER, _LINE = SMALL * 0.57 / 72, SMALL * 1.2 / 72


@dataclass(frozen=True)
class _Panel:
    title: str
    below: str
    pixels: np.ndarray  # (H, W) or (H, W, 3), 8 bits


def strips(scores: Scores) -> tuple[list[Drawing], list[str]]:
    """A strip for every noise model that has pictures, and what is left out of them, in sentences."""
    stored = stock(scores)
    shots = chosen(stored)
    values = image_scores(scores.run, {shot.image for shot in shots.values()})
    drawings, left_out = [], []
    for noise in scores.noises:
        name = file_name("crops", noise)
        if noise.slug not in shots:
            left_out.append(f"{name}: there are no crops of it")
            continue
        shot = shots[noise.slug]
        panels, missing = _panels(scores, noise, shot, stored, values)
        if missing:
            left_out.append(f"{name}: without {listed(missing)}, of which there is no crop")
        words = f"{shot.image} of {shot.dataset} under {noise.label}; PSNR of the whole image, {scores.protocols[0]} protocol"
        if (bright := brighter(stored.album, shot.files)) > 1:
            panels = [
                replace(panel, pixels=np.minimum(panel.pixels.astype(int) * bright, 255).astype(np.uint8)) for panel in panels
            ]
            words += f"; shown {bright} times as bright"
        drawings.append(Drawing(name, words, lambda panels=panels: _strip(panels)))  # type: ignore[misc]
    return drawings, left_out


def _panels(scores: Scores, noise: Noise, shot: Shot, stored: Stock, values: Values) -> tuple[list[_Panel], list[str]]:
    """Clean, noisy, methods; titles of what was done and has no picture."""
    found, missing = [], []
    clean = stored.album.data(shot.clean)
    if clean is None:
        missing.append("the clean image")
    else:
        found.append(_Panel("Clean", "", _pixels(clean)))
    for method in sorted(scores.methods, key=lambda method: method.slug != NOISY):
        if scores.state(noise, method).words == "\u2014":
            continue
        crop = shot.crops.get(method.slug)
        data = stored.album.data(crop.file) if crop else None
        if data is None:
            missing.append(method.title)
            continue
        psnr = score_of(values, noise, method, shot, PROTOCOLS[scores.protocols[0]][0])
        found.append(_Panel(method.title, "" if psnr.value is None else f"{psnr.shown} dB", _pixels(data)))
    return found, missing


def _pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))


def _strip(panels: list[_Panel]) -> Figure:
    """In lines of equally many, names above and PSNR below; what is longer than a line of text has more lines.

    Every pixel of a crop is a square of whole dots of the PNG, and one pixel of the PDF, not smoothed.
    """
    lines = math.ceil(len(panels) / _MOST)
    across = math.ceil(len(panels) / lines)
    width = ONE if across <= _NARROW else TWO
    side = max(max(panel.pixels.shape[:2]) for panel in panels)
    scale = math.ceil(DOTS * width / (across + _GAP * (across - 1)) / side)  # dots a pixel
    panel, gap = side * scale, round(_GAP * side * scale)
    wide = across * panel + (across - 1) * gap
    dots = wide / width  # an inch
    titles = [_wrapped(shown.title, int(panel / dots / _CHARACTER)) for shown in panels]
    row = round(_LINE * dots)
    above = max(map(len, titles)) * row
    below = row if any(shown.below for shown in panels) else 0
    step = above + panel + below + row // 2
    high = lines * step  # half a row below the last is for what hangs below the line of writing
    figure = Figure(figsize=(wide / dots, high / dots), dpi=dots)
    for place, (shown, title) in enumerate(zip(panels, titles, strict=True)):
        line, column = divmod(place, across)
        left, top = column * (panel + gap), above + line * step
        height, breadth = (scale * size for size in shown.pixels.shape[:2])
        axes = figure.add_axes(
            (left / wide, 1 - (top + height) / high, breadth / wide, height / high), frameon=False, xticks=[], yticks=[]
        )
        grey: dict[str, Any] = {"cmap": "gray", "vmin": 0, "vmax": 255} if shown.pixels.ndim == 2 else {}
        axes.imshow(shown.pixels, interpolation="none", aspect="auto", **grey)
        words = [(text, top - row * (len(title) - index - 0.75)) for index, text in enumerate(title)]
        for text, down in [*words, (shown.below, top + panel + row)]:
            figure.text((left + panel / 2) / wide, 1 - down / high, text, ha="center", va="baseline", fontsize=SMALL)
    return figure


def _wrapped(title: str, width: int) -> list[str]:
    """In lines of at most so many characters, broken at spaces, after hyphens, after the 2 in Noise2Noise; at most three."""
    words = re.sub(r" (?=\S( |$))", "\N{NO-BREAK SPACE}", title)  # a sign alone stays with what it follows
    lines = [""]
    for word in re.findall(r"[^ ]+?(?:(?<=\d)(?=[A-Z])|(?<=-)|(?= |$)) ?", words):
        if lines[-1] and len((lines[-1] + word).rstrip()) > width:
            lines.append("")
        lines[-1] += word
    return [cut(line.strip(), max(width, 4)) for line in lines][:3]
