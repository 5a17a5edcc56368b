"""The link to one worker as the event loop itself serves it: a local connection that speaks ZeroMQ's protocol.

The endpoint is a path with a random name in a private folder. Whoever connects is let in by what the kernel says of it
(SO_PEERCRED, unix(7)): the worker's process under our account, and only once, for nobody is listened to after that. It
is a PAIR of ZeroMQ's to whatever library connects; its protocol is `zmtp`'s affair. No thread takes part, which saves
two wake-ups of a call and a fifth of the front-end's processor time.

The peer is hostile. Of what it sends no more is held than one frame of the greatest length; the rest waits in the
kernel, with whoever sends it. A worker has no reason to send a command once hands are shaken, so the first one ends the
link, like the first part of a longer message: nothing makes `receive` go round without giving out a frame.
"""

import _socket
import contextlib
import os
import select
from collections import deque

from filewarden.broker.credentials import process_and_user
from filewarden.broker.link import LinkError, LinkLostError
from filewarden.workers import zmtp
from filewarden.workers.zmtp import COMMAND, MORE, Frame, Reader, ZmtpError

JOINED_BYTES = 32_768
"""Up to here a copy costs less than another system call."""
_WAITING = 1
"""Connections that may wait for their turn at an endpoint: one is all that is expected."""


class OwnLinks:
    """The folder of a server's endpoints."""

    def __init__(self, folder: str, max_frame_bytes: int) -> None:
        self._folder = folder
        self.max_frame_bytes = max_frame_bytes
        """Of those that listen from now on."""
        self.max_body_bytes = max_frame_bytes

    def endpoint(self) -> str:
        """A fresh path for one worker."""
        return os.path.join(self._folder, os.urandom(16).hex())

    def listen(self, endpoint: str, pid: int) -> "OwnLink":
        """Bind `endpoint` for the process `pid` alone."""
        try:
            with contextlib.ExitStack() as undone:
                listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
                undone.callback(listener.close)
                listener.setblocking(False)
                listener.bind(endpoint)
                undone.callback(os.unlink, endpoint)
                listener.listen(_WAITING)
                link = OwnLink(listener, endpoint, pid, self.max_frame_bytes)
                undone.pop_all()
        except OSError as error:
            raise LinkError(f"cannot listen for a worker: {error.strerror}") from None
        return link

    def close(self) -> None:
        """Nothing is left but the links."""


