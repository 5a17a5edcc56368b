"""How many sessions or streams may be open, and how many of them one principal may have. Pure."""

from collections import Counter

from filewarden.broker.protocol.principal import Principal
from filewarden.transports.http.answer import RETRY_AFTER, Answer, problem


class Shares:
    """The places that are taken. `what` names them in refusals."""

    def __init__(self, what: str, *, limit: int, per_principal: int) -> None:
        self._what = what
        self.renew(limit=limit, per_principal=per_principal)
        self._taken: Counter[str] = Counter()

    def renew(self, *, limit: int, per_principal: int) -> None:
        """Let so many be open from now on; those beyond it stay."""
        self._limit, self._per_principal = limit, per_principal

    def refusal(self, principal: Principal) -> Answer | None:
        """Why nobody, or this principal not, can have one more; None: it can."""
        if self._taken.total() >= self._limit:
            return problem(503, f"too many {self._what} are open (http.max_sessions)", RETRY_AFTER)
        if self._taken[principal.key] >= self._per_principal:
            sentence = f"too many {self._what} of yours are open (http.max_sessions_per_principal)"
            return problem(429, sentence, RETRY_AFTER)
        return None

    def take(self, principal: str) -> None:
        """One more is open."""
        self._taken[principal] += 1

    def give_back(self, principal: str) -> None:
        """One has ended."""
        self._taken[principal] -= 1
        if not self._taken[principal]:
            del self._taken[principal]


def share_of_principal(chosen: int, *, limit: int, has_many: bool) -> int:
    """The setting, or what it stands for when it is 0: half of all where there are many principals, else all."""
    if chosen:
        return min(chosen, limit)
    return max(1, limit // 2) if has_many else limit
