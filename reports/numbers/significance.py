"""Which differences are real: the best method of each group against the others of it, and every pair.

What is tested is networks, on these images. Two trainings of one method are told apart by the same test (supervised training on
No. 1 of results/small-equal-steps, seeds 1 and 0: -0.06 dB, p < 0.001), so a difference within the spread of retraining is said
to be that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from reports.numbers.kinds import Group, kind_of
from reports.numbers.pairs import LEVEL, Pair, pairs
from reports.numbers.retraining import RETRAINING, one_network, spread, trainings
from reports.numbers.tables import OVERALL, PROTOCOLS, Score, Scores, signed
from reports.read.model import NOISY, Method, Noise
from reports.style.words import counted

#: Verdict -> how it is said of a pair; "a" and "b" are the two methods.
VERDICTS: Mapping[str, str] = {
    "a": "A better",
    "near": "within retraining",
    "tie": "not distinguishable",
    "b": "B better",
    "same": "same",
    "few": "too few images to tell",
    "no values": "no image in common",
}


#: Of more methods than these not every pair is tested: a page has room for it no more, and a reader.
MOST_METHODS = 12
_FEW = "There are too few images to tell whether these leads are real."


@dataclass(frozen=True)
class Against:
    """A method against the best one; the pair's a is the method. Without one, `words` says what stands there."""

    method: Method
    ranked: bool  # one of the group, with every image
    pair: Pair | None
    words: str = ""


@dataclass(frozen=True)
class Row:
    """One noise model. `best` is that of the summary: the highest mean over the data sets, of the group's complete ones."""

    noise: Noise
    best: Method | None
    best_score: Score | None
    against: tuple[Against, ...]  # in the order of `Table.methods`

    @property
    def rivals(self) -> list[Pair]:
        """Every other ranked one against the best, but for those that are the same."""
        found = [entry.pair for entry in self.against if entry.pair is not None and entry.ranked]
        return [pair for pair in found if pair.verdict not in ("same", "no values")]


@dataclass(frozen=True)
class Table:
    """A group over the noise models, and the supervised methods beside it."""

    group: Group
    methods: tuple[Method, ...]
    rows: tuple[Row, ...]

    @property
    def upset(self) -> bool:
        """Whether one of the group is better than its best one, over the photographs that both have."""
        entries = (entry for row in self.rows for entry in row.against if entry.method.competes)
        return any(entry.pair is not None and entry.pair.verdict == "a" for entry in entries)


@dataclass(frozen=True)
class Every:
    """Every pair on one noise model."""

    noise: Noise
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Tally:
    """Two methods over the noise models: verdict -> numbers of the noise models, or titles where they have none."""

    a: Method
    b: Method
    noises: Mapping[str, tuple[int | str, ...]]


@dataclass(frozen=True)
class Significance:
    """All comparisons of a run's methods, on the PSNR of one protocol."""

    protocol: str
    metric: str
    methods: tuple[Method, ...]  # all but the noisy input, that have a score
    tables: tuple[Table, ...]
    rows: tuple[Every, ...]
    tallies: tuple[Tally, ...]
    tied: Mapping[tuple[str, str], str]  # (noise, method) not distinguishable from the best, or within retraining; in words
    trainings: str  # how many a method has, in words

    @property
    def by_slug(self) -> dict[str, Method]:
        return {method.slug: method for method in self.methods}

    @property
    def verdicts(self) -> tuple[str, ...]:
        """Those that occur, in the order of VERDICTS."""
        present = {pair.verdict for row in self.rows for pair in row.pairs}
        return tuple(verdict for verdict in VERDICTS if verdict in present)

    @property
    def images(self) -> int:
        """The most photographs that any two methods have in common."""
        return max((pair.images for row in self.rows for pair in row.pairs), default=0)


def significance(scores: Scores) -> Significance:
    """Every pair of methods on every noise model, by PSNR at the run's first protocol.

    None of whole images with crops; of more methods than MOST_METHODS those of one kind alone, and with supervised training.
    """
    protocol = scores.protocols[0]
    metric = PROTOCOLS[protocol][0]
    table = scores.run.table
    values = table[(table["status"] == "done") & (table["metric"] == metric)]
    tested = [method for method in scores.methods if method.slug != NOISY]
    alike = None if len(tested) <= MOST_METHODS else _alike(tested)
    found = pairs(values, [method.slug for method in tested], metric, scores.run.repeated, alike)
    shared = one_network(scores.run)
    by_noise = {noise.slug: {m.slug: scores.crop(noise, m) for m in scores.methods} for noise in scores.noises}
    found = {
        noise: [_held(pair, noise, shared) for pair in row if by_noise[noise][pair.a] == by_noise[noise][pair.b]]
        for noise, row in found.items()
        if noise in by_noise
    }
    present = {slug for row in found.values() for pair in row for slug in (pair.a, pair.b)}
    methods = tuple(method for method in scores.methods if method.slug in present)
    tables = tuple(_table(scores, group, methods, found, metric) for group in scores.groups)
    rows = tuple(Every(noise, tuple(found.get(noise.slug, []))) for noise in scores.noises if noise.has_truth)
    tied = {
        (row.noise.slug, entry.method.slug): _tied_words(row.best, entry.pair)
        for table in tables
        for row in table.rows
        for entry in row.against
        if row.best and entry.pair and entry.ranked and entry.pair.verdict in ("tie", "near")
    }
    return Significance(protocol, metric, methods, tables, rows, tuple(_tallies(methods, rows)), tied, trainings(scores))


