"""SIGTERM and SIGINT from a server's first moment on: the first asks for a drain, a second ends the process at once.

SIGHUP asks for the configuration to be read again. It is also what a terminal sends when it goes: a server that was
started in one that is gone by then has lost whoever watched it, and drains.

Whoever stops a server that is still coming up means it as much as later. So the signals are caught before anything is
imported or started, kept, and answered as soon as the loop runs. What is started meanwhile inherits none of this:
handlers are reset by execve(2), and no signal is blocked.
"""

import _signal  # type: ignore[import-not-found]  # the built-in half of `signal`, which would cost the start its enumerations
import os

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself is not imported here
    from collections.abc import Callable

    from filewarden.broker.reactor import Reactor

STOPPING = (_signal.SIGINT, _signal.SIGTERM)
RELOADING = _signal.SIGHUP
MOST_BYTES = 64


class StopSignals:
    """The signals to a server; each that came is a byte with its number in a pipe that the loop watches."""

    def __init__(self) -> None:
        self._read_fd, self._write_fd = os.pipe()
        os.set_blocking(self._read_fd, False)
        os.set_blocking(self._write_fd, False)
        _signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)  # wakes a loop that is about to sleep
        self._had_terminal = os.isatty(2)
        for number in (*STOPPING, RELOADING):
            _signal.signal(number, self._note)

    def _note(self, number: int, _frame: object) -> None:
        if number in STOPPING:
            for each in STOPPING:
                _signal.signal(each, _signal.SIG_DFL)
        os.write(self._write_fd, bytes((number,)))  # once more: uvloop has put a descriptor of its own in our place

    def watch(self, reactor: "Reactor", on_stop: "Callable[[], None]", on_reload: "Callable[[], None]") -> None:
        """Run `on_stop` once, or `on_reload` as often as it is asked for, in the loop: also for what came before."""

        def on_readable() -> None:
            came = os.read(self._read_fd, MOST_BYTES)
            is_lost = RELOADING in came and self._had_terminal and not os.isatty(2)
            if is_lost or any(number in STOPPING for number in came):
                reactor.forget(self._read_fd)
                on_stop()
            elif RELOADING in came:
                on_reload()

        reactor.watch(self._read_fd, on_readable)
