"""Whether the server can serve and how well, and the sentences that say why not. Pure."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from filewarden.broker.backoff import Breaker
from filewarden.broker.pool import Kind

ACCEPTED_LEVELS = ("full", "strong")
"""What `required` asks for; below it a server may run, and is degraded."""


class PoolFacts(NamedTuple):
    """One pool: whether every slot was ready once, and how many workers are ready, of how many."""

    kind: Kind
    has_been_ready: bool
    ready: int
    size: int
    breaker: Breaker
    profile: str = ""

    @property
    def name(self) -> str:
        """As sentences call it."""
        return f'{self.kind.value} pool of profile "{self.profile}"' if self.profile else f"{self.kind.value} pool"

    @property
    def can_serve(self) -> bool:
        """Whether a call would find a worker."""
        return self.has_been_ready and self.ready > 0


class Condition(NamedTuple):
    """The verdict."""

    status: str
    is_ready: bool
    problems: tuple[str, ...]
    has_started: bool = True
    """Whether every slot was ready once."""


def condition(
    pools: Sequence[PoolFacts],
    *,
    is_draining: bool,
    mode: str,
    level: str,
    audit_trouble: str | None,
    hung_roots: Sequence[str] = (),
    others: Sequence[PoolFacts] = (),
) -> Condition:
    """Judge by the facts of one moment; `audit_trouble` is why the audit log cannot be written, where it cannot.

    `others` are pools that were started for some when they came: while they start, and when they fail, that is no
    reason to send everybody away.
    """
    problems = [*_of_pools(pools), *_of_pools([pool for pool in others if pool.has_been_ready])]
    if level not in ACCEPTED_LEVELS:
        problems.append(f'The sandbox reaches only the level "{level}" (sandbox.mode is "{mode}").')
    if audit_trouble is not None:
        problems.append(f"The audit log cannot be written: {audit_trouble}.")
    problems += [f'The file system of root "{root}" hangs: calls to it are refused.' for root in hung_roots]
    has_started = all(pool.has_been_ready for pool in pools)
    if is_draining:
        problems.insert(0, "The server is stopping and takes no new calls.")
        return Condition("draining", False, tuple(problems), has_started)
    is_ready = all(pool.can_serve for pool in pools)
    return Condition("degraded" if problems else "ok", is_ready, tuple(problems), has_started)


def _of_pools(pools: Sequence[PoolFacts]) -> Iterator[str]:
    for pool in pools:
        if not pool.can_serve:
            state = "has no worker" if pool.ready == 0 else "is still starting"
            yield f"The {pool.name} {state}: {pool.ready} of {pool.size} are ready.{_why(pool.breaker)}"
        elif pool.breaker is not Breaker.CLOSED:
            yield f"Workers of the {pool.name} fail to start: {pool.ready} of {pool.size} are ready."


def _why(breaker: Breaker) -> str:
    if breaker is Breaker.CLOSED:
        return ""
    return " Starting has failed too often in a row, so it is tried seldom; the log says why."
