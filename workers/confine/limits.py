"""Resource limits of a worker: memory, file size, descriptors, processor time, and its place among the OOM victims."""

import os
import re
import sys
from collections.abc import Iterator

import msgspec

if sys.platform != "win32":
    import resource  # not at first need: a worker that is forked in a namespace finds no files to import

MIB = 1 << 20
HEADROOM_MB = 256
"""Address space beside the data: thread stacks and malloc arenas are reserved whole and hardly used."""
OPEN_FILES = 64
PROCESSOR_S = 3600
"""A backstop for the day the broker is gone; a busy worker is recycled long before."""
WATCHERS_TASKS = 1024
"""Threads of all watchers of a zygote together: far more than they need, and few beside what a system can have."""
OOM_SCORE = 900
UNKNOWN_USE_MB = 256
"""Assumed for the process's present use where there is no /proc to read it from."""


_COUNTED_BY_NAMESPACE = (5, 14)
"""The Linux from which on tasks are counted in each user namespace: before, all that the account runs counts in all."""


class Use(msgspec.Struct, frozen=True):
    """What a process has mapped, in bytes."""

    address_space: int
    data: int


class LimitsReport(msgspec.Struct, frozen=True):
    """The limits that now hold, by the kernel's names; `oom_score`: the kernel prefers this process as a victim."""

    held: dict[str, int]
    oom_score: bool

    @property
    def bounds_memory(self) -> bool:
        """Whether an allocation beyond the limit fails by itself; other systems know these limits by name only."""
        return "RLIMIT_DATA" in self.held


def measure() -> Use:
    """Read the present use of this process (proc_pid_statm(5))."""
    try:
        fd = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return Use(UNKNOWN_USE_MB * MIB, UNKNOWN_USE_MB * MIB)
    try:
        pages = [int(field) for field in os.read(fd, 200).split()]
    finally:
        os.close(fd)
    page = resource.getpagesize()
    return Use(pages[0] * page, pages[5] * page)


def counts_by_namespace(release: str) -> bool:
    """Whether a system of this release (uname(2)) counts a user's tasks in each user namespace by itself."""
    found = re.match(r"(\d+)\.(\d+)", release)
    return found is not None and (int(found[1]), int(found[2])) >= _COUNTED_BY_NAMESPACE


def wanted(
    memory_mb: int, max_write_bytes: int, open_files: int, use: Use, tasks: int = 0
) -> Iterator[tuple[str, int]]:
    """Each limit with its value. Memory counts from what the interpreter has mapped already.

    Without `tasks` RLIMIT_NPROC is left alone: it counts all that the user runs in the user namespace, and the filter
    forbids new processes.
    """
    if tasks:
        yield "RLIMIT_NPROC", tasks
    yield "RLIMIT_FSIZE", max_write_bytes
    yield "RLIMIT_NOFILE", open_files
    yield "RLIMIT_CORE", 0  # a core dump would hold file contents
    yield "RLIMIT_CPU", PROCESSOR_S
    if sys.platform == "linux":
        yield "RLIMIT_MEMLOCK", 0
        yield "RLIMIT_MSGQUEUE", 0
        yield "RLIMIT_DATA", use.data + memory_mb * MIB
        yield "RLIMIT_AS", use.address_space + (memory_mb + HEADROOM_MB) * MIB


def apply(memory_mb: int, max_write_bytes: int, open_files: int = OPEN_FILES, tasks: int = 0) -> LimitsReport:
    """Set every limit, soft and hard, of the calling process. A lower hard limit that was there before stays.

    Raises OSError: the kernel refused a limit, or the system has none (ENOSYS).
    """
    limits = wanted(memory_mb, max_write_bytes, open_files, measure(), tasks)
    return LimitsReport({name: _lower(name, value) for name, value in limits}, be_an_early_victim())


def _lower(name: str, value: int) -> int:
    limit: int = getattr(resource, name)
    hard = resource.getrlimit(limit)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(limit, (value, value))
    return value


def be_an_early_victim() -> bool:
    """Only before the process stops being dumpable: later its /proc files belong to root. Not fatal: a courtesy."""
    try:
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.write(fd, b"%d" % OOM_SCORE) > 0
    except OSError:
        return False
    finally:
        os.close(fd)
