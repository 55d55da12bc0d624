"""The first screen: how far the run got, the heat map of noise model x method, and a few sentences of findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from reports.numbers.cost import budget
from reports.numbers.kinds import Group
from reports.numbers.significance import Significance, lead
from reports.numbers.tables import OVERALL, PROTOCOLS, Score, Scores, State, signed
from reports.read.model import NOISY, Method, Noise
from reports.read.untrusted import whole
from reports.style.colour import difference_colours, score_colours
from reports.style.words import counted, listed, numbered

#: Differences are shown with a colour range of at most this many dB, so that one broken result does not hide the rest.
_DIFFERENCE_LIMIT = 6.0
_MARKS = ("best", "second")
_NO_WINNER = "No unsupervised method has finished on a noise model yet, so there is no winner to name."
_NO_GAP = "No noise model has both a supervised and an unsupervised score: the cost of having no clean images is unknown."


@dataclass(frozen=True)
class View:
    """One way of looking at a heat-map cell."""

    kind: str  # psnr | ssim | difference | published; of two runs compared: psnr | ssim
    text: str
    exact: str
    colours: tuple[str, str]  # background, text
    mark: str = ""
    note: str = ""


@dataclass(frozen=True)
class HeatCell:
    """One noise model x method of the heat map."""

    method: Method
    state: State
    views: tuple[View, ...]
    tie: str = ""  # that it is not distinguishable from the best, or within the spread of retraining, in words


@dataclass(frozen=True)
class Best:
    """The best of a group by mean PSNR, or "", and those tied with it, by title; `there`: whether any of the group applies."""

    winner: str
    tied: tuple[str, ...]
    there: bool


@dataclass(frozen=True)
class HeatRow:
    """One noise model of the heat map; `bests` are in the order of `HeatMap.groups`."""

    noise: Noise
    cells: tuple[HeatCell, ...]
    bests: tuple[Best, ...]


@dataclass(frozen=True)
class HeatMap:
    """The heat map under one protocol."""

    protocol: str
    groups: tuple[Group, ...]
    rows: tuple[HeatRow, ...]


def progress(scores: Scores) -> dict[str, int]:
    """Cells done, ended otherwise, waiting, and planned."""
    counts = scores.cell_counts
    done, failed, timeout = counts["done"], counts["failed"], counts["timeout"]
    planned = max(whole(scores.run.info.get("cells")), sum(counts.values()))
    pending = planned - done - failed - timeout
    return {"done": done, "failed": failed, "timeout": timeout, "pending": pending, "planned": planned}


def heat_map(
    scores: Scores, protocol: str, tests: Significance, published: Mapping[tuple[str, str], float] | None = None
) -> HeatMap:
    """Mean over the data sets of every noise model and method; `published` holds the differences to the paper, if any.

    Ties with the best are marked at the protocol of the tests alone.
    """
    psnr, ssim = PROTOCOLS[protocol]
    psnrs = {noise.slug: scores.row(noise, OVERALL, psnr) for noise in scores.noises}
    ssims = {noise.slug: scores.row(noise, OVERALL, ssim) for noise in scores.noises}
    differences = {noise.slug: difference_to_supervised(_whole(scores, noise), psnrs[noise.slug]) for noise in scores.noises}
    psnr_range = _range(score.value for row in psnrs.values() for score in row.values())
    ssim_range = _range(score.value for row in ssims.values() for score in row.values())
    limit = max((abs(d) for row in differences.values() for d in row.values() if d is not None), default=0.0)
    limit = min(limit, _DIFFERENCE_LIMIT)
    gaps = published or {}
    ties = tests.tied if tests.protocol == protocol else {}
    gap_limit = min(max(map(abs, gaps.values()), default=0.0), _DIFFERENCE_LIMIT)
    rows = []
    for noise in filter(lambda each: each.has_truth, scores.noises):
        cells = []
        for method in scores.methods:
            views = (
                _score_view("psnr", psnrs[noise.slug][method.slug], psnr_range),
                _score_view("ssim", ssims[noise.slug][method.slug], ssim_range),
                difference_view("difference", differences[noise.slug].get(method.slug), limit),
                *([difference_view("published", gaps.get((noise.slug, method.slug)), gap_limit)] if gaps else []),
            )
            state = scores.state(noise, method)
            tie = ties.get((noise.slug, method.slug), "")
            cells.append(HeatCell(method, state, views if state.status in ("done", "partial") else (), tie))
        ranked = scores.ranked(noise)
        bests = [_best(ranked.get(group, []), psnrs[noise.slug], cells) for group in scores.groups]
        rows.append(HeatRow(noise, tuple(cells), tuple(bests)))
    return HeatMap(protocol, scores.groups, tuple(rows))


def _best(methods: Sequence[Method], row: Mapping[str, Score], cells: Sequence[HeatCell]) -> Best:
    first = winners(methods, row)
    also = [cell.method.title for cell in cells if cell.method in methods and cell.tie and cell.method.title not in first]
    there = any(cell.state.words != "\u2014" for cell in cells if cell.method in methods)
    return Best(" = ".join(first), tuple(also), there)


def _whole(scores: Scores, noise: Noise) -> list[Method]:
    """The methods that were scored on whole images."""
    return [method for method in scores.methods if not scores.crop(noise, method)]


def winners(methods: Iterable[Method], row: Mapping[str, Score]) -> list[str]:
    """Titles of the best; several where they print alike."""
    return [method.title for method in methods if row[method.slug].mark == "best"]


def difference_to_supervised(methods: Iterable[Method], row: Mapping[str, Score]) -> dict[str, float | None]:
    """Mean PSNR of each of the methods minus the best supervised one's, where both have every image."""
    methods = list(methods)
    slugs = [method.slug for method in methods if method.supervised]
    references = [score.value for slug in slugs if (score := row[slug]).complete and score.value is not None]
    if not references:
        return {}
    best = max(references)
    scores = {method.slug: row[method.slug] for method in methods}
    return {s: score.value - best if score.complete and score.value is not None else None for s, score in scores.items()}


