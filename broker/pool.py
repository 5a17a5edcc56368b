"""The two pools of workers, and what each of them is like."""

from enum import StrEnum

import msgspec

from filewarden.config.sections.pool import PoolSettings
from filewarden.config.settings import Settings
from filewarden.workers.profile import Role
from filewarden.workers.tool import Tool

MIB = 1024 * 1024


class Kind(StrEnum):
    """A pool by what its calls may do: a writing tool runs in the one that can write, and nothing else does."""

    READING = "read-only"
    WRITING = "read-write"


READING, WRITING = Kind
"""By plain names, which are quicker to look up."""
ROLES: dict[Kind, Role] = {Kind.READING: "ro", Kind.WRITING: "rw"}


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """One pool: how many workers serve and how many wait as spares, and when they are replaced or given up."""

    kind: Kind
    size: int
    spares: int
    recycle_after_calls: int
    recycle_after_s: float
    recycle_above_bytes: int
    start_timeout_s: float
    memory_bytes: int


def may_write(settings: Settings) -> bool:
    """Whether the operator lets clients write anywhere."""
    return any(root.mode == "rw" for root in settings.roots)


def pool_of(tool: Tool) -> Kind:
    """Where the calls of a tool run."""
    return WRITING if tool.writes else READING


def reading_pool(settings: PoolSettings) -> Pool:
    """The pool that every server has."""
    return Pool(
        kind=Kind.READING,
        size=settings.workers,
        spares=settings.spares,
        recycle_after_calls=settings.recycle_after_calls,
        recycle_after_s=settings.recycle_after_s,
        recycle_above_bytes=settings.recycle_above_mb * MIB,
        start_timeout_s=settings.start_timeout_s,
        memory_bytes=settings.worker_memory_mb * 1024 * 1024,
    )


def writing_pool(settings: PoolSettings) -> Pool:
    """The pool of a server with a writable root. It has no spares: beside a durable write a new worker costs little."""
    return Pool(
        kind=Kind.WRITING,
        size=settings.write_workers,
        spares=0,
        recycle_after_calls=settings.recycle_after_calls,
        recycle_after_s=settings.recycle_after_s,
        recycle_above_bytes=settings.recycle_above_mb * MIB,
        start_timeout_s=settings.start_timeout_s,
        memory_bytes=settings.worker_memory_mb * 1024 * 1024,
    )
