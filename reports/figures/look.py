"""How all figures look: sizes, type, colours; and their files, the same bytes each time."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from reports.page.plots import short
from reports.read.model import Noise
from reports.style.colour import ON_PAPER, Style

#: Width of a column of text, and of two (inches).
ONE, TWO = 3.3, 6.9
#: Sizes of type (points) at the size of print.
TYPE, SMALL = 7.5, 7.0
#: Dots per inch of PNG.
DOTS = 300
FORMS = ("pdf", "png")
#: What a file would tell of when and by what it was made.
_UNTOLD: Mapping[str, dict[str, None]] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}
_MARKERS = {"circle": "o", "square": "s", "triangle": "^", "down": "v", "diamond": "D", "plus": "P", "cross": "X"}
_INK, _LINE = ON_PAPER["ink"], "#d9dce1"
_SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so every machine has it
    "font.size": SMALL,
    "axes.labelsize": TYPE,
    "legend.fontsize": SMALL,
    "pdf.fonttype": 42,  # TrueType, embedded: type 3 is refused by many journals
    "text.parse_math": False,  # names hold what they hold
    "axes.unicode_minus": True,
    "axes.linewidth": 0.6,
    "axes.edgecolor": "#5b6068",
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "xtick.color": "#5b6068",
    "ytick.color": "#5b6068",
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _LINE,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.1,
    "lines.markersize": 4.2,
    "lines.markeredgecolor": "white",
    "lines.markeredgewidth": 0.4,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.columnspacing": 1.2,
    "legend.handletextpad": 0.5,
    "legend.labelspacing": 0.3,
    "figure.constrained_layout.h_pad": 0.02,
    "figure.constrained_layout.w_pad": 0.02,
}


@dataclass(frozen=True)
class Drawing:
    """A figure to be made: the name of its files without their ending, and what it shows, in words for a caption."""

    name: str
    words: str
    make: Callable[[], Figure]


@contextmanager
def look() -> Iterator[None]:
    """Matplotlib's own defaults with these settings, whatever the user's are."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # names in scripts that the font lacks get boxes
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def files(drawing: Drawing) -> dict[str, bytes]:
    """The figure as PDF and PNG, by file name; the same bytes each time."""
    with look():
        figure = drawing.make()
        found = {}
        for form in FORMS:
            made = io.BytesIO()
            # what a figure of pictures asks for is its own: whole dots a pixel
            figure.savefig(made, format=form, metadata=_UNTOLD[form], dpi=figure.dpi if figure.dpi > DOTS else DOTS)
            found[f"{drawing.name}.{form}"] = made.getvalue()
    return found


def chart(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure of that size (inches) with one plot that fills it."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def drawn(style: Style, line: bool = True) -> dict[str, Any]:
    """A method's colour, marker and dashes, in matplotlib's words."""
    dashes = (0, tuple(map(float, style.dash.split()))) if style.dash else "-"
    return {"color": ON_PAPER[style.hue], "marker": _MARKERS[style.shape], "linestyle": dashes if line else "none"}


def key(figure: Figure, axes: Axes, width: float) -> None:
    """The legend below the plot, in as many columns as the width takes."""
    handles, labels = axes.get_legend_handles_labels()
    longest = max(map(len, labels), default=0)
    columns = max(1, min(len(labels), int((width * 72 - 10) // (longest * SMALL * 0.56 + 28))))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def ticked(axes: Axes, which: str, values: Iterable[float], labels: Iterable[str] | None = None) -> None:
    """Ticks at these values alone, on the axis x or y."""
    values = list(values)
    axis = axes.xaxis if which == "x" else axes.yaxis
    words = [short(value) for value in values] if labels is None else list(labels)
    axis.set_major_locator(FixedLocator(values))
    axis.set_major_formatter(
        FuncFormatter(lambda value, place: words[place] if place is not None and place < len(words) else "")
    )
    axis.set_minor_locator(NullLocator())


def cut(words: str, most: int = 36) -> str:
    """At most so many characters."""
    return words if len(words) <= most else words[: most - 1].rstrip() + "\u2026"


def file_name(kind: str, noise: Noise) -> str:
    """crops-01-gaussian: any file system and LaTeX take it."""
    slug = re.sub(r"[^A-Za-z0-9.+-]+", "_", noise.slug)[:80].strip("_")
    return f"{kind}-{noise.number:02d}-{slug}" if noise.number else f"{kind}-{slug}"
