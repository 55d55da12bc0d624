"""A run turned into the page: view models from the other modules, put into the templates."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reports.colour import styles
from reports.cost import costs, sharing
from reports.crops import DETAIL, ZOOM, galleries
from reports.longtable import long_rows, metrics
from reports.model import Run
from reports.plots import HEIGHT, WIDTH, curves, marker
from reports.published import PROTOCOL, beside_the_paper
from reports.robustness import robustness
from reports.summary import findings, heat_map, progress
from reports.tables import OVERALL, PROTOCOL_TEXT, PROTOCOLS, Scores
from reports.trust import trust
from reports.untrusted import brief, mapping, text

#: In the order in which the page needs them.
STYLE_SHEETS = ("report.css", "tables.css", "crops.css", "plots.css", "trust.css", "media.css")
SCRIPTS = ("report.js", "tables.js")


def render(run: Run) -> str:
    """The whole page as a string; the same run gives the same characters."""
    scores = Scores(run)
    style = styles(run.methods)
    beside = beside_the_paper(scores)
    script = _assets(SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    settings = mapping(run.info.get("settings"))
    return (
        _environment()
        .get_template("report.html")
        .render(
            # Only our own files are exempt from escaping.
            css=Markup(_assets(STYLE_SHEETS)),
            script=Markup(script),
            script_hash=digest,
            run=run,
            scores=scores,
            styles=style,
            marker=marker,
            protocols=scores.protocols,
            protocol_text=PROTOCOL_TEXT,
            metrics_of=PROTOCOLS,
            overall=OVERALL,
            title=_title(run),
            preset=text(settings.get("preset")),
            data=text(settings.get("data")),
            progress=progress(scores),
            findings=findings(scores),
            heat_maps=[heat_map(scores, name, beside.gaps if name == PROTOCOL else None) for name in scores.protocols],
            beside=beside,
            paper_protocol=PROTOCOL,
            metrics=metrics(scores),
            long_rows=long_rows(scores),
            galleries=galleries(scores),
            detail=DETAIL,
            zoom=ZOOM,
            curves=curves(scores, style),
            plot_width=WIDTH,
            plot_height=HEIGHT,
            robustness=robustness(run),
            costs=costs(scores),
            sharing=sharing(scores),
            trust=trust(scores),
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["brief"] = brief
    return environment


def _assets(names: tuple[str, ...]) -> str:
    """The files below templates/, one after another."""
    folder = resources.files("reports").joinpath("templates")
    return "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names)


def _title(run: Run) -> str:
    settings = mapping(run.info.get("settings"))
    preset, data = text(settings.get("preset")), text(settings.get("data"))
    if preset and data:
        return f"{preset} run on {data}"
    return "results table" if not run.info else "run"
