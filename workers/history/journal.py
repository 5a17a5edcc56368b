"""Where a call records its changes."""

from typing import TYPE_CHECKING

import msgspec

from filewarden.workers.history.let_go import LetGo

if TYPE_CHECKING:  # only where something is written
    from filewarden.workers.history.store import History

_AT_ONCE = LetGo()


class Journal(msgspec.Struct, frozen=True):
    """Of one call: what runs, for whom, and the history, None where nothing is kept.

    `call` names it among all calls of all servers.
    """

    history: "History | None" = None
    operation: str = ""
    principal: str = ""
    call: str = ""
    undoes: str = ""
    let_go: LetGo = _AT_ONCE

    def undoing(self, identifier: str) -> "Journal":
        """The journal of what takes a change back."""
        return msgspec.structs.replace(self, undoes=identifier)


NO_JOURNAL = Journal()