def _range(values: Iterable[float | None]) -> tuple[float, float]:
    known = [value for value in values if value is not None]
    return (min(known), max(known)) if known else (0.0, 0.0)


def _score_view(kind: str, score: Score, limits: tuple[float, float]) -> View:
    return View(kind, score.shown, score.exact, score_colours(score.value, *limits), score.mark, score.note)


def difference_view(kind: str, value: float | None, limit: float, digits: int = 2) -> View:
    """A difference, with colours that are centred on 0 and reach to +-limit."""
    if value is None:
        return View(kind, "n/a", "", difference_colours(None, limit))
    return View(kind, signed(value, digits), repr(value), difference_colours(value, limit))


def findings(scores: Scores, tests: Significance) -> list[str]:
    """Computed from the scores: who wins at what budget, whether by a real lead, who knows what, how far from supervised,
    and who gains nothing."""
    protocol = scores.protocols[0]
    rows = {noise: scores.row(noise, OVERALL, PROTOCOLS[protocol][0]) for noise in scores.noises}
    at = budget(scores.run)
    ranked = {noise: scores.ranked(noise) for noise in rows}
    fields = [(group, {noise: by_group.get(group, []) for noise, by_group in ranked.items()}) for group in scores.groups]
    contested = [(group, field) for group, field in fields if any(len(there) > 1 for there in field.values())]
    # the best of one is told only where no kind of method has two
    wins = [_who_wins(group, field, rows, at if group.kind.key != "image" else "") for group, field in contested or fields]
    sentences = [
        *([win for win in wins if win] or [_NO_WINNER]),
        lead(tests),
        _who_knows(scores.methods),
        *_how_far(scores, rows),
        _over_noisy(scores, rows),
    ]
    return [sentence for sentence in sentences if sentence]


def _who_wins(
    group: Group, ranked: Mapping[Noise, Sequence[Method]], rows: Mapping[Noise, Mapping[str, Score]], at: str
) -> str:
    best = {noise: winners(ranked[noise], row) for noise, row in rows.items()}
    decided = [names for names in best.values() if names]
    if not decided:
        return ""
    counts = Counter(name for names in decided for name in names)
    parts = [f"{name} on {count}" for name, count in counts.most_common()]
    shared = sum(len(names) > 1 for names in decided)
    ties = f" ({shared} of them shared at the printed precision)" if shared else ""
    over = f"{f' {at}' if at else ''}, over {counted(len(decided), 'noise model')}"
    return f"Highest mean PSNR among {group.among}{over}: {listed(parts)}{ties}.{_ahead(ranked, rows)}"


