"""What the speed is held to: ratios of medians to others in the same run, each with a bound and a stretch."""

from collections.abc import Mapping, Sequence

import msgspec

from bench import bulk, crowd_rates, malformed, victims, walks
from bench.results import ORIGINAL, OURS, PLAIN, REFERENCE, Results
from bench.search import CONTENT, RIPGREP
from bench.stats import ratio

MEMORY = "memory (PSS, all processes)"
MEASURES = (
    "startup", "memory", "latency", "throughput", "bulk", "walks", "search", "http", "victim", "bombs", "malformed",
)  # fmt: skip


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `theirs` are figures by peer; of several the best counts. Where `is_rate`, more is better."""

    text: str
    ours: str
    theirs: tuple[tuple[str, str], ...]
    must: float
    stretch: float
    is_rate: bool = False


class Verdict(msgspec.Struct, frozen=True):
    """A row and what came of it; `middle` is None where something was not measured."""

    goal: Goal
    against: str
    ours: float
    theirs: float
    middle: float | None
    least: float
    greatest: float

    @property
    def word(self) -> str:
        """Missed, must or stretch."""
        if self.middle is None:
            return "not measured"
        sign = -1 if self.goal.is_rate else 1
        if sign * self.middle <= sign * self.goal.stretch:
            return "stretch"
        return "must" if sign * self.middle <= sign * self.goal.must else "missed"


def _same(figure: str, *peers: str) -> tuple[tuple[str, str], ...]:
    return tuple((peer, figure) for peer in peers)


def _within(own: str) -> tuple[tuple[str, str], ...]:
    return ((OURS, own),)


GOALS = (
    Goal(text="start-up to first result", ours="start-up to first result",
         theirs=_same("start-up to first result", REFERENCE), must=0.45, stretch=0.33),
    Goal(text="memory, stdio", ours=MEMORY, theirs=_same(MEMORY, REFERENCE), must=0.7, stretch=0.6),
    Goal(text="memory, HTTP", ours=crowd_rates.IDLE, theirs=_same(MEMORY, REFERENCE), must=0.9, stretch=0.8),
    Goal(text="ping", ours="ping", theirs=_same("ping", REFERENCE), must=0.5, stretch=0.3),
    Goal(text="read 1 KB", ours="read 1 KB", theirs=_same("read 1 KB", REFERENCE), must=0.7, stretch=0.5),
    Goal(text="read 1 KB", ours="read 1 KB", theirs=_same("read 1 KB", ORIGINAL), must=1.0, stretch=0.8),
    Goal(text="stat", ours="stat", theirs=_same("stat", REFERENCE), must=1.0, stretch=0.8),
    Goal(text="list 10", ours="list 10", theirs=_same("list 10", REFERENCE), must=1.3, stretch=1.0),
    Goal(text=bulk.LIST, ours=bulk.LIST, theirs=_same(bulk.LIST, PLAIN), must=0.45, stretch=0.3),
    Goal(text=bulk.READ, ours=bulk.READ, theirs=_same(bulk.READ, REFERENCE, ORIGINAL, PLAIN), must=0.45, stretch=0.33),
    Goal(text=walks.SHALLOW, ours=walks.SHALLOW, theirs=_same(walks.SHALLOW, ORIGINAL), must=0.5, stretch=0.3),
    Goal(text=walks.DEEP, ours=walks.DEEP, theirs=_same(walks.DEEP, ORIGINAL), must=0.7, stretch=0.6),
    Goal(text=CONTENT, ours=CONTENT, theirs=_within(f"{CONTENT}: {RIPGREP}"), must=1.3, stretch=1.0),
    Goal(text=CONTENT, ours=CONTENT, theirs=_within(f"{CONTENT}: {PLAIN}"), must=0.2, stretch=0.15),
    Goal(text="read 1 KB, 32 in flight", ours="read 1 KB, 32 in flight",
         theirs=_same("read 1 KB, 32 in flight", REFERENCE), must=2.5, stretch=3.5, is_rate=True),
    Goal(text="stat, 32 in flight", ours="stat, 32 in flight",
         theirs=_same("stat, 32 in flight", REFERENCE), must=1.5, stretch=2.0, is_rate=True),
    *(
        Goal(text=crowd_rates.name(clients), ours=crowd_rates.name(clients),
             theirs=_same(crowd_rates.name(clients), PLAIN), must=must, stretch=stretch, is_rate=True)
        for clients, must, stretch in ((1, 3, 4), (5, 8, 12), (50, 11, 16))
    ),
    *(
        Goal(text=f"small read {beside}, p99", ours=f"small read {beside}, p99",
             theirs=_same(f"small read {beside}, p99", REFERENCE), must=must, stretch=stretch)
        for beside, must, stretch in ((victims.BESIDE[1], 1.0, 0.4), (victims.BESIDE[4], 0.8, 0.3))
    ),
    *(
        Goal(text=f"small read beside {bomb}, p99, to our own quiet", ours=f"small read beside {bomb}, p99",
             theirs=_within(f"small read in turn with {bomb}, p99"), must=2.0, stretch=1.0)
        for bomb in victims.BOMBS
    ),
    Goal(text="malformed lines, alive after, of 35", ours=malformed.ALIVE,
         theirs=_same(malformed.ALIVE, REFERENCE), must=1.0, stretch=1.0, is_rate=True),
    Goal(text="malformed lines, answered of those that demand it", ours=malformed.ANSWERED,
         theirs=_within(malformed.DEMANDED), must=1.0, stretch=1.0, is_rate=True),
)  # fmt: skip


def judge(results: Results) -> list[Verdict]:
    """Every row, in order."""
    rounds = {figure.name: figure.rounds for figure in results.figures}
    return [_verdict(goal, rounds) for goal in GOALS]


def _verdict(goal: Goal, rounds: Mapping[str, Mapping[str, Sequence[float]]]) -> Verdict:
    ours = rounds.get(goal.ours, {}).get(OURS, ())
    compared = []
    for peer, figure in goal.theirs:
        theirs = rounds.get(figure, {}).get(peer, ())
        found = ratio(ours, theirs)
        if found is not None:
            compared.append(
                (found.median, found, peer if peer != OURS else figure.partition(": ")[2] or "quiet", theirs)
            )
    if not compared:
        return Verdict(goal, " or ".join(peer for peer, _ in goal.theirs), 0.0, 0.0, None, 0.0, 0.0)
    # The best of several is the one that we look worst beside.
    hardest = (min if goal.is_rate else max)(compared, key=lambda each: each[0])
    middle, found, against, theirs = hardest
    return Verdict(goal, against, _middle(ours), _middle(theirs), middle, found.least, found.greatest)


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def as_rows(verdicts: Sequence[Verdict]) -> list[list[str]]:
    """The cells of the table, its heads first."""
    heads = ["what", "beside", "ours", "theirs", "ratio", "must", "stretch", "verdict"]
    return [heads, *(_cells(verdict) for verdict in verdicts)]


def _cells(verdict: Verdict) -> list[str]:
    goal, sign = verdict.goal, "≥" if verdict.goal.is_rate else "≤"
    bounds = [f"{sign} {goal.must:g}", f"{goal.stretch:g}", verdict.word]
    if verdict.middle is None:
        return [goal.text, verdict.against, "-", "-", "-", *bounds]
    spread = f"{verdict.middle:.2f} ({verdict.least:.2f}-{verdict.greatest:.2f})"
    return [goal.text, verdict.against, f"{verdict.ours:,.2f}", f"{verdict.theirs:,.2f}", spread, *bounds]
