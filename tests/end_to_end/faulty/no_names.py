"""The product's server in a process for which looking up any name is an error that is told."""

import os
import socket
import sys
from typing import Any, NoReturn

from filewarden.broker.launch import launch
from filewarden.transports.serve import serve
from filewarden.workers.catalogue import CATALOGUE


def _refuse(*arguments: Any, **_named: Any) -> NoReturn:
    sys.stderr.write(f"asked for a name: {arguments}\n")
    raise socket.gaierror(socket.EAI_AGAIN, "no name server answers")


def _numeric_alone(host: Any, port: Any, *arguments: int, **named: int) -> Any:
    names = ("family", "type", "proto", "flags")
    values = dict(zip(names, arguments, strict=False)) | named
    values["flags"] = values.get("flags", 0) | socket.AI_NUMERICHOST
    try:
        return _getaddrinfo(host, port, *(values.get(name, 0) for name in names))
    except socket.gaierror:
        _refuse(host)


if __name__ == "__main__":
    launched = launch()
    _getaddrinfo = socket.getaddrinfo
    socket.getaddrinfo = _numeric_alone
    for name in ("gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getfqdn", "getnameinfo"):
        setattr(socket, name, _refuse)
    raise SystemExit(serve(sys.argv[2:], os.environ, launched, CATALOGUE))
