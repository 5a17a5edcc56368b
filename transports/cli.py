"""The command line: which command was asked for, its help, and its exit status.

`serve` catches the signals that stop it and starts the launcher process before it imports anything else: the workers'
imports then run beside its own.
Exit statuses: 0 fine, 1 failure at run time, 2 bad configuration or usage.
"""

import os
import sys
from collections.abc import Callable, Sequence

from filewarden.transports.exit_status import EXIT_FAILURE, EXIT_OK, EXIT_USAGE

OVERVIEW = """\
Filewarden: a local MCP file server for agents you do not trust.
Every call runs in a confined worker process with a deadline and a memory limit.

usage: filewarden COMMAND [...]

commands:
  serve [ROOT ...]         serve folders to a client on standard input and output, or over HTTP with --http
  demo [DIR]               start real servers, run the tools on DIR, and show isolation at work
  doctor                   attack a worker of this machine from inside and show what held
  check                    look at the configuration and the roots; say every problem
  status                   show the workers of the servers that you run
  client NAME [ROOT ...]   print what a client (Claude, Cursor, ...) needs to use this server; --install writes it
  audit verify FILE        check that no line of an audit log was changed, removed or moved
  config show|init|schema  show the settings in force, print a commented file, print the file's JSON Schema

  filewarden COMMAND --help explains one command; filewarden --version prints the version.

first steps:
  filewarden demo                      see it work
  filewarden serve ~/project           serve one folder, read-only, on stdio (this is what clients start)
  filewarden serve ~/project --http    serve it to many clients at http://127.0.0.1:8765/mcp
"""

SERVE_HELP = """\
usage: filewarden serve [ROOT ...] [flags]

Serve one or more folders over the Model Context Protocol: to the client that started this process, on standard input
and output, or with --http to many. Folders are read-only unless --allow-write is given. Settings come from flags, then
from FILEWARDEN_* variables and MCP_ROOT, then from the configuration file, then from defaults.

{flags}
examples:
  filewarden serve ~/project
  filewarden serve ~/project ~/notes --workers 2
  filewarden serve --config server.toml --http --port 9000

"filewarden config show" prints every setting with its value and origin; "filewarden config init" a commented file.
"""

CHECK_HELP = """\
usage: filewarden check [ROOT ...] [--config FILE] [any flag of serve]

Read the configuration as serve would and look at every root. Prints what is fine; exit status 2 lists every problem.
"""

STATUS_HELP = """\
usage: filewarden status [--json]

Show the servers that you run on this machine: each worker with its state, memory, calls, restarts and last exit.
  --json   print an array with one status document for each server
"""

CONFIG_HELP = """\
usage: filewarden config show [--json] [any flag of serve]   every setting in force, with its origin
       filewarden config init                                a commented configuration file, to standard output
       filewarden config schema                              the JSON Schema of that file, for editors
"""

AUDIT_HELP = """\
usage: filewarden audit verify FILE ... [--last HASH] [--json]

Check an audit log (the file of the setting audit.file): every line holds the hash of the one before, so a line that was
changed, removed, moved or cut off breaks the chain. The first broken line is named. Several files that follow each
other, the oldest first, are checked as one: audit.jsonl.2 audit.jsonl.1 audit.jsonl.
  --last HASH   the line with this hash must be there; a log that lost its end is whole otherwise. `filewarden status
                --json` shows the hash of the latest line (audit.last), and so does this command: keep it elsewhere.
  --json        print one JSON document: ok, lines, last, fault (file, line, problem), open_servers, lost

Exit status 0 when every line is as it was written, 1 when one is not, 2 when a file cannot be read or for bad usage.

examples:
  filewarden audit verify ~/.local/state/filewarden/audit.jsonl
  filewarden audit verify audit.jsonl.1 audit.jsonl --json
"""

CLIENT_HELP = """\
usage: filewarden client NAME [ROOT ...] [--name NAME] [--install [--yes] [--file FILE]] [any flag of serve]

Print what the client NAME needs in its configuration to use this server on these folders: as a program that it starts,
or with --http as the address of a server that runs already. The flags of serve (--allow-write, --config, ...) go into
it. Clients: claude-desktop, claude-code, cursor, vscode, zed, codex, windsurf, and generic for any other.
  --install     write it into the client's file: shows what changes, asks, and keeps a copy of the old file beside it
  --yes         do not ask
  --name NAME   what the client calls this server (default: files)
  --file FILE   another file than the client's usual one, such as a project's .mcp.json

Only the entry changes: comments and layout of the file stay. A token is never written. Exit status 0 when it is printed
or written, 1 when it could not be or you said no, 2 for bad usage.

examples:
  filewarden client claude-desktop ~/project --install
  filewarden client vscode --http
  filewarden client claude-code . --file .mcp.json --install
"""

