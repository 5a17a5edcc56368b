"""The commands about settings: `check` and `config show`."""

import os
import sys
from collections.abc import Sequence

import msgspec

from filewarden.broker.account import account_for
from filewarden.config.errors import ConfigError, Problem, printable
from filewarden.config.load import NO_ROOT, Loaded, load
from filewarden.config.profiles import all_roots
from filewarden.config.sections.roots import RootSettings
from filewarden.transports.checks import checked
from filewarden.transports.commands.reading import Arguments
from filewarden.transports.exit_status import EXIT_OK, EXIT_USAGE
from filewarden.transports.named_files import unusable_files


def check(arguments: Arguments) -> int:
    """Read the configuration as `serve` would, open the files that it names, and say what was found."""
    try:
        loaded = load(arguments.rest, os.environ)
        loaded = checked(loaded, account_for(loaded.settings), unusable_files(loaded, os.environ))
    except ConfigError as error:
        if arguments.as_json:
            sys.stdout.write(_document(None, error.problems))
        else:
            sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    sys.stdout.write(_document(loaded, []) if arguments.as_json else _sentences(loaded))
    return EXIT_OK


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
