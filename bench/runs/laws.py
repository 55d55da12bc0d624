"""What run.json tells of a noise model, enough to make it again, and of the images of which rows."""

from __future__ import annotations

from collections.abc import Sequence
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


#: How the sets of measured noise are called among the images of a run.json.
MEASURED = "measured "


def sets_of(settings: dict[str, Any]) -> set[str]:
    """The sets of measured noise in the settings of a run.json."""
    return {name.removeprefix(MEASURED) for name in settings.get("data_sha256", {}) if name.startswith(MEASURED)}


def of_sets_alone(settings: dict[str, Any]) -> bool:
    """Whether all rows of a run are of measured noise: it has no images that noise is added to, and no channels of its own."""
    return bool(sets_of(settings)) and all(name.startswith(MEASURED) for name in settings["data_sha256"])


def of_row(settings: dict[str, Any], model: NoiseModel) -> dict[str, Any]:
    """The settings of a run.json as a run of that row alone tells them: of no other's images, white levels and channels."""
    if not sets_of(settings):
        return settings
    row = model.told if isinstance(model, Measured) else None
    images = {
        name: sha256
        for name, sha256 in settings["data_sha256"].items()
        if (name == MEASURED + row.name if row else not name.startswith(MEASURED))
    }
    white = {
        name: level
        for name, level in settings.get("white", {}).items()  # of a set it is called by that and the kind of values
        if name.rpartition(" ")[0] == (row.name if row else "")
    }
    told = {name: value for name, value in settings.items() if name != "white"} | {"data_sha256": images}
    if row:
        fields = {name: value for name, value in settings["fields"].items() if name != "colours"}
        told["fields"] = fields | ({"colours": 1} if row.channels == 1 else {})
    return told | ({"white": white} if white else {})


def of_both(one: dict[str, Any], other: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings of two run.json without those of images that one of them has no row for: these need not agree."""
    common = sets_of(one) & sets_of(other)
    added = not (of_sets_alone(one) or of_sets_alone(other))

    def reduced(settings: dict[str, Any]) -> dict[str, Any]:
        told = dict(settings)
        images = settings.get("data_sha256", {}).items()
        told["data_sha256"] = {
            name: sha256 for name, sha256 in images if (name[len(MEASURED) :] in common if name.startswith(MEASURED) else added)
        }
        white = settings.get("white", {}).items()  # of a set it is called by that and the kind of values
        told["white"] = {name: level for name, level in white if (name.split()[0] in common if " " in name else added)}
        if not added:
            told["fields"] = {name: value for name, value in settings.get("fields", {}).items() if name != "colours"}
        return told

    return reduced(one), reduced(other)


def joined(every: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The settings of the first run.json, with the images of all."""
    own = min(every, key=lambda settings: (of_sets_alone(settings), "colours" in settings["fields"]))  # 3 are not told
    white = {name: level for settings in every for name, level in settings.get("white", {}).items()}
    images = {name: sha256 for settings in every for name, sha256 in settings.get("data_sha256", {}).items()}
    return every[0] | {"fields": own["fields"], "data_sha256": images} | ({"white": white} if white else {})
