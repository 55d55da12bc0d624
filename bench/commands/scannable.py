"""What of a run `robustness` can solve again: methods that take another law, and rows with parameters to be wrong about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import methods
from bench.commands.names import parse_noise
from bench.errors import UsageError, one_line
from bench.plan.cells import Entry
from bench.plan.measured import Measured
from bench.runs import store
from bench.runs.laws import measured_rows
from bench.runs.weights import weights_path
from noise.names import nearest

#: The noise models that are solved again where none is named: those of the paper's Figure 2.
USUAL = "14,15"
_UNKNOWN = "the law of measured noise is not known but estimated, so it has no true parameters to get wrong"


def entries_of(directory: Path, record: dict[str, Any], plan: Sequence[Entry], text: str, method: str) -> list[Entry]:
    """The cells of the noise models that `--noise` names, of the first seed each. Raises UsageError where one will not do."""
    try:
        rows = measured_rows(record)
    except (KeyError, TypeError, ValueError):
        raise UsageError(f"{directory}/run.json: has no readable rows: expected one written by this version") from None
    there = [entry for entry in plan if entry.method == method and entry.key]
    fixed = {told["slug"] for told in record["noise"] if not any(told["parameters"].values())}
    known = list(dict.fromkeys(entry.noise_label.strip() for entry in there if entry.noise not in {*rows, *fixed}))
    if plan and all(entry.noise in rows for entry in plan):
        raise UsageError(f"{directory}: {_UNKNOWN}: expected a run that has a noise model, too")
    if not there:
        methods = ", ".join(dict.fromkeys(entry.method for entry in plan)) or "nothing"
        raise UsageError(f"{directory}: the run has no {method}: expected a run of it; this one is of {methods}")
    found = []
    for model in parse_noise(text, sets=list(dict.fromkeys(row.told.name for row in rows.values()))):
        expected = f"expected of {', '.join(known) or 'none'}"
        if isinstance(model, Measured):
            raise UsageError(f"--noise {model.slug}: {_UNKNOWN}: {expected}")
        if not any(model.parameters.values()):
            raise UsageError(f"--noise {model.slug}: it has no parameter to get wrong: {expected}")
        own = [entry for entry in there if entry.noise == model.slug]
        if not own:
            raise UsageError(f"--noise {model.slug}: the run has no such noise model with {method}: {expected}")
        found.append(_done(directory, min(own, key=lambda entry: entry.seed)))
    return found


def _done(directory: Path, entry: Entry) -> Entry:
    """The entry, where it is done and has weights."""
    status = store.status_of(entry, store.read_cell(directory, entry))
    if status != "done":
        raise UsageError(f"{directory}: {entry.name} is {status}: expected a cell that is done")
    assert entry.key is not None  # of methods that learn a score
    if not weights_path(directory, entry.key).exists():
        raise UsageError(f"{directory}: weights/{entry.key}.safetensors of {entry.name} is missing: expected trained weights")
    return entry


def refuse_method(slug: str, record: dict[str, Any]) -> None:
    """Raise UsageError for a method that is not known, or cannot be given another law than its network's."""
    slug = slug.partition("(")[0]
    places = {told["slug"]: told.get("origin") for told in record["methods"]}
    if slug not in methods.catalogue() and isinstance(place := places.get(slug), dict):
        where = one_line(str(place.get("where")))
        raise UsageError(f"--method {slug!r} is not of the suite, the run had it from {where}: expected --method-file {where}")
    known = [name for name, method in methods.catalogue().items() if _takes_other_laws(method)]
    if slug in methods.broken():
        raise UsageError(f"--method {slug!r}: {methods.broken()[slug]}")
    if slug not in known:
        there = "learns no score" if slug in methods.catalogue() else "is unknown"
        raise UsageError(f"--method {slug!r} {there}{nearest(slug, known)}: expected one of {', '.join(known)}")


def _takes_other_laws(method: methods.Method) -> bool:
    """Whether `denoise_assuming` is all that the method does to an image."""
    return isinstance(method, methods.ScoreMethod) and type(method).denoise is methods.ScoreMethod.denoise
