"""What the doctor looks at without a worker: the kernel, the limits, the versions, and the files with secrets."""

import errno
import os
import stat
import sys
from collections.abc import Iterator, Mapping

from filewarden.config.errors import ConfigError
from filewarden.config.folders import state_folder
from filewarden.config.load import Loaded
from filewarden.config.settings import Settings
from filewarden.config.version import VERSION
from filewarden.transports.doctor.findings import Row, State
from filewarden.transports.token import token_path
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


def check_rows(loaded: Loaded, environ: Mapping[str, str]) -> Iterator[Row]:
    """The configuration, the limit of descriptors, and who may read our secrets."""
    settings = loaded.settings
    yield _row("the configuration loads", loaded.file or "no file: defaults, environment and flags", holds=True)
    for warning in loaded.warnings:
        yield _row("a warning of the configuration", warning, holds=True)
    yield _descriptors(settings)
    for what, path in _private_places(settings, environ):
        row = _private(what, path)
        if row is not None:
            yield row


def _private_places(settings: Settings, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    try:
        yield "the state folder is ours alone", state_folder(environ)
        yield "the token is ours alone", token_path(settings.http.token_file, environ)
    except ConfigError as error:
        yield "the state folder can be found", str(error)


def _private(what: str, path: str) -> Row | None:
    """None where there is nothing yet: it is made at first need."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        return _row(what, f"{path}: {error.strerror}", holds=False)
    mode = stat.S_IMODE(found.st_mode)
    holds = found.st_uid == os.geteuid() and mode & 0o077 == 0
    seen = f"{path} {mode:04o}, owner {found.st_uid}"
    return _row(what, seen, holds=holds, why="" if holds else f"chown to {os.geteuid()} and chmod go-rwx")


def _descriptors(settings: Settings) -> Row:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * settings.http.max_sessions + 256 if settings.http.enabled else 256
    holds = soft == resource.RLIM_INFINITY or soft >= needed
    why = "" if holds else f"raise it to {max(needed, FEW_FILES)} (ulimit -n, LimitNOFILE=)"
    return _row("enough descriptors", f"soft {soft}, hard {hard}, {needed} needed", holds=holds, why=why)


def _row(what: str, seen: str, *, holds: bool, why: str = "") -> Row:
    return Row(area="machine", what=what, state=State.HELD if holds else State.BROKEN, seen=seen, why=why)