def _who_knows(methods: Iterable[Method]) -> str:
    """What each method is told beside the noisy images, those alike together; "" where run.json does not say."""
    told: dict[str, list[str]] = {}
    for method in methods:
        if method.slug != NOISY and method.knows is not None:
            told.setdefault(listed(method.knows) or "nothing", []).append(method.title)
    parts = [f"{listed(titles)} ({words})" for words, titles in told.items()]
    return f"The methods do not know the same. They are told: {'; '.join(parts)}." if len(parts) > 1 else ""


def _ahead(ranked: Mapping[Noise, Sequence[Method]], rows: Mapping[Noise, Mapping[str, Score]]) -> str:
    """By how much the best is above the second best, where there is one."""
    leads = []
    for noise, row in rows.items():
        best, second = ([v for m in ranked[noise] if row[m.slug].mark == mark and (v := row[m.slug].value)] for mark in _MARKS)
        if best and second:
            leads.append((max(best) - max(second), noise))
    if not leads:
        return ""
    (low, where_low), (high, where_high) = (choose(leads, key=lambda pair: pair[0]) for choose in (min, max))
    if len(leads) == 1:
        return f" It is {low:.2f} dB above the second best."
    return (
        f" The best is on average {fmean(lead for lead, _ in leads):.2f} dB above the second best: "
        f"from {low:.2f} dB on {_named(where_low)} to {high:.2f} dB on {_named(where_high)}."
    )


def _how_far(scores: Scores, rows: Mapping[Noise, Mapping[str, Score]]) -> list[str]:
    """The best of each group of whole images against supervised training, one sentence each."""
    told = [words for group in scores.groups if not group.crop and (words := _gap(scores, group, rows))]
    return told or [_NO_GAP]


def _gap(scores: Scores, group: Group, rows: Mapping[Noise, Mapping[str, Score]]) -> str:
    gaps: list[tuple[float, Noise]] = []
    for noise, row in rows.items():
        best = next((m.slug for m in scores.ranked(noise).get(group, []) if row[m.slug].mark == "best"), None)
        gap = difference_to_supervised(_whole(scores, noise), row).get(best) if best else None
        if gap is not None:
            gaps.append((gap, noise))
    if not gaps:
        return ""
    low, high = min(gaps, key=lambda pair: pair[0]), max(gaps, key=lambda pair: pair[0])
    if len(gaps) == 1:
        return f"On {_named(low[1])} {group.best} is {_against(low[0])} supervised training."
    return (
        f"{group.best[0].upper()}{group.best[1:]} is on average {_against(fmean(gap for gap, _ in gaps))} supervised training: "
        f"from {signed(low[0])} dB on {_named(low[1])} to {signed(high[0])} dB on {_named(high[1])}."
    )


def _over_noisy(scores: Scores, rows: Mapping[Noise, Mapping[str, Score]]) -> str:
    compared, exceptions = [], []
    for method in scores.methods:
        gains = [(gain, noise) for noise, row in rows.items() if (gain := _gain(scores, noise, row, method)) is not None]
        worse = [noise for gain, noise in gains if gain <= 0]
        if gains:
            compared.append(method.title)
        if worse:
            ours = all(noise.number for noise in worse)
            where = f"No. {listed([str(noise.number) for noise in worse])}" if ours else numbered(worse)
            exceptions.append(f"{method.title} on {len(worse)} of its {len(gains)} ({where})")
    cut = [method.title for method in scores.methods if any(scores.crop(noise, method) for noise in rows)]
    aside = f" Not compared, as scored on crops of the images: {listed(cut)}." if cut else ""
    if not compared:
        return "No unsupervised method can be compared with the noisy input yet." + aside
    if not exceptions:
        return f"On every noise model it was run on, each of {listed(compared)} beats the noisy input itself.{aside}"
    return f"Not better than the noisy input itself, by mean PSNR: {'; '.join(exceptions)}.{aside}"


def _gain(scores: Scores, noise: Noise, row: Mapping[str, Score], method: Method) -> float | None:
    noisy, score = row.get(NOISY), row[method.slug]
    if noisy is None or noisy.value is None or score.value is None or scores.crop(noise, method):
        return None
    if not (method.competes and score.complete and noisy.complete):  # else the means are not over the same images
        return None
    return score.value - noisy.value


def _against(gap: float) -> str:
    return f"{abs(gap):.2f} dB {'above' if gap > 0 else 'below'}"


def _named(noise: Noise) -> str:
    return noise.label
