"""What one source (file, environment, command line) gives: checked values with their origin, roots, problems."""

from collections.abc import Callable

import msgspec

from filewarden.config.errors import Problem
from filewarden.config.options import Option


class Given(msgspec.Struct, frozen=True):
    """One value that a source gives, and where exactly."""

    value: object
    origin: str


GivenRoot = dict[str, Given]
"""A root's fields by name; without `path` where that was refused."""


class GivenProfile(msgspec.Struct, kw_only=True):
    """What a source says of one profile: its own fields, settings by dotted key, and roots if it has any itself."""

    fields: dict[str, Given] = {}
    values: dict[str, Given] = {}
    roots: list[GivenRoot] | None = None


class Source(msgspec.Struct, kw_only=True):
    """Everything that one source gives. `roots` is None where it says nothing about roots."""

    values: dict[str, Given] = {}
    roots: list[GivenRoot] | None = None
    profiles: list[GivenProfile] = []
    problems: list[Problem] = []
    warnings: list[str] = []
    file: str | None = None
    """The file it was read from, absolute; None where no file was read."""

    def take(self, option: Option, origin: str, shown: str, read: Callable[[], object]) -> None:
        """Keep the value that `read` returns, or the problem that its ValueError tells of; `shown` is as written."""
        try:
            self.values[option.key] = Given(read(), origin)
        except ValueError as error:
            self.problems.append(Problem(option.key, origin, str(error), shown))
