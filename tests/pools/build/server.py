"""The product's server with the tools of the tests. Its first argument is how it serves:

serve       as the product does
principals  on stdio too, but each line begins with the name of who calls, and so does each answer
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from filewarden.broker.broker import Broker
from filewarden.broker.caller import Caller
from filewarden.broker.conversation import Conversation
from filewarden.broker.launch import launch
from filewarden.broker.protocol.long_text import Reply
from filewarden.broker.protocol.principal import LOCAL
from filewarden.broker.reactor import EpollReactor
from filewarden.transports.assembly import make_broker
from filewarden.transports.serve import serve
from filewarden.transports.surroundings import give_up_rights, prepare, tell_launcher


class Named:
    """Where one caller's answers go."""

    def __init__(self, name: bytes) -> None:
        self._name = name

    def send(self, frame: bytes) -> None:
        os.write(1, self._name + b" " + frame + b"\n")

    tell = send

    def answer(self, reply: Reply | None, status: int) -> None:
        if reply is not None:
            self.send(bytes(reply))


class Party:
    """Many callers on one stream, each with a conversation and a principal of its own."""

    def __init__(self, broker: Broker, stop: Callable[[], None]) -> None:
        self._broker = broker
        self._stop = stop
        self._conversations: dict[bytes, Conversation] = {}
        self._pending = b""

    def read(self) -> None:
        data = os.read(0, 65536)
        if not data:
            self._stop()
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            name, _, frame = line.partition(b" ")
            self._conversation(name).receive(frame, Named(name))

    def _conversation(self, name: bytes) -> Conversation:
        if name not in self._conversations:
            who = name.decode()
            self._conversations[name] = self._broker.open_conversation(
                Caller(who, msgspec.structs.replace(LOCAL, key=who))
            )
        return self._conversations[name]


def main() -> int:
    sys.path.insert(0, str(Path(__file__).parent))
    from tools import WRITING  # type: ignore[import-not-found,attr-defined,unused-ignore] # lies beside this script

    launched = launch((str(Path(__file__).parent / "launcher.py"),))
    if sys.argv[1] != "principals":
        return serve(sys.argv[2:], os.environ, launched, WRITING)
    surroundings = prepare(sys.argv[2:], os.environ, launched, WRITING)
    reactor = EpollReactor()
    tell_launcher(surroundings, None)
    give_up_rights(surroundings)
    broker = make_broker(surroundings, reactor, "stdio", sys.exit)
    broker.start()
    reactor.watch(0, Party(broker, reactor.stop).read)
    reactor.run()
    broker.end_calls()
    broker.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
