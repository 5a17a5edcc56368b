"""What a server holds: memory, descriptors and processes, read from outside."""

import os
from typing import NamedTuple

import psutil


class Holding(NamedTuple):
    """One look at a server and everything below it."""

    front_end_bytes: int
    """Resident set of the process that clients speak to."""
    all_bytes: int
    """Proportional set of all processes (smaps_rollup: shared pages count by their share)."""
    descriptors: int
    """Of the front-end."""
    processes: int


def holding(pid: int) -> Holding:
    """What a server holds now."""
    front_end = psutil.Process(pid)
    family = [front_end, *front_end.children(recursive=True)]
    return Holding(
        front_end_bytes=front_end.memory_info().rss,
        all_bytes=sum(_proportional_bytes(each.pid) for each in family),
        descriptors=len(os.listdir(f"/proc/{pid}/fd")),
        processes=len(family),
    )


def _proportional_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            return sum(1024 * int(line.split()[1]) for line in file if line.startswith("Pss:"))
    except OSError:
        return 0
