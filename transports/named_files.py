"""The files that a configuration names: whether a server could use them. Nothing is made or fetched."""

import os
from collections.abc import Iterator, Mapping
from functools import partial

from filewarden.config.errors import ConfigError, Problem, printable, problems_of
from filewarden.config.folders import state_folder, why_not_private
from filewarden.config.load import Loaded
from filewarden.config.profiles import all_roots, token_names
from filewarden.config.settings import Settings
from filewarden.transports.named_tokens import KEY as TOKENS_KEY, existing_tokens
from filewarden.transports.token import ELSEWHERE, FILE_NAME, KEY as TOKEN_KEY, read_or_create_token


def unusable_files(loaded: Loaded, environ: Mapping[str, str]) -> Iterator[Problem]:
    """What would end `serve` at its first step: files that are named and cannot be used."""
    yield from _unwritable_files(loaded.settings)
    http = loaded.settings.http
    if http.issuer and http.jwks_file:
        from filewarden.transports.http.oauth.protection import open_keys

        yield from problems_of(lambda: open_keys(http))
    if http.sealing_keys_file:
        from filewarden.transports.sealing_keys import read_sealing_keys

        yield from problems_of(lambda: read_sealing_keys(http.sealing_keys_file))
    yield from _unusable_state(loaded.settings, environ) or _unusable_tokens(loaded.settings, environ)
    telemetry = loaded.settings.telemetry
    if telemetry.otlp_endpoint:
        from filewarden.broker.log import Log
        from filewarden.transports.telemetry.opening import open_tracer

        yield from problems_of(lambda: open_tracer(telemetry, "stdio", Log(2)))


def _unwritable_files(settings: Settings) -> Iterator[Problem]:
    """Files that are named, and that `serve` would make or add to."""
    http = settings.http
    named = {"audit.file": settings.audit.file, "log.file": settings.log.file}
    if http.enabled and http.auth == "token" and not os.path.lexists(http.token_file):
        named["http.token_file"] = http.token_file
    for key, path in named.items():
        if path and (sentence := _why_unwritable(path)):
            yield Problem(key, "", f"{printable(path)} cannot be written: {sentence}")


def _unusable_state(settings: Settings, environ: Mapping[str, str]) -> list[Problem]:
    """What is wrong with the state folder, where a server would keep something in it."""
    needs_token = _has_token(settings) and not settings.http.token_file
    needs_tokens = settings.http.enabled and bool(token_names(settings)) and not settings.access.tokens_folder
    keeps_history = settings.history.enabled and any(root.mode == "rw" for root in all_roots(settings))
    if not (needs_token or needs_tokens or keeps_history):
        return []
    try:
        folder = state_folder(environ)
    except ConfigError as error:
        return error.problems
    sentence = why_not_private(folder)
    if not sentence:
        return []
    return [Problem(folder, "", sentence), *([ELSEWHERE] if needs_token else [])]


def _unusable_tokens(settings: Settings, environ: Mapping[str, str]) -> Iterator[Problem]:
    """What is wrong with the tokens that are there already."""
    files = [(path, TOKENS_KEY) for path in existing_tokens(settings, environ)]
    if _has_token(settings) or (settings.http.auth == "token" and settings.http.token_file):
        path = settings.http.token_file or os.path.join(state_folder(environ), FILE_NAME)
        files += [(path, TOKEN_KEY)] if os.path.lexists(path) else []
    for path, key in files:
        yield from problems_of(partial(read_or_create_token, path, key))


def _has_token(settings: Settings) -> bool:
    """Whether a server asks for its own token: over HTTP, or for the pages of one on stdio."""
    serves_pages = settings.status.address not in ("auto", "off")
    return settings.http.auth == "token" and (settings.http.enabled or serves_pages)


def _why_unwritable(path: str) -> str:
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        return "its folder does not exist"
    if os.path.lexists(path):
        return "" if os.access(path, os.W_OK) and not os.path.isdir(path) else "it is no file that you may write to"
    return "" if os.access(folder, os.W_OK | os.X_OK) else "you may make no file in its folder"
