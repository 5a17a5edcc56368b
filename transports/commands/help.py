"""What `--help` prints, made from the table of commands."""

import re
import textwrap
from collections.abc import Iterator, Sequence

from filewarden.transports.commands.command import Command, Flag
from filewarden.transports.commands.table import COMMANDS

WIDTH = 80
COLUMN = 26
_BLANK = "\0"
"""Stands for one at which no line ends."""

INTRODUCTION = """\
Filewarden: a local MCP file server for agents you do not trust.
Every call runs in a confined worker process with a deadline and a memory limit.

usage: filewarden COMMAND [...]

commands:
"""

FIRST_STEPS = """
  filewarden COMMAND --help explains one command; filewarden --version prints
  the version.

first steps:
  filewarden demo                      see it work
  filewarden serve ~/project           serve a folder, read-only, as clients do
  filewarden client cursor ~/project   what to put into a client's settings
  filewarden serve ~/project --http    for many, at http://127.0.0.1:8765/mcp
"""


def overview() -> str:
    """The whole command line on one screen."""
    rows = [_paragraph(f"{command.name} {command.operand_usage}".rstrip(), command.summary) for command in COMMANDS]
    return INTRODUCTION + "".join(f"{row}\n" for row in rows) + FIRST_STEPS


def help_of(commands: Sequence[Command]) -> str:
    """One command explained, or several that share their first word."""
    return "\n".join("\n".join(_lines(command)) + "\n" for command in commands)


def _lines(command: Command) -> Iterator[str]:
    usage = f"usage: {command.usage}" + (" [flags]" if command.name == "serve" else "")
    yield _filled(_joined(usage), subsequent_indent=" " * len("usage: filewarden ")).replace(_BLANK, " ")
    yield ""
    yield _filled(command.text)
    if command.name == "serve":
        from filewarden.config.flags import flag_help

        yield "\nflags:\n" + flag_help(WIDTH).rstrip("\n")
    elif command.flags or command.has_serve_flags:
        yield "\nflags:"
        yield from (_flag(flag) for flag in command.flags)
        if command.has_serve_flags:
            yield _paragraph("ROOT, any flag of serve", "as serve takes them; `filewarden serve --help` lists them.")
    if command.examples:
        yield "\nexamples:"
        yield from (f"  {example.line}\n{' ' * 6}{example.sentence}" for example in command.examples)
    if command.exit_statuses:
        yield ""
        yield _filled(f"Exit status: {command.exit_statuses}")


def _flag(flag: Flag) -> str:
    return _paragraph(f"{flag.name} {flag.metavar}".rstrip(), f"{flag.sentence}.")


def _paragraph(head: str, sentence: str) -> str:
    blank = " " * COLUMN
    text = _filled(sentence, initial_indent=blank, subsequent_indent=blank).lstrip()
    return f"  {head:<{COLUMN - 3}} {text}" if len(head) < COLUMN - 2 else f"  {head}\n{blank}{text}"


def _joined(usage: str) -> str:
    """What is in brackets stays on one line."""
    return re.sub(r"\[[^]]*]", lambda part: part[0].replace(" ", _BLANK), usage)


def _filled(text: str, *, initial_indent: str = "", subsequent_indent: str = "") -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=initial_indent,
        subsequent_indent=subsequent_indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
