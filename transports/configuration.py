"""The commands about settings: `check` and `config`."""

import os
import sys
from collections.abc import Sequence

from filewarden.config.errors import ConfigError
from filewarden.config.load import load
from filewarden.transports.exit_status import EXIT_OK, EXIT_USAGE
from filewarden.transports.tool_settings import check_tool_names
from filewarden.workers.catalogue import CATALOGUE


def check(arguments: Sequence[str]) -> int:
    """Read the configuration as `serve` would, and say what was found."""
    try:
        loaded = load(arguments, os.environ)
        check_tool_names(loaded, CATALOGUE)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    lines = [f"configuration: {loaded.file or 'no file, so defaults, environment and flags'}"]
    lines += [f"root {root.name}: {root.path} ({root.mode})" for root in loaded.settings.roots]
    lines += [f"warning: {warning}" for warning in loaded.warnings]
    lines.append("Everything is in order.")
    sys.stdout.write("\n".join(lines) + "\n")
    return EXIT_OK


def config(arguments: Sequence[str]) -> int:
    """`config show`, `config init` or `config schema`."""
    action, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if action == "init" and not rest:
        from filewarden.config.example import commented_file

        sys.stdout.write(commented_file())
        return EXIT_OK
    if action == "schema" and not rest:
        import json

        from filewarden.config.schema import json_schema

        sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
        return EXIT_OK
    if action == "show":
        return _show(rest)
    sys.stderr.write("usage: filewarden config show [--json] [flags of serve] | init | schema\n")
    return EXIT_USAGE


def _show(arguments: Sequence[str]) -> int:
    from filewarden.config.show import show, show_json

    flags = [argument for argument in arguments if argument != "--json"]
    try:
        loaded = load(flags, os.environ)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    sys.stdout.write((show_json if len(flags) != len(arguments) else show)(loaded).rstrip("\n") + "\n")
    return EXIT_OK
