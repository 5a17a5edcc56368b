"""The link to one worker as ZeroMQ's library makes it: a PAIR socket that only that process can join.

The library has a thread of its own, which costs two wake-ups for every call. Its filter (ZMQ_IPC_FILTER_PID,
zmq_setsockopt(3)) admits the worker's process alone, and the path is unlinked after the first frame, so that nobody can
connect later. The end of the connection shows without a monitor socket: a PAIR that had a peer and no longer takes
frames has lost it, and its descriptor signals that change like any other.
"""

import _socket
import contextlib
import os

from filewarden.broker.credentials import process_and_user
from filewarden.broker.link import LinkError, LinkLostError
from filewarden.config.first_imports import load_zmq

load_zmq()
import zmq  # noqa: E402 # its own way is longer

IPC_FILTER_PID = 58
POLLIN, POLLOUT, NOBLOCK = int(zmq.POLLIN), int(zmq.POLLOUT), int(zmq.NOBLOCK)
"""As plain numbers: with the library's flags each look at a link makes several objects."""
RECEIVE_HIGH_WATER_MARK = 16


class ZmqLinks:
    """The ZeroMQ context of one server, and the folder of its endpoints."""

    def __init__(self, folder: str, max_frame_bytes: int) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context(io_threads=1)
        self._folder = folder
        self.max_frame_bytes = max_frame_bytes
        self.max_body_bytes = max_frame_bytes

    def endpoint(self) -> str:
        """A fresh path for one worker."""
        return os.path.join(self._folder, os.urandom(16).hex())

    def listen(self, endpoint: str, pid: int) -> "ZmqLink":
        """Bind `endpoint` for the process `pid` alone."""
        try:
            with contextlib.ExitStack() as undone:
                socket = self._context.socket(zmq.PAIR)
                undone.callback(socket.close)
                socket.setsockopt(zmq.LINGER, 0)
                socket.setsockopt(zmq.RCVHWM, RECEIVE_HIGH_WATER_MARK)
                # A small send mark raised EAGAIN with one call outstanding; the scheduler bounds what is under way.
                socket.setsockopt(zmq.SNDHWM, 0)
                socket.setsockopt(zmq.MAXMSGSIZE, self.max_frame_bytes)
                socket.setsockopt(IPC_FILTER_PID, pid)
                socket.bind(f"ipc://{endpoint}")
                undone.pop_all()
        except zmq.ZMQError as error:
            raise LinkError(f"cannot listen for a worker: {error.strerror}") from None
        return ZmqLink(socket, endpoint, pid)

    def close(self) -> None:
        """End the context, which waits without a bound for whatever is open: such a link ends now (zmq_ctx_term(3))."""
        self._context.destroy(linger=0)


class ZmqLink:
    """One worker's socket."""

    __slots__ = ("_get", "_is_checked", "_is_joined", "_pid", "_receive", "_send", "_socket", "endpoint", "fd")
    hides_signals = may_give_more = True

    def __init__(self, socket: zmq.Socket[bytes], endpoint: str, pid: int) -> None:
        self._socket = socket
        self.endpoint = endpoint
        self._pid = pid
        self._is_joined = False
        self._is_checked = False
        self._send = super(zmq.Socket, socket).send  # without the library's wrapper for sockets of other kinds
        self._receive, self._get = socket.recv, socket.getsockopt
        self.fd = int(socket.getsockopt(zmq.FD))

    def send(self, frame: bytes) -> None:
        """Hand over one frame without waiting."""
        try:
            self._send(frame, NOBLOCK)
        except zmq.ZMQError:
            raise LinkLostError from None

    def receive(self) -> memoryview | None:
        """The next frame, where one has arrived. A worker never sends a message of several parts."""
        while True:
            try:
                frame = self._receive(NOBLOCK, copy=False)
            except zmq.Again:
                events = self._events()
                if events & POLLIN:  # it has arrived meanwhile, and this look has taken its signal
                    continue
                if self._has_lost_its_peer(events):
                    raise LinkLostError from None
                return None
            if frame.more:
                raise LinkError("a message of several parts")
            if not self._is_checked:
                self.check_sender(frame)
                self._is_checked = True
            return frame.buffer

    def needs_a_look(self) -> bool:
        """Whether `receive` has something to tell.

        Ask before sleeping: the descriptor signals only changes (zmq_getsockopt(3)).
        """
        events = int(self._get(zmq.EVENTS))
        if events == POLLOUT and self._is_joined:
            return False  # nearly always
        return bool(events & POLLIN) or self._has_lost_its_peer(events)

    def check_sender(self, frame: zmq.Frame) -> None:
        """Ask the kernel who is behind the connection that `frame` came over, beside ZeroMQ's own filter.

        A descriptor that was closed and used again meanwhile belongs to somebody else, which is the right answer too.

        Raises:
            LinkError: not the worker's process, or not under this process's account.
        """
        try:
            connection = _socket.socket(fileno=os.dup(int(frame.get(zmq.SRCFD))))
            try:
                pid, uid = process_and_user(connection)
            finally:
                connection.close()
        except (OSError, zmq.ZMQError) as error:
            raise LinkError(f"a connection without credentials: {error.strerror}") from None
        if (pid, uid) != (self._pid, os.geteuid()):
            raise LinkError(f"a connection of process {pid}, user {uid}")

    def _events(self) -> int:
        return int(self._get(zmq.EVENTS))

    def _has_lost_its_peer(self, events: int) -> bool:
        if events & POLLOUT:  # without a mark on what waits to be sent, exactly as long as there is a peer
            self._is_joined = True
            return False
        return self._is_joined

    def unlink(self) -> None:
        """Take the endpoint out of the file system; the link itself stays."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.endpoint)

    def close(self) -> None:
        """End the link and free what it buffered."""
        self.unlink()
        self._socket.close()
