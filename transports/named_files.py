"""The files that a configuration names: whether a server could use them. Nothing is made or fetched."""

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from filewarden.config.errors import ConfigError, Problem, printable
from filewarden.config.load import Loaded
from filewarden.config.settings import Settings
from filewarden.transports.named_tokens import KEY as TOKENS_KEY, existing_tokens


def unusable_files(loaded: Loaded, environ: Mapping[str, str]) -> Iterator[Problem]:
    """What would end `serve` at its first step: files that are named and cannot be used."""
    yield from _unwritable_files(loaded.settings)
    http = loaded.settings.http
    if http.issuer and http.jwks_file:
        from filewarden.transports.http.oauth.protection import open_keys

        yield from _problems(lambda: open_keys(http))
    if http.sealing_keys_file:
        from filewarden.transports.sealing_keys import read_sealing_keys

        yield from _problems(lambda: read_sealing_keys(http.sealing_keys_file))
    if http.auth == "token" and http.token_file and os.path.lexists(http.token_file):
        from filewarden.transports.token import read_or_create_token

        yield from _problems(lambda: read_or_create_token(http.token_file))
    for path in existing_tokens(loaded.settings, environ):
        from filewarden.transports.token import read_or_create_token

        yield from _problems(partial(read_or_create_token, path, TOKENS_KEY))
    telemetry = loaded.settings.telemetry
    if telemetry.otlp_endpoint:
        from filewarden.broker.log import Log
        from filewarden.transports.telemetry.opening import open_tracer

        yield from _problems(lambda: open_tracer(telemetry, "stdio", Log(2)))


def _unwritable_files(settings: Settings) -> Iterator[Problem]:
    """Files that are named, and that `serve` would make or add to."""
    http = settings.http
    named = {"audit.file": settings.audit.file, "log.file": settings.log.file}
    if http.enabled and http.auth == "token" and not os.path.lexists(http.token_file):
        named["http.token_file"] = http.token_file
    for key, path in named.items():
        if path and (sentence := _why_unwritable(path)):
            yield Problem(key, "", f"{printable(path)} cannot be written: {sentence}")


def _why_unwritable(path: str) -> str:
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        return "its folder does not exist"
    if os.path.lexists(path):
        return "" if os.access(path, os.W_OK) and not os.path.isdir(path) else "it is no file that you may write to"
    return "" if os.access(folder, os.W_OK | os.X_OK) else "you may make no file in its folder"


def _problems(use: Callable[[], object]) -> list[Problem]:
    try:
        use()
    except ConfigError as error:
        return list(error.problems)
    return []
