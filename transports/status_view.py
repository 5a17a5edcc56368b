"""The `status` command: the servers of this user, as a table or as JSON, once or again and again."""

import os
import sys

from filewarden.config.errors import ConfigError
from filewarden.config.folders import runtime_folder
from filewarden.transports.commands.reading import Arguments
from filewarden.transports.discovery import find
from filewarden.transports.exit_status import EXIT_FAILURE, EXIT_OK, EXIT_USAGE
from filewarden.transports.status_sight import NO_SERVER, OTHER_VERSION, Sight, json_line, plain

ANSWER_TIMEOUT_S = 2.0


def show_status(arguments: Arguments) -> int:
    """Print every server that answers; exit status 1 when there is none."""
    try:
        folder = runtime_folder(os.environ, os.geteuid())
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE

    def look() -> Sight:
        return Sight(*find(folder, ANSWER_TIMEOUT_S))

    if "--watch" in arguments.flags:
        from filewarden.transports.status_watch import watch

        return watch(look, as_json=arguments.as_json)
    return _show(look(), as_json=arguments.as_json)


def _show(sight: Sight, *, as_json: bool) -> int:
    if as_json:
        sys.stderr.writelines(f"{sentence}\n" for sentence in sight.complaints if sentence != OTHER_VERSION)
        sys.stdout.write(json_line(sight))
        return EXIT_OK
    sys.stderr.writelines(f"{sentence}\n" for sentence in sight.complaints)
    if sight.is_empty:
        sys.stderr.write(f"{NO_SERVER}\n")
        return EXIT_FAILURE
    sys.stdout.write(plain(sight))
    return EXIT_FAILURE if sight.silent else EXIT_OK
