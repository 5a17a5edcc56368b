"""The `[pool]` table: how many workers there are, and what one may take."""

import os
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from filewarden.config.sections.section import Section

ZeroMq = Literal["built-in", "pyzmq"]
"""Who speaks its protocol to the workers."""


def available_cores() -> int:
    """How many cores this process may run on: the affinity mask where the system has one."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_workers() -> int:
    """Two to four, by the cores there are."""
    return max(2, min(4, available_cores()))


def default_scan_workers(workers: int | None = None) -> int:
    """All cores but one, so that small reads stay fast; always fewer than there are workers."""
    return min(max(1, available_cores() - 1), (default_workers() if workers is None else workers) - 1)


class PoolSettings(Section, frozen=True, kw_only=True):
    """The worker processes."""

    workers: Annotated[
        int,
        Meta(
            ge=1,
            le=64,
            description="Worker processes for reading; by default one for each core, at least 2 and at most 4.",
            extra={"flag": "--workers", "metavar": "N"},
        ),
    ] = msgspec.field(default_factory=default_workers)
    spares: Annotated[int, Meta(ge=0, le=16, description="Warm, confined workers that wait to take over.")] = 1
    write_workers: Annotated[
        int, Meta(ge=1, le=16, description="Workers of the read-write pool, started only when a root is rw.")
    ] = 1
    scan_workers: Annotated[
        int,
        Meta(
            ge=0,
            le=63,
            description="Workers that may walk and search at the same time, fewer than pool.workers; by default one "
            "less than there are cores; 0 removes the scan tools.",
        ),
    ] = msgspec.field(default_factory=default_scan_workers)
    worker_memory_mb: Annotated[
        int, Meta(ge=64, le=65536, description="Hard limit on the memory of one worker, in megabytes.")
    ] = 256
    recycle_after_calls: Annotated[
        int, Meta(ge=1, le=10_000_000, description="Calls after which a worker is replaced by a fresh one, about.")
    ] = 10000
    recycle_after_s: Annotated[
        float,
        Meta(
            ge=1,
            le=31_536_000,
            description="Seconds of service after which a worker is replaced by a fresh one, about.",
        ),
    ] = 3600.0
    recycle_above_mb: Annotated[
        int,
        Meta(
            ge=8,
            le=65536,
            description="Resident memory, in megabytes, above which an idle worker is replaced by a fresh one, about.",
        ),
    ] = 128
    start_timeout_s: Annotated[
        float, Meta(ge=0.1, le=300, description="Seconds that a worker may take to become ready.")
    ] = 5.0
    drain_s: Annotated[
        float, Meta(ge=0, le=300, description="Seconds that running calls get when the server is told to stop.")
    ] = 5.0
    zeromq: Annotated[
        ZeroMq,
        Meta(
            description="Who speaks ZeroMQ's protocol to the workers: built-in is the event loop itself; pyzmq is the "
            "library, in a thread of its own, at about a quarter more processor time for a short call.",
        ),
    ] = "built-in"
