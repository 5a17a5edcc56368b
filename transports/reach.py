"""What a confined front-end may reach while it serves, and what it takes to reach an address."""

import os

import msgspec

DNS_PORT = 53
RESOLVER_FILES = ("/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf")


class Reach(msgspec.Struct, frozen=True):
    """What is needed beside the interpreter's own files and the workers."""

    paths: tuple[str, ...] = ()
    """Files and folders to read."""
    ports: tuple[int, ...] = ()
    """TCP ports to connect to."""

    def __or__(self, other: "Reach") -> "Reach":
        """Both."""
        return Reach((*self.paths, *other.paths), (*self.ports, *other.ports))


NOTHING = Reach()


def reach_of_address(address: str) -> Reach:
    """What it takes to ask a web server: the resolver and its port."""
    from urllib.parse import urlsplit

    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Reach(tuple(path for path in RESOLVER_FILES if os.path.exists(path)), (port, DNS_PORT))
