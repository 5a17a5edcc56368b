"""The launcher of a server whose watchers speak as no honest one does, or may watch nothing. Its argument is how."""

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from filewarden.workers import attached
from filewarden.workers.channel import Channel
from filewarden.workers.confine.namespaces import Isolation
from filewarden.workers.watching.watch_wire import Changed, Pong, Watched, unpack_to_watcher
from filewarden.workers.wire import Answer, Go, Hello, Ready, pack

LIES: dict[str, Callable[[int], list[bytes]]] = {
    "garbage": lambda _watch: [b"\xc1\xff" * 100],
    "nameless": lambda watch: [pack(Changed((watch, watch + 1000)))],
    "chatter": lambda _watch: [pack(Pong())],
    "flood": lambda watch: [pack(Watched(watch)), *[pack(Changed((watch,)))] * 200],
    "answer": lambda watch: [pack(Answer(watch, memoryview(b""), None))],
    "hello": lambda _watch: [pack(Hello("guessed"))],
    "again": lambda _watch: [pack(Ready(b""))],
}


BIG_PART = b"\x03" + (65_536).to_bytes(8, "big") + bytes(65_536)
"""A part of 64 KiB with more to follow, as ZMTP has it (RFC 23)."""


def never_end(channel: Channel) -> NoReturn:
    """Write parts of one message into the link's own connection until we are killed."""
    fd = channel._socket.fileno()  # noqa: SLF001 # an attacker minds no underscores
    while True:
        view = memoryview(BIG_PART)
        while view:
            view = view[os.write(fd, view) :]


def start_threads(channel: Channel) -> NoReturn:
    """As many as there can be."""
    threading.stack_size(65_536)
    with contextlib.suppress(RuntimeError):
        while True:
            threading.Thread(target=threading.Event().wait, daemon=True).start()
    while True:
        channel.receive()


def lie(_watcher: object, channel: Channel) -> None:
    message = unpack_to_watcher(channel.receive())
    if sys.argv[1] == "threads":
        start_threads(channel)
    if sys.argv[1] == "endless":
        never_end(channel)
    if not isinstance(message, Go):
        for frame in LIES[sys.argv[1]](getattr(message, "watch", 0)):
            channel.send(frame)
    channel.receive()


def refuse(*_: object, **__: object) -> None:
    """Fail as the native half of watchfiles does."""
    raise OSError("OS file watch limit reached. about [...]")


def serve_zygote(control: attached.Socket, isolation: Isolation) -> None:
    from filewarden.workers.catalogue import CATALOGUE
    from filewarden.workers.watching import notices, watcher
    from filewarden.workers.zygote import serve

    if sys.argv[1] == "limited":
        setattr(notices, "_Notify", refuse)  # noqa: B010 - a name that the module does not offer
    else:
        setattr(watcher.Watcher, "_serve", lie)  # noqa: B010 - a method that the class does not offer
    serve(control, isolation, CATALOGUE)


if __name__ == "__main__":
    from filewarden.workers.launcher import main

    main(serve_zygote)
