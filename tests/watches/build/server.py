"""The product's broker with the subscriptions within reach: a line of JSON for each wish, and for each thing told.

{"subscribe": NUMBER, "principal": NAME, "path": PATH or null for the roots' lists}   {"unsubscribe": NUMBER}
{"result": NUMBER, "failure": [CODE, MESSAGE] or null}   {"change": NUMBER}
"""

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from filewarden.broker.broker import Broker
from filewarden.broker.launch import launch
from filewarden.broker.protocol.outcome import Failed
from filewarden.broker.reactor import EpollReactor
from filewarden.broker.subscription import Subscription
from filewarden.transports.assembly import make_broker
from filewarden.transports.surroundings import give_up_rights, open_control, prepare, tell_launcher
from filewarden.workers.catalogue import CATALOGUE


class Wishes:
    """Everything that was subscribed through this stream."""

    def __init__(self, broker: Broker, stop: Callable[[], None]) -> None:
        self._watches = broker.watches
        self._stop = stop
        self._subscriptions: dict[int, Subscription] = {}
        self._pending = b""

    def read(self) -> None:
        data = os.read(0, 65536)
        if not data:
            self._stop()
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))

    def _obey(self, wish: dict[str, Any]) -> None:
        if "unsubscribe" in wish:
            self._watches.unsubscribe(self._subscriptions.pop(wish["unsubscribe"]))
            return
        number, path = wish["subscribe"], wish["path"]
        ask = self._watches.subscribe_lists if path is None else partial(self._watches.subscribe, path=path)
        self._subscriptions[number] = ask(
            wish["principal"],
            on_change=lambda: _say({"change": number}),
            on_result=lambda failure: _say({"result": number, "failure": _facts(failure)}),
        )


def _facts(failure: Failed | None) -> list[str] | None:
    return None if failure is None else [failure.code, failure.message]


def _say(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def main() -> int:
    launched = launch(tuple(sys.argv[2:]) or ("-c", "from filewarden.workers.launcher import main; main()"))
    surroundings = prepare(["--config", sys.argv[1]], os.environ, launched, CATALOGUE)
    reactor = EpollReactor()
    control = open_control(surroundings)
    tell_launcher(surroundings, control)
    give_up_rights(surroundings)
    broker = make_broker(surroundings, reactor, "stdio", sys.exit)
    broker.start()
    if control is not None:
        control.start(broker.overview.status, broker, reactor)
    reactor.watch(0, Wishes(broker, reactor.stop).read)
    reactor.run()
    broker.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
