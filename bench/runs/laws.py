"""What run.json tells of a noise model: enough to make it again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bench.plan.measured import Measured, measured_from, measured_record
from bench.plan.recipes import Kernels
from noise import NoiseModel, kernels_of, origin
from noise.expressions import terms


def noise_record(model: NoiseModel) -> dict[str, Any]:
    """What run.json tells of a noise model; where its kernel came from a file, the rows of that, too.

    Of one whose base is from outside of the suite also the file, or the package, that it is from.
    """
    told: dict[str, Any] = {
        "number": model.number,
        "slug": model.slug,
        "title": model.title,
        "formula": model.formula,
        "parameters": model.parameters,
    }
    if (place := origin(model.base)) is not None:
        told["origin"] = asdict(place)
    for rows in kernels_of(model).values():
        told["kernel"] = [list(row) for row in rows]
    return told | ({"measured": measured_record(model)} if isinstance(model, Measured) else {})


def measured_rows(record: dict[str, Any]) -> dict[str, Measured]:
    """The rows of measured noise in a run.json, by name. Raises KeyError, TypeError or ValueError for what are none."""
    return {told["slug"]: measured_from(told) for told in record.get("noise", []) if "measured" in told}


def kernels_from(record: dict[str, Any]) -> Kernels:
    """The kernels of the noise models in a run.json, by name. Raises TypeError or ValueError for what are none."""
    found = {}
    for told in record.get("noise", []):
        name = dict(terms(told["slug"])[0].settings).get("conv", "") if "kernel" in told else ""
        if name:
            found[name] = tuple(tuple(float(value) for value in row) for row in told["kernel"])
    return found
