"""The calls that wait in one lane: principals in turn, the clients of each in turn, its calls as they came. Pure.

A principal that opens a hundred connections has a hundred clients, and still one share.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from itertools import islice, takewhile
from operator import attrgetter

from filewarden.broker.call import Call
from filewarden.broker.turns import Turns

Fits = Callable[[Call], bool]
"""Whether a call can run at this moment. Each client's first call is offered, in the order of their turns."""

FIRST_GUESS_S = 0.001
"""What a call is presumed to hold a worker for until some have ended."""
WEIGHT_OF_LATEST = 0.05
"""In the running mean of how long calls hold a worker."""
_may_wait_in_worker = attrgetter("may_wait_in_worker")
MOST_IDLE = 64
"""How many principals keep the turns of their clients while nothing of theirs waits."""


class _Clients:
    """The waiting calls of one principal, none of them in an empty row."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.calls: dict[str, deque[Call]] = {}

    def row(self, client: str) -> deque[Call]:
        """The row of a client, to be filled."""
        calls = self.calls.get(client)
        if calls is None:
            calls = self.calls[client] = deque()
            self.turns.join(client)
        return calls

    def first(self, fits: Fits) -> Call | None:
        for client in self.turns.order():
            call = self.calls[client][0]
            if fits(call):
                return call
        return None


class FairQueue:
    """One lane: the calls that wait in it, and what is known of those that it has handed out."""

    def __init__(self) -> None:
        self.usual_s = FIRST_GUESS_S
        """How long its calls held a worker of late."""
        self.depth = 0
        """How many calls wait in it."""
        self.running = 0
        """How many of its calls hold one."""
        self._turns = Turns()
        self._principals: dict[str, _Clients] = {}
        self._holders: dict[str, int] = {}

    def push(self, call: Call) -> None:
        """Put a call behind those of its client."""
        self._clients_to_wait(call.principal).row(call.client).append(call)
        self.depth += 1

    def begin(self, call: Call, now: float, *, is_counted: bool = True) -> None:
        """Count a call as one from `pop` that never waited, for nobody does.

        Where others have been here lately, it is counted as well among what its client has had; what somebody has had
        who was alone is nobody's loss.
        """
        if not is_counted:
            self._hold(call, now, 0.0)
            return
        clients = self._principals.get(call.principal)
        if clients is None:
            clients = self._principals[call.principal] = _Clients()
        clients.turns.serve_at_once(call.client, self.usual_s)
        self._turns.serve_at_once(call.principal, self.usual_s)
        self._hold(call, now, self.usual_s)
        if len(self._principals) > MOST_IDLE:
            del self._principals[call.principal]

    def first(self) -> Call | None:
        """The call whose turn it is; nobody is passed over."""
        if not self.depth:
            return None
        clients = self._principals[self._turns.first()]
        return clients.calls[clients.turns.first()][0]

    def pop(self, fits: Fits, now: float) -> Call | None:
        """Take the call whose turn it is among those that fit."""
        for principal in self._turns.order():
            call = self._principals[principal].first(fits)
            if call is not None:
                self.take(call, now)
                return call
        return None

    def take(self, call: Call, now: float) -> None:
        """Take the first call of a client."""
        clients = self._principals[call.principal]
        clients.turns.serve(call.client, self.usual_s)
        self._turns.serve(call.principal, self.usual_s)
        clients.calls[call.client].popleft()
        self._left(call, clients)
        self._hold(call, now, self.usual_s)

    def take_some(self, most: int, now: float) -> list[Call]:
        """Take up to `most` calls that may wait in a worker, of the client whose turn it is; one where others wait."""
        principal = self._turns.first()
        clients = self._principals[principal]
        client = clients.turns.first()
        if len(self._turns) > 1 or len(clients.turns) > 1:
            most = min(most, 1)
        calls = list(takewhile(_may_wait_in_worker, islice(clients.calls[client], most)))
        if calls:
            clients.turns.serve(client, len(calls) * self.usual_s)
            self._turns.serve(principal, len(calls) * self.usual_s)
        for call in calls:
            clients.calls[client].popleft()
            self._left(call, clients)
            self._hold(call, now, self.usual_s)
        return calls

    def put_back(self, call: Call) -> None:
        """A call from `pop` has not run: it is the next one of its client again, and charged for nothing."""
        clients = self._clients_to_wait(call.principal)
        clients.row(call.client).appendleft(call)
        clients.turns.charge(call.client, -call.presumed_s)
        self.depth += 1
        self._turns.charge(call.principal, -call.presumed_s)
        self._let_go(call)

    def remove(self, call: Call) -> bool:
        """Take a certain call out; False when it does not wait here."""
        clients = self._principals.get(call.principal)
        calls = None if clients is None else clients.calls.get(call.client)
        if clients is None or calls is None or call not in calls:
            return False
        calls.remove(call)
        self._left(call, clients)
        return True

    def finished(self, call: Call, now: float) -> None:
        """A call from `pop` holds no worker any more: it is charged for what it has had, unless nobody cares."""
        held_s = max(0.0, now - call.began_at)
        self.usual_s += WEIGHT_OF_LATEST * (held_s - self.usual_s)
        if call.presumed_s or self.depth:
            self._charge(call, held_s - call.presumed_s)
        self._let_go(call)

    def _charge(self, call: Call, excess_s: float) -> None:
        clients = self._principals.get(call.principal)
        if clients is not None:
            clients.turns.charge(call.client, excess_s)
        self._turns.charge(call.principal, excess_s)

    def _clients_to_wait(self, principal: str) -> _Clients:
        clients = self._principals.get(principal)
        if clients is None:
            clients = self._principals[principal] = _Clients()
        if not clients.calls:
            self._turns.join(principal)
        return clients

    def _left(self, call: Call, clients: _Clients) -> None:
        """A call waits no longer."""
        self.depth -= 1
        if clients.calls[call.client]:
            return
        del clients.calls[call.client]
        clients.turns.leave(call.client)
        if not clients.calls:
            self._turns.leave(call.principal)
            if len(self._principals) > MOST_IDLE:
                del self._principals[call.principal]

    def _hold(self, call: Call, now: float, presumed_s: float) -> None:
        call.began_at, call.presumed_s = now, presumed_s
        self.running += 1
        self._holders[call.client] = self._holders.get(call.client, 0) + 1

    def _let_go(self, call: Call) -> None:
        self.running -= 1
        left = self._holders[call.client] - 1
        if left:
            self._holders[call.client] = left
        else:
            del self._holders[call.client]

    def is_held_by(self, client: str) -> bool:
        """Whether a call of a client runs."""
        return client in self._holders

    def waiting(self) -> Iterable[tuple[str, str, int]]:
        """Who waits with how many calls: principal, client, count."""
        for principal, clients in self._principals.items():
            for client, calls in clients.calls.items():
                yield principal, client, len(calls)

    def oldest_at(self) -> float | None:
        """When the call was submitted that waits longest; None when none waits."""
        heads = (calls[0].submitted_at for clients in self._principals.values() for calls in clients.calls.values())
        return min(heads, default=None)

    def latest(self, principal: str, client: str) -> Call | None:
        """The call of a client that would run last."""
        clients = self._principals.get(principal)
        calls = None if clients is None else clients.calls.get(client)
        return calls[-1] if calls else None


def greedier(queues: Iterable[FairQueue], call: Call) -> tuple[str, str] | None:
    """The principal and client with the most waiting calls, where those are more than the caller would have.

    The caller's principal is compared with others first; within the same one its clients are.
    """
    principals: Counter[str] = Counter()
    clients: Counter[tuple[str, str]] = Counter()
    for queue in queues:
        for principal, client, count in queue.waiting():
            principals[principal] += count
            clients[principal, client] += count
    if not principals:
        return None
    [(greediest, count)] = principals.most_common(1)
    if count <= principals[call.principal] + 1:
        greediest = call.principal
    most, found = max(((count, who) for who, count in clients.items() if who[0] == greediest), default=(0, None))
    if found is None or (greediest == call.principal and most <= clients[call.principal, call.client] + 1):
        return None
    return found
