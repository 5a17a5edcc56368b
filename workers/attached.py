"""Messages with descriptors attached, over pairs of sockets that keep messages apart (unix(7), SOCK_SEQPACKET).

The built-in half of `socket` does; the other half would cost each process of a start 4 ms for its enumerations.
"""

import sys
from _socket import AF_UNIX, CMSG_LEN, SCM_RIGHTS, SOCK_SEQPACKET, SOL_SOCKET, socket, socketpair

FD_BYTES = 4
Socket = socket


def pair() -> tuple[Socket, Socket]:
    """Two ends of one connection; no program that is executed inherits them."""
    return socketpair(AF_UNIX, SOCK_SEQPACKET)


def send(channel: Socket, message: bytes, *fds: int) -> None:
    """Send one message with its descriptors, which stay open here."""
    attached = b"".join(fd.to_bytes(FD_BYTES, sys.byteorder) for fd in fds)
    channel.sendmsg([message], [(SOL_SOCKET, SCM_RIGHTS, attached)])


def receive(channel: Socket, most_bytes: int, most_fds: int = 1) -> tuple[bytes, list[int]]:
    """The next message, empty at the end, and the descriptors that came with it, which are ours to close now."""
    message, ancillary, _flags, _address = channel.recvmsg(most_bytes, CMSG_LEN(most_fds * FD_BYTES))
    fds: list[int] = []
    for level, kind, data in ancillary:
        if (level, kind) == (SOL_SOCKET, SCM_RIGHTS):
            fds += [
                int.from_bytes(data[start : start + FD_BYTES], sys.byteorder)
                for start in range(0, len(data) - len(data) % FD_BYTES, FD_BYTES)
            ]
    return message, fds
