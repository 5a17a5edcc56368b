"""What the sandbox costs: the start of a confined worker, and a small read with and without it, in turn."""

import tempfile

import msgspec

from bench.connection import Connection
from bench.peers import Peer
from bench.stats import percentile
from filewarden.broker.account import choose_account
from filewarden.config.load import load
from filewarden.transports.doctor.worker import Ward

STARTS = 30
FIGURES = {
    "worker start, spawn message to ready": "ms",
    "read 1 KB, sandboxed": "ms",
    "read 1 KB, sandbox off": "ms",
    "sandboxed / sandbox off": "times",
}


def costs(peer: Peer, home: str, calls: int) -> dict[str, float]:
    """Every figure of `FIGURES`; the peer is ours."""
    confined, bare = _reads(peer, home, calls)
    figures = (_worker_start(), confined, bare, confined / bare)
    return dict(zip(FIGURES, figures, strict=True))


def _worker_start() -> float:
    """The median over workers that start one after another, once the zygote is warm."""
    with tempfile.TemporaryDirectory(prefix="fw-bench-") as place:
        settings = load([place], {"HOME": place}).settings
        ward = Ward(settings, choose_account(settings.sandbox.user, place), "ro")
        try:
            ward.start(2)
            workers = [ward.start(1)[0].worker for _ in range(STARTS)]
        finally:
            ward.close()
    return percentile([1000 * (worker.ready_at - worker.started_at) for worker in workers if worker.ready_at], 0.5)


def _reads(peer: Peer, home: str, calls: int) -> tuple[float, float]:
    off = msgspec.structs.replace(peer, command=(*peer.command, "--sandbox", "off"))
    question = peer.questions["read"]
    with Connection(peer, home) as confined, Connection(off, home) as bare:
        for _ in range(20):
            confined.ask(question)
            bare.ask(question)
        pairs = [(confined.ask(question), bare.ask(question)) for _ in range(calls)]
    return (
        1000 * percentile([pair[0] for pair in pairs], 0.5),
        1000 * percentile([pair[1] for pair in pairs], 0.5),
    )
