"""Who sends a request that the guard let through, as far as its head tells."""

from functools import cached_property

from filewarden.broker.protocol.principal import Principal
from filewarden.transports.http.fields import Fields
from filewarden.transports.http.peer import Peer
from filewarden.transports.http.routing_headers import RoutingHeaders

Header = tuple[bytes, bytes]


class Visitor:
    """One head: whose it is, what its fields say, and the connection that it came over."""

    def __init__(self, peer: Peer, principal: Principal, fields: Fields, headers: list[Header]) -> None:
        self.peer = peer
        self.principal = principal
        self.fields = fields
        self._headers = headers

    @cached_property
    def routing(self) -> RoutingHeaders:
        """The fields that repeat what a modern body says."""
        return RoutingHeaders(self._headers)
