"""How many calls each client has under way, and who was here lately. Pure."""

from collections import OrderedDict

from filewarden.broker.call import Call

REFUSALS_FORGOTTEN_PER_S = 100.0
MOST_REMEMBERED = 1024
"""How many clients' refusals are remembered."""
LATELY_S = 10.0
"""For how long after its latest call a client counts as one that may call again at any moment."""


class Crowd:
    """The clients behind limits and fairness. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.in_flight: dict[str, int] = {}
        """How many calls of a client wait or run, where any does."""
        self._refusals: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._latest = ""
        self._latest_at = self._before_at = float("-inf")

    def came(self, call: Call) -> None:
        """It was admitted."""
        client, in_flight = call.client, self.in_flight
        in_flight[client] = in_flight.get(client, 0) + 1
        if client != self._latest:
            self._latest, self._before_at = client, self._latest_at
        self._latest_at = call.submitted_at

    def went(self, call: Call) -> None:
        """It is under way no longer."""
        left = self.in_flight[call.client] - 1
        if left:
            self.in_flight[call.client] = left
        else:
            del self.in_flight[call.client]

    def refused(self, client: str, now: float) -> int:
        """One more call of a client was refused; how many of late, counted down as time passes."""
        count, at = self._refusals.pop(client, (0.0, now))
        count = max(0.0, count - REFUSALS_FORGOTTEN_PER_S * (now - at)) + 1
        self._refusals[client] = (count, now)
        if len(self._refusals) > MOST_REMEMBERED:
            self._refusals.popitem(last=False)
        return round(count)

    def has_company(self, client: str, now: float) -> bool:
        """Whether another client called lately."""
        return now - (self._before_at if client == self._latest else self._latest_at) < LATELY_S
