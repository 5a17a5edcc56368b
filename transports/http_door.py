"""What a server over HTTP opens with the rights that it was started with: its sockets, token and keys."""

import contextlib
import socket
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from filewarden.broker.log import Log
from filewarden.config.addresses import split_address
from filewarden.config.errors import ConfigError, Problem
from filewarden.config.folders import home_folder
from filewarden.config.profiles import all_roots
from filewarden.config.root_policy import home_folders
from filewarden.config.sections.http import HttpSettings
from filewarden.config.settings import Settings
from filewarden.transports.http.named_tokens import holder_keys
from filewarden.transports.http.sockets import adopt, bind, bracketed, port_of
from filewarden.transports.named_tokens import read_named_tokens, tokens_folder
from filewarden.transports.reach import NOTHING, Reach
from filewarden.transports.sealing_keys import read_sealing_keys
from filewarden.transports.surroundings import Surroundings
from filewarden.transports.token import read_or_create_token, token_path

if TYPE_CHECKING:
    from filewarden.transports.http.oauth.source import Document

PAGES = "status"
"""The name of a socket for the status pages, among those that are handed over."""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What was opened with the rights that the server was started with."""

    sockets: list[socket.socket]
    are_handed_over: bool
    """Whether somebody else keeps them open too, and others may accept connections from them."""
    pages_sockets: list[socket.socket]
    """Empty unless the status pages have an address of their own."""
    token: str | None
    token_path: str
    sealing_keys: tuple[bytes, ...]
    tokens: dict[str, bytes]
    """The digests of those that profiles name, by name."""
    tokens_folder: str
    """Where those are; "" where there are none."""
    issuer_keys: "Document | None"
    """None without an issuer."""


def open_door(surroundings: Surroundings) -> Opened:
    """Bind the sockets and read or create the token.

    Raises:
        ConfigError: one of them cannot be had.
    """
    http, address = surroundings.settings.http, surroundings.settings.status.address
    handed = surroundings.starter.sockets
    sockets = _sockets("http.port", http.host, http.port, [fd for name, fd in handed if name != PAGES], http)
    pages_sockets: list[socket.socket] = []
    pages_fds = [fd for name, fd in handed if name == PAGES]
    if address not in ("auto", "off"):
        pages_sockets = _sockets("status.address", *split_address(address), pages_fds, http)
    elif pages_fds:
        sentence = f"a socket named {PAGES!r} was handed over: name its address here, or do not hand it over"
        raise ConfigError([Problem("status.address", "", sentence, address)])
    settings, environ = surroundings.settings, surroundings.environ
    tokens = read_named_tokens(settings, environ)
    path = token_path(http.token_file, surroundings.environ) if http.auth == "token" else ""
    return Opened(
        sockets=sockets,
        are_handed_over=bool(handed),
        pages_sockets=pages_sockets,
        token=read_or_create_token(path) if path else None,
        token_path=path,
        sealing_keys=read_sealing_keys(http.sealing_keys_file) if http.sealing_keys_file else (),
        tokens=tokens,
        tokens_folder=tokens_folder(settings, environ) if tokens else "",
        issuer_keys=_issuer_keys(http),
    )


def _sockets(key: str, host: str, port: int, handed_over: Sequence[int], http: HttpSettings) -> list[socket.socket]:
    if handed_over:
        return adopt(key, handed_over, is_open_to_all=http.auth == "none" and not http.issuer)
    return bind(key, host, port)


def placed(settings: Settings, opened: Opened) -> Settings:
    """The settings with the address that is listened on, whoever has chosen it."""
    if not opened.are_handed_over:
        return settings
    host = opened.sockets[0].getsockname()[0]
    return msgspec.structs.replace(settings, http=msgspec.structs.replace(settings.http, host=host))


def _issuer_keys(http: HttpSettings) -> "Document | None":
    """Where the issuer's keys are; what checks tokens with them is loaded only then."""
    if not http.issuer:
        return None
    from filewarden.transports.http.oauth.protection import open_keys

    return open_keys(http)


def reach_of_door(surroundings: Surroundings) -> Reach:
    """What serving takes beside our own files and processes: the issuer's keys, where there is one."""
    http, roots = surroundings.settings.http, all_roots(surroundings.settings)
    if not http.issuer:
        return NOTHING
    from filewarden.transports.http.oauth.protection import reach_of_keys

    homes = home_folders(home_folder(surroundings.environ))
    return reach_of_keys(http, [root.path for root in roots], homes)


def check_reach(surroundings: Surroundings, opened: Opened) -> None:
    if opened.issuer_keys is not None:
        from filewarden.transports.http.oauth.protection import check_keys

        check_keys(surroundings.settings.http, opened.issuer_keys)


def address_of(settings: Settings, opened: Opened) -> str:
    """Where clients of Streamable HTTP connect."""
    return f"http://{bracketed(settings.http.host)}:{port_of(opened.sockets)}/mcp"


def announce(settings: Settings, opened: Opened, log: Log) -> None:
    """Say where to connect, and with what; among lines of JSON as such lines."""
    lines = [f"Filewarden listens on {address_of(settings, opened)}"]
    if opened.pages_sockets:
        host = split_address(settings.status.address)[0]
        lines.append(f"Status pages on http://{bracketed(host)}:{port_of(opened.pages_sockets)}/status")
    if settings.http.issuer:
        lines.append(f"Clients bring access tokens of {settings.http.issuer}; our own token is for the status pages")
    if opened.tokens:
        lines.append(f"Tokens of profiles, a file each in {opened.tokens_folder}: {', '.join(opened.tokens)}")
        keys = holder_keys(settings, opened.tokens)
        lines += [f"The holder of token:{name} is called {key} in logs and status" for name, key in keys.items()]
    if opened.token is not None:
        lines.append(f"Token: {opened.token}" if sys.stderr.isatty() else f"Token file: {opened.token_path}")
    if settings.log.format == "json" and not settings.log.file and not sys.stderr.isatty():
        for line in lines:
            log.info(line)
        return
    with contextlib.suppress(OSError):
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.stderr.flush()
