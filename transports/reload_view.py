"""The `reload` command: has servers of this user read their configuration again, and says what came of it."""

import contextlib
import os
import sys
from collections.abc import Sequence

import msgspec

from filewarden.broker.reload_outcome import ReloadOutcome
from filewarden.config.errors import ConfigError
from filewarden.config.folders import runtime_folder
from filewarden.transports.commands.reading import Arguments
from filewarden.transports.control import RELOAD_SUFFIX
from filewarden.transports.exit_status import EXIT_FAILURE, EXIT_OK, EXIT_USAGE
from filewarden.transports.local_socket import query
from filewarden.transports.status_sight import NO_SERVER

PATIENCE_S = 150.0
"""Reading takes 30 s at most, and so do new workers by default (pool.start_timeout_s); twice, if one is under way."""


class Answer(msgspec.Struct, frozen=True):
    """What one server said, or why it said nothing."""

    pid: int
    outcome: ReloadOutcome | None
    silence: str = ""

    @property
    def exit_status(self) -> int:
        """What it is worth to a script."""
        if self.outcome is None:
            return EXIT_FAILURE
        return EXIT_OK if self.outcome.problem is None else EXIT_USAGE


def reload_servers(arguments: Arguments) -> int:
    """Reload the one that is named, the only one, or all; the exit status is the worst."""
    try:
        folder = runtime_folder(os.environ, os.geteuid())
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    running = _running(folder)
    chosen, complaint = _chosen(running, arguments.operands, takes_all="--all" in arguments.flags)
    if complaint:
        sys.stderr.write(f"filewarden reload: {complaint}\n")
        return EXIT_USAGE if running else EXIT_FAILURE
    answers = [_ask(folder, pid) for pid in chosen]
    if arguments.as_json:
        documents = [{"pid": each.pid, **msgspec.to_builtins(each.outcome)} for each in answers if each.outcome]
        sys.stdout.write(msgspec.json.encode(documents).decode() + "\n")
    for each in answers:
        _say(each, is_json=arguments.as_json)
    return max(each.exit_status for each in answers)


def _running(folder: str) -> list[int]:
    """The process ids of all servers that can be asked."""
    with contextlib.suppress(FileNotFoundError):
        names = (name.removesuffix(RELOAD_SUFFIX) for name in os.listdir(folder) if name.endswith(RELOAD_SUFFIX))
        return sorted(int(name) for name in names if name.isdecimal())
    return []


def _chosen(running: Sequence[int], operands: Sequence[str], *, takes_all: bool) -> tuple[Sequence[int], str]:
    """Whom to ask, or what is wrong with the question."""
    if operands and takes_all:
        return (), "name one server, or --all"
    if not running:
        return (), NO_SERVER
    if operands:
        if operands[0] in map(str, running):
            return (int(operands[0]),), ""
        return (), f"no server of yours has the process id {operands[0][:64]!r} (filewarden status lists them)"
    if len(running) > 1 and not takes_all:
        return (), f"several servers run: name one of {', '.join(map(str, running))}, or --all"
    return running, ""


def _ask(folder: str, pid: int) -> Answer:
    path = os.path.join(folder, f"{pid}{RELOAD_SUFFIX}")
    try:
        document = query(path, PATIENCE_S)
        return Answer(pid, msgspec.json.decode(document, type=ReloadOutcome) if document else None, "it stops")
    except (ConnectionRefusedError, FileNotFoundError):
        with contextlib.suppress(OSError):  # somebody else saw it too
            os.unlink(path)
        return Answer(pid, None, "it is gone")
    except (OSError, msgspec.DecodeError) as error:
        return Answer(pid, None, f"it hangs, or is of another version ({error})")


def _say(answer: Answer, *, is_json: bool) -> None:
    """A paragraph about one server; what went wrong to standard error."""
    server, outcome = f"server {answer.pid}", answer.outcome
    if outcome is None:
        sys.stderr.write(f"{server}: no answer: {answer.silence}\n")
    elif outcome.problem is not None:
        sys.stderr.write(f"{server}: refused, everything stays as it was: {outcome.problem}\n")
    elif not is_json:
        sys.stdout.writelines(f"{line}\n" for line in _lines(server, outcome))


def _lines(server: str, outcome: ReloadOutcome) -> list[str]:
    what = "is in force" if outcome.changes else "is in force, and says what it said before"
    return [
        f"{server}: the new configuration {what} (edition {outcome.edition})",
        *(f"  {change}" for change in outcome.changes),
        *(f"  waits for a restart: {key}" for key in outcome.needs_restart),
        *(f"  warning: {warning}" for warning in outcome.warnings),
    ]
