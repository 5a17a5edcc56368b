"""What the doctor's worker attacks: a folder with a root, things beside it that it must not reach, and open ports."""

import contextlib
import os
import socket
from collections.abc import Sequence

from filewarden.broker.account import Account
from filewarden.workers.doctor_attacks import Orders


class Playground:
    """A folder of ours, and listeners that count who came."""

    def __init__(self, place: str, account: Account | None) -> None:
        os.chmod(place, 0o755)  # noqa: S103 - nothing in it is private, and another account must reach it
        self.place = place
        self.root = os.path.join(place, "root")
        self.outside = os.path.join(place, "outside")
        for folder in (self.root, self.outside):
            os.mkdir(folder)
            self._open_up(folder, account)
        for path in (f"{self.root}/inside.txt", f"{self.outside}/secret.txt", f"{self.outside}/empty.txt"):
            with open(path, "x", encoding="ascii") as file:
                file.write("for the doctor\n")
            self._open_up(path, account)
        os.symlink("../outside/secret.txt", f"{self.root}/way-out")
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self._unix = socket.socket(socket.AF_UNIX)
        self._unix.bind(f"{self.outside}/socket")
        self._unix.listen()
        os.chmod(f"{self.outside}/socket", 0o777)  # noqa: S103 - only the sandbox is to stand between
        for listener in self._listeners:
            listener.setblocking(False)

    @property
    def _listeners(self) -> tuple[socket.socket, ...]:
        return (self._tcp, self._udp, self._unix)

    @staticmethod
    def _open_up(path: str, account: Account | None) -> None:
        """Let the worker's account do everything, so that whatever is refused was refused by the sandbox."""
        if account is not None:
            os.chown(path, account.uid, account.gid)
        os.chmod(path, 0o777)  # noqa: S103 - that is the point

    def orders(self, attacks: Sequence[str], sibling: int) -> Orders:
        """The order to make these attacks on this place."""
        return Orders(
            attacks=tuple(attacks),
            outside=self.outside,
            tcp_port=self._tcp.getsockname()[1],
            udp_port=self._udp.getsockname()[1],
            sibling=sibling,
        )

    def visitors(self) -> int:
        """How many connections and datagrams have arrived."""
        count = 0
        for listener in (self._tcp, self._unix):
            with contextlib.suppress(BlockingIOError):
                listener.accept()[0].close()
                count += 1
        with contextlib.suppress(BlockingIOError):
            self._udp.recv(64)
            count += 1
        return count

    def close(self) -> None:
        """Close the ports; the folder is the maker's to remove."""
        for listener in self._listeners:
            listener.close()
