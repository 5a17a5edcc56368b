"""How many calls each client has under way, and who was here lately. Pure."""

from filewarden.broker.call import Call

LATELY_S = 10.0
"""For how long after its latest call a client counts as one that may call again at any moment."""


class Crowd:
    """The clients behind limits and fairness. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._in_flight: dict[str, int] = {}
        self._latest = ""
        self._latest_at = self._before_at = float("-inf")

    def in_flight(self, client: str) -> int:
        """How many calls of a client wait or run."""
        return self._in_flight.get(client, 0)

    def came(self, call: Call) -> None:
        """It was admitted."""
        client = call.client
        self._in_flight[client] = self._in_flight.get(client, 0) + 1
        if client != self._latest:
            self._latest, self._before_at = client, self._latest_at
        self._latest_at = call.submitted_at

    def went(self, call: Call) -> None:
        """It is under way no longer."""
        left = self._in_flight[call.client] - 1
        if left:
            self._in_flight[call.client] = left
        else:
            del self._in_flight[call.client]

    def has_company(self, client: str, now: float) -> bool:
        """Whether another client called lately."""
        return now - (self._before_at if client == self._latest else self._latest_at) < LATELY_S
