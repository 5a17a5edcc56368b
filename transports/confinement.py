"""The front-end's own confinement: it parses what strangers send, so it loses what it does not need for that.

Applied once everything is open and before ZeroMQ starts its threads: Landlock leaves the interpreter's libraries and
/proc for reading and the folder of endpoints for sockets, and no folder that is served; the filter takes programs, new
processes and the kernel's sharper tools away. Workers stay within reach of its signals, for it ends them.

It is a second line: where the kernel lacks a layer, the log says so and the server runs.
"""

import os
from collections.abc import Callable, Mapping, Sequence

from filewarden.broker.log import Log
from filewarden.transports.libraries import libraries
from filewarden.transports.reach import NOTHING, Reach


def confine_front_end(roots: Sequence[str], endpoints: str, log: Log, reach: Reach = NOTHING) -> bool:
    """Confine this process for good; whether every layer holds."""
    from filewarden.workers.confine import landlock, seccomp  # before the paths close
    from filewarden.workers.confine.privileges import set_no_new_privs
    from filewarden.workers.confine.syscalls import native

    try:
        set_no_new_privs()
        rights = dict.fromkeys(libraries(roots), landlock.READ_ONLY)
        rights["/proc"] = landlock.READ_ONLY
        rights.update(dict.fromkeys(reach.paths, landlock.READ_ONLY))
        rights[os.devnull] = landlock.READ_FILE | landlock.WRITE_FILE
        rights[endpoints] = landlock.READ_DIR | landlock.MAKE_SOCK | landlock.REMOVE_FILE
        scopes = landlock.ABSTRACT_SOCKETS
        _with_handles(rights, lambda rules: landlock.restrict_to(rules, ports=reach.ports, scopes=scopes))
        if (machine := native()) is not None:
            seccomp.install(seccomp.front_end(machine))
    except OSError as error:
        log.warning("the front-end runs with less confinement of its own", layer=error.filename, reason=error.strerror)
        return False
    return True


def has_landlock() -> bool:
    """Whether what is out of reach by its path stays so for somebody who holds a folder open."""
    from filewarden.workers.confine import landlock

    return landlock.abi() > 0


def _with_handles(rights: Mapping[str, int], restrict: Callable[[list[tuple[int, int]]], object]) -> None:
    """Open every path, and hand the descriptors with their rights over."""
    rules: list[tuple[int, int]] = []
    try:
        for path, granted in rights.items():
            rules.append((os.open(path, os.O_PATH | os.O_CLOEXEC), granted))
        restrict(rules)
    finally:
        for fd, _granted in rules:
            os.close(fd)
