"""A run turned into the page: view models from the other modules, put into the templates."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reports.forms.export import FORMATS, PAGE_ROWS, WRITERS
from reports.forms.longtable import long_table
from reports.forms.measured import measured_sets
from reports.forms.paperform import paper_tables
from reports.numbers.cost import budget, costs, sharing
from reports.numbers.kinds import given_kernel, kind_of, kinds_of
from reports.numbers.pairs import LEAST_IMAGES, LEVEL, MOST_EXACT, RESAMPLES
from reports.numbers.retraining import RETRAINED, RETRAINING
from reports.numbers.significance import MOST_METHODS, VERDICTS, p_value, significance
from reports.numbers.summary import findings, heat_map, progress
from reports.numbers.tables import OVERALL, PROTOCOL_TEXT, PROTOCOLS, Scores, signed
from reports.page.cards import cards
from reports.page.crops import DETAIL, ERROR_COLOURS, ERROR_LIMIT, ZOOM, galleries, stock
from reports.page.levels import sweeps
from reports.page.measured import measured_strips
from reports.page.overview import overview
from reports.page.pareto import tradeoffs
from reports.page.plots import HEIGHT, WIDTH, curves, marker
from reports.page.robustness import robustness
from reports.page.trust import trust
from reports.published.paper import PROTOCOL, beside_the_paper
from reports.read.model import Run
from reports.read.untrusted import brief, mapping, text
from reports.style.colour import styles
from reports.style.words import counted, listed, numbered, numbers_and_names

#: In the order in which the page needs them.
STYLE_SHEETS = (
    *(
        "report.css",
        "tables.css",
        "statistics.css",
        "crops.css",
        "overview.css",
        "plots.css",
        "trust.css",
        "compare.css",
        "media.css",
    ),
    "print.css",
)
SCRIPTS = ("report.js", "methods.js", "tables.js", "crops.js")


def render(run: Run) -> str:
    """The whole page as a string; the same run gives the same characters."""
    scores = Scores(run)
    style = styles(run.methods)
    reduced = _reduced(scores)
    beside = beside_the_paper(scores)
    tests = significance(scores)
    pictures = stock(scores)
    strips = measured_strips(scores, pictures)  # these come first on the page, then the overview, and then the galleries
    settings = mapping(run.info.get("settings"))
    return page(
        "report.html",
        run=run,
        scores=scores,
        styles=style,
        kinds=kinds_of(run.methods),
        kind_of=kind_of,
        given_kernel=given_kernel(run),
        reduced=_reduced_words(scores, reduced),
        reduced_of=reduced,
        protocols=scores.protocols,
        protocol_text=PROTOCOL_TEXT,
        metrics_of=PROTOCOLS,
        overall=OVERALL,
        title=heading(run),
        preset=text(settings.get("preset")),
        data=text(settings.get("data")),
        progress=progress(scores),
        findings=findings(scores, tests),
        heat_maps=[heat_map(scores, name, tests, beside.gaps if name == PROTOCOL else None) for name in scores.protocols],
        tests=tests,
        verdicts=VERDICTS,
        level=LEVEL,
        least_images=LEAST_IMAGES,
        most_methods=MOST_METHODS,
        most_exact=MOST_EXACT,
        resamples=RESAMPLES,
        retraining=RETRAINING,
        retrained=listed([signed(gap) for gap in RETRAINED.values()]),
        numbers_and_names=numbers_and_names,
        beside=beside,
        paper_protocol=PROTOCOL,
        paper_tables=paper_tables(scores, tests),
        long=long_table(scores),
        formats=FORMATS,
        writers=WRITERS,
        page_rows=PAGE_ROWS,
        counted=counted,
        listed=listed,
        overview=overview(scores, pictures),
        galleries=galleries(scores, pictures),
        detail=DETAIL,
        zoom=ZOOM,
        error_colours=ERROR_COLOURS,
        error_limit=ERROR_LIMIT,
        curves=curves(scores, style),
        plot_width=WIDTH,
        plot_height=HEIGHT,
        robustness=robustness(run),
        sweeps=sweeps(scores, style),
        measured=measured_sets(scores),
        measured_strips=strips,
        costs=costs(scores),
        sharing=sharing(scores),
        budget=budget(run),
        tradeoffs=tradeoffs(scores, style),
        cards=cards(run),
        trust=trust(run),
    )


def _reduced(scores: Scores) -> dict[str, str]:
    """The methods on one image that were given less than they ask for, by slug: what they were given, in words."""
    pairs = [(method, noise) for method in scores.methods for noise in scores.noises]
    return {method.slug: words for method, noise in pairs if (words := scores.state(noise, method).reduced)}


def _reduced_words(scores: Scores, reduced: Mapping[str, str]) -> str:
    """A sentence on them; "" where there are none."""
    if not reduced:
        return ""
    titles = listed([method.title for method in scores.methods if method.slug in reduced])
    cut = any(scores.crop(noise, method) for noise in scores.noises for method in scores.methods)
    alone = ", not ranked, averaged or tested with those of whole images" if cut else ""
    return (
        f"{' or '.join(dict.fromkeys(reduced.values()))}: what {titles} {'was' if len(reduced) == 1 else 'were'} given{alone}."
    )


def page(template: str, **values: object) -> str:
    """A template filled in; the style sheets, the scripts with their hash, and what the macros need are added."""
    script = _assets(SCRIPTS)
    return (
        _environment()
        .get_template(template)
        .render(
            # Only our own files are exempt from escaping.
            css=Markup(_assets(STYLE_SHEETS)),
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            marker=marker,
            numbered=numbered,
            **values,
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reports.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(brief=brief, signed=signed, p_value=p_value)
    return environment


def _assets(names: tuple[str, ...]) -> str:
    """The files below templates/, one after another."""
    folder = resources.files("reports.page").joinpath("templates")
    return "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names)


def heading(run: Run) -> str:
    """What a run is called, in words."""
    settings = mapping(run.info.get("settings"))
    preset, data = text(settings.get("preset")), text(settings.get("data"))
    if preset and data:
        return f"{preset} run on {data}"
    return "results table" if not run.info else "run"
