"""The resource server put together from the settings: what is opened at start, and what the application gets."""

import os
import time
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from filewarden.broker.log import Log
from filewarden.broker.protocol.principal import WRITE_SCOPE
from filewarden.config.errors import ConfigError, Problem
from filewarden.config.principals import Clientele
from filewarden.config.root_policy import lies_in
from filewarden.config.sections.http import HttpSettings
from filewarden.transports.http.oauth.challenge import Challenges
from filewarden.transports.http.oauth.fetch import FetchError, FileDocument, WebDocument
from filewarden.transports.http.oauth.keys import BadKeysError, parse_keys
from filewarden.transports.http.oauth.metadata import metadata_document, metadata_paths, metadata_url
from filewarden.transports.http.oauth.resource_server import ResourceServer
from filewarden.transports.http.oauth.rights import Rights
from filewarden.transports.http.oauth.source import Document, Freshness, KeySource
from filewarden.transports.http.oauth.token import Issued
from filewarden.transports.http.sockets import bracketed
from filewarden.transports.preload import preload
from filewarden.transports.reach import Reach, reach_of_address

FILE_CHECK_S = 1.0
"""Until a change of the file is noticed."""
FETCH_PAUSE_S = 10.0
"""A token that names a key which nobody has published costs the issuer no more than one request in this time."""
STALE_S = 3600.0
"""How long an issuer may be out of reach until nobody is let in any more."""
LATE_IMPORTS = ("cryptography.hazmat.backends.openssl.backend",)
"""What checking a signature imports by itself."""


class Protection(msgspec.Struct, frozen=True):
    """What the application needs to let in nobody but the holders of the issuer's tokens."""

    server: ResourceServer
    rights: Rights
    keys: KeySource
    metadata: bytes
    metadata_paths: tuple[str, ...]


def open_keys(http: HttpSettings) -> Document:
    """The document with the issuer's keys, opened with the rights that the server was started with.

    Raises:
        ConfigError: it cannot be used.
    """
    preload(LATE_IMPORTS)
    try:
        if http.jwks_url:
            return WebDocument(http.jwks_url)
        document = FileDocument(http.jwks_file)
        parse_keys(document.read(), http.algorithms)
        return document
    except (FetchError, BadKeysError) as error:
        key, value = ("http.jwks_url", http.jwks_url) if http.jwks_url else ("http.jwks_file", http.jwks_file)
        raise ConfigError([Problem(key, "", f"{value} cannot be used: {error}")]) from None


def check_keys(http: HttpSettings, document: Document) -> None:
    """See to it that the keys are still within reach after rights were given up; another server is asked later.

    Raises:
        ConfigError: nobody could ever be let in.
    """
    if isinstance(document, FileDocument):
        try:
            document.read()
        except FetchError as error:
            sentence = (
                f"{http.jwks_file} is out of reach for the account that the server has become (sandbox.user): {error}"
            )
            raise ConfigError([Problem("http.jwks_file", "", sentence)]) from None


def reach_of_keys(http: HttpSettings, roots: Sequence[str], homes: Sequence[str]) -> Reach:
    """What a confined front-end needs: the resolver and the server's port, or the file and the folder around it.

    A folder counts only when it is small enough to be given away: no home, nothing right below `/`, and nothing that
    has to do with a root. Elsewhere a file that is replaced, not rewritten, can be read after a restart only.
    """
    if http.jwks_url:
        return reach_of_address(http.jwks_url)
    file = os.path.realpath(http.jwks_file)
    folders = {os.path.dirname(file), os.path.realpath(os.path.dirname(http.jwks_file))}
    return Reach((file, *sorted(folder for folder in folders if _is_small(folder, roots, homes))))


def _is_small(folder: str, roots: Sequence[str], homes: Sequence[str]) -> bool:
    if os.path.dirname(folder) == "/" or any(lies_in(home, folder) for home in homes):
        return False
    return not any(lies_in(folder, root) or lies_in(root, folder) for root in map(os.path.realpath, roots))


def protect(
    http: HttpSettings,
    port: int,
    document: Document,
    log: Log,
    *,
    writing_tools: Mapping[str, frozenset[str]],
    clientele: Clientele,
) -> Protection:
    """Everything for a listener on `port`."""
    resource = http.resource or f"http://{bracketed(http.host).lower()}:{port}/mcp"
    challenges = Challenges(metadata_url(resource), http.required_scopes)
    pause_s = FETCH_PAUSE_S if http.jwks_url else FILE_CHECK_S
    renew_s = http.jwks_refresh_s if http.jwks_url else FILE_CHECK_S
    expire_s = renew_s + STALE_S if http.jwks_url else FILE_CHECK_S
    freshness = Freshness(renew_s=renew_s, expire_s=expire_s, pause_s=pause_s)
    parse = partial(parse_keys, algorithms=http.algorithms)
    keys = KeySource(document, parse, freshness, time.monotonic, log)
    issued = Issued(issuer=http.issuer, algorithms=http.algorithms, resource=resource)
    scopes = dict.fromkeys(
        (*http.required_scopes, WRITE_SCOPE) if any(writing_tools.values()) else http.required_scopes
    )
    return Protection(
        server=ResourceServer(issued, keys, challenges, time.time, clientele),
        rights=Rights(http.required_scopes, writing_tools, challenges),
        keys=keys,
        metadata=metadata_document(resource, http.issuer, tuple(scopes)),
        metadata_paths=metadata_paths(resource),
    )
