"""The tokens that profiles name: a private file for each, read with the rights that the server was started with.

What the front-end keeps of a token is its digest: enough to know it again, and nothing to hand out.
"""

import hashlib
import os
from collections.abc import Mapping

from filewarden.config.errors import ConfigError, Problem
from filewarden.config.folders import ensure_private_folder, state_folder
from filewarden.config.profiles import token_names
from filewarden.config.settings import Settings
from filewarden.transports.token import read_or_create_token

FOLDER = "tokens"
KEY = "access.tokens_folder"


def tokens_folder(settings: Settings, environ: Mapping[str, str]) -> str:
    """Where they are, made where it is ours to make.

    Raises:
        ConfigError: there is no usable folder.
    """
    if settings.access.tokens_folder:
        return settings.access.tokens_folder
    above = state_folder(environ)
    ensure_private_folder(above)
    folder = os.path.join(above, FOLDER)
    ensure_private_folder(folder)
    return folder


def read_named_tokens(settings: Settings, environ: Mapping[str, str]) -> dict[str, bytes]:
    """The digest of each token that a profile names, by its name; those that are missing are created.

    Raises:
        ConfigError: one cannot be had, or two names have the same token.
    """
    names = token_names(settings)
    if not names or not settings.http.enabled:
        return {}
    folder = tokens_folder(settings, environ)
    found: dict[str, bytes] = {}
    for name in names:
        path = os.path.join(folder, name)
        digest = digest_of(read_or_create_token(path, KEY).encode())
        if digest in found.values():
            raise ConfigError([Problem(KEY, "", f"{path} holds the token of another name too: it tells nobody apart")])
        found[name] = digest
    return found


def existing_tokens(settings: Settings, environ: Mapping[str, str]) -> list[str]:
    """The files of those that are there already; nothing is made."""
    names = token_names(settings) if settings.http.enabled else {}
    if not names:
        return []
    folder = settings.access.tokens_folder or os.path.join(state_folder(environ), FOLDER)
    return [path for name in names if os.path.lexists(path := os.path.join(folder, name))]


def digest_of(token: bytes) -> bytes:
    """What a token is known by."""
    return hashlib.sha256(token).digest()
