"""What settings must be beyond their own bounds: addresses that can be used, and values that agree."""

from collections.abc import Collection, Mapping

import msgspec

from filewarden.config.errors import Problem
from filewarden.config.settings import Settings
from filewarden.config.values import written

MAX_PORT = 65535
DEFAULT = "default"


class Findings(msgspec.Struct, frozen=True):
    """What the rules found, in the order of the settings."""

    problems: list[Problem]
    warnings: list[str]


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
    fault = _host_fault(host)
    if fault:
        raise ValueError(fault)
    return host, int(port)


def examine(settings: Settings, origins: Mapping[str, str], broken: Collection[str]) -> Findings:
    """Hold values against each other. Rules about a `broken` key are left out: its value is not the one meant."""
    found = Findings([], [])
    for key, value, sentence in (*_faults(settings, origins), *_list_faults(settings)):
        keys = {key, "pool.workers"} if key == "pool.scan_workers" else {key}
        if key in {"http.host", "status.address"}:
            keys.add("http.auth")
        if keys.isdisjoint(broken):
            found.problems.append(Problem(key, origins.get(key, ""), sentence, written(value)))
    for key, sentence in _doubts(settings):
        origin = origins.get(key, DEFAULT)
        found.warnings.append(f"{key} ({origin}): {sentence}")
    return found


def _faults(settings: Settings, origins: Mapping[str, str]) -> list[tuple[str, object, str]]:
    pool, http, address = settings.pool, settings.http, settings.status.address
    found: list[tuple[str, object, str]] = []
    if pool.scan_workers > pool.workers - 1:
        most = pool.workers - 1
        sentence = f"must be at most {most}, one less than pool.workers = {pool.workers}"
        found.append(("pool.scan_workers", pool.scan_workers, sentence))
    host_fault = _host_fault(http.host) or _exposure(http.host, http.auth)
    if host_fault:
        found.append(("http.host", http.host, host_fault))
    status_fault = _status_fault(address, http.auth)
    if status_fault:
        found.append(("status.address", address, status_fault))
    return found


def _list_faults(settings: Settings) -> list[tuple[str, object, str]]:
    found: list[tuple[str, object, str]] = []
    for origin in settings.http.allowed_origins:
        scheme, _, rest = origin.partition("://")
        if not scheme or _has_any(scheme, "/:*") or _is_no_host(rest):
            found.append(("http.allowed_origins", origin, "must be an origin such as https://example.org:8443"))
    found += [
        ("http.allowed_hosts", host, "must be a host name such as files.example.org")
        for host in settings.http.allowed_hosts
        if _is_no_host(host)
    ]
    return found


def _doubts(settings: Settings) -> list[tuple[str, str]]:
    found = []
    if settings.pool.workers == 1:
        found.append(("pool.workers", "one worker leaves none for scans: the scan tools are absent"))
    if settings.http.enabled and not is_loopback(settings.http.host):
        found.append(("http.host", "other machines can connect, and without TLS in front the token can be overheard"))
    if settings.sandbox.mode == "best-effort":
        found.append(("sandbox.mode", "workers serve even where this system cannot confine them fully"))
    if settings.sandbox.mode == "off":
        found.append(("sandbox.mode", "workers are not confined: serve only what you would trust every client with"))
    return found


def _exposure(host: str, auth: str) -> str:
    if auth == "none" and not is_loopback(host):
        return 'needs http.auth = "token": without it only 127.0.0.0/8, ::1 and localhost may be listened on'
    return ""


def _status_fault(address: str, auth: str) -> str:
    if address in {"auto", "off"}:
        return ""
    try:
        host, _ = split_address(address)
    except ValueError as error:
        return str(error)
    return _exposure(host, auth)


def _host_fault(host: str) -> str:
    if host.startswith("[") or "]" in host:
        return "must be an address without brackets, such as ::1"
    if _has_any(host, "/@?#*,\\\"'") or host.count(":") == 1:
        return "must be a host name or address alone, without scheme, path or port"
    return ""


def _is_no_host(text: str) -> bool:
    """For a host with an optional port, IPv6 addresses in brackets."""
    host, bracket, port = text.partition("]")
    if bracket:
        host = host.removeprefix("[")
        if not text.startswith("[") or ":" not in host:
            return True
        port = port.removeprefix(":") if port.startswith(":") else (port and "?")
    else:
        host, _, port = text.partition(":")
    return not host or _has_any(host, "/@?#*[\\\"'") or not (port == "" or (port.isascii() and port.isdecimal()))


def _has_any(text: str, refused: str) -> bool:
    return any(char in refused or char.isspace() or not char.isprintable() for char in text)


def _is_octet(part: str) -> bool:
    return part.isascii() and part.isdecimal() and len(part) <= 3 and int(part) <= 255 and str(int(part)) == part
