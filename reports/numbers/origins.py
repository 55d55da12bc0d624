"""What the cells' own files say of how they were made, where that is not what run.json says, or not the same for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from reports.read.model import Run
from reports.read.untrusted import mapping, text
from reports.style.words import counted


def origins(run: Run) -> tuple[str, ...]:
    """Sentences; none where every cell was made as run.json says, by the same code."""
    return (*_other_settings(run), *_other_code(run))


def code_of(run: Run) -> Mapping[str, str]:
    """The code that the run's cells were made by: module -> its digests, as far as the cells say."""
    found: dict[str, dict[str, None]] = {}
    for cell in run.cells:
        for module, digest in mapping(cell.made_of.get("code")).items():
            found.setdefault(module, {})[text(digest)] = None
    return {module: ", ".join(digests) for module, digests in sorted(found.items())}


def _other_settings(run: Run) -> list[str]:
    told = [("method", method.slug, method.title, method.settings) for method in run.methods]
    told += [("noise", model.slug, model.title, model.parameters) for model in run.noises]
    sentences = []
    for kind, slug, title, settings in told:
        own = [cell.made_of for cell in run.cells if slug == (cell.method if kind == "method" else cell.noise)]
        others = [mapping(made.get(kind)) for made in own if kind in made and mapping(made.get(kind)) != dict(settings)]
        names = sorted({name for other in others for name in {*other, *settings} if other.get(name) != settings.get(name)})
        if others:
            words = f"{counted(len(others), 'cell')} of {title} {'was' if len(others) == 1 else 'were'} made"
            sentences.append(f"{words} with another {', '.join(names)} than run.json tells, and this page.")
    return sentences


def _other_code(run: Run) -> list[str]:
    digests: dict[str, Counter[str]] = {}
    for cell in run.cells:
        for module, digest in mapping(cell.made_of.get("code")).items():
            digests.setdefault(module, Counter())[text(digest)] += 1
    return [
        f"{module} was not the same for all cells: {' and '.join(str(count) for count in counts.values())} of them "
        "were made by different code."
        for module, counts in sorted(digests.items())
        if len(counts) > 1
    ]
