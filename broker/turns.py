"""Whose turn it is among those who share something: start-time fair queueing by what each has had. Pure.

Theory (Goyal, Vin, Cheng: Start-time Fair Queueing, 1996). Each member has a tag: the seconds of worker time that it
has had, counted from the tag of whoever was served last when it joined. The lowest tag is served next. So those that
share get the same worker time, however many calls they send and however long each takes; one that comes seldom is
served at once; nobody saves up a claim by staying away, nor sheds a debt by leaving for a moment.
"""

from collections import OrderedDict

MOST_DEBTS = 1024
"""How many members that left with a debt are remembered: a connection costs more than a debt is worth."""


class Turns:
    """The tags of those who wait, and of those who left in debt. Costs are seconds of worker time."""

    def __init__(self) -> None:
        self._tags: dict[str, float] = {}
        self._debts: OrderedDict[str, float] = OrderedDict()
        self._served = 0.0
        """The tag of whoever was served last."""

    def __len__(self) -> int:
        return len(self._tags)

    def join(self, member: str) -> None:
        """From now on it waits, if it did not."""
        if member not in self._tags:
            self._tags[member] = max(self._served, self._debts.pop(member, 0.0))

    def leave(self, member: str) -> None:
        """It waits no longer."""
        tag = self._tags.pop(member, 0.0)
        if tag > self._served:
            self._remember(member, tag)

    def order(self) -> list[str]:
        """Those who wait, by whose turn it is; among equals whoever joined first."""
        if len(self._tags) == 1:
            return list(self._tags)
        return sorted(self._tags, key=self._tags.__getitem__)

    def first(self) -> str:
        """Whose turn it is, of at least one."""
        tags = self._tags
        return min(tags, key=tags.__getitem__) if len(tags) > 1 else next(iter(tags))

    def serve(self, member: str, expected_s: float) -> None:
        """It gets a worker, presumably for so long."""
        tag = self._tags.pop(member)
        if tag > self._served:
            self._served = tag
        self._tags[member] = tag + expected_s  # behind its equals

    def serve_at_once(self, member: str, expected_s: float) -> None:
        """It gets a worker without having to wait: what `join`, `serve` and `leave` amount to where nobody waits."""
        debts = self._debts
        tag = debts.pop(member, 0.0)
        if tag > self._served:
            self._served = tag
        debts[member] = self._served + expected_s
        if len(debts) > MOST_DEBTS:
            debts.popitem(last=False)

    def charge(self, member: str, cost_s: float) -> None:
        """It has had more than was presumed, or with a negative cost less."""
        tags = self._tags
        if member in tags:
            tags[member] = max(0.0, tags[member] + cost_s)
            return
        debts, served = self._debts, self._served
        tag = max(served, debts.pop(member, 0.0)) + cost_s
        if tag > served:
            debts[member] = tag
            if len(debts) > MOST_DEBTS:
                debts.popitem(last=False)

    def _remember(self, member: str, tag: float) -> None:
        self._debts[member] = tag
        if len(self._debts) > MOST_DEBTS:
            self._debts.popitem(last=False)
