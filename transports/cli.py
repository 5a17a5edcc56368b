"""The command line: which command was asked for, its help, and its exit status.

`serve` catches the signals that stop it and starts the launcher process before it imports anything else: the workers'
imports then run beside its own.
Exit statuses: 0 fine, 1 failure at run time, 2 bad configuration or usage.
"""

import errno
import os
import sys
from io import TextIOWrapper

from filewarden.transports.exit_status import EXIT_FAILURE, EXIT_OK, EXIT_USAGE

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself is not imported here
    from collections.abc import Callable, Sequence

    from filewarden.transports.commands.reading import Arguments

LAUNCHER = """
from filewarden.workers.launcher import main

def reread(*given):
    from filewarden.transports.rereading import reread
    reread(*given)

main(reread=reread)
"""
"""The program of the launcher process: what reads the configuration again is loaded in a child of it, if ever."""
HELP_FLAGS = ("-h", "--help")
UTF_8 = ("-X", "utf8")
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def main() -> int:
    """Run the command that the arguments name; the exit status."""
    if sys.getfilesystemencoding() != "utf-8" and sys.orig_argv[1:3] != [*UTF_8]:
        _begin_again()
    _fill_standard_descriptors()
    name, arguments = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("", [])
    if name == "serve" and not _asks_for_help(arguments):
        return _serve(arguments)
    if isinstance(sys.stdout, TextIOWrapper):  # a path may have letters that this terminal has no bytes for
        sys.stdout.reconfigure(errors="backslashreplace")
    status = EXIT_OK
    try:
        status = _run(name, arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output left: nothing to add
        _drop_output()
    except KeyboardInterrupt:
        return EXIT_FAILURE
    except OSError as error:
        return _lack(name, error)
    return status


def _serve(arguments: "Sequence[str]") -> int:
    if sys.platform != "linux":
        return _refuse_system()
    from filewarden.transports.stop_signals import StopSignals

    stop_signals = StopSignals()
    from filewarden.transports.starter import Starter

    starter = Starter(os.environ)
    from filewarden.broker.launch import launch

    launched = launch(("-c", LAUNCHER))
    from filewarden.config.first_imports import begin

    startup_cache = begin("start_of_front_end")
    from filewarden.transports.serve import serve
    from filewarden.workers.catalogue import CATALOGUE

    return serve(arguments, os.environ, launched, CATALOGUE, stop_signals, starter, startup_cache)


def _refuse_system() -> int:
    """Say what this system lacks, before anything is imported that only Linux has."""
    from filewarden.workers.confine.systems import UnsupportedSystemError, require_supported

    try:
        require_supported()
    except UnsupportedSystemError as error:
        sys.stderr.write(f"{error}\n")
    return EXIT_FAILURE


def _run(name: str, arguments: "Sequence[str]") -> int:
    from filewarden.transports.commands.help import help_of, overview
    from filewarden.transports.commands.reading import UsageError, read
    from filewarden.transports.commands.table import find, group

    if name == "help" and arguments:  # "help COMMAND" is as good as "COMMAND --help"
        name, *arguments = (*arguments, HELP_FLAGS[-1])
    if name in HELP_FLAGS or name == "help":
        return _say(overview())
    if name in ("--version", "-V"):
        from filewarden.config.version import NAME, VERSION

        return _say(f"{NAME} {VERSION}\n")
    commands = group(name)
    if not commands:
        return _refuse(name)
    command = find(name) or find(f"{name} {arguments[0] if arguments else ''}")
    if _asks_for_help(arguments):
        return _say(help_of([command] if command else commands))
    try:
        if command is None:
            raise UsageError(_wrong_word(arguments[:1], [each.name.split()[-1] for each in commands]))
        return RUNNERS[command.name](read(command, arguments[len(command.name.split()) - 1 :]))
    except UsageError as error:
        sys.stderr.write(f"filewarden {name}: {error}\n")
        sys.stderr.writelines(f"usage: {each.usage}\n" for each in ([command] if command else commands))
        return EXIT_USAGE


def _wrong_word(words: "Sequence[str]", valid: "Sequence[str]") -> str:
    """What is wrong where the second word of a command should stand."""
    from filewarden.config.nearest import hint

    if not words:
        return "a word is missing: " + " or ".join(valid)
    return f"there is no such word: {words[0][:64]!r}{hint(words[0], valid)}"


def _begin_again() -> None:
    """Take paths for UTF-8 whatever the locale says: clients, configuration and workers name them so."""
    os.execv(sys.executable, [sys.executable, *UTF_8, *sys.orig_argv[1:]])  # noqa: S606 - as it was started


def _fill_standard_descriptors() -> None:
    """Whoever starts us with one of them closed must not find a socket of ours in its place."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
        name = ("stdin", "stdout", "stderr")[fd]
        setattr(sys, name, open(fd, "w" if fd else "r", closefd=False))  # noqa: SIM115 - it stays open
    os.close(fd)


def _lack(name: str, error: OSError) -> int:
    """Say what the system did not give: a file that is named, or else room for our output."""
    what = error.filename or "the output cannot be written"
    if error.filename is None:
        if error.errno not in NO_ROOM:
            raise error
        _drop_output()
    sys.stderr.write(f"filewarden {name}: {what}: {error.strerror}\n")
    return EXIT_FAILURE


def _drop_output() -> None:
    """Let what nobody takes go nowhere, for the interpreter tries it once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _asks_for_help(arguments: "Sequence[str]") -> bool:
    return any(argument in HELP_FLAGS for argument in arguments)


def _refuse(name: str) -> int:
    from filewarden.config.nearest import hint
    from filewarden.transports.commands.help import overview
    from filewarden.transports.commands.table import first_words

    if not name:
        sys.stderr.write(overview())
        return EXIT_USAGE
    nearest = hint(name, [*first_words(), "--version", HELP_FLAGS[-1]])
    sys.stderr.write(f'filewarden: there is no command "{name[:64]}"{nearest} (filewarden --help lists them)\n')
    return EXIT_USAGE


def _say(text: str) -> int:
    sys.stdout.write(text)
    sys.stdout.flush()
    return EXIT_OK


def _check(arguments: "Arguments") -> int:
    from filewarden.transports.configuration import check

    return check(arguments)


def _status(arguments: "Arguments") -> int:
    from filewarden.transports.status_view import show_status

    return show_status(arguments)


def _reload(arguments: "Arguments") -> int:
    from filewarden.transports.reload_view import reload_servers

    return reload_servers(arguments)


def _config_show(arguments: "Arguments") -> int:
    from filewarden.transports.configuration import show_settings

    return show_settings(arguments)


def _config_init(_arguments: "Arguments") -> int:
    from filewarden.config.example import commented_file

    return _say(commented_file())


def _config_schema(_arguments: "Arguments") -> int:
    import json

    from filewarden.config.schema import json_schema

    return _say(json.dumps(json_schema(), indent=2) + "\n")


def _audit_verify(arguments: "Arguments") -> int:
    from filewarden.transports.audit_view import verify

    return verify(arguments)


def _client(arguments: "Arguments") -> int:
    from filewarden.transports.clients.command import show_client

    return show_client(arguments.words)


def _completion(arguments: "Arguments") -> int:
    from filewarden.transports.commands.completion import script

    return _say(script(arguments.operands[0]))


def _demo(arguments: "Arguments") -> int:
    from filewarden.transports.demo.command import run_demo

    return run_demo(arguments.operands)


def _doctor(arguments: "Arguments") -> int:
    if sys.platform != "linux":
        return _refuse_system()
    from filewarden.transports.doctor.command import run_doctor

    return run_doctor(arguments)


RUNNERS: "dict[str, Callable[[Arguments], int]]" = {
    "demo": _demo,
    "doctor": _doctor,
    "check": _check,
    "status": _status,
    "reload": _reload,
    "client": _client,
    "audit verify": _audit_verify,
    "config show": _config_show,
    "config init": _config_init,
    "config schema": _config_schema,
    "completion": _completion,
}
"""What runs each command of the table but `serve`, which starts before the table is loaded."""
