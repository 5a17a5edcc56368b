"""Clients of this user that are told to start a filewarden: whether they could, as their files stand now."""

import os
import shutil
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence

from filewarden.config.errors import ConfigError, printable
from filewarden.config.folders import home_folder
from filewarden.config.load import load
from filewarden.transports.clients import jsonc
from filewarden.transports.clients.formats import CLIENTS, Client
from filewarden.transports.clients.installing import read_text
from filewarden.transports.clients.places import System
from filewarden.transports.doctor.findings import Row, State

PROGRAM = "filewarden"
SERVE = "serve"


def client_rows(environ: Mapping[str, str]) -> Iterator[Row]:
    """One row for each server of ours in the file of each client that has one."""
    system = System(sys.platform, home_folder(environ) or os.sep, environ)
    for client in CLIENTS.values():
        if client.place is not None:
            yield from _rows(client, client.place(system), environ)


def _rows(client: Client, path: str, environ: Mapping[str, str]) -> Iterator[Row]:
    try:
        text = read_text(path)
        servers = _servers(client, text) if text.strip() else {}
    except (OSError, UnicodeDecodeError, jsonc.NotJsonError, tomllib.TOMLDecodeError) as error:
        yield _row(f"{client.title} can be read", State.ADVICE, path, f"{error}")
        return
    for name, entry in servers.items():
        words = _command(entry)
        if any(os.path.basename(word) == PROGRAM for word in words):
            fault = _fault(words, environ)
            what = f'{client.title} can start "{printable(name)}"'
            yield _row(what, State.ADVICE if fault else State.HELD, printable(" ".join(words)), fault)


def _servers(client: Client, text: str) -> Mapping[str, object]:
    found: object = tomllib.loads(text) if client.syntax == "toml" else jsonc.parse(text).value
    for key in client.keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _command(entry: object) -> list[str]:
    """The command and its arguments; nothing for a server at an address, and for what makes no sense."""
    if not isinstance(entry, dict):
        return []
    command, arguments = entry.get("command"), entry.get("args", [])
    if not isinstance(command, str) or not isinstance(arguments, list):
        return []
    return [command, *(word for word in arguments if isinstance(word, str))]


def _fault(words: Sequence[str], environ: Mapping[str, str]) -> str:
    """What would keep the client from starting it; "" when nothing would."""
    command = words[0]
    if os.path.isabs(command) and not os.access(command, os.X_OK):
        return "there is no such program: filewarden client NAME --install puts the right one there"
    if not os.path.isabs(command) and shutil.which(command) is None:
        return "no program of that name is in PATH: filewarden client NAME --install puts its full path there"
    if SERVE not in words:
        return f'the arguments lack "{SERVE}"'
    arguments = words[words.index(SERVE) + 1 :]
    if any("${" in word for word in arguments):
        return ""  # only the client knows what stands there
    try:
        load(arguments, environ)
    except ConfigError as error:
        return str(error.problems[0])
    return ""


def _row(what: str, state: State, seen: str, why: str = "") -> Row:
    return Row(area="clients", what=what, state=state, seen=seen, why=why)
