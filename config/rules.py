"""What settings must be beyond their own bounds: addresses that can be used, and values that agree."""

from collections.abc import Collection, Mapping

import msgspec

from filewarden.config.addresses import has_any, host_fault, is_loopback, is_no_host, split_address, web_address
from filewarden.config.authorization import authorization_faults
from filewarden.config.errors import Problem
from filewarden.config.settings import Settings
from filewarden.config.values import written

DEFAULT = "default"
RELATED: dict[str, frozenset[str]] = {
    "pool.scan_workers": frozenset({"pool.workers"}),
    "http.host": frozenset({"http.auth"}),
    "status.address": frozenset({"http.auth"}),
    "http.issuer": frozenset({"http.auth", "http.jwks_file", "http.jwks_url"}),
    "http.resource": frozenset({"http.issuer", "http.host"}),
}
"""What else the rules about a setting look at."""


class Findings(msgspec.Struct, frozen=True):
    """What the rules found, in the order of the settings."""

    problems: list[Problem]
    warnings: list[str]


def examine(settings: Settings, origins: Mapping[str, str], broken: Collection[str]) -> Findings:
    """Hold values against each other. Rules about a `broken` key are left out: its value is not the one meant."""
    found = Findings([], [])
    faults = (
        *_faults(settings, origins),
        *_list_faults(settings),
        *authorization_faults(settings.http),
        *_telemetry_faults(settings),
    )
    for key, value, sentence in faults:
        if RELATED.get(key, frozenset()).isdisjoint(broken) and key not in broken:
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
    fault = host_fault(http.host) or _exposure(http.host, http.auth)
    if fault:
        found.append(("http.host", http.host, fault))
    status_fault = _status_fault(address, http.auth)
    if status_fault:
        found.append(("status.address", address, status_fault))
    return found


def _list_faults(settings: Settings) -> list[tuple[str, object, str]]:
    found: list[tuple[str, object, str]] = []
    for origin in settings.http.allowed_origins:
        scheme, _, rest = origin.partition("://")
        if not scheme or has_any(scheme, "/:*") or is_no_host(rest):
            found.append(("http.allowed_origins", origin, "must be an origin such as https://example.org:8443"))
    found += [
        ("http.allowed_hosts", host, "must be a host name such as files.example.org")
        for host in settings.http.allowed_hosts
        if is_no_host(host)
    ]
    return found


def _telemetry_faults(settings: Settings) -> list[tuple[str, object, str]]:
    address = settings.telemetry.otlp_endpoint
    if not address or web_address(address) is not None:
        return []
    sentence = "must be an http or https address without user or fragment, such as http://127.0.0.1:4318"
    return [("telemetry.otlp_endpoint", address, sentence)]


def _doubts(settings: Settings) -> list[tuple[str, str]]:
    found = []
    if settings.pool.workers == 1:
        found.append(("pool.workers", "one worker leaves none for scans: the scan tools are absent"))
    if settings.http.enabled and not is_loopback(settings.http.host):
        found.append(("http.host", "other machines can connect, and without TLS in front the token can be overheard"))
    endpoint = settings.telemetry.otlp_endpoint
    collector = web_address(endpoint) if endpoint else None
    if collector is not None and collector[0] == "http" and not is_loopback(collector[1]):
        found.append(("telemetry.otlp_endpoint", "traces leave this machine without TLS, and can be read on their way"))
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
