"""What the doctor found, as rows: each attack with what stopped it, judged by the layers that stand on this machine."""

import os
from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec

from filewarden.workers.confine.landlock import NEEDED_ABI
from filewarden.workers.doctor_attacks import Attack, attacks_of
from filewarden.workers.profile import Role
from filewarden.workers.wire import Report

SIGSYS = "SIGSYS"
GOT_THROUGH = "ok"
WRITERS = "writers"
"""The area of the rows about a worker that writes."""


class State(StrEnum):
    """What became of one layer, attack or check."""

    HELD = "held"
    BROKEN = "BROKEN"
    """It got through although a layer that stands should have stopped it."""
    ABSENT = "not available"
    """The layer is missing on this machine: what it would stop gets through."""
    ADVICE = "look at this"
    """Nothing is unsafe, and yet somebody will be surprised."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the answer. `seen` is an errno's name, a signal's, or a word."""

    area: str
    what: str
    state: State
    seen: str
    why: str = ""
    """What it protects, or what to do."""


PROTECTS = {
    "landlock": "files outside the roots, and everything that is not to be written",
    "namespaces": "even names, sizes and times outside; other processes, the network",
    "seccomp": "network, new processes, neighbours, and most of the kernel",
    "openat2": "paths, resolved by the kernel in one step",
    "no_new_privs": "against programs that give rights to whoever starts them",
    "rlimits": "the machine's memory and descriptors",
    "user": "everything that only root may",
}


def layer_rows(report: Report) -> Iterator[Row]:
    """One row for each layer: what it protects, or how to get it."""
    for name, protects in PROTECTS.items():
        facts = report.layers.get(name, {})
        is_active, why = bool(facts.get("active")), str(facts.get("why") or "")
        seen = ", ".join(f"{fact} {facts[fact]}" for fact in ("abi", "uid") if facts.get(fact) is not None)
        yield Row(
            area="layers",
            what=name,
            state=State.HELD if is_active else State.ABSENT,
            seen=seen or ("active" if is_active else "missing"),
            why=why or protects,
        )


def attack_rows(report: Report, outcomes: Mapping[str, str], role: Role = "ro") -> Iterator[Row]:
    """One row for each attack; those of a worker that writes have an area of their own."""
    for name, attack in attacks_of(role).items():
        seen = outcomes.get(name, "no answer")
        area = WRITERS if role == "rw" else attack.area
        yield Row(area=area, what=attack.title, state=_judge(attack, seen, report), seen=_said(seen))


def visitors_row(count: int, report: Report, area: str = "network") -> Row:
    """Whether anything arrived where the attacks knocked."""
    walls = ("seccomp", "namespaces")
    state = State.HELD if count == 0 else State.BROKEN if _stands(walls, report) else State.ABSENT
    what = "nothing arrived at the ports that were knocked at"
    return Row(area=area, what=what, state=state, seen=f"{count} arrived")


def outside_rows(pid: int, report: Report) -> Iterator[Row]:
    """What the host sees of a worker's threads (proc_pid_status(5)); nothing where it may not look."""
    try:
        threads = [_facts(f"/proc/{pid}/task/{thread}/status") for thread in os.listdir(f"/proc/{pid}/task")]
        owner = os.stat(f"/proc/{pid}/mem").st_uid  # root's, by proc(5), where the process is not dumpable
    except OSError:
        return
    wanted = {
        "seccomp": ("every thread is under the filter", "Seccomp", ("2",)),
        "no_new_privs": ("every thread has given up new privileges", "NoNewPrivs", ("1",)),
        "user": ("no thread has a capability", "CapPrm", ("0000000000000000",)),
    }
    for layer, (what, fact, good) in wanted.items():
        values = sorted({thread.get(fact, "unknown") for thread in threads})
        yield _outside(what, layer, report, ", ".join(values), holds=tuple(values) == good, count=len(threads))
    if threads and threads[0].get("Uid", "0").split()[0] != "0":
        what = "neighbours cannot look into its memory"
        yield _outside(what, "user", report, "not dumpable" if owner == 0 else "dumpable", holds=owner == 0)


def _outside(what: str, layer: str, report: Report, seen: str, *, holds: bool, count: int = 0) -> Row:
    # A container's filter looks like ours from there, so a layer that the worker does not have is never credited.
    state = State.ABSENT if not _stands((layer,), report) else State.HELD if holds else State.BROKEN
    return Row(area="seen from outside", what=what, state=state, seen=f"{seen} ({count} threads)" if count else seen)


def _facts(path: str) -> dict[str, str]:
    with open(path, encoding="utf-8", errors="replace") as status:
        return {name: value.strip() for name, _, value in (line.partition(":") for line in status)}


def _judge(attack: Attack, seen: str, report: Report) -> State:
    if seen == GOT_THROUGH:
        return State.BROKEN if _stands(attack.walls, report) else State.ABSENT
    is_answer = seen == SIGSYS or seen.startswith("E")
    return State.HELD if is_answer else State.BROKEN


def _said(seen: str) -> str:
    return "got through" if seen == GOT_THROUGH else seen


def _stands(walls: tuple[str, ...], report: Report) -> bool:
    """Whether one of the walls was raised, as the worker reports."""
    return any(_is_raised(wall, report) for wall in walls)


def _is_raised(wall: str, report: Report) -> bool:
    name, _, least = wall.partition("-")
    facts = report.layers.get(name, {})
    return bool(facts.get("active")) and (not least or int(facts.get("abi") or 0) >= NEEDED_ABI)
