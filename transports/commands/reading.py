"""The arguments of one command, read by its row of the table."""

from collections.abc import Sequence

import msgspec

from filewarden.config.flags import flags as serve_flags
from filewarden.config.nearest import hint
from filewarden.transports.commands.command import Command, Flag


class UsageError(Exception):
    """The arguments cannot be meant; the sentence says why."""


class Arguments(msgspec.Struct):
    """What stands after the command's words."""

    flags: dict[str, str] = {}
    """Values by the names of its own flags; "" for a switch."""
    operands: list[str] = []
    rest: list[str] = []
    """Of a command that takes the flags of `serve`: everything that is not its own, for the configuration to read."""

    words: list[str] = []
    """All of it as it came."""

    @property
    def as_json(self) -> bool:
        """Whether a program is to read the answer."""
        return "--json" in self.flags


def read(command: Command, words: Sequence[str]) -> Arguments:
    """Take the words apart.

    Raises:
        UsageError: a flag is unknown or lacks its value, or there is too much or too little beside the flags.
    """
    found, remaining = Arguments(words=list(words)), list(words)
    known = {flag.name: flag for flag in command.flags}
    while remaining:
        word = remaining.pop(0)
        name, equals, value = word.partition("=")
        flag = known.get(name)
        if flag is not None:
            found.flags[name] = _value(flag, value if equals else None, remaining)
        elif command.has_serve_flags:
            _check_spelling(name, command)
            found.rest += [word] if word != "--" else ["--", *remaining]
            remaining = [] if word == "--" else remaining
        elif word == "--":
            found.operands += remaining
            remaining = []
        elif word.startswith("-") and word != "-":
            raise UsageError(f"unknown flag {name[:64]}{hint(name, [*known, '--help'], '--')}")
        else:
            found.operands.append(word)
    _check_operands(command, found)
    return found


def _check_spelling(name: str, command: Command) -> None:
    """Whether a flag that is none of the command's was to be one: the configuration knows those of `serve` alone."""
    of_serve = serve_flags()
    if not name.startswith("--") or name in of_serve or hint(name, of_serve, "--"):
        return
    if nearest := hint(name, [flag.name for flag in command.flags], "--"):
        raise UsageError(f"unknown flag {name[:64]}{nearest}")


def _value(flag: Flag, joined: str | None, remaining: list[str]) -> str:
    if not flag.metavar:
        if joined is not None:
            raise UsageError(f"{flag.name} takes no value")
        return ""
    value = joined if joined is not None else remaining.pop(0) if remaining else ""
    if not value:
        raise UsageError(f"{flag.name} needs a value: {flag.name} {flag.metavar}")
    return value


def _check_operands(command: Command, found: Arguments) -> None:
    operands = command.operands
    if command.has_serve_flags:
        return
    if operands is None:
        if found.operands:
            raise UsageError(f"there is nothing to be named here: {found.operands[0][:64]!r}")
        return
    if not operands.least <= len(found.operands) <= operands.most:
        count = "at most one" if len(found.operands) > operands.most else "a"
        raise UsageError(f"needs {count} {operands.metavar}")
    if operands.choices and found.operands[0] not in operands.choices:
        listed = ", ".join(operands.choices)
        raise UsageError(f"{found.operands[0][:64]!r} is none of {listed}{hint(found.operands[0], operands.choices)}")
