"""Calls a second over HTTP, by the number of clients; an answer that is lost or wrong ends the measurement."""

from collections.abc import Mapping

from bench.http_clients import repeat
from bench.http_server import HttpServer
from bench.memory import MIB, tree_pss_bytes
from bench.peers import Peer
from bench.results import OURS

CROWDS = (1, 5, 50)
SECONDS = 2.0
WARM_UP_S = 0.3
IDLE = "memory over HTTP (PSS, all processes)"


def name(clients: int) -> str:
    """The figure of so many clients."""
    return f"HTTP, {clients} client{'s' if clients > 1 else ''}, read 1 KB"


FIGURES: Mapping[str, str] = {**{name(clients): "calls/s" for clients in CROWDS}, IDLE: "MiB"}


def measure(peer: Peer, home: str) -> dict[str, float]:
    """Figures by name; memory of ours alone, after it has served fifty."""
    with HttpServer(peer, home) as server:
        repeat(server, peer.questions["read"], 5, WARM_UP_S)
        rates = {name(clients): repeat(server, peer.questions["read"], clients, SECONDS)[0] for clients in CROWDS}
        memory = {IDLE: tree_pss_bytes(server.pid) / MIB} if peer.name == OURS else {}
    return {**rates, **memory}
