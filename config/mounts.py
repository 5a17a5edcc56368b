"""Which file systems are interfaces of the kernel instead of storage."""

import os

MOUNT_TABLE = "/proc/self/mountinfo"

KERNEL_TYPES = frozenset(
    {
        "binfmt_misc",
        "bpf",
        "cgroup",
        "cgroup2",
        "configfs",
        "debugfs",
        "devpts",
        "devtmpfs",
        "efivarfs",
        "fusectl",
        "mqueue",
        "nsfs",
        "proc",
        "pstore",
        "securityfs",
        "selinuxfs",
        "sysfs",
        "tracefs",
    }
)


def kernel_devices(mount_table: str = MOUNT_TABLE) -> dict[int, str]:
    """Find the kernel's own file systems: type by device number as in `st_dev` (proc_pid_mountinfo(5)).

    Empty where there is no such table; the well-known folders are refused by name as well.
    """
    try:
        with open(mount_table, encoding="utf-8", errors="surrogateescape") as table:
            return dict(entry for entry in map(_entry, table) if entry[1] in KERNEL_TYPES)
    except OSError:
        return {}


def _entry(line: str) -> tuple[int, str]:
    before, _, after = line.partition(" - ")
    major, _, minor = before.split(" ", 3)[2].partition(":")
    return os.makedev(int(major), int(minor)), after.partition(" ")[0]
