"""What the doctor tells of the machine: versions, and what of the kernel works."""

import errno
import os
import sys

from filewarden.config.version import VERSION
from filewarden.workers.confine.probe import ATTEMPTS, Kernel, probe

FEW_FILES = 1024
_SWITCHES = (
    ("user.max_user_namespaces", "/proc/sys/user/max_user_namespaces"),
    ("kernel.unprivileged_userns_clone", "/proc/sys/kernel/unprivileged_userns_clone"),
    ("kernel.apparmor_restrict_unprivileged_userns", "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
    ("security modules", "/sys/kernel/security/lsm"),
)


def machine_facts() -> dict[str, str]:
    """Versions and switches by their names; what cannot be read is left out."""
    from importlib.metadata import PackageNotFoundError, version

    system = os.uname()
    facts = {
        "filewarden": VERSION,
        "python": sys.version.split()[0],
        "system": f"{system.sysname} {system.release} {system.machine}",
    }
    for package in ("pyzmq", "msgspec", "msgpack"):
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            continue
    facts |= _kernel_features(probe())
    for name, path in _SWITCHES:
        try:
            with open(path, encoding="ascii") as file:
                facts[name] = file.read().strip()
        except OSError:
            continue
    return facts


def _kernel_features(kernel: Kernel) -> dict[str, str]:
    """What was tried out by itself, whatever the workers then made of it, and how what does not work failed."""
    names = {"landlock": f"landlock ABI {kernel.landlock_abi}", "user_namespaces": "user namespaces"}
    works = [names.get(name, name) for name in ATTEMPTS if name not in kernel.why_not]
    fails = [f"{name.replace('_', ' ')} ({errno.errorcode.get(code, code)})" for name, code in kernel.why_not.items()]
    return {"kernel features": ", ".join(works) or "none"} | ({"not here": ", ".join(fails)} if fails else {})
