"""Colours: one per method, a perceptually uniform map for scores, a diverging one around 0 for differences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reports.read.model import NOISY, Method


@dataclass(frozen=True)
class Style:
    """How a method is drawn everywhere: colour, marker shape, dashes."""

    hue: str
    shape: str
    dash: str = ""


#: Okabe-Ito, by the class name that report.css gives each colour. Pinned for the suite's own methods, so that a method has
#: the same colour in every report, whatever was run beside it; others take what is left, in order.
_PINNED = {
    NOISY: Style("grey", "plus"),
    "supervised": Style("ink", "square"),
    "noisier2noise": Style("purple", "triangle"),
    "neighbor2neighbor": Style("orange", "diamond"),
    "noise2score": Style("green", "cross"),
    "score-solver": Style("blue", "circle"),
    "score-solver-plus": Style("vermillion", "down"),
}
#: The same colours on white paper, as report.css has them for its light theme.
ON_PAPER: Mapping[str, str] = {
    **{"grey": "#767676", "ink": "#1b1d21", "orange": "#e69f00", "sky": "#56b4e9", "green": "#009e73"},
    **{"yellow": "#c9b800", "blue": "#0072b2", "vermillion": "#d55e00", "purple": "#cc79a7"},
}
_HUES = ("sky", "yellow", "green", "orange", "purple", "blue", "vermillion", "ink")
#: Markers, in the order in which they are given out.
SHAPES = ("square", "triangle", "diamond", "cross", "plus", "down", "circle")


def styles(methods: Iterable[Method]) -> dict[str, Style]:
    """A style per method: no two alike in hue and shape among the first 8 x 7."""
    found = {m.slug: _PINNED[m.slug] for m in methods if m.slug in _PINNED}
    others = [m.slug for m in methods if m.slug not in _PINNED]
    taken = {(style.hue, style.shape) for style in _PINNED.values()}
    # Past the colours that are left, shapes and dashes tell the methods apart.
    pairs = [(hue, SHAPES[(place + turn) % len(SHAPES)]) for turn in range(len(SHAPES)) for place, hue in enumerate(_HUES)]
    free = [pair for pair in pairs if pair not in taken]
    for index, slug in enumerate(others):
        found[slug] = Style(*free[index % len(free)], "" if index < 3 else "4 2")
    return found


# viridis at 0, 1/16, ..., 1 (sRGB); straight lines between them stay within 5 of 255 levels.
_STOPS = (
    "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c 1fa088 28ae80 3fbc73 5ec962 84d44b addc30 d8e219 fde725"
)
_VIRIDIS = tuple(tuple(bytes.fromhex(stop)) for stop in _STOPS.split())


def viridis(position: float) -> tuple[int, int, int]:
    """The map's colour at a position, clamped to 0..1."""
    place = min(max(position, 0.0), 1.0) * (len(_VIRIDIS) - 1)
    low = min(int(place), len(_VIRIDIS) - 2)
    share = place - low
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(_VIRIDIS[low], _VIRIDIS[low + 1], strict=True))
    return red, green, blue


def luminance(colour: tuple[int, int, int]) -> float:
    """WCAG relative luminance."""

    def linear(level: int) -> float:
        share = level / 255
        return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)

    red, green, blue = map(linear, colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def score_colours(value: float | None, low: float, high: float) -> tuple[str, str]:
    """Background and text colour of a heat-map cell: viridis, with black or white text, whichever reads better."""
    if value is None:
        return "transparent", "inherit"
    red, green, blue = colour = viridis(0.5 if high <= low else (value - low) / (high - low))
    # Contrast with white is 1.05 / (L + 0.05), with black (L + 0.05) / 0.05: they cross at L = 0.179.
    return f"rgb({red},{green},{blue})", "#000" if luminance(colour) > 0.179 else "#fff"


def difference_colours(value: float | None, limit: float) -> tuple[str, str]:
    """The same for a difference: blue above 0, orange below, fading into the page's own background at 0."""
    if value is None:
        return "transparent", "inherit"
    strength = 0.0 if limit <= 0 else min(abs(value) / limit, 1.0)
    hue = "0,114,178" if value > 0 else "213,94,0"
    # At most 0.6, so that the page's own text colour stays readable in both themes.
    return f"rgba({hue},{0.6 * strength:.3f})", "inherit"
