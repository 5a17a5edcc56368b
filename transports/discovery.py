"""The servers that this user runs, found by their control sockets."""

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor

from filewarden.transports.control import STATUS_SUFFIX
from filewarden.transports.local_socket import query

MOST_AT_ONCE = 16


def find(folder: str, timeout_s: float) -> tuple[list[bytes], list[int]]:
    """The status documents of all servers with a socket in `folder`, and the process ids of those that do not answer.

    All are asked at the same time; sockets of dead servers are removed.
    """
    try:
        names = sorted(name for name in os.listdir(folder) if name.removesuffix(STATUS_SUFFIX).isdecimal())
    except FileNotFoundError:
        return [], []
    with ThreadPoolExecutor(MOST_AT_ONCE) as asking:
        answers = list(asking.map(lambda name: _ask(os.path.join(folder, name), timeout_s), names))
    documents = [answer for answer in answers if answer]
    silent = [
        int(name.removesuffix(STATUS_SUFFIX)) for name, answer in zip(names, answers, strict=True) if answer == b""
    ]
    return documents, silent


def _ask(path: str, timeout_s: float) -> bytes | None:
    """The document; empty when a server is there and does not answer, None when there is none."""
    try:
        return query(path, timeout_s)
    except ConnectionRefusedError:
        with contextlib.suppress(OSError):  # somebody else saw it too
            os.unlink(path)
        return None
    except FileNotFoundError:
        return None
    except OSError:
        return b""
