"""The one long table: a row per noise model, method, seed and data set, all metrics beside each other."""

from __future__ import annotations

from dataclasses import dataclass

from reports.tables import DIGITS, STATUS_TEXT, Score, Scores


@dataclass(frozen=True)
class LongRow:
    """A row; one without scores says why in `detail`."""

    noise_no: int
    noise: str
    method: str
    seed: int
    dataset: str
    images: int
    scores: tuple[Score, ...]
    status: str
    detail: str


def metrics(scores: Scores) -> tuple[str, ...]:
    """The metrics of the table: the known ones first, then whatever else is in it."""
    present = [name for name in scores.run.table["metric"].unique() if name]
    return tuple([name for name in DIGITS if name in present] + [name for name in present if name not in DIGITS])


def long_rows(scores: Scores) -> list[LongRow]:
    """All rows in the table's order."""
    table = scores.run.table
    names = metrics(scores)
    keys = ["noise_no", "noise", "method", "seed", "dataset", "status", "reason"]
    groups = table.groupby([*keys, "metric"], sort=False).agg(
        mean=("value", "mean"), rows=("value", "size"), finite=("value", "count"), images=("image", "nunique")
    )
    rows: dict[tuple[object, ...], tuple[int, dict[str, Score]]] = {}
    for (*key, metric), mean, size, finite, images in groups.itertuples():
        count, found = rows.get(tuple(key), (0, {}))
        if metric:
            note = "" if finite == size else f"mean of the {finite} finite values of {size}"
            value = float(mean) if finite else None
            found[metric] = Score(value, DIGITS.get(metric, 3), int(images), finite == size, note)
        rows[tuple(key)] = max(count, int(images)), found
    result = []
    blank = Score(None, 2, 0, False)
    for (number, noise, method, seed, dataset, status, reason), (images, found) in rows.items():
        cell = scores.run.cell(str(noise), str(method), int(str(seed)))
        message = cell.message if cell else ""
        result.append(
            LongRow(
                noise_no=int(str(number)),
                noise=str(noise),
                method=str(method),
                seed=int(str(seed)),
                dataset=str(dataset),
                images=images if dataset else 0,
                scores=tuple(found.get(name, blank) for name in names) if status == "done" else (),
                status=STATUS_TEXT.get(str(status), str(status)),
                detail=_detail(str(status), message, str(reason)),
            )
        )
    return result


def _detail(status: str, message: str, reason: str) -> str:
    if status == "done":
        return ""
    return message if status in ("failed", "timeout") and message else reason
