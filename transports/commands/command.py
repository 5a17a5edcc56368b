"""What a command is: its words, its flags, what follows them, and the text that teaches it."""

from typing import Literal

import msgspec

Completes = Literal["", "file", "folder"]


class Flag(msgspec.Struct, frozen=True, kw_only=True):
    """One flag. Without a `metavar` it is a switch."""

    name: str
    sentence: str
    metavar: str = ""
    choices: tuple[str, ...] = ()
    completes: Completes = ""


class Operands(msgspec.Struct, frozen=True, kw_only=True):
    """What stands after the command's words without a flag, and how much of it there may be."""

    metavar: str
    further: str = ""
    """How those after the first are called, where they are of another kind."""
    least: int = 0
    most: int = 1000
    choices: tuple[str, ...] = ()
    """Of the first one; the others are then of the kind of `completes`."""
    completes: Completes = ""


class Example(msgspec.Struct, frozen=True):
    """A command line as one types it, and what it is good for."""

    line: str
    sentence: str


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One command, such as `status` or `config show`.

    `has_serve_flags`: it reads the configuration, so it takes folders and every flag of `serve` beside its own.
    """

    name: str
    summary: str
    text: str
    flags: tuple[Flag, ...] = ()
    operands: Operands | None = None
    has_serve_flags: bool = False
    examples: tuple[Example, ...] = ()
    exit_statuses: str = ""

    @property
    def usage(self) -> str:
        """How it is called, on one line."""
        flags = [f"[{f'{flag.name} {flag.metavar}'.rstrip()}]" for flag in self.flags]
        serve = ["[flags of serve]"] if self.has_serve_flags and self.name != "serve" else []
        return " ".join(filter(None, ["filewarden", self.name, self.operand_usage, *flags, *serve]))

    @property
    def operand_usage(self) -> str:
        """What stands beside its flags, as the usage shows it."""
        return " ".join(_operands(self.operands))


def _operands(operands: Operands | None) -> list[str]:
    if operands is None:
        return []
    dots = " ..." if operands.most > 1 and not operands.further else ""
    first = f"{operands.metavar}{dots}" if operands.least else f"[{operands.metavar}{dots}]"
    return [first, *([f"[{operands.further} ...]"] if operands.further else [])]
