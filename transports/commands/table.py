"""Every command in the order of the overview, with what it takes and the text that teaches it."""

import functools
from collections.abc import Iterator

from filewarden.config.flags import flags as serve_flags
from filewarden.config.options import Option
from filewarden.transports.clients.formats import CLIENTS
from filewarden.transports.commands.command import Command, Completes, Example, Flag, Operands

SHELLS = ("bash", "zsh", "fish")
JSON = "print one JSON document"
_ROOTS = Operands(metavar="ROOT", completes="folder")
_FOLDERS = frozenset({"--root"})
_FILES = frozenset({"--config"})

COMMANDS: tuple[Command, ...] = (
    Command(
        name="serve",
        summary="serve folders to a client on standard input and output, or over HTTP with --http",
        text="Serve one or more folders over the Model Context Protocol: to the client that started this process, on "
        "standard input and output, or with --http to many. Folders are read-only unless --allow-write is given. "
        "Settings come from flags, then from FILEWARDEN_* variables and MCP_ROOT, then from the configuration file, "
        "then from defaults. `filewarden config show` prints every setting with its value and origin, "
        "`filewarden config init` a commented file.",
        operands=_ROOTS,
        has_serve_flags=True,
        examples=(
            Example("filewarden serve ~/project", "one folder, read-only, on stdio: what clients start"),
            Example("filewarden serve ~/project ~/notes --workers 2", "two folders, with two workers"),
            Example("filewarden serve ~/project --allow-write", "with the tools that write"),
            Example("filewarden serve --config server.toml --http --port 9000", "for many clients, from a file"),
        ),
        exit_statuses="0 when it was told to stop, or its client left; 1 when it could not go on; 2 for a bad "
        "configuration, with every problem listed.",
    ),
    Command(
        name="demo",
        summary="start real servers, run the tools on DIR, and show isolation at work",
        text="Start a real server on each transport, run the four tools on DIR (default: the working folder), let five "
        "clients call at once, and show isolation at work: a pipe, a runaway scan, a pattern bomb and a frozen worker, "
        "while small reads go on. Takes some seconds.",
        operands=Operands(metavar="DIR", most=1, completes="folder"),
        examples=(
            Example("filewarden demo", "in the working folder"),
            Example("filewarden demo ~/project", "on a folder of yours; nothing in it is changed"),
        ),
        exit_statuses="0 only when everything that it claims held.",
    ),
    Command(
        name="doctor",
        summary="attack a worker of this machine from inside and show what held",
        text="Start a real worker of this machine on a temporary folder, attack from inside it as a captured one "
        "would, and show layer by layer what held, with the error seen. Also looks at the kernel, the limits, the "
        "files with secrets, the configuration, and at clients that start a filewarden. Takes about a second.",
        flags=(Flag(name="--json", sentence=JSON),),
        operands=_ROOTS,
        has_serve_flags=True,
        examples=(
            Example("filewarden doctor", "with your own configuration"),
            Example("filewarden doctor ~/project --sandbox best-effort", "what a server started so would rely on"),
            Example("filewarden doctor --json", "for a program: every row with its state"),
        ),
        exit_statuses="0 when a server with this configuration would serve and everything held that it relies on, 1 "
        "when not, 2 for bad usage or a bad configuration.",
    ),
    Command(
        name="check",
        summary="look at the configuration and the roots; say every problem",
        text="Read the configuration as serve would, look at every root, and open the files that it names: the "
        "issuer's keys, the sealing keys, the token. Nothing is started or changed.",
        flags=(Flag(name="--json", sentence=JSON),),
        operands=_ROOTS,
        has_serve_flags=True,
        examples=(
            Example("filewarden check", "your own configuration"),
            Example("filewarden check --config server.toml", "a file before it is put to use"),
            Example("filewarden check --config server.toml --json", "for a script that deploys it"),
        ),
        exit_statuses="0 when everything is in order, 2 with every problem listed.",
    ),
    Command(
        name="status",
        summary="show the workers of the servers that you run",
        text="Show the servers that you run on this machine: each worker with its state, memory, calls, restarts and "
        "last exit.",
        flags=(
            Flag(name="--watch", sentence="show it again every second, until Ctrl-C; a live table in a terminal"),
            Flag(name="--json", sentence="print an array with one status document for each server"),
        ),
        examples=(
            Example("filewarden status", "a table for each server"),
            Example("filewarden status --watch", "live; with colours where the extra filewarden[watch] is installed"),
            Example("filewarden status --json | jq '.[].pool'", "for a script"),
        ),
        exit_statuses="0 when every server answered, 1 when one hangs or none runs, 2 for bad usage.",
    ),
    Command(
        name="reload",
        summary="have a running server read its configuration again, and say what came of it",
        text="Have a server that you run read its configuration again, and wait until the new settings count or are "
        "refused. The file is read with the arguments and variables that the server was started with; connections stay "
        "and no call is lost. What has changed is listed setting by setting, and what waits for a restart. A server "
        "that refuses goes on as it was. SIGHUP does the same without waiting.",
        flags=(
            Flag(name="--all", sentence="every server that you run, one after another"),
            Flag(name="--json", sentence="print an array with one document for each server"),
        ),
        operands=Operands(metavar="PID", most=1),
        examples=(
            Example("filewarden reload", "the only server that you run"),
            Example("filewarden reload 4711", "one of several, by its process id in filewarden status"),
            Example("filewarden reload --json | jq -r '.[].changes[]'", "for a script"),
        ),
        exit_statuses="0 when the new configuration is in force, 1 when a server is not there or does not answer, 2 "
        "when it is refused or for bad usage.",
    ),
    Command(
        name="client",
        summary="print what a client (Claude, Cursor, ...) needs to use this server, or write it there",
        text="Print what the client NAME needs in its configuration to use this server on these folders: as a program "
        "that it starts, or with --http as the address of a server that runs already. The flags of serve "
        f"(--allow-write, --config, ...) go into it. Clients: {', '.join(CLIENTS)} (any other). Only the "
        "entry changes: comments and layout of the file stay. A token is never written.",
        flags=(
            Flag(
                name="--install",
                sentence="write it into the client's file: shows what changes, asks, and keeps a copy of the old file "
                "beside it",
            ),
            Flag(name="--yes", sentence="do not ask"),
            Flag(name="--name", metavar="NAME", sentence="what the client calls this server (default: files)"),
            Flag(
                name="--file",
                metavar="FILE",
                sentence="another file than the client's usual one, such as a project's .mcp.json",
                completes="file",
            ),
        ),
        operands=Operands(metavar="NAME", further="ROOT", least=1, choices=tuple(CLIENTS), completes="folder"),
        has_serve_flags=True,
        examples=(
            Example("filewarden client claude-desktop ~/project --install", "a server that the client starts"),
            Example("filewarden client vscode --http", "a server that runs already"),
            Example("filewarden client claude-code . --file .mcp.json --install", "for one project"),
        ),
        exit_statuses="0 when it is printed or written, 1 when it could not be or you said no, 2 for bad usage.",
    ),
    Command(
        name="audit verify",
        summary="check that no line of an audit log was changed, removed or moved",
        text="Check an audit log (the file of the setting audit.file): every line holds the hash of the one before, so "
        "a line that was changed, removed, moved or cut off breaks the chain. The first broken line is named. Several "
        "files that follow each other, the oldest first, are checked as one.",
        flags=(
            Flag(
                name="--last",
                metavar="HASH",
                sentence="the line with this hash must be there; a log that lost its end is whole otherwise. "
                "`filewarden status --json` shows the hash of the latest line (audit.last), and so does this command: "
                "keep it elsewhere",
            ),
            Flag(
                name="--json",
                sentence=f"{JSON}: ok, lines, last, fault (file, line, problem), open_servers, lost",
            ),
        ),
        operands=Operands(metavar="FILE", least=1, completes="file"),
        examples=(
            Example("filewarden audit verify ~/.local/state/filewarden/audit.jsonl", "one file"),
            Example("filewarden audit verify audit.jsonl.1 audit.jsonl --json", "two that follow each other"),
        ),
        exit_statuses="0 when every line is as it was written, 1 when one is not, 2 when a file cannot be read or for "
        "bad usage.",
    ),
    Command(
        name="config show",
        summary="show every setting in force, with its origin",
        text="Read every source as serve would, and show what is in force and where each value comes from.",
        flags=(Flag(name="--json", sentence=f"{JSON}: file, settings (value and origin by key), warnings"),),
        operands=_ROOTS,
        has_serve_flags=True,
        examples=(
            Example("filewarden config show", "your own configuration"),
            Example("filewarden config show ~/project --workers 2", "what these flags would change"),
        ),
        exit_statuses="0, or 2 for a bad configuration.",
    ),
    Command(
        name="config init",
        summary="print a commented configuration file",
        text="Print a configuration file in which every setting stands at its default, as a comment.",
        examples=(
            Example(
                "filewarden config init > ~/.config/filewarden/config.toml",
                "a file to start from, in a folder that is there",
            ),
        ),
        exit_statuses="0.",
    ),
    Command(
        name="config schema",
        summary="print the JSON Schema of that file, for editors",
        text="Print the JSON Schema of the configuration file: editors check and complete with it while you type.",
        examples=(Example("filewarden config schema > filewarden.schema.json", "for an editor"),),
        exit_statuses="0.",
    ),
    Command(
        name="completion",
        summary="print the completion of these commands for your shell",
        text="Print a script that completes commands, flags and their values with the Tab key. It is made from the "
        "same table that the commands are read by.",
        operands=Operands(metavar="SHELL", least=1, most=1, choices=SHELLS),
        examples=(
            Example("filewarden completion bash > ~/.local/share/bash-completion/completions/filewarden", "bash"),
            Example("filewarden completion zsh > ~/.zfunc/_filewarden", "zsh, with ~/.zfunc in fpath"),
            Example("filewarden completion fish > ~/.config/fish/completions/filewarden.fish", "fish"),
        ),
        exit_statuses="0, or 2 for an unknown shell.",
    ),
)


def find(words: str) -> Command | None:
    """The command of that whole name."""
    return next((command for command in COMMANDS if command.name == words), None)


def group(word: str) -> list[Command]:
    """Every command that begins with `word`."""
    return [command for command in COMMANDS if command.name.split()[0] == word]


def first_words() -> list[str]:
    """What may stand right after `filewarden`, each once."""
    return list(dict.fromkeys(command.name.split()[0] for command in COMMANDS))


@functools.cache
def all_flags(command: Command) -> tuple[Flag, ...]:
    """Its own flags, then those of `serve` where it takes them."""
    return (*command.flags, *(_of_serve() if command.has_serve_flags else ()))


def _of_serve() -> Iterator[Flag]:
    for name, flag in serve_flags().items():
        yield Flag(
            name=name,
            metavar=flag.metavar,
            sentence=flag.sentence,
            choices=() if flag.option is None else flag.option.choices,
            completes=_completes(name, flag.option),
        )


def _completes(name: str, option: Option | None) -> Completes:
    if name in _FOLDERS:
        return "folder"
    return "file" if name in _FILES or (option is not None and option.is_path) else ""
