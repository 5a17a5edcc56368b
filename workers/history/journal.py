"""Where a call records its changes."""

import msgspec

from filewarden.workers.history.store import History


class Journal(msgspec.Struct, frozen=True):
    """Of one call: what runs, for whom, and the history, None where nothing is kept."""

    history: History | None = None
    operation: str = ""
    principal: str = ""
    undoes: str = ""

    def undoing(self, identifier: str) -> "Journal":
        """The journal of what takes a change back."""
        return msgspec.structs.replace(self, undoes=identifier)


NO_JOURNAL = Journal()