class OwnLink:
    """One worker's connection. `fd` is readable as long as there is something to do."""

    __slots__ = (
        "_connection",
        "_greeting",
        "_is_emptied",
        "_is_open",
        "_listener",
        "_pid",
        "_reader",
        "_readiness",
        "_unsent",
        "endpoint",
        "fd",
        "may_give_more",
    )
    hides_signals = False

    def __init__(self, listener: _socket.socket, endpoint: str, pid: int, max_frame_bytes: int) -> None:
        self._listener = listener
        self.endpoint = endpoint
        self._pid = pid
        self._connection: _socket.socket | None = None
        self._greeting = b""
        self._is_open = False
        """Whether hands were shaken."""
        self._reader = Reader(max_frame_bytes)
        self._is_emptied = False
        """Whether all was taken that had arrived."""
        self.may_give_more = False
        self._unsent: deque[bytes | memoryview] = deque()
        self._readiness = select.epoll()
        self._readiness.register(listener.fileno(), select.EPOLLIN)
        self.fd = self._readiness.fileno()

    def send(self, frame: bytes) -> None:
        """Hand over one frame without waiting; what the worker does not take yet follows when it does."""
        head = zmtp.head(len(frame))
        if len(frame) <= JOINED_BYTES:
            self._send(head + frame)
        else:
            self._send(head)
            self._send(frame)

    def receive(self) -> bytes | bytearray | None:
        """The next frame, where one has arrived."""
        try:
            if not self._is_open and not self._shake_hands():
                return None
            if self._unsent:
                self._send_rest()
            frame = self._next()
        except ZmtpError as error:
            raise LinkError(str(error)) from None
        if frame is None:
            return None
        if frame.flags & (MORE | COMMAND):
            raise LinkError("a message of several parts" if frame.flags & MORE else "a command")
        return frame.body

    def needs_a_look(self) -> bool:
        """Whether `receive` has something to tell, though the descriptor may not show it."""
        return self.may_give_more or bool(self._readiness.poll(0))

    def unlink(self) -> None:
        """Take the endpoint out of the file system; the link itself stays."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.endpoint)

    def close(self) -> None:
        """End the link and free what it buffered."""
        self.unlink()
        self._readiness.close()
        self._listener.close()
        if self._connection is not None:
            self._connection.close()
        self._unsent.clear()

    # The protocol.

    def _shake_hands(self) -> bool:
        """Go on with it; whether it is over."""
        if self._connection is None and not self._let_in():
            return False
        while (missing := len(zmtp.GREETING) - len(self._greeting)) > 0:
            part = self._take(missing)
            if part is None:
                return False
            self._greeting += part
        zmtp.check_greeting(self._greeting)
        frame = self._next()
        if frame is None:
            return False
        zmtp.check_ready(frame)
        self._is_open = True
        return True

    def _next(self) -> Frame | None:
        """The next frame of the protocol that has arrived whole."""
        reader = self._reader
        while reader.is_empty or (frame := reader.next()) is None:
            if self._is_emptied or not self._take_in():  # the descriptor tells when there is more
                self.may_give_more = self._is_emptied = False
                return None
        self.may_give_more = not (self._is_emptied and reader.is_empty)
        self._is_emptied = self._is_emptied and self.may_give_more
        return frame

    # The connection.

    def _let_in(self) -> bool:
        """Take the next one who has come in, if it is the worker's process, or turn it away; whether it was that."""
        accept = self._listener._accept  # type: ignore[attr-defined]  # noqa: SLF001 # `socket.accept` is made of it
        try:
            fd, _ = accept()
        except (BlockingIOError, ConnectionAbortedError):  # nobody, or one that has left again
            return False
        except OSError as error:  # or the descriptor would go on telling of whoever waits there
            raise LinkError(f"cannot let a worker in: {error.strerror}") from None
        connection = _socket.socket(fileno=fd)
        if not self._is_expected(connection):
            connection.close()
            return False
        self._join(connection)
        return True

    def _is_expected(self, connection: _socket.socket) -> bool:
        return process_and_user(connection) == (self._pid, os.geteuid())

    def _join(self, connection: _socket.socket) -> None:
        connection.setblocking(False)
        self._readiness.unregister(self._listener.fileno())
        self._listener.close()
        self._readiness.register(connection.fileno(), select.EPOLLIN)
        self._connection = connection
        self._send(zmtp.GREETING + zmtp.READY)

    def _take(self, most: int) -> bytes | None:
        """Some of what has arrived; None where nothing has."""
        if self._connection is None:
            raise LinkLostError
        try:
            part = self._connection.recv(most)
        except BlockingIOError:
            return None
        except OSError:
            raise LinkLostError from None
        if not part:
            raise LinkLostError
        return part

    def _take_in(self) -> bool:
        """Let the reader have what has arrived; False where nothing has."""
        if self._connection is None:
            raise LinkLostError
        reader = self._reader
        room = reader.room()
        try:
            count = self._connection.recv_into(room)
        except BlockingIOError:
            return False
        except OSError:
            raise LinkLostError from None
        if not count:
            raise LinkLostError
        self._is_emptied = count < len(room)
        reader.filled(count)
        return True

    def _send(self, data: bytes) -> None:
        if self._connection is None:
            raise LinkLostError
        count = 0
        if not self._unsent:
            try:
                count = self._connection.send(data)
            except BlockingIOError:
                pass
            except OSError:
                raise LinkLostError from None
        if count < len(data):
            if not self._unsent:
                self._readiness.modify(self._connection.fileno(), select.EPOLLIN | select.EPOLLOUT)
            self._unsent.append(memoryview(data)[count:])

    def _send_rest(self) -> None:
        """As much of it as the worker takes now; where it is lost, receiving tells."""
        if self._connection is None:
            return
        with contextlib.suppress(OSError):
            while self._unsent:
                count = self._connection.send(self._unsent[0])
                if count < len(self._unsent[0]):
                    self._unsent[0] = self._unsent[0][count:]
                else:
                    self._unsent.popleft()
            self._readiness.modify(self._connection.fileno(), select.EPOLLIN)
