"""What clients may read and not change, as the operator's policy says (`writes.protect`, `writes.protected`)."""

from collections.abc import Sequence

import msgspec

from filewarden.workers.paths.deny import DenyRules, deny_rules, fold
from filewarden.workers.paths.resolution import Names


class Protection(msgspec.Struct, frozen=True):
    """Compiled globs; without any, nothing is protected."""

    rules: DenyRules = DenyRules()

    def covers(self, names: Names) -> bool:
        """Whether these real names beneath a root are protected, or lie in a protected folder; case does not count.

        A folding file system opens the same file by many spellings, so all of them are protected everywhere.
        """
        folded = self.rules.folded
        return folded is not None and bool(names) and folded.match(b"/".join(map(fold, names)) + b"/") is not None

    def awakes(self, place: Names, below: Names) -> bool:
        """Whether something would become protected by being moved or copied to `place`, where `below` leads to it.

        What is protected already by the names that move with it is no new danger: a project keeps its own settings.
        """
        return self.covers((*place, *below)) and not self.covers(below)


def protection(globs: Sequence[str]) -> Protection:
    """Compile the setting; raises ToolFailure(invalid_argument) for what is no glob."""
    return Protection(deny_rules(globs))
