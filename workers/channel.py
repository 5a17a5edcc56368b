"""The worker's end of the link: a ZeroMQ PAIR socket behind `receive` and `send`, and nothing else."""

import os

import zmq


class ChannelClosedError(Exception):
    """The broker is gone, or did not speak in time."""


class Channel:
    """One link to the broker.

    The endpoint is gone from the file system after the handshake and the socket never reconnects, so a lost link is the
    end of this worker: `receive` wakes every few seconds to see whether the zygote is still its parent.
    """

    PARENT_CHECK_MS = 5000

    def __init__(self, endpoint: str, parent_pid: int, max_request_bytes: int) -> None:
        self._parent_pid = parent_pid
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context(io_threads=1)
        self._socket = context.socket(zmq.PAIR)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.MAXMSGSIZE, max_request_bytes)
        self._socket.setsockopt(zmq.RECONNECT_IVL, -1)
        self._socket.setsockopt(zmq.RCVTIMEO, self.PARENT_CHECK_MS)
        self._socket.setsockopt(zmq.SNDTIMEO, self.PARENT_CHECK_MS)
        self._socket.connect(f"ipc://{endpoint}")
        self._send = super(zmq.Socket, self._socket).send  # without the library's wrapper for sockets of other kinds

    def receive(self) -> bytes:
        """The next frame.

        Raises:
            ChannelClosedError: the zygote died.
        """
        while True:
            try:
                frame = self._socket.recv()
            except zmq.Again:
                if os.getppid() != self._parent_pid:
                    raise ChannelClosedError from None
            else:
                return frame

    def receive_soon(self, timeout_s: float) -> bytes | None:
        """The next frame, or None when none came in time.

        Raises:
            ChannelClosedError: the zygote died.
        """
        if self._socket.poll(round(timeout_s * 1000)):
            return self._socket.recv()
        if os.getppid() != self._parent_pid:
            raise ChannelClosedError
        return None

    def receive_within(self, timeout_s: float) -> bytes:
        """The next frame, or ChannelClosedError when none came in time."""
        if not self._socket.poll(round(timeout_s * 1000)):
            raise ChannelClosedError
        return self._socket.recv()

    def send(self, frame: bytes) -> None:
        """Hand over one frame. Copied, as is the default: a zero-copy send would start a thread, which is denied."""
        try:
            self._send(frame)
        except zmq.Again:
            raise ChannelClosedError from None
