"""The memory of a server: the proportional set size of its whole process tree, as the kernel counts it (proc(5))."""

import os
import re

_PSS = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)
MIB = 1 << 20


def tree_pss_bytes(pid: int) -> int:
    """Shared pages count by their share, so the sum over all processes is what the server costs.

    Raises:
        PermissionError: a process does not let us look; run as root, or leave memory out.
    """
    return sum(_pss_bytes(member) for member in tree(pid))


def tree(pid: int) -> list[int]:
    """List the process and all its descendants."""
    members = [pid]
    for member in members:
        members.extend(_children(member))
    return members


def _children(pid: int) -> list[int]:
    try:
        threads = os.listdir(f"/proc/{pid}/task")
        found = []
        for thread in threads:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += [int(child) for child in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return found


def _pss_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            found = _PSS.search(file.read())
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(found[1]) * 1024 if found else 0
