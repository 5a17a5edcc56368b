"""What the front-end imports at first need, imported early.

A server started as root gives up its rights, and the interpreter's own folder may be closed to the account it becomes.
"""

import importlib
from collections.abc import Iterable

LATE_IMPORTS = (
    "base64",
    "binascii",
    "ctypes",
    "difflib",
    "encodings.idna",
    "encodings.unicode_escape",
    "filewarden.broker",
    "filewarden.broker.process_figures",
    "filewarden.broker.protocol.text_json",
    "filewarden.broker.snapshot",
    "filewarden.broker.status",
    "filewarden.workers.confine",
    "filewarden.workers.confine.landlock",
    "filewarden.workers.confine.privileges",
    "filewarden.workers.confine.seccomp",
    "filewarden.workers.confine.syscalls",
    "filewarden.workers.paths.names",
    "hashlib",
    "hmac",
    "linecache",
    "mmap",
    "msgpack",
    "resource",
    "select",
    "socket",
    "textwrap",
    "threading",
    "traceback",
)


def preload(names: Iterable[str] = LATE_IMPORTS) -> None:
    """Import every module that could be needed after the change of account."""
    for name in names:
        importlib.import_module(name)
