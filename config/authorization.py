"""What the settings of an OAuth resource server must be, alone and together."""

from collections.abc import Iterator

from filewarden.config.addresses import has_any, is_loopback, web_address
from filewarden.config.sections.http import HttpSettings

Fault = tuple[str, object, str]
"""Key, value, and the sentence that says what is wrong with it."""

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a key of which the public half is enough for us: with another kind we could forge tokens ourselves."""
WILDCARD_HOSTS = ("0.0.0.0", "::")  # noqa: S104 - addresses that no client can name

_SECURE = "must be an https address without user, query or fragment (http on this machine)"


def authorization_faults(http: HttpSettings) -> Iterator[Fault]:
    """What is wrong with issuer, keys, resource, algorithms and scopes."""
    if http.issuer:
        yield from _issuer_faults(http)
    if http.jwks_url and not _is_secure(http.jwks_url, may_have_query=True):
        yield "http.jwks_url", http.jwks_url, "must be an https address without user or fragment (http on this machine)"
    yield from _resource_faults(http)
    for name in http.algorithms:
        if name not in ALGORITHMS:
            yield "http.algorithms", name, f"must be some of {', '.join(ALGORITHMS)}"
    for scope in http.required_scopes:
        if not scope.isascii() or has_any(scope, '"\\'):  # RFC 6749, 3.3
            yield "http.required_scopes", scope, "must be scopes: visible ASCII without spaces, quotes and backslashes"


def _issuer_faults(http: HttpSettings) -> Iterator[Fault]:
    if not _is_secure(http.issuer):
        yield "http.issuer", http.issuer, _SECURE
    if bool(http.jwks_file) == bool(http.jwks_url):
        yield "http.issuer", http.issuer, "needs http.jwks_file or http.jwks_url, one of them, for the issuer's keys"
    if http.auth == "none":
        yield "http.issuer", http.issuer, 'has no effect with http.auth = "none", which lets everybody in'


def _resource_faults(http: HttpSettings) -> Iterator[Fault]:
    if not http.resource:
        if http.issuer and http.host in WILDCARD_HOSTS:
            yield "http.resource", "", f"must be given where http.host = {http.host} does not tell what clients call us"
        return
    parts = web_address(http.resource)
    if parts is None or http.resource.endswith("/") or "?" in http.resource:
        sentence = "must be the http or https address of the endpoint, without query, fragment and final slash"
        yield "http.resource", http.resource, sentence
    elif parts != tuple(part.lower() for part in parts):
        yield "http.resource", http.resource, "must have scheme and host in lower case"


def _is_secure(address: str, *, may_have_query: bool = False) -> bool:
    parts = web_address(address)
    if parts is None or ("?" in address and not may_have_query):
        return False
    scheme, host = parts
    return scheme == "https" or is_loopback(host)
