"""Hosts and addresses as settings have them: what they mean, and what is none."""

MAX_PORT = 65535


def is_loopback(host: str) -> bool:
    """Whether an address can only be reached from this machine: 127.0.0.0/8 in four parts, ::1, or localhost.

    Other spellings of the same addresses are not taken for loopback, which errs on the safe side.
    """
    if host.lower() in {"localhost", "::1"}:
        return True
    parts = host.split(".")
    return len(parts) == 4 and parts[0] == "127" and all(_is_octet(part) for part in parts)


def split_address(address: str) -> tuple[str, int]:
    """`host:port` or `[IPv6]:port`. ValueError carries the sentence that says what is wrong."""
    host, _, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("must have the IPv6 address in brackets, such as [::1]:8766")
    if not host or not (port.isascii() and port.isdecimal()) or len(port) > 5 or int(port) > MAX_PORT:
        raise ValueError('must be "auto", "off" or host:port, such as 127.0.0.1:8766')
    fault = host_fault(host)
    if fault:
        raise ValueError(fault)
    return host, int(port)


def host_fault(host: str) -> str:
    """What keeps `host` from being a host name or address alone; "" when nothing does."""
    if host.startswith("[") or "]" in host:
        return "must be an address without brackets, such as ::1"
    if has_any(host, "/@?#*,\\\"'") or host.count(":") == 1:
        return "must be a host name or address alone, without scheme, path or port"
    return ""


def is_no_host(text: str) -> bool:
    """For a host with an optional port, IPv6 addresses in brackets."""
    host, bracket, port = text.partition("]")
    if bracket:
        host = host.removeprefix("[")
        if not text.startswith("[") or ":" not in host:
            return True
        port = port.removeprefix(":") if port.startswith(":") else (port and "?")
    else:
        host, _, port = text.partition(":")
    return not host or has_any(host, "/@?#*[\\\"'") or not (port == "" or (port.isascii() and port.isdecimal()))


def has_any(text: str, refused: str) -> bool:
    """Whether a character of `refused`, a space, or one that cannot be printed is in `text`."""
    return any(char in refused or char.isspace() or not char.isprintable() for char in text)


def web_address(address: str) -> tuple[str, str] | None:
    """Scheme and host of a web address as they are written; None for what is none, or has a user or a fragment."""
    from urllib.parse import urlsplit  # most servers have no issuer, and start faster without

    if not address.isascii() or has_any(address, "#\\\"'<>"):
        return None
    try:
        parts = urlsplit(address)
        _port = parts.port
    except ValueError:
        return None
    host = parts.netloc.rpartition("]")[0].removeprefix("[") or parts.netloc.partition(":")[0]
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
        return None
    return address.partition(":")[0], host


def _is_octet(part: str) -> bool:
    return part.isascii() and part.isdecimal() and len(part) <= 3 and int(part) <= 255 and str(int(part)) == part
