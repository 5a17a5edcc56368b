"""The steps that confine a worker, in their one safe order, and the report of what they achieved.

Everything before the link binds one thread only (Landlock, capabilities, no_new_privs), so it must come before a
writer starts its second one, which inherits it. The filter forbids what starts a thread and what makes a connection, so
it comes after the link and is put on all threads at once.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Callable

import msgspec

from filewarden.workers.confine import landlock, limits, privileges, seccomp
from filewarden.workers.confine.layers import ConfinementError, Layer, LayerName, Layers, Mode
from filewarden.workers.confine.syscalls import syscall

_RESOLVE_NO_MAGICLINKS, _RESOLVE_BENEATH = 2, 8


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How one worker is to be confined."""

    mode: Mode
    profile: seccomp.Profile
    roots: tuple[tuple[int, bool], ...]
    """At least one open descriptor, O_PATH will do, each with "is writable"; the history's is the last, if any."""
    memory_mb: int
    parent_pid: int
    """As `os.getppid()` shows it to the worker."""
    max_write_bytes: int = 0
    """The size no file may grow past; 0 for read-only workers (their stderr must then not be a regular file)."""
    uid: int | None = None
    is_enclosed: bool = False
    """Whether the zygote lives in namespaces of its own and sees nothing but the roots; `why_open` says why not."""
    why_open: str = ""
    gid: int | None = None
    """The account to become when started as root; None: there is none to change to."""


class Step(msgspec.Struct, frozen=True):
    """One layer: how to raise it, and what a person can do when it fails."""

    layer: LayerName
    run: Callable[[Plan], Layer]
    fix: str
    is_needed: Callable[[Plan], bool] = lambda _plan: True
    """Whether mode "required" cannot do without it."""


def confine_before_link(plan: Plan) -> Layers:
    """Take the steps 8 to 12 of a worker's start, while it has one thread. The filter is reported as not active yet.

    Raises ConfinementError: in mode "required" a layer failed; in every mode the parent has gone.
    """
    if plan.mode == "off":
        reached = dict.fromkeys(LAYER_NAMES, Layer(active=False, why="switched off by the configuration"))
    else:
        reached = {
            "namespaces": Layer(active=plan.is_enclosed, why=plan.why_open),
            "seccomp": Layer(active=False, why="not installed yet"),
        }
        reached |= {step.layer: _perform(step, plan) for step in BEFORE_LINK}
    _die_with_parent(plan)
    return Layers(**reached)


def confine_after_link(plan: Plan, layers: Layers) -> Layers:
    """Put the filter on every thread; nothing can be added to the process afterwards.

    Raises ConfinementError: in mode "required" the filter could not be installed.
    """
    if plan.mode == "off":
        return layers
    return msgspec.structs.replace(layers, seccomp=_perform(FILTER, plan))


def limit_resources(plan: Plan) -> Layer:
    """Memory, file size, descriptors; each root holds one descriptor beside the usual ones."""
    # Only a watcher may start threads; without a user namespace that is counted by itself, others' would count.
    has_namespace = plan.is_enclosed and not plan.why_open and limits.counts_by_namespace(os.uname().release)
    tasks = limits.WATCHERS_TASKS if plan.profile == "watch" and has_namespace else 0
    report = limits.apply(plan.memory_mb, plan.max_write_bytes, limits.OPEN_FILES + len(plan.roots), tasks)
    if not report.bounds_memory:
        raise OSError(errno.ENOSYS, "memory cannot be limited on this system")
    return Layer(active=True)


def drop_privileges(plan: Plan) -> Layer:
    """Leave the account, every capability, and the reach of other processes of the same user."""
    privileges.drop_bounding_set()
    try:
        if plan.uid is not None:
            privileges.drop_user(plan.uid, plan.uid if plan.gid is None else plan.gid)
    finally:  # in mode "best-effort" even a process that stays root keeps nothing of its powers
        privileges.drop_capabilities()
        privileges.set_not_dumpable()
    uid = os.geteuid()
    if uid == 0:
        raise OSError(errno.EPERM, "still root")
    return Layer(active=True, uid=uid)


def refuse_new_privileges(_plan: Plan) -> Layer:
    """Meet the condition of Landlock and seccomp."""
    privileges.set_no_new_privs()
    return Layer(active=True)


def restrict_paths(plan: Plan) -> Layer:
    """Landlock on the roots. An old ABI is raised where something else holds, or must not: it still stops most."""
    if plan.mode == "required" and not plan.is_enclosed and landlock.query() < landlock.NEEDED_ABI:
        raise OSError(errno.EOPNOTSUPP, f"Landlock ABI {landlock.abi()} is older than {landlock.NEEDED_ABI}")
    if plan.profile == "watch":
        return Layer(active=True, abi=landlock.restrict_to([(fd, landlock.WATCH_ONLY) for fd, _ in plan.roots]).abi)
    return Layer(active=True, abi=landlock.restrict(plan.roots).abi)


def find_openat2(plan: Plan) -> Layer:
    """Whether paths can be resolved by the kernel in one step; where not, the walker does it one name at a time."""
    how = ctypes.create_string_buffer(
        struct.pack("=QQQ", os.O_PATH | os.O_CLOEXEC, 0, _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS), 24
    )
    name = ctypes.create_string_buffer(b".")
    root = plan.roots[0][0]
    os.close(syscall("openat2", root, ctypes.addressof(name), ctypes.addressof(how), 24))
    return Layer(active=True)


def filter_syscalls(plan: Plan) -> Layer:
    """Install the filter of the pool, bound to this process."""
    seccomp.install(seccomp.program(plan.profile).bind(os.getpid()))
    return Layer(active=True)


BEFORE_LINK: tuple[Step, ...] = (
    Step("rlimits", limit_resources, "run on Linux, and allow setrlimit"),
    Step("user", drop_privileges, "start as an ordinary user, or name one in sandbox.user"),
    Step("no_new_privs", refuse_new_privileges, "run on Linux 3.5 or newer"),
    Step(
        "landlock",
        restrict_paths,
        "run Linux 6.2 or newer with 'landlock' in lsm=, or let the container allow landlock_*",
        is_needed=lambda plan: not plan.is_enclosed,  # what is read-only and all there is needs no second wall
    ),
    Step(
        "openat2",
        find_openat2,
        "run Linux 5.6 or newer, or let the container allow openat2",
        is_needed=lambda _plan: False,  # the walker stands in
    ),
)
FILTER = Step(
    "seccomp",
    filter_syscalls,
    "run Linux, x86-64 or aarch64, with CONFIG_SECCOMP_FILTER, or let the container allow seccomp with TSYNC",
)
LAYER_NAMES: tuple[LayerName, ...] = (*(step.layer for step in BEFORE_LINK), "seccomp", "namespaces")


def _perform(step: Step, plan: Plan) -> Layer:
    try:
        return step.run(plan)
    except OSError as error:
        if plan.mode == "required" and step.is_needed(plan):
            raise ConfinementError(step.layer, error, step.fix) from error
        return Layer(active=False, why=f"{error.strerror}: {step.fix}")


def _die_with_parent(plan: Plan) -> None:
    """After the change of user, which forgets it. An orphan must not live on in any mode."""
    try:
        privileges.die_with_parent(plan.parent_pid)
    except OSError as error:
        if error.errno == errno.ENOSYS and plan.mode != "required":
            return
        raise ConfinementError("parent", error, "start the server again") from error
