"""How many connections the limit on open files leaves room for, beside what the server itself needs."""

import sys
from collections.abc import Sequence

from filewarden.config.sections.pool import PoolSettings

OWN_DESCRIPTORS = 256
"""For the loop, links, logs, sockets, launcher, watchers and what is open for a moment."""
DESCRIPTORS_OF_WORKER = 12
"""A handle, a gate, and a link with what ZeroMQ opens for it (measured: 8); twice while one is replaced."""
FEWEST_CONNECTIONS = 8


def raise_descriptor_limit(wanted: int) -> int:
    """Ask for so many open files, as far as that is allowed (setrlimit(2)); how many there may be now."""
    if sys.platform == "win32":
        return wanted
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    if soft < wanted:
        raised = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if raised > soft:
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
            soft = raised
    return soft


def room_for_connections(pools: Sequence[PoolSettings], descriptors: int) -> int:
    """How many connections may be served: twice as many are accepted, to tell the others that they are too many."""
    workers = sum(pool.workers + pool.spares + pool.write_workers for pool in pools)
    left = descriptors - OWN_DESCRIPTORS // 2 - DESCRIPTORS_OF_WORKER * workers
    return max(FEWEST_CONNECTIONS, left // 2)
