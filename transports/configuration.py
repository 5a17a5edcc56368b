"""The commands about settings: `check` and `config show`."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import msgspec

from filewarden.broker.account import account_for, check_rights
from filewarden.config.errors import ConfigError, Problem, printable
from filewarden.config.load import NO_ROOT, Loaded, load
from filewarden.config.profiles import all_roots
from filewarden.config.sections.roots import RootSettings
from filewarden.config.settings import Settings
from filewarden.transports.commands.reading import Arguments
from filewarden.transports.exit_status import EXIT_OK, EXIT_USAGE
from filewarden.transports.named_tokens import KEY as TOKENS_KEY, existing_tokens
from filewarden.transports.plugins import catalogue_with_plugins
from filewarden.transports.tool_settings import check_globs, check_tool_names
from filewarden.workers.catalogue import CATALOGUE


def check(arguments: Arguments) -> int:
    """Read the configuration as `serve` would, open the files that it names, and say what was found."""
    try:
        loaded = load(arguments.rest, os.environ)
        check_tool_names(loaded, catalogue_with_plugins(loaded, CATALOGUE))
        check_globs(loaded.settings)
        if problems := list(_unusable_files(loaded)):
            raise ConfigError(problems)
        doubts = check_rights(account_for(loaded.settings), loaded.settings)
        loaded = msgspec.structs.replace(loaded, warnings=(*loaded.warnings, *doubts))
    except ConfigError as error:
        if arguments.as_json:
            sys.stdout.write(_document(None, error.problems))
        else:
            sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    sys.stdout.write(_document(loaded, []) if arguments.as_json else _sentences(loaded))
    return EXIT_OK


def _unusable_files(loaded: Loaded) -> Iterator[Problem]:
    """What would end `serve` at its first step: files that are named and cannot be used. Nothing is made or fetched."""
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
    for path in existing_tokens(loaded.settings, os.environ):
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


def _sentences(loaded: Loaded) -> str:
    lines = [f"configuration: {loaded.file or 'no file, so defaults, environment and flags'}"]
    lines += [f"root {root.name}: {root.path} ({root.mode})" for root in loaded.settings.roots]
    for profile in loaded.settings.profiles:
        lines.append(f"profile {profile.name}: {', '.join(map(printable, profile.principals)) or 'nobody'}")
        lines += [f"  root {root.name}: {root.path} ({root.mode})" for root in profile.roots]
    lines += [f"warning: {warning}" for warning in loaded.warnings]
    lines.append("Everything is in order.")
    return "\n".join(lines) + "\n"


def _document(loaded: Loaded | None, problems: Sequence[Problem]) -> str:
    """`{"ok", "file", "roots", "profiles", "warnings", "problems"}`."""
    profiles = () if loaded is None else loaded.settings.profiles
    facts = {
        "ok": not problems,
        "file": None if loaded is None else loaded.file,
        "roots": _rows(() if loaded is None else loaded.settings.roots),
        "profiles": [
            {"name": each.name, "principals": each.principals, "roots": _rows(each.roots)} for each in profiles
        ],
        "warnings": [] if loaded is None else loaded.warnings,
        "problems": problems,
    }
    return msgspec.json.format(msgspec.json.encode(facts), indent=2).decode() + "\n"


def _rows(roots: Sequence[RootSettings]) -> list[dict[str, str]]:
    return [{"name": root.name, "path": root.path, "mode": root.mode} for root in roots]


def show_settings(arguments: Arguments) -> int:
    """Every setting in force, with its origin."""
    from filewarden.config.show import show, show_json

    try:
        loaded = load(arguments.rest, os.environ, needs_root=False)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    if not all_roots(loaded.settings):
        sys.stderr.write(f"note: {NO_ROOT}\n")
    sys.stdout.write((show_json if arguments.as_json else show)(loaded).rstrip("\n") + "\n")
    return EXIT_OK