DEMO_HELP = """\
usage: filewarden demo [DIR]

Start a real server on each transport, run the four tools on DIR (default: the working folder), let five clients call at
once, and show isolation at work: a pipe, a runaway scan, a pattern bomb and a frozen worker, while small reads go on.
Takes about 15 seconds. Exit status 0 only when everything that it claims held.
"""

DOCTOR_HELP = """\
usage: filewarden doctor [--json] [ROOT ...] [any flag of serve]

Start a real worker of this machine on a temporary folder, attack from inside it as a captured one would, and show layer
by layer what held, with the error seen. Also looks at the kernel, the limits, the token and the configuration. Takes
about a second. Exit status 0 when a server with this configuration would serve and everything held that it relies on,
1 when not, 2 for bad usage or a bad configuration.
"""

HELP_FLAGS = ("-h", "--help")

Command = Callable[[Sequence[str]], int]


def main() -> int:
    """Run the command that the arguments name; the exit status."""
    _fill_standard_descriptors()
    name, arguments = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("", [])
    if name == "serve" and not _asks_for_help(arguments):
        return _serve(arguments)
    try:
        return _run(name, arguments)
    except BrokenPipeError:  # the reader of our output left: nothing to add
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return EXIT_OK
    except KeyboardInterrupt:
        return EXIT_FAILURE


def _serve(arguments: Sequence[str]) -> int:
    if sys.platform != "linux":
        return _refuse_system()
    from filewarden.transports.stop_signals import StopSignals

    stop_signals = StopSignals()
    from filewarden.broker.launch import launch

    launched = launch()
    from filewarden.transports.serve import serve
    from filewarden.workers.catalogue import CATALOGUE

    return serve(arguments, os.environ, launched, CATALOGUE, stop_signals)


def _refuse_system() -> int:
    """Say what this system lacks, before anything is imported that only Linux has."""
    from filewarden.workers.confine.systems import UnsupportedSystemError, require_supported

    try:
        require_supported()
    except UnsupportedSystemError as error:
        sys.stderr.write(f"{error}\n")
    return EXIT_FAILURE


def _run(name: str, arguments: Sequence[str]) -> int:
    if name in HELP_FLAGS or name == "help":
        return _say(OVERVIEW)
    if name in ("--version", "-V"):
        from filewarden.config.version import NAME, VERSION

        return _say(f"{NAME} {VERSION}\n")
    if name not in COMMANDS:
        return _refuse(name)
    command, help_text = COMMANDS[name]
    if _asks_for_help(arguments):
        return _say(help_text() if callable(help_text) else help_text)
    return command(arguments)


def _fill_standard_descriptors() -> None:
    """Whoever starts us with one of them closed must not find a socket of ours in its place."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)


def _asks_for_help(arguments: Sequence[str]) -> bool:
    return any(argument in HELP_FLAGS for argument in arguments)


def _refuse(name: str) -> int:
    if not name:
        sys.stderr.write(OVERVIEW)
        return EXIT_USAGE
    import difflib

    nearest = difflib.get_close_matches(name, COMMANDS, 1)
    hint = f'; did you mean "{nearest[0]}"?' if nearest else ""
    sys.stderr.write(f'filewarden: there is no command "{name[:64]}"{hint} (filewarden --help lists them)\n')
    return EXIT_USAGE


def _say(text: str) -> int:
    sys.stdout.write(text)
    sys.stdout.flush()
    return EXIT_OK


def _serve_help() -> str:
    from filewarden.config.flags import flag_help

    return SERVE_HELP.format(flags=flag_help())


def _check(arguments: Sequence[str]) -> int:
    from filewarden.transports.configuration import check

    return check(arguments)


def _status(arguments: Sequence[str]) -> int:
    from filewarden.transports.status_view import show_status

    return show_status(arguments)


def _config(arguments: Sequence[str]) -> int:
    from filewarden.transports.configuration import config

    return config(arguments)


def _audit(arguments: Sequence[str]) -> int:
    from filewarden.transports.audit_view import audit

    return audit(arguments)


def _client(arguments: Sequence[str]) -> int:
    from filewarden.transports.clients.command import show_client

    return show_client(arguments)


def _demo(arguments: Sequence[str]) -> int:
    from filewarden.transports.demo.command import run_demo

    return run_demo(arguments)


def _doctor(arguments: Sequence[str]) -> int:
    if sys.platform != "linux":
        return _refuse_system()
    from filewarden.transports.doctor.command import run_doctor

    return run_doctor(arguments)


COMMANDS: dict[str, tuple[Command, str | Callable[[], str]]] = {
    "serve": (_serve, _serve_help),
    "demo": (_demo, DEMO_HELP),
    "doctor": (_doctor, DOCTOR_HELP),
    "check": (_check, CHECK_HELP),
    "status": (_status, STATUS_HELP),
    "client": (_client, CLIENT_HELP),
    "audit": (_audit, AUDIT_HELP),
    "config": (_config, CONFIG_HELP),
}