def _alike(methods: Sequence[Method]) -> set[frozenset[str]]:
    """The pairs of one kind, and those with a supervised method."""
    return {
        frozenset((a.slug, b.slug))
        for a, b in combinations(methods, 2)
        if kind_of(a) == kind_of(b) or a.supervised or b.supervised
    }


def lead(found: Significance) -> str:
    """What the tests say of the leads of the best, and what they are tests of; "" where no group has two methods."""
    told = [(table.group, words) for table in found.tables if (words := _lead(table))]
    if not told:
        return ""
    tested = "What is tested is these networks on these images, not ways of training"
    tested += f" ({found.trainings}). " if found.trainings else ". "
    if len(found.tables) == 1:
        return told[0][1] if told[0][1] == _FEW else tested + told[0][1]
    return tested + " ".join(f"Of {group.among}: {words[0].lower()}{words[1:]}" for group, words in told)


def _lead(table: Table) -> str:
    contested = [row.rivals for row in table.rows if row.rivals]
    if not contested:
        return ""
    few = sum(any(pair.verdict == "few" for pair in rivals) for rivals in contested)
    if few == len(contested):
        return _FEW
    ahead = [rivals for rivals in contested if all(pair.verdict == "b" for pair in rivals)]
    near = sum({pair.verdict for pair in rivals} in ({"near"}, {"near", "b"}) for rivals in contested)
    rest = len(contested) - len(ahead) - near - few
    alike = any(not pair.spread and abs(pair.difference or 0.0) < RETRAINING for rivals in ahead for pair in rivals)
    parts = [
        f"On {len(ahead)} of {counted(len(contested), 'noise model')} the best is told apart from every other one, by more "
        f"than the spread of retraining ({RETRAINING} dB){' or with one network for both' if alike else ''}"
    ]
    parts += [f"on {near} it is told apart, but from some by less than that"] if near else []
    parts += [f"on {rest} it is not"] if rest else []
    parts += [f"on {few} there are too few images to tell"] if few else []
    return f"{', '.join(parts)}."


def p_value(p: float) -> str:
    """As in "p = 0.031" and "p < 0.001"; with so many digits that it prints on its own side of LEVEL."""
    if p < 0.001:
        return "p < 0.001"
    digits = next(digits for digits in range(3, 18) if (round(p, digits) < LEVEL) == (p < LEVEL))
    return f"p = {p:.{digits}f}"


def _held(pair: Pair, noise: str, shared: Collection[tuple[str, frozenset[str]]]) -> Pair:
    """With the spread of retraining that it is held against: none where the two methods use one network."""
    return replace(pair, spread=0.0 if (noise, frozenset((pair.a, pair.b))) in shared else spread(pair.seeds))


def _table(scores: Scores, group: Group, methods: Sequence[Method], found: Mapping[str, Sequence[Pair]], metric: str) -> Table:
    """The group's methods, and beside those of whole images the supervised ones."""
    own = {method for noise in scores.noises for method in scores.ranked(noise).get(group, [])}
    own |= set() if group.crop else {method for method in methods if method.supervised}
    shown = tuple(method for method in methods if method in own)
    rows = tuple(
        _row(scores, noise, group, shown, found.get(noise.slug, []), metric) for noise in scores.noises if noise.has_truth
    )
    return Table(group, shown, rows)


def _row(scores: Scores, noise: Noise, group: Group, methods: Sequence[Method], found: Sequence[Pair], metric: str) -> Row:
    ranking = scores.row(noise, OVERALL, metric)
    first = [method for method in scores.ranked(noise).get(group, []) if ranking[method.slug].mark == "best"]
    # What prints alike shares the mark; the digits behind decide which of them the others are held against.
    best = max(first, key=lambda method: ranking[method.slug].value or 0.0, default=None)
    of = {frozenset((pair.a, pair.b)): pair for pair in found}
    against = []
    for method in methods:
        pair = of.get(frozenset((method.slug, best.slug))) if best and method != best else None
        words = "best" if method == best else _absent(scores, noise, method) if pair is None else ""
        ranked = method.competes and ranking[method.slug].complete
        against.append(Against(method, ranked, pair.seen_from(method.slug) if pair else None, words))
    return Row(noise, best, ranking[best.slug] if best else None, tuple(against))


def _absent(scores: Scores, noise: Noise, method: Method) -> str:
    state = scores.state(noise, method)
    return "n/a" if state.status in ("done", "partial") else state.words


def _tied_words(best: Method, pair: Pair) -> str:
    near = pair.verdict == "near"
    words = f"Within the spread of retraining ({pair.spread:.2f} dB) of" if near else "Not distinguishable from"
    return (
        f"{words} {best.title}, the best: {signed(pair.difference or 0.0)} dB on average over {pair.images} photographs, "
        f"{p_value(1.0 if pair.adjusted is None else pair.adjusted)} (Wilcoxon, Holm)."
    )


def _tallies(methods: Sequence[Method], rows: Sequence[Every]) -> Iterable[Tally]:
    by_pair: dict[tuple[str, str], dict[str, list[int | str]]] = {}
    for row in rows:
        for pair in row.pairs:
            by_pair.setdefault((pair.a, pair.b), {}).setdefault(pair.verdict, []).append(row.noise.number or row.noise.title)
    for a, b in combinations(methods, 2):
        found = by_pair.get((a.slug, b.slug), {})
        if found:
            yield Tally(a, b, {verdict: tuple(numbers) for verdict, numbers in found.items()})
