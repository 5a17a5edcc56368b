"""Who is at the other end of a local connection, as the kernel says (SO_PEERCRED, unix(7))."""

import _socket
import struct

_UCRED = struct.Struct("3i")
"""struct ucred: process, user, group."""


def process_and_user(connection: _socket.socket) -> tuple[int, int]:
    """The ids of the process that has connected, and of its account then; raises OSError where nobody can say."""
    pid, uid, _gid = _UCRED.unpack(connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, _UCRED.size))
    return pid, uid
