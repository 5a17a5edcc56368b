"""What whoever starts a server hands over by variables of the environment: open sockets, and where it wants to hear.

The protocols are systemd's (sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3)), which other service managers speak
too; they need no library. This is looked at before anything is started, for an open socket would be inherited.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself is not imported here
    from collections.abc import Mapping

FIRST_FD = 3
MOST_SOCKETS = 16


class Starter:
    """All of it is empty for a server that was started by hand."""

    def __init__(self, environ: "Mapping[str, str]") -> None:
        self.sockets: tuple[tuple[str, int], ...] = ()
        """The name and the descriptor of each listening socket."""
        if _is_for_us(environ.get("LISTEN_PID", "")):
            self.sockets = _sockets(environ.get("LISTEN_FDS", ""), environ.get("LISTEN_FDNAMES", ""))
        self.notify_address = environ.get("NOTIFY_SOCKET", "")
        """The socket that wants to hear of the server's state."""
        self.watchdog_s: float | None = None
        """The server is taken for dead when it is silent for so long."""
        usec = environ.get("WATCHDOG_USEC", "")
        if usec.isdecimal() and int(usec) and _is_for_us(environ.get("WATCHDOG_PID", str(os.getpid()))):
            self.watchdog_s = int(usec) / 1e6
        for _name, fd in self.sockets:
            os.set_inheritable(fd, False)


def _is_for_us(pid: str) -> bool:
    return pid == str(os.getpid())


def _sockets(count: str, names: str) -> tuple[tuple[str, int], ...]:
    if not count.isdecimal() or int(count) > MOST_SOCKETS:
        return ()
    given = names.split(":") if names else []
    given += [""] * (int(count) - len(given))
    return tuple((given[number], FIRST_FD + number) for number in range(int(count)))
