"""What is wrong with a configuration: one line for each problem, all of them together."""

from collections.abc import Callable, Sequence

import msgspec

LONGEST_SHOWN_CHARS = 200


def printable(text: str, most: int = LONGEST_SHOWN_CHARS) -> str:
    """Put text on one line, safe for a terminal: what cannot be printed is escaped, what is long is cut."""
    shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text[: most + 1])
    return shown if len(shown) <= most else shown[:most] + "..."


class Problem(msgspec.Struct, frozen=True):
    """One thing to put right: the setting, where its value came from, and what to do about it."""

    key: str
    origin: str
    sentence: str
    value: str | None = None
    """The refused value as the person wrote it, or None where naming it would not help."""

    def __str__(self) -> str:
        given = "" if self.value is None else f" = {printable(self.value)}"
        origin = f" ({printable(self.origin)})" if self.origin else ""
        return f"{printable(self.key)}{given}{origin}: {self.sentence}"


class ConfigError(Exception):
    """The configuration cannot be used; `problems` lists every reason that was found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems: list[Problem] = list(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n  ".join([f"config error: {count}", *map(str, self.problems)]))


def problems_of(look: Callable[[], object]) -> list[Problem]:
    """What `look` complains of, for whoever goes on to the next."""
    try:
        look()
    except ConfigError as error:
        return error.problems
    return []
