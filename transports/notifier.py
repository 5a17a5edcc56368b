"""Tells whoever manages the server as a service how it is (sd_notify(3)), and that it is alive.

`READY=1` when every worker has been ready; `RELOADING=1` and `READY=1` around a reload; `STOPPING=1` when the drain
begins; a sentence for people with each; `WATCHDOG=1` at half the time that is asked for, from the loop that serves,
and only while it and the pools do their work.
"""

import _socket
import contextlib
import time
from typing import TYPE_CHECKING

from filewarden.broker.log import Log
from filewarden.broker.reactor import Reactor
from filewarden.config.profiles import all_roots
from filewarden.config.settings import Settings

if TYPE_CHECKING:
    from filewarden.broker.broker import Broker
    from filewarden.broker.charter import Charter
    from filewarden.transports.starter import Starter

LOOK_EVERY_S = 0.02
"""Until it is ready."""
LONGEST_SENTENCE = 500


class Notifier:
    """Opened with the rights that the server was started with; without an address it tells nobody."""

    def __init__(self, starter: "Starter", log: Log) -> None:
        self._log = log
        self._watchdog_s = starter.watchdog_s
        self._socket: _socket.socket | None = None
        self._is_stopping = False
        self._has_warned = False
        if not starter.notify_address:
            return
        self._socket = _socket.socket(
            _socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC
        )
        address = starter.notify_address
        try:
            self._socket.connect(f"\0{address[1:]}" if address.startswith("@") else address)
        except OSError as error:
            log.warning("the service manager cannot be told anything", address=address, reason=error)
            self._socket.close()
            self._socket = None

    def start(self, broker: "Broker", reactor: Reactor) -> None:
        """Tell from now on."""
        if self._socket is None:
            return
        broker.follow(self)
        self._wait_until_ready(broker, reactor)

    def stopping(self) -> None:
        """The drain begins."""
        self._is_stopping = True
        self._tell("STOPPING=1", "Calls under way are finished, new ones are refused")

    def on_reloading(self) -> None:
        """The configuration is being read again."""
        usec = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={usec}", "Reading the configuration again")

    def on_reloaded(self, charter: "Charter") -> None:
        """It counts."""
        self._tell("READY=1", _serving(charter.settings))

    def on_refused(self, reason: str) -> None:
        """Nothing has changed: it serves as before."""
        self._tell("READY=1", f"The new configuration is refused, the old one stays in force: {reason}")

    def _wait_until_ready(self, broker: "Broker", reactor: Reactor) -> None:
        if broker.overview.is_ready:
            self._tell("READY=1", _serving(broker.settings))
            if self._watchdog_s is not None:
                self._ping(broker, reactor, self._watchdog_s / 2)
        elif not self._is_stopping:
            reactor.at(reactor.now() + LOOK_EVERY_S, lambda: self._wait_until_ready(broker, reactor))

    def _ping(self, broker: "Broker", reactor: Reactor, every_s: float) -> None:
        fault = None if self._is_stopping else broker.fault()
        if fault is None:
            self._send("WATCHDOG=1")
            if self._has_warned:
                self._has_warned = False
                self._tell(_serving(broker.settings))
        elif not self._has_warned:
            self._has_warned = True
            self._log.error("the watchdog is told nothing until this is over", reason=fault)
            self._tell(f"Out of order: {fault}")
        reactor.at(reactor.now() + every_s, lambda: self._ping(broker, reactor, every_s))

    def _tell(self, *parts: str) -> None:
        """The last one is for people."""
        *states, sentence = parts
        shown = "".join(each if each.isprintable() else " " for each in sentence[:LONGEST_SENTENCE])
        self._send("\n".join((*states, f"STATUS={shown}")))

    def _send(self, message: str) -> None:
        """A manager that does not listen is not waited for."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.send(message.encode("utf-8", "backslashreplace"))


def _serving(settings: Settings) -> str:
    names = ", ".join(root.name for root in all_roots(settings))
    return f"Serving {names} with {settings.pool.workers} workers"
