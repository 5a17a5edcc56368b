"""The page of every command: usage, flags, examples, exit statuses."""

from collections.abc import Iterator

from docs.writer.markdown import block, code, page, paragraph, table
from filewarden.config.flags import flags
from filewarden.config.options import Kind
from filewarden.config.values import written
from filewarden.transports.commands.command import Command, Flag
from filewarden.transports.commands.table import COMMANDS, all_flags

ANCHOR_SPACE = "-"
BY_MACHINE = {"--workers": "by cores, 2 to 4"}


def commands_page() -> str:
    """The whole page."""
    return page("Commands", "the table in transports/commands", _parts())


def _parts() -> Iterator[str]:
    yield paragraph(
        "`filewarden COMMAND --help` says the same in a terminal, and `filewarden completion SHELL` lets the Tab key "
        "say it. Exit statuses are the same everywhere: 0 fine, 1 failure at run time, 2 bad configuration or usage."
    )
    yield "\n".join(
        f"- [`filewarden {command.name}`](#filewarden-{command.name.replace(' ', ANCHOR_SPACE)}): {command.summary}"
        for command in COMMANDS
    )
    for command in COMMANDS:
        yield f"## filewarden {command.name}"
        yield block("text", command.usage)
        yield paragraph(command.text)
        yield from _flags(command)
        yield block("sh", "\n".join(f"{example.line}  # {example.sentence}" for example in command.examples))
        yield paragraph(f"Exit status: {command.exit_statuses}")


def _flags(command: Command) -> Iterator[str]:
    own = command.flags if command.name != "serve" else all_flags(command)
    if own:
        yield table(("flag", "meaning", "default"), map(_row, own))
    if command.has_serve_flags and command.name != "serve":
        yield paragraph("It reads the configuration, so it takes folders and every [flag of serve](#filewarden-serve).")


def _row(flag: Flag) -> tuple[str, ...]:
    return code(f"{flag.name} {flag.metavar}".rstrip()), _sentence(flag.sentence), _default(flag.name)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def _default(name: str) -> str:
    flag = flags().get(name)
    option = flag.option if flag else None
    if option is None or option.make_default is None or option.kind is Kind.SWITCH:
        return ""
    return BY_MACHINE.get(name) or code(written(option.make_default()))
