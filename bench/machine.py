"""The machine that figures were taken on, described for the record."""

import os
import platform
import shutil
import subprocess
import time

import msgspec


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What figures depend on; `load` is the one-minute average before the first round."""

    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    node: str
    date: str
    load: float


def describe_machine() -> Machine:
    """Look around."""
    return Machine(
        cpu=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30), 1),
        kernel=platform.release(),
        python=platform.python_version(),
        node=_node_version(),
        date=time.strftime("%Y-%m-%d"),
        load=round(os.getloadavg()[0], 2),
    )


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Model"):
                return value.strip()
    return platform.machine()


def _node_version() -> str:
    node = shutil.which("node")
    if node is None:
        return "none"
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - from PATH
    return done.stdout.strip().removeprefix("v") or "unknown"
