"""The `client` command: what a client needs in its configuration to use this server, printed or put in its place."""

import os
import sys
from collections.abc import Mapping, Sequence

from filewarden.config.errors import ConfigError
from filewarden.config.folders import home_folder, state_folder
from filewarden.config.load import Loaded, load
from filewarden.config.nearest import hint
from filewarden.transports.clients.arguments import Asked, UsageError, read_arguments
from filewarden.transports.clients.editing import UneditableError, with_json_entry, with_json_item, with_toml_table
from filewarden.transports.clients.formats import CLIENTS, CREDENTIALS, Client, Entry
from filewarden.transports.clients.installing import difference, read_text, replace
from filewarden.transports.clients.launching import launch
from filewarden.transports.clients.places import System
from filewarden.transports.exit_status import EXIT_FAILURE, EXIT_OK, EXIT_USAGE
from filewarden.transports.token import FILE_NAME as TOKEN_FILE_NAME


def show_client(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Print or install; the exit status."""
    try:
        asked = read_arguments(arguments)
        client = _client(asked.client)
        loaded = load(asked.serve, environ, needs_root="--http" not in asked.serve)
        entry = _entry(client, asked, loaded, environ)
        hints = [*_token_hints(client, loaded, environ), client.then]
    except UsageError as error:
        sys.stderr.write(f"filewarden client: {error}\n")
        return EXIT_USAGE
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    takes_token = _takes_token(loaded)
    path = asked.file or (client.place(_system(environ)) if client.place else "")
    if not asked.installs:
        return _print(client, path, _edited(client, "", asked.name, entry, takes_token), hints)
    if not path:
        sys.stderr.write("filewarden client: name the file to write with --file FILE\n")
        return EXIT_USAGE
    return _install(client, path, asked, entry, takes_token, hints)


def _client(name: str) -> Client:
    if name in CLIENTS:
        return CLIENTS[name]
    if not name:
        raise UsageError(f"name a client: {', '.join(CLIENTS)}")
    raise UsageError(f'there is no client "{name[:64]}"{hint(name, list(CLIENTS))} (known: {", ".join(CLIENTS)})')


def _system(environ: Mapping[str, str]) -> System:
    return System(sys.platform, home_folder(environ) or os.sep, environ)


def _entry(client: Client, asked: Asked, loaded: Loaded, environ: Mapping[str, str]) -> Entry:
    if not loaded.settings.http.enabled:
        return client.local(launch(asked.serve, loaded, environ))
    if client.remote is None:
        raise UsageError(
            f"{client.title} starts its servers itself and takes no address of one in its file: leave --http out"
        )
    host, port = loaded.settings.http.host, loaded.settings.http.port
    entry = client.remote(f"http://{f'[{host}]' if ':' in host else host}:{port}/mcp")
    return entry if _takes_token(loaded) else {key: value for key, value in entry.items() if key not in CREDENTIALS}


def _takes_token(loaded: Loaded) -> bool:
    """Whether it is a server over HTTP that serves nobody without one."""
    return loaded.settings.http.enabled and loaded.settings.http.auth == "token"


def _edited(client: Client, text: str, name: str, entry: Entry, takes_token: bool) -> str:
    keys = (*client.keys, name)
    if client.syntax == "toml":
        return with_toml_table(text, keys, entry)
    is_dos = text.count("\n") == text.count("\r\n") > 0
    edited = with_json_entry(text.replace("\r\n", "\n") if is_dos else text, client.keys, {name: entry})
    if takes_token and client.inputs:
        edited = with_json_item(edited, "inputs", client.inputs)
    return edited.replace("\n", "\r\n") if is_dos else edited


def _token_hints(client: Client, loaded: Loaded, environ: Mapping[str, str]) -> list[str]:
    """How the client gets the token, and where the server keeps it; nothing where none is asked for."""
    http = loaded.settings.http
    if not _takes_token(loaded):
        return []
    if http.issuer:
        return [client.token]
    path = http.token_file or os.path.join(state_folder(environ), TOKEN_FILE_NAME)
    return [client.token, f"The token stands in {path}, once the server has been started."]


def _print(client: Client, path: str, text: str, hints: list[str]) -> int:
    sys.stderr.write(f"{client.title}: put this into {path}\n\n" if path else f"For {client.title}:\n\n")
    sys.stdout.write(text)
    sys.stdout.flush()
    if path:
        hints = [*hints, "The same with --install writes it there, after showing what changes."]
    sys.stderr.write("\n" + "".join(f"{line}\n" for line in hints))
    return EXIT_OK


def _install(client: Client, path: str, asked: Asked, entry: Entry, takes_token: bool, hints: list[str]) -> int:
    try:
        old = read_text(path)
        new = _edited(client, old, asked.name, entry, takes_token)
    except (OSError, UnicodeDecodeError, UneditableError) as error:
        sys.stderr.write(
            f"{path}: {error}\nNothing was written. The same without --install prints what to put there.\n"
        )
        return EXIT_FAILURE
    if new == old:
        sys.stderr.write(f"{path} has it already.\n")
        return EXIT_OK
    sys.stderr.write(difference(path, old, new))
    if not asked.agreed and not _agrees(path):
        return EXIT_USAGE if not sys.stdin.isatty() else EXIT_FAILURE
    try:
        backup = replace(path, new)
    except OSError as error:
        sys.stderr.write(f"{path}: {error.strerror}; it is as it was\n")
        return EXIT_FAILURE
    sys.stderr.write(f"\nWritten to {path}." + (f" The old file is {backup}." if backup else "") + "\n")
    sys.stderr.write("".join(f"{line}\n" for line in hints))
    return EXIT_OK


def _agrees(path: str) -> bool:
    if not sys.stdin.isatty():
        sys.stderr.write("\nNothing was written: nobody is there to agree. Add --yes when you have seen the change.\n")
        return False
    sys.stderr.write(f"\nWrite this to {path}? [y/N] ")
    sys.stderr.flush()
    agreed = sys.stdin.readline().strip().lower() in ("y", "yes")
    if not agreed:
        sys.stderr.write("Nothing was written.\n")
    return agreed
