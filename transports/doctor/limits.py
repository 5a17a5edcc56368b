"""Whether the limits of this machine leave what the configuration may take: descriptors, watches, processes, memory."""

import os
from collections.abc import Iterator

from filewarden.broker.pool import may_write
from filewarden.broker.watches import MOST_WATCHERS
from filewarden.config.settings import Settings
from filewarden.transports.doctor.findings import Row, State
from filewarden.workers.confine.probe import probe

FEW_FILES = 1024
MEBIBYTE = 1024 * 1024
INOTIFY = "/proc/sys/fs/inotify"
CONTROL_GROUPS = "/sys/fs/cgroup"
ONE_GROUP = "memory/memory.limit_in_bytes"
"""Where the first version of control groups has it."""
NO_LIMIT = 1 << 60


def limit_rows(settings: Settings) -> Iterator[Row]:
    """One row for each."""
    yield _descriptors(settings)
    yield from _watches(settings)
    yield _namespaces(settings)
    yield _memory(settings)


def _descriptors(settings: Settings) -> Row:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * settings.http.max_sessions + 256 if settings.http.enabled else 256
    holds = soft == resource.RLIM_INFINITY or soft >= needed
    why = "" if holds else f"raise it to {max(needed, FEW_FILES)} (ulimit -n, LimitNOFILE=)"
    state = State.HELD if holds else State.BROKEN
    return _row("enough descriptors", state, f"soft {soft}, hard {hard}, {needed} needed", why)


def _watches(settings: Settings) -> Iterator[Row]:
    """Of the account that serves; a watcher has one instance, and the principals' limit of watches."""
    needs = {"max_user_watches": settings.limits.max_watches, "max_user_instances": MOST_WATCHERS}
    for name, needed in needs.items():
        allowed = _number(os.path.join(INOTIFY, name))
        if allowed is None:
            continue
        holds = allowed >= needed
        why = "" if holds else f"subscriptions may fail: sysctl fs.inotify.{name}={needed}, or fewer limits.max_watches"
        state = State.HELD if holds else State.ADVICE
        yield _row(f"enough of inotify's {name}", state, f"{allowed}, up to {needed} needed", why)


def _namespaces(settings: Settings) -> Row:
    what = "user namespaces can be made"
    if "user_namespaces" not in probe().why_not:
        return _row(what, State.HELD, "yes")
    needs = "without them workers see names outside the roots: see user.max_user_namespaces and the security module"
    return _row(what, State.HELD if settings.sandbox.mode == "off" else State.ABSENT, "no", needs)


def _memory(settings: Settings) -> Row:
    """Every worker at its limit at once: seldom, and yet what the limits promise."""
    pool = settings.pool
    workers = pool.workers + pool.spares + (pool.write_workers if may_write(settings) else 0)
    needed = workers * pool.worker_memory_mb
    there, whose = min(_machine_memory(), _group_memory())
    holds = needed * MEBIBYTE <= there
    seen = f"{workers} workers of {pool.worker_memory_mb} MiB, {there // MEBIBYTE} MiB of {whose}"
    why = "" if holds else "fewer pool.workers, less pool.worker_memory_mb, or more memory"
    return _row("enough memory for every worker at its limit", State.HELD if holds else State.ADVICE, seen, why)


def _machine_memory() -> tuple[int, str]:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), "this machine"


def _group_memory() -> tuple[int, str]:
    """The least limit of our control group and those above it; none counts as very much."""
    limits = [_number(path) for path in _limit_files()]
    return min((limit for limit in limits if limit is not None), default=NO_LIMIT), "this control group"


def _limit_files() -> Iterator[str]:
    yield os.path.join(CONTROL_GROUPS, ONE_GROUP)
    try:
        with open("/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            own = next((line.rstrip("\n").partition("::")[2] for line in file if line.startswith("0::")), "")
    except OSError:
        return
    while own.strip("/"):
        yield os.path.join(CONTROL_GROUPS, own.strip("/"), "memory.max")
        own = os.path.dirname(own)
    yield os.path.join(CONTROL_GROUPS, "memory.max")


def _number(path: str) -> int | None:
    """None where there is no such file, or no number in it (`max`)."""
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def _row(what: str, state: State, seen: str, why: str = "") -> Row:
    return Row(area="limits", what=what, state=state, seen=seen, why=why)
