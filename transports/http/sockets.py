"""Listening sockets for a host and port of the settings."""

import contextlib
import errno
import socket
from collections.abc import Sequence

from filewarden.config.addresses import is_loopback
from filewarden.config.errors import ConfigError, Problem

BACKLOG = 512


def bind(key: str, host: str, port: int) -> list[socket.socket]:
    """Listen on every address of `host`, all on one port; port 0 takes a free one.

    Raises:
        ConfigError: naming `key`, and what to do.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise _refused(key, f"{host!r} is no address of this machine: {error.strerror}") from None
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    for family, address in dict.fromkeys((row[0], row[4]) for row in found):
        try:
            sockets.append(_listen(family, str(address[0]), port_of(sockets) if sockets else port))
        except OSError as error:
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                for each in sockets:
                    each.close()
                raise _refused(key, _reason(error, host, port)) from None
            missing = error  # a name may have an IPv6 address on a machine without IPv6
    if not sockets and missing is not None:
        raise _refused(key, _reason(missing, host, port)) from None
    return sockets


def adopt(key: str, descriptors: Sequence[int], *, is_open_to_all: bool) -> list[socket.socket]:
    """Use sockets that listen already, all on one port; with `is_open_to_all` only where nobody else can reach them.

    Raises:
        ConfigError: one of them is of no use, or open to more than it may.
    """
    sockets = [_adopted(key, descriptor) for descriptor in descriptors]
    if len({each.getsockname()[1] for each in sockets}) > 1:
        raise _refused(key, "the sockets that were handed over listen on different ports: start a server for each")
    for each in sockets:
        host = each.getsockname()[0]
        if is_open_to_all and not is_loopback(host):
            sentence = f'the socket that was handed over listens on {host}, but http.auth = "none" is for loopback only'
            raise _refused(key, sentence)
    return sockets


def _adopted(key: str, descriptor: int) -> socket.socket:
    try:
        found = socket.socket(fileno=descriptor)
        is_listening = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise _refused(key, f"descriptor {descriptor}, which was handed over, is no socket: {error.strerror}") from None
    if found.family not in (socket.AF_INET, socket.AF_INET6) or found.type != socket.SOCK_STREAM or not is_listening:
        raise _refused(key, f"descriptor {descriptor}, which was handed over, is no TCP socket that listens")
    found.setblocking(False)
    return found


def port_of(sockets: list[socket.socket]) -> int:
    """The port that all of them listen on."""
    port: int = sockets[0].getsockname()[1]
    return port


def bracketed(host: str) -> str:
    """The host as it stands in a URL and in a Host field."""
    return f"[{host}]" if ":" in host else host


def _listen(family: int, address: str, port: int) -> socket.socket:
    with contextlib.ExitStack() as undo:
        listener = undo.enter_context(socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
        undo.pop_all()
    return listener


def _reason(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"port in use: another program listens on {bracketed(host)}:{port}; stop it, or choose another port "
                "(0 takes a free one)"
            )
        case errno.EACCES:
            return f"port {port} may not be used by this user: choose one above 1023"
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            return f"{host} is no address of this machine: choose 127.0.0.1, or one that `ip address` shows"
        case _:
            return f"cannot listen on {bracketed(host)}:{port}: {error.strerror}"


def _refused(key: str, sentence: str) -> ConfigError:
    return ConfigError([Problem(key, "", sentence)])
